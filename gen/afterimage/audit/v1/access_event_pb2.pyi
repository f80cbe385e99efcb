import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccessAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_ACTION_UNSPECIFIED: _ClassVar[AccessAction]
    ACCESS_ACTION_LIST: _ClassVar[AccessAction]
    ACCESS_ACTION_GET: _ClassVar[AccessAction]
    ACCESS_ACTION_REPLAY: _ClassVar[AccessAction]
    ACCESS_ACTION_WATCH: _ClassVar[AccessAction]
    ACCESS_ACTION_HEATMAP: _ClassVar[AccessAction]
    ACCESS_ACTION_EXPORT: _ClassVar[AccessAction]
    ACCESS_ACTION_DELETE: _ClassVar[AccessAction]
    ACCESS_ACTION_SHARE_CREATE: _ClassVar[AccessAction]
    ACCESS_ACTION_SHARE_REDEEM: _ClassVar[AccessAction]
    ACCESS_ACTION_SHARE_REVOKE: _ClassVar[AccessAction]
    ACCESS_ACTION_TRAIL: _ClassVar[AccessAction]
    ACCESS_ACTION_SHARE_LOCK: _ClassVar[AccessAction]
    ACCESS_ACTION_EXPORT_CREATE: _ClassVar[AccessAction]
    ACCESS_ACTION_EXPORT_DOWNLOAD: _ClassVar[AccessAction]
    ACCESS_ACTION_EXPORT_DELETE: _ClassVar[AccessAction]

class AccessOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_OUTCOME_UNSPECIFIED: _ClassVar[AccessOutcome]
    ACCESS_OUTCOME_ALLOWED: _ClassVar[AccessOutcome]
    ACCESS_OUTCOME_DENIED: _ClassVar[AccessOutcome]
    ACCESS_OUTCOME_NOT_FOUND: _ClassVar[AccessOutcome]
    ACCESS_OUTCOME_FAILED: _ClassVar[AccessOutcome]
ACCESS_ACTION_UNSPECIFIED: AccessAction
ACCESS_ACTION_LIST: AccessAction
ACCESS_ACTION_GET: AccessAction
ACCESS_ACTION_REPLAY: AccessAction
ACCESS_ACTION_WATCH: AccessAction
ACCESS_ACTION_HEATMAP: AccessAction
ACCESS_ACTION_EXPORT: AccessAction
ACCESS_ACTION_DELETE: AccessAction
ACCESS_ACTION_SHARE_CREATE: AccessAction
ACCESS_ACTION_SHARE_REDEEM: AccessAction
ACCESS_ACTION_SHARE_REVOKE: AccessAction
ACCESS_ACTION_TRAIL: AccessAction
ACCESS_ACTION_SHARE_LOCK: AccessAction
ACCESS_ACTION_EXPORT_CREATE: AccessAction
ACCESS_ACTION_EXPORT_DOWNLOAD: AccessAction
ACCESS_ACTION_EXPORT_DELETE: AccessAction
ACCESS_OUTCOME_UNSPECIFIED: AccessOutcome
ACCESS_OUTCOME_ALLOWED: AccessOutcome
ACCESS_OUTCOME_DENIED: AccessOutcome
ACCESS_OUTCOME_NOT_FOUND: AccessOutcome
ACCESS_OUTCOME_FAILED: AccessOutcome

class AccessEvent(_message.Message):
    __slots__ = ("access_event_id", "time", "action", "outcome", "subject", "share_link_id", "session_id", "rpc", "address", "user_agent", "detail")
    ACCESS_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SHARE_LINK_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RPC_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    access_event_id: str
    time: _timestamp_pb2.Timestamp
    action: AccessAction
    outcome: AccessOutcome
    subject: str
    share_link_id: str
    session_id: str
    rpc: str
    address: str
    user_agent: str
    detail: str
    def __init__(self, access_event_id: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., action: _Optional[_Union[AccessAction, str]] = ..., outcome: _Optional[_Union[AccessOutcome, str]] = ..., subject: _Optional[str] = ..., share_link_id: _Optional[str] = ..., session_id: _Optional[str] = ..., rpc: _Optional[str] = ..., address: _Optional[str] = ..., user_agent: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...
