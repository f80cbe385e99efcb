"""Reads the chunks that a process needs to make the mirror of a window's page, from storage and from memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

from msgspec.structs import replace

from services.audit.ingest.page_mirrors import NO_HISTORY, NO_PAGE, PageHistory, PagePlace
from services.audit.model import ChunkRow, WindowKey
from services.audit.storage.engine.engine import StorageError
from services.audit.storage.recording_store import RecordingStore
from services.audit.window_state import read_state

AT_ONCE = 4
"""Maximum number of histories that are read at the same time; further chunks do not wait for one."""

TIMEOUT_S = 2.0
"""Maximum time for reading a history; the chunk that needs it waits meanwhile."""

PAUSE_S = 30.0
"""Time after a history that could not be read in which a window does not ask for another one."""


class PageHistories:
    """Reads histories of pages within limits; a chunk without one is processed without names.

    Args:
        store: The store of recordings.
        max_bytes: Maximum size of a history as stored, in bytes; 0: none is read.

    Attributes:
        counts: Number of requests by outcome: "read", or why not: "too_large", "incomplete", "busy", "storage".
    """

    def __init__(self, store: RecordingStore, max_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._running = 0
        self.counts: Counter[str] = Counter()

    async def read(
        self, key: WindowKey, after: PagePlace, before_seq: int, unstored: Mapping[int, ChunkRow]
    ) -> PageHistory:
        """Returns the history of a window's page; NO_HISTORY: it cannot be had. Never raises for that.

        Args:
            key: The window.
            after: The place that a mirror has reached; NO_PAGE: none.
            before_seq: The chunk that needs it.
            unstored: The window's chunks that are on their way to storage, by seq.
        """
        if self._running >= AT_ONCE or not self._max_bytes:
            self.counts["busy" if self._max_bytes else "too_large"] += 1
            return NO_HISTORY
        self._running += 1
        try:
            async with asyncio.timeout(TIMEOUT_S):
                found, outcome = await self._read(key, after, before_seq, dict(unstored))
        except (StorageError, TimeoutError):
            found, outcome = NO_HISTORY, "storage"
        finally:
            self._running -= 1
        self.counts[outcome] += 1
        return found

    async def _read(
        self, key: WindowKey, after: PagePlace, before_seq: int, unstored: dict[int, ChunkRow]
    ) -> tuple[PageHistory, str]:
        snapshots = [seq for seq, row in unstored.items() if row.snapshot_seq and seq < before_seq]
        low = max(snapshots) if snapshots else await self._store.last_snapshot(key, before_seq)
        if after.seq and low <= after.seq < before_seq - 1 and await self._is_at(key, after, unstored):
            low = after.seq + 1
        else:
            after = NO_PAGE
        if not low:
            return NO_HISTORY, "incomplete"
        own = {seq: row.payload for seq, row in unstored.items() if low <= seq < before_seq}
        high = min(own, default=before_seq) - 1  # unstored chunks are the end of the window
        if sum(map(len, own.values())) > self._max_bytes:
            return NO_HISTORY, "too_large"
        if low <= high:
            count, size_bytes = await self._store.size_of(key, low, high)
            if size_bytes + sum(map(len, own.values())) > self._max_bytes:
                return NO_HISTORY, "too_large"
            if count != high - low + 1:
                return NO_HISTORY, "incomplete"
            own |= await self._store.payloads(key, low, high)
        if len(own) != before_seq - low:
            return NO_HISTORY, "incomplete"
        return PageHistory(after, tuple(own[seq] for seq in range(low, before_seq))), "read"

    async def _is_at(self, key: WindowKey, after: PagePlace, unstored: Mapping[int, ChunkRow]) -> bool:
        """Returns whether the chunks that a mirror has taken are those of the recording."""
        row = unstored.get(after.seq) or await self._store.last_chunk(key, after.seq)
        return row is not None and PagePlace.of(replace(read_state(row.state), seq=row.seq)) == after
