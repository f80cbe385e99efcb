import datetime

from afterimage.recording.v1 import enums_pb2 as _enums_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Size(_message.Message):
    __slots__ = ("width", "height")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Totals(_message.Message):
    __slots__ = ("chunk_count", "event_count", "click_count", "input_count", "page_count", "error_count", "warning_count", "failed_request_count", "full_snapshot_count", "rage_click_count", "dead_click_count", "quick_back_count", "error_click_count", "masked_count", "raw_bytes", "stored_bytes", "mouse_thrash_count")
    CHUNK_COUNT_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CLICK_COUNT_FIELD_NUMBER: _ClassVar[int]
    INPUT_COUNT_FIELD_NUMBER: _ClassVar[int]
    PAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_COUNT_FIELD_NUMBER: _ClassVar[int]
    WARNING_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILED_REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    FULL_SNAPSHOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    RAGE_CLICK_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEAD_CLICK_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUICK_BACK_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_CLICK_COUNT_FIELD_NUMBER: _ClassVar[int]
    MASKED_COUNT_FIELD_NUMBER: _ClassVar[int]
    RAW_BYTES_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MOUSE_THRASH_COUNT_FIELD_NUMBER: _ClassVar[int]
    chunk_count: int
    event_count: int
    click_count: int
    input_count: int
    page_count: int
    error_count: int
    warning_count: int
    failed_request_count: int
    full_snapshot_count: int
    rage_click_count: int
    dead_click_count: int
    quick_back_count: int
    error_click_count: int
    masked_count: int
    raw_bytes: int
    stored_bytes: int
    mouse_thrash_count: int
    def __init__(self, chunk_count: _Optional[int] = ..., event_count: _Optional[int] = ..., click_count: _Optional[int] = ..., input_count: _Optional[int] = ..., page_count: _Optional[int] = ..., error_count: _Optional[int] = ..., warning_count: _Optional[int] = ..., failed_request_count: _Optional[int] = ..., full_snapshot_count: _Optional[int] = ..., rage_click_count: _Optional[int] = ..., dead_click_count: _Optional[int] = ..., quick_back_count: _Optional[int] = ..., error_click_count: _Optional[int] = ..., masked_count: _Optional[int] = ..., raw_bytes: _Optional[int] = ..., stored_bytes: _Optional[int] = ..., mouse_thrash_count: _Optional[int] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("session_id", "start_time", "end_time", "duration", "active_duration", "status", "actor_id", "actor_type", "device_type", "browser", "system", "language", "viewport", "screen", "first_url", "recorder_name", "recorder_version", "tags", "totals", "window_count", "user_agent", "update_time")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_DURATION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_TYPE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    BROWSER_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    VIEWPORT_FIELD_NUMBER: _ClassVar[int]
    SCREEN_FIELD_NUMBER: _ClassVar[int]
    FIRST_URL_FIELD_NUMBER: _ClassVar[int]
    RECORDER_NAME_FIELD_NUMBER: _ClassVar[int]
    RECORDER_VERSION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    duration: _duration_pb2.Duration
    active_duration: _duration_pb2.Duration
    status: _enums_pb2.SessionStatus
    actor_id: str
    actor_type: _enums_pb2.ActorType
    device_type: _enums_pb2.DeviceType
    browser: str
    system: str
    language: str
    viewport: Size
    screen: Size
    first_url: str
    recorder_name: str
    recorder_version: str
    tags: _containers.ScalarMap[str, str]
    totals: Totals
    window_count: int
    user_agent: str
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, session_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., active_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., status: _Optional[_Union[_enums_pb2.SessionStatus, str]] = ..., actor_id: _Optional[str] = ..., actor_type: _Optional[_Union[_enums_pb2.ActorType, str]] = ..., device_type: _Optional[_Union[_enums_pb2.DeviceType, str]] = ..., browser: _Optional[str] = ..., system: _Optional[str] = ..., language: _Optional[str] = ..., viewport: _Optional[_Union[Size, _Mapping]] = ..., screen: _Optional[_Union[Size, _Mapping]] = ..., first_url: _Optional[str] = ..., recorder_name: _Optional[str] = ..., recorder_version: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., totals: _Optional[_Union[Totals, _Mapping]] = ..., window_count: _Optional[int] = ..., user_agent: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Window(_message.Message):
    __slots__ = ("window_id", "start_time", "end_time", "last_seq", "ended", "totals", "left")
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    window_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    last_seq: int
    ended: bool
    totals: Totals
    left: bool
    def __init__(self, window_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seq: _Optional[int] = ..., ended: _Optional[bool] = ..., totals: _Optional[_Union[Totals, _Mapping]] = ..., left: _Optional[bool] = ...) -> None: ...

class PageView(_message.Message):
    __slots__ = ("window_id", "url", "open_time", "viewport")
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    OPEN_TIME_FIELD_NUMBER: _ClassVar[int]
    VIEWPORT_FIELD_NUMBER: _ClassVar[int]
    window_id: str
    url: str
    open_time: _timestamp_pb2.Timestamp
    viewport: Size
    def __init__(self, window_id: _Optional[str] = ..., url: _Optional[str] = ..., open_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., viewport: _Optional[_Union[Size, _Mapping]] = ...) -> None: ...
