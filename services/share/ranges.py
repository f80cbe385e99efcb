"""The part of a session that a link shows: its start lies at a full snapshot, and its times are fixed (docs/adr/0016).

Pure: AuditService finds the snapshots (`AuditClient.session`).
"""

from __future__ import annotations

from services.runtime.errors import InvalidArgument, Violations
from services.share.model import FixedSpan, SharedSession, Span


def fixed_span(span: Span, session: SharedSession) -> FixedSpan:
    """Returns the part of a session that a new link shows: its start is moved to a full snapshot.

    Nothing before the start needs to be sent then. In a live session the snapshot may still come.

    Args:
        span: The wanted part, as offsets from the session's start.
        session: The session, with the full snapshots around the wanted start.

    Raises:
        InvalidArgument: The span is not inside the session, or no full snapshot begins it.
    """
    if span == Span():
        return FixedSpan()
    problems = Violations()
    seconds = session.duration_ms / 1000
    start_ms, end_ms = span.start_ms, span.end_ms
    if start_ms is not None and start_ms > session.duration_ms:
        problems.add("start_offset", f"is past the session's end, {seconds:g} s")
    if end_ms is not None and end_ms > session.duration_ms and not session.is_live:
        problems.add("end_offset", f"is past the session's end, {seconds:g} s")
    problems.raise_if_any()
    if not start_ms:  # nothing lies before it
        return FixedSpan(span, session.start_ms, start_ms)
    grows = session.is_live and (end_ms is None or end_ms > session.duration_ms)
    next_ms = session.next_ms
    if next_ms is None and grows:
        return FixedSpan(span, session.start_ms, start_ms)
    if next_ms is None or (end_ms is not None and next_ms >= end_ms):
        raise InvalidArgument.of("start_offset", _no_snapshot(session, end_ms))
    return FixedSpan(Span(next_ms, end_ms), session.start_ms, start_ms)


def fixed_span_of_old_link(span: Span, session: SharedSession) -> FixedSpan:
    """Returns the part that a link of an older version shows.

    It starts as that of a new link would, if a full snapshot lies in it. If not, it starts with the last one before it,
    as documented when it was made: the link would show nothing otherwise.

    Args:
        span: The part, as offsets from the session's start.
        session: The session, with the full snapshots around the part's start.
    """
    start_ms, end_ms = span.start_ms, span.end_ms
    if start_ms:
        next_ms, previous_ms = session.next_ms, session.previous_ms
        if next_ms is not None and (end_ms is None or next_ms < end_ms):
            start_ms = next_ms
        elif previous_ms is not None:
            start_ms = max(previous_ms, 0)
    return FixedSpan(Span(start_ms, end_ms), session.start_ms, span.start_ms)


def _no_snapshot(session: SharedSession, end_ms: int | None) -> str:
    until = "" if end_ms is None else " and before end_offset"
    words = f"has no full snapshot of the page at or after it{until}, so earlier events would have to be shown"
    starts = [
        f"{name} at {at / 1000:g} s"
        for name, at in (("the last one before it is", session.previous_ms), ("the next one is", session.next_ms))
        if at is not None
    ]
    return f"{words}; {' and '.join(starts) or 'the session is without snapshots'}"
