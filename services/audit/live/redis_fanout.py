"""Live across servers: several audit processes on one ClickHouse notify each other of changes through Redis.

Only notices are sent, never payloads: which session has new data, which window has a newer stream, which
session was deleted. Followers of such a session continue from storage by seq, so a lost notice costs time
(the next poll finds the chunk) and never a chunk. A server sends notices only for sessions and projects
that another server has declared it is watching.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from itertools import zip_longest
from typing import Any
from uuid import UUID

import msgspec
import redis.asyncio
import structlog
from redis.exceptions import RedisError

from services.audit.live.hub import LiveHub, PeerServers
from services.audit.model import SessionKey, WindowKey

_log = structlog.get_logger("afterimage.redis_fanout")

FLUSH_S = 0.02
"""Time for which notices gather: a session that stores ten chunks meanwhile needs one notice."""

INTEREST_S = 5.0
"""Interval at which a server announces its followed sessions and watched projects; valid for three intervals."""

RETRY_S = 1.0


class FanOutNotice(msgspec.Struct, omit_defaults=True):
    """A message from one server to the others."""

    node: str
    new: list[tuple[str, UUID]] = []
    """Sessions (project, id) with newly stored data."""
    deleted: list[tuple[str, UUID]] = []
    opened: list[tuple[str, UUID, UUID, int]] = []
    """Windows (project, session, window) recorded by a stream of this server, and its start (Unix time in us)."""
    secrets: list[bytes] = []
    """Hash of the session's secret of each of them; servers that do not know secrets send none."""
    follows: list[tuple[str, UUID]] = []
    watches: list[str] = []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(FanOutNotice)


class RedisFanOut(PeerServers):
    """Carries notices between this server's hub and those of other servers.

    Args:
        client: Redis.
        channel: Name of the pub/sub channel.
        hub: Connects the recorders and viewers of this server.
    """

    def __init__(self, client: redis.asyncio.Redis, channel: str, hub: LiveHub) -> None:
        self._client = client
        self._channel = channel
        self._hub = hub
        self._node = secrets.token_hex(8)
        self._pending = FanOutNotice(self._node)
        self._news = asyncio.Event()
        self._followed: dict[SessionKey, float] = {}
        self._watched: dict[str, float] = {}

    def stored(self, key: SessionKey) -> None:
        """Data of the session was stored here."""
        if (key in self._followed or key.project in self._watched) and self._is_wanted(key):
            entry = (key.project, key.session)
            if entry not in self._pending.new:
                self._pending.new.append(entry)
                self._news.set()

    def deleted(self, key: SessionKey) -> None:
        """The session was deleted here."""
        self._pending.deleted.append((key.project, key.session))
        self._news.set()

    def opened(self, window: WindowKey, opened_us: int, secret_hash: bytes) -> None:
        """A stream of this server, begun at `opened_us`, records the window with this hash of a session secret."""
        self._pending.opened.append((window.project, window.session, window.window, opened_us))
        self._pending.secrets.append(secret_hash)
        self._news.set()

    def interest(self) -> None:
        """A viewer has begun to watch here: the other servers are notified at once."""
        self._pending.follows = [(key.project, key.session) for key in self._hub.followed]
        self._pending.watches = list(self._hub.watched)
        self._news.set()

    async def run(self) -> None:
        """Sends and receives until it is cancelled; retries indefinitely while Redis is unavailable."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send())
            tasks.create_task(self._repeat_interest())
            tasks.create_task(self._receive())

    def _is_wanted(self, key: SessionKey) -> bool:
        now = time.monotonic()
        return self._followed.get(key, 0) > now or self._watched.get(key.project, 0) > now

    async def _send(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(FLUSH_S)
            self._news.clear()
            notice, self._pending = self._pending, FanOutNotice(self._node)
            try:
                await self._client.publish(self._channel, _encoder.encode(notice))
            except (RedisError, OSError) as error:
                _log.warning(
                    "a notice was not sent; viewers of other servers wait for their next poll", error=repr(error)
                )
                await asyncio.sleep(RETRY_S)

    async def _repeat_interest(self) -> None:
        while True:
            await asyncio.sleep(INTEREST_S)
            if self._hub.followed or self._hub.watched:
                self.interest()
            self._forget_old_interest()

    def _forget_old_interest(self) -> None:
        now = time.monotonic()
        for key in [key for key, until in self._followed.items() if until <= now]:
            del self._followed[key]
            self._hub.watched_elsewhere(key, watched=False)
        self._watched = {project: until for project, until in self._watched.items() if until > now}

    async def _receive(self) -> None:
        while True:
            try:
                async with self._client.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(self._channel)
                    self.interest()
                    while True:
                        # Not listen(): the client's time-out would end the loop.
                        message = await channel.get_message(timeout=0.5)
                        if message is not None:
                            self._take(message)
            except (RedisError, OSError) as error:
                _log.warning("not subscribed, trying again", error=repr(error))
                await asyncio.sleep(RETRY_S)

    def _take(self, message: dict[str, Any]) -> None:
        try:
            notice = _decoder.decode(message["data"])
        except msgspec.MsgspecError:
            _log.warning("a notice that cannot be read was ignored")
            return
        if notice.node == self._node:
            return
        until = time.monotonic() + 3 * INTEREST_S
        for project, session in notice.follows:
            key = SessionKey(project, session)
            if key not in self._followed:
                self._hub.watched_elsewhere(key, watched=True)
            self._followed[key] = until
        self._watched |= dict.fromkeys(notice.watches, until)
        for project, session in notice.new:
            self._hub.changed_elsewhere(SessionKey(project, session))
        for project, session in notice.deleted:
            self._hub.deleted_elsewhere(SessionKey(project, session))
        for (project, session, window, opened_us), secret_hash in zip_longest(
            notice.opened, notice.secrets[: len(notice.opened)]
        ):
            self._hub.opened_elsewhere(WindowKey(project, session, window), opened_us, secret_hash)
