"""Listening address and limits of the sidecar."""

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

from services.runtime.settings.values import Bytes, ContentSource, Group, HostName, Origin, Port, Seconds, existing


class SidecarSettings(Group):
    """The gateway that browsers talk to (HTTP and WebSocket)."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; other than loopback it requires cert_file, or a TLS proxy in front.",
    )
    port: Port = Field(default=8080, description="TCP port. 0: any free one.")
    public_names: tuple[HostName, ...] = Field(
        default=(),
        description="Host names under which browsers reach the sidecar, besides IP addresses, localhost, names without "
        "a dot, `host`, and the host of share.public_url; requests for others get 421. "
        '"*.replay.example": all names below it; "*": any name. Empty: no others.',
    )
    hsts_max_age_s: int = Field(
        default=365 * 86_400,
        ge=0,
        description="Seconds for which browsers shall use https only for this host name (Strict-Transport-Security), "
        "sent with cert_file; not for localhost. 0: not sent.",
    )
    cert_file: Path | None = Field(
        default=None, description='Certificate chain for browsers, PEM. "": plain text (for a TLS proxy in front).'
    )
    key_file: Path | None = Field(default=None, description="Private key of cert_file, PEM.")
    audit_address: Annotated[str, StringConstraints(pattern=r"^$|^unix:.+|^.+:[0-9]{1,5}$")] = Field(
        default="", description='Address of AuditService, host:port or unix:path. "": audit.host and audit.port.'
    )
    share_address: Annotated[str, StringConstraints(pattern=r"^$|^unix:.+|^.+:[0-9]{1,5}$")] = Field(
        default="", description='Address of ShareService, host:port or unix:path. "": share.host and share.port.'
    )
    export_address: Annotated[str, StringConstraints(pattern=r"^$|^unix:.+|^.+:[0-9]{1,5}$")] = Field(
        default="", description='Address of ExportService, host:port or unix:path. "": export.host and export.port.'
    )
    allowed_origins: tuple[Origin, ...] = Field(
        default=(),
        description="Web origins of pages that may view, share and administer, besides the sidecar's own. "
        "(A project's origins may record.) Empty: none.",
    )
    replay_sources: tuple[ContentSource, ...] = Field(
        default=(),
        description="Sources from which replayed pages may load images, fonts, media and style sheets, such as "
        "https://shop.example, https://*.cdn.example or https: (anywhere). Those servers learn that a recording is "
        "watched, and the viewer's address. Empty: none, content that a recording does not carry is missing.",
    )
    demo: bool | None = Field(default=None, description='Serves the demo shop at /demo/. "": in "development" only.')
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description="Networks of proxies with a trusted X-Forwarded-For. Empty: the header is ignored.",
    )
    metrics_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")),
        description="Networks of the clients that may read /metrics. Empty: none.",
    )
    record_token_ttl_s: Seconds = Field(
        default=600.0, description="Validity of a record token from POST /token, in seconds."
    )
    max_request_bytes: Bytes = Field(
        default=1024**2,
        description="Maximum size of a request other than a recording, in bytes: unary calls, first frames of the "
        "viewing routes. (A recorder's frame may have ingest.max_chunk_bytes and 64 KiB.)",
    )
    headers_timeout_s: Seconds = Field(
        default=15.0,
        description="Seconds for a request's headers to arrive, and maximum idle time of a kept-alive connection.",
    )
    body_timeout_s: Seconds = Field(
        default=30.0, description="Seconds for a request's body, or a socket's message, to arrive."
    )
    request_timeout_s: Seconds = Field(
        default=30.0, description="Timeout of a unary upstream call in seconds; a caller may not exceed it."
    )
    ping_interval_s: Seconds = Field(default=25.0, description="Seconds of silence after which a socket is pinged.")
    pong_timeout_s: Seconds = Field(
        default=8.0, description="Seconds for the answer to a ping; otherwise the socket is dropped."
    )
    slow_timeout_s: Seconds = Field(
        default=10.0,
        description="Seconds that a peer may leave pending output unread before it is closed with 4429 slow.",
    )
    outgoing_bytes: Bytes = Field(
        default=1024**2,
        description="Maximum pending output of one peer, in bytes; at this limit no more is read from the service.",
    )
    close_timeout_s: Seconds = Field(default=3.0, description="Seconds for a peer to answer a close frame.")
    drain_timeout_s: Seconds = Field(
        default=5.0, description="Seconds for AuditService to store data sent by a recorder that disconnected."
    )
    stop_timeout_s: Seconds = Field(default=8.0, description="Seconds for open sockets and requests when stopping.")
    max_held_bytes: int = Field(
        default=256 * 1024**2,
        ge=0,
        description="Maximum bytes of messages and bodies that this process holds, because they are incomplete or not "
        "passed on yet. Beyond it, the address with the most of them loses its largest one. 0: no limit.",
    )
    max_connections: int = Field(
        default=10_000, ge=0, description="Maximum number of open sockets per process. 0: no limit."
    )
    max_connections_per_project: int = Field(
        default=8000, ge=0, description="Maximum number of open sockets per project and process. 0: no limit."
    )
    max_connections_per_subject: int = Field(
        default=100, ge=0, description="Maximum number of open sockets per token subject and process. 0: no limit."
    )
    max_connections_per_address: int = Field(
        default=500,
        ge=0,
        description="Maximum number of open sockets per address (IPv6: /64) and process. 0: no limit.",
    )
    upgrades_per_minute_per_address: int = Field(
        default=300, ge=0, description="Attempts per minute to open a socket, per address (IPv6: /64). 0: no limit."
    )
    upgrades_per_minute_per_subject: int = Field(
        default=120, ge=0, description="Attempts per minute to open a socket, per token subject. 0: no limit."
    )
    requests_per_minute_per_address: int = Field(
        default=1200, ge=0, description="Unary calls and POST /record per minute, per address (IPv6: /64). 0: no limit."
    )
    tokens_per_minute_per_address: int = Field(
        default=120, ge=0, description="POST /token per minute, per address (IPv6: /64). 0: no limit."
    )
    messages_per_s: int = Field(
        default=100,
        ge=0,
        description="Average number of frames per second that one socket may send, including pings and pongs; bursts "
        "of five seconds' worth are allowed. More: closed with 4429. 0: no limit.",
    )
    bytes_per_s: int = Field(
        default=8 * 1024**2,
        ge=0,
        description="Average number of bytes per second that one socket may send; bursts of five seconds' worth are "
        "allowed. More: closed with 4429. 0: no limit.",
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
