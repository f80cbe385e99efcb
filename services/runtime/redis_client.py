"""Redis (or Valkey) client with short timeouts, keys under one prefix, and errors mapped to Afterimage's own.

The client library is imported with the first client: its import takes 0.15 s, and an installation may have no Redis.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from services.runtime.cancellation import keeping_cancellation
from services.runtime.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import redis.asyncio
    from redis.asyncio.connection import AbstractConnection

    from services.runtime.settings import Settings

_HEALTH_CHECK_INTERVAL_S = 15


def connect(settings: Settings) -> redis.asyncio.Redis | None:
    """Returns a client, or None when no address is set. Connects with the first command.

    Answers are bytes. A command fails after `redis.timeout_s` and is retried once; a subscriber therefore reads
    with `get_message(timeout=...)`, not with `listen()`. The caller closes the client with `aclose()`.
    """
    if not settings.redis.url:
        return None

    import redis.asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialWithJitterBackoff

    timeout_s = settings.redis.timeout_s
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
        settings.redis.url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        health_check_interval=_HEALTH_CHECK_INTERVAL_S,
        retry=Retry(ExponentialWithJitterBackoff(cap=0.1, base=0.02), 1),
    )
    pool = client.connection_pool
    pool.connection_class = _keeping_cancellation(pool.connection_class)
    return client


def _keeping_cancellation(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Returns a subclass of `kind` in which a task cancelled during a send raises CancelledError.

    redis-py sends under asyncio.wait_for: see `keeping_cancellation`.
    """

    class Connection(kind):  # type: ignore[misc, valid-type]
        async def send_packed_command(self, *args: Any, **options: Any) -> None:
            is_sent = False
            try:
                with keeping_cancellation():
                    await super().send_packed_command(*args, **options)
                    is_sent = True
            except asyncio.CancelledError:
                if is_sent:
                    await self.disconnect(nowait=True)  # the answer to the sent command is still unread
                raise

    return Connection


def key(settings: Settings, *parts: str) -> str:
    """Returns the key made of `parts`, under the prefix that separates environments."""
    return ":".join(("afterimage", settings.environment, *parts))


def required(client: redis.asyncio.Redis | None) -> redis.asyncio.Redis:
    """Returns `client`, for features that require Redis.

    Raises:
        Unavailable: No Redis is configured (REDIS_UNAVAILABLE).
    """
    if client is None:
        raise Unavailable("this needs Redis, and no redis.url is set", reason="REDIS_UNAVAILABLE", retry_after_s=30.0)
    return client


async def messages(client: redis.asyncio.Redis, channel_name: str) -> AsyncIterator[str | None]:
    """Yields each message published to a channel from now on, and None when messages may have been missed.

    None comes first, and after each loss of the connection. Reconnects indefinitely; stops when the iterator is closed.
    """
    from redis.exceptions import RedisError

    while True:
        try:
            async with client.pubsub() as channel:
                await channel.subscribe(channel_name)
                while True:
                    # Not `listen()`: the client's timeout would end it.
                    message = await channel.get_message(timeout=0.5)
                    if message is None:
                        continue
                    if message["type"] == "message":
                        yield message["data"].decode()
                    elif message["type"] == "subscribe":
                        # The client reconnects and resubscribes silently; only this answer shows it.
                        yield None
        except (RedisError, OSError):
            await asyncio.sleep(0.5)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Maps errors of an unavailable Redis to Unavailable (REDIS_UNAVAILABLE); other errors pass through."""
    try:
        yield
    except Exception as error:
        if not _is_away(error):
            raise
        raise Unavailable("Redis does not answer", reason="REDIS_UNAVAILABLE") from error


def _is_away(error: Exception) -> bool:
    """Returns whether Redis did not answer, or is temporarily unable to serve. Any other error is a defect."""
    from redis import exceptions

    away = (
        exceptions.ConnectionError,
        exceptions.TimeoutError,
        exceptions.ReadOnlyError,
        exceptions.OutOfMemoryError,
        exceptions.MasterDownError,
        exceptions.ClusterDownError,
        OSError,
    )
    return isinstance(error, away)
