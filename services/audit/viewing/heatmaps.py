"""Heatmaps as they are answered: from the cache, else counted by the database and made into points."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import astuple
from typing import TYPE_CHECKING

import msgspec
import structlog
from redis.exceptions import RedisError

from services.audit.behaviour.heatmap import Heatmap, HeatmapQuery, heatmap

if TYPE_CHECKING:
    import redis.asyncio

    from services.audit.storage.behaviour_store import BehaviourStore

_log = structlog.get_logger("afterimage.heatmaps")

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Heatmap)


class Heatmaps:
    """Answers heatmaps.

    Args:
        behaviour: Counts.
        client: For the cache; None: there is none.
        prefix: Of the cache's keys.
        cache_s: How long an answer is kept, in seconds; 0: there is no cache.
    """

    def __init__(
        self, behaviour: BehaviourStore, client: redis.asyncio.Redis | None, prefix: str, cache_s: float
    ) -> None:
        self._behaviour = behaviour
        self._client = client if cache_s > 0 else None
        self._prefix = prefix
        self._cache_ms = max(round(cache_s * 1000), 1)

    async def heatmap(self, project: str, query: HeatmapQuery) -> Heatmap:
        """Returns a heatmap; what was recorded since an answer in the cache is in the next one."""
        key = f"{self._prefix}:{_hash(project, query)}"
        if found := await self._cached(key):
            return found
        cells = await self._behaviour.cells(project, query)
        answer = await asyncio.to_thread(heatmap, cells, query)
        await self._keep(key, answer)
        return answer

    async def _cached(self, key: str) -> Heatmap | None:
        if self._client is None:
            return None
        try:
            data: bytes | None = await self._client.get(key)  # type: ignore[assignment, unused-ignore]
            return _decoder.decode(data) if data else None
        except (RedisError, OSError, msgspec.MsgspecError) as error:
            _log.debug("the cache of heatmaps does not answer", error=str(error))
            return None

    async def _keep(self, key: str, answer: Heatmap) -> None:
        if self._client is None:
            return
        try:
            await self._client.set(key, _encoder.encode(answer), px=self._cache_ms)
        except (RedisError, OSError) as error:
            _log.debug("the cache of heatmaps does not take an answer", error=str(error))


def _hash(project: str, query: HeatmapQuery) -> str:
    return hashlib.sha256(_encoder.encode((project, *astuple(query)))).hexdigest()
