"""The sidecar: where it listens, and what it lets in."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import (
    Field,
    IPvAnyNetwork,
    StringConstraints,
    field_validator,
    model_validator,
)

from services.runtime.settings.values import Bytes, ContentSource, Group, Origin, Port, Seconds, existing


class SidecarSettings(Group):
    """The gateway that browsers talk to (HTTP and WebSocket)."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; beyond loopback it wants cert_file, or a proxy in front that speaks TLS.",
    )
    port: Port = Field(default=8080, description="TCP port. 0: any free one.")
    cert_file: Path | None = Field(
        default=None, description='Certificate chain for browsers, PEM. "": plain text (https is up to a proxy).'
    )
    key_file: Path | None = Field(default=None, description="Private key of cert_file, PEM.")
    audit_address: Annotated[str, StringConstraints(pattern=r"^$|^unix:.+|^.+:[0-9]{1,5}$")] = Field(
        default="", description='Address of AuditService, host:port or unix:path. "": audit.host and audit.port.'
    )
    share_address: Annotated[str, StringConstraints(pattern=r"^$|^unix:.+|^.+:[0-9]{1,5}$")] = Field(
        default="", description='Address of ShareService, host:port or unix:path. "": share.host and share.port.'
    )
    allowed_origins: tuple[Origin, ...] = Field(
        default=(),
        description="Web origins, besides the sidecar's own, whose pages may view, share and administer. "
        "(Who may record is said by the project's origins.) Empty: none.",
    )
    replay_sources: tuple[ContentSource, ...] = Field(
        default=(),
        description="From where replayed pages may load images, fonts, media and style sheets, such as "
        "https://shop.example, https://*.cdn.example or https: (anywhere). Those servers see that, and from which "
        "address, a recording is watched. Empty: from nowhere, what a recording does not carry is missing.",
    )
    demo: bool | None = Field(
        default=None, description='Whether the demo shop is served at /demo/. "": in "development" only.'
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description="Networks of the proxies whose X-Forwarded-For is believed. Empty: the header is ignored.",
    )
    metrics_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")),
        description="Networks of the clients that may read /metrics. Empty: none.",
    )
    record_token_ttl_s: Seconds = Field(
        default=600.0, description="Seconds that a record token from POST /token holds."
    )
    max_request_bytes: Bytes = Field(
        default=1024**2,
        description="Bytes of one request that is not a recording: unary calls, first frames of the viewing routes. "
        "(A frame of a recorder may be ingest.max_chunk_bytes and 64 KiB.)",
    )
    headers_timeout_s: Seconds = Field(
        default=15.0,
        description="Seconds for a request's headers to arrive, and for a kept-alive connection to stay idle.",
    )
    body_timeout_s: Seconds = Field(default=30.0, description="Seconds for a request's body to arrive.")
    request_timeout_s: Seconds = Field(
        default=30.0, description="Seconds for one unary call upstream, and the most that a caller may ask for."
    )
    ping_interval_s: Seconds = Field(default=25.0, description="Seconds of silence after which a socket is pinged.")
    pong_timeout_s: Seconds = Field(
        default=8.0, description="Seconds for the answer to a ping; without one the socket is dropped."
    )
    slow_timeout_s: Seconds = Field(
        default=10.0,
        description="Seconds that a peer may take nothing of what waits for it; then it is closed with 4429 slow.",
    )
    outgoing_bytes: Bytes = Field(
        default=1024**2,
        description="Bytes that wait for one peer; when reached, no more is read for it from the service.",
    )
    close_timeout_s: Seconds = Field(default=3.0, description="Seconds for a peer to answer a close frame.")
    drain_timeout_s: Seconds = Field(
        default=5.0, description="Seconds that AuditService gets to store what a recorder sent before it was gone."
    )
    stop_timeout_s: Seconds = Field(default=8.0, description="Seconds for open sockets and requests when stopping.")
    max_connections: int = Field(default=10_000, ge=0, description="Open sockets of this process. 0: no limit.")
    max_connections_per_project: int = Field(
        default=8000, ge=0, description="Open sockets of one project, in this process. 0: no limit."
    )
    max_connections_per_subject: int = Field(
        default=100, ge=0, description="Open sockets of one token subject, in this process. 0: no limit."
    )
    max_connections_per_address: int = Field(
        default=500, ge=0, description="Open sockets of one address (IPv6: /64), in this process. 0: no limit."
    )
    upgrades_per_minute_per_address: int = Field(
        default=300, ge=0, description="Attempts to open a socket from one address (IPv6: /64). 0: no limit."
    )
    upgrades_per_minute_per_subject: int = Field(
        default=120, ge=0, description="Attempts to open a socket by one token subject. 0: no limit."
    )
    requests_per_minute_per_address: int = Field(
        default=1200, ge=0, description="Unary calls and POST /record from one address (IPv6: /64). 0: no limit."
    )
    tokens_per_minute_per_address: int = Field(
        default=120, ge=0, description="POST /token from one address (IPv6: /64). 0: no limit."
    )
    messages_per_s: int = Field(
        default=100,
        ge=0,
        description="Frames a second that one socket may send on average, pings and pongs included; five seconds' "
        "worth at once. More: closed with 4429. 0: no limit.",
    )
    bytes_per_s: int = Field(
        default=8 * 1024**2,
        ge=0,
        description="Bytes a second that one socket may send on average; five seconds' worth at once. "
        "More: closed with 4429. 0: no limit.",
    )

    @field_validator("cert_file", "key_file", mode="after")
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        return existing(path)

    @model_validator(mode="after")
    def _pairs(self) -> SidecarSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        return self
