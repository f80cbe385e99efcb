"""The link to Redis (or Valkey): a client with short timeouts, keys under one prefix, its errors as ours."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis.asyncio
from redis import exceptions
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from services.runtime.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.runtime.settings import Settings

_HEALTH_CHECK_INTERVAL_S = 15
# Not answering, or answering that it cannot at the moment. Any other error is a mistake of ours.
_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.MasterDownError,
    exceptions.ClusterDownError,
    OSError,
)


def connect(settings: Settings) -> redis.asyncio.Redis | None:
    """Returns a client, or None when no address is set. Nothing is sent before the first command.

    Answers are bytes. A command fails after `redis.timeout_s`, tried twice at most; a subscriber therefore reads
    with `get_message(timeout=...)`, not with `listen()`. The caller closes it with `aclose()`.
    """
    if not settings.redis.url:
        return None
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
    """Returns `kind` of connection, with which a task that is cancelled while it sends ends by CancelledError.

    redis-py sends under asyncio.wait_for, which before Python 3.12 swallows a cancellation that comes in the turn of
    the loop in which the send ends (python/cpython#86296): the task would go on as if nothing had happened.
    """

    class Connection(kind):  # type: ignore[misc, valid-type]
        async def send_packed_command(self, *args: Any, **options: Any) -> None:
            task = asyncio.current_task()
            requests = 0 if task is None else task.cancelling()
            await super().send_packed_command(*args, **options)
            if task is not None and task.cancelling() > requests:
                await self.disconnect(nowait=True)  # the answer to what was sent is not read
                raise asyncio.CancelledError

    return Connection


def key(settings: Settings, *parts: str) -> str:
    """Returns the key made of `parts`, under the prefix that keeps environments apart."""
    return ":".join(("afterimage", settings.environment, *parts))


def required(client: redis.asyncio.Redis | None) -> redis.asyncio.Redis:
    """Returns `client`, for what cannot be done without.

    Raises:
        Unavailable: There is none (REDIS_UNAVAILABLE).
    """
    if client is None:
        raise Unavailable("this needs Redis, and no redis.url is set", reason="REDIS_UNAVAILABLE", retry_after_s=30.0)
    return client


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turns the errors of a Redis that is away into Unavailable (REDIS_UNAVAILABLE); others pass through."""
    try:
        yield
    except _AWAY as error:
        raise Unavailable("Redis does not answer", reason="REDIS_UNAVAILABLE") from error
