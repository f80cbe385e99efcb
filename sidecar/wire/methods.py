"""Route table: one row per stream and one row per unary call. A new stream needs only a new row.

Shapes and message types come from the contract's descriptors, and the scopes from the services' table; this table adds
the path, and whether recorders call the method. The services check the scopes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from afterimage.audit.v1 import audit_service_pb2
from afterimage.export.v1 import export_service_pb2
from afterimage.share.v1 import share_service_pb2
from google.protobuf.message_factory import GetMessageClass

from services.runtime.rpc.scopes import SCOPES

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
    from google.protobuf.message import Message

    from services.runtime.identity.tokens import Scope

_AUDIT: ServiceDescriptor = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
_EXPORT: ServiceDescriptor = export_service_pb2.DESCRIPTOR.services_by_name["ExportService"]
_SHARE: ServiceDescriptor = share_service_pb2.DESCRIPTOR.services_by_name["ShareService"]


@dataclass(frozen=True, slots=True)
class Rpc:
    """A method of a service.

    Attributes:
        service: Full name of the service, which is also the key of the upstream.
        method: Full name of the method: "/package.Service/Method".
        scopes: The scopes of which a caller needs one; None if it needs no token.
        request_type: Class of the requests.
        response_type: Class of the responses.
    """

    service: str
    method: str
    scopes: frozenset[Scope] | None
    request_type: type[Message]
    response_type: type[Message]

    @property
    def name(self) -> str:
        """Name of the method without its service."""
        return self.method.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class StreamRoute:
    """A stream that is served as a WebSocket.

    Attributes:
        path: Path of the WebSocket.
        rpc: The streaming method.
        is_bidi: Whether all frames are forwarded; if not, the first frame is the request and no other may follow.
        is_recording: Whether frames may be as large as chunks, and the project's origins are allowed.
    """

    path: str
    rpc: Rpc
    is_bidi: bool
    is_recording: bool


def _rpc(service: ServiceDescriptor, name: str) -> Rpc:
    method: MethodDescriptor = service.methods_by_name[name]
    full_name = f"/{service.full_name}/{name}"
    return Rpc(
        service=service.full_name,
        method=full_name,
        scopes=SCOPES[full_name],
        request_type=GetMessageClass(method.input_type),
        response_type=GetMessageClass(method.output_type),
    )


def _stream(path: str, name: str, service: ServiceDescriptor = _AUDIT, *, is_recording: bool = False) -> StreamRoute:
    return StreamRoute(
        path=path,
        rpc=_rpc(service, name),
        is_bidi=service.methods_by_name[name].client_streaming,
        is_recording=is_recording,
    )


STREAMS = (
    _stream("/ws/record", "RecordSession", is_recording=True),
    _stream("/ws/replay", "ReplaySession"),
    _stream("/ws/sessions", "WatchSessions"),
    _stream("/ws/exports", "WatchExports", _EXPORT),
    _stream("/ws/export", "DownloadExport", _EXPORT),
)
RECORD = STREAMS[0].rpc

# Unary methods. Methods for internal use only (RecordAccessEvents, ListDeletions) have no row and no route.
UNARY = (
    _rpc(_AUDIT, "ListSessions"),
    _rpc(_AUDIT, "GetSession"),
    _rpc(_AUDIT, "GetReplayStart"),
    _rpc(_AUDIT, "GetHeatmap"),
    _rpc(_AUDIT, "ListPages"),
    _rpc(_AUDIT, "ListInteractions"),
    _rpc(_AUDIT, "DeleteSessions"),
    _rpc(_AUDIT, "ListAccessEvents"),
    _rpc(_AUDIT, "GetPrivacyPolicy"),
    _rpc(_SHARE, "CreateShareLink"),
    _rpc(_SHARE, "ListShareLinks"),
    _rpc(_SHARE, "GetShareLink"),
    _rpc(_SHARE, "RedeemShareLink"),
    _rpc(_SHARE, "RevokeShareLink"),
    _rpc(_EXPORT, "CreateExport"),
    _rpc(_EXPORT, "GetExport"),
    _rpc(_EXPORT, "ListExports"),
    _rpc(_EXPORT, "CancelExport"),
    _rpc(_EXPORT, "DeleteExport"),
)


def scopes() -> dict[str, frozenset[Scope] | None]:
    """Returns the scopes of every method with a route, for Authorizer."""
    return {rpc.method: rpc.scopes for rpc in (*(stream.rpc for stream in STREAMS), *UNARY)}
