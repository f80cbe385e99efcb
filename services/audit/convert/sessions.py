"""Conversion between the contract's messages about sessions and the domain's values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import session_filter_pb2
from afterimage.recording.v1 import interaction_pb2, session_pb2

from services.audit import enums
from services.audit.convert.values import duration, known, milliseconds, numbers, session_id, target, timestamp
from services.audit.deletion import Receipt
from services.audit.live.watch import Change, Removed
from services.audit.model import (
    InteractionKind,
    Mark,
    SessionKey,
    SessionSummary,
    Total,
    Totals,
    WindowSummary,
    total,
)
from services.audit.storage.session_queries import SessionFilter, SessionOrder
from services.runtime.errors import InvalidArgument, Violations
from services.runtime.rpc.paging import MAX_PAGE_BYTES, fitting

MAX_FILTER_TAGS = 8
MAX_TEXT = 256
MAX_DELETED = 1_000


def session_filter(message: session_filter_pb2.SessionFilter) -> SessionFilter:
    """Returns a filter.

    Raises:
        InvalidArgument: Naming every invalid field.
    """
    problems = Violations()
    start_ms = milliseconds(message.start_time) if message.HasField("start_time") else None
    end_ms = milliseconds(message.end_time) if message.HasField("end_time") else None
    shortest = milliseconds(message.min_duration) if message.HasField("min_duration") else None
    longest = milliseconds(message.max_duration) if message.HasField("max_duration") else None
    if start_ms is not None and end_ms is not None and end_ms < start_ms:
        problems.add("filter.end_time", "must not be before start_time")
    if shortest is not None and shortest < 0:
        problems.add("filter.min_duration", "must not be negative")
    if longest is not None and longest < (shortest or 0):
        problems.add("filter.max_duration", "must not be below min_duration")
    for field, text in (("actor_id", message.actor_id), ("page", message.page)):
        if len(text) > MAX_TEXT:
            problems.add(f"filter.{field}", f"must not be longer than {MAX_TEXT} characters, has {len(text)}")
    if len(message.tags) > MAX_FILTER_TAGS:
        problems.add("filter.tags", f"must not have more than {MAX_FILTER_TAGS} entries")
    actor_types = numbers(enums.convert_actor_type_to_number, "filter.actor_types", message.actor_types, problems)
    device_types = numbers(enums.convert_device_type_to_number, "filter.device_types", message.device_types, problems)
    statuses = numbers(enums.convert_status_to_number, "filter.statuses", message.statuses, problems)
    problems.raise_if_any()
    has = {
        place: getattr(message, field)
        for field, place in (
            ("has_rage_clicks", Total.RAGE_CLICKS),
            ("has_errors", Total.ERRORS),
            ("has_dead_clicks", Total.DEAD_CLICKS),
        )
        if message.HasField(field)
    }
    return SessionFilter(
        start_ms=start_ms,
        end_ms=end_ms,
        actor_id=message.actor_id,
        actor_types=actor_types,
        device_types=device_types,
        statuses=statuses,
        page=message.page,
        min_duration_ms=shortest,
        max_duration_ms=longest,
        has=has,
        tags=dict(message.tags),
    )


def order(value: int) -> SessionOrder:
    """Returns the order of a listing.

    Raises:
        InvalidArgument: If the order is unknown.
    """
    try:
        return SessionOrder(value or SessionOrder.NEWEST_FIRST)
    except ValueError:
        raise InvalidArgument.of("order", f"{value} is not between 1 and {max(SessionOrder)}") from None


@dataclass(frozen=True, slots=True)
class ToDelete:
    """A deletion request: for sessions, or for all sessions of an actor."""

    sessions: tuple[UUID, ...]
    actor_id: str


def sessions_to_delete(request: pb.DeleteSessionsRequest) -> ToDelete:
    """Returns the deletion request.

    Raises:
        InvalidArgument: If it names both sessions and an actor or neither, or if an id is malformed.
    """
    if bool(request.session_ids) == bool(request.actor_id):
        raise InvalidArgument.of("session_ids", "give either session_ids or actor_id")
    if len(request.session_ids) > MAX_DELETED:
        raise InvalidArgument.of("session_ids", f"must not have more than {MAX_DELETED:,} entries")
    return ToDelete(tuple(session_id(text, "session_ids") for text in request.session_ids), request.actor_id)


def receipt(done: Receipt, now_ms: int) -> pb.DeleteSessionsResponse:
    """Returns the receipt of a deletion."""
    return pb.DeleteSessionsResponse(
        session_count=done.sessions,
        chunk_count=done.chunks,
        interaction_count=done.interactions,
        share_link_count=done.links,
        not_found=map(str, done.not_found),
        delete_time=timestamp(now_ms),
    )


def watch_changes(change: Change) -> Iterator[pb.WatchSessionsResponse]:
    """Yields an update of the list of live sessions; sessions that do not fit the snapshot follow as upserts."""
    match change:
        case list():
            found = fitting(map(session, change), MAX_PAGE_BYTES)
            yield pb.WatchSessionsResponse(snapshot=pb.SessionsSnapshot(sessions=found))
            for one in change[len(found) :]:
                yield pb.WatchSessionsResponse(upsert=session(one))
        case Removed(removed, status):
            yield pb.WatchSessionsResponse(
                removal=pb.SessionRemoval(session_id=str(removed), status=known(enums.status, status))
            )
        case _:
            yield pb.WatchSessionsResponse(upsert=session(change))


def session_details(
    summary: SessionSummary,
    windows: Sequence[WindowSummary],
    marks: Sequence[tuple[UUID, int, Mark]],
    leaks: Mapping[tuple[str, str], int],
    most: int,
) -> pb.GetSessionResponse:
    """Returns a session with all details shown beside its replay."""
    pages = [page_view(window_id, mark) for window_id, _, mark in marks if mark.kind == InteractionKind.PAGE]
    markers = [
        marker(summary.key, summary.first_ms, window_id, seq, mark)
        for window_id, seq, mark in marks
        if mark.kind != InteractionKind.PAGE
    ]
    # Addresses and texts may be long: together they would not always fit a message.
    return pb.GetSessionResponse(
        session=session(summary),
        windows=fitting(map(window, windows), MAX_PAGE_BYTES // 4),
        pages=fitting(pages[:most], MAX_PAGE_BYTES // 4),
        markers=fitting(markers[:most], MAX_PAGE_BYTES // 4),
        masked_counts=[
            pb.MaskedCount(rule=rule, field_class=field, count=count) for (rule, field), count in sorted(leaks.items())
        ],
    )


def session(summary: SessionSummary) -> session_pb2.Session:
    """Returns a session."""
    head = summary.head
    return session_pb2.Session(
        session_id=str(summary.key.session),
        start_time=timestamp(summary.first_ms),
        end_time=timestamp(summary.last_ms),
        duration=duration(summary.last_ms - summary.first_ms),
        active_duration=duration(total(summary.totals, Total.ACTIVE_MS)) if summary.totals else None,
        status=known(enums.status, summary.status),
        actor_id=head.actor_id,
        actor_type=known(enums.actor_type, head.actor_type),
        device_type=known(enums.device_type, head.device_type),
        browser=head.browser,
        system=head.system,
        language=head.language,
        viewport=session_pb2.Size(width=head.viewport[0], height=head.viewport[1]),
        screen=session_pb2.Size(width=head.screen[0], height=head.screen[1]),
        first_url=head.first_url,
        recorder_name=head.recorder_name,
        recorder_version=head.recorder_version,
        tags=head.tags,
        totals=totals(summary.totals) if summary.totals else None,
        window_count=summary.window_count,
        user_agent=head.user_agent,
        update_time=timestamp(summary.stored_ms),
    )


def window(summary: WindowSummary) -> session_pb2.Window:
    """Returns a window."""
    return session_pb2.Window(
        window_id=str(summary.window),
        start_time=timestamp(summary.first_ms),
        end_time=timestamp(summary.last_ms),
        last_seq=summary.last_seq,
        ended=summary.ended,
        totals=totals(summary.totals) if summary.totals else None,
        left=summary.left,
    )


def page_view(window_id: UUID, mark: Mark) -> session_pb2.PageView:
    """Returns a page view from its mark."""
    return session_pb2.PageView(
        window_id=str(window_id),
        url=mark.detail,
        open_time=timestamp(mark.time_ms),
        viewport=session_pb2.Size(width=mark.width, height=mark.height),
    )


def marker(key: SessionKey, start_ms: int, window_id: UUID, seq: int, mark: Mark) -> interaction_pb2.Interaction:
    """Returns a timeline marker from its mark."""
    return interaction_pb2.Interaction(
        session_id=str(key.session),
        window_id=str(window_id),
        seq=seq,
        kind=known(enums.interaction_kind, mark.kind),
        time=timestamp(mark.time_ms),
        offset=duration(max(0, mark.time_ms - start_ms)),
        count=mark.count,
        detail=mark.detail,
        target=target(mark.target),
    )


def totals(counted: Totals) -> session_pb2.Totals:
    """Returns running totals."""

    def at(place: Total) -> int:
        return total(counted, place)

    return session_pb2.Totals(
        chunk_count=at(Total.CHUNKS),
        event_count=at(Total.EVENTS),
        click_count=at(Total.CLICKS),
        input_count=at(Total.INPUTS),
        page_count=at(Total.PAGES),
        error_count=at(Total.ERRORS),
        warning_count=at(Total.WARNINGS),
        failed_request_count=at(Total.FAILED_REQUESTS),
        full_snapshot_count=at(Total.FULL_SNAPSHOTS),
        rage_click_count=at(Total.RAGE_CLICKS),
        dead_click_count=at(Total.DEAD_CLICKS),
        quick_back_count=at(Total.QUICK_BACKS),
        error_click_count=at(Total.ERROR_CLICKS),
        mouse_thrash_count=at(Total.MOUSE_THRASHES),
        masked_count=at(Total.MASKED),
        raw_bytes=at(Total.RAW_BYTES),
        stored_bytes=at(Total.STORED_BYTES),
    )
