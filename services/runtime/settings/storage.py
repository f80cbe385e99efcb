"""Storage: ClickHouse and Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from services.runtime.settings.values import Group, Seconds


class RedisSettings(Group):
    """Redis for share links, live presence and rate limits; recordings do not need it."""

    url: str = Field(
        default="",
        pattern=r"^$|^(redis|rediss|unix)://",
        repr=False,  # it may hold a password
        description="redis://, rediss:// or unix:// address. "
        '"": `afterimage up` starts a server and passes its address; otherwise features that need Redis are off.',
    )
    timeout_s: Seconds = Field(default=1.0, description="Timeout of connecting and of one command, in seconds.")


class ClickHouseSettings(Group):
    """ClickHouse, which stores the recordings."""

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
        default="afterimage", description="Database that holds the tables; created if it does not exist."
    )
    cluster: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = Field(
        default="", description='Cluster for ON CLUSTER and Distributed tables, as the server names it. "": one server.'
    )
    connections: int = Field(default=4, ge=1, le=64, description="Connections (chdb: threads) that run queries.")
    timeout_s: Seconds = Field(default=10.0, description="Timeout of a query, in seconds.")
    fsync: bool = Field(
        default=False,
        description="Syncs an insert to disk before it is acknowledged, instead of leaving it to the kernel: "
        "survives a power cut, and inserts take two to three times as long. ClickHouse servers: 21.8 or newer.",
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


class StorageSettings(Group):
    """Limits of the storage, with either engine."""

    min_free_bytes: int | None = Field(
        default=None,
        ge=0,
        description="Free space on the disk of the database, in bytes, below which nothing new is recorded (recorders "
        "keep their data and try again) and nothing is deleted but whole days past their retention. "
        "Not set: 1 GiB, or 5 % of a disk under 20 GiB. 0: no floor.",
    )
    max_set_aside_bytes: int = Field(
        default=1024**3,
        ge=0,
        description="Maximum size of data_dir/set_aside, in bytes: chunks that the database refuses for a reason that "
        "does not pass. Beyond it such a chunk is not acknowledged, and its recorder is stopped. 0: none is kept.",
    )
