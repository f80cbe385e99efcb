import datetime

from afterimage.recording.v1 import enums_pb2 as _enums_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionFilter(_message.Message):
    __slots__ = ("start_time", "end_time", "actor_id", "actor_types", "device_types", "statuses", "page", "min_duration", "max_duration", "has_rage_clicks", "has_errors", "tags", "has_dead_clicks")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_TYPES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    MIN_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    HAS_RAGE_CLICKS_FIELD_NUMBER: _ClassVar[int]
    HAS_ERRORS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    HAS_DEAD_CLICKS_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    actor_id: str
    actor_types: _containers.RepeatedScalarFieldContainer[_enums_pb2.ActorType]
    device_types: _containers.RepeatedScalarFieldContainer[_enums_pb2.DeviceType]
    statuses: _containers.RepeatedScalarFieldContainer[_enums_pb2.SessionStatus]
    page: str
    min_duration: _duration_pb2.Duration
    max_duration: _duration_pb2.Duration
    has_rage_clicks: bool
    has_errors: bool
    tags: _containers.ScalarMap[str, str]
    has_dead_clicks: bool
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor_id: _Optional[str] = ..., actor_types: _Optional[_Iterable[_Union[_enums_pb2.ActorType, str]]] = ..., device_types: _Optional[_Iterable[_Union[_enums_pb2.DeviceType, str]]] = ..., statuses: _Optional[_Iterable[_Union[_enums_pb2.SessionStatus, str]]] = ..., page: _Optional[str] = ..., min_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., has_rage_clicks: _Optional[bool] = ..., has_errors: _Optional[bool] = ..., tags: _Optional[_Mapping[str, str]] = ..., has_dead_clicks: _Optional[bool] = ...) -> None: ...
