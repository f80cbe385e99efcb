import datetime

from afterimage.recording.v1 import enums_pb2 as _enums_pb2
from afterimage.recording.v1 import session_pb2 as _session_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Interaction(_message.Message):
    __slots__ = ("session_id", "window_id", "seq", "kind", "time", "offset", "page", "x_percent", "y_percent", "node_id", "viewport", "count", "detail", "target", "number")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    X_PERCENT_FIELD_NUMBER: _ClassVar[int]
    Y_PERCENT_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    VIEWPORT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    window_id: str
    seq: int
    kind: _enums_pb2.InteractionKind
    time: _timestamp_pb2.Timestamp
    offset: _duration_pb2.Duration
    page: str
    x_percent: float
    y_percent: float
    node_id: int
    viewport: _session_pb2.Size
    count: int
    detail: str
    target: Target
    number: int
    def __init__(self, session_id: _Optional[str] = ..., window_id: _Optional[str] = ..., seq: _Optional[int] = ..., kind: _Optional[_Union[_enums_pb2.InteractionKind, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., page: _Optional[str] = ..., x_percent: _Optional[float] = ..., y_percent: _Optional[float] = ..., node_id: _Optional[int] = ..., viewport: _Optional[_Union[_session_pb2.Size, _Mapping]] = ..., count: _Optional[int] = ..., detail: _Optional[str] = ..., target: _Optional[_Union[Target, _Mapping]] = ..., number: _Optional[int] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("name", "role", "tag", "selector")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    role: str
    tag: str
    selector: str
    def __init__(self, name: _Optional[str] = ..., role: _Optional[str] = ..., tag: _Optional[str] = ..., selector: _Optional[str] = ...) -> None: ...
