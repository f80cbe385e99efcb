"""Converts reports, their options and the heatmaps in them, between messages and domain values."""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from afterimage.audit.v1 import audit_service_pb2 as audit_pb
from afterimage.audit.v1 import heatmap_pb2
from afterimage.export.v1 import export_pb2
from afterimage.recording.v1 import enums_pb2

from services.export.message_values import as_enums, number_of
from services.export.model import HeatmapContent, PaperSize, ReportOptions
from services.runtime.errors import Violations
from services.runtime.rpc.enums import EnumCodec

_MAX_PAGE_CHARS = 2048
_MAX_WIDTH_PX = 65_535

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,6}")
"""The form of a language tag (RFC 5646, 2.1), without those of private use only."""
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}")

_papers = EnumCodec(export_pb2.PaperSize)
_kinds = EnumCodec(heatmap_pb2.HeatmapKind)
_devices = EnumCodec(enums_pb2.DeviceType)
_actors = EnumCodec(enums_pb2.ActorType)

_FIELDS = ("page", "start_time", "end_time", "device_types", "actor_types", "min_viewport_width", "max_viewport_width")
"""Fields that a HeatmapContent and a GetHeatmapRequest have in common."""


def report_options(message: export_pb2.ReportOptions, field: str, problems: Violations) -> ReportOptions:
    """Returns the options of a report; violations are added to the problems, below `field`."""
    paper = number_of(_papers, message.paper, f"{field}.paper", problems) if message.paper else PaperSize.A4
    zone, language = message.time_zone, message.language
    if zone and not _is_zone(zone):
        problems.add(f"{field}.time_zone", "is not the IANA name of a time zone, such as Europe/Berlin")
    if language and not _LANGUAGE.fullmatch(language):
        problems.add(f"{field}.language", "is not a language tag (BCP 47), such as de or pt-BR")
    return ReportOptions(PaperSize(paper or PaperSize.A4), zone, language)


def _is_zone(name: str) -> bool:
    known = available_timezones()
    # A machine without a database of zones cannot check the name; the browser of the worker has its own.
    return bool(_ZONE.fullmatch(name)) and (not known or name in known)


def report_message(options: ReportOptions) -> export_pb2.ReportOptions:
    """Returns the options of a report as shown to callers."""
    (paper,) = as_enums([options.paper])
    return export_pb2.ReportOptions(paper=paper, time_zone=options.time_zone, language=options.language)


def heatmap_content(message: export_pb2.HeatmapContent, problems: Violations) -> HeatmapContent:
    """Returns the heatmaps to report; violations are added to the problems."""
    if not 0 < len(message.page) <= _MAX_PAGE_CHARS:
        problems.add("heatmap.page", f"must have 1 to {_MAX_PAGE_CHARS:,} characters")
    kinds = tuple(dict.fromkeys(number_of(_kinds, kind, "heatmap.kinds", problems) for kind in message.kinds))
    for name, codec in (("device_types", _devices), ("actor_types", _actors)):
        for value in getattr(message, name):
            number_of(codec, value, f"heatmap.{name}", problems)
    least, most = message.min_viewport_width, message.max_viewport_width
    for name, width in (("min_viewport_width", least), ("max_viewport_width", most)):
        if not 0 <= width <= _MAX_WIDTH_PX:
            problems.add(f"heatmap.{name}", f"must be from 0 to {_MAX_WIDTH_PX:,}, is {width}")
    if most and most < least:
        problems.add("heatmap.max_viewport_width", "must not be below min_viewport_width")
    has_both = message.HasField("start_time") and message.HasField("end_time")
    if has_both and message.end_time.ToNanoseconds() < message.start_time.ToNanoseconds():
        problems.add("heatmap.end_time", "must not be before start_time")
    request = audit_pb.GetHeatmapRequest()
    _copy(message, request)
    report = report_options(message.report, "heatmap.report", problems) if message.HasField("report") else None
    return HeatmapContent(message.page, request.SerializeToString(deterministic=True), kinds, report)


def heatmap_message(content: HeatmapContent) -> export_pb2.HeatmapContent:
    """Returns heatmaps to report as shown to callers."""
    message = export_pb2.HeatmapContent(kinds=as_enums(content.kinds))
    _copy(audit_pb.GetHeatmapRequest.FromString(content.request), message)
    if content.report is not None:
        message.report.CopyFrom(report_message(content.report))
    return message


def _copy(
    source: export_pb2.HeatmapContent | audit_pb.GetHeatmapRequest,
    target: export_pb2.HeatmapContent | audit_pb.GetHeatmapRequest,
) -> None:
    for field, value in source.ListFields():
        if field.name not in _FIELDS:
            continue
        if field.name in {"start_time", "end_time"}:
            getattr(target, field.name).CopyFrom(value)
        elif field.name in {"device_types", "actor_types"}:
            getattr(target, field.name).extend(value)
        else:
            setattr(target, field.name, value)
