"""The tables, and how a database gets from one version of them to the next.

One DDL for all engines; what a server's version adds (codecs, LowCardinality, TTL, fsync) is put in by
the `Dialect`. Migrations are numbered, only go forward, and each statement can be run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.audit.storage.access_event_store import access_migration
from services.audit.storage.codecs.interaction_rows import interactions_migration
from services.audit.storage.engine.engine import Engine, Table

WINDOWS = Table(
    "windows",
    (
        ("project", "String"),
        ("day", "Date"),
        ("start_ms", "Int64"),
        ("session", "UUID"),
        ("window", "UUID"),
        ("kept_from", "Date"),
        ("actor_id", "String"),
        ("actor_type", "UInt8"),
        ("device_type", "UInt8"),
        ("browser", "String"),
        ("system", "String"),
        ("user_agent", "String"),
        ("language", "String"),
        ("viewport", "Array(UInt16)"),
        ("screen", "Array(UInt16)"),
        ("first_url", "String"),
        ("recorder_name", "String"),
        ("recorder_version", "String"),
        ("tag_names", "Array(String)"),
        ("tag_values", "Array(String)"),
        ("imported", "UInt8"),
        ("ended", "UInt8"),
        ("updated_ms", "Int64"),
    ),
)

CHUNKS = Table(
    "chunks",
    (
        ("project", "String"),
        ("day", "Date"),
        ("start_ms", "Int64"),
        ("session", "UUID"),
        ("window", "UUID"),
        ("seq", "UInt32"),
        ("kept_from", "Date"),
        ("order_ms", "Int64"),
        ("first_ms", "Int64"),
        ("last_ms", "Int64"),
        ("stored_ms", "Int64"),
        ("event_count", "UInt32"),
        ("snapshot_ms", "Int64"),
        ("snapshot_seq", "UInt32"),
        ("urls", "Array(String)"),
        ("marks", "String"),
        ("totals", "Array(UInt64)"),
        ("state", "String"),
        ("payload_bytes", "UInt32"),
        ("payload", "String"),
    ),
)

TOTALS_STATE = """\
SELECT project, day, start_ms, session, window, kept_from,
    minState(first_ms) AS first_ms, maxState(last_ms) AS last_ms, maxState(stored_ms) AS stored_ms,
    maxState(seq) AS seq, maxForEachState(totals) AS totals, groupUniqArrayArrayState(urls) AS urls
FROM {source}
GROUP BY project, day, start_ms, session, window, kept_from"""
"""What the materialised view adds for each insert. Every function is idempotent: a row delivered twice,
or summed up again by the repair at start, changes nothing."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one engine's DDL may say.

    Attributes:
        version: Major and minor version of ClickHouse.
        cluster: Name of the cluster whose tables are Replicated and Distributed; empty: one server.
        fsync: Whether an insert waits for the disk, so that it survives a power cut too.
        retention_days: Days that each project's rows are kept; projects that are not named are kept.
    """

    version: tuple[int, int]
    cluster: str = ""
    fsync: bool = False
    retention_days: Mapping[str, int] = field(default_factory=dict)

    @property
    def modern(self) -> bool:
        """Whether codecs, LowCardinality, TTL with conditions and waiting mutations are there."""
        return self.version >= (21, 8)

    @property
    def name_type(self) -> str:
        """Type of a column with few different values."""
        return "LowCardinality(String)" if self.modern else "String"

    def codec(self, name: str) -> str:
        """Returns a CODEC clause where the server has it."""
        return f" CODEC({name})" if self.modern else ""

    @property
    def on_cluster(self) -> str:
        """Clause that runs a statement on all servers of the cluster."""
        return f" ON CLUSTER {self.cluster}" if self.cluster else ""

    def local(self, table: str) -> str:
        """Returns the name of the table that holds rows, behind the Distributed one if there is one."""
        return f"{table}_local" if self.cluster else table

    def engine(self, family: str, table: str, version: str = "") -> str:
        """Returns the ENGINE clause's engine for a MergeTree family, replicated on a cluster."""
        if self.cluster:
            keeper = f"'/clickhouse/tables/{{shard}}/{{database}}/{table}', '{{replica}}'"
            return f"Replicated{family}({', '.join(filter(None, (keeper, version)))})"
        return f"{family}({version})"

    def settings(self, granularity: int) -> str:
        """Returns the SETTINGS clause of a table; granularity is in rows."""
        extra = f", min_bytes_for_wide_part = {32 * 1024 * 1024}" if self.modern else ""
        extra += ", fsync_after_insert = 1, fsync_part_directory = 1" if self.modern and self.fsync else ""
        return f"SETTINGS index_granularity = {granularity}{extra}"

    def ttl(self) -> str:
        """Returns the TTL expression by the projects' retention, or nothing where there is no TTL."""
        if not self.modern:
            return ""
        kept = {project: days for project, days in self.retention_days.items() if days > 0}
        if not kept:
            return ""
        cases = ", ".join(
            f"project = {_literal(project)}, toIntervalDay({days})" for project, days in sorted(kept.items())
        )
        names = ", ".join(_literal(project) for project in sorted(kept))
        return f"kept_from + multiIf({cases}, toIntervalDay(0)) DELETE WHERE project IN ({names})"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _table(dialect: Dialect, name: str, columns: str, engine: str, order: str, granularity: int) -> list[str]:
    create = (
        f"CREATE TABLE IF NOT EXISTS {dialect.local(name)}{dialect.on_cluster} ({columns}) ENGINE = {engine} "
        f"PARTITION BY day ORDER BY ({order}) {dialect.settings(granularity)}"
    )
    statements = [create]
    if dialect.cluster:
        statements.append(
            f"CREATE TABLE IF NOT EXISTS {name}{dialect.on_cluster} AS {dialect.local(name)} "
            f"ENGINE = Distributed({dialect.cluster}, currentDatabase(), {dialect.local(name)}, cityHash64(session))"
        )
    return statements


def _recordings(dialect: Dialect) -> list[str]:
    few = {"project", "browser", "system", "language", "recorder_name", "recorder_version"}
    codecs = {
        "payload": dialect.codec("NONE"),  # gzip already
        "state": dialect.codec("ZSTD(1)"),
        "marks": dialect.codec("ZSTD(1)"),
        "totals": dialect.codec("ZSTD(1)"),
    }

    def columns(table: Table) -> str:
        return ", ".join(
            f"{name} {dialect.name_type if name in few else kind}{codecs.get(name, '')}" for name, kind in table.columns
        )

    state = (
        f"project {dialect.name_type}, day Date, start_ms Int64, session UUID, window UUID, kept_from Date, "
        "first_ms AggregateFunction(min, Int64), last_ms AggregateFunction(max, Int64), "
        "stored_ms AggregateFunction(max, Int64), seq AggregateFunction(max, UInt32), "
        "totals AggregateFunction(maxForEach, Array(UInt64)), "
        "urls AggregateFunction(groupUniqArrayArray, Array(String))"
    )
    windows_engine = dialect.engine("ReplacingMergeTree", "windows", "updated_ms")
    chunks_engine = dialect.engine("ReplacingMergeTree", "chunks")
    sessions_engine = dialect.engine("AggregatingMergeTree", "sessions")
    newest_first = "project, start_ms, session, window"
    return [
        *_table(dialect, "windows", columns(WINDOWS), windows_engine, newest_first, 8192),
        *_table(dialect, "chunks", columns(CHUNKS), chunks_engine, "project, session, window, seq", 128),
        *_table(dialect, "sessions", state, sessions_engine, f"{newest_first}, kept_from", 1024),
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS sessions_from_chunks{dialect.on_cluster} "
        f"TO {dialect.local('sessions')} AS " + TOTALS_STATE.format(source=dialect.local("chunks")),
    ]


def _deletions(dialect: Dialect) -> list[str]:
    columns = f"project {dialect.name_type}, day Date, session UUID, deleted_ms Int64"
    engine = dialect.engine("ReplacingMergeTree", "deletions", "deleted_ms")
    return _table(dialect, "deletions", columns, engine, "project, session", 8192)


DELETIONS = Table("deletions", (("project", "String"), ("day", "Date"), ("session", "UUID"), ("deleted_ms", "Int64")))


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    statements: Callable[[Dialect], Sequence[str]]


MIGRATIONS = (
    Migration(1, "recordings", _recordings),
    Migration(2, "deletions", _deletions),
    Migration(3, "access trail", access_migration),
    Migration(4, "interactions", interactions_migration),
)

RETAINED = ("interactions", "chunks", "sessions", "windows")
"""Tables whose rows end with their project's retention; `windows` last: it is what a listing starts from."""


async def migrate(engine: Engine, dialect: Dialect) -> list[Migration]:
    """Brings the database to the newest version; returns the steps that were taken.

    Raises:
        StorageError: If the engine refuses a statement, or the database is newer than this program.
    """
    await engine.execute(
        f"CREATE TABLE IF NOT EXISTS {dialect.local('migrations')}{dialect.on_cluster} "
        "(number UInt32, name String, applied_ms Int64) "
        f"ENGINE = {dialect.engine('ReplacingMergeTree', 'migrations')} PARTITION BY tuple() ORDER BY number"
    )
    applied = await applied_migrations(engine, dialect)
    taken = [step for step in MIGRATIONS if step.number not in applied]
    for step in taken:
        for statement in step.statements(dialect):
            await engine.execute(statement)
        row = (step.number, step.name, time.time_ns() // 1_000_000)
        done = Table(dialect.local("migrations"), (("number", "UInt32"), ("name", "String"), ("applied_ms", "Int64")))
        await engine.insert(done, [row])
    if ttl := dialect.ttl():
        for table in RETAINED:
            await engine.execute(f"ALTER TABLE {dialect.local(table)}{dialect.on_cluster} MODIFY TTL {ttl}")
    return taken


async def applied_migrations(engine: Engine, dialect: Dialect) -> set[int]:
    """Returns the numbers of the steps that the database has taken."""
    rows = await engine.query(f"SELECT DISTINCT number FROM {dialect.local('migrations')}")
    return {number for (number,) in rows}
