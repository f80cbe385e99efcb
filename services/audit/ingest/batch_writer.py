"""Group commit of chunks (`services.runtime.batcher`): while one insert is in flight, the next batch gathers.

Each insert has a fixed cost, so a batch that is already large waits a moment longer to become full, and on an
overloaded server every batch does; otherwise nothing waits. The pending batch is bounded in bytes and rows: `submit`
waits at the bound, its stream is no longer read, and the backpressure reaches the recorder.

An insert that fails is retried, for as long as the reason may pass. A batch that the engine refuses for another reason
is divided: its other entries are stored, and a chunk that stays refused is set aside (docs/adr/0017).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Protocol

import structlog

from services.audit.ingest.set_aside import SetAside, placeholder_for
from services.audit.model import ChunkRow, WindowHead, WindowKey
from services.audit.storage.engine.engine import (
    ERRNO_TEXT,
    NOT_OF_ROWS,
    StorageAway,
    StorageError,
    StorageFull,
    StorageOverload,
)
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.runtime.batcher import Batcher

_log = structlog.get_logger("afterimage.batch_writer")

FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0

PASSING = (StorageAway, StorageFull, StorageOverload)
"""Errors after which the same insert may succeed later; so it may after those of the engine's machine, its rights and
its tables (`engine.NOT_OF_ROWS`)."""

MAX_REFUSALS = 3
"""Number of times that a lone entry is refused before the engine is believed: unknown errors may pass too."""

MAX_REFUSED_STATEMENTS = 32
"""Number of refused statements of a batch that is divided, while none succeeds, after which the division ends: the
engine is the cause, not the rows. Everything is kept and tried again."""

REFUSED = "the database cannot store this recording; the server's log has the reason"

COMPANY = 8
"""Number of waiting entries that are tried beside a batch of which nothing can be stored: if one of them is stored, the
rows of the batch are the cause."""

LARGE_ROWS = 100
FULL_ROWS = 500
LINGER_S = 0.05
"""A batch of LARGE_ROWS waits up to LINGER_S for FULL_ROWS. Measured on chDB (docs/benchmarks.md): an insert
of 1 row costs 8 ms, of 150 rows 13 ms, of 500 rows 27 ms."""

PRESSED_LOAD = 2.0
PRESSED_BATCHES = 8
PRESSED_LINGER_S = 0.15
LOOK_S = 0.01
"""When the load has been above PRESSED_LOAD chunks per worker for more than PRESSED_BATCHES batches in a row, every
batch waits up to PRESSED_LINGER_S: each insert then costs time in which chunks could be processed. It waits only while
chunks are being processed, checked every LOOK_S: all recorders may be waiting for this insert."""


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """An item to be stored: a chunk, with the head that goes before it, or a head alone.

    On the event loop, `stored` is called once it is durable; `replaced` once a placeholder is stored in place of its
    chunk, which is set aside; or `refused`, with one sentence, if nothing of it can be stored.
    """

    stored: Callable[[], None]
    chunk: ChunkRow | None = None
    head: WindowHead | None = None
    again: bool = False
    """The chunk is already stored, and is stored again with the findings of its window's end."""
    replaced: Callable[[ChunkRow], None] = lambda _: None
    refused: Callable[[str], None] = lambda _: None
    is_acknowledged: bool = False
    """It is in the recording log: if it can neither be stored nor set aside, it is tried again for ever."""
    is_void: Callable[[], bool] = lambda: False
    """Returns whether an entry of its window before it was refused: then it must not be stored either."""

    @property
    def window(self) -> WindowKey | None:
        """The window; its entries are stored in their order."""
        return self.chunk.key if self.chunk else self.head.key if self.head else None

    @property
    def size_bytes(self) -> int:
        """Bytes that the entry counts against the bound."""
        return len(self.chunk.payload) + 1024 if self.chunk else 1024


@dataclass(slots=True)
class BatchCounts:
    """Totals stored since the start."""

    inserts: int = 0
    failures: int = 0
    refusals: int = 0
    """Statements that the engine refused for a reason that does not pass."""
    chunks: int = 0
    events: int = 0
    payload_bytes: int = 0


class EntrySink(Protocol):
    """Makes entries durable: the batch writer, or the recording log in front of it."""

    @property
    def failing_for_s(self) -> float:
        """Seconds for which nothing could be made durable; 0.0: it can."""
        ...

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are not durable yet."""
        ...

    async def submit(self, entry: BatchEntry) -> None:
        """Adds an entry, waiting while too much waits."""
        ...

    async def run(self) -> None:
        """Makes entries durable until it is cancelled."""
        ...

    async def drain(self) -> None:
        """Waits until all submitted entries are durable."""
        ...


class BatchWriter:
    """Stores entries in the order in which they were submitted, in batches.

    Args:
        store: The store of recordings.
        space: Notes whether the engine has space.
        set_aside: Keeps the chunks that the engine refuses; None: none is kept.
        now_ms: The server's clock, milliseconds since 1970 UTC.
        max_batch_bytes: Maximum payload bytes of a pending batch.
        max_batch_rows: Maximum entries of a pending batch.
        load: Returns the number of chunks in process or waiting, per chunk that can be processed at the same time.
    """

    def __init__(
        self,
        store: RecordingStore,
        space: FreeSpace,
        *,
        max_batch_bytes: int,
        max_batch_rows: int,
        load: Callable[[], float] = lambda: 0.0,
        set_aside: SetAside | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._space = space
        self._set_aside = set_aside
        self._now_ms = now_ms
        self._load = load
        self._max_bytes = max_batch_bytes
        self._max_rows = max_batch_rows
        self._pressed = 0
        self._failing_since: float | None = None
        self._batcher: Batcher[BatchEntry, None] = Batcher(
            self._send,
            max_waiting_rows=max_batch_rows,
            max_waiting_bytes=max_batch_bytes,
            size_bytes=attrgetter("size_bytes"),
            linger=self._linger,
        )
        self.take_more: Callable[[int], list[BatchEntry]] = self._batcher.take_waiting
        """Takes about some number of entries out that wait for the next batch."""
        self.counts = BatchCounts()

    @property
    def failing_for_s(self) -> float:
        """Seconds for which inserts have been failing; 0.0: they are not."""
        return 0.0 if self._failing_since is None else time.monotonic() - self._failing_since

    @property
    def waiting_bytes(self) -> int:
        """Bytes pending for the next insert."""
        return self._batcher.waiting_bytes

    async def submit(self, entry: BatchEntry) -> None:
        """Adds an entry to the batch, waiting while the batch is full."""
        await self._batcher.put(entry)

    async def run(self) -> None:
        """Stores batches until it is cancelled."""
        await self._batcher.run()

    async def drain(self) -> None:
        """Waits until all submitted entries are durable."""
        await self._batcher.drain()

    @property
    def _has_room(self) -> bool:
        return self._batcher.waiting_rows < FULL_ROWS and self._batcher.waiting_bytes < self._max_bytes

    async def _linger(self) -> None:
        self._pressed = self._pressed + 1 if self._load() > PRESSED_LOAD else 0
        if self._pressed > PRESSED_BATCHES:
            until_s = time.monotonic() + PRESSED_LINGER_S
            while time.monotonic() < until_s and self._has_room and self._load():
                await self._batcher.gather(FULL_ROWS, LOOK_S)
        elif self._batcher.waiting_rows >= LARGE_ROWS and self._has_room:
            await self._batcher.gather(FULL_ROWS, LINGER_S)

    async def _send(self, batch: Sequence[BatchEntry]) -> list[None]:
        await self.store(batch)
        return [None] * len(batch)

    async def store(self, batch: Sequence[BatchEntry]) -> None:
        """Stores a batch. No entry is dropped silently: each is stored, set aside, or refused."""
        rest, pause_s, is_engine_fine = self._without_void(batch), FIRST_RETRY_S, False
        while rest:
            found = await _Division(self, rest).run()
            rest = found.doubtful
            if rest and (is_engine_fine or found.has_stored):
                rest = await self._refuse(rest, found.error)
            if rest:
                await self._pause(found.error, rest, pause_s)
                pause_s = min(pause_s * 2, LONGEST_RETRY_S)
                rest, is_engine_fine = await self._with_company(rest)
        self._failing_since = None

    async def _with_company(self, rest: Sequence[BatchEntry]) -> tuple[list[BatchEntry], bool]:
        """Stores some waiting entries of other windows; returns the rest, and whether any was stored."""
        windows = {entry.window for entry in rest}
        company = self._without_void(self.take_more(COMPANY) if self._may_grow(rest) else [])
        others = [entry for entry in company if entry.window not in windows]
        found = await _Division(self, others).run() if others else _Divided()
        return [*rest, *(entry for entry in company if entry.window in windows), *found.doubtful], found.has_stored

    def _without_void(self, batch: Sequence[BatchEntry]) -> list[BatchEntry]:
        """Returns the entries without those of windows that were refused while they waited."""
        for entry in batch:
            if entry.is_void():
                entry.refused(REFUSED)
        return [entry for entry in batch if not entry.is_void()]

    def _may_grow(self, batch: Sequence[BatchEntry]) -> bool:
        return len(batch) < self._max_rows and sum(entry.size_bytes for entry in batch) < self._max_bytes

    async def try_to_store(self, batch: Sequence[BatchEntry]) -> StorageError | None:
        """Stores entries, retrying while the reason of a failure may pass.

        Returns:
            The error, if the engine refuses them.
        """
        pause_s = FIRST_RETRY_S
        while True:
            try:
                await self._insert(batch)
            except StorageError as error:
                if not _may_pass(error):
                    self.counts.refusals += 1
                    return error
                if isinstance(error, StorageFull):
                    self._space.insert_failed()
                await self._pause(error, batch, pause_s)
                pause_s = min(pause_s * 2, LONGEST_RETRY_S)
            else:
                for entry in batch:
                    entry.stored()
                return None

    async def set_aside(self, entry: BatchEntry, error: StorageError) -> bool:
        """Keeps the chunk of an entry that the engine refuses, and stores a placeholder in its place.

        Returns:
            Whether that was possible.
        """
        chunk = entry.chunk
        if chunk is None or self._set_aside is None:
            return False
        if await self._set_aside.keep(chunk, error, self._now_ms()) != "kept":
            return False
        # At a window's end the chunk itself is stored already; only the findings that the end completes are missing.
        placeholder = placeholder_for(chunk)
        place = BatchEntry(
            entry.stored if entry.again else lambda: entry.replaced(placeholder),
            None if entry.again else placeholder,
            entry.head,
            again=entry.again,
        )
        if await self.try_to_store([place]) is None:
            self._set_aside.report(chunk, error, "kept")
            return True
        await self._set_aside.discard(chunk)
        return False

    async def _refuse(self, entries: Sequence[BatchEntry], error: StorageError) -> list[BatchEntry]:
        """Gives up entries of windows of which nothing can be stored, while other windows are.

        Returns:
            Those that must not be given up.
        """
        held = []
        for entry in entries:
            outcome = ""
            if entry.chunk is not None and self._set_aside is not None:
                outcome = await self._set_aside.keep(entry.chunk, error, self._now_ms())
                self._set_aside.report(entry.chunk, error, outcome)
            entry.refused(REFUSED)
            if entry.is_acknowledged and entry.chunk is not None and outcome != "kept":
                held.append(entry)
        return held

    async def _pause(self, error: StorageError, batch: Sequence[BatchEntry], pause_s: float) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        self.counts.failures += 1
        _log.warning("insert failed, will be tried again", error=error.detail[:300], entries=len(batch))
        await asyncio.sleep(pause_s)

    async def _insert(self, batch: Sequence[BatchEntry]) -> None:
        heads = list({(entry.head.key, entry.head.ended): entry.head for entry in batch if entry.head}.values())
        await self._store.insert(heads, [entry.chunk for entry in batch if entry.chunk])
        self._failing_since = None
        self._space.insert_succeeded()
        self.counts.inserts += 1
        new = [entry.chunk for entry in batch if entry.chunk and not entry.again]
        self.counts.chunks += len(new)
        self.counts.events += sum(chunk.event_count for chunk in new)
        self.counts.payload_bytes += sum(len(chunk.payload) for chunk in new)


def _may_pass(error: StorageError) -> bool:
    return isinstance(error, PASSING) or error.number in NOT_OF_ROWS or ERRNO_TEXT in error.detail


@dataclass(slots=True)
class _Divided:
    """Result of a division: the entries that are not stored, and whether any other was.

    Attributes:
        doubtful: Entries that were refused, even as a placeholder, and those of their windows after them.
        error: The last refusal.
    """

    doubtful: list[BatchEntry] = field(default_factory=list)
    has_stored: bool = False
    error: StorageError = field(default_factory=lambda: StorageError("nothing was refused"))


class _Division:
    """Stores a batch; if the engine refuses it, its halves, and so on down to the entries that cannot be stored.

    Takes one statement if nothing is refused, and fewer than six per entry in the worst case.
    """

    def __init__(self, writer: BatchWriter, batch: Sequence[BatchEntry]) -> None:
        self._writer = writer
        self._parts = [list(batch)]
        """Remaining parts, the next one last."""
        self._found = _Divided()
        self._held: set[WindowKey | None] = set()
        """Windows with a doubtful entry: the ones after it must wait, since acks are cumulative."""
        self._refusals = 0
        self._max_refusals = MAX_REFUSALS

    async def run(self) -> _Divided:
        """Stores all entries that the engine accepts."""
        found = self._found
        while self._parts:
            part = self._parts.pop()
            if not found.has_stored and self._refusals >= MAX_REFUSED_STATEMENTS:
                found.doubtful += part
                continue
            found.doubtful += [entry for entry in part if entry.window in self._held]
            part = [entry for entry in part if entry.window not in self._held]
            if not part or await self._is_stored(part):
                continue
            if len(part) > 1:
                middle = len(part) // 2
                self._parts += [part[middle:], part[:middle]]
            else:
                await self._isolate(part[0])
        return found

    async def _is_stored(self, part: Sequence[BatchEntry]) -> bool:
        error = await self._writer.try_to_store(part)
        if error is None:
            self._found.has_stored = True
            return True
        self._found.error = error
        self._refusals += 1
        return False

    async def _isolate(self, entry: BatchEntry) -> None:
        pause_s = FIRST_RETRY_S
        for _ in range(self._max_refusals - 1):
            await asyncio.sleep(pause_s)
            pause_s *= 2
            if await self._is_stored([entry]):
                return
        self._max_refusals = 1  # the next ones of this batch are believed at once
        if await self._writer.set_aside(entry, self._found.error):
            self._found.has_stored = True
            return
        self._refusals += 1
        self._found.doubtful.append(entry)
        self._held.add(entry.window)
