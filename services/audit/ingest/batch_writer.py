"""Group commit of chunks (`services.runtime.batcher`): while one insert is in flight, the next batch gathers.

Each insert has a fixed cost, so a batch that is already large waits a moment longer to become full, and on an
overloaded server every batch does; otherwise nothing waits. The pending batch is bounded in bytes and rows: `submit`
waits at the bound, its stream is no longer read, and the backpressure reaches the recorder.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import structlog

from services.audit.model import ChunkRow, WindowHead
from services.audit.storage.engine.engine import StorageError, StorageFull
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.runtime.batcher import Batcher

_log = structlog.get_logger("afterimage.batch_writer")

FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0

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

    `stored` is called on the event loop once it is durable.
    """

    stored: Callable[[], None]
    chunk: ChunkRow | None = None
    head: WindowHead | None = None
    again: bool = False
    """The chunk is already stored, and is stored again with the findings of its window's end."""

    @property
    def size_bytes(self) -> int:
        """Bytes that the entry counts against the bound."""
        return len(self.chunk.payload) + 1024 if self.chunk else 1024


@dataclass(slots=True)
class BatchCounts:
    """Totals stored since the start."""

    inserts: int = 0
    failures: int = 0
    chunks: int = 0
    events: int = 0
    payload_bytes: int = 0


class BatchWriter:
    """Stores entries in the order in which they were submitted, in batches.

    Args:
        store: The store of recordings.
        space: Notes whether the engine has space.
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
    ) -> None:
        self._store = store
        self._space = space
        self._load = load
        self._max_bytes = max_batch_bytes
        self._pressed = 0
        self._failing_since: float | None = None
        self._batcher: Batcher[BatchEntry, None] = Batcher(
            self._send,
            max_waiting_rows=max_batch_rows,
            max_waiting_bytes=max_batch_bytes,
            size_bytes=attrgetter("size_bytes"),
            linger=self._linger,
        )
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
        await self._store_whole(batch)
        for entry in batch:
            entry.stored()
        return [None] * len(batch)

    async def _store_whole(self, batch: Sequence[BatchEntry]) -> None:
        """Stores a batch, retrying until it succeeds: a batch is never dropped."""
        heads = list({(entry.head.key, entry.head.ended): entry.head for entry in batch if entry.head}.values())
        chunks = [entry.chunk for entry in batch if entry.chunk]
        retry_s = FIRST_RETRY_S
        while True:
            try:
                await self._store.insert(heads, chunks)
            except StorageError as error:
                if self._failing_since is None:
                    self._failing_since = time.monotonic()
                self.counts.failures += 1
                if isinstance(error, StorageFull):
                    self._space.insert_failed()
                _log.warning("insert failed, will be tried again", error=error.detail[:300], chunks=len(chunks))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
            else:
                self._failing_since = None
                self._space.insert_succeeded()
                self.counts.inserts += 1
                new = [entry.chunk for entry in batch if entry.chunk and not entry.again]
                self.counts.chunks += len(new)
                self.counts.events += sum(chunk.event_count for chunk in new)
                self.counts.payload_bytes += sum(len(chunk.payload) for chunk in new)
                return
