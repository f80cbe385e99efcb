import datetime

from afterimage.audit.v1 import access_event_pb2 as _access_event_pb2
from afterimage.audit.v1 import heatmap_pb2 as _heatmap_pb2
from afterimage.audit.v1 import privacy_policy_pb2 as _privacy_policy_pb2
from afterimage.audit.v1 import session_filter_pb2 as _session_filter_pb2
from afterimage.recording.v1 import chunk_pb2 as _chunk_pb2
from afterimage.recording.v1 import enums_pb2 as _enums_pb2
from afterimage.recording.v1 import interaction_pb2 as _interaction_pb2
from afterimage.recording.v1 import session_pb2 as _session_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RejectReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REJECT_REASON_UNSPECIFIED: _ClassVar[RejectReason]
    REJECT_REASON_GAP: _ClassVar[RejectReason]
    REJECT_REASON_TOO_LARGE: _ClassVar[RejectReason]
    REJECT_REASON_INVALID_PAYLOAD: _ClassVar[RejectReason]
    REJECT_REASON_INVALID_TIME: _ClassVar[RejectReason]

class SessionOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_ORDER_UNSPECIFIED: _ClassVar[SessionOrder]
    SESSION_ORDER_NEWEST_FIRST: _ClassVar[SessionOrder]
    SESSION_ORDER_OLDEST_FIRST: _ClassVar[SessionOrder]
    SESSION_ORDER_LONGEST_FIRST: _ClassVar[SessionOrder]
    SESSION_ORDER_MOST_ERRORS_FIRST: _ClassVar[SessionOrder]
    SESSION_ORDER_MOST_RAGE_CLICKS_FIRST: _ClassVar[SessionOrder]

class ReplayEndReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLAY_END_REASON_UNSPECIFIED: _ClassVar[ReplayEndReason]
    REPLAY_END_REASON_COMPLETE: _ClassVar[ReplayEndReason]
    REPLAY_END_REASON_SESSION_ENDED: _ClassVar[ReplayEndReason]
    REPLAY_END_REASON_DELETED: _ClassVar[ReplayEndReason]
REJECT_REASON_UNSPECIFIED: RejectReason
REJECT_REASON_GAP: RejectReason
REJECT_REASON_TOO_LARGE: RejectReason
REJECT_REASON_INVALID_PAYLOAD: RejectReason
REJECT_REASON_INVALID_TIME: RejectReason
SESSION_ORDER_UNSPECIFIED: SessionOrder
SESSION_ORDER_NEWEST_FIRST: SessionOrder
SESSION_ORDER_OLDEST_FIRST: SessionOrder
SESSION_ORDER_LONGEST_FIRST: SessionOrder
SESSION_ORDER_MOST_ERRORS_FIRST: SessionOrder
SESSION_ORDER_MOST_RAGE_CLICKS_FIRST: SessionOrder
REPLAY_END_REASON_UNSPECIFIED: ReplayEndReason
REPLAY_END_REASON_COMPLETE: ReplayEndReason
REPLAY_END_REASON_SESSION_ENDED: ReplayEndReason
REPLAY_END_REASON_DELETED: ReplayEndReason

class RecordSessionRequest(_message.Message):
    __slots__ = ("start", "chunk", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: RecordingStart
    chunk: _chunk_pb2.Chunk
    end: RecordingEnd
    def __init__(self, start: _Optional[_Union[RecordingStart, _Mapping]] = ..., chunk: _Optional[_Union[_chunk_pb2.Chunk, _Mapping]] = ..., end: _Optional[_Union[RecordingEnd, _Mapping]] = ...) -> None: ...

class RecordingStart(_message.Message):
    __slots__ = ("session_id", "window_id", "recorder_name", "recorder_version", "actor_id", "actor_type", "device_type", "user_agent", "viewport", "screen", "language", "first_url", "tags", "imported", "client_time", "session_secret", "separate_streams")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    RECORDER_NAME_FIELD_NUMBER: _ClassVar[int]
    RECORDER_VERSION_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_TYPE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    VIEWPORT_FIELD_NUMBER: _ClassVar[int]
    SCREEN_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    FIRST_URL_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIME_FIELD_NUMBER: _ClassVar[int]
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    SEPARATE_STREAMS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    window_id: str
    recorder_name: str
    recorder_version: str
    actor_id: str
    actor_type: _enums_pb2.ActorType
    device_type: _enums_pb2.DeviceType
    user_agent: str
    viewport: _session_pb2.Size
    screen: _session_pb2.Size
    language: str
    first_url: str
    tags: _containers.ScalarMap[str, str]
    imported: bool
    client_time: _timestamp_pb2.Timestamp
    session_secret: str
    separate_streams: bool
    def __init__(self, session_id: _Optional[str] = ..., window_id: _Optional[str] = ..., recorder_name: _Optional[str] = ..., recorder_version: _Optional[str] = ..., actor_id: _Optional[str] = ..., actor_type: _Optional[_Union[_enums_pb2.ActorType, str]] = ..., device_type: _Optional[_Union[_enums_pb2.DeviceType, str]] = ..., user_agent: _Optional[str] = ..., viewport: _Optional[_Union[_session_pb2.Size, _Mapping]] = ..., screen: _Optional[_Union[_session_pb2.Size, _Mapping]] = ..., language: _Optional[str] = ..., first_url: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., imported: _Optional[bool] = ..., client_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session_secret: _Optional[str] = ..., separate_streams: _Optional[bool] = ...) -> None: ...

class RecordingEnd(_message.Message):
    __slots__ = ("last_seq",)
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    last_seq: int
    def __init__(self, last_seq: _Optional[int] = ...) -> None: ...

class RecordSessionResponse(_message.Message):
    __slots__ = ("ready", "ack", "command", "rejected")
    READY_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    ready: RecordingReady
    ack: RecordingAck
    command: RecorderCommand
    rejected: ChunkRejected
    def __init__(self, ready: _Optional[_Union[RecordingReady, _Mapping]] = ..., ack: _Optional[_Union[RecordingAck, _Mapping]] = ..., command: _Optional[_Union[RecorderCommand, _Mapping]] = ..., rejected: _Optional[_Union[ChunkRejected, _Mapping]] = ...) -> None: ...

class RecordingReady(_message.Message):
    __slots__ = ("next_seq", "privacy_policy", "limits", "server_time")
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    PRIVACY_POLICY_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    next_seq: int
    privacy_policy: _privacy_policy_pb2.PrivacyPolicy
    limits: RecorderLimits
    server_time: _timestamp_pb2.Timestamp
    def __init__(self, next_seq: _Optional[int] = ..., privacy_policy: _Optional[_Union[_privacy_policy_pb2.PrivacyPolicy, _Mapping]] = ..., limits: _Optional[_Union[RecorderLimits, _Mapping]] = ..., server_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RecorderLimits(_message.Message):
    __slots__ = ("max_chunk_bytes", "max_inflated_bytes", "max_unacked_bytes", "flush_interval")
    MAX_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_INFLATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FLUSH_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    max_chunk_bytes: int
    max_inflated_bytes: int
    max_unacked_bytes: int
    flush_interval: _duration_pb2.Duration
    def __init__(self, max_chunk_bytes: _Optional[int] = ..., max_inflated_bytes: _Optional[int] = ..., max_unacked_bytes: _Optional[int] = ..., flush_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RecordingAck(_message.Message):
    __slots__ = ("through_seq",)
    THROUGH_SEQ_FIELD_NUMBER: _ClassVar[int]
    through_seq: int
    def __init__(self, through_seq: _Optional[int] = ...) -> None: ...

class RecorderCommand(_message.Message):
    __slots__ = ("flush_interval", "take_full_snapshot", "stop")
    FLUSH_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    TAKE_FULL_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    flush_interval: _duration_pb2.Duration
    take_full_snapshot: TakeFullSnapshot
    stop: StopRecording
    def __init__(self, flush_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., take_full_snapshot: _Optional[_Union[TakeFullSnapshot, _Mapping]] = ..., stop: _Optional[_Union[StopRecording, _Mapping]] = ...) -> None: ...

class TakeFullSnapshot(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StopRecording(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class ChunkRejected(_message.Message):
    __slots__ = ("seq", "reason", "message", "expected_seq", "code")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_SEQ_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    seq: int
    reason: RejectReason
    message: str
    expected_seq: int
    code: int
    def __init__(self, seq: _Optional[int] = ..., reason: _Optional[_Union[RejectReason, str]] = ..., message: _Optional[str] = ..., expected_seq: _Optional[int] = ..., code: _Optional[int] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter", "order")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: _session_filter_pb2.SessionFilter
    order: SessionOrder
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[_Union[_session_filter_pb2.SessionFilter, _Mapping]] = ..., order: _Optional[_Union[SessionOrder, str]] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions", "next_page_token")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[_session_pb2.Session]
    next_page_token: str
    def __init__(self, sessions: _Optional[_Iterable[_Union[_session_pb2.Session, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("session", "windows", "pages", "markers", "masked_counts")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    PAGES_FIELD_NUMBER: _ClassVar[int]
    MARKERS_FIELD_NUMBER: _ClassVar[int]
    MASKED_COUNTS_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    windows: _containers.RepeatedCompositeFieldContainer[_session_pb2.Window]
    pages: _containers.RepeatedCompositeFieldContainer[_session_pb2.PageView]
    markers: _containers.RepeatedCompositeFieldContainer[_interaction_pb2.Interaction]
    masked_counts: _containers.RepeatedCompositeFieldContainer[MaskedCount]
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., windows: _Optional[_Iterable[_Union[_session_pb2.Window, _Mapping]]] = ..., pages: _Optional[_Iterable[_Union[_session_pb2.PageView, _Mapping]]] = ..., markers: _Optional[_Iterable[_Union[_interaction_pb2.Interaction, _Mapping]]] = ..., masked_counts: _Optional[_Iterable[_Union[MaskedCount, _Mapping]]] = ...) -> None: ...

class GetReplayStartRequest(_message.Message):
    __slots__ = ("session_id", "offset", "as_of_time")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    AS_OF_TIME_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    offset: _duration_pb2.Duration
    as_of_time: _timestamp_pb2.Timestamp
    def __init__(self, session_id: _Optional[str] = ..., offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., as_of_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetReplayStartResponse(_message.Message):
    __slots__ = ("session_start_time", "session_duration", "session_status", "next_time", "previous_time")
    SESSION_START_TIME_FIELD_NUMBER: _ClassVar[int]
    SESSION_DURATION_FIELD_NUMBER: _ClassVar[int]
    SESSION_STATUS_FIELD_NUMBER: _ClassVar[int]
    NEXT_TIME_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_TIME_FIELD_NUMBER: _ClassVar[int]
    session_start_time: _timestamp_pb2.Timestamp
    session_duration: _duration_pb2.Duration
    session_status: _enums_pb2.SessionStatus
    next_time: _timestamp_pb2.Timestamp
    previous_time: _timestamp_pb2.Timestamp
    def __init__(self, session_start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., session_status: _Optional[_Union[_enums_pb2.SessionStatus, str]] = ..., next_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., previous_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MaskedCount(_message.Message):
    __slots__ = ("rule", "field_class", "count")
    RULE_FIELD_NUMBER: _ClassVar[int]
    FIELD_CLASS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    rule: str
    field_class: str
    count: int
    def __init__(self, rule: _Optional[str] = ..., field_class: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class ReplaySessionRequest(_message.Message):
    __slots__ = ("session_id", "from_offset", "from_time", "cursor", "follow", "window_id", "for_export")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_OFFSET_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    FOR_EXPORT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    from_offset: _duration_pb2.Duration
    from_time: _timestamp_pb2.Timestamp
    cursor: ReplayCursor
    follow: bool
    window_id: str
    for_export: bool
    def __init__(self, session_id: _Optional[str] = ..., from_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cursor: _Optional[_Union[ReplayCursor, _Mapping]] = ..., follow: _Optional[bool] = ..., window_id: _Optional[str] = ..., for_export: _Optional[bool] = ...) -> None: ...

class ReplayCursor(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[WindowPosition]
    def __init__(self, positions: _Optional[_Iterable[_Union[WindowPosition, _Mapping]]] = ...) -> None: ...

class WindowPosition(_message.Message):
    __slots__ = ("window_id", "seq")
    WINDOW_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    window_id: str
    seq: int
    def __init__(self, window_id: _Optional[str] = ..., seq: _Optional[int] = ...) -> None: ...

class ReplaySessionResponse(_message.Message):
    __slots__ = ("header", "chunk", "live_edge", "end")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    LIVE_EDGE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    header: ReplayHeader
    chunk: _chunk_pb2.StoredChunk
    live_edge: LiveEdge
    end: ReplayEnd
    def __init__(self, header: _Optional[_Union[ReplayHeader, _Mapping]] = ..., chunk: _Optional[_Union[_chunk_pb2.StoredChunk, _Mapping]] = ..., live_edge: _Optional[_Union[LiveEdge, _Mapping]] = ..., end: _Optional[_Union[ReplayEnd, _Mapping]] = ...) -> None: ...

class ReplayHeader(_message.Message):
    __slots__ = ("session", "windows", "from_time", "chunk_count", "payload_bytes")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_COUNT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    session: _session_pb2.Session
    windows: _containers.RepeatedCompositeFieldContainer[_session_pb2.Window]
    from_time: _timestamp_pb2.Timestamp
    chunk_count: int
    payload_bytes: int
    def __init__(self, session: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., windows: _Optional[_Iterable[_Union[_session_pb2.Window, _Mapping]]] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., chunk_count: _Optional[int] = ..., payload_bytes: _Optional[int] = ...) -> None: ...

class LiveEdge(_message.Message):
    __slots__ = ("server_time",)
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    server_time: _timestamp_pb2.Timestamp
    def __init__(self, server_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReplayEnd(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: ReplayEndReason
    def __init__(self, reason: _Optional[_Union[ReplayEndReason, str]] = ...) -> None: ...

class WatchSessionsRequest(_message.Message):
    __slots__ = ("filter",)
    FILTER_FIELD_NUMBER: _ClassVar[int]
    filter: _session_filter_pb2.SessionFilter
    def __init__(self, filter: _Optional[_Union[_session_filter_pb2.SessionFilter, _Mapping]] = ...) -> None: ...

class WatchSessionsResponse(_message.Message):
    __slots__ = ("snapshot", "upsert", "removal")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    UPSERT_FIELD_NUMBER: _ClassVar[int]
    REMOVAL_FIELD_NUMBER: _ClassVar[int]
    snapshot: SessionsSnapshot
    upsert: _session_pb2.Session
    removal: SessionRemoval
    def __init__(self, snapshot: _Optional[_Union[SessionsSnapshot, _Mapping]] = ..., upsert: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., removal: _Optional[_Union[SessionRemoval, _Mapping]] = ...) -> None: ...

class SessionsSnapshot(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[_session_pb2.Session]
    def __init__(self, sessions: _Optional[_Iterable[_Union[_session_pb2.Session, _Mapping]]] = ...) -> None: ...

class SessionRemoval(_message.Message):
    __slots__ = ("session_id", "status")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    status: _enums_pb2.SessionStatus
    def __init__(self, session_id: _Optional[str] = ..., status: _Optional[_Union[_enums_pb2.SessionStatus, str]] = ...) -> None: ...

class GetHeatmapRequest(_message.Message):
    __slots__ = ("page", "kind", "start_time", "end_time", "device_types", "actor_types", "min_viewport_width", "max_viewport_width", "resolution", "max_points", "smoothing", "normalise_percentile", "max_targets")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    ACTOR_TYPES_FIELD_NUMBER: _ClassVar[int]
    MIN_VIEWPORT_WIDTH_FIELD_NUMBER: _ClassVar[int]
    MAX_VIEWPORT_WIDTH_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    MAX_POINTS_FIELD_NUMBER: _ClassVar[int]
    SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    NORMALISE_PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    MAX_TARGETS_FIELD_NUMBER: _ClassVar[int]
    page: str
    kind: _heatmap_pb2.HeatmapKind
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    device_types: _containers.RepeatedScalarFieldContainer[_enums_pb2.DeviceType]
    actor_types: _containers.RepeatedScalarFieldContainer[_enums_pb2.ActorType]
    min_viewport_width: int
    max_viewport_width: int
    resolution: int
    max_points: int
    smoothing: float
    normalise_percentile: float
    max_targets: int
    def __init__(self, page: _Optional[str] = ..., kind: _Optional[_Union[_heatmap_pb2.HeatmapKind, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., device_types: _Optional[_Iterable[_Union[_enums_pb2.DeviceType, str]]] = ..., actor_types: _Optional[_Iterable[_Union[_enums_pb2.ActorType, str]]] = ..., min_viewport_width: _Optional[int] = ..., max_viewport_width: _Optional[int] = ..., resolution: _Optional[int] = ..., max_points: _Optional[int] = ..., smoothing: _Optional[float] = ..., normalise_percentile: _Optional[float] = ..., max_targets: _Optional[int] = ...) -> None: ...

class GetHeatmapResponse(_message.Message):
    __slots__ = ("points", "sample_count", "session_count", "page_size", "viewport", "resolution", "estimated_count", "clamped_count", "anchored_count", "devices", "targets", "targets_truncated", "target_sample_fraction")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SESSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    VIEWPORT_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CLAMPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ANCHORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    TARGETS_TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    TARGET_SAMPLE_FRACTION_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[_heatmap_pb2.HeatmapPoint]
    sample_count: int
    session_count: int
    page_size: _session_pb2.Size
    viewport: _session_pb2.Size
    resolution: int
    estimated_count: int
    clamped_count: int
    anchored_count: int
    devices: _containers.RepeatedCompositeFieldContainer[_heatmap_pb2.HeatmapDevice]
    targets: _containers.RepeatedCompositeFieldContainer[_heatmap_pb2.HeatmapTarget]
    targets_truncated: bool
    target_sample_fraction: float
    def __init__(self, points: _Optional[_Iterable[_Union[_heatmap_pb2.HeatmapPoint, _Mapping]]] = ..., sample_count: _Optional[int] = ..., session_count: _Optional[int] = ..., page_size: _Optional[_Union[_session_pb2.Size, _Mapping]] = ..., viewport: _Optional[_Union[_session_pb2.Size, _Mapping]] = ..., resolution: _Optional[int] = ..., estimated_count: _Optional[int] = ..., clamped_count: _Optional[int] = ..., anchored_count: _Optional[int] = ..., devices: _Optional[_Iterable[_Union[_heatmap_pb2.HeatmapDevice, _Mapping]]] = ..., targets: _Optional[_Iterable[_Union[_heatmap_pb2.HeatmapTarget, _Mapping]]] = ..., targets_truncated: _Optional[bool] = ..., target_sample_fraction: _Optional[float] = ...) -> None: ...

class ListPagesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "contains", "start_time", "end_time")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CONTAINS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    contains: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., contains: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListPagesResponse(_message.Message):
    __slots__ = ("pages", "next_page_token")
    PAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    pages: _containers.RepeatedCompositeFieldContainer[_heatmap_pb2.PageSummary]
    next_page_token: str
    def __init__(self, pages: _Optional[_Iterable[_Union[_heatmap_pb2.PageSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListInteractionsRequest(_message.Message):
    __slots__ = ("session_id", "kinds", "page_size", "page_token")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    kinds: _containers.RepeatedScalarFieldContainer[_enums_pb2.InteractionKind]
    page_size: int
    page_token: str
    def __init__(self, session_id: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[_enums_pb2.InteractionKind, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListInteractionsResponse(_message.Message):
    __slots__ = ("interactions", "next_page_token")
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    interactions: _containers.RepeatedCompositeFieldContainer[_interaction_pb2.Interaction]
    next_page_token: str
    def __init__(self, interactions: _Optional[_Iterable[_Union[_interaction_pb2.Interaction, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteSessionsRequest(_message.Message):
    __slots__ = ("session_ids", "actor_id")
    SESSION_IDS_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    session_ids: _containers.RepeatedScalarFieldContainer[str]
    actor_id: str
    def __init__(self, session_ids: _Optional[_Iterable[str]] = ..., actor_id: _Optional[str] = ...) -> None: ...

class DeleteSessionsResponse(_message.Message):
    __slots__ = ("session_count", "chunk_count", "interaction_count", "share_link_count", "not_found", "delete_time")
    SESSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_COUNT_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHARE_LINK_COUNT_FIELD_NUMBER: _ClassVar[int]
    NOT_FOUND_FIELD_NUMBER: _ClassVar[int]
    DELETE_TIME_FIELD_NUMBER: _ClassVar[int]
    session_count: int
    chunk_count: int
    interaction_count: int
    share_link_count: int
    not_found: _containers.RepeatedScalarFieldContainer[str]
    delete_time: _timestamp_pb2.Timestamp
    def __init__(self, session_count: _Optional[int] = ..., chunk_count: _Optional[int] = ..., interaction_count: _Optional[int] = ..., share_link_count: _Optional[int] = ..., not_found: _Optional[_Iterable[str]] = ..., delete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListAccessEventsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "session_id", "subject", "share_link_id", "start_time", "end_time", "actions")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SHARE_LINK_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    session_id: str
    subject: str
    share_link_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    actions: _containers.RepeatedScalarFieldContainer[_access_event_pb2.AccessAction]
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., session_id: _Optional[str] = ..., subject: _Optional[str] = ..., share_link_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actions: _Optional[_Iterable[_Union[_access_event_pb2.AccessAction, str]]] = ...) -> None: ...

class ListAccessEventsResponse(_message.Message):
    __slots__ = ("access_events", "next_page_token")
    ACCESS_EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    access_events: _containers.RepeatedCompositeFieldContainer[_access_event_pb2.AccessEvent]
    next_page_token: str
    def __init__(self, access_events: _Optional[_Iterable[_Union[_access_event_pb2.AccessEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RecordAccessEventsRequest(_message.Message):
    __slots__ = ("access_events",)
    ACCESS_EVENTS_FIELD_NUMBER: _ClassVar[int]
    access_events: _containers.RepeatedCompositeFieldContainer[_access_event_pb2.AccessEvent]
    def __init__(self, access_events: _Optional[_Iterable[_Union[_access_event_pb2.AccessEvent, _Mapping]]] = ...) -> None: ...

class RecordAccessEventsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDeletionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "start_time")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    start_time: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListDeletionsResponse(_message.Message):
    __slots__ = ("session_ids", "next_page_token")
    SESSION_IDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_ids: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    def __init__(self, session_ids: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetPrivacyPolicyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPrivacyPolicyResponse(_message.Message):
    __slots__ = ("privacy_policy",)
    PRIVACY_POLICY_FIELD_NUMBER: _ClassVar[int]
    privacy_policy: _privacy_policy_pb2.PrivacyPolicy
    def __init__(self, privacy_policy: _Optional[_Union[_privacy_policy_pb2.PrivacyPolicy, _Mapping]] = ...) -> None: ...
