"""Counters that servers share over Redis; without Redis, or while it is away, each process has its own.

A count is added here at once and written to Redis within SYNC_S, so that counting costs no round trip: all servers
together pass a limit by at most the counts of that time.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from services.runtime.errors import Unavailable
from services.runtime.redis_client import redis_errors

if TYPE_CHECKING:
    import redis.asyncio

_log = structlog.get_logger("afterimage.counters")

SYNC_S = 1.0
"""Interval at which counts are written to Redis; a count that is read again within it is not read from there."""

PAUSE_S = 5.0
"""With Redis away, one attempt per pause."""

MAX_COUNTERS = 100_000
"""Maximum number of counters in this process, some 40 MB; the longest unused one is dropped."""

AT_ONCE = 500

SYNC = """
-- KEYS: counters. ARGV: for each its increment, and its TTL in ms from now. Returns the counts.
local counts = {}
for place, key in ipairs(KEYS) do
    local add, ttl = ARGV[2 * place - 1], ARGV[2 * place]
    if add == '0' then
        counts[place] = tonumber(redis.call('GET', key) or 0)
    else
        counts[place] = redis.call('INCRBY', key, add)
        redis.call('PEXPIRE', key, ttl)
    end
end
return counts
"""


class SharedCounter:
    """A count. Created by `SharedCounters.counter`."""

    __slots__ = ("_changed", "_pending", "_shared", "key", "read_at", "ttl_s", "used_at")

    def __init__(self, key: str, ttl_s: float, changed: set[SharedCounter], now: float) -> None:
        self.key = key
        self.ttl_s = ttl_s
        self.used_at = now
        self.read_at = float("-inf")
        """Time at which Redis was last asked."""
        self._changed = changed
        self._shared = self._pending = 0

    @property
    def total(self) -> int:
        """The count of all servers, as far as it is known here."""
        return self._shared + self._pending

    @property
    def pending(self) -> int:
        """The part that Redis does not have yet."""
        return self._pending

    def add(self, amount: int) -> None:
        """Adds to the count; negative: takes it back."""
        self._pending += amount
        self._changed.add(self)

    def written(self, amount: int, shared: int, now: float) -> None:
        """Notes that Redis has `amount` of the pending part, and the count that it has now."""
        self._pending -= amount
        self._shared, self.read_at = shared, now


class SharedCounters:
    """The counters of a process.

    Args:
        client: The Redis client; None: the process counts alone.
        prefix: Prefix of the keys in Redis.
        now: A monotonic clock, in seconds.
    """

    def __init__(
        self, client: redis.asyncio.Redis | None, prefix: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._now = now
        self._away_until = float("-inf")
        self._syncing = asyncio.Lock()
        self._counters: OrderedDict[str, SharedCounter] = OrderedDict()
        self._changed: set[SharedCounter] = set()

    def __len__(self) -> int:
        return len(self._counters)

    @property
    def is_shared(self) -> bool:
        """Whether counts are currently written to Redis."""
        return self._client is not None and self._now() >= self._away_until

    def counter(self, key: str, ttl_s: float) -> SharedCounter:
        """Returns the counter of a key, which is forgotten when it has not been used for `ttl_s`."""
        now = self._now()
        found = self._counters.get(key)
        if found is None or now - found.used_at > ttl_s:
            found = self._counters[key] = SharedCounter(key, ttl_s, self._changed, now)
        found.used_at = now
        self._counters.move_to_end(key)
        if len(self._counters) > MAX_COUNTERS:
            self._counters.popitem(last=False)
        return found

    async def refresh(self, counters: Sequence[SharedCounter]) -> None:
        """Reads counts from Redis that have not been read within SYNC_S; without Redis they stay as they are."""
        async with self._syncing:
            stale = [one for one in counters if self._now() - one.read_at > SYNC_S]
            if stale:
                await self._sync(stale)

    async def sync(self) -> None:
        """Writes the changed counts to Redis, and reads the counts of all servers."""
        async with self._syncing:
            changed = list(self._changed)
            for begin in range(0, len(changed), AT_ONCE):
                await self._sync(changed[begin : begin + AT_ONCE])

    async def run(self) -> None:
        """Writes counts every SYNC_S until it is cancelled."""
        while True:
            await asyncio.sleep(SYNC_S)
            await self.sync()
            self._forget()

    async def _sync(self, counters: Sequence[SharedCounter]) -> None:
        """Exchanges counts with Redis; one call at a time, since each sends all pending counts."""
        if self._client is None:
            self._changed.clear()
            return
        if self._now() < self._away_until:
            return
        self._changed.difference_update(counters)
        sent = [one.pending for one in counters]
        keys = [f"{self._prefix}:{one.key}" for one in counters]
        arguments = [
            value for one, add in zip(counters, sent, strict=True) for value in (add, max(1, round(one.ttl_s * 1000)))
        ]
        try:
            with redis_errors():
                counts = await self._client.eval(SYNC, len(keys), *keys, *arguments)
        except Unavailable:
            # Whether Redis has counted is unknown: the counts are sent again, and at worst count twice.
            self._changed.update(one for one in counters if one.pending)
            self._away_until = self._now() + PAUSE_S
            _log.warning("quotas are counted in this process: Redis does not answer")
            return
        except BaseException:
            self._changed.update(one for one in counters if one.pending)
            raise
        now = self._now()
        for one, add, count in zip(counters, sent, counts, strict=True):
            one.written(add, int(count), now)

    def _forget(self) -> None:
        """Drops counters at the longest unused end that have expired, so that idle ones take no memory."""
        now = self._now()
        while self._counters:
            key, first = next(iter(self._counters.items()))
            if now - first.used_at <= first.ttl_s:
                return
            del self._counters[key]
