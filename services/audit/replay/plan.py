"""The plan of a replay: the chunks that it needs, limited to the part that the viewer may see. Pure.

A replay begins with the last full snapshot at or before the part's start: a page cannot be drawn without it, so the
events between that snapshot and the start are sent too (docs: this cannot be avoided; to hide them, let the link begin
at a later snapshot). Nothing after the part's end is sent: chunks are left out, and the last one is cut at the event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from services.audit.model import ChunkIndex, Mark, Times, WindowSummary
from services.audit.payload import Bounds, deflate, inflate, replace_lone_surrogates
from services.audit.rrweb import BareEvent, EventType
from services.audit.storage.chunk_reader import StoredPayload

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
    """Returns the chunks of a replay from `from_ms` on within the part, in the order of play."""
    return [chunk for chunk in plan(chunks, times.begin(from_ms), window) if not times.is_over(chunk.first_ms)]


def marks_within(marks: Iterable[tuple[UUID, int, Mark]], times: Times) -> list[tuple[UUID, int, Mark]]:
    """Returns the marks within the part."""
    return [entry for entry in marks if times.holds(entry[2].time_ms)]


def windows_within(windows: Iterable[WindowSummary], times: Times) -> list[WindowSummary]:
    """Returns the windows that were open during the part."""
    return [window for window in windows if times.touches(window.first_ms, window.last_ms)]


_raws = msgspec.json.Decoder(list[msgspec.Raw])
_event = msgspec.json.Decoder(BareEvent)


def cut(chunk: StoredPayload, times: Times) -> StoredPayload | None:
    """Returns a chunk without its events after the part; None: no event remains.

    The remaining events keep their text. Takes about as long as scanning the JSON twice, and only for the chunk
    that contains the part's end.
    """
    if not times.is_over(chunk.last_ms):
        return chunk
    kept: list[bytes] = []
    last_ms = 0
    has_full_snapshot = False
    for raw in _events(inflate(chunk.payload, _STORED)):
        event = _event.decode(raw)
        if not times.is_over(int(event.timestamp)):
            kept.append(bytes(raw))
            last_ms = max(last_ms, int(event.timestamp))
            has_full_snapshot |= event.type == EventType.FULL_SNAPSHOT
    if not kept:
        return None
    payload = deflate(b"[" + b",".join(kept) + b"]")
    return chunk._replace(payload=payload, event_count=len(kept), last_ms=last_ms, has_full_snapshot=has_full_snapshot)


def _events(text: bytes) -> list[msgspec.Raw]:
    try:
        return _raws.decode(text)
    except msgspec.DecodeError:  # lone surrogates, which browsers write and strict decoders refuse
        return _raws.decode(replace_lone_surrogates(text))
