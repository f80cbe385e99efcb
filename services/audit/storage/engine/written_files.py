"""Finds files that the embedded engine did not write although it reported no error, and mends their tables.

Parts of inserts, merges and mutations (`written_parts`), and definitions of tables (`table_definitions`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from services.audit.storage.engine.damaged_files import set_aside
from services.audit.storage.engine.engine import Params, Row, StorageAway, StorageError
from services.audit.storage.engine.table_definitions import TableDefinitions
from services.audit.storage.engine.written_parts import WrittenPart, WrittenParts

_log = structlog.get_logger("afterimage.storage")

MAX_RELOAD_S = 10.0
"""Time for reads of a table to end before it is loaded again; without success it is tried again at the next look."""

_RELOAD_INTERVAL_S = 0.05

Query = Callable[[str, Params | None], list[Row]]
"""Returns the rows of a statement. Raises StorageError."""


class WrittenFiles:
    """The files of a database; used by one thread at a time.

    Args:
        directory: The data directory, which the engine has open.
        query: Runs a statement on a connection that nothing else uses meanwhile.
    """

    def __init__(self, directory: Path, query: Query) -> None:
        self._directory = directory
        self._query = query
        self._definitions = TableDefinitions(directory)
        self._definitions.keep()
        self._parts = WrittenParts()
        self._parts.add(self._directories())
        self._stale: set[str] = set()
        """Tables that have to be loaded again."""
        self._detached: set[str] = set()
        """Those of them that are not loaded at present."""

    def require_whole(self) -> None:
        """Raises StorageAway if a definition or a file of a new part was not written; their tables are mended.

        A table with an unwritten definition is as before the statement, also in memory.
        """
        with _disk_errors():
            repaired = self._definitions.repair()
        self._stale |= {definition.table for definition in repaired if definition.has_copy}
        for definition in repaired:
            if not definition.has_copy:
                with suppress(StorageError):
                    self._query(f"DROP TABLE IF EXISTS {definition.table} SYNC", None)
        self._load_stale()
        if repaired:
            raise StorageAway(f"the definition of {repaired[0].table} was not written")
        if self._definitions.keep():
            self._parts.add(self._directories())
        self.require_whole_parts()

    def require_whole_parts(self) -> None:
        """Raises StorageAway if a file of a new part was not written.

        A part of an insert is dropped: its rows are inserted again, and a mutation would fail at it until the next
        start. For a part of others the table is loaded again, which finds the part broken, and its sources still there.
        """
        self._load_stale()
        with _disk_errors():
            parts = self._parts.look()
        sizes = self._sizes([part for part in parts if part.is_large])
        broken = [part for part in parts if not part.is_whole(sizes.get((part.table, part.name)))]
        for part in broken:
            _log.error(
                "the database could not write all files of a part, and reports no error",
                table=part.table,
                part=part.name,
                sizes=part.sizes,
            )
            if part.is_inserted:
                with suppress(StorageError):
                    self._query(f"ALTER TABLE {part.table} DROP PART '{part.name}'", None)
        self._stale |= {part.table for part in broken if not part.is_inserted}
        self._load_stale()
        if broken:
            raise StorageAway(f"not all files of {broken[0].table}, part {broken[0].name}, were written")

    def _directories(self) -> dict[str, Path]:
        """Returns the directory of each table that has parts."""
        rows = self._query(
            "SELECT name, data_paths[1] FROM system.tables "
            "WHERE database = currentDatabase() AND engine LIKE '%MergeTree'",
            None,
        )
        return {name.decode(): Path(os.fsdecode(path)) for name, path in rows}

    def _sizes(self, parts: list[WrittenPart]) -> dict[tuple[str, str], int]:
        """Returns the sizes of parts according to the engine, by table and name."""
        if not parts:
            return {}  # the statement takes 2 ms, a fifth of a small insert
        rows = self._query(
            "SELECT table, name, bytes_on_disk FROM system.parts WHERE database = currentDatabase() "
            "AND table IN {tables:Array(String)} AND name IN {names:Array(String)}",
            {"tables": [part.table for part in parts], "names": [part.name for part in parts]},
        )
        return {(table.decode(), name.decode()): size for table, name, size in rows}

    def _load_stale(self) -> None:
        """Loads tables from their files, as a start does. Those that cannot be loaded now are left to the next look."""
        for table in sorted(self._stale):
            if table not in self._detached:
                self._query(f"DETACH TABLE {table}", None)
                self._detached.add(table)
            self._attach(table)
            self._stale.remove(table)

    def _attach(self, table: str) -> None:
        with _disk_errors():
            set_aside(self._directory)
        until = time.monotonic() + MAX_RELOAD_S
        while True:
            try:
                self._query(f"ATTACH TABLE {table}", None)
            except StorageError as error:  # a read still has the table
                if time.monotonic() >= until:
                    raise StorageAway(f"{table} could not be loaded again: {error.detail}") from error
                time.sleep(_RELOAD_INTERVAL_S)
            else:
                break
        self._detached.remove(table)
        _log.warning("loaded a table again", table=table)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Raises StorageAway for an error of the disk, so that the statement is tried again."""
    try:
        yield
    except OSError as error:
        raise StorageAway(f"the files of the database cannot be read: {error}") from error
