"""What can be set, group by group: the typed form of afterimage.toml.

Every field says what it means, its unit, and what 0 or "" means; docs/configuration.md is made of these texts.
`services.runtime.config` reads the file and the environment into these.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

DEVELOPMENT = "development"
MIN_SECRET_BYTES = 32  # RFC 7518 section 3.2: an HS256 key is at least as long as the hash

_DEMO = {"id": "demo", "name": "Demo", "keys": ["pk_demo"], "origins": ["http://localhost:*", "http://127.0.0.1:*"]}

Port = Annotated[int, Field(ge=0, le=65535)]
MetricsPort = Annotated[int, Field(ge=-1, le=65535)]
Bytes = Annotated[int, Field(ge=1024)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PublishableKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Origin = Annotated[
    str, StringConstraints(pattern=r"^https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:([0-9]{1,5}|\*))?$")
]

# A source of CSP (https://www.w3.org/TR/CSP3/#source-expression), without the keywords: no script is ever among them.
ContentSource = Annotated[
    str, StringConstraints(pattern=r"^https?:(//(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:([0-9]{1,5}|\*))?)?$")
]


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Group(BaseModel):
    """A table of the file: frozen, and a key it does not know is a problem, not a shrug."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: Any) -> Any:
        """Takes "" for None where None is the default: TOML and environment variables have no null."""
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {
            key: None if value == "" and key in fields and fields[key].default is None else value
            for key, value in values.items()
        }


class Project(Group):
    """One recorded site or product; nobody sees into another one."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")] = Field(
        description="Name in tokens and storage: 1 to 64 of a-z, 0-9, _ and -. Never change it: stored rows carry it."
    )
    name: str = Field(default="", description='What people read. "": the id.')
    keys: tuple[PublishableKey, ...] = Field(
        default=(),
        description="Publishable keys: a recorder swaps one for a short-lived record token. Empty: none may.",
    )
    origins: tuple[Origin, ...] = Field(
        default=(),
        description="Web origins that may record: scheme and host, a port if it is not the scheme's own, "
        '":*" for any port. Empty: none may.',
    )
    retention_days: int = Field(default=30, ge=0, description="Days that a recording is kept. 0: for ever.")
    privacy: dict[str, Any] = Field(
        default={}, description="What differs from [privacy] for this project, with the same keys (docs/privacy.md)."
    )


class AuthSettings(Group):
    """Who may do what: how tokens (JWT) are signed and verified."""

    secret: SecretStr | None = Field(
        default=None,
        description="Secret of HS256 tokens, at least 32 bytes. It signs what Afterimage issues itself: record tokens "
        'and share grants. "": in development one is made in data_dir/secret (unless JWKS is set); '
        "elsewhere this or JWKS must be set.",
    )
    jwks_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description='Address of the identity provider\'s key set, fetched when needed and kept 5 minutes. "": none.',
    )
    jwks_file: Path | None = Field(
        default=None, description='File with the identity provider\'s key set, read at start. "": none.'
    )
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = Field(
        default=("RS256", "ES256", "EdDSA"), min_length=1, description="Algorithms accepted from the key set."
    )
    issuer: str | None = Field(
        default=None, description='Issuer (`iss`) that tokens verified with the key set must carry. "": any.'
    )
    audience: str = Field(
        default="afterimage", min_length=1, description="Audience (`aud`) that every token must carry."
    )
    leeway_s: float = Field(
        default=10.0,
        ge=0,
        le=300,
        description="Seconds by which the clocks of issuer and server may differ. 0: not at all.",
    )

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"must be at least {MIN_SECRET_BYTES} bytes")
        return secret

    @field_validator("jwks_file")
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        return _existing(path)

    @property
    def has_jwks(self) -> bool:
        """Whether tokens of an identity provider are accepted."""
        return self.jwks_url is not None or self.jwks_file is not None


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


class PageFold(Group):
    """Segments of a URL's path that are the same page."""

    pattern: str = Field(min_length=1, description="Regular expression (RE2) for a whole segment of the path.")
    placeholder: Annotated[str, StringConstraints(pattern=r"^:[a-z0-9_-]{1,31}$")] = Field(
        default=":id", description='What stands for it: ":" and 1 to 31 of a-z, 0-9, _ and -.'
    )


class PageSettings(Group):
    """Which URLs are one page for heatmaps (docs/definitions.md). A change holds for what is recorded from then on."""

    hash_routes: bool = Field(
        default=False, description='Whether a fragment that begins with "/" or "!/" is part of the page.'
    )
    folds: tuple[PageFold, ...] = Field(
        default=(),
        description="Segments that are folded besides numbers, UUIDs, dates and the like, and before those.",
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
        return _existing(path)

    @model_validator(mode="after")
    def _pairs(self) -> SidecarSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        return self


class RedisSettings(Group):
    """Share links, live presence and rate limits; recordings do without."""

    url: str = Field(
        default="",
        pattern=r"^$|^(redis|rediss|unix)://",
        repr=False,  # it may hold a password
        description="redis://, rediss:// or unix:// address. "
        '"": `afterimage up` starts a server and passes its address; without one, what needs Redis is off.',
    )
    timeout_s: Seconds = Field(default=1.0, description="Seconds for connecting and for one command.")


class TlsSettings(Group):
    """TLS of the gRPC servers and of the clients that talk to them."""

    cert_file: Path | None = Field(default=None, description='Certificate chain of the servers, PEM. "": plain text.')
    key_file: Path | None = Field(default=None, description="Private key of cert_file, PEM.")
    ca_file: Path | None = Field(
        default=None,
        description='What clients trust, PEM; set, they use TLS. "": the system\'s roots when cert_file is set.',
    )
    client_ca_file: Path | None = Field(
        default=None,
        description='What servers trust, PEM: clients must show a certificate (mutual TLS). "": they need none.',
    )
    client_cert_file: Path | None = Field(
        default=None, description='Certificate chain that clients show, PEM. "": none.'
    )
    client_key_file: Path | None = Field(default=None, description="Private key of client_cert_file, PEM.")
    allow_plaintext: bool = Field(
        default=False,
        description="Whether services may listen and connect beyond loopback without TLS. "
        "Only for networks that encrypt by themselves.",
    )

    @field_validator(
        "cert_file", "key_file", "ca_file", "client_ca_file", "client_cert_file", "client_key_file", mode="after"
    )
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        return _existing(path)

    @model_validator(mode="after")
    def _pairs(self) -> TlsSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        if (self.client_cert_file is None) != (self.client_key_file is None):
            raise ValueError("client_cert_file and client_key_file go together")
        if self.client_ca_file and not self.cert_file:
            raise ValueError("client_ca_file (mutual TLS) needs cert_file and key_file")
        return self


class ClickHouseSettings(Group):
    """Where recordings are stored."""

    engine: Literal["chdb", "server"] = Field(
        default="chdb",
        description="chdb: ClickHouse inside the audit process, nothing to install; server: one at `url`.",
    )
    path: Path | None = Field(default=None, description='Directory of chdb; one process at a time. "": data_dir/chdb.')
    url: SecretStr | None = Field(
        default=None,
        description="clickhouse://user:password@host:9000/ of a server (native protocol), clickhouses:// with TLS. "
        'Needed for engine = "server".',
    )
    database: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] = Field(
        default="afterimage", description="Database that holds the tables; made when it is not there."
    )
    cluster: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = Field(
        default="", description='Cluster for ON CLUSTER and Distributed tables, as the server names it. "": one server.'
    )
    connections: int = Field(default=4, ge=1, le=64, description="Connections (chdb: threads) that run queries.")
    timeout_s: Seconds = Field(default=10.0, description="Seconds for one query.")
    fsync: bool = Field(
        default=False,
        description="Whether an insert is on the disk, not only with the kernel, before it is acknowledged: "
        "survives a power cut, costs throughput.",
    )

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("clickhouse://", "clickhouses://")):
            raise ValueError("must start with clickhouse:// or clickhouses://")
        return url

    @model_validator(mode="after")
    def _server_has_url(self) -> ClickHouseSettings:
        if self.engine == "server" and self.url is None:
            raise ValueError('engine = "server" needs url')
        return self


class IngestSettings(Group):
    """Bounds of what recorders send, and how it is gathered into inserts."""

    max_chunk_bytes: Bytes = Field(default=4 * 1024**2, description="Bytes of one chunk as sent.")
    max_inflated_bytes: Bytes = Field(default=64 * 1024**2, description="Bytes of one chunk when inflated.")
    max_unacked_bytes: Bytes = Field(
        default=8 * 1024**2,
        description="Bytes of one stream that wait for storage; when reached, the stream is not read.",
    )
    max_batch_bytes: Bytes = Field(default=16 * 1024**2, description="Bytes of one insert.")
    max_batch_rows: int = Field(default=2000, ge=1, description="Chunks of one insert.")
    max_nesting: int = Field(
        default=3000,
        ge=500,
        le=10_000,
        description="Levels of JSON inside an event; a document of 1,400 nested elements has some 2,900. Python 3.12 "
        "and later have a bound of their own below which this cannot be raised.",
    )
    flush_interval_s: Seconds = Field(
        default=2.0, description="Seconds that a recorder gathers events before it sends."
    )
    detectors: bool = Field(
        default=True,
        description="Whether interactions are looked for: clicks, moves, rage and dead clicks, attention, what "
        "heatmaps and ListInteractions show. Without them a server takes in more (docs/benchmarks.md).",
    )
    watched_flush_interval_s: Seconds = Field(
        default=0.25, description="The same while somebody watches the session live."
    )
    max_future_s: float = Field(
        default=86400.0,
        ge=0,
        description="Seconds that a session's start may lie ahead of the server's clock. 0: none.",
    )


class SessionSettings(Group):
    """When a session counts as over."""

    idle_timeout_s: Seconds = Field(
        default=1800.0, description="Seconds without data after which a session that nobody ended is TIMED_OUT."
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


class Settings(BaseSettings):
    """Everything that can be set. Made by `services.runtime.config.load_settings`, which also checks it as a whole."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix="AFTERIMAGE_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    environment: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")] = Field(
        DEVELOPMENT,
        description='Name of the installation: 1 to 32 of a-z, 0-9 and -; it prefixes Redis keys. In "development" '
        "a secret and a demo project are made when there are none.",
    )
    data_dir: Path = Field(
        default=Path(".data"),
        description="Directory of everything on disk; a relative one is taken from where it starts.",
    )
    projects: tuple[Project, ...] = Field(
        default=(), description='What is recorded. Empty: in "development" the project "demo", elsewhere a problem.'
    )
    auth: AuthSettings = AuthSettings()
    audit: AuditSettings = AuditSettings()
    share: ShareSettings = ShareSettings()
    sidecar: SidecarSettings = SidecarSettings()
    redis: RedisSettings = RedisSettings()
    tls: TlsSettings = TlsSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    ingest: IngestSettings = IngestSettings()
    session: SessionSettings = SessionSettings()
    pages: PageSettings = PageSettings()
    log: LogSettings = LogSettings()
    privacy: dict[str, Any] = Field(
        default={},
        description="What is masked before anything is stored (docs/privacy.md). Empty: all inputs, passwords and the "
        "like, and what rules find in text: card and identity numbers, e-mail addresses, credentials ...",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Reads nothing by itself: the loader merges file and environment, so that it can report on both."""
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _demo_project(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("projects"):
            return values
        return {**values, "projects": [_DEMO]} if values.get("environment", DEVELOPMENT) == DEVELOPMENT else values

    def project(self, project_id: str) -> Project | None:
        """Returns the project of that id, or None."""
        return next((project for project in self.projects if project.id == project_id), None)

    @property
    def is_development(self) -> bool:
        """Whether missing secrets and projects are made up."""
        return self.environment == DEVELOPMENT

    @property
    def has_demo(self) -> bool:
        """Whether the sidecar serves the demo shop."""
        return self.is_development if self.sidecar.demo is None else self.sidecar.demo

    @property
    def chdb_path(self) -> Path:
        """The directory of the embedded engine."""
        return self.clickhouse.path or self.data_dir / "chdb"


def _existing(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path
