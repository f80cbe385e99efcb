"""Limits per caller: attempts per minute, open sockets, frames and bytes per second."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from services.runtime.errors import ResourceExhausted
from services.runtime.token_bucket import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import redis.asyncio

_log = structlog.get_logger("afterimage.sidecar")

_WINDOW_S = 60.0
_REDIS_PAUSE_S = 5.0  # with Redis unavailable, one timeout per pause instead of one per connection
_REFUSED_PAUSE_S = 2.0  # a refused caller is refused again without a query to Redis
_MEMORY_ENTRIES = 50_000
_T = TypeVar("_T")


class Attempts:
    """Counts attempts per minute: in Redis for all sidecars, or in this process while Redis is unavailable.

    Args:
        client: The Redis client; None if Redis is not configured.
        prefix: Prefix of the keys.
        now: A monotonic clock, in seconds.
    """

    def __init__(
        self, client: redis.asyncio.Redis | None, prefix: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._limiter: SlidingWindowCounterRateLimiter | None = None
        if client is not None:
            storage = RedisStorage(
                "async+redis://",
                implementation="redispy",
                key_prefix=prefix,
                connection_pool=client.connection_pool,  # type: ignore[arg-type] # as documented by the library
            )
            self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._away_until = 0.0
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._memory: OrderedDict[str, TokenBucket] = OrderedDict()

    @property
    def is_shared(self) -> bool:
        """Whether attempts are currently counted in Redis."""
        return self._limiter is not None and self._now() >= self._away_until

    async def count(self, kind: str, who: str, per_minute: int) -> None:
        """Counts one attempt of a caller.

        Args:
            kind: Kind of attempt; each kind is counted separately.
            who: Address or subject of the caller; stored as a hash.
            per_minute: Maximum number of attempts per minute; 0: no limit.

        Raises:
            ResourceExhausted: RATE_LIMITED, with the time to wait.
        """
        if not per_minute:
            return
        key = f"{kind}:{hashlib.sha256(who.encode(errors='replace')).hexdigest()[:24]}"
        now = self._now()
        if self._refused.get(key, 0.0) > now:
            raise _too_many(_REFUSED_PAUSE_S)
        wait_s = await self._asked(key, per_minute)
        if wait_s is not None:
            _remember(self._refused, key, now + min(wait_s, _REFUSED_PAUSE_S))
            raise _too_many(wait_s)

    async def _asked(self, key: str, per_minute: int) -> float | None:
        """Returns None if the attempt passes, else the time to wait in seconds."""
        if self._limiter is not None and self._now() >= self._away_until:
            from redis.exceptions import RedisError  # 0.15 s, only with a Redis: see services.runtime.redis_client

            item = RateLimitItemPerMinute(per_minute)
            try:
                if await self._limiter.hit(item, key):
                    return None
                stats = await self._limiter.get_window_stats(item, key)
                return stats.reset_time - time.time()
            except (RedisError, OSError, TimeoutError) as error:
                self._away_until = self._now() + _REDIS_PAUSE_S
                _log.warning("attempts are counted in this process: Redis does not answer", error=type(error).__name__)
        bucket = self._memory.pop(key, None) or TokenBucket(per_minute / _WINDOW_S, self._now(), float(per_minute))
        _remember(self._memory, key, bucket)
        return None if bucket.take(1.0, self._now()) else bucket.wait_s(1.0)


class Connections:
    """Limits the number of open sockets in this process.

    Args:
        total: Maximum number in all; 0: no limit.
        per_project: Maximum number per project; 0: no limit.
        per_subject: Maximum number per subject; 0: no limit.
        per_address: Maximum number per address; 0: no limit.
    """

    def __init__(self, *, total: int, per_project: int, per_subject: int, per_address: int) -> None:
        self._limits = {"total": total, "project": per_project, "subject": per_subject, "address": per_address}
        self._open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def entered(self, *, project: str, subject: str, address: str) -> Iterator[None]:
        """Counts one socket as open while the block runs.

        Raises:
            ResourceExhausted: TOO_MANY_CONNECTIONS, with the exceeded limit in the metadata.
        """
        # Subjects are unique only within their project.
        keys = (("total", ""), ("project", project), ("subject", f"{project} {subject}"), ("address", address))
        for key in keys:
            most = self._limits[key[0]]
            if most and self._open[key] >= most:
                raise ResourceExhausted(
                    f"too many open connections ({key[0]})",
                    reason="TOO_MANY_CONNECTIONS",
                    metadata={"limit": key[0]},
                    retry_after_s=5.0,
                )
        self._open.update(keys)
        try:
            yield
        finally:
            for key in keys:
                self._open[key] -= 1
                if not self._open[key]:
                    del self._open[key]


def _too_many(wait_s: float) -> ResourceExhausted:
    return ResourceExhausted("too many attempts", reason="RATE_LIMITED", retry_after_s=min(max(wait_s, 1.0), _WINDOW_S))


def _remember(entries: OrderedDict[str, _T], key: str, value: _T) -> None:
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > _MEMORY_ENTRIES:
        entries.popitem(last=False)
