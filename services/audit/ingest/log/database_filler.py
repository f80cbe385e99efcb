"""Fills the database from the recording log, in large batches, and deletes stored segments.

At the start it stores the entries that the last process has left. Storing a row again changes nothing: so the log is
read from its beginning, and its progress is kept in memory only. Reads wait until the rows that they need are stored
(`settle`), which takes an insert; so a reader finds everything that was acknowledged before it asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import structlog

from services.audit.ingest.batch_writer import BatchEntry, BatchWriter
from services.audit.ingest.log.entries import LogEntry, unpack
from services.audit.ingest.log.recording_log import Position, RecordingLog
from services.audit.model import SessionKey, WindowKey
from services.audit.storage.engine.engine import StorageAway
from services.audit.storage.recording_store import RecordingStore

_log = structlog.get_logger("afterimage.recording_log")

MAX_ROWS: Final = 2_000
MAX_BYTES: Final = 16 * 1024**2
"""Entries, and bytes of the log, of an insert: more cost memory and gain nothing (docs/benchmarks.md)."""

LINGER_S: Final = 1.0
"""Time for which the first entry of a batch waits for others, unless a reader waits for it."""

SETTLE_S: Final = 10.0
"""Time for which a reader waits for rows."""

CUT_INTERVAL_S: Final = 5.0
"""Time between two deletions of segments: before each of them the database's files are synced."""

IDLE_CUT_S: Final = 60.0
"""Time without entries after which the active segment is left, so that its chunks are in the database only."""

_FAILING_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Logged:
    """A frame: the sessions of its entries, the bytes of its chunks, and its end."""

    sessions: Sequence[SessionKey]
    size_bytes: int
    end: Position


class DatabaseFiller:
    """Stores logged entries.

    Args:
        log: The log.
        writer: Stores batches; it divides those that the database refuses, and sets their chunks aside.
        store: Knows which sessions were deleted.
        sync: Makes the database's files durable; blocks.
        refused: Called with a window of which something cannot be stored: its recorder must stop.
    """

    def __init__(
        self,
        log: RecordingLog,
        writer: BatchWriter,
        store: RecordingStore,
        sync: Callable[[], None],
        refused: Callable[[WindowKey, str], None] = lambda _key, _why: None,
    ) -> None:
        self._log = log
        self._writer = writer
        self._store = store
        self._sync = sync
        self.refused = refused
        writer.take_more = self._take_more
        self._frames: deque[_Logged] = deque()
        """Frames that are not read yet."""
        self._in_flight: list[_Logged] = []
        """Frames that are being stored."""
        self._read_end = self._stored_end = log.begin
        self._unstored: Counter[SessionKey] = Counter()
        """Entries by session that are logged and not stored."""
        self._logged_count = 0
        self._stored_count = 0
        self._waiting_count = 0
        """Entries that are not read yet."""
        self._deleted: set[SessionKey] = set()
        """Sessions that were deleted before the last process ended: their chunks in the log are void."""
        self._work = asyncio.Event()
        self._enough = asyncio.Event()
        self._progress = asyncio.Event()
        self._cut_at_s = 0.0

    @property
    def unstored_count(self) -> int:
        """Number of logged entries that are not in the database."""
        return self._logged_count - self._stored_count

    def logged(self, sessions: Sequence[SessionKey], size_bytes: int, end: Position) -> None:
        """Notes a frame that was logged.

        Args:
            sessions: The sessions of its entries.
            size_bytes: Bytes of their payloads.
            end: Its end.
        """
        self._frames.append(_Logged(sessions, size_bytes, end))
        self._unstored.update(sessions)
        self._logged_count += len(sessions)
        self._waiting_count += len(sessions)
        self._work.set()
        if self._waiting_count >= MAX_ROWS:
            self._enough.set()

    async def recover(self) -> int:
        """Takes over the entries of an earlier process, but for those of deleted sessions; returns their number.

        Raises:
            LogError: The log cannot be read.
            StorageError: As raised by the engine.
        """
        sessions: set[SessionKey] = set()
        for body, end in self._log.read(self._log.begin, self._log.end):
            of_frame = [entry.session for entry in unpack(body)]
            self.logged(of_frame, len(body), end)
            sessions.update(of_frame)
            await asyncio.sleep(0)
        self._deleted = await self._store.deleted_of(list(sessions))
        return self._logged_count

    async def run(self) -> None:
        """Stores logged entries until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(IDLE_CUT_S):
                    await self._work.wait()
            except TimeoutError:
                await asyncio.to_thread(self._log.leave_segment)
                await self._cut()
                continue
            await self._gather()
            await self._store_some()

    async def drain(self) -> None:
        """Waits until everything that is logged is stored. Runs beside `run`."""
        await self.settle(is_needed=True, patience_s=None)

    async def settle(
        self, session: SessionKey | None = None, *, is_needed: bool = False, patience_s: float | None = SETTLE_S
    ) -> None:
        """Waits until all entries logged by now are stored.

        Args:
            session: Only needed if this session has entries that are not stored; None: for all of them.
            is_needed: Whether a reader would be wrong without them. Else it goes on while the database takes nothing.
            patience_s: Time to wait; None: for ever.

        Raises:
            StorageAway: They are needed, and the database does not take them in time.
        """
        if self.unstored_count == 0 or (session is not None and session not in self._unstored):
            return
        wanted, loop = self._logged_count, asyncio.get_running_loop()
        began_s = loop.time()
        while self._stored_count < wanted:
            self._enough.set()
            is_late = patience_s is not None and loop.time() - began_s > patience_s
            if is_late or (self._writer.failing_for_s and not is_needed):
                if is_needed:
                    raise StorageAway("the recording log could not be stored in time")
                return
            await self.progress(_FAILING_LOOK_S)

    async def empty(self) -> None:
        """Stores everything that is logged and deletes its segments, for a log that is not written any more.

        Raises:
            LogError: The log cannot be read.
            StorageAway: The database takes nothing, or a segment cannot be deleted.
        """
        running = asyncio.create_task(self.run())
        try:
            before = -1
            while self.unstored_count and self._stored_count > before and not running.done():
                before = self._stored_count
                with suppress(StorageAway):
                    await self.settle(is_needed=True)
            if running.done():
                await running
            await self.erase()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def erase(self) -> None:
        """Stores everything that is logged and deletes its segments, as before the receipt of a deletion.

        Raises:
            StorageAway: The database does not take it in time, or a segment cannot be deleted.
        """
        if self._log.begin == self._log.end and not self.unstored_count:
            return
        await asyncio.to_thread(self._log.leave_segment)
        end = self._log.end
        await self.settle(is_needed=True)
        await self._cut()
        if self._log.begin < end:
            raise StorageAway("the recording log could not be deleted")

    async def progress(self, timeout_s: float | None = None) -> None:
        """Waits until something was stored or deleted, but at most this long."""
        self._progress.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._progress.wait()
        except TimeoutError:
            return

    async def _gather(self) -> None:
        if self._waiting_count < MAX_ROWS:
            try:
                async with asyncio.timeout(LINGER_S):
                    await self._enough.wait()
            except TimeoutError:
                pass
        self._enough.clear()

    async def _store_some(self) -> None:
        self._in_flight = self._take_frames(MAX_ROWS)
        entries = await asyncio.to_thread(self._read, self._in_flight[-1].end)
        await self._writer.store(self._batch_entries(entries))
        self._stored()
        if asyncio.get_running_loop().time() >= self._cut_at_s:
            await self._cut()

    def _take_frames(self, rows: int) -> list[_Logged]:
        """Takes the next frames, at least one, with about this number of entries."""
        frames, count, size_bytes = [], 0, 0
        while self._frames and count < rows and size_bytes < MAX_BYTES:
            frames.append(self._frames.popleft())
            count += len(frames[-1].sessions)
            size_bytes += frames[-1].size_bytes
        self._waiting_count -= count
        if not self._frames:
            self._work.clear()
        return frames

    def _take_more(self, rows: int) -> list[BatchEntry]:
        """Returns the next entries, to be stored together with those in flight."""
        frames = self._take_frames(rows)
        if not frames:
            return []
        self._in_flight += frames
        return self._batch_entries(self._read(frames[-1].end))

    def _stored(self) -> None:
        for frame in self._in_flight:
            self._stored_count += len(frame.sessions)
            for session in frame.sessions:
                self._unstored[session] -= 1
                if not self._unstored[session]:
                    del self._unstored[session]
        self._stored_end = self._in_flight[-1].end
        self._in_flight = []
        self._progress.set()

    def _batch_entries(self, entries: Sequence[LogEntry]) -> list[BatchEntry]:
        return [self._batch_entry(entry) for entry in entries if entry.session not in self._deleted]

    def _read(self, until: Position) -> list[LogEntry]:
        """Reads on up to a frame's end."""
        entries: list[LogEntry] = []
        for body, end in self._log.read(self._read_end, until):
            entries += unpack(body)
            self._read_end = end
        return entries

    def _batch_entry(self, entry: LogEntry) -> BatchEntry:
        chunk, window = entry.chunk, entry.window
        if chunk is not None and not chunk.stored_ms:
            chunk = replace(chunk, stored_ms=entry.logged_ms)
        return BatchEntry(
            stored=lambda: None,
            chunk=chunk,
            head=entry.head,
            again=entry.again,
            refused=lambda why: self.refused(window, why),
            is_acknowledged=True,
        )

    async def _cut(self) -> None:
        self._cut_at_s = asyncio.get_running_loop().time() + CUT_INTERVAL_S
        stored = self._stored_end
        if not self._log.has_done(stored):
            return
        try:
            await asyncio.to_thread(self._sync)
            await asyncio.to_thread(self._log.cut, stored)
        except OSError as error:
            _log.error("segments of the recording log cannot be deleted, will be tried again", error=str(error))
        else:
            self._progress.set()
