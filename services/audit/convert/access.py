"""Conversion between the contract's messages about the access trail and the domain's values."""

from __future__ import annotations

from uuid import UUID

from afterimage.audit.v1 import access_event_pb2
from afterimage.audit.v1 import audit_service_pb2 as pb
from google.protobuf import text_format
from google.protobuf.message import Message

from services.audit import enums
from services.audit.access_events import (
    MAX_DETAIL_CHARS,
    MAX_SUBJECT_CHARS,
    MAX_TEXT_CHARS,
    AccessEvent,
    RequestedAccess,
    TrailFilter,
)
from services.audit.convert import values
from services.runtime.access_actions import AccessAction
from services.runtime.errors import InvalidArgument, Violations

MAX_EVENTS = 1_000

END_MS = 4_291_747_200_000
"""The end of the year 2105, up to which every engine has dates."""

_UUID_V7 = 7

# Recorded in other fields of the entry, or irrelevant; actor_id because the trail must not keep the id of an actor
# after their sessions were deleted.
_NOT_IN_DETAIL = ("session_id", "session_ids", "page_size", "page_token", "actor_id")


def asked(action: AccessAction, request: Message) -> RequestedAccess:
    """Returns a request as the trail records it. Malformed ids are ignored here: the method rejects them."""
    if isinstance(request, pb.ReplaySessionRequest):
        if request.for_export:
            action = AccessAction.EXPORT
        elif request.follow:
            action = AccessAction.WATCH
    named: list[str] = list(getattr(request, "session_ids", ())) or [getattr(request, "session_id", "")]
    sessions = tuple(dict.fromkeys(found for text in named if (found := _uuid_or_none(text))))
    return RequestedAccess(action, sessions, _detail(request))


def access_event(event: AccessEvent) -> access_event_pb2.AccessEvent:
    """Returns an entry of the trail."""
    return access_event_pb2.AccessEvent(
        access_event_id=str(event.event),
        time=values.timestamp(event.time_ms),
        action=values.known(enums.access_action, event.action),
        outcome=values.known(enums.access_outcome, event.outcome),
        subject=event.subject,
        share_link_id=event.link_id,
        session_id=str(event.session) if event.session else "",
        rpc=event.rpc,
        address=event.address,
        user_agent=event.user_agent,
        detail=event.detail,
    )


def events_to_record(request: pb.RecordAccessEventsRequest, project: str) -> list[AccessEvent]:
    """Returns the events reported by another process.

    Raises:
        InvalidArgument: If the request has no events, too many or an invalid one.
    """
    if not 1 <= len(request.access_events) <= MAX_EVENTS:
        raise InvalidArgument.of(
            "access_events", f"must have 1 to {MAX_EVENTS:,} entries, has {len(request.access_events)}"
        )
    problems = Violations()
    events = [
        _event_to_record(message, project, f"access_events[{place}]", problems)
        for place, message in enumerate(request.access_events)
    ]
    problems.raise_if_any()
    return events


def trail_filter(request: pb.ListAccessEventsRequest) -> TrailFilter:
    """Returns the filter of a trail listing.

    Raises:
        InvalidArgument: Naming every invalid field.
    """
    problems = Violations()
    start_ms = values.milliseconds(request.start_time) if request.HasField("start_time") else None
    end_ms = values.milliseconds(request.end_time) if request.HasField("end_time") else None
    if start_ms is not None and end_ms is not None and end_ms < start_ms:
        problems.add("end_time", "must not be before start_time")
    session = _uuid_or_none(request.session_id)
    if request.session_id and session is None:
        problems.add("session_id", "is not a UUID")
    link = _uuid_or_none(request.share_link_id)
    if request.share_link_id and link is None:
        problems.add("share_link_id", "is not the id of a link (a UUID)")
    if len(request.subject) > MAX_SUBJECT_CHARS:
        problems.add("subject", f"must not be longer than {MAX_SUBJECT_CHARS} characters")
    actions = values.numbers(enums.access_action.to_number, "actions", request.actions, problems)
    problems.raise_if_any()
    return TrailFilter(
        session, request.subject, str(link) if link else "", start_ms, end_ms, tuple(dict.fromkeys(actions))
    )


def fields_of_list(request: pb.ListAccessEventsRequest) -> bytes:
    """Returns the fields that a page token is bound to."""
    rest = pb.ListAccessEventsRequest()
    rest.CopyFrom(request)
    for field in ("page_size", "page_token"):
        rest.ClearField(field)
    return rest.SerializeToString(deterministic=True)


def _event_to_record(
    message: access_event_pb2.AccessEvent, project: str, field: str, problems: Violations
) -> AccessEvent:
    event = _uuid_or_none(message.access_event_id)
    if event is None or event.version != _UUID_V7:
        problems.add(f"{field}.access_event_id", "must be a UUIDv7")
    session = _uuid_or_none(message.session_id)
    if message.session_id and session is None:
        problems.add(f"{field}.session_id", "is not a UUID")
    values.numbers(enums.access_action.to_number, f"{field}.action", [message.action], problems)
    values.numbers(enums.access_outcome.to_number, f"{field}.outcome", [message.outcome], problems)
    if not message.HasField("time"):
        problems.add(f"{field}.time", "is required")
    elif not 0 <= values.milliseconds(message.time) < END_MS:
        problems.add(f"{field}.time", "must be from 1970 to 2105")
    if not message.rpc:
        problems.add(f"{field}.rpc", "is required")
    return AccessEvent(
        event=event or UUID(int=0),
        project=project,
        time_ms=values.milliseconds(message.time),
        action=message.action,
        outcome=message.outcome,
        subject=message.subject[:MAX_SUBJECT_CHARS],
        link_id=message.share_link_id[:MAX_TEXT_CHARS],
        session=session,
        rpc=message.rpc[:MAX_TEXT_CHARS],
        address=message.address[:MAX_TEXT_CHARS],
        user_agent=message.user_agent[:MAX_TEXT_CHARS],
        detail=message.detail[:MAX_DETAIL_CHARS],
    )


def _detail(request: Message) -> str:
    """Returns a request as one line of protobuf's text format, without the fields that the entry has elsewhere."""
    rest = type(request)()
    rest.CopyFrom(request)
    for message in (rest, getattr(rest, "filter", None)):
        for field in _NOT_IN_DETAIL:
            if message is not None and field in message.DESCRIPTOR.fields_by_name:
                message.ClearField(field)
    # The text of a cursor with 1,000 windows would be truncated anyway: truncate it before formatting.
    if isinstance(rest, pb.ReplaySessionRequest) and rest.WhichOneof("from") == "cursor":
        del rest.cursor.positions[8:]
    return text_format.MessageToString(rest, as_one_line=True, as_utf8=True)[:MAX_DETAIL_CHARS]


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
