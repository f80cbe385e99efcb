"""Batches concurrent scripts into one Redis pipeline: one write and one read for all of them.

A connection per script cost the service more than all the rest of a redemption (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import redis.asyncio
from redis.exceptions import NoScriptError

from services.runtime.batcher import Batcher
from services.runtime.errors import Unavailable
from services.runtime.redis_client import redis_errors, required
from services.share.lua_scripts import name_of

MAX_BATCH = 64
"""Maximum number of scripts per pipeline, which takes about 1 ms; Redis serves no other command meanwhile."""

MAX_WAITING = 5_000
"""Maximum number of waiting scripts. Further ones are refused: Redis is too slow for the load."""


class _Asked(NamedTuple):
    script: str
    keys: Sequence[str]
    arguments: Sequence[str | bytes | float]


class RedisBatcher:
    """Runs scripts while `running` does.

    Args:
        client: None: Redis is not configured, every call raises Unavailable.
        max_waiting: Maximum number of waiting scripts.
    """

    def __init__(self, client: redis.asyncio.Redis | None, max_waiting: int = MAX_WAITING) -> None:
        self._client = client
        self._batcher: Batcher[_Asked, Any] = Batcher(
            self._answers, max_batch_rows=MAX_BATCH, max_waiting_rows=max_waiting
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """Sends scripts while the block runs, and waits for the remaining ones after it."""
        return self._batcher.running()

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | float]) -> Any:
        """Returns the answer of one of `scripts`.

        Cancelling the caller does not stop the script. When the connection breaks, the whole pipeline is sent once
        more (`redis_client.connect`): each script must be safe to run twice.

        Raises:
            Unavailable: Redis does not answer (REDIS_UNAVAILABLE), or too many scripts wait (REDIS_SLOW).
        """
        required(self._client)
        if not self._batcher.has_room():
            raise Unavailable("too many requests wait for Redis", reason="REDIS_SLOW", retry_after_s=1.0)
        with redis_errors():
            return await self._batcher.ask(_Asked(script, keys, arguments))

    async def _answers(self, batch: Sequence[_Asked]) -> list[Any]:
        """Returns the answer to each script, possibly an exception."""
        answers = await self._execute(batch)
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:  # Redis has been restarted
            for script in {batch[place].script for place in unknown}:
                await required(self._client).script_load(script)
            again = await self._execute([batch[place] for place in unknown])
            for place, answer in zip(unknown, again, strict=True):
                answers[place] = answer
        return answers

    async def _execute(self, batch: Sequence[_Asked]) -> list[Any]:
        async with required(self._client).pipeline(transaction=False) as pipeline:
            for asked in batch:
                pipeline.evalsha(name_of(asked.script), len(asked.keys), *asked.keys, *asked.arguments)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            return answers
