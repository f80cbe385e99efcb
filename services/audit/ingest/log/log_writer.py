"""Group commit to the recording log: while one frame is synced, the next one gathers. Then its chunks are acknowledged.

It stands where BatchWriter stands without a log: recordings submit to it, and the database is filled behind it
(`database_filler`). A frame that cannot be written is tried again in another segment; nothing of it is acknowledged.
The log has a maximum size, at which it waits for the database, and the backpressure reaches the recorders.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from typing import Final

import structlog

from services.audit.ingest.batch_writer import FIRST_RETRY_S, LONGEST_RETRY_S, REFUSED, BatchCounts, BatchEntry
from services.audit.ingest.log.database_filler import DatabaseFiller
from services.audit.ingest.log.entries import LogEntry, join, pack
from services.audit.ingest.log.recording_log import Position, RecordingLog
from services.audit.storage.free_space import FreeSpace
from services.runtime.batcher import Batcher

_log = structlog.get_logger("afterimage.recording_log")

MAX_FRAME_BYTES: Final = 4 * 1024**2
"""Payload bytes after which a frame is full; a single chunk may be larger."""

_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)


class LogWriter:
    """Logs entries in the order in which they were submitted.

    Args:
        log: The log, which the writer's thread writes.
        filler: Stores the logged entries.
        space: Notes whether the log has space.
        now_ms: The server's clock, milliseconds since 1970 UTC.
        max_waiting_bytes: Maximum payload bytes that wait for the next frames.
        max_waiting_rows: Maximum entries that wait for the next frames.
        max_log_bytes: Size of the log at which nothing more is logged until the database has taken something.
    """

    def __init__(
        self,
        log: RecordingLog,
        filler: DatabaseFiller,
        space: FreeSpace,
        *,
        now_ms: Callable[[], int],
        max_waiting_bytes: int,
        max_waiting_rows: int,
        max_log_bytes: int,
    ) -> None:
        self._log = log
        self._filler = filler
        self._space = space
        self._now_ms = now_ms
        self._max_log_bytes = max_log_bytes
        self._failing_since: float | None = None
        self._thread = ThreadPoolExecutor(1, "recording-log")
        self._batcher: Batcher[BatchEntry, None] = Batcher(
            self._send,
            max_waiting_rows=max_waiting_rows,
            max_waiting_bytes=max_waiting_bytes,
            size_bytes=attrgetter("size_bytes"),
        )
        self.counts = BatchCounts()
        """Frames count as inserts."""

    @property
    def failing_for_s(self) -> float:
        """Seconds for which nothing could be logged; 0.0: it can."""
        return 0.0 if self._failing_since is None else time.monotonic() - self._failing_since

    @property
    def waiting_bytes(self) -> int:
        """Bytes pending for the next frame."""
        return self._batcher.waiting_bytes

    async def submit(self, entry: BatchEntry) -> None:
        """Adds an entry to the next frame, waiting while too much waits."""
        await self._batcher.put(entry)

    async def run(self) -> None:
        """Logs entries until it is cancelled."""
        await self._batcher.run()

    async def drain(self) -> None:
        """Waits until all submitted entries are durable."""
        await self._batcher.drain()

    async def _send(self, batch: Sequence[BatchEntry]) -> list[None]:
        for part in _parts(batch):
            await self._log_part(part)
        return [None] * len(batch)

    async def _log_part(self, part: Sequence[BatchEntry]) -> None:
        pause_s = FIRST_RETRY_S
        while True:
            await self._room()
            now_ms = self._now_ms()
            packed = [(entry, self._packed(entry, now_ms)) for entry in part if not entry.is_void()]
            live = [entry for entry, data in packed if data]
            try:
                end = await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._write, [data for _, data in packed if data]
                )
            except OSError as error:
                self._failed(error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_RETRY_S)
            else:
                break
        if self._failing_since is not None:
            self._failing_since = None
            self._space.insert_succeeded()
        if live:
            self._logged(live, end)
        for entry in part:
            if entry not in live:
                entry.refused(REFUSED)

    def _packed(self, entry: BatchEntry, now_ms: int) -> bytes:
        """Returns an entry for the log; empty: it has a value that cannot be written, and is refused."""
        try:
            return pack(LogEntry(now_ms, entry.chunk, entry.head, entry.again))
        except (ValueError, OverflowError, TypeError) as error:
            _log.error("a chunk cannot be logged", window=str(entry.window), error=str(error))
            return b""

    def _write(self, packed: Sequence[bytes]) -> Position:
        return self._log.write(join(packed)) if packed else self._log.end

    def _logged(self, entries: Sequence[BatchEntry], end: Position) -> None:
        sessions = [window.session_key for entry in entries if (window := entry.window)]
        self._filler.logged(sessions, sum(entry.size_bytes for entry in entries), end)
        counts, new = self.counts, [entry.chunk for entry in entries if entry.chunk and not entry.again]
        counts.inserts += 1
        counts.chunks += len(new)
        counts.events += sum(chunk.event_count for chunk in new)
        counts.payload_bytes += sum(len(chunk.payload) for chunk in new)
        for entry in entries:
            entry.stored()

    async def _room(self) -> None:
        """Waits while the log has its maximum size."""
        if self._log.size_bytes <= self._max_log_bytes:
            return
        _log.warning("the recording log is full: recorders wait for the database", size_bytes=self._log.size_bytes)
        while self._log.size_bytes > self._max_log_bytes:
            if self._failing_since is None:
                self._failing_since = time.monotonic()
            await self._filler.progress()
        _log.warning("the recording log has room again")

    def _failed(self, error: OSError) -> None:
        self.counts.failures += 1
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        if error.errno in _NO_SPACE:
            self._space.insert_failed()
        _log.error("the recording log cannot be written, will be tried again", error=str(error))


def _parts(batch: Sequence[BatchEntry]) -> list[list[BatchEntry]]:
    """Divides a batch into those of a frame each."""
    parts: list[list[BatchEntry]] = [[]]
    size_bytes = 0
    for entry in batch:
        if parts[-1] and size_bytes + entry.size_bytes > MAX_FRAME_BYTES:
            parts.append([])
            size_bytes = 0
        parts[-1].append(entry)
        size_bytes += entry.size_bytes
    return parts
