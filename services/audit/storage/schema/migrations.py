"""Migrations: the steps from one version of the tables to the next.

They are numbered and only go forward, and each statement can be run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.audit.storage.engine.engine import Engine, StorageError, Table
from services.audit.storage.schema.dialect import FSYNC, FSYNC_SETTINGS, Dialect
from services.audit.storage.schema.tables import (
    DELETIONS,
    RETAINED,
    deletions_migration,
    departures_migration,
    first_events_migration,
    ranks_migration,
    recordings_migration,
    session_secrets_migration,
)
from services.audit.storage.schema.tables_access import ACCESS_EVENTS, access_migration
from services.audit.storage.schema.tables_interactions import (
    anchors_migration,
    interactions_migration,
    targets_migration,
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    statements: Callable[[Dialect], Sequence[str]]


MIGRATIONS = (
    Migration(1, "recordings", recordings_migration),
    Migration(2, "deletions", deletions_migration),
    Migration(3, "access trail", access_migration),
    Migration(4, "interactions", interactions_migration),
    Migration(5, "session secrets", session_secrets_migration),
    Migration(6, "first events", first_events_migration),
    Migration(7, "departures", departures_migration),
    Migration(8, "anchors of clicks", anchors_migration),
    Migration(9, "targets of interactions", targets_migration),
    Migration(10, "ranks of sessions", ranks_migration),
)

COLUMN_EXISTS = 44
"""Error of servers without ADD COLUMN IF NOT EXISTS for a column that exists (ClickHouse 18.16: ILLEGAL_COLUMN)."""


async def migrate(
    engine: Engine, dialect: Dialect, *, may_rewrite: bool = True, through: int | None = None
) -> list[Migration]:
    """Brings the database to the newest version; returns the applied steps.

    Args:
        engine: An open engine.
        dialect: The DDL features of the engine.
        may_rewrite: Whether there is space to apply a changed retention to stored rows; else the next start does it.
        through: Number of the last step to apply, for rows of an older version; None: all steps.

    Raises:
        StorageError: If the engine refuses a statement, or cannot sync inserts.
    """
    if dialect.fsync and not dialect.modern:
        major, minor = dialect.version
        raise StorageError(f"clickhouse.fsync needs ClickHouse 21.8 or newer, and the server is {major}.{minor}")
    await engine.execute(
        f"CREATE TABLE IF NOT EXISTS {dialect.local('migrations')}{dialect.on_cluster} "
        "(number UInt32, name String, applied_ms Int64) "
        f"ENGINE = {dialect.engine('ReplacingMergeTree', 'migrations')} PARTITION BY tuple() ORDER BY number"
    )
    applied = await applied_migrations(engine, dialect)
    wanted = [step for step in MIGRATIONS if through is None or step.number <= through]
    taken = [step for step in wanted if step.number not in applied]
    for step in taken:
        for statement in step.statements(dialect):
            await _run(engine, statement)
        row = (step.number, step.name, time.time_ns() // 1_000_000)
        done = Table(dialect.local("migrations"), (("number", "UInt32"), ("name", "String"), ("applied_ms", "Int64")))
        await engine.insert(done, [row])
    if dialect.modern and may_rewrite and len(wanted) == len(MIGRATIONS):
        await _set_ttl(engine, dialect)
    if dialect.modern and len(wanted) == len(MIGRATIONS):
        await _set_fsync(engine, dialect)
    return taken


async def _run(engine: Engine, statement: str) -> None:
    try:
        await engine.execute(statement)
    except StorageError as error:
        if not (" ADD COLUMN " in statement and error.number == COLUMN_EXISTS):
            raise


async def _set_ttl(engine: Engine, dialect: Dialect) -> None:
    """Gives the tables the TTL of the projects' retention where they have another one.

    Altering it lets the server visit all rows; a TTL that is no longer wanted would delete rows to be kept.
    """
    wanted = dialect.ttl()
    rows = await engine.query("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()")
    created = {name.decode(): query.decode() for name, query in rows}
    for table in map(dialect.local, RETAINED):
        if (
            wanted and f" TTL {wanted.replace(' DELETE WHERE ', ' WHERE ')} " not in created[table]
        ):  # as servers print it
            await engine.execute(f"ALTER TABLE {table}{dialect.on_cluster} MODIFY TTL {wanted}")
        elif not wanted and " TTL " in created[table]:
            await engine.execute(f"ALTER TABLE {table}{dialect.on_cluster} REMOVE TTL")


async def _set_fsync(engine: Engine, dialect: Dialect) -> None:
    """Gives tables that exist already the setting `clickhouse.fsync`; it rewrites nothing."""
    rows = await engine.query(
        "SELECT name, create_table_query FROM system.tables "
        "WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    created = {name.decode(): query.decode() for name, query in rows}
    for table in (dialect.local(table) for table in (*RETAINED, DELETIONS.name, ACCESS_EVENTS.name)):
        has_fsync = f"{FSYNC} = 1" in created[table]
        if dialect.fsync and not has_fsync:
            await engine.execute(f"ALTER TABLE {table}{dialect.on_cluster} MODIFY SETTING {FSYNC_SETTINGS}")
        elif has_fsync and not dialect.fsync:
            names = ", ".join(setting.partition(" ")[0] for setting in FSYNC_SETTINGS.split(", "))
            await engine.execute(f"ALTER TABLE {table}{dialect.on_cluster} RESET SETTING {names}")


async def applied_migrations(engine: Engine, dialect: Dialect) -> set[int]:
    """Returns the numbers of the steps already applied to the database."""
    rows = await engine.query(f"SELECT DISTINCT number FROM {dialect.local('migrations')}")
    return {number for (number,) in rows}
