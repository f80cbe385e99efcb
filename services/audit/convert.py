"""Between the contract's messages and the domain's values. Protobuf does not go further in than this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import privacy_policy_pb2, session_filter_pb2
from afterimage.recording.v1 import chunk_pb2, interaction_pb2, session_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.audit import enums, replay
from services.audit.catalog import Filter, Order
from services.audit.deletion import Receipt
from services.audit.device import recognise
from services.audit.ingest import GZIP, SentChunk
from services.audit.model import (
    Kind,
    Mark,
    SessionKey,
    SessionSummary,
    Total,
    Totals,
    WindowHead,
    WindowKey,
    WindowSummary,
    total,
)
from services.audit.playback import StoredPayload
from services.audit.policy import Policy
from services.audit.recording import Ack, Flush, IngestRules, Message, Rejected, Snapshot, Stop
from services.audit.watch import Change, Removed
from services.runtime.enums import EnumCodec
from services.runtime.errors import InvalidArgument, Violations

MAX_TAGS = 32
MAX_FILTER_TAGS = 8
MAX_TEXT = 256
MAX_CURSOR_WINDOWS = 1_000
MAX_DELETED = 1_000
_PIXELS = 65_535
_MOST_MS = 2**62
_ANONYMOUS, _USER, _BOT = 1, 2, 4
_UUID_V7 = 7


def _known(codec: EnumCodec, number: int) -> Any:
    """Returns a stored number as an enum's value; the generated types want their own class of int."""
    return codec.from_storage(number)


def _as_is(number: int) -> Any:
    """Returns one of the domain's numbers, which are the contract's, as an enum's value."""
    return int(number)


def timestamp(ms: int) -> Timestamp:
    """Returns milliseconds since 1970 UTC as a Timestamp."""
    return Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def duration(ms: int) -> Duration:
    """Returns milliseconds as a Duration."""
    return Duration(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def milliseconds(value: Timestamp | Duration) -> int:
    """Returns a Timestamp or a Duration in milliseconds; one too large for storage as the largest there."""
    return min(max(value.seconds * 1000 + value.nanos // 1_000_000, -_MOST_MS), _MOST_MS)


def session_id(text: str, field: str = "session_id") -> UUID:
    """Returns the UUIDv7 that a request names.

    Raises:
        InvalidArgument: If it is none.
    """
    found = _uuid(text, field)
    if found.version != _UUID_V7:
        raise InvalidArgument.of(field, "must be a UUIDv7, whose first 48 bits are the session's start")
    return found


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidArgument.of(field, "is required" if not text else "is not a UUID") from None


def head(start: pb.RecordingStart, project: str, kept_from: date) -> WindowHead:
    """Returns what a recorder says of itself and its visitor.

    Raises:
        InvalidArgument: Naming every field that is too long or malformed.
    """
    problems = Violations()
    ids = []
    for field, text, read in (("session_id", start.session_id, session_id), ("window_id", start.window_id, _uuid)):
        try:
            ids.append(read(text, f"start.{field}"))
        except InvalidArgument as error:
            problems.add(error.violations[0].field, error.violations[0].description)
    for field, text, most in (
        ("recorder_name", start.recorder_name, 64),
        ("recorder_version", start.recorder_version, 64),
        ("actor_id", start.actor_id, MAX_TEXT),
        ("language", start.language, 35),
    ):
        if len(text) > most:
            problems.add(f"start.{field}", f"must not be longer than {most} characters, has {len(text)}")
    if len(start.tags) > MAX_TAGS:
        problems.add("start.tags", f"must not have more than {MAX_TAGS} entries, has {len(start.tags)}")
    for name, value in start.tags.items():
        if not 0 < len(name) <= 64 or len(value) > MAX_TEXT:
            problems.add("start.tags", f"keys have 1 to 64 characters, values at most {MAX_TEXT}: {name[:64]!r}")
    problems.raise_if_any()
    found = recognise(start.user_agent[:1024])
    return WindowHead(
        key=WindowKey(project, ids[0], ids[1]),
        kept_from=kept_from,
        actor_id=start.actor_id,
        actor_type=enums.actor_type.from_storage(start.actor_type)
        or (_BOT if found.is_bot else _USER if start.actor_id else _ANONYMOUS),
        device_type=enums.device_type.from_storage(start.device_type) or found.device_type,
        browser=found.browser,
        system=found.system,
        user_agent=start.user_agent[:1024],
        language=start.language,
        viewport=_size(start.viewport),
        screen=_size(start.screen),
        first_url=start.first_url[:2048],
        recorder_name=start.recorder_name,
        recorder_version=start.recorder_version,
        tags=dict(start.tags),
        imported=start.imported,
    )


def _size(size: session_pb2.Size) -> tuple[int, int]:
    return min(max(size.width, 0), _PIXELS), min(max(size.height, 0), _PIXELS)


def ready(next_seq: int, rules: IngestRules, policy: Policy, now_ms: int) -> pb.RecordSessionResponse:
    """Returns the answer to `start`."""
    limits = pb.RecorderLimits(
        max_chunk_bytes=rules.bounds.max_bytes,
        max_inflated_bytes=rules.bounds.max_inflated_bytes,
        max_unacked_bytes=rules.max_unacked_bytes,
        flush_interval=duration(round(rules.flush_interval_s * 1000)),
    )
    return pb.RecordSessionResponse(
        ready=pb.RecordingReady(
            next_seq=next_seq, privacy_policy=privacy_policy(policy), limits=limits, server_time=timestamp(now_ms)
        )
    )


def privacy_policy(policy: Policy) -> privacy_policy_pb2.PrivacyPolicy:
    """Returns a policy in the form that rrweb's options take."""
    options = policy.recorder_options()
    text_mode = options.pop("text_mode")
    rules = [
        privacy_policy_pb2.PrivacyRule(**{**rule, "method": f"MASK_METHOD_{rule['method'].name}"})
        for rule in options.pop("rules")
    ]
    return privacy_policy_pb2.PrivacyPolicy(**options, text_mode=f"TEXT_MODE_{text_mode.name}", rules=rules)


def sent_chunk(chunk: chunk_pb2.Chunk) -> SentChunk:
    """Returns a chunk as a recorder sent it."""
    return SentChunk(chunk.seq, chunk.encoding, chunk.payload, chunk.event_count)


def to_recorder(message: Message) -> pb.RecordSessionResponse:
    """Returns a message to a recorder."""
    match message:
        case Ack(through_seq):
            return pb.RecordSessionResponse(ack=pb.RecordingAck(through_seq=through_seq))
        case Rejected(seq, reason, text, expected_seq):
            rejected = pb.ChunkRejected(
                seq=seq, reason=_as_is(reason), message=text, expected_seq=expected_seq, code=_REJECT_CODES[int(reason)]
            )
            return pb.RecordSessionResponse(rejected=rejected)
        case Flush(interval_s):
            command = pb.RecorderCommand(flush_interval=duration(round(interval_s * 1000)))
        case Snapshot():
            command = pb.RecorderCommand(take_full_snapshot=pb.TakeFullSnapshot())
        case Stop(reason_text):
            command = pb.RecorderCommand(stop=pb.StopRecording(reason=reason_text))
    return pb.RecordSessionResponse(command=command)


_REJECT_CODES = {1: 9, 2: 8, 3: 3, 4: 3}
"""By RejectReason: FAILED_PRECONDITION, RESOURCE_EXHAUSTED, INVALID_ARGUMENT, INVALID_ARGUMENT."""


def session_filter(message: session_filter_pb2.SessionFilter) -> Filter:
    """Returns a filter.

    Raises:
        InvalidArgument: Naming every field at fault.
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
    for field, codec, values in (
        ("actor_types", enums.actor_type, message.actor_types),
        ("device_types", enums.device_type, message.device_types),
        ("statuses", enums.status, message.statuses),
    ):
        for value in values:
            if not codec.from_storage(value):
                problems.add(f"filter.{field}", f"{value} is none of {', '.join(codec.names[1:])}")
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
    return Filter(
        start_ms=start_ms,
        end_ms=end_ms,
        actor_id=message.actor_id,
        actor_types=tuple(message.actor_types),
        device_types=tuple(message.device_types),
        statuses=tuple(message.statuses),
        page=message.page,
        min_duration_ms=shortest,
        max_duration_ms=longest,
        has=has,
        tags=dict(message.tags),
    )


def order(value: int) -> Order:
    """Returns the order of a listing.

    Raises:
        InvalidArgument: If there is no such order.
    """
    try:
        return Order(value or Order.NEWEST_FIRST)
    except ValueError:
        raise InvalidArgument.of("order", f"{value} is none of 1 to {max(Order)}") from None


def wanted_replay(request: pb.ReplaySessionRequest, project: str) -> replay.Wanted:
    """Returns what a viewer asks for.

    Raises:
        InvalidArgument: Naming the field at fault.
    """
    key = SessionKey(project, session_id(request.session_id))
    window = _uuid(request.window_id, "window_id") if request.window_id else None
    from_ms, positions = None, None
    match request.WhichOneof("from"):
        case "from_offset":
            offset_ms = milliseconds(request.from_offset)
            if offset_ms < 0:
                raise InvalidArgument.of("from_offset", "must not be negative")
            return replay.Wanted(key, None, None, window, request.follow, offset_ms)
        case "from_time":
            from_ms = milliseconds(request.from_time)
        case "cursor":
            found = request.cursor.positions
            if len(found) > MAX_CURSOR_WINDOWS:
                raise InvalidArgument.of("cursor.positions", f"must not have more than {MAX_CURSOR_WINDOWS} entries")
            if any(entry.seq < 0 for entry in found):
                raise InvalidArgument.of("cursor.positions.seq", "must not be negative")
            positions = {_uuid(entry.window_id, "cursor.positions.window_id"): entry.seq for entry in found}
    return replay.Wanted(key, from_ms, positions, window, request.follow)


@dataclass(frozen=True, slots=True)
class ToDelete:
    """What is to be deleted: sessions, or all those of an actor."""

    sessions: tuple[UUID, ...]
    actor_id: str


def sessions_to_delete(request: pb.DeleteSessionsRequest) -> ToDelete:
    """Returns what is to be deleted.

    Raises:
        InvalidArgument: If it names both or neither, or an id is malformed.
    """
    if bool(request.session_ids) == bool(request.actor_id):
        raise InvalidArgument.of("session_ids", "give either session_ids or actor_id")
    if len(request.session_ids) > MAX_DELETED:
        raise InvalidArgument.of("session_ids", f"must not have more than {MAX_DELETED:,} entries")
    return ToDelete(tuple(session_id(text, "session_ids") for text in request.session_ids), request.actor_id)


def receipt(done: Receipt, now_ms: int) -> pb.DeleteSessionsResponse:
    """Returns what was deleted."""
    return pb.DeleteSessionsResponse(
        session_count=done.sessions,
        chunk_count=done.chunks,
        interaction_count=done.interactions,
        share_link_count=done.links,
        not_found=map(str, done.not_found),
        delete_time=timestamp(now_ms),
    )


def watch_change(change: Change) -> pb.WatchSessionsResponse:
    """Returns one message about live sessions."""
    match change:
        case list():
            return pb.WatchSessionsResponse(snapshot=pb.SessionsSnapshot(sessions=map(session, change)))
        case Removed(removed, status):
            return pb.WatchSessionsResponse(
                removal=pb.SessionRemoval(session_id=str(removed), status=_known(enums.status, status))
            )
        case _:
            return pb.WatchSessionsResponse(upsert=session(change))


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


def session(summary: SessionSummary) -> session_pb2.Session:
    """Returns a session."""
    head = summary.head
    return session_pb2.Session(
        session_id=str(summary.key.session),
        start_time=timestamp(summary.first_ms),
        end_time=timestamp(summary.last_ms),
        duration=duration(summary.last_ms - summary.first_ms),
        active_duration=duration(total(summary.totals, Total.ACTIVE_MS)),
        status=_known(enums.status, summary.status),
        actor_id=head.actor_id,
        actor_type=_known(enums.actor_type, head.actor_type),
        device_type=_known(enums.device_type, head.device_type),
        browser=head.browser,
        system=head.system,
        language=head.language,
        viewport=session_pb2.Size(width=head.viewport[0], height=head.viewport[1]),
        screen=session_pb2.Size(width=head.screen[0], height=head.screen[1]),
        first_url=head.first_url,
        recorder_name=head.recorder_name,
        recorder_version=head.recorder_version,
        tags=head.tags,
        totals=totals(summary.totals),
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
        totals=totals(summary.totals),
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
        kind=_known(enums.interaction_kind, mark.kind),
        time=timestamp(mark.time_ms),
        offset=duration(max(0, mark.time_ms - start_ms)),
        count=mark.count,
        detail=mark.detail,
    )


def session_details(
    summary: SessionSummary,
    windows: Sequence[WindowSummary],
    marks: Sequence[tuple[UUID, int, Mark]],
    leaks: Mapping[tuple[str, str], int],
    most: int,
) -> pb.GetSessionResponse:
    """Returns a session with everything that is shown beside its replay."""
    pages = [page_view(window_id, mark) for window_id, _, mark in marks if mark.kind == Kind.PAGE]
    markers = [
        marker(summary.key, summary.first_ms, window_id, seq, mark)
        for window_id, seq, mark in marks
        if mark.kind != Kind.PAGE
    ]
    return pb.GetSessionResponse(
        session=session(summary),
        windows=map(window, windows),
        pages=pages[:most],
        markers=markers[:most],
        masked_counts=[
            pb.MaskedCount(rule=rule, field_class=field, count=count) for (rule, field), count in sorted(leaks.items())
        ],
    )


def replay_part(part: replay.Part, now_ms: int) -> pb.ReplaySessionResponse:
    """Returns one message of a replay."""
    match part:
        case StoredPayload():
            return pb.ReplaySessionResponse(
                chunk=chunk_pb2.StoredChunk(
                    window_id=str(part.window),
                    seq=part.seq,
                    encoding=_as_is(GZIP),
                    payload=part.payload,
                    first_time=timestamp(part.first_ms),
                    last_time=timestamp(part.last_ms),
                    event_count=part.event_count,
                    has_full_snapshot=part.has_full_snapshot,
                )
            )
        case replay.Header(summary, windows, chunks):
            header = pb.ReplayHeader(
                session=session(summary),
                windows=map(window, windows),
                from_time=timestamp(min((chunk.first_ms for chunk in chunks), default=summary.first_ms)),
                chunk_count=len(chunks),
                payload_bytes=sum(chunk.payload_bytes for chunk in chunks),
            )
            return pb.ReplaySessionResponse(header=header)
        case replay.LiveEdge():
            return pb.ReplaySessionResponse(live_edge=pb.LiveEdge(server_time=timestamp(now_ms)))
        case replay.End(reason):
            return pb.ReplaySessionResponse(end=pb.ReplayEnd(reason=_as_is(reason)))
