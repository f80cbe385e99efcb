"""Converts between the contract's messages and domain values. Only `audit_client` and `trail` use protobuf besides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from afterimage.audit.v1 import access_event_pb2, session_filter_pb2
from afterimage.audit.v1 import audit_service_pb2 as audit_pb
from afterimage.export.v1 import export_pb2
from afterimage.export.v1 import export_service_pb2 as pb
from afterimage.recording.v1 import enums_pb2, interaction_pb2, session_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.export.model import (
    FORMATS,
    MIN_TTL_S,
    VIDEO_FORMATS,
    Content,
    Export,
    ExportCursor,
    ExportFile,
    ExportFilter,
    ExportFormat,
    ExportPriority,
    ExportState,
    ExportTable,
    NewExport,
    OverlayPart,
    PictureOptions,
    Progress,
    SessionContent,
    TableContent,
    TrailEntry,
    VideoOptions,
)
from services.export.recordings import Cells, RecordedFinding, RecordedPage, RecordedSession, RecordedWindow
from services.runtime.access_actions import AccessOutcome
from services.runtime.errors import FieldViolation, InvalidArgument, Violations
from services.runtime.rpc.enums import EnumCodec
from services.runtime.uuid7 import uuid7_ms

SERVICE = pb.DESCRIPTOR.services_by_name["ExportService"].full_name
_MAX_SUBJECT_CHARS = 1024
_MAX_DETAIL_CHARS = 512
_UUID_V7 = 7
_WIDTHS_PX, _HEIGHTS_PX = (64, 3840), (64, 2160)
_FRAMES_PER_SECOND = (1, 30)

_formats = EnumCodec(export_pb2.ExportFormat)
_tables = EnumCodec(export_pb2.ExportTable)
_states = EnumCodec(export_pb2.ExportState)
_priorities = EnumCodec(export_pb2.ExportPriority)
_parts = EnumCodec(export_pb2.OverlayPart)
_kinds = EnumCodec(enums_pb2.InteractionKind)
_devices = EnumCodec(enums_pb2.DeviceType)
_actors = EnumCodec(enums_pb2.ActorType)
_statuses = EnumCodec(enums_pb2.SessionStatus)


def timestamp(ms: int) -> Timestamp:
    """Returns milliseconds since 1970 UTC as a Timestamp."""
    return Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def duration(ms: int | None) -> Duration | None:
    """Returns milliseconds as a Duration."""
    return None if ms is None else Duration(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def milliseconds(value: Timestamp | Duration) -> int:
    """Returns a Timestamp or a Duration in milliseconds."""
    return value.seconds * 1000 + value.nanos // 1_000_000


def as_enums(numbers: Iterable[int]) -> list[Any]:
    """Returns the contract's values; the generated types require their own subclass of int."""
    return [int(number) for number in numbers]


# --- requests


def new_export(request: pb.CreateExportRequest, max_ttl_s: float) -> NewExport:
    """Returns the export specification in a request.

    Raises:
        InvalidArgument: Naming every invalid field.
    """
    problems = Violations()
    content: Content | None = None
    match request.WhichOneof("content"):
        case "session":
            content = _session_content(request.session, problems)
        case "table":
            content = _table_content(request.table, problems)
        case _:
            problems.add("session", "give either session or table")
    wanted = _number(_formats, request.format, "format", problems)
    if content is not None and wanted and wanted not in FORMATS[type(content)]:
        names = " or ".join(one.name.lower() for one in FORMATS[type(content)])
        kind = "session" if isinstance(content, SessionContent) else "table"
        problems.add("format", f"a {kind} is exported as {names}")
    elif isinstance(content, SessionContent) and wanted:
        _check_options(content, wanted, problems)
    priority = _number(_priorities, request.priority, "priority", problems) if request.priority else 0
    ttl_ms = None
    if request.HasField("ttl"):
        ttl_s = request.ttl.seconds + request.ttl.nanos / 1e9
        ttl_ms = milliseconds(request.ttl)
        if not MIN_TTL_S <= ttl_s <= max_ttl_s:
            problems.add("ttl", f"must be from {MIN_TTL_S} s to {max_ttl_s:g} s, is {ttl_s:g} s")
    request_id = _uuid(request.request_id, "request_id", problems) if request.request_id else None
    problems.raise_if_any()
    assert content is not None  # noqa: S101 - a violation otherwise
    return NewExport(
        content,
        ExportFormat(wanted),
        ExportPriority(priority or ExportPriority.NORMAL),
        ttl_ms,
        str(request_id) if request_id else "",
    )


def export_id(text: str) -> str:
    """Returns an export's id in its canonical form.

    Raises:
        InvalidArgument: It is missing or not an id.
    """
    problems = Violations()
    found = _uuid(text, "export_id", problems)
    problems.raise_if_any()
    return str(found)


def export_filter(request: pb.ListExportsRequest) -> ExportFilter:
    """Returns the filter of a list.

    Raises:
        InvalidArgument: Naming every invalid field.
    """
    problems = Violations()
    session_id = _session_id(request.session_id, "session_id", problems) if request.session_id else ""
    if len(request.created_by) > _MAX_SUBJECT_CHARS:
        problems.add("created_by", f"must not be longer than {_MAX_SUBJECT_CHARS} characters")
    states = tuple(_number(_states, state, "states", problems) for state in request.states)
    problems.raise_if_any()
    return ExportFilter(session_id, request.created_by, states)


def fields_of_list(request: pb.ListExportsRequest) -> bytes:
    """Returns the fields that a page token is bound to."""
    rest = pb.ListExportsRequest()
    rest.CopyFrom(request)
    rest.ClearField("page_size")
    rest.ClearField("page_token")
    return rest.SerializeToString(deterministic=True)


def position(export: Export) -> ExportCursor:
    """Returns an export's position in a list."""
    return ExportCursor(export.created_ms, export.export_id)


def offset(request: pb.DownloadExportRequest) -> int:
    """Returns the first wanted byte.

    Raises:
        InvalidArgument: It is negative.
    """
    if request.offset < 0:
        raise InvalidArgument.of("offset", f"must not be negative, is {request.offset}")
    return request.offset


def named(request: Any) -> tuple[str, str]:
    """Returns the session and the export named by a request of any method, "" for malformed ones."""
    session = request.session.session_id if isinstance(request, pb.CreateExportRequest) else ""
    return _uuid_or_nothing(session), _uuid_or_nothing(getattr(request, "export_id", ""))


def session_filter(data: bytes) -> session_filter_pb2.SessionFilter:
    """Returns a serialised filter of sessions."""
    return session_filter_pb2.SessionFilter.FromString(data)


def below_table(violation: FieldViolation) -> FieldViolation:
    """Returns a violation of a list of sessions as one of the request for an export of it."""
    return FieldViolation(f"table.{violation.field}", violation.description)


# --- answers


def export(found: Export) -> export_pb2.Export:
    """Returns an export as shown to callers."""
    message = export_pb2.Export(
        export_id=found.export_id,
        format=_any(found.format),
        state=_any(found.state),
        priority=_any(found.priority),
        created_by=found.created_by,
        create_time=timestamp(found.created_ms),
        start_time=_moment(found.started_ms),
        end_time=_moment(found.ended_ms),
        expire_time=_moment(found.expires_ms),
        progress=_progress(found.progress, is_running=found.state is ExportState.RUNNING),
        attempt_count=found.started,
    )
    match found.content:
        case SessionContent() as content:
            message.session.CopyFrom(_session_message(content))
        case TableContent() as content:
            message.table.CopyFrom(
                export_pb2.TableContent(
                    table=_any(content.table),
                    filter=session_filter(content.filter),
                    kinds=as_enums(content.kinds),
                )
            )
    if found.failure is not None:
        message.failure.CopyFrom(export_pb2.ExportFailure(reason=found.failure.reason, message=found.failure.message))
    if found.file is not None:
        message.file.CopyFrom(file(found.file))
    return message


def file(found: ExportFile) -> export_pb2.ExportFile:
    """Returns the description of a file."""
    return export_pb2.ExportFile(
        name=found.name, content_type=found.content_type, size_bytes=found.size_bytes, sha256=found.sha256
    )


def change(found: Export) -> pb.WatchExportsResponse:
    """Returns a change of an export, for watchers."""
    if found.state is ExportState.DELETED:
        return pb.WatchExportsResponse(removal=pb.ExportRemoval(export_id=found.export_id))
    return pb.WatchExportsResponse(upsert=export(found))


def snapshot(found: Iterable[Export]) -> pb.WatchExportsResponse:
    """Returns the first message for watchers: the exports, newest first."""
    return pb.WatchExportsResponse(snapshot=pb.ExportsSnapshot(exports=map(export, found)))


def access_event(entry: TrailEntry, outcome: AccessOutcome, event_id: UUID) -> access_event_pb2.AccessEvent:
    """Returns an entry of the access trail; its time is that of the id."""
    return access_event_pb2.AccessEvent(
        access_event_id=str(event_id),
        time=timestamp(uuid7_ms(event_id)),
        action=_any(entry.action),
        outcome=_any(outcome),
        subject=entry.subject,
        session_id=entry.session_id,
        rpc=f"/{SERVICE}/{entry.method}",
        address=entry.caller.address,
        user_agent=entry.caller.user_agent,
        detail=entry.detail[:_MAX_DETAIL_CHARS],
    )


def described(content: Content) -> str:
    """Returns the description of an export's content for the access trail, without the id of an actor."""
    if isinstance(content, SessionContent):
        parts = [f"window {content.window_id}"] if content.window_id else []
        if content.start_ms is not None or content.end_ms is not None:
            end = "the end" if content.end_ms is None else f"{content.end_ms / 1000:g} s"
            parts.append(f"from {(content.start_ms or 0) / 1000:g} s to {end}")
        if isinstance(content.options, PictureOptions):
            parts.append(f"at {content.options.offset_ms / 1000:g} s")
        return ", ".join(parts)
    wanted = session_filter(content.filter)
    # The trail must not keep the id of an actor after their sessions were deleted.
    wanted.ClearField("actor_id")
    return f"{content.table.name.lower()} {' '.join(str(wanted).split())}".strip()


# --- recorded data


def recorded_session(answer: audit_pb.GetSessionResponse) -> RecordedSession:
    """Returns a session with its windows and pages."""
    session = answer.session
    return RecordedSession(
        session_id=session.session_id,
        start_ms=milliseconds(session.start_time),
        duration_ms=milliseconds(session.duration),
        is_live=session.status == enums_pb2.SESSION_STATUS_LIVE,
        user_agent=session.user_agent,
        browser=session.browser,
        windows=tuple(
            RecordedWindow(window.window_id, window.totals.chunk_count, milliseconds(window.start_time))
            for window in answer.windows
        ),
        pages=tuple(RecordedPage(page.window_id, page.url, milliseconds(page.open_time)) for page in answer.pages),
        findings=tuple(
            RecordedFinding(
                window_id=marker.window_id,
                time_ms=milliseconds(marker.time),
                kind=_kinds.to_string(marker.kind),
                count=marker.count,
                detail=marker.detail,
                target=marker.target.name,
            )
            for marker in answer.markers
        ),
    )


def session_cells(session: session_pb2.Session) -> Cells:
    """Returns the cells of SESSION_COLUMNS."""
    totals = session.totals
    return (
        session.session_id,
        milliseconds(session.start_time),
        milliseconds(session.end_time),
        milliseconds(session.duration) / 1000,
        milliseconds(session.active_duration) / 1000,
        _statuses.to_string(session.status),
        session.actor_id or None,
        _actors.to_string(session.actor_type),
        _devices.to_string(session.device_type),
        session.browser or None,
        session.system or None,
        session.language or None,
        session.viewport.width or None,
        session.viewport.height or None,
        session.screen.width or None,
        session.screen.height or None,
        session.first_url or None,
        session.window_count,
        totals.page_count,
        totals.event_count,
        totals.click_count,
        totals.input_count,
        totals.error_count,
        totals.warning_count,
        totals.failed_request_count,
        totals.rage_click_count,
        totals.dead_click_count,
        totals.quick_back_count,
        totals.error_click_count,
        totals.mouse_thrash_count,
        totals.masked_count,
        totals.stored_bytes,
        msgspec.json.encode(dict(sorted(session.tags.items()))).decode() if session.tags else None,
        session.user_agent or None,
        session.recorder_name or None,
        session.recorder_version or None,
    )


def interaction_cells(interaction: interaction_pb2.Interaction) -> Cells:
    """Returns the cells of INTERACTION_COLUMNS."""
    target = interaction.target
    return (
        interaction.session_id,
        interaction.window_id,
        interaction.number,
        milliseconds(interaction.time),
        milliseconds(interaction.offset) / 1000,
        _kinds.to_string(interaction.kind),
        interaction.page or None,
        interaction.x_percent,
        interaction.y_percent,
        interaction.count,
        interaction.detail or None,
        target.name or None,
        target.role or None,
        target.tag or None,
        target.selector or None,
        interaction.node_id or None,
        interaction.viewport.width or None,
        interaction.viewport.height or None,
        interaction.seq,
    )


def _session_content(message: export_pb2.SessionContent, problems: Violations) -> SessionContent:
    session_id = _session_id(message.session_id, "session.session_id", problems)
    window = _uuid(message.window_id, "session.window_id", problems) if message.window_id else None
    start_ms, end_ms = (
        _offset(getattr(message, name), f"session.{name}", problems) if message.HasField(name) else None
        for name in ("start_offset", "end_offset")
    )
    if end_ms is not None and end_ms <= (start_ms or 0):
        problems.add("session.end_offset", "must be after start_offset")
    options: VideoOptions | PictureOptions | None = None
    match message.WhichOneof("options"):
        case "video":
            options = _video_options(message.video, problems)
        case "picture":
            options = _picture_options(message.picture, problems)
    return SessionContent(session_id, str(window) if window else "", start_ms, end_ms, options)


def _video_options(message: export_pb2.VideoOptions, problems: Violations) -> VideoOptions:
    return VideoOptions(
        width=_bounded(message.width, _WIDTHS_PX, "session.video.width", problems),
        height=_bounded(message.height, _HEIGHTS_PX, "session.video.height", problems),
        frames_per_second=_bounded(
            message.frames_per_second, _FRAMES_PER_SECOND, "session.video.frames_per_second", problems
        ),
        keep_pauses=message.keep_pauses,
        hidden_parts=_overlay_parts(message.hidden_parts, "session.video.hidden_parts", problems),
    )


def _picture_options(message: export_pb2.PictureOptions, problems: Violations) -> PictureOptions:
    offset_ms = _offset(message.offset, "session.picture.offset", problems) if message.HasField("offset") else None
    if offset_ms is None:
        problems.add("session.picture.offset", "is required")
    return PictureOptions(
        offset_ms=offset_ms or 0,
        width=_bounded(message.width, _WIDTHS_PX, "session.picture.width", problems),
        height=_bounded(message.height, _HEIGHTS_PX, "session.picture.height", problems),
        shown_parts=_overlay_parts(message.shown_parts, "session.picture.shown_parts", problems),
    )


def _check_options(content: SessionContent, wanted: int, problems: Violations) -> None:
    """Adds violations of options that do not fit the format."""
    is_picture = wanted == ExportFormat.PNG
    if isinstance(content.options, VideoOptions) and wanted not in VIDEO_FORMATS:
        problems.add("session.video", "applies to mp4, webm and gif only")
    if isinstance(content.options, PictureOptions) and not is_picture:
        problems.add("session.picture", "applies to png only")
    if not is_picture:
        return
    if content.options is None:
        problems.add("session.picture", "is required: a png shows one moment")
    for name, value in (("start_offset", content.start_ms), ("end_offset", content.end_ms)):
        if value is not None:
            problems.add(f"session.{name}", "does not apply to png, which shows one moment: picture.offset")


def _overlay_parts(values: Iterable[int], field: str, problems: Violations) -> tuple[OverlayPart, ...]:
    numbers = dict.fromkeys(_number(_parts, value, field, problems) for value in values)
    return tuple(OverlayPart(number) for number in numbers if number)


def _bounded(value: int, bounds: tuple[int, int], field: str, problems: Violations) -> int:
    least, most = bounds
    if value and not least <= value <= most:
        problems.add(field, f"must be from {least} to {most}, is {value}")
    return value


def _table_content(message: export_pb2.TableContent, problems: Violations) -> TableContent:
    table = _number(_tables, message.table, "table.table", problems)
    kinds = tuple(dict.fromkeys(_number(_kinds, kind, "table.kinds", problems) for kind in message.kinds))
    if kinds and table == ExportTable.SESSIONS:
        problems.add("table.kinds", "applies to a table of interactions only")
    data = message.filter.SerializeToString(deterministic=True)
    return TableContent(ExportTable(table or ExportTable.SESSIONS), data, kinds)


def _session_message(content: SessionContent) -> export_pb2.SessionContent:
    message = export_pb2.SessionContent(
        session_id=content.session_id,
        window_id=content.window_id,
        start_offset=duration(content.start_ms),
        end_offset=duration(content.end_ms),
    )
    match content.options:
        case VideoOptions() as video:
            message.video.CopyFrom(
                export_pb2.VideoOptions(
                    width=video.width,
                    height=video.height,
                    frames_per_second=video.frames_per_second,
                    keep_pauses=video.keep_pauses,
                    hidden_parts=as_enums(video.hidden_parts),
                )
            )
        case PictureOptions() as picture:
            message.picture.CopyFrom(
                export_pb2.PictureOptions(
                    offset=duration(picture.offset_ms),
                    width=picture.width,
                    height=picture.height,
                    shown_parts=as_enums(picture.shown_parts),
                )
            )
    return message


def _progress(progress: Progress, *, is_running: bool) -> export_pb2.ExportProgress:
    return export_pb2.ExportProgress(
        done_count=progress.done,
        planned_count=progress.planned,
        remaining_duration=duration(progress.remaining_ms) if is_running else None,
    )


def _offset(value: Duration, field: str, problems: Violations) -> int:
    if value.seconds < 0 or value.nanos < 0:
        problems.add(field, f"must not be negative, is {milliseconds(value) / 1000:g} s")
    return milliseconds(value)


def _number(codec: EnumCodec, value: int, field: str, problems: Violations) -> int:
    """Returns an enum's number; 0: it is refused."""
    try:
        return codec.to_number(value, field, specified=True)
    except InvalidArgument as error:
        problems.add(field, error.violations[0].description)
        return 0


def _uuid(text: str, field: str, problems: Violations) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        problems.add(field, "is not a UUID" if text else "is required")
        return None


def _session_id(text: str, field: str, problems: Violations) -> str:
    session = _uuid(text, field, problems)
    if session is None:
        return ""
    if session.version != _UUID_V7:
        problems.add(field, "must be a UUIDv7")
    return str(session)


def _uuid_or_nothing(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _moment(ms: int | None) -> Timestamp | None:
    return None if ms is None else timestamp(ms)


def _any(value: int) -> Any:
    return int(value)
