"""Loading the rows of a backup into a database."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import UUID

import structlog

from services.audit.storage.backup.block_file import read_blocks
from services.audit.storage.backup.reads import TABLE_SQL, TABLES
from services.audit.storage.codecs.rowbinary import unpacked_when_asked
from services.audit.storage.engine.engine import Engine, StorageAway, StorageError, Table
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.tables import DELETIONS

_log = structlog.get_logger("afterimage.backup")

INSERT_BYTES = 16 << 20
"""Size of an insert: each writes a part, and a server refuses inserts when a day has too many parts."""

DELETED_AT_ONCE = 1_000
"""Sessions deleted by one statement."""

RETRY_S = 1.0
MAX_RETRIES = 120
"""Pauses for a server with too many parts, which merges meanwhile."""

UNFINISHED = "unfinished_restore"
"""Table that exists while rows are loaded into a server's database; its only row names the copy."""


async def is_empty(engine: Engine) -> bool:
    """Returns whether the database has no row in any table of a backup."""
    for table in TABLES:
        if await _exists(engine, table.name) and await engine.query(f"SELECT 1 FROM {table.name} LIMIT 1"):
            return False
    return True


async def unfinished_restore(engine: Engine) -> str | None:
    """Returns the name of the copy that an interrupted restore was loading; None: no restore was interrupted."""
    if not await _exists(engine, UNFINISHED):
        return None
    rows = await engine.query(f"SELECT copy FROM {UNFINISHED}")
    return rows[0][0].decode() if rows else ""


async def require_finished_restore(engine: Engine) -> None:
    """Raises StorageError if a restore into the database was interrupted: it lacks recordings."""
    if await unfinished_restore(engine) is not None:
        raise StorageError(
            "a restore into this database was interrupted: run `afterimage restore` again, or drop the database"
        )


async def begin_restore(engine: Engine, dialect: Dialect, copy: str) -> None:
    """Marks the database as incomplete, until `end_restore`."""
    await engine.execute(
        f"CREATE TABLE IF NOT EXISTS {UNFINISHED}{dialect.on_cluster} (copy String) ENGINE = MergeTree "
        "PARTITION BY tuple() ORDER BY copy"
    )
    await engine.insert(Table(UNFINISHED, (("copy", "String"),)), [(copy,)])


async def end_restore(engine: Engine, dialect: Dialect) -> None:
    """Marks the database as complete."""
    await engine.execute(f"DROP TABLE IF EXISTS {UNFINISHED}{dialect.on_cluster}")


async def load_file(engine: Engine, table: Table, path: Path, advance: Callable[[int], None]) -> None:
    """Inserts the rows of a file, in its order.

    Args:
        engine: An open engine with the tables of the backup's version.
        table: Its table, with the columns of the backup.
        path: The file.
        advance: Called with the number of rows that were stored since the last call.

    Raises:
        DamagedFile: The file cannot be read.
        StorageError: The engine does not accept the rows.
    """
    for count, data in _inserts(path):
        for attempt in range(MAX_RETRIES + 1):
            try:
                await engine.insert(table, unpacked_when_asked(table.types, data))
                break
            except StorageAway as error:
                if attempt == MAX_RETRIES:
                    raise
                _log.warning("an insert failed and is repeated", table=table.name, error=error.detail[:300])
                await asyncio.sleep(RETRY_S)
        advance(count)


async def delete_again(store: RecordingStore, engine: Engine) -> set[tuple[str, UUID]]:
    """Deletes the sessions named in `deletions`: they may have been deleted while they were copied.

    Returns:
        Project and id of each session.
    """
    rows = await engine.query(f"SELECT DISTINCT project, session FROM {DELETIONS.name}")
    of_project: dict[str, list[UUID]] = defaultdict(list)
    for project, session in rows:
        of_project[project.decode()].append(session)
    for project, sessions in of_project.items():
        for start in range(0, len(sessions), DELETED_AT_ONCE):
            await store.delete(project, sessions[start : start + DELETED_AT_ONCE])
    return {(project, session) for project, sessions in of_project.items() for session in sessions}


async def _exists(engine: Engine, table: str) -> bool:
    return bool(await engine.query(TABLE_SQL, {"name": table}))


def _inserts(path: Path) -> Iterator[tuple[int, bytes]]:
    return _joined((block.row_count, block.data) for block in read_blocks(path))


def _joined(blocks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    count, parts, size = 0, list[bytes](), 0
    for rows, data in blocks:
        count, size = count + rows, size + len(data)
        parts.append(data)
        if size >= INSERT_BYTES:
            yield count, b"".join(parts)
            count, parts, size = 0, [], 0
    if count:
        yield count, b"".join(parts)
