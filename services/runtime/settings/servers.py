"""The gRPC services and what they log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    IPvAnyNetwork,
    StringConstraints,
)

from services.runtime.settings.values import Group, MetricsPort, Port


class ServiceSettings(Group):
    """Where one gRPC service listens."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; beyond loopback it needs TLS."
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
        description="Networks, such as 10.1.0.0/16, that sidecars call from: what they say of a visitor's address and "
        "browser is believed. Loopback and Unix sockets always are.",
    )


class AuditSettings(ServiceSettings):
    """AuditService: recording, listing, replay."""

    port: Port = Field(default=50051, description="TCP port of gRPC. 0: any free one.")
    metrics_port: MetricsPort = Field(
        default=9151, description="TCP port of the metrics. 0: any free one; -1: no metrics."
    )
    require_access_trail: bool = Field(
        default=True,
        description="Whether a read of recorded content is refused (UNAVAILABLE) when the access trail cannot be "
        "written. false: it goes on, and the loss is logged and counted.",
    )
    access_retention_days: int = Field(
        default=365, ge=0, description="Days that an entry of the access trail is kept. 0: for ever."
    )
    heatmap_cache_s: float = Field(
        default=30.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds that a heatmap is kept in Redis and given out again. 0, or no Redis: it is counted anew.",
    )


class ShareSettings(ServiceSettings):
    """ShareService: links that end."""

    port: Port = Field(default=50052, description="TCP port of gRPC. 0: any free one.")
    metrics_port: MetricsPort = Field(
        default=9152, description="TCP port of the metrics. 0: any free one; -1: no metrics."
    )
    audit_address: Annotated[str, StringConstraints(pattern=r"^$|^unix:.+|^.+:[0-9]{1,5}$")] = Field(
        default="", description='Address of AuditService, host:port or unix:path. "": audit.host and audit.port.'
    )
    public_url: Annotated[str, StringConstraints(pattern=r"^$|^https?://[^/?#\s]+(/[^?#\s]*)?$")] = Field(
        default="",
        description="Where visitors reach the sidecar, such as https://replay.example: what the address of a link "
        'begins with. "": http:// with sidecar.host and sidecar.port.',
    )
    max_ttl_s: float = Field(
        default=30 * 86400.0, ge=60, le=366 * 86400, description="Seconds that a link may live at most."
    )
    grant_ttl_s: float = Field(
        default=900.0, ge=10, le=86400, description="Seconds that a redeemed grant holds, never longer than its link."
    )
    renewal_ttl_s: float = Field(
        default=3600.0,
        ge=10,
        le=7 * 86400,
        description="Seconds after which a viewer who has not renewed the grant counts as another view.",
    )
    requests_per_minute: int = Field(
        default=60,
        ge=0,
        description="Links that one address (IPv6: one /64) may look up or redeem per minute. 0: any number.",
    )


class LogSettings(Group):
    """What processes write to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is written."
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="json: one object a line; console: for eyes; auto: console on a terminal, else json.",
    )
