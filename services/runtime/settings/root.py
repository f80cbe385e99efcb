"""All settings together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from services.runtime.settings.exports import DatabaseSettings, ExportSettings, ResultSettings
from services.runtime.settings.identity import AuthSettings, TlsSettings
from services.runtime.settings.projects import PageSettings, Project
from services.runtime.settings.quotas import QuotaSettings
from services.runtime.settings.recording import IngestSettings, SessionSettings
from services.runtime.settings.servers import AuditSettings, LogSettings, ShareSettings
from services.runtime.settings.sidecar import SidecarSettings
from services.runtime.settings.storage import ClickHouseSettings, RedisSettings, StorageSettings
from services.runtime.settings.values import DEVELOPMENT, RISK_NAMES, RiskName

_DEMO = {"id": "demo", "name": "Demo", "keys": ["pk_demo"], "origins": ["http://localhost:*", "http://127.0.0.1:*"]}


class Settings(BaseSettings):
    """All settings. Created by `settings.loader.load_settings`, which also checks them as a whole."""

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
        "a missing secret and a missing project are created.",
    )
    data_dir: Path = Field(
        default=Path(".data"),
        description="Directory of all files on disk; a relative path starts from the working directory.",
    )
    accepted_risks: tuple[RiskName, ...] = Field(
        default=(),
        description="Names of dangerous settings that are meant so, as the refusal or the warning at the start states: "
        f"{', '.join(RISK_NAMES)}.",
    )
    projects: tuple[Project, ...] = Field(
        default=(), description='Recorded projects. Empty: in "development" the project "demo", elsewhere an error.'
    )
    auth: AuthSettings = AuthSettings()
    audit: AuditSettings = AuditSettings()
    share: ShareSettings = ShareSettings()
    export: ExportSettings = ExportSettings()
    results: ResultSettings = ResultSettings()
    sidecar: SidecarSettings = SidecarSettings()
    redis: RedisSettings = RedisSettings()
    database: DatabaseSettings = DatabaseSettings()
    tls: TlsSettings = TlsSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    storage: StorageSettings = StorageSettings()
    ingest: IngestSettings = IngestSettings()
    quotas: QuotaSettings = QuotaSettings()
    session: SessionSettings = SessionSettings()
    pages: PageSettings = PageSettings()
    log: LogSettings = LogSettings()
    privacy: dict[str, Any] = Field(
        default={},
        description="Masking before storage (docs/privacy.md). Empty: all inputs, passwords and the "
        "like, and data that rules find in text: card and identity numbers, e-mail addresses, credentials ...",
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
        """Disables the library's sources: the loader merges file and environment, so that it can report on both."""
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
        """Whether missing secrets and projects are created."""
        return self.environment == DEVELOPMENT

    @property
    def has_demo(self) -> bool:
        """Whether the sidecar serves the demo shop."""
        return self.is_development if self.sidecar.demo is None else self.sidecar.demo

    @property
    def chdb_path(self) -> Path:
        """The directory of the embedded engine."""
        return self.clickhouse.path or self.data_dir / "chdb"
