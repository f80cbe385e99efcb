"""Converts between the contract's messages and domain values. Only `audit_client` and `trail` use protobuf besides.

The sessions to export are in `convert_session`, single values in `message_values`.
"""

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
from google.protobuf.timestamp_pb2 import Timestamp

from services.export.convert_report import heatmap_content, heatmap_message, report_message, report_options
from services.export.convert_session import check_options, session_content, session_message
from services.export.message_values import (
    as_enums,
    duration,
    milliseconds,
    number_of,
    session_id_of,
    timestamp,
    uuid_of,
)
from services.export.model import (
    FORMATS,
    MIN_TTL_S,
    Content,
    Export,
    ExportCursor,
    ExportFile,
    ExportFilter,
    ExportFormat,
    ExportPriority,
    ExportState,
    ExportTable,
    HeatmapContent,
    NewExport,
    PictureOptions,
    Progress,
    SessionContent,
    TableContent,
    TrailEntry,
)
from services.export.recordings import Cells, RecordedFinding, RecordedPage, RecordedSession, RecordedWindow
from services.runtime.access_actions import AccessOutcome
from services.runtime.errors import FieldViolation, InvalidArgument, Violations
from services.runtime.rpc.enums import EnumCodec
from services.runtime.uuid7 import uuid7_ms

SERVICE = pb.DESCRIPTOR.services_by_name["ExportService"].full_name
_MAX_SUBJECT_CHARS = 1024
_MAX_DETAIL_CHARS = 512

_formats = EnumCodec(export_pb2.ExportFormat)
_tables = EnumCodec(export_pb2.ExportTable)
_states = EnumCodec(export_pb2.ExportState)
_priorities = EnumCodec(export_pb2.ExportPriority)
_kinds = EnumCodec(enums_pb2.InteractionKind)
_devices = EnumCodec(enums_pb2.DeviceType)
_actors = EnumCodec(enums_pb2.ActorType)
_statuses = EnumCodec(enums_pb2.SessionStatus)

_KINDS_OF_CONTENT = {SessionContent: "session", TableContent: "table", HeatmapContent: "heatmap"}


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
            content = session_content(request.session, problems)
        case "table":
            content = _table_content(request.table, problems)
        case "heatmap":
            content = heatmap_content(request.heatmap, problems)
        case _:
            problems.add("session", "give session, table or heatmap")
    wanted = number_of(_formats, request.format, "format", problems)
    if content is not None and wanted and wanted not in FORMATS[type(content)]:
        names = " or ".join(one.name.lower() for one in FORMATS[type(content)])
        problems.add("format", f"a {_KINDS_OF_CONTENT[type(content)]} is exported as {names}")
    elif isinstance(content, SessionContent) and wanted:
        check_options(content, wanted, problems)
    elif isinstance(content, TableContent) and wanted:
        _check_report(content, wanted, problems)
    priority = number_of(_priorities, request.priority, "priority", problems) if request.priority else 0
    ttl_ms = None
    if request.HasField("ttl"):
        ttl_s = request.ttl.seconds + request.ttl.nanos / 1e9
        ttl_ms = milliseconds(request.ttl)
        if not MIN_TTL_S <= ttl_s <= max_ttl_s:
            problems.add("ttl", f"must be from {MIN_TTL_S} s to {max_ttl_s:g} s, is {ttl_s:g} s")
    request_id = uuid_of(request.request_id, "request_id", problems) if request.request_id else None
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
    found = uuid_of(text, "export_id", problems)
    problems.raise_if_any()
    return str(found)


def export_filter(request: pb.ListExportsRequest) -> ExportFilter:
    """Returns the filter of a list.

    Raises:
        InvalidArgument: Naming every invalid field.
    """
    problems = Violations()
    session_id = session_id_of(request.session_id, "session_id", problems) if request.session_id else ""
    _check_creator(request.created_by, problems)
    states = tuple(number_of(_states, state, "states", problems) for state in request.states)
    problems.raise_if_any()
    return ExportFilter(session_id, request.created_by, states)


def watched_creator(request: pb.WatchExportsRequest) -> str:
    """Returns the only creator of the watched exports; "": all creators.

    Raises:
        InvalidArgument: The name is too long.
    """
    problems = Violations()
    _check_creator(request.created_by, problems)
    problems.raise_if_any()
    return request.created_by


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
        share_link_id=found.link_id,
    )
    match found.content:
        case SessionContent() as content:
            message.session.CopyFrom(session_message(content))
        case TableContent() as content:
            message.table.CopyFrom(
                export_pb2.TableContent(
                    table=_any(content.table),
                    filter=session_filter(content.filter),
                    kinds=as_enums(content.kinds),
                    report=None if content.report is None else report_message(content.report),
                )
            )
        case HeatmapContent() as content:
            message.heatmap.CopyFrom(heatmap_message(content))
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
        share_link_id=entry.link_id,
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
    if isinstance(content, HeatmapContent):
        return f"heatmaps of {content.page}"
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


def _table_content(message: export_pb2.TableContent, problems: Violations) -> TableContent:
    table = number_of(_tables, message.table, "table.table", problems)
    kinds = tuple(dict.fromkeys(number_of(_kinds, kind, "table.kinds", problems) for kind in message.kinds))
    if kinds and table == ExportTable.SESSIONS:
        problems.add("table.kinds", "applies to a table of interactions only")
    data = message.filter.SerializeToString(deterministic=True)
    report = report_options(message.report, "table.report", problems) if message.HasField("report") else None
    return TableContent(ExportTable(table or ExportTable.SESSIONS), data, kinds, report)


def _check_report(content: TableContent, wanted: int, problems: Violations) -> None:
    """Adds violations of options that do not fit the format."""
    if wanted != ExportFormat.PDF:
        if content.report is not None:
            problems.add("table.report", "applies to pdf only")
    elif content.table is not ExportTable.SESSIONS:
        problems.add("table.table", "must be sessions: a pdf is a report of sessions")


def _check_creator(created_by: str, problems: Violations) -> None:
    if len(created_by) > _MAX_SUBJECT_CHARS:
        problems.add("created_by", f"must not be longer than {_MAX_SUBJECT_CHARS} characters")


def _progress(progress: Progress, *, is_running: bool) -> export_pb2.ExportProgress:
    return export_pb2.ExportProgress(
        done_count=progress.done,
        planned_count=progress.planned,
        remaining_duration=duration(progress.remaining_ms) if is_running else None,
    )


def _uuid_or_nothing(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _moment(ms: int | None) -> Timestamp | None:
    return None if ms is None else timestamp(ms)


def _any(value: int) -> Any:
    return int(value)
