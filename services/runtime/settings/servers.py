"""The gRPC services and the log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    IPvAnyNetwork,
    StringConstraints,
)

from services.runtime.settings.values import Group, MetricsPort, Port


class ServiceSettings(Group):
    """Address and ports of a gRPC service."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; other than loopback it requires TLS."
    )
    port: Port = Field(default=0, description="TCP port of gRPC. 0: any free one.")
    metrics_host: str = Field(
        default="127.0.0.1", min_length=1, description="Address of the Prometheus metrics (plain HTTP)."
    )
    metrics_port: MetricsPort = Field(
        default=0, description="TCP port of the metrics. 0: any free one; -1: no metrics."
    )
    trusted_peers: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description="Networks of the sidecars, such as 10.1.0.0/16: the visitor's address and browser that they report "
        "are trusted. Loopback and Unix sockets always are.",
    )


class AuditSettings(ServiceSettings):
    """AuditService: recording, listing, replay."""

    port: Port = Field(default=50051, description="TCP port of gRPC. 0: any free one.")
    metrics_port: MetricsPort = Field(
        default=9151, description="TCP port of the metrics. 0: any free one; -1: no metrics."
    )
    require_access_trail: bool = Field(
        default=True,
        description="Refuses a read of recorded content (UNAVAILABLE) when the access trail cannot be "
        "written. false: the read continues, and the loss is logged and counted.",
    )
    access_retention_days: int = Field(
        default=365, ge=0, description="Retention of access trail entries in days. 0: unlimited."
    )
    heatmap_cache_s: float = Field(
        default=30.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds that a heatmap is cached in Redis. 0, or no Redis: computed for every request.",
    )


class ShareSettings(ServiceSettings):
    """ShareService: expiring share links."""

    port: Port = Field(default=50052, description="TCP port of gRPC. 0: any free one.")
    metrics_port: MetricsPort = Field(
        default=9152, description="TCP port of the metrics. 0: any free one; -1: no metrics."
    )
    audit_address: Annotated[str, StringConstraints(pattern=r"^$|^unix:.+|^.+:[0-9]{1,5}$")] = Field(
        default="", description='Address of AuditService, host:port or unix:path. "": audit.host and audit.port.'
    )
    public_url: Annotated[str, StringConstraints(pattern=r"^$|^https?://[^/?#\s]+(/[^?#\s]*)?$")] = Field(
        default="",
        description="Address at which visitors reach the sidecar, such as https://replay.example: the prefix of link "
        'addresses. "": http:// with sidecar.host and sidecar.port.',
    )
    max_ttl_s: float = Field(
        default=30 * 86400.0, ge=60, le=366 * 86400, description="Maximum lifetime of a link, in seconds."
    )
    grant_ttl_s: float = Field(
        default=900.0,
        ge=10,
        le=86400,
        description="Validity of a redeemed grant in seconds; at most that of its link.",
    )
    renewal_ttl_s: float = Field(
        default=3600.0,
        ge=10,
        le=7 * 86400,
        description="Seconds without a renewal of the grant after which a viewer counts as another view.",
    )
    requests_per_minute: int = Field(
        default=60,
        ge=0,
        description="Maximum number of links per minute that one address (IPv6: one /64) may look up or redeem. "
        "0: no limit.",
    )
    max_wrong_passcodes: int = Field(
        default=200,
        ge=1,
        description="Number of wrong passcodes, from all addresses together, that lock a link: it can no longer be "
        "opened, and its creator sees why.",
    )
    wrong_passcode_forgiven_s: float = Field(
        default=300.0,
        ge=1,
        le=86400,
        description="Seconds after which one wrong passcode no longer counts towards max_wrong_passcodes. At the "
        "default, 12 wrong passcodes per hour never lock a link.",
    )
    max_wrong_passcodes_by_address: int = Field(
        default=10,
        ge=1,
        description="Number of wrong passcodes from one address (IPv6: one /64) for one link, after which it waits.",
    )
    wrong_passcode_by_address_forgiven_s: float = Field(
        default=120.0,
        ge=1,
        le=86400,
        description="Seconds after which one wrong passcode of an address no longer counts: its longest wait. At the "
        "default, it takes 30 per hour to keep other visitors with the same address waiting.",
    )


class LogSettings(Group):
    """Log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Minimum level of log lines."
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="json: one object per line; console: human-readable; auto: console on a terminal, else json.",
    )
