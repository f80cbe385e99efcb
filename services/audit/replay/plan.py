"""The plan of a replay: the chunks that it needs, limited to the part that the viewer may see. Pure.

Nothing outside of the part is sent: chunks are left out, and those at its two ends are cut at the event. A page cannot
be drawn before a full snapshot, so ShareService lets parts start with one (`starts`, docs/adr/0016); where a part does
not, or a window has its first snapshot later, there is no picture until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.audit.model import ChunkIndex, Mark, Times
from services.audit.payload import Bounds, deflate, inflate, replace_lone_surrogates
from services.audit.rrweb import BareEvent, EventType, IncrementalSource
from services.audit.storage.chunk_reader import StoredPayload
from services.runtime.play_clock import play_times

MOVES_MS = 1_000
"""Positions of the pointer lie before the time of their event: by up to 500 ms, at which rrweb sends them (observer.ts,
`mousemoveCallbackThreshold`), with a margin for a busy page."""

_STORED = Bounds(max_bytes=2**31, max_inflated_bytes=2**31, max_inflation=0)  # the sizes were checked at ingest


def plan(chunks: Sequence[ChunkIndex], from_ms: int | None, window: UUID | None = None) -> list[ChunkIndex]:
    """Returns the chunks that a replay from `from_ms` on needs, in the order of play.

    In each window with events at or after that moment it begins with the chunk that holds the last full
    snapshot at or before the moment (or the Meta event before that snapshot). A window that had ended
    by then is left out, except the last active one: it is the one on screen at that moment.

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
    """Returns the chunks that a viewer at these positions has not received yet."""
    return [chunk for chunk in chunks if chunk.seq > positions.get(chunk.window, 0)]


def replay_plan(
    chunks: Sequence[ChunkIndex], times: Times, from_ms: int | None, window: UUID | None
) -> list[ChunkIndex]:
    """Returns the chunks of a replay from `from_ms` on within the part, in the order of play.

    The chunks that remain are planned as if they were the session: their times are limited to the part, and a snapshot
    outside of it does not count.
    """
    if times != Times():
        chunks = [_limited(chunk, times) for chunk in chunks if times.touches(chunk.first_ms, chunk.last_ms)]
    return plan(chunks, times.begin(from_ms), window)


def _limited(chunk: ChunkIndex, times: Times) -> ChunkIndex:
    chunk = chunk._replace(first_ms=times.clamp(chunk.first_ms), last_ms=times.clamp(chunk.last_ms))
    return chunk if times.holds(chunk.snapshot_ms) else chunk._replace(snapshot_ms=0, snapshot_seq=0)


def marks_within(marks: Iterable[tuple[UUID, int, Mark]], times: Times) -> list[tuple[UUID, int, Mark]]:
    """Returns the marks within the part."""
    return [entry for entry in marks if times.holds(entry[2].time_ms)]


_raws = msgspec.json.Decoder(list[msgspec.Raw])
_event = msgspec.json.Decoder(BareEvent)


def is_cut(chunk: StoredPayload, times: Times) -> bool:
    """Returns whether a chunk may hold something outside of the part."""
    if times.end_ms is not None and chunk.last_ms > times.end_ms:
        return True
    return times.start_ms is not None and chunk.first_ms < times.start_ms + MOVES_MS


def cut(chunk: StoredPayload, times: Times) -> StoredPayload | None:
    """Returns a chunk without its events outside of the part; None: no event remains.

    The remaining events keep their text, except that of pointer positions before the part's start. Takes about as long
    as scanning the JSON twice, and only for the chunks at the part's two ends.
    """
    if not is_cut(chunk, times):
        return chunk
    kept: list[bytes] = []
    times_ms: list[int] = []
    has_full_snapshot = False
    for raw, event, time_ms in played_events_of(chunk):
        if not times.holds(time_ms):
            continue
        text = bytes(raw)
        if event.type == EventType.INCREMENTAL_SNAPSHOT and times.start_ms is not None:
            moved = _without_earlier_positions(text, time_ms, times.start_ms)
            if moved is None:
                continue
            text = moved
        kept.append(text)
        times_ms.append(time_ms)
        has_full_snapshot |= event.type == EventType.FULL_SNAPSHOT
    if not kept:
        return None
    return chunk._replace(
        payload=deflate(b"[" + b",".join(kept) + b"]"),
        event_count=len(kept),
        first_ms=min(times_ms),
        last_ms=max(times_ms),
        has_full_snapshot=has_full_snapshot,
    )


def events_of(chunk: StoredPayload) -> list[msgspec.Raw]:
    """Returns the JSON text of each event of a chunk."""
    return _events(inflate(chunk.payload, _STORED))


def played_events_of(chunk: StoredPayload) -> Iterator[tuple[msgspec.Raw, BareEvent, int]]:
    """Yields the events of a chunk in the order of recording: the JSON text, its beginning, and the play time."""
    raws = events_of(chunk)
    events = [_event.decode(raw) for raw in raws]
    yield from zip(raws, events, play_times(chunk.first_ms, (event.timestamp for event in events)), strict=True)


class _Position(msgspec.Struct):
    time_offset: float = msgspec.field(default=0.0, name="timeOffset")


class _Moves(msgspec.Struct):
    source: int = -1
    positions: list[_Position] = []


class _MoveEvent(msgspec.Struct):
    data: _Moves


_moves = msgspec.json.Decoder(_MoveEvent)
_MOVES = frozenset({IncrementalSource.MOUSE_MOVE, IncrementalSource.TOUCH_MOVE, IncrementalSource.DRAG})


def _without_earlier_positions(text: bytes, time_ms: float, start_ms: int) -> bytes | None:
    """Returns an event without pointer positions before the part's start; None: no position remains."""
    try:
        found = _moves.decode(text).data
    except msgspec.ValidationError:  # no moves, or none that a player could show
        return text
    if found.source not in _MOVES or all(time_ms + one.time_offset >= start_ms for one in found.positions):
        return text
    event: dict[str, Any] = msgspec.json.decode(text)
    event["data"]["positions"] = [
        one for one in event["data"]["positions"] if time_ms + one.get("timeOffset", 0) >= start_ms
    ]
    return msgspec.json.encode(event) if event["data"]["positions"] else None


def _events(text: bytes) -> list[msgspec.Raw]:
    try:
        return _raws.decode(text)
    except msgspec.DecodeError:  # lone surrogates, which browsers write and strict decoders refuse
        return _raws.decode(replace_lone_surrogates(text))
