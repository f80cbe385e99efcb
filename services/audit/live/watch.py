"""Watching the live sessions of a project: first the full list, then each change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from uuid import UUID

from services.audit.live.hub import LiveHub, Watch
from services.audit.model import SessionStatus, SessionSummary
from services.audit.storage.retention import NowMs
from services.audit.storage.session_queries import SessionFilter, SessionOrder, SessionQueries
from services.runtime.errors import Unavailable

TICK_S = 1.0
"""Minimum interval between two changes of a session that are sent."""

MAX_SNAPSHOT = 1_000
LONGEST_SESSION_MS = 24 * 3_600_000
"""The snapshot contains live sessions that began within this time (the longest session seen in practice)."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A session that is no longer live; `status` is 0 if it was deleted."""

    session: UUID
    status: int


Change = list[SessionSummary] | SessionSummary | Removed


class Watcher:
    """Streams the live sessions of projects.

    Args:
        catalog: Reads sessions.
        hub: Reports changed sessions.
        idle_timeout_ms: Time without data after which a session has timed out.
        now_ms: The server's clock.
        alone: Whether no other server stores chunks in this database.
    """

    def __init__(
        self, catalog: SessionQueries, hub: LiveHub, idle_timeout_ms: int, now_ms: NowMs, *, alone: bool
    ) -> None:
        self._catalog = catalog
        self._hub = hub
        self._idle_timeout_ms = idle_timeout_ms
        self._now_ms = now_ms
        self._alone = alone

    async def watch(self, project: str, wanted: SessionFilter) -> AsyncGenerator[Change, None]:
        """Yields the list of live sessions, then upserts and removals."""
        wanted = replace(wanted, start_ms=None, end_ms=None, statuses=(SessionStatus.LIVE,))
        with self._hub.watch(project) as watch:
            shown: dict[UUID, int] = {}
            snapshot = await self._live(project, wanted)
            shown |= {session.key.session: session.stored_ms for session in snapshot}
            yield snapshot
            while True:
                if self._hub.closing:
                    raise Unavailable("the server is stopping; reconnect", reason="SERVER_STOPPING")
                for change in await self._changes(project, wanted, watch, shown):
                    yield change

    async def _live(self, project: str, wanted: SessionFilter) -> list[SessionSummary]:
        recent = replace(wanted, start_ms=self._now_ms() - LONGEST_SESSION_MS)
        listed = await self._catalog.list_sessions(project, recent, SessionOrder.NEWEST_FIRST, MAX_SNAPSHOT)
        return [entry.session for entry in listed]

    async def _changes(self, project: str, wanted: SessionFilter, watch: Watch, shown: dict[UUID, int]) -> list[Change]:
        tick = asyncio.get_running_loop().time() + TICK_S
        touched = await watch.changes(TICK_S)
        await asyncio.sleep(max(0.0, tick - asyncio.get_running_loop().time()) if touched and shown else 0.05)
        touched |= await watch.changes(0)
        silent_since = self._now_ms() - self._idle_timeout_ms
        silent = {session for session, stored_ms in shown.items() if stored_ms < silent_since}
        asked = list(touched | silent)
        if not self._alone:
            asked = list({*asked, *shown, *(s.key.session for s in await self._live(project, wanted))})
        if not asked:
            return []
        live = {s.key.session: s for s in await self._catalog.get_sessions(project, asked, wanted)}
        changes: list[Change] = []
        for session, summary in live.items():
            if shown.get(session) != summary.stored_ms or session in touched:
                shown[session] = summary.stored_ms
                changes.append(summary)
        gone = [session for session in asked if session not in live and session in shown]
        if gone:
            states = {s.key.session: s.status for s in await self._catalog.get_sessions(project, gone)}
            for session in gone:
                del shown[session]
                changes.append(Removed(session, states.get(session, 0)))
        return changes
