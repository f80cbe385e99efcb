"""Heatmap responses: from the cache, or else computed from the database's counts."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import astuple
from typing import TYPE_CHECKING

import msgspec
import structlog

from services.audit.behaviour.heatmap import HeatmapQuery, heatmap

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis.asyncio

    from services.audit.behaviour.heatmap import Heatmap
    from services.audit.storage.heatmap_queries import HeatmapQueries

_log = structlog.get_logger("afterimage.heatmap_cache")

_encoder = msgspec.msgpack.Encoder()

_FORM = 4
"""Version of the cached format: part of the keys, so that entries of another version are never read."""


class HeatmapCache:
    """Returns heatmaps in the packed form that the cache stores: unpacking 2,000 points takes longer than Redis.

    Args:
        store: Runs the counting queries.
        pack: Serialises a heatmap.
        client: Redis client of the cache; None: no cache.
        prefix: Prefix of the cache's keys.
        cache_s: Lifetime of a cached heatmap, in seconds; 0: no cache.
    """

    def __init__(
        self,
        store: HeatmapQueries,
        pack: Callable[[Heatmap], bytes],
        client: redis.asyncio.Redis | None,
        prefix: str,
        cache_s: float,
    ) -> None:
        self._store = store
        self._pack = pack
        self._client = client if cache_s > 0 else None
        self._prefix = prefix
        self._cache_ms = max(round(cache_s * 1000), 1)

    async def heatmap(self, project: str, query: HeatmapQuery) -> bytes:
        """Returns a packed heatmap. A cached one lacks interactions recorded since it was computed."""
        key = f"{self._prefix}:{_hash(project, query)}"
        if found := await self._cached(key):
            return found
        cells = await self._store.cells(project, query)
        answer = await asyncio.to_thread(lambda: self._pack(heatmap(cells, query)))
        await self._keep(key, answer)
        return answer

    async def _cached(self, key: str) -> bytes | None:
        if self._client is None:
            return None

        from redis.exceptions import RedisError  # 0.15 s, only with a Redis: see services.runtime.redis_client

        try:
            data: bytes | None = await self._client.get(key)  # type: ignore[assignment, unused-ignore]
        except (RedisError, OSError) as error:
            _log.debug("the heatmap cache cannot be read", error=str(error))
            return None
        return data

    async def _keep(self, key: str, answer: bytes) -> None:
        if self._client is None:
            return

        from redis.exceptions import RedisError

        try:
            await self._client.set(key, answer, px=self._cache_ms)
        except (RedisError, OSError) as error:
            _log.debug("the heatmap cache cannot be written", error=str(error))


def _hash(project: str, query: HeatmapQuery) -> str:
    return hashlib.sha256(_encoder.encode((_FORM, project, *astuple(query)))).hexdigest()
