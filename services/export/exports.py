"""Exports: create, get, list, cancel, delete, download."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from services.export import convert
from services.export.audit_client import AuditClient
from services.export.deleted_sessions import DeletedSessions
from services.export.model import (
    LINK_FORMATS,
    Content,
    Export,
    ExportCursor,
    ExportFile,
    ExportFilter,
    ExportPriority,
    ExportState,
    HeatmapContent,
    LinkPart,
    NewExport,
    PictureOptions,
    SessionContent,
    TrailEntry,
)
from services.export.queue import ExportQueue
from services.export.results.store import ResultStore
from services.export.share_links import ShareLinks
from services.export.storage.store import ExportStore, request_key
from services.export.trail import Trail
from services.export.watcher import Watcher
from services.runtime.access_actions import AccessAction, AccessOutcome
from services.runtime.errors import (
    AfterimageError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)
from services.runtime.identity.peer import Peer
from services.runtime.identity.tokens import Identity
from services.runtime.settings import ExportSettings
from services.runtime.uuid7 import uuid7

CHECK_S = 1.0
"""Time between two looks at the record of an export while it is downloaded."""


@dataclass(frozen=True, slots=True)
class Exports:
    """Domain logic of ExportService.

    Attributes:
        created: Set when an export was created, so that it is dispatched at once.
        now_ms: The clock, milliseconds since 1970.
    """

    store: ExportStore
    queue: ExportQueue
    results: ResultStore
    audit: AuditClient
    trail: Trail
    deleted: DeletedSessions
    links: ShareLinks
    watcher: Watcher
    limits: ExportSettings
    created: asyncio.Event
    now_ms: Callable[[], int]

    async def create(self, by: Identity, caller: Peer, wanted: NewExport) -> Export:
        """Creates an export; returns an earlier one with the same request id.

        A visitor of a share link gets the link's earlier export of the same file.

        Raises:
            InvalidArgument: The range or the filter is not possible, or not open to the visitor.
            NotFound: The session does not exist in the caller's project, or is not the link's.
            PermissionDenied: The link of the caller has ended, or does not allow downloads.
            ResourceExhausted: The project or the link has too many open exports, or too large files.
            Unavailable: Redis is not configured; the database, AuditService or the trail is unavailable.
        """
        self.queue.require()
        entry = self._entry(AccessAction.EXPORT_CREATE, "CreateExport", by, caller, wanted.content)
        try:
            link = None if by.session_id is None else await self.links.part(by)
            if link is not None:
                wanted = _through(link, wanted, by.session_id)
            key = request_key(by.project, by.subject, wanted.request_id)
            if key and (earlier := await self.store.of_request(key)):
                return _same(earlier, wanted)
            if link is not None and (made := await self._made_for(link, wanted)):
                return made
            await self._check(by.project, wanted.content)
            await self._check_quota(by.project)
        except NotFound:
            self.trail.refused(entry, AccessOutcome.NOT_FOUND)
            raise
        except PermissionDenied:
            self.trail.refused(entry, AccessOutcome.DENIED)
            raise
        except AfterimageError as error:
            if by.link_id is not None or isinstance(error, ResourceExhausted):
                self.trail.refused(entry, AccessOutcome.FAILED)
            raise
        now_ms = self.now_ms()
        export = Export(
            export_id=str(uuid7(now_ms)),
            project=by.project,
            created_by=by.subject,
            content=wanted.content,
            format=wanted.format,
            priority=wanted.priority,
            state=ExportState.QUEUED,
            ttl_ms=round(self.limits.ttl_s * 1000) if wanted.ttl_ms is None else wanted.ttl_ms,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        # First: an entry may stand for a creation that then failed, and no export is without its entry.
        await self.trail.allowed(replace(entry, detail=_detail(export)))
        stored = await self.store.create(export, key)
        self.created.set()
        return stored if stored is export else _same(stored, wanted)

    async def get(self, by: Identity, export_id: str) -> Export:
        """Returns an export.

        Raises:
            NotFound: It does not exist in the caller's project, or is not of the caller's link.
            PermissionDenied: The link of the caller has ended.
        """
        await self.links.check(by)
        return await self._of_caller(by, export_id)

    async def list(self, by: Identity, wanted: ExportFilter, count: int, after: ExportCursor | None) -> list[Export]:
        """Returns exports of the caller's project, newest first."""
        return await self.store.find(by.project, wanted, count, after)

    async def cancel(self, by: Identity, export_id: str) -> Export:
        """Cancels an open export; its worker notices when it renews its lease.

        Raises:
            NotFound: It does not exist in the caller's project.
            FailedPrecondition: It has ended otherwise (EXPORT_ENDED).
        """
        await self.get(by, export_id)
        await self.store.cancel(export_id, by.project, self.now_ms())
        found = await self.get(by, export_id)
        if found.state is not ExportState.CANCELLED:
            raise FailedPrecondition(f"the export is {found.state.name.lower()} already", reason="EXPORT_ENDED")
        self.watcher.look()
        return found

    async def delete(self, by: Identity, caller: Peer, export_id: str) -> None:
        """Deletes an export and its file.

        Raises:
            NotFound: It does not exist in the caller's project.
        """
        entry = self._entry(AccessAction.EXPORT_DELETE, "DeleteExport", by, caller)
        found = await self.store.get(export_id, by.project)
        if found is None:
            self.trail.refused(replace(entry, detail=export_id), AccessOutcome.NOT_FOUND)
            raise _not_found()
        await self.trail.allowed(replace(entry, session_id=found.session_id, detail=_detail(found)))
        await self.store.remove(export_id, by.project, self.now_ms())
        self.watcher.look()
        if found.file is not None:
            try:
                await self.results.delete(found.file.key)
            except Unavailable:
                return  # the upkeep deletes it later

    async def download(
        self, by: Identity, caller: Peer, export_id: str, offset: int
    ) -> AsyncGenerator[ExportFile | bytes, None]:
        """Yields the description of an export's file, then its bytes from `offset` on.

        Raises:
            InvalidArgument: The offset is after the end of the file.
            NotFound: The export does not exist in the caller's project; or it, or a session in it, was deleted before
                or while it is read.
            PermissionDenied: The link of the caller, or of the export, has ended before or while it is read.
            FailedPrecondition: It has no file (EXPORT_NOT_DONE).
            Unavailable: The database, the store of files, AuditService or the trail is unavailable.
        """
        entry = self._entry(AccessAction.EXPORT_DOWNLOAD, "DownloadExport", by, caller)
        entry = replace(entry, detail=export_id)
        try:
            await self.deleted.look(by.project)
            export, file = await self._downloadable(by, export_id)
            if offset > file.size_bytes:
                raise InvalidArgument.of("offset", f"must be at most {file.size_bytes}, the size of the file")
        except NotFound:
            self.trail.refused(entry, AccessOutcome.NOT_FOUND)
            raise
        except PermissionDenied:
            self.trail.refused(entry, AccessOutcome.DENIED)
            raise
        except AfterimageError:
            self.trail.refused(entry, AccessOutcome.FAILED)
            raise
        detail = _detail(export) + (f", from byte {offset}" if offset else "")
        await self.trail.allowed(replace(entry, session_id=export.session_id, detail=detail))
        yield file
        checked_at = asyncio.get_running_loop().time()
        left = file.size_bytes - offset
        if not left:
            return
        try:
            async for data in self.results.read(file.key, offset):
                yield data
                left -= len(data)
                now = asyncio.get_running_loop().time()
                if left and now - checked_at > CHECK_S:
                    await self._downloadable(by, export_id)
                    checked_at = now
        except FileNotFoundError:
            raise _not_found() from None
        if left:
            raise Unavailable("the file of the export is incomplete", reason="RESULTS_UNAVAILABLE")

    async def watch(
        self, by: Identity, export_id: str, created_by: str, most: int
    ) -> AsyncGenerator[Sequence[Export] | Export, None]:
        """Yields the project's exports, newest first, then each change; of one export until its end.

        Args:
            by: The caller.
            export_id: The only export; "": all of them.
            created_by: The only creator; "": all of them.
            most: Maximum number of exports at the start.

        Raises:
            InvalidArgument: The caller has a share link, and names no export.
            NotFound: The export does not exist in the caller's project.
            PermissionDenied: The link of the caller has ended.
        """
        if by.session_id is not None and not export_id:
            raise InvalidArgument.of("export_id", "is required with a share link")
        with self.watcher.watching(by.project) as changes:
            if export_id:
                first = [await self.get(by, export_id)]
            else:
                first = await self.store.find(by.project, ExportFilter(created_by=created_by), most, None)
            yield first
            known = {export.export_id: (export.updated_ms, export.state) for export in first}
            if export_id and not first[0].state.is_open:
                return
            async for change in changes:
                if export_id not in {"", change.export_id}:
                    continue
                if not export_id and created_by not in {"", change.created_by}:
                    continue
                shown, now = known.get(change.export_id), (change.updated_ms, change.state)
                if (shown is not None and now <= shown) or (shown is None and change.state is ExportState.DELETED):
                    continue
                known[change.export_id] = now
                yield change
                if export_id and not change.state.is_open:
                    return

    def denied(self, method: str, by: Identity, caller: Peer, named: tuple[str, str]) -> None:
        """Records in the trail a call that the caller's token does not allow."""
        session_id, export_id = named
        action = RECORDED[method]
        entry = replace(self._entry(action, method, by, caller), session_id=session_id, detail=export_id)
        self.trail.refused(entry, AccessOutcome.DENIED)

    async def _of_caller(self, by: Identity, export_id: str) -> Export:
        found = await self.store.get(export_id, by.project)
        if found is None or (by.session_id is not None and found.link_id != by.link_id):
            raise _not_found()
        return found

    async def _made_for(self, link: LinkPart, wanted: NewExport) -> Export | None:
        """Returns the link's export of the same file; None: it does not exist yet.

        Raises:
            ResourceExhausted: The link has too many exports (LINK_EXPORTS).
        """
        exports = await self.store.of_link(link.link_id)
        for export in exports:
            if (export.content, export.format) == (wanted.content, wanted.format):
                return export
        if len(exports) >= self.limits.max_per_share_link:
            raise ResourceExhausted(
                f"the share link has {len(exports)} exports, the maximum (export.max_per_share_link)",
                reason="LINK_EXPORTS",
                retry_after_s=60.0,
            )
        return None

    async def _check(self, project: str, content: Content) -> None:
        if isinstance(content, HeatmapContent):
            return
        if not isinstance(content, SessionContent):
            await self.audit.check_filter(project, content.filter)
            return
        session = await self.audit.recordings(project, content).session(content.session_id)
        is_picture = isinstance(content.options, PictureOptions)
        offset_ms = content.options.offset_ms if isinstance(content.options, PictureOptions) else content.start_ms
        if offset_ms is not None and offset_ms > session.duration_ms and not session.is_live:
            raise InvalidArgument.of(
                "session.picture.offset" if is_picture else "session.start_offset",
                f"is after the session's end, {session.duration_ms / 1000:g} s",
            )

    async def _check_quota(self, project: str) -> None:
        usage = await self.store.usage(project)
        limits = self.limits
        if usage.open >= limits.max_open_per_project:
            raise ResourceExhausted(
                f"the project has {usage.open} unfinished exports, the maximum (export.max_open_per_project)",
                reason="EXPORTS_QUEUED",
                retry_after_s=60.0,
            )
        if limits.max_stored_bytes_per_project and usage.stored_bytes >= limits.max_stored_bytes_per_project:
            raise ResourceExhausted(
                f"the project's export files have {usage.stored_bytes:,} bytes, the maximum "
                "(export.max_stored_bytes_per_project): delete some",
                reason="EXPORTS_STORED",
            )

    async def _downloadable(self, by: Identity, export_id: str) -> tuple[Export, ExportFile]:
        export = await self.get(by, export_id)
        await self.links.check_link(export.link_id)
        if export.file is None:
            raise FailedPrecondition(
                f"the export is {export.state.name.lower()}, so it has no file", reason="EXPORT_NOT_DONE"
            )
        if export.expires_ms is not None and export.expires_ms <= self.now_ms():
            raise FailedPrecondition("the export has expired", reason="EXPORT_NOT_DONE")
        return export, export.file

    def _entry(
        self, action: AccessAction, method: str, by: Identity, caller: Peer, content: Content | None = None
    ) -> TrailEntry:
        session_id = content.session_id if isinstance(content, SessionContent) else ""
        detail = "" if content is None else convert.described(content)
        return TrailEntry(action, method, by.project, by.subject, caller, session_id, detail, by.link_id or "")


RECORDED = {
    "CreateExport": AccessAction.EXPORT_CREATE,
    "DownloadExport": AccessAction.EXPORT_DOWNLOAD,
    "DeleteExport": AccessAction.EXPORT_DELETE,
}
"""Methods of which refusals for lack of a scope are entries of the trail."""


def _same(earlier: Export, wanted: NewExport) -> Export:
    """Returns the export that an earlier call with the same request id created.

    Raises:
        InvalidArgument: That call asked for another export.
    """
    if (earlier.content, earlier.format) != (wanted.content, wanted.format):
        raise InvalidArgument.of("request_id", "was used for another export")
    return earlier


def _through(link: LinkPart, wanted: NewExport, session_id: str | None) -> NewExport:
    """Returns the export of a visitor: of the link's session and range, after the other exports of the project.

    Raises:
        InvalidArgument: The format or the range is not open to the visitor.
        NotFound: It is another session, or a table.
    """
    content = wanted.content
    if not isinstance(content, SessionContent) or content.session_id != session_id:
        raise NotFound("there is no such session", reason="SESSION_NOT_FOUND")
    if wanted.format not in LINK_FORMATS:
        names = " or ".join(one.name.lower() for one in LINK_FORMATS)
        raise InvalidArgument.of("format", f"a share link allows {names}")
    start_ms, end_ms = content.start_ms, content.end_ms
    if link.start_ms is not None and (start_ms is None or start_ms < link.start_ms):
        start_ms = link.start_ms
    if link.end_ms is not None and (end_ms is None or end_ms > link.end_ms):
        end_ms = link.end_ms
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise InvalidArgument.of("session.start_offset", "is not in the shared part of the session")
    content = msgspec.structs.replace(content, start_ms=start_ms, end_ms=end_ms, link=link)
    return replace(wanted, content=content, priority=ExportPriority.LOW)


def _detail(export: Export) -> str:
    described = convert.described(export.content)
    return f"{export.export_id} {export.format.name.lower()}{f' {described}' if described else ''}"


def _not_found() -> NotFound:
    return NotFound("there is no such export", reason="EXPORT_NOT_FOUND")
