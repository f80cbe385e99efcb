"""The tables of recordings.

One DDL for all engines; the `Dialect` adds the features of a server's version (codecs, LowCardinality, TTL, fsync).
"""

from __future__ import annotations

from dataclasses import dataclass

from services.audit.model import Total
from services.audit.storage.engine.engine import Table
from services.audit.storage.schema.dialect import Dialect

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
        ("secret_hash", "String"),
        ("begun_ms", "Int64"),
        ("first_ms", "Int64"),
        ("left_ms", "Int64"),
        ("server", "String"),
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

SERVERS = Table("servers", (("id", "String"), ("seen_ms", "Int64")))
"""AuditService processes on the same database, and when each was last seen, by the database's clock."""

DELETIONS = Table("deletions", (("project", "String"), ("day", "Date"), ("session", "UUID"), ("deleted_ms", "Int64")))

RETAINED = ("interactions", "chunks", "sessions", "windows")
"""Tables with rows that expire by project retention; `windows` is last, since listings start from it."""

_WINDOW_COLUMNS = ("project", "day", "start_ms", "session", "window", "kept_from")
_SUMS = (
    ("first_ms", "min", "Int64"),
    ("last_ms", "max", "Int64"),
    ("stored_ms", "max", "Int64"),
    ("seq", "max", "UInt32"),
    ("totals", "maxForEach", "Array(UInt64)"),
    ("urls", "groupUniqArrayArray", "Array(String)"),
)
"""Columns of `chunks` that the view sums up, with the function and its argument's type. Every function is idempotent: a
row that is delivered twice, or summed up again by the repair at start, changes nothing."""

SESSIONS = Table(
    "sessions",
    (
        *(column for column in CHUNKS.columns if column[0] in _WINDOW_COLUMNS),
        *((name, f"AggregateFunction({function}, {kind})") for name, function, kind in _SUMS),
    ),
)


@dataclass(frozen=True, slots=True)
class Rank:
    """A plain column of `sessions` by which lists are ordered.

    Attributes:
        name: Its name.
        function: Its aggregate function.
        kind: Its type.
        computed: The figure of a row, from its states. The default of the column: the view does not fill it.
    """

    name: str
    function: str
    kind: str
    computed: str


def _total(place: Total) -> str:
    return f"toUInt32(finalizeAggregation(totals)[{place + 1}])"


RANKS = (
    Rank("length_ms", "max", "Int64", "finalizeAggregation(last_ms) - start_ms"),
    Rank("offset_ms", "min", "Int64", "finalizeAggregation(first_ms) - start_ms"),
    Rank("errors", "max", "UInt32", _total(Total.ERRORS)),
    Rank("rage_clicks", "max", "UInt32", _total(Total.RAGE_CLICKS)),
)
"""Times of a window's last and first event after its session's start, and totals. Servers before `MODERN` have no
columns for them, since they know no SimpleAggregateFunction: another column would keep the figure of any row."""

_KEY = ", ".join(_WINDOW_COLUMNS)
TOTALS_STATE = (
    f"SELECT {_KEY}, {', '.join(f'{function}State({name}) AS {name}' for name, function, _ in _SUMS)} "
    f"FROM {{source}} GROUP BY {_KEY}"
)
"""The SELECT of the materialised view, run on each insert: the columns of `SESSIONS` from `chunks`."""


def _table(dialect: Dialect, name: str, columns: str, engine: str, order: str, granularity: int) -> list[str]:
    create = (
        f"CREATE TABLE IF NOT EXISTS {dialect.local(name)}{dialect.on_cluster} ({columns}) ENGINE = {engine} "
        f"PARTITION BY day ORDER BY ({order}) {dialect.settings(granularity)}"
    )
    return [create, *dialect.distributed(name, "session")]


def recordings_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that create the tables of recordings and the view that sums them up."""
    few = {"project", "browser", "system", "language", "recorder_name", "recorder_version"}
    codecs = {
        "payload": dialect.codec("NONE"),  # gzip already
        "state": dialect.codec("ZSTD(1)"),
        "marks": dialect.codec("ZSTD(1)"),
        "totals": dialect.codec("ZSTD(1)"),
    }

    def columns(table: Table) -> str:
        return ", ".join(dialect.definitions(table.columns, few, codecs))

    sessions = ", ".join(dialect.definitions(SESSIONS.columns, few))  # no codecs: its totals are states
    windows_engine = dialect.engine("ReplacingMergeTree", "windows", "updated_ms")
    chunks_engine = dialect.engine("ReplacingMergeTree", "chunks")
    sessions_engine = dialect.engine("AggregatingMergeTree", "sessions")
    newest_first = "project, start_ms, session, window"
    return [
        *_table(dialect, "windows", columns(WINDOWS), windows_engine, newest_first, 8192),
        *_table(dialect, "chunks", columns(CHUNKS), chunks_engine, "project, session, window, seq", 128),
        *_table(dialect, "sessions", sessions, sessions_engine, f"{newest_first}, kept_from", 1024),
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS sessions_from_chunks{dialect.on_cluster} "
        f"TO {dialect.local('sessions')} AS " + TOTALS_STATE.format(source=dialect.local("chunks")),
    ]


def session_secrets_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that add the columns of a session's secret to a table of windows made without them."""
    return _window_columns(dialect, {"secret_hash", "begun_ms"})


def first_events_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that add the time of a window's first event to a table of windows made without it."""
    return _window_columns(dialect, {"first_ms"})


def departures_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that add the columns of left windows, and create the table of servers."""
    name = SERVERS.name
    columns = ", ".join(dialect.definitions(SERVERS.columns, ()))
    create = (
        f"CREATE TABLE IF NOT EXISTS {dialect.local(name)}{dialect.on_cluster} ({columns}) "
        f"ENGINE = {dialect.engine('ReplacingMergeTree', name, 'seen_ms')} PARTITION BY tuple() ORDER BY id"
    )
    return [*_window_columns(dialect, {"left_ms", "server"}), create, *dialect.distributed(name, "id")]


def ranks_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that add the columns of ranks to a table of sessions made without them.

    Rows from before are not rewritten: their figures are computed when they are read, until they are merged.
    """
    tables = dict.fromkeys((dialect.local(SESSIONS.name), SESSIONS.name)) if dialect.modern else ()
    return [
        dialect.add_column(
            table, f"{rank.name} SimpleAggregateFunction({rank.function}, {rank.kind}) DEFAULT {rank.computed}"
        )
        for table in tables
        for rank in RANKS
    ]


def _window_columns(dialect: Dialect, names: set[str]) -> list[str]:
    tables = dict.fromkeys((dialect.local("windows"), "windows"))  # the Distributed table has columns of its own
    return [
        dialect.add_column(table, f"{name} {kind}")
        for table in tables
        for name, kind in WINDOWS.columns
        if name in names
    ]


def deletions_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that create the table of deleted sessions."""
    columns = ", ".join(dialect.definitions(DELETIONS.columns, {"project"}))
    engine = dialect.engine("ReplacingMergeTree", "deletions", "deleted_ms")
    return _table(dialect, "deletions", columns, engine, "project, session", 8192)
