"""Deletion of sessions from every store. Stops their recorders, notifies their viewers and returns a receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.audit.access.revocation import Revocations
from services.audit.ingest.log.logging_first import Durable
from services.audit.ingest.open_recordings import Recordings
from services.audit.ingest.set_aside import SetAside
from services.audit.live.hub import LiveHub
from services.audit.model import SessionKey
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.runtime.session_deletions import DeletionNotices

BATCH = 1_000
"""Sessions deleted by one statement."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Result of a deletion: counts of the deleted rows, and the sessions that were not found."""

    sessions: int
    chunks: int
    interactions: int
    links: int
    not_found: tuple[UUID, ...]


class Deletion:
    """Deletes sessions."""

    def __init__(
        self,
        store: RecordingStore,
        recordings: Recordings,
        hub: LiveHub,
        revocations: Revocations,
        space: FreeSpace,
        set_aside: SetAside | None = None,
        durable: Durable | None = None,
        notices: DeletionNotices | None = None,
    ) -> None:
        self._durable = durable
        self._set_aside = set_aside
        self._notices = notices
        self._revocations = revocations
        self._space = space
        self._store = store
        self._recordings = recordings
        self._hub = hub

    async def delete(self, project: str, sessions: Sequence[UUID], actor_ids: Sequence[str] = ()) -> Receipt:
        """Deletes the sessions, or all sessions of the actor with an id in any of these forms.

        Active recorders are stopped first and their pending chunks stored, so that no chunk arrives after
        the deletion. Viewers are notified last, when there is nothing left to read.

        Raises:
            StorageFull: There is no space to rewrite the data without the sessions; nothing was deleted.
        """
        self._space.require("and deleting a session rewrites data: make room, or shorten retention_days")
        asked = list(dict.fromkeys(sessions)) or await self._store.sessions_of_actor(project, *actor_ids)
        deleted = chunks = interactions = links = 0
        not_found: list[UUID] = []
        for begin in range(0, len(asked), BATCH):
            batch = asked[begin : begin + BATCH]
            open_now = [one for session in batch for one in self._recordings.of_session(SessionKey(project, session))]
            known = {*(await self._store.count_chunks(project, batch)), *(one.key.session for one in open_now)}
            found = [session for session in batch if session in known]
            not_found += [session for session in batch if session not in known]
            await self._store.mark_deleted(project, found)
            # Again: no recording can begin from here on, but some may have begun since the first look.
            open_now = [one for session in found for one in self._recordings.of_session(SessionKey(project, session))]
            for one in open_now:
                one.stop("the session was deleted")
            await asyncio.gather(*(one.drained() for one in open_now))
            if self._durable is not None:
                await self._durable.erase_log()
            chunks += sum((await self._store.count_chunks(project, found)).values()) if found else 0
            interactions += await self._store.count_interactions(project, found) if found else 0
            await self._store.delete(project, found)
            if self._set_aside is not None:
                await self._set_aside.delete(project, batch)
            links += await self._revocations.end_links(project, found)
            if found and self._notices is not None:
                await self._notices.publish(project)
            deleted += len(found)
            for session in found:
                self._hub.deleted(SessionKey(project, session))
        if self._durable is not None:
            await self._durable.sync()
        return Receipt(deleted, chunks, interactions, links, tuple(not_found))
