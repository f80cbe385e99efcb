"""Converts the sessions to export, with their options, between messages and domain values."""

from __future__ import annotations

from collections.abc import Iterable

from afterimage.export.v1 import export_pb2

from services.export.convert_report import report_message, report_options
from services.export.message_values import as_enums, duration, number_of, offset_ms, session_id_of, uuid_of
from services.export.model import (
    VIDEO_FORMATS,
    ExportFormat,
    OverlayPart,
    PictureOptions,
    ReportOptions,
    SessionContent,
    VideoOptions,
)
from services.runtime.errors import Violations
from services.runtime.rpc.enums import EnumCodec

_WIDTHS_PX, _HEIGHTS_PX = (64, 3840), (64, 2160)
_FRAMES_PER_SECOND = (1, 30)

_parts = EnumCodec(export_pb2.OverlayPart)


def session_content(message: export_pb2.SessionContent, problems: Violations) -> SessionContent:
    """Returns the session to export; violations are added to the problems."""
    session_id = session_id_of(message.session_id, "session.session_id", problems)
    window = uuid_of(message.window_id, "session.window_id", problems) if message.window_id else None
    start_ms, end_ms = (
        offset_ms(getattr(message, name), f"session.{name}", problems) if message.HasField(name) else None
        for name in ("start_offset", "end_offset")
    )
    if end_ms is not None and end_ms <= (start_ms or 0):
        problems.add("session.end_offset", "must be after start_offset")
    options: VideoOptions | PictureOptions | ReportOptions | None = None
    match message.WhichOneof("options"):
        case "video":
            options = _video_options(message.video, problems)
        case "picture":
            options = _picture_options(message.picture, problems)
        case "report":
            options = report_options(message.report, "session.report", problems)
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
    at_ms = offset_ms(message.offset, "session.picture.offset", problems) if message.HasField("offset") else None
    if at_ms is None:
        problems.add("session.picture.offset", "is required")
    return PictureOptions(
        offset_ms=at_ms or 0,
        width=_bounded(message.width, _WIDTHS_PX, "session.picture.width", problems),
        height=_bounded(message.height, _HEIGHTS_PX, "session.picture.height", problems),
        shown_parts=_overlay_parts(message.shown_parts, "session.picture.shown_parts", problems),
    )


def check_options(content: SessionContent, wanted: int, problems: Violations) -> None:
    """Adds violations of options that do not fit the format."""
    is_picture = wanted == ExportFormat.PNG
    if isinstance(content.options, VideoOptions) and wanted not in VIDEO_FORMATS:
        problems.add("session.video", "applies to mp4, webm and gif only")
    if isinstance(content.options, PictureOptions) and not is_picture:
        problems.add("session.picture", "applies to png only")
    if isinstance(content.options, ReportOptions) and wanted != ExportFormat.PDF:
        problems.add("session.report", "applies to pdf only")
    if wanted == ExportFormat.PDF:
        _check_report(content, problems)
    if is_picture:
        _check_picture(content, problems)


def _check_report(content: SessionContent, problems: Violations) -> None:
    parts = (("window_id", content.window_id or None), ("start_offset", content.start_ms))
    for name, value in (*parts, ("end_offset", content.end_ms)):
        if value is not None:
            problems.add(f"session.{name}", "does not apply to pdf: a report is of the whole session")


def _check_picture(content: SessionContent, problems: Violations) -> None:
    if content.options is None:
        problems.add("session.picture", "is required: a png shows one moment")
    for name, value in (("start_offset", content.start_ms), ("end_offset", content.end_ms)):
        if value is not None:
            problems.add(f"session.{name}", "does not apply to png, which shows one moment: picture.offset")


def _overlay_parts(values: Iterable[int], field: str, problems: Violations) -> tuple[OverlayPart, ...]:
    numbers = dict.fromkeys(number_of(_parts, value, field, problems) for value in values)
    return tuple(OverlayPart(number) for number in numbers if number)


def _bounded(value: int, bounds: tuple[int, int], field: str, problems: Violations) -> int:
    least, most = bounds
    if value and not least <= value <= most:
        problems.add(field, f"must be from {least} to {most}, is {value}")
    return value


def session_message(content: SessionContent) -> export_pb2.SessionContent:
    """Returns a session to export as shown to callers."""
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
        case ReportOptions() as report:
            message.report.CopyFrom(report_message(report))
    return message
