import datetime

from afterimage.recording.v1 import enums_pb2 as _enums_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Chunk(_message.Message):
    __slots__ = ("seq", "encoding", "payload", "event_count")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    seq: int
    encoding: _enums_pb2.ChunkEncoding
    payload: bytes
    event_count: int
    def __init__(self, seq: _Optional[int] = ..., encoding: _Optional[_Union[_enums_pb2.ChunkEncoding, str]] = ..., payload: _Optional[bytes] = ..., event_count: _Optional[int] = ...) -> None: ...

class StoredChunk(_message.Message):
    __slots__ = ("window_id", "seq", "encoding", "payload", "first_time", "last_time", "event_count", "has_full_snapshot")
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    FIRST_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    HAS_FULL_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    window_id: str
    seq: int
    encoding: _enums_pb2.ChunkEncoding
    payload: bytes
    first_time: _timestamp_pb2.Timestamp
    last_time: _timestamp_pb2.Timestamp
    event_count: int
    has_full_snapshot: bool
    def __init__(self, window_id: _Optional[str] = ..., seq: _Optional[int] = ..., encoding: _Optional[_Union[_enums_pb2.ChunkEncoding, str]] = ..., payload: _Optional[bytes] = ..., first_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_count: _Optional[int] = ..., has_full_snapshot: _Optional[bool] = ...) -> None: ...
