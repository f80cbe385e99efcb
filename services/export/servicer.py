"""gRPC servicer of ExportService: converts messages in and out around the domain logic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from afterimage.export.v1 import export_service_pb2 as pb
from afterimage.export.v1 import export_service_pb2_grpc

from services.export import convert
from services.export.exports import RECORDED, Exports
from services.export.model import Export, ExportCursor, ExportFile
from services.runtime.identity.peer import PeerReader
from services.runtime.identity.tokens import Identity, current_identity
from services.runtime.rpc.paging import PageQuery, PageSizes

SERVICE = convert.SERVICE

PAGE_SIZES = PageSizes(default=50, most=500)

Context = grpc.aio.ServicerContext[Any, Any]


class ExportServicer(export_service_pb2_grpc.ExportServiceServicer):
    """The RPCs of ExportService.

    Args:
        exports: The domain logic.
        callers: Determines the origin of calls.
        max_ttl_s: Maximum time for which a file is kept, in seconds.
    """

    def __init__(self, exports: Exports, callers: PeerReader, *, max_ttl_s: float) -> None:
        self._exports = exports
        self._callers = callers
        self._max_ttl_s = max_ttl_s

    async def CreateExport(self, request: pb.CreateExportRequest, context: Context) -> pb.CreateExportResponse:
        """Creates an export."""
        wanted = convert.new_export(request, self._max_ttl_s)
        created = await self._exports.create(current_identity(), self._callers.read(context), wanted)
        return pb.CreateExportResponse(export=convert.export(created))

    async def GetExport(self, request: pb.GetExportRequest, context: Context) -> pb.GetExportResponse:
        """Gets an export."""
        found = await self._exports.get(current_identity(), convert.export_id(request.export_id))
        return pb.GetExportResponse(export=convert.export(found))

    async def ListExports(self, request: pb.ListExportsRequest, context: Context) -> pb.ListExportsResponse:
        """Lists exports."""
        identity = current_identity()
        wanted = convert.export_filter(request)
        page = PageQuery(request, PAGE_SIZES, ExportCursor, identity.project.encode(), convert.fields_of_list(request))
        exports = await self._exports.list(identity, wanted, page.limit, page.after)
        found, token = page.messages(exports, convert.position, convert.export)
        return pb.ListExportsResponse(exports=found, next_page_token=token)

    async def CancelExport(self, request: pb.CancelExportRequest, context: Context) -> pb.CancelExportResponse:
        """Cancels an export."""
        cancelled = await self._exports.cancel(current_identity(), convert.export_id(request.export_id))
        return pb.CancelExportResponse(export=convert.export(cancelled))

    async def DeleteExport(self, request: pb.DeleteExportRequest, context: Context) -> pb.DeleteExportResponse:
        """Deletes an export."""
        export_id = convert.export_id(request.export_id)
        await self._exports.delete(current_identity(), self._callers.read(context), export_id)
        return pb.DeleteExportResponse()

    async def DownloadExport(
        self, request: pb.DownloadExportRequest, context: Context
    ) -> AsyncIterator[pb.DownloadExportResponse]:
        """Streams the file of an export."""
        export_id, offset = convert.export_id(request.export_id), convert.offset(request)
        parts = self._exports.download(current_identity(), self._callers.read(context), export_id, offset)
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, ExportFile):
                    yield pb.DownloadExportResponse(file=convert.file(part))
                else:
                    yield pb.DownloadExportResponse(data=part)

    async def WatchExports(
        self, request: pb.WatchExportsRequest, context: Context
    ) -> AsyncIterator[pb.WatchExportsResponse]:
        """Streams the project's exports."""
        export_id = convert.export_id(request.export_id) if request.export_id else ""
        created_by = convert.watched_creator(request)
        changes = self._exports.watch(current_identity(), export_id, created_by, PAGE_SIZES.most)
        async with aclosing(changes):
            async for change in changes:
                yield convert.change(change) if isinstance(change, Export) else convert.snapshot(change)

    async def denied(self, method: str, identity: Identity, request: Any, context: Context) -> None:
        """Records a call that the caller's token does not allow."""
        name = method.rpartition("/")[2]
        if name in RECORDED:
            self._exports.denied(name, identity, self._callers.read(context), convert.named(request))
