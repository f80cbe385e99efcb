import datetime

from afterimage.share.v1 import share_link_pb2 as _share_link_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateShareLinkRequest(_message.Message):
    __slots__ = ("session_id", "ttl", "max_views", "passcode", "start_offset", "end_offset", "label", "allow_download")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    MAX_VIEWS_FIELD_NUMBER: _ClassVar[int]
    PASSCODE_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DOWNLOAD_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    ttl: _duration_pb2.Duration
    max_views: int
    passcode: str
    start_offset: _duration_pb2.Duration
    end_offset: _duration_pb2.Duration
    label: str
    allow_download: bool
    def __init__(self, session_id: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_views: _Optional[int] = ..., passcode: _Optional[str] = ..., start_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., label: _Optional[str] = ..., allow_download: _Optional[bool] = ...) -> None: ...

class CreateShareLinkResponse(_message.Message):
    __slots__ = ("share_link", "token", "url")
    SHARE_LINK_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    share_link: _share_link_pb2.ShareLink
    token: str
    url: str
    def __init__(self, share_link: _Optional[_Union[_share_link_pb2.ShareLink, _Mapping]] = ..., token: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class ListShareLinksRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "session_id", "created_by")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    session_id: str
    created_by: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., session_id: _Optional[str] = ..., created_by: _Optional[str] = ...) -> None: ...

class ListShareLinksResponse(_message.Message):
    __slots__ = ("share_links", "next_page_token")
    SHARE_LINKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    share_links: _containers.RepeatedCompositeFieldContainer[_share_link_pb2.ShareLink]
    next_page_token: str
    def __init__(self, share_links: _Optional[_Iterable[_Union[_share_link_pb2.ShareLink, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetShareLinkRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class GetShareLinkResponse(_message.Message):
    __slots__ = ("passcode_required", "expire_time", "views_left")
    PASSCODE_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    VIEWS_LEFT_FIELD_NUMBER: _ClassVar[int]
    passcode_required: bool
    expire_time: _timestamp_pb2.Timestamp
    views_left: int
    def __init__(self, passcode_required: _Optional[bool] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., views_left: _Optional[int] = ...) -> None: ...

class RedeemShareLinkRequest(_message.Message):
    __slots__ = ("token", "passcode", "renewal_handle")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PASSCODE_FIELD_NUMBER: _ClassVar[int]
    RENEWAL_HANDLE_FIELD_NUMBER: _ClassVar[int]
    token: str
    passcode: str
    renewal_handle: str
    def __init__(self, token: _Optional[str] = ..., passcode: _Optional[str] = ..., renewal_handle: _Optional[str] = ...) -> None: ...

class RedeemShareLinkResponse(_message.Message):
    __slots__ = ("grant_token", "grant_expire_time", "link_expire_time", "views_left", "renewal_handle", "session_id", "start_offset", "end_offset", "download_allowed")
    GRANT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    GRANT_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    LINK_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    VIEWS_LEFT_FIELD_NUMBER: _ClassVar[int]
    RENEWAL_HANDLE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    grant_token: str
    grant_expire_time: _timestamp_pb2.Timestamp
    link_expire_time: _timestamp_pb2.Timestamp
    views_left: int
    renewal_handle: str
    session_id: str
    start_offset: _duration_pb2.Duration
    end_offset: _duration_pb2.Duration
    download_allowed: bool
    def __init__(self, grant_token: _Optional[str] = ..., grant_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., link_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., views_left: _Optional[int] = ..., renewal_handle: _Optional[str] = ..., session_id: _Optional[str] = ..., start_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., download_allowed: _Optional[bool] = ...) -> None: ...

class RevokeShareLinkRequest(_message.Message):
    __slots__ = ("share_link_id",)
    SHARE_LINK_ID_FIELD_NUMBER: _ClassVar[int]
    share_link_id: str
    def __init__(self, share_link_id: _Optional[str] = ...) -> None: ...

class RevokeShareLinkResponse(_message.Message):
    __slots__ = ("revoke_time",)
    REVOKE_TIME_FIELD_NUMBER: _ClassVar[int]
    revoke_time: _timestamp_pb2.Timestamp
    def __init__(self, revoke_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
