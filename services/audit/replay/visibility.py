"""What a share grant may see of its session. Pure: the identity says what, these functions leave out the rest.

A grant opens one session, or a part of it. Of another session it hears what it would hear of one that never was. A
replay begins with the last full snapshot at or before the part's start: a picture cannot be drawn without it, and so
what happened between that snapshot and the start is sent too (docs: it cannot be avoided; whoever must not show it
lets the link begin at a later snapshot). Nothing after the part's end is sent: chunks are left out, and the last one is
cut at the event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from services.audit.model import ChunkIndex, Mark, SessionSummary, Times, WindowSummary
from services.audit.payload import Bounds, deflate, inflate, replace_lone_surrogates
from services.audit.rrweb import BareEvent, EventType
from services.audit.storage.chunk_reader import StoredPayload, plan
from services.runtime.errors import NotFound
from services.runtime.identity.tokens import Identity

GRANT_METHODS = frozenset({"GetSession", "ReplaySession", "ListInteractions"})
"""The methods of AuditService that a grant opens; each of them asks `visible_to`."""

_STORED = Bounds(max_bytes=2**31, max_inflated_bytes=2**31)  # was checked when it came in


@dataclass(frozen=True, slots=True)
class Visible:
    """The part of a session that a caller may see, as offsets from the session's first event; None: no bound."""

    start_ms: int | None = None
    end_ms: int | None = None
    by_grant: bool = False
    """The caller holds a link, not an account: who the visitor was is none of his business."""

    def session(self, summary: SessionSummary) -> SessionSummary:
        """Returns a session without what a link does not show: actor, tags, user agent, first page."""
        if not self.by_grant:
            return summary
        return replace(summary, head=replace(summary.head, actor_id="", tags={}, user_agent="", first_url=""))

    def within(self, first_ms: int) -> Times:
        """Returns the part as times of a session whose first event was at `first_ms`."""
        return Times(
            None if self.start_ms is None else first_ms + self.start_ms,
            None if self.end_ms is None else first_ms + self.end_ms,
        )


EVERYTHING = Visible()


def visible_to(identity: Identity, session: UUID) -> Visible:
    """Returns the part of a session that the caller may see.

    Raises:
        NotFound: A grant for another session; the words are those for a session that never was.
    """
    if identity.session_id is None:
        return EVERYTHING
    if identity.session_id != str(session):
        raise NotFound(f"session {session} was not found")
    return Visible(identity.range_start_ms, identity.range_end_ms, by_grant=True)


def replay_plan(
    chunks: Sequence[ChunkIndex], times: Times, from_ms: int | None, window: UUID | None
) -> list[ChunkIndex]:
    """Returns the chunks of a replay from `from_ms` on that belong to the part, in the order of play."""
    return [chunk for chunk in plan(chunks, times.begin(from_ms), window) if not times.is_over(chunk.first_ms)]


def marks_within(marks: Iterable[tuple[UUID, int, Mark]], times: Times) -> list[tuple[UUID, int, Mark]]:
    """Returns the marks that belong to the part."""
    return [entry for entry in marks if times.holds(entry[2].time_ms)]


def windows_within(windows: Iterable[WindowSummary], times: Times) -> list[WindowSummary]:
    """Returns the windows that were open in the part."""
    return [window for window in windows if times.touches(window.first_ms, window.last_ms)]


_raws = msgspec.json.Decoder(list[msgspec.Raw])
_event = msgspec.json.Decoder(BareEvent)


def cut(chunk: StoredPayload, times: Times) -> StoredPayload | None:
    """Returns a chunk without its events behind the part; None: none is left.

    The events that stay keep their text. Takes about as long as scanning the JSON twice, and only for a chunk that
    the end falls into.
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
    except msgspec.DecodeError:  # halves of surrogate pairs, which browsers write and strict decoders refuse
        return _raws.decode(replace_lone_surrogates(text))
