"""Moments at which a replay can start without showing anything earlier: those of full snapshots (docs/adr/0016)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.audit.model import ChunkIndex
from services.audit.replay.plan import played_events_of
from services.audit.rrweb import EventType
from services.audit.storage.chunk_reader import StoredPayload

MAX_READS = 64
"""Maximum number of chunks with snapshots that one search reads in each direction. Only a session of many windows with
snapshots at the same time needs more than two; beyond it, a search may find a start that is not the nearest."""

Read = Callable[[Sequence[ChunkIndex]], Awaitable[list[StoredPayload]]]


@dataclass(frozen=True, slots=True)
class Starts:
    """The starts of replays around a moment, in milliseconds since 1970 UTC; None: no snapshot is there.

    Attributes:
        previous_ms: The last one before the moment.
        next_ms: The first one at or after it.
    """

    previous_ms: int | None = None
    next_ms: int | None = None


async def find_starts(index: Sequence[ChunkIndex], read: Read, from_ms: int) -> Starts:
    """Returns the starts of replays around a moment, in any window.

    Args:
        index: The session's chunks in the order of play.
        read: Reads chunks with their payloads.
        from_ms: The moment, milliseconds since 1970 UTC.
    """
    by_place = {(chunk.window, chunk.seq): chunk for chunk in index}
    with_snapshot = [chunk for chunk in index if chunk.snapshot_seq]

    async def starts_in(chunk: ChunkIndex) -> list[int]:
        # The Meta event may be in an earlier chunk than its snapshot.
        seqs = dict.fromkeys((chunk.snapshot_seq, chunk.seq))
        found = await read([by_place[chunk.window, seq] for seq in seqs if (chunk.window, seq) in by_place])
        return await asyncio.to_thread(starts_of, found)

    def begins_ms(chunk: ChunkIndex) -> int:
        return by_place.get((chunk.window, chunk.snapshot_seq), chunk).first_ms

    next_ms: int | None = None
    later = sorted((chunk for chunk in with_snapshot if chunk.last_ms >= from_ms), key=begins_ms)
    for chunk in later[:MAX_READS]:
        if next_ms is not None and begins_ms(chunk) >= next_ms:
            break
        next_ms = min(
            (at for at in (next_ms, *await starts_in(chunk)) if at is not None and at >= from_ms), default=None
        )
    previous_ms: int | None = None
    earlier = sorted((chunk for chunk in with_snapshot if begins_ms(chunk) < from_ms), key=_last_ms, reverse=True)
    for chunk in earlier[:MAX_READS]:
        if previous_ms is not None and chunk.last_ms <= previous_ms:
            break
        starts = [at for at in (previous_ms, *await starts_in(chunk)) if at is not None and at < from_ms]
        previous_ms = max(starts, default=None)
    return Starts(previous_ms, next_ms)


def starts_of(chunks: Iterable[StoredPayload]) -> list[int]:
    """Returns the times of the full snapshots in consecutive chunks of a window, in the order of recording.

    A snapshot's time is that of the Meta event right before it, which has its page and the size of the viewport.
    """
    found: list[int] = []
    metas: dict[UUID, int] = {}
    for chunk in chunks:
        for _, event, time_ms in played_events_of(chunk):
            if event.type == EventType.META:
                metas[chunk.window] = time_ms
            elif event.type == EventType.FULL_SNAPSHOT:
                found.append(min(metas.pop(chunk.window, time_ms), time_ms))
    return found


def _last_ms(chunk: ChunkIndex) -> int:
    return chunk.last_ms
