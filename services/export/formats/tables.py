"""Tables of sessions and of interactions under a filter; CSV and Parquet differ in their writer only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from services.export.formats.columns import COLUMNS, Column
from services.export.formats.making import Made, Making
from services.export.model import ExportError, ExportTable, TableContent
from services.export.recordings import Cells
from services.export.results.scratch import Spool
from services.runtime.errors import NotFound


class TableWriter(Protocol):
    """Writes rows into a spool."""

    async def write(self, rows: Sequence[Cells]) -> None:
        """Writes rows.

        Raises:
            ExportError: The file is too large, or cannot be written.
        """
        ...


Opener = Callable[[Sequence[Column], Spool], AbstractAsyncContextManager[TableWriter]]


async def make_table(making: Making, opened: Opener, suffix: str, content_type: str) -> Made:
    """Writes a table with the writer that `opened` yields."""
    content = making.export.content
    assert isinstance(content, TableContent)  # noqa: S101 - the formats of each content
    pages = _sessions(making, content) if content.table is ExportTable.SESSIONS else _interactions(making, content)
    count = 0
    async with opened(COLUMNS[content.table], making.spool) as writer:
        async for rows in pages:
            count += len(rows)
            if count > making.max_rows:
                raise ExportError("ROW_LIMIT", f"the table would have more than {making.max_rows:,} rows")
            await writer.write(rows)
    at = datetime.fromtimestamp(making.export.created_ms / 1000, UTC)
    return Made(f"{content.table.name.lower()}-{at:%Y%m%d-%H%M%S}.{suffix}", content_type)


async def _sessions(making: Making, content: TableContent) -> AsyncIterator[list[Cells]]:
    async for _, rows in _noted(making, content):
        yield rows
        making.step(len(rows))


async def _interactions(making: Making, content: TableContent) -> AsyncIterator[list[Cells]]:
    sessions = [session async for ids, _ in _noted(making, content) for session in ids]
    making.plan(len(sessions))
    for session in sessions:
        try:
            async for rows in making.recordings.interactions(session, content.kinds):
                yield rows
        except NotFound:  # deleted meanwhile
            pass
        making.step()


async def _noted(making: Making, content: TableContent) -> AsyncIterator[tuple[list[UUID], list[Cells]]]:
    """Yields pages of the sessions, each once, and notes them first: a deletion from then on ends the export."""
    seen: set[UUID] = set()
    async for page in making.recordings.sessions(content.filter):
        fresh = [(session, row) for session, row in page if session not in seen]
        seen.update(session for session, _ in fresh)
        if len(seen) > making.max_sessions:
            raise ExportError("ROW_LIMIT", f"the table would have more than {making.max_sessions:,} sessions")
        ids = [session for session, _ in fresh]
        await making.note_sessions(ids)
        yield ids, [row for _, row in fresh]
