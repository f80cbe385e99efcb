"""Exports of deleted sessions are deleted: after a notice of AuditService, at each look, and before each download."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from services.export.audit_client import AuditClient
from services.export.storage.store import ExportStore
from services.runtime.errors import Unavailable
from services.runtime.session_deletions import DeletionNotices

_log = structlog.get_logger("afterimage.export")

EVERY_S = 60.0
_OVERLAP_MS = 600_000
"""Time that is asked for again: clocks of AuditServices differ, and a deletion may take a while."""


class DeletedSessions:
    """Deletes exports with deleted sessions.

    Args:
        store: The records.
        audit: Client of AuditService, which lists deletions.
        notices: Notices of AuditService.
        now_ms: The clock, milliseconds since 1970.
        on_deleted: Called after exports were deleted.
    """

    def __init__(
        self,
        store: ExportStore,
        audit: AuditClient,
        notices: DeletionNotices,
        now_ms: Callable[[], int],
        on_deleted: Callable[[], None],
    ) -> None:
        self._store = store
        self._audit = audit
        self._notices = notices
        self._now_ms = now_ms
        self._on_deleted = on_deleted
        self._seen_ms: dict[str, int] = {}

    async def look(self, project: str, oldest_ms: int = 0) -> None:
        """Deletes the exports with sessions that were deleted until now.

        Args:
            project: The project.
            oldest_ms: Creation of its oldest export, for the first look.

        Raises:
            Unavailable: AuditService or the database does not answer.
        """
        now_ms = self._now_ms()
        since_ms = max(self._seen_ms.get(project, oldest_ms) - _OVERLAP_MS, 0)
        if sessions := await self._audit.deletions(project, since_ms):
            removed = await self._store.remove_with_sessions(project, sessions, now_ms)
            if removed:
                _log.info("exports of deleted sessions were deleted", project=project, exports=len(removed))
                self._on_deleted()
        self._seen_ms[project] = now_ms

    async def look_at_all(self) -> None:
        """Does so for every project with exports; failures are logged, and the next look tries again."""
        try:
            for project, oldest_ms in (await self._store.projects_with_copies()).items():
                await self.look(project, oldest_ms)
        except Unavailable as error:
            _log.warning("exports of deleted sessions cannot be deleted now", error=error.message)

    async def run(self) -> None:
        """Looks after each notice, and regularly, until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            while True:
                await self.look_at_all()
                await asyncio.sleep(EVERY_S)

    async def _listen(self) -> None:
        async for project in self._notices.received():
            if project is None:
                await self.look_at_all()
                continue
            try:
                await self.look(project)
            except Unavailable as error:
                _log.warning("exports of deleted sessions cannot be deleted now", error=error.message)
