"""Share links with exports of their visitors: the part that a link opens, and the end of its exports with it.

ShareService keeps links in Redis until they expire or are revoked, and sends a notice of each revocation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from services.export.model import LinkPart
from services.export.results.store import ResultStore
from services.export.storage.store import ExportStore
from services.runtime.errors import NotFound, PermissionDenied, Unavailable
from services.runtime.identity.tokens import Identity
from services.runtime.link_keys import DOWNLOAD_FIELDS, LinkKeys, is_standing, revocations
from services.runtime.redis_client import redis_errors, required

if TYPE_CHECKING:
    import redis.asyncio

_log = structlog.get_logger("afterimage.export")

EVERY_S = 15.0
"""Time between two looks for links that have ended: no notice comes of one that has expired."""

_ID_CHARS = 8


class ShareLinks:
    """Reads links, and deletes the exports of those that have ended.

    Args:
        client: None: Redis is not configured, so there are no links.
        keys: The names of the keys.
        store: The records.
        results: The files.
        now_ms: The clock, milliseconds since 1970.
        on_deleted: Called after exports were deleted.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis | None,
        keys: LinkKeys,
        store: ExportStore,
        results: ResultStore,
        now_ms: Callable[[], int],
        on_deleted: Callable[[], None],
    ) -> None:
        self._client = client
        self._keys = keys
        self._store = store
        self._results = results
        self._now_ms = now_ms
        self._on_deleted = on_deleted

    async def part(self, by: Identity) -> LinkPart:
        """Returns the part that the caller's link opens.

        Raises:
            PermissionDenied: The link has ended (LINK_ENDED), does not allow downloads (DOWNLOAD_NOT_ALLOWED), or the
                token for one session is of no link (GRANT_TOO_NARROW).
            Unavailable: Redis does not answer (REDIS_UNAVAILABLE).
        """
        link_id = _link_of(by)
        with redis_errors():
            values: Any = await required(self._client).hmget(self._keys.link(link_id), list(DOWNLOAD_FIELDS))
        project, session, expires, label, download = (value.decode() if value else "" for value in values)
        if not project or int(expires) <= self._now_ms():
            raise _ended()
        if (project, session) != (by.project, by.session_id):
            raise NotFound("there is no such session", reason="SESSION_NOT_FOUND")
        if download != "1":
            raise PermissionDenied("this share link does not allow downloads", reason="DOWNLOAD_NOT_ALLOWED")
        return LinkPart(
            link_id=link_id,
            watermark=label.strip() or f"Share link {link_id[:_ID_CHARS]}",
            start_ms=by.range_start_ms,
            end_ms=by.range_end_ms,
            origin_ms=by.range_origin_ms,
            expires_ms=int(expires),
        )

    async def check(self, by: Identity) -> None:
        """Checks that the link of a caller stands; of a caller with an own token nothing is checked.

        Raises:
            PermissionDenied: The link has ended (LINK_ENDED), or the token is of no link (GRANT_TOO_NARROW).
            Unavailable: Redis does not answer (REDIS_UNAVAILABLE).
        """
        if by.session_id is not None:
            await self.check_link(_link_of(by))

    async def check_link(self, link_id: str) -> None:
        """Checks that a link stands; does nothing for "", the caller with an own token.

        Raises:
            PermissionDenied: The link has ended (LINK_ENDED).
            Unavailable: Redis does not answer (REDIS_UNAVAILABLE).
        """
        if link_id and not await is_standing(required(self._client), self._keys, link_id):
            raise _ended()

    async def run(self) -> None:
        """Looks after each notice, and regularly, until it is cancelled."""
        if self._client is None:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            while True:
                await self._look()
                await asyncio.sleep(EVERY_S)

    async def _listen(self) -> None:
        async for link_id in revocations(required(self._client), self._keys):
            if link_id is None:
                await self._look()
                continue
            try:
                await self._end(link_id)
            except Unavailable as error:
                _log.warning("exports of a share link cannot be deleted now", link=link_id, error=error.message)

    async def _look(self) -> None:
        try:
            for link_id in await self._store.links():
                if not await is_standing(required(self._client), self._keys, link_id):
                    await self._end(link_id)
        except Unavailable as error:
            _log.warning("exports of ended share links cannot be deleted now", error=error.message)

    async def _end(self, link_id: str) -> None:
        removed = await self._store.remove_of_link(link_id, self._now_ms())
        if not removed:
            return
        _log.info("exports of an ended share link were deleted", link=link_id, exports=len(removed))
        self._on_deleted()
        for place in removed:
            if place.key:
                with suppress(Unavailable):  # the upkeep deletes it later
                    await self._results.delete(place.key)
                    await self._store.file_deleted(place)


def _link_of(by: Identity) -> str:
    if by.link_id is None:
        raise PermissionDenied("a token for one session does not open this method", reason="GRANT_TOO_NARROW")
    return by.link_id


def _ended() -> PermissionDenied:
    return PermissionDenied("the share link has ended", reason="LINK_ENDED")
