import datetime

from afterimage.audit.v1 import heatmap_pb2 as _heatmap_pb2
from afterimage.audit.v1 import session_filter_pb2 as _session_filter_pb2
from afterimage.recording.v1 import enums_pb2 as _enums_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_JSON: _ClassVar[ExportFormat]
    EXPORT_FORMAT_HAR: _ClassVar[ExportFormat]
    EXPORT_FORMAT_CSV: _ClassVar[ExportFormat]
    EXPORT_FORMAT_PARQUET: _ClassVar[ExportFormat]
    EXPORT_FORMAT_MP4: _ClassVar[ExportFormat]
    EXPORT_FORMAT_WEBM: _ClassVar[ExportFormat]
    EXPORT_FORMAT_GIF: _ClassVar[ExportFormat]
    EXPORT_FORMAT_PNG: _ClassVar[ExportFormat]
    EXPORT_FORMAT_HTML: _ClassVar[ExportFormat]
    EXPORT_FORMAT_PDF: _ClassVar[ExportFormat]

class PaperSize(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAPER_SIZE_UNSPECIFIED: _ClassVar[PaperSize]
    PAPER_SIZE_A4: _ClassVar[PaperSize]
    PAPER_SIZE_LETTER: _ClassVar[PaperSize]

class OverlayPart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OVERLAY_PART_UNSPECIFIED: _ClassVar[OverlayPart]
    OVERLAY_PART_POINTER: _ClassVar[OverlayPart]
    OVERLAY_PART_CLICKS: _ClassVar[OverlayPart]
    OVERLAY_PART_ADDRESS: _ClassVar[OverlayPart]
    OVERLAY_PART_CLOCK: _ClassVar[OverlayPart]
    OVERLAY_PART_CAPTIONS: _ClassVar[OverlayPart]

class ExportTable(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_TABLE_UNSPECIFIED: _ClassVar[ExportTable]
    EXPORT_TABLE_SESSIONS: _ClassVar[ExportTable]
    EXPORT_TABLE_INTERACTIONS: _ClassVar[ExportTable]

class ExportState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_STATE_UNSPECIFIED: _ClassVar[ExportState]
    EXPORT_STATE_QUEUED: _ClassVar[ExportState]
    EXPORT_STATE_RUNNING: _ClassVar[ExportState]
    EXPORT_STATE_DONE: _ClassVar[ExportState]
    EXPORT_STATE_FAILED: _ClassVar[ExportState]
    EXPORT_STATE_CANCELLED: _ClassVar[ExportState]
    EXPORT_STATE_EXPIRED: _ClassVar[ExportState]

class ExportPriority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_PRIORITY_UNSPECIFIED: _ClassVar[ExportPriority]
    EXPORT_PRIORITY_LOW: _ClassVar[ExportPriority]
    EXPORT_PRIORITY_NORMAL: _ClassVar[ExportPriority]
    EXPORT_PRIORITY_HIGH: _ClassVar[ExportPriority]
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_JSON: ExportFormat
EXPORT_FORMAT_HAR: ExportFormat
EXPORT_FORMAT_CSV: ExportFormat
EXPORT_FORMAT_PARQUET: ExportFormat
EXPORT_FORMAT_MP4: ExportFormat
EXPORT_FORMAT_WEBM: ExportFormat
EXPORT_FORMAT_GIF: ExportFormat
EXPORT_FORMAT_PNG: ExportFormat
EXPORT_FORMAT_HTML: ExportFormat
EXPORT_FORMAT_PDF: ExportFormat
PAPER_SIZE_UNSPECIFIED: PaperSize
PAPER_SIZE_A4: PaperSize
PAPER_SIZE_LETTER: PaperSize
OVERLAY_PART_UNSPECIFIED: OverlayPart
OVERLAY_PART_POINTER: OverlayPart
OVERLAY_PART_CLICKS: OverlayPart
OVERLAY_PART_ADDRESS: OverlayPart
OVERLAY_PART_CLOCK: OverlayPart
OVERLAY_PART_CAPTIONS: OverlayPart
EXPORT_TABLE_UNSPECIFIED: ExportTable
EXPORT_TABLE_SESSIONS: ExportTable
EXPORT_TABLE_INTERACTIONS: ExportTable
EXPORT_STATE_UNSPECIFIED: ExportState
EXPORT_STATE_QUEUED: ExportState
EXPORT_STATE_RUNNING: ExportState
EXPORT_STATE_DONE: ExportState
EXPORT_STATE_FAILED: ExportState
EXPORT_STATE_CANCELLED: ExportState
EXPORT_STATE_EXPIRED: ExportState
EXPORT_PRIORITY_UNSPECIFIED: ExportPriority
EXPORT_PRIORITY_LOW: ExportPriority
EXPORT_PRIORITY_NORMAL: ExportPriority
EXPORT_PRIORITY_HIGH: ExportPriority

class SessionContent(_message.Message):
    __slots__ = ("session_id", "window_id", "start_offset", "end_offset", "video", "picture", "report")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    window_id: str
    start_offset: _duration_pb2.Duration
    end_offset: _duration_pb2.Duration
    video: VideoOptions
    picture: PictureOptions
    report: ReportOptions
    def __init__(self, session_id: _Optional[str] = ..., window_id: _Optional[str] = ..., start_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., video: _Optional[_Union[VideoOptions, _Mapping]] = ..., picture: _Optional[_Union[PictureOptions, _Mapping]] = ..., report: _Optional[_Union[ReportOptions, _Mapping]] = ...) -> None: ...

class ReportOptions(_message.Message):
    __slots__ = ("paper", "time_zone", "language")
    PAPER_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    paper: PaperSize
    time_zone: str
    language: str
    def __init__(self, paper: _Optional[_Union[PaperSize, str]] = ..., time_zone: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class VideoOptions(_message.Message):
    __slots__ = ("width", "height", "frames_per_second", "keep_pauses", "hidden_parts")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    KEEP_PAUSES_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_PARTS_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    frames_per_second: int
    keep_pauses: bool
    hidden_parts: _containers.RepeatedScalarFieldContainer[OverlayPart]
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., frames_per_second: _Optional[int] = ..., keep_pauses: _Optional[bool] = ..., hidden_parts: _Optional[_Iterable[_Union[OverlayPart, str]]] = ...) -> None: ...

class PictureOptions(_message.Message):
    __slots__ = ("offset", "width", "height", "shown_parts")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SHOWN_PARTS_FIELD_NUMBER: _ClassVar[int]
    offset: _duration_pb2.Duration
    width: int
    height: int
    shown_parts: _containers.RepeatedScalarFieldContainer[OverlayPart]
    def __init__(self, offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., shown_parts: _Optional[_Iterable[_Union[OverlayPart, str]]] = ...) -> None: ...

class HeatmapContent(_message.Message):
    __slots__ = ("page", "kinds", "start_time", "end_time", "device_types", "actor_types", "min_viewport_width", "max_viewport_width", "report")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    ACTOR_TYPES_FIELD_NUMBER: _ClassVar[int]
    MIN_VIEWPORT_WIDTH_FIELD_NUMBER: _ClassVar[int]
    MAX_VIEWPORT_WIDTH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    page: str
    kinds: _containers.RepeatedScalarFieldContainer[_heatmap_pb2.HeatmapKind]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    device_types: _containers.RepeatedScalarFieldContainer[_enums_pb2.DeviceType]
    actor_types: _containers.RepeatedScalarFieldContainer[_enums_pb2.ActorType]
    min_viewport_width: int
    max_viewport_width: int
    report: ReportOptions
    def __init__(self, page: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[_heatmap_pb2.HeatmapKind, str]]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., device_types: _Optional[_Iterable[_Union[_enums_pb2.DeviceType, str]]] = ..., actor_types: _Optional[_Iterable[_Union[_enums_pb2.ActorType, str]]] = ..., min_viewport_width: _Optional[int] = ..., max_viewport_width: _Optional[int] = ..., report: _Optional[_Union[ReportOptions, _Mapping]] = ...) -> None: ...

class TableContent(_message.Message):
    __slots__ = ("table", "filter", "kinds", "report")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    table: ExportTable
    filter: _session_filter_pb2.SessionFilter
    kinds: _containers.RepeatedScalarFieldContainer[_enums_pb2.InteractionKind]
    report: ReportOptions
    def __init__(self, table: _Optional[_Union[ExportTable, str]] = ..., filter: _Optional[_Union[_session_filter_pb2.SessionFilter, _Mapping]] = ..., kinds: _Optional[_Iterable[_Union[_enums_pb2.InteractionKind, str]]] = ..., report: _Optional[_Union[ReportOptions, _Mapping]] = ...) -> None: ...

class Export(_message.Message):
    __slots__ = ("export_id", "session", "table", "heatmap", "format", "state", "priority", "created_by", "create_time", "start_time", "end_time", "expire_time", "progress", "attempt_count", "failure", "file", "share_link_id")
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    HEATMAP_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    SHARE_LINK_ID_FIELD_NUMBER: _ClassVar[int]
    export_id: str
    session: SessionContent
    table: TableContent
    heatmap: HeatmapContent
    format: ExportFormat
    state: ExportState
    priority: ExportPriority
    created_by: str
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    progress: ExportProgress
    attempt_count: int
    failure: ExportFailure
    file: ExportFile
    share_link_id: str
    def __init__(self, export_id: _Optional[str] = ..., session: _Optional[_Union[SessionContent, _Mapping]] = ..., table: _Optional[_Union[TableContent, _Mapping]] = ..., heatmap: _Optional[_Union[HeatmapContent, _Mapping]] = ..., format: _Optional[_Union[ExportFormat, str]] = ..., state: _Optional[_Union[ExportState, str]] = ..., priority: _Optional[_Union[ExportPriority, str]] = ..., created_by: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., progress: _Optional[_Union[ExportProgress, _Mapping]] = ..., attempt_count: _Optional[int] = ..., failure: _Optional[_Union[ExportFailure, _Mapping]] = ..., file: _Optional[_Union[ExportFile, _Mapping]] = ..., share_link_id: _Optional[str] = ...) -> None: ...

class ExportProgress(_message.Message):
    __slots__ = ("done_count", "planned_count", "remaining_duration")
    DONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PLANNED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_DURATION_FIELD_NUMBER: _ClassVar[int]
    done_count: int
    planned_count: int
    remaining_duration: _duration_pb2.Duration
    def __init__(self, done_count: _Optional[int] = ..., planned_count: _Optional[int] = ..., remaining_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ExportFailure(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ExportFile(_message.Message):
    __slots__ = ("name", "content_type", "size_bytes", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    content_type: str
    size_bytes: int
    sha256: str
    def __init__(self, name: _Optional[str] = ..., content_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...
