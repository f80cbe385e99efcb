"""Notices of deleted sessions, from AuditService to processes that hold copies of them.

A notice only saves waiting: it names no session, and may be lost. Its receiver asks AuditService (ListDeletions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.runtime.errors import Unavailable
from services.runtime.redis_client import key, messages, redis_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import redis.asyncio

    from services.runtime.settings import Settings

_log = structlog.get_logger("afterimage.deletions")


class DeletionNotices:
    """Sends and receives notices.

    Args:
        client: None: Redis is not configured; no notice is sent or received.
        settings: For the name of the channel.
    """

    def __init__(self, client: redis.asyncio.Redis | None, settings: Settings) -> None:
        self._client = client
        self._channel = key(settings, "deleted")

    async def publish(self, project: str) -> None:
        """Notifies the receivers that sessions of a project were deleted; a failure is logged."""
        if self._client is None:
            return
        try:
            with redis_errors():
                await self._client.publish(self._channel, project)
        except Unavailable:
            _log.warning("no notice of deleted sessions was sent; copies are deleted at the next look", project=project)

    async def received(self) -> AsyncIterator[str | None]:
        """Yields the project of each deletion from now on, and None when notices may have been missed.

        None comes first, and after each loss of the connection. Reconnects indefinitely; stops when the iterator is
        closed. Without Redis it ends at once.
        """
        if self._client is None:
            return
        async for message in messages(self._client, self._channel):
            yield message
