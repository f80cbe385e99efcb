"""Typed form of afterimage.toml, one class per table.

Every field states its meaning, its unit, and the meaning of 0 or ""; they generate docs/configuration.md.
`services.runtime.settings.loader` reads the file and the environment into these.
"""

from services.runtime.settings.exports import DatabaseSettings, ExportSettings, ResultSettings
from services.runtime.settings.identity import AuthSettings, TlsSettings
from services.runtime.settings.projects import PageFold, PageSettings, Project
from services.runtime.settings.quotas import QuotaSettings
from services.runtime.settings.recording import IngestSettings, SessionSettings
from services.runtime.settings.root import Settings
from services.runtime.settings.servers import AuditSettings, LogSettings, ServiceSettings, ShareSettings
from services.runtime.settings.sidecar import SidecarSettings
from services.runtime.settings.storage import ClickHouseSettings, RedisSettings, StorageSettings
from services.runtime.settings.values import (
    DEVELOPMENT,
    MIN_SECRET_BYTES,
    RISK_NAMES,
    Bytes,
    ContentSource,
    Group,
    MetricsPort,
    Origin,
    Port,
    PublishableKey,
    Seconds,
    is_loopback,
    local_address,
    reachable_host,
)

__all__ = [
    "DEVELOPMENT",
    "MIN_SECRET_BYTES",
    "RISK_NAMES",
    "AuditSettings",
    "AuthSettings",
    "Bytes",
    "ClickHouseSettings",
    "ContentSource",
    "DatabaseSettings",
    "ExportSettings",
    "Group",
    "IngestSettings",
    "LogSettings",
    "MetricsPort",
    "Origin",
    "PageFold",
    "PageSettings",
    "Port",
    "Project",
    "PublishableKey",
    "QuotaSettings",
    "RedisSettings",
    "ResultSettings",
    "Seconds",
    "ServiceSettings",
    "SessionSettings",
    "Settings",
    "ShareSettings",
    "SidecarSettings",
    "StorageSettings",
    "TlsSettings",
    "is_loopback",
    "local_address",
    "reachable_host",
]
