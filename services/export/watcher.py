"""Changes of exports for WatchExports: read from the records, while there are watchers, for all of them at once.

Workers on any machine change the records, and no notice of theirs is needed: a notice could be lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import structlog

from services.export.model import Export
from services.export.storage.store import ExportStore
from services.runtime.errors import ResourceExhausted, Unavailable

_log = structlog.get_logger("afterimage.export")

EVERY_S = 0.5
MAX_WAITING = 1_000
"""Maximum number of changes that one watcher has not read; beyond it the stream ends."""

_MAX_SEEN = 10_000
_OVERLAP_MS = 30_000
"""Time that is read again: the clocks of workers differ, and a statement is visible after its time."""


class Watcher:
    """Reads changes while `run` runs.

    Args:
        store: The records.
        now_ms: The clock, milliseconds since 1970.
    """

    def __init__(self, store: ExportStore, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._watching: dict[str, set[asyncio.Queue[Export | None]]] = {}
        self._seen: dict[str, int] = {}
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Reads the changes now."""
        self._wake.set()

    @contextmanager
    def watching(self, project: str) -> Iterator[AsyncIterator[Export]]:
        """Yields the changes of a project's exports from now on; a change may come twice."""
        waiting: asyncio.Queue[Export | None] = asyncio.Queue()
        queues = self._watching.setdefault(project, set())
        queues.add(waiting)
        self._wake.set()
        try:
            yield _changes(waiting)
        finally:
            queues.discard(waiting)
            if not queues:
                self._watching.pop(project, None)

    async def run(self) -> None:
        """Reads changes until it is cancelled."""
        since_ms = self._now_ms()
        while True:
            if not self._watching:
                self._wake.clear()
                self._seen.clear()
                await self._wake.wait()
                since_ms = self._now_ms()
            try:
                since_ms = await self._read(since_ms)
            except Unavailable:
                _log.warning("changes of exports cannot be read")
            self._wake.clear()
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _read(self, since_ms: int) -> int:
        now_ms = self._now_ms()
        if len(self._seen) > _MAX_SEEN:
            self._seen.clear()
        for export in await self._store.changed(self._watching, since_ms - _OVERLAP_MS):
            if self._seen.get(export.export_id, -1) == export.updated_ms:
                continue
            self._seen[export.export_id] = export.updated_ms
            for waiting in self._watching.get(export.project, ()):
                # None: the watcher is too slow.
                waiting.put_nowait(export if waiting.qsize() < MAX_WAITING else None)
        return now_ms


async def _changes(waiting: asyncio.Queue[Export | None]) -> AsyncIterator[Export]:
    while True:
        change = await waiting.get()
        if change is None:
            raise ResourceExhausted("this stream is read too slowly", reason="SLOW", retry_after_s=1.0)
        yield change
