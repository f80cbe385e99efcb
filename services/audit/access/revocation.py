"""Share links that end while their grants are still valid: checked on open, listened for while a stream is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from services.runtime.errors import PermissionDenied, Unavailable
from services.runtime.link_keys import LinkKeys, end_links_of_session, is_standing, revocations
from services.runtime.redis_client import required

if TYPE_CHECKING:
    import redis.asyncio

_log = structlog.get_logger("afterimage.revocation")


class Revocations:
    """Checks which share links are still valid.

    Args:
        client: None: Redis is not configured, so no grant opens anything.
        keys: The names of the keys.
    """

    def __init__(self, client: redis.asyncio.Redis | None, keys: LinkKeys) -> None:
        self._client = client
        self._keys = keys
        self._open: dict[str, set[asyncio.Timeout]] = {}

    @asynccontextmanager
    async def standing(self, link_id: str) -> AsyncIterator[None]:
        """Lets the block run for as long as the link is valid.

        Raises:
            PermissionDenied: The link ended before the block or while it ran (LINK_ENDED).
            Unavailable: Redis cannot be reached (REDIS_UNAVAILABLE).
        """
        scope = asyncio.timeout(None)
        try:
            async with scope:
                # Listen before the check: a link that ends in between is noticed by one of the two.
                self._open.setdefault(link_id, set()).add(scope)
                try:
                    if not await is_standing(required(self._client), self._keys, link_id):
                        raise _ended()
                    yield
                finally:
                    self._forget(link_id, scope)
        except TimeoutError:
            if scope.expired():
                raise _ended() from None
            raise

    async def end_links(self, project: str, sessions: Sequence[UUID]) -> int:
        """Ends the share links of deleted sessions; returns the number of links that were still valid.

        Without Redis there are no links. When Redis does not answer, the deletion continues: a link to a deleted
        session opens nothing.
        """
        ended = 0
        if self._client is None:
            return ended
        try:
            for session in sessions:
                ended += await end_links_of_session(self._client, self._keys, project, str(session))
        except Unavailable:
            _log.warning("the share links of deleted sessions were not ended", sessions=len(sessions))
        return ended

    async def run(self) -> None:
        """Listens for revocations until it is cancelled."""
        if self._client is None:
            return
        async for link_id in revocations(self._client, self._keys):
            if link_id is not None:
                self._end(link_id)
            else:
                await self._look()

    async def _look(self) -> None:
        """Checks the links of all open streams: messages may have been missed."""
        for link_id in list(self._open):
            try:
                if not await is_standing(required(self._client), self._keys, link_id):
                    self._end(link_id)
            except Unavailable:
                _log.warning("cannot see whether a share link still stands", link_id=link_id)

    def _end(self, link_id: str) -> None:
        now = asyncio.get_running_loop().time()
        for scope in self._open.get(link_id, ()):
            scope.reschedule(now)

    def _forget(self, link_id: str, scope: asyncio.Timeout) -> None:
        scopes = self._open.get(link_id, set())
        scopes.discard(scope)
        if not scopes:
            self._open.pop(link_id, None)


def _ended() -> PermissionDenied:
    return PermissionDenied("the share link has ended", reason="LINK_ENDED")
