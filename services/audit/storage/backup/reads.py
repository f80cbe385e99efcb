"""The statements of a backup, and the order in which they make a consistent copy while recording goes on.

Each statement sees a later moment than the one before. In this order the copy of a day equals the database after a
kill at some moment, from which AuditService recovers:

1. `windows`: a window that is marked as ended in the copy had all of its chunks by then.
2. `chunks`, then once more the newest row of each chunk that is stored more than once (the last chunk of a window
   gets a second row at its end): of equal keys the row that is inserted last wins.
3. `windows`, again, for chunks of windows that began since the first step. They are marked as going on.
4. `interactions`: they are stored before their chunk, so those of each copied chunk are there.

The access trail comes after all days, and `deletions` at last: a session that is deleted during the backup may be in
the copy, and is deleted when it is restored. `sessions` is derived from the chunks by its view.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.audit.storage.engine.engine import Table
from services.audit.storage.schema.tables import CHUNKS, DELETIONS, WINDOWS
from services.audit.storage.schema.tables_access import ACCESS_EVENTS
from services.audit.storage.schema.tables_interactions import INTERACTIONS

TABLES = (WINDOWS, CHUNKS, INTERACTIONS, ACCESS_EVENTS, DELETIONS)
"""The tables of a backup."""

DERIVED = ("sessions", "sessions_from_chunks", "migrations", "servers")
"""Tables and views that a restore fills by migrating and inserting, or that running servers fill."""


@dataclass(frozen=True, slots=True)
class Read:
    """A statement that reads one day of a table.

    Attributes:
        name: Name of the statement, and of its files.
        table: The table.
        sql: The statement, with the parameter `day`.
    """

    name: str
    table: Table
    sql: str


def _of_day(table: Table, **replaced: str) -> str:
    columns = ", ".join(replaced.get(name, name) for name, _ in table.columns)
    return f"SELECT {columns} FROM {table.name} WHERE day = {{day:Date}}"


_REPEATED = (
    " AND (project, session, window, seq, stored_ms) GLOBAL IN (SELECT project, session, window, seq, max(stored_ms) "
    "FROM chunks WHERE day = {day:Date} GROUP BY project, session, window, seq HAVING count() > 1)"
)

STAGES = (
    (
        Read("windows", WINDOWS, _of_day(WINDOWS)),
        Read("chunks", CHUNKS, _of_day(CHUNKS)),
        Read("chunks-repeated", CHUNKS, _of_day(CHUNKS) + _REPEATED),
        # An earlier version than each row of the first step, which replaces it where both are there.
        Read(
            "windows-begun",
            WINDOWS,
            _of_day(WINDOWS, ended="toUInt8(0)", left_ms="toInt64(0)", updated_ms="updated_ms - 1"),
        ),
        Read("interactions", INTERACTIONS, _of_day(INTERACTIONS)),
    ),
    (Read("access_events", ACCESS_EVENTS, _of_day(ACCESS_EVENTS)),),
    (Read("deletions", DELETIONS, _of_day(DELETIONS)),),
)
"""All statements: those of a stage run for one day after the other, stages one after the other."""

READS = {read.name: read for stage in STAGES for read in stage}


def days_sql(table: Table) -> str:
    """Returns the statement for the days of a table."""
    return f"SELECT DISTINCT day FROM {table.name}"


SIZE_SQL = """
SELECT sum(bytes) FROM system.parts
WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
"""
"""Size of tables on disk; on a cluster, those of one server."""

TABLE_SQL = "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = {name:String}"
"""Whether a table exists."""
