"""The table of the access trail."""

from __future__ import annotations

from services.audit.storage.engine.engine import Table
from services.audit.storage.schema.dialect import Dialect

ACCESS_EVENTS = Table(
    "access_events",
    (
        ("project", "String"),
        ("day", "Date"),
        ("time_ms", "Int64"),
        ("event", "UUID"),
        ("action", "UInt8"),
        ("outcome", "UInt8"),
        ("subject", "String"),
        ("link", "String"),
        ("session", "UUID"),
        ("rpc", "String"),
        ("address", "String"),
        ("user_agent", "String"),
        ("detail", "String"),
    ),
)


def access_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that create the trail's table.

    Sorted by project and time, the order in which a trail is read. A query for one session, subject or link reads
    that narrow column over the time range; a server with bloom filters skips most of it.
    """
    few = {"project", "rpc"}
    columns = dialect.definitions(ACCESS_EVENTS.columns, few)
    if dialect.modern:
        columns += [
            f"INDEX by_{name} {name} TYPE bloom_filter GRANULARITY 4" for name in ("session", "subject", "link")
        ]
    name = ACCESS_EVENTS.name
    create = (
        f"CREATE TABLE IF NOT EXISTS {dialect.local(name)}{dialect.on_cluster} ({', '.join(columns)}) "
        f"ENGINE = {dialect.engine('ReplacingMergeTree', name)} "
        f"PARTITION BY toYYYYMM(day) ORDER BY (project, time_ms, event) {dialect.settings(8192)}"
    )
    return [create, *dialect.distributed(name, "event")]
