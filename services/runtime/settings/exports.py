"""ExportService, its workers, and the relational database."""

from __future__ import annotations

import base64
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from services.runtime.settings.servers import ServiceSettings
from services.runtime.settings.values import Bytes, Group, MetricsPort, Port, Seconds

_GIB = 1024**3
KEY_BYTES = 32
MAX_KEYS = 8
"""Maximum number of `results.encryption_keys`."""


def _decoded(key: SecretStr) -> bytes:
    try:
        return base64.b64decode(key.get_secret_value(), validate=True)
    except ValueError:
        return b""


class DatabaseSettings(Group):
    """Relational database for records that people make, such as exports; recordings are in ClickHouse."""

    url: SecretStr | None = Field(
        default=None,
        description="postgresql://user:password@host:5432/database; needed where services that share records run on "
        'several machines. "": SQLite files in data_dir.',
    )
    connections: int = Field(default=5, ge=1, le=64, description="Maximum number of connections per process.")
    timeout_s: Seconds = Field(default=10.0, description="Timeout of connecting and of one statement, in seconds.")

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith("postgresql://"):
            raise ValueError("must start with postgresql://")
        return url


class ResultSettings(Group):
    """Store of export files."""

    url: Annotated[str, StringConstraints(pattern=r"^$|^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^?#\s]*)?$")] = Field(
        default="",
        description="s3://bucket/prefix of an S3-compatible object store; needed where workers run on several "
        'machines. "": the directory data_dir/exports/results.',
    )
    endpoint: Annotated[str, StringConstraints(pattern=r"^$|^https?://[^/?#\s]+/?$")] = Field(
        default="", description='Address of the object store, such as https://s3.shop.example. "": Amazon S3.'
    )
    region: str = Field(default="us-east-1", min_length=1, description="Region of the bucket.")
    access_key: SecretStr | None = Field(
        default=None,
        description='Access key. "": from the environment (AWS_ACCESS_KEY_ID ...) or the machine\'s role.',
    )
    secret_key: SecretStr | None = Field(default=None, description="Secret key of access_key.")
    timeout_s: Seconds = Field(default=30.0, description="Timeout of a request to the object store, in seconds.")
    encryption_keys: tuple[SecretStr, ...] = Field(
        default=(),
        max_length=MAX_KEYS,
        description="Keys that encrypt finished files (AES-256-GCM), each the base64 of 32 random bytes "
        "(`openssl rand -base64 32`). The first one encrypts, all decrypt: to change it, put a new one first, and "
        "remove the old one after export.ttl_s. []: files are not encrypted.",
    )

    @field_validator("encryption_keys")
    @classmethod
    def _are_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            found = _decoded(key)
            if len(found) != KEY_BYTES or len(set(found)) < KEY_BYTES // 4:
                raise ValueError("a key is not the base64 of 32 random bytes: make one with `openssl rand -base64 32`")
        return keys

    def encryption_key_bytes(self) -> list[bytes]:
        """Returns the keys, decoded."""
        return [_decoded(key) for key in self.encryption_keys]

    @model_validator(mode="after")
    def _pairs(self) -> ResultSettings:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key go together")
        if not self.url and (self.endpoint or self.access_key):
            raise ValueError("endpoint and access_key need url")
        return self


class ExportSettings(ServiceSettings):
    """ExportService and its workers: sessions and lists as files."""

    port: Port = Field(default=50054, description="TCP port of gRPC. 0: any free one.")
    metrics_port: MetricsPort = Field(
        default=9154, description="TCP port of the metrics. 0: any free one; -1: no metrics."
    )
    worker_metrics_port: MetricsPort = Field(
        default=9164, description="TCP port of a worker's metrics. 0: any free one; -1: no metrics."
    )
    audit_address: Annotated[str, StringConstraints(pattern=r"^$|^unix:.+|^.+:[0-9]{1,5}$")] = Field(
        default="", description='Address of AuditService, host:port or unix:path. "": audit.host and audit.port.'
    )
    worker_concurrency: int = Field(
        default=2, ge=1, le=64, description="Maximum number of exports that one worker makes at a time."
    )
    concurrency_per_project: int = Field(
        default=2,
        ge=1,
        description="Maximum number of exports of a project that are made, or are next, at a time; the others wait, "
        "so that projects take turns.",
    )
    max_open_per_project: int = Field(
        default=200, ge=1, description="Maximum number of exports of a project that wait or are being made."
    )
    max_per_share_link: int = Field(
        default=4,
        ge=1,
        description="Maximum number of exports of a share link's visitors at once: that wait, are being made, or have "
        "a file.",
    )
    max_stored_bytes_per_project: int = Field(
        default=50 * _GIB,
        ge=0,
        description="Maximum size of a project's files in bytes, beyond which no export is created. 0: no limit.",
    )
    max_file_bytes: Bytes = Field(
        default=4 * _GIB, description="Maximum size of a file in bytes; the export fails at it (SIZE_LIMIT)."
    )
    max_rows: int = Field(
        default=1_000_000, ge=1, description="Maximum number of rows of a table; the export fails at it (ROW_LIMIT)."
    )
    max_table_sessions: int = Field(
        default=100_000,
        ge=1,
        description="Maximum number of sessions in a table; the export fails at it (ROW_LIMIT). The record of an "
        "export has the id of each, so that it is deleted with any of them.",
    )
    browser: str = Field(
        default="",
        description="Name or path of the headless Chromium that draws videos, pictures and reports. "
        '"": chromium-headless-shell on the PATH, else another Chromium there, which is slower.',
    )
    ffmpeg: str = Field(
        default="",
        description='Name or path of ffmpeg, for videos. "": the one on the PATH, else that of imageio-ffmpeg.',
    )
    max_render_memory_bytes: int = Field(
        default=3 * _GIB,
        ge=256 * 1024**2,
        description="Maximum memory of the browser of one video or picture in bytes, and again of its ffmpeg; the "
        "export fails at it (MEMORY_LIMIT).",
    )
    max_video_frames: int = Field(
        default=1_000_000,
        ge=1,
        description="Maximum number of frames of a video, repeated ones included; the export fails at it (TOO_LONG).",
    )
    max_time_s: Seconds = Field(
        default=3600.0, description="Maximum duration of an attempt in seconds; the export fails at it (TIME_LIMIT)."
    )
    max_wait_s: Seconds = Field(
        default=86400.0, description="Seconds after which an export that no worker has taken fails (NO_WORKER)."
    )
    max_attempts: int = Field(
        default=4,
        ge=1,
        description="Maximum number of attempts of an export, after a dead worker or an unavailable upstream.",
    )
    retry_s: Seconds = Field(
        default=5.0, description="Pause before the second attempt in seconds; it doubles with each further one."
    )
    max_retry_s: Seconds = Field(default=300.0, description="Maximum pause between attempts, in seconds.")
    lease_s: float = Field(
        default=15.0,
        ge=2,
        allow_inf_nan=False,
        description="Seconds without a sign of a worker after which its exports are given to another one.",
    )
    ttl_s: float = Field(
        default=7 * 86400.0, ge=60, le=366 * 86400, description="Seconds for which a file is kept by default."
    )
    max_ttl_s: float = Field(
        default=30 * 86400.0, ge=60, le=366 * 86400, description="Maximum time for which a file is kept, in seconds."
    )
    record_days: int = Field(
        default=90, ge=1, description="Days for which the record of an export is listed after its end."
    )

    @model_validator(mode="after")
    def _default_within_maximum(self) -> ExportSettings:
        if self.ttl_s > self.max_ttl_s:
            raise ValueError("ttl_s must not be above max_ttl_s")
        return self
