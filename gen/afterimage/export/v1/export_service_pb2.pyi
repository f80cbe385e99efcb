import datetime

from afterimage.export.v1 import export_pb2 as _export_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateExportRequest(_message.Message):
    __slots__ = ("session", "table", "heatmap", "format", "priority", "ttl", "request_id")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    HEATMAP_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    session: _export_pb2.SessionContent
    table: _export_pb2.TableContent
    heatmap: _export_pb2.HeatmapContent
    format: _export_pb2.ExportFormat
    priority: _export_pb2.ExportPriority
    ttl: _duration_pb2.Duration
    request_id: str
    def __init__(self, session: _Optional[_Union[_export_pb2.SessionContent, _Mapping]] = ..., table: _Optional[_Union[_export_pb2.TableContent, _Mapping]] = ..., heatmap: _Optional[_Union[_export_pb2.HeatmapContent, _Mapping]] = ..., format: _Optional[_Union[_export_pb2.ExportFormat, str]] = ..., priority: _Optional[_Union[_export_pb2.ExportPriority, str]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateExportResponse(_message.Message):
    __slots__ = ("export",)
    EXPORT_FIELD_NUMBER: _ClassVar[int]
    export: _export_pb2.Export
    def __init__(self, export: _Optional[_Union[_export_pb2.Export, _Mapping]] = ...) -> None: ...

class GetExportRequest(_message.Message):
    __slots__ = ("export_id",)
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    export_id: str
    def __init__(self, export_id: _Optional[str] = ...) -> None: ...

class GetExportResponse(_message.Message):
    __slots__ = ("export",)
    EXPORT_FIELD_NUMBER: _ClassVar[int]
    export: _export_pb2.Export
    def __init__(self, export: _Optional[_Union[_export_pb2.Export, _Mapping]] = ...) -> None: ...

class ListExportsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "session_id", "created_by", "states")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    session_id: str
    created_by: str
    states: _containers.RepeatedScalarFieldContainer[_export_pb2.ExportState]
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., session_id: _Optional[str] = ..., created_by: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_export_pb2.ExportState, str]]] = ...) -> None: ...

class ListExportsResponse(_message.Message):
    __slots__ = ("exports", "next_page_token")
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    exports: _containers.RepeatedCompositeFieldContainer[_export_pb2.Export]
    next_page_token: str
    def __init__(self, exports: _Optional[_Iterable[_Union[_export_pb2.Export, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelExportRequest(_message.Message):
    __slots__ = ("export_id",)
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    export_id: str
    def __init__(self, export_id: _Optional[str] = ...) -> None: ...

class CancelExportResponse(_message.Message):
    __slots__ = ("export",)
    EXPORT_FIELD_NUMBER: _ClassVar[int]
    export: _export_pb2.Export
    def __init__(self, export: _Optional[_Union[_export_pb2.Export, _Mapping]] = ...) -> None: ...

class DeleteExportRequest(_message.Message):
    __slots__ = ("export_id",)
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    export_id: str
    def __init__(self, export_id: _Optional[str] = ...) -> None: ...

class DeleteExportResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DownloadExportRequest(_message.Message):
    __slots__ = ("export_id", "offset")
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    export_id: str
    offset: int
    def __init__(self, export_id: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class DownloadExportResponse(_message.Message):
    __slots__ = ("file", "data")
    FILE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    file: _export_pb2.ExportFile
    data: bytes
    def __init__(self, file: _Optional[_Union[_export_pb2.ExportFile, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class WatchExportsRequest(_message.Message):
    __slots__ = ("export_id", "created_by")
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    export_id: str
    created_by: str
    def __init__(self, export_id: _Optional[str] = ..., created_by: _Optional[str] = ...) -> None: ...

class WatchExportsResponse(_message.Message):
    __slots__ = ("snapshot", "upsert", "removal")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    UPSERT_FIELD_NUMBER: _ClassVar[int]
    REMOVAL_FIELD_NUMBER: _ClassVar[int]
    snapshot: ExportsSnapshot
    upsert: _export_pb2.Export
    removal: ExportRemoval
    def __init__(self, snapshot: _Optional[_Union[ExportsSnapshot, _Mapping]] = ..., upsert: _Optional[_Union[_export_pb2.Export, _Mapping]] = ..., removal: _Optional[_Union[ExportRemoval, _Mapping]] = ...) -> None: ...

class ExportsSnapshot(_message.Message):
    __slots__ = ("exports",)
    EXPORTS_FIELD_NUMBER: _ClassVar[int]
    exports: _containers.RepeatedCompositeFieldContainer[_export_pb2.Export]
    def __init__(self, exports: _Optional[_Iterable[_Union[_export_pb2.Export, _Mapping]]] = ...) -> None: ...

class ExportRemoval(_message.Message):
    __slots__ = ("export_id",)
    EXPORT_ID_FIELD_NUMBER: _ClassVar[int]
    export_id: str
    def __init__(self, export_id: _Optional[str] = ...) -> None: ...
