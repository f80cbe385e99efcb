import datetime

from afterimage.recording.v1 import enums_pb2 as _enums_pb2
from afterimage.recording.v1 import interaction_pb2 as _interaction_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HeatmapKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEATMAP_KIND_UNSPECIFIED: _ClassVar[HeatmapKind]
    HEATMAP_KIND_CLICK: _ClassVar[HeatmapKind]
    HEATMAP_KIND_MOVE: _ClassVar[HeatmapKind]
    HEATMAP_KIND_SCROLL: _ClassVar[HeatmapKind]
    HEATMAP_KIND_RAGE: _ClassVar[HeatmapKind]
    HEATMAP_KIND_DEAD: _ClassVar[HeatmapKind]
    HEATMAP_KIND_ATTENTION: _ClassVar[HeatmapKind]
HEATMAP_KIND_UNSPECIFIED: HeatmapKind
HEATMAP_KIND_CLICK: HeatmapKind
HEATMAP_KIND_MOVE: HeatmapKind
HEATMAP_KIND_SCROLL: HeatmapKind
HEATMAP_KIND_RAGE: HeatmapKind
HEATMAP_KIND_DEAD: HeatmapKind
HEATMAP_KIND_ATTENTION: HeatmapKind

class HeatmapPoint(_message.Message):
    __slots__ = ("x_percent", "y_percent", "count", "intensity")
    X_PERCENT_FIELD_NUMBER: _ClassVar[int]
    Y_PERCENT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    INTENSITY_FIELD_NUMBER: _ClassVar[int]
    x_percent: float
    y_percent: float
    count: int
    intensity: float
    def __init__(self, x_percent: _Optional[float] = ..., y_percent: _Optional[float] = ..., count: _Optional[int] = ..., intensity: _Optional[float] = ...) -> None: ...

class HeatmapDevice(_message.Message):
    __slots__ = ("device_type", "session_count")
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    SESSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    device_type: _enums_pb2.DeviceType
    session_count: int
    def __init__(self, device_type: _Optional[_Union[_enums_pb2.DeviceType, str]] = ..., session_count: _Optional[int] = ...) -> None: ...

class HeatmapTarget(_message.Message):
    __slots__ = ("target", "count", "session_count", "rage_click_count", "dead_click_count")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SESSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    RAGE_CLICK_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEAD_CLICK_COUNT_FIELD_NUMBER: _ClassVar[int]
    target: _interaction_pb2.Target
    count: int
    session_count: int
    rage_click_count: int
    dead_click_count: int
    def __init__(self, target: _Optional[_Union[_interaction_pb2.Target, _Mapping]] = ..., count: _Optional[int] = ..., session_count: _Optional[int] = ..., rage_click_count: _Optional[int] = ..., dead_click_count: _Optional[int] = ...) -> None: ...

class PageSummary(_message.Message):
    __slots__ = ("page", "interaction_count", "click_count", "session_count", "last_time")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CLICK_COUNT_FIELD_NUMBER: _ClassVar[int]
    SESSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    page: str
    interaction_count: int
    click_count: int
    session_count: int
    last_time: _timestamp_pb2.Timestamp
    def __init__(self, page: _Optional[str] = ..., interaction_count: _Optional[int] = ..., click_count: _Optional[int] = ..., session_count: _Optional[int] = ..., last_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
