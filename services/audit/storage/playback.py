"""Reading stored chunks: the index of a session, the plan of a replay, the payloads."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.audit.ingest.fold import read_state
from services.audit.model import ChunkIndex, Mark, SessionKey
from services.audit.storage.store import Store, day_of, read_marks

BATCH_BYTES = 4 * 1024 * 1024
"""Payloads read at once; the first batch is smaller, so that the first chunk is soon there."""

FIRST_BATCH_BYTES = 256 * 1024

_OF_SESSION = (
    "project = {project:String} AND day = {day:Date} AND session = {session:UUID} AND kept_from >= {since:Date}"
)


@dataclass(frozen=True, slots=True)
class StoredPayload:
    """A chunk as a replay sends it."""

    window: UUID
    seq: int
    first_ms: int
    last_ms: int
    event_count: int
    has_full_snapshot: bool
    payload: bytes


class Playback:
    """Reads the chunks of sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def index(self, key: SessionKey, after: Mapping[UUID, int] | None = None) -> list[ChunkIndex]:
        """Returns the session's chunks without payloads, in the order of play.

        Args:
            key: The session.
            after: The last seq already known of each window; windows not named are read from the start.
        """
        rows = await self._store.engine.query(
            "SELECT window, seq, order_ms, first_ms, last_ms, snapshot_ms, snapshot_seq, payload_bytes FROM chunks "
            f"WHERE {_OF_SESSION} ORDER BY order_ms, window, seq LIMIT 1 BY window, seq",
            self._params(key),
        )
        chunks = [ChunkIndex(*row) for row in rows]
        return [chunk for chunk in chunks if chunk.seq > after.get(chunk.window, 0)] if after else chunks

    async def marks(self, key: SessionKey) -> list[tuple[UUID, int, Mark]]:
        """Returns the session's marks with their window and seq, in the order of time."""
        rows = await self._store.engine.query(
            f"SELECT window, seq, marks FROM chunks WHERE {_OF_SESSION} AND marks != '' "
            "ORDER BY stored_ms DESC LIMIT 1 BY window, seq",
            self._params(key),
        )
        found = [(window, seq, mark) for window, seq, data in rows for mark in read_marks(data)]
        return sorted(found, key=lambda entry: (entry[2].time_ms, entry[0].int, entry[1]))

    async def leaks(self, key: SessionKey) -> dict[tuple[str, str], int]:
        """Returns what masking found in the session: how often each rule in each class of field."""
        rows = await self._store.engine.query(
            f"SELECT state FROM chunks WHERE {_OF_SESSION} ORDER BY seq DESC LIMIT 1 BY window", self._params(key)
        )
        found: Counter[tuple[str, str]] = Counter()
        for (state,) in rows:
            for name, count in read_state(state).leaks.items():
                rule, _, field = name.partition(" ")
                found[rule, field] += count
        return dict(found)

    async def payloads(self, key: SessionKey, chunks: Sequence[ChunkIndex]) -> AsyncGenerator[StoredPayload, None]:
        """Yields the chunks with their payloads, in the order in which they are given."""
        for batch in _batches(chunks):
            found: dict[tuple[UUID, int], StoredPayload] = {}
            for window in dict.fromkeys(chunk.window for chunk in batch):
                seqs = [chunk.seq for chunk in batch if chunk.window == window]
                rows = await self._store.engine.query(
                    "SELECT window, seq, first_ms, last_ms, event_count, snapshot_ms, snapshot_seq, payload "
                    f"FROM chunks WHERE {_OF_SESSION} AND window = {{window:UUID}} AND seq >= {{low:UInt32}} "
                    "AND seq <= {high:UInt32} LIMIT 1 BY seq",
                    {**self._params(key), "window": window, "low": min(seqs), "high": max(seqs)},
                )
                for _, seq, first_ms, last_ms, event_count, _, snapshot_seq, payload in rows:
                    found[window, seq] = StoredPayload(
                        window, seq, first_ms, last_ms, event_count, snapshot_seq > 0, payload
                    )
            for chunk in batch:
                if stored := found.get((chunk.window, chunk.seq)):
                    yield stored

    def _params(self, key: SessionKey) -> dict[str, object]:
        return {
            "project": key.project,
            "day": day_of(key.start_ms),
            "session": key.session,
            "since": self._store.kept_since(key.project),
        }


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


def plan(chunks: Sequence[ChunkIndex], from_ms: int | None, window: UUID | None = None) -> list[ChunkIndex]:
    """Returns the chunks that a replay from `from_ms` on needs, in the order of play.

    In each window that has something to show at or after that moment it begins with the chunk that
    holds the last full snapshot at or before the moment (or the Meta event before that snapshot). A
    window that was over by then is left out, but for the one that was active last: it is what the
    viewer sees at that moment.

    Args:
        chunks: The session's chunks in the order of play.
        from_ms: Milliseconds since 1970 UTC; None: from the start.
        window: Only this window; None: all.
    """
    if window is not None:
        chunks = [chunk for chunk in chunks if chunk.window == window]
    if from_ms is None:
        return list(chunks)
    last_ms: dict[UUID, int] = {}
    begin: dict[UUID, int] = {}
    for chunk in chunks:
        last_ms[chunk.window] = max(last_ms.get(chunk.window, 0), chunk.last_ms)
        begin.setdefault(chunk.window, chunk.seq)
        if chunk.snapshot_seq and chunk.snapshot_ms <= from_ms:
            begin[chunk.window] = chunk.snapshot_seq
    if not last_ms:
        return []
    needed = {name for name, last in last_ms.items() if last >= from_ms}
    before = {chunk.window: chunk.first_ms for chunk in chunks if chunk.first_ms <= from_ms}
    if before:
        needed.add(max(before, key=lambda name: min(last_ms[name], from_ms)))
    if not needed:
        needed = {chunks[0].window}
    return [chunk for chunk in chunks if chunk.window in needed and chunk.seq >= begin[chunk.window]]


def after_cursor(chunks: Sequence[ChunkIndex], positions: Mapping[UUID, int]) -> list[ChunkIndex]:
    """Returns the chunks that a viewer with these positions has not received yet."""
    return [chunk for chunk in chunks if chunk.seq > positions.get(chunk.window, 0)]
