"""Heatmaps as they are answered: from the cache, else counted by the database and made into points."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import astuple
from typing import TYPE_CHECKING

import msgspec
import structlog
from redis.exceptions import RedisError

from services.audit.behaviour.heatmap import HeatmapQuery, heatmap

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis.asyncio

    from services.audit.behaviour.heatmap import Heatmap
    from services.audit.storage.heatmap_queries import HeatmapStore

_log = structlog.get_logger("afterimage.heatmap_cache")

_encoder = msgspec.msgpack.Encoder()

_FORM = 2
"""Of what is in the cache: part of its keys, so that another version's answers are not found."""


class Heatmaps:
    """Answers heatmaps, packed as the cache keeps them: reading 2,000 points one by one takes longer than Redis.

    Args:
        store: Counts.
        pack: Makes an answer's bytes.
        client: For the cache; None: there is none.
        prefix: Of the cache's keys.
        cache_s: How long an answer is kept, in seconds; 0: there is no cache.
    """

    def __init__(
        self,
        store: HeatmapStore,
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
        """Returns a heatmap, packed; what was recorded since an answer in the cache is in the next one."""
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
        try:
            data: bytes | None = await self._client.get(key)  # type: ignore[assignment, unused-ignore]
        except (RedisError, OSError) as error:
            _log.debug("the cache of heatmaps does not answer", error=str(error))
            return None
        return data

    async def _keep(self, key: str, answer: bytes) -> None:
        if self._client is None:
            return
        try:
            await self._client.set(key, answer, px=self._cache_ms)
        except (RedisError, OSError) as error:
            _log.debug("the cache of heatmaps does not take an answer", error=str(error))


def _hash(project: str, query: HeatmapQuery) -> str:
    return hashlib.sha256(_encoder.encode((_FORM, project, *astuple(query)))).hexdigest()
