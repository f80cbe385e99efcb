"""Reading stored chunks: a session's index and payloads."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from services.audit.model import ChunkIndex, Mark, SessionKey, StoredWindow
from services.audit.storage.engine.engine import POINT_READ, Engine
from services.audit.storage.recording_store import read_marks
from services.audit.storage.retention import FOREVER, Retention, day_of
from services.audit.window_state import read_state

BATCH_BYTES = 2 * 1024 * 1024
"""Payload bytes per read. A viewer holds at most two batches: one is sent while the next one is read."""

FIRST_BATCH_BYTES = 256 * 1024
"""Payload bytes of the first read, smaller for a short wait for the first chunk."""


OPENING_SEQS = 2_048
"""Number of chunks per window of which a replay reads the index before its header. The rest of a longer window is read
while it is sent: the wait for the first chunk does not grow with a session's length."""

PAGE_SEQS = 1_000
"""Number of chunks of a long window of which the index is read at once."""


class StoredPayload(NamedTuple):
    """A chunk as a replay sends it."""

    window: UUID
    seq: int
    first_ms: int
    last_ms: int
    event_count: int
    has_full_snapshot: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """The stored contents of a session: its windows, and its chunks in the order of play."""

    windows: list[StoredWindow]
    chunks: list[ChunkIndex]
    is_whole: bool = True
    """Whether `chunks` are all chunks of the session."""


class Stretch(NamedTuple):
    """The end of a window, from a chunk on."""

    chunk_count: int
    payload_bytes: int
    first_ms: int


class ChunkReader:
    """Reads the chunks of sessions."""

    def __init__(self, engine: Engine, retention: Retention) -> None:
        self._engine = engine
        self._retention = retention

    async def contents(self, key: SessionKey, most: int | None = None) -> Contents:
        """Returns the stored contents of a session, without payloads, by one statement.

        Args:
            key: The session.
            most: Only chunks up to this seq of each window, but all windows as they are; None: all chunks.

        A statement costs some milliseconds before its first row, most of them for its analysis: fewer and simpler
        statements shorten the wait for the first chunk. Columns are returned as arrays: a thousand rows of eight
        values would cost ten times as much to decode.
        """
        gathered = "groupArray({})" if most is None else f"groupArrayIf({{}}, seq <= {int(most)})"
        columns = ", ".join(gathered.format(name) for name in ChunkIndex._fields[1:])
        condition, params = self._of_session(key)
        rows = await self._engine.query(
            "SELECT window, min(first_ms), max(last_ms), max(seq), maxForEach(totals), max(stored_ms), "
            f"{columns} FROM chunks PREWHERE {condition} GROUP BY window{POINT_READ}",
            params,
        )
        windows = [StoredWindow(*row[: len(StoredWindow._fields)]) for row in rows]
        chunks: list[ChunkIndex] = []
        for window, *values in ((row[0], *row[len(StoredWindow._fields) :]) for row in rows):
            stored = map(ChunkIndex._make, zip(repeat(window), *values, strict=False))
            chunks += {chunk.seq: chunk for chunk in stored}.values()  # removes chunks delivered twice
        chunks.sort(key=attrgetter("order_ms", "window", "seq"))
        return Contents(windows, chunks, most is None or all(window.seq <= most for window in windows))

    async def index(self, key: SessionKey) -> list[ChunkIndex]:
        """Returns the session's chunks without payloads, in the order of play."""
        return (await self.contents(key)).chunks

    async def seq_before(self, key: SessionKey, window: UUID, from_ms: int) -> int | None:
        """Returns the chunk of a window with which a replay from a moment begins, as in `replay.plan`.

        None: no full snapshot is at or before that moment.
        """
        condition, params = self._of_session(key)
        [(count, seq)] = await self._engine.query(
            f"SELECT count(), argMax(snapshot_seq, seq) FROM chunks PREWHERE {condition} AND window = {{window:UUID}} "
            f"AND snapshot_seq > 0 AND snapshot_ms <= {{from:Int64}}{POINT_READ}",
            {**params, "window": window, "from": from_ms},
        )
        return seq if count else None

    async def stretch(self, key: SessionKey, window: UUID, from_seq: int) -> Stretch:
        """Returns the number and the size of a window's chunks from a seq on; chunks delivered twice count once."""
        condition, params = self._of_session(key)
        [row] = await self._engine.query(
            "SELECT count(), sum(size), min(first) FROM ("
            "SELECT seq, any(payload_bytes) AS size, min(first_ms) AS first "
            f"FROM chunks PREWHERE {condition} AND window = {{window:UUID}} AND seq >= {{low:UInt32}} GROUP BY seq)"
            f"{POINT_READ}",
            {**params, "window": window, "low": from_seq},
        )
        return Stretch(*map(int, row))

    async def index_of_window(self, key: SessionKey, window: UUID, low: int, high: int) -> list[ChunkIndex]:
        """Returns a window's chunks of these seqs, both included, in their order."""
        condition, params = self._of_session(key)
        columns = ", ".join(f"groupArray({name})" for name in ChunkIndex._fields[1:])
        [row] = await self._engine.query(
            f"SELECT {columns} FROM chunks PREWHERE {condition} AND window = {{window:UUID}} "
            f"AND seq >= {{low:UInt32}} AND seq <= {{high:UInt32}}{POINT_READ}",
            {**params, "window": window, "low": low, "high": high},
        )
        found = {chunk.seq: chunk for chunk in map(ChunkIndex._make, zip(repeat(window), *row, strict=False))}
        return [found[seq] for seq in sorted(found)]

    async def first_ms(self, key: SessionKey, stored_before_ms: int | None) -> int | None:
        """Returns the time of the session's first event among the chunks stored by then; None: there is no such chunk.

        Args:
            key: The session.
            stored_before_ms: Milliseconds since 1970 by the server's clock; None: all chunks.
        """
        condition, params = self._of_session(key)
        if stored_before_ms is not None:
            condition += " AND stored_ms <= {stored_before:Int64}"
            params |= {"stored_before": stored_before_ms}
        [(count, first_ms)] = await self._engine.query(
            f"SELECT count(), min(first_ms) FROM chunks WHERE {condition}", params
        )
        return first_ms if count else None

    async def marks(self, key: SessionKey) -> list[tuple[UUID, int, Mark]]:
        """Returns the session's marks with their window and seq, by time."""
        condition, params = self._of_session(key)
        rows = await self._engine.query(
            f"SELECT window, seq, marks FROM chunks WHERE {condition} AND marks != '' "
            "ORDER BY stored_ms DESC LIMIT 1 BY window, seq",
            params,
        )
        found = [(window, seq, mark) for window, seq, data in rows for mark in read_marks(data)]
        return sorted(found, key=lambda entry: (entry[2].time_ms, entry[0].int, entry[1]))

    async def leaks(self, key: SessionKey) -> dict[tuple[str, str], int]:
        """Returns the number of masking findings in the session, by rule and field class."""
        condition, params = self._of_session(key)
        rows = await self._engine.query(
            f"SELECT state FROM chunks WHERE {condition} ORDER BY seq DESC LIMIT 1 BY window", params
        )
        found: Counter[tuple[str, str]] = Counter()
        for (state,) in rows:
            for name, count in read_state(state).leaks.items():
                rule, _, field = name.partition(" ")
                found[rule, field] += count
        return dict(found)

    def payloads(self, key: SessionKey, chunks: Sequence[ChunkIndex]) -> Payloads:
        """Returns the chunks with their payloads, in the given order; begins to read at once."""
        return Payloads(lambda batch: self.read(key, batch), _batches(chunks))

    async def read(self, key: SessionKey, batch: Sequence[ChunkIndex]) -> list[StoredPayload]:
        """Returns the chunks with their payloads, in the given order, by one statement for each window."""
        condition, params = self._of_session(key)
        found: dict[tuple[UUID, int], StoredPayload] = {}
        for window in dict.fromkeys(chunk.window for chunk in batch):
            seqs = [chunk.seq for chunk in batch if chunk.window == window]
            rows = await self._engine.query(
                "SELECT window, seq, first_ms, last_ms, event_count, snapshot_seq > 0, payload FROM chunks "
                f"PREWHERE {condition} AND window = {{window:UUID}} "
                f"AND seq >= {{low:UInt32}} AND seq <= {{high:UInt32}}{POINT_READ}",
                {**params, "window": window, "low": min(seqs), "high": max(seqs)},
            )
            for row in rows:
                found[window, row[1]] = StoredPayload._make(row)
        return [stored for chunk in batch if (stored := found.get((chunk.window, chunk.seq)))]

    def _of_session(self, key: SessionKey) -> tuple[str, dict[str, object]]:
        """Returns the condition of a session's chunks and its parameters."""
        since = self._retention.kept_since(key.project)
        condition = "project = {project:String} AND day = {day:Date} AND session = {session:UUID}"
        if since != FOREVER:
            condition += " AND kept_from >= {since:Date}"
        return condition, {
            "project": key.project,
            "day": day_of(key.start_ms),
            "session": key.session,
            "since": since,
        }


class Payloads:
    """Chunks with their payloads, as an asynchronous iterator: while a batch is sent, the next one is read.

    Args:
        read: Reads a batch.
        batches: The batches, in the order of play.
    """

    def __init__(
        self,
        read: Callable[[Sequence[ChunkIndex]], Awaitable[list[StoredPayload]]],
        batches: Iterable[Sequence[ChunkIndex]],
    ) -> None:
        self._read = read
        self._batches = iter(batches)
        self._found = iter(list[StoredPayload]())
        self._ahead = self._begin()

    def __aiter__(self) -> Payloads:
        return self

    async def __anext__(self) -> StoredPayload:
        while True:
            for payload in self._found:
                return payload
            if self._ahead is None:
                raise StopAsyncIteration
            found = await self._ahead
            self._ahead = self._begin()
            self._found = iter(found)

    async def aclose(self) -> None:
        """Stops reading."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
            self._ahead = None

    def _begin(self) -> asyncio.Future[list[StoredPayload]] | None:
        batch = next(self._batches, None)
        return None if batch is None else asyncio.ensure_future(self._read(batch))


def _batches(chunks: Sequence[ChunkIndex]) -> list[list[ChunkIndex]]:
    batches: list[list[ChunkIndex]] = []
    size, limit = 0, 0
    for chunk in chunks:
        if not batches or size + chunk.payload_bytes > limit:
            limit = BATCH_BYTES if batches else FIRST_BATCH_BYTES
            batches.append([])
            size = 0
        batches[-1].append(chunk)
        size += chunk.payload_bytes
    return batches
