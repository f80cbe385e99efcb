"""Converts between the contract's messages and domain values. The other modules do not use protobuf."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from afterimage.audit.v1 import access_event_pb2
from afterimage.share.v1 import share_link_pb2
from afterimage.share.v1 import share_service_pb2 as pb
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.runtime.access_actions import AccessOutcome
from services.runtime.errors import Violations
from services.runtime.uuid7 import uuid7_ms
from services.share.model import (
    MAX_LABEL_CHARS,
    MAX_PASSCODE_CHARS,
    MAX_VIEWS,
    MIN_PASSCODE_CHARS,
    MIN_TTL_S,
    Grant,
    Link,
    NewLink,
    Span,
    TrailEntry,
)

SERVICE = pb.DESCRIPTOR.services_by_name["ShareService"].full_name
_MAX_SUBJECT_CHARS = 1024
_MAX_DETAIL_CHARS = 512
_UUID_V7 = 7


def timestamp(ms: int) -> Timestamp:
    """Returns milliseconds since 1970 UTC as a Timestamp."""
    return Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def duration(ms: int | None) -> Duration | None:
    """Returns milliseconds as a Duration."""
    return None if ms is None else Duration(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def new_link(request: pb.CreateShareLinkRequest, max_ttl_s: float) -> NewLink:
    """Returns the link specification in a request.

    Raises:
        InvalidArgument: Naming every invalid field.
    """
    problems = Violations()
    session_id = _session_id(request.session_id, problems)
    ttl_s = request.ttl.seconds + request.ttl.nanos / 1e9
    if not request.HasField("ttl"):
        problems.add("ttl", f"is required: {MIN_TTL_S} s to {max_ttl_s:g} s")
    elif not MIN_TTL_S <= ttl_s <= max_ttl_s:
        problems.add("ttl", f"must be from {MIN_TTL_S} s to {max_ttl_s:g} s, is {ttl_s:g} s")
    max_views = request.max_views if request.HasField("max_views") else None
    if max_views is not None and not 1 <= max_views <= MAX_VIEWS:
        problems.add("max_views", f"must be from 1 to {MAX_VIEWS:,}, is {max_views:,}")
    if request.passcode and not MIN_PASSCODE_CHARS <= len(request.passcode) <= MAX_PASSCODE_CHARS:
        problems.add("passcode", f"must have {MIN_PASSCODE_CHARS} to {MAX_PASSCODE_CHARS} characters")
    if len(request.label) > MAX_LABEL_CHARS:
        problems.add("label", f"must not be longer than {MAX_LABEL_CHARS} characters, has {len(request.label)}")
    start_ms, end_ms = _offset(request, "start_offset", problems), _offset(request, "end_offset", problems)
    if end_ms is not None and end_ms <= (start_ms or 0):
        problems.add("end_offset", "must be after start_offset")
    problems.raise_if_any()
    return NewLink(
        session_id,
        ttl_s,
        Span(start_ms, end_ms),
        max_views,
        request.passcode,
        request.label,
        allow_download=request.allow_download,
    )


def to_redeem(request: pb.RedeemShareLinkRequest) -> None:
    """Checks that a request has either a token or a renewal handle.

    Raises:
        InvalidArgument: It has both or neither, or the passcode is too long.
    """
    problems = Violations()
    if bool(request.token) == bool(request.renewal_handle):
        problems.add("token", "give either token or renewal_handle")
    if len(request.passcode) > MAX_PASSCODE_CHARS:
        problems.add("passcode", f"must not be longer than {MAX_PASSCODE_CHARS} characters")
    problems.raise_if_any()


def to_list(request: pb.ListShareLinksRequest) -> str:
    """Returns the session of a list request, in its canonical form; "" for any.

    Raises:
        InvalidArgument: A field is malformed.
    """
    problems = Violations()
    session_id = _session_id(request.session_id, problems) if request.session_id else ""
    if len(request.created_by) > _MAX_SUBJECT_CHARS:
        problems.add("created_by", f"must not be longer than {_MAX_SUBJECT_CHARS} characters")
    problems.raise_if_any()
    return session_id


def link_id(text: str) -> str:
    """Returns a link's id in its canonical form.

    Raises:
        InvalidArgument: It is missing or not an id.
    """
    problems = Violations()
    try:
        return str(UUID(text))
    except ValueError:
        problems.add("share_link_id", "is not the id of a link (a UUID)" if text else "is required")
        problems.raise_if_any()
        raise


def named(request: pb.CreateShareLinkRequest | pb.RevokeShareLinkRequest) -> tuple[str, str]:
    """Returns the session and the link named by a request, "" for malformed ones."""
    session = request.session_id if isinstance(request, pb.CreateShareLinkRequest) else ""
    link = request.share_link_id if isinstance(request, pb.RevokeShareLinkRequest) else ""
    return _uuid_or_nothing(session), _uuid_or_nothing(link)


def share_link(link: Link) -> share_link_pb2.ShareLink:
    """Returns a link as shown to its managers."""
    part = link.part
    return share_link_pb2.ShareLink(
        share_link_id=link.link_id,
        session_id=link.session_id,
        created_by=link.created_by,
        create_time=timestamp(link.created_ms),
        expire_time=timestamp(link.expires_ms),
        max_views=link.max_views,
        view_count=link.view_count,
        passcode_required=bool(link.passcode_hash),
        start_offset=duration(part.span.start_ms),
        end_offset=duration(part.span.end_ms),
        label=link.label,
        start_time=_moment(part.origin_ms, part.span.start_ms),
        end_time=_moment(part.origin_ms, part.span.end_ms),
        requested_start_offset=duration(part.requested_start_ms),
        state=share_link_pb2.SHARE_LINK_STATE_ACTIVE
        if link.locked_ms is None
        else share_link_pb2.SHARE_LINK_STATE_LOCKED,
        wrong_passcode_count=link.wrong_passcodes,
        allow_download=link.allow_download,
    )


def looked_up(link: Link) -> pb.GetShareLinkResponse:
    """Returns the information shown to visitors before they redeem."""
    return pb.GetShareLinkResponse(
        passcode_required=bool(link.passcode_hash),
        expire_time=timestamp(link.expires_ms),
        views_left=link.views_left,
    )


def grant(granted: Grant) -> pb.RedeemShareLinkResponse:
    """Returns a grant."""
    link, span = granted.link, granted.link.part.span
    return pb.RedeemShareLinkResponse(
        grant_token=granted.token,
        grant_expire_time=timestamp(granted.expires_ms),
        link_expire_time=timestamp(link.expires_ms),
        views_left=link.views_left,
        renewal_handle=granted.renewal_handle,
        session_id=link.session_id,
        start_offset=duration(span.start_ms),
        end_offset=duration(span.end_ms),
        download_allowed=link.allow_download,
    )


def access_event(entry: TrailEntry, outcome: AccessOutcome, event_id: UUID) -> access_event_pb2.AccessEvent:
    """Returns an entry of the access trail; its time is that of the id."""
    return access_event_pb2.AccessEvent(
        access_event_id=str(event_id),
        time=timestamp(uuid7_ms(event_id)),
        action=_number(entry.action),
        outcome=_number(outcome),
        subject=entry.subject,
        share_link_id=entry.link_id,
        session_id=entry.session_id,
        rpc=f"/{SERVICE}/{entry.method}",
        address=entry.caller.address,
        user_agent=entry.caller.user_agent,
        detail=entry.detail[:_MAX_DETAIL_CHARS],
    )


def _moment(origin_ms: int | None, offset_ms: int | None) -> Timestamp | None:
    return None if origin_ms is None or offset_ms is None else timestamp(origin_ms + offset_ms)


def _number(value: int) -> Any:
    """Returns a contract enum value; the generated types require their own subclass of int."""
    return int(value)


def _uuid_or_nothing(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _session_id(text: str, problems: Violations) -> str:
    try:
        session = UUID(text)
    except ValueError:
        problems.add("session_id", "is not a UUID" if text else "is required")
        return ""
    if session.version != _UUID_V7:
        problems.add("session_id", "must be a UUIDv7")
    return str(session)


def _offset(request: pb.CreateShareLinkRequest, field: str, problems: Violations) -> int | None:
    if not request.HasField(field):
        return None
    value: Duration = getattr(request, field)
    ms = value.seconds * 1000 + value.nanos // 1_000_000
    if value.seconds < 0 or value.nanos < 0:
        problems.add(field, f"must not be negative, is {ms / 1000:g} s")
    return ms
