"""Batches concurrent scripts into one Redis pipeline: one write and one read for all of them.

While one pipeline is in flight, the next collects scripts; a single script is sent immediately. A connection per
script cost the service more than all the rest of a redemption (docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import redis.asyncio
from redis.exceptions import NoScriptError

from services.runtime.errors import Unavailable
from services.runtime.redis_client import redis_errors, required
from services.share import lua_scripts

MAX_BATCH = 64
"""Maximum number of scripts per pipeline, which takes about 1 ms; Redis serves no other command meanwhile."""

MAX_WAITING = 5_000
"""Maximum number of waiting scripts. Further ones are refused: Redis is too slow for the load."""


class _Asked(NamedTuple):
    script: str
    keys: Sequence[str]
    arguments: Sequence[str | bytes | float]
    answer: asyncio.Future[Any]


class RedisBatcher:
    """Runs scripts; a context manager that waits for pipelines in flight on exit.

    Args:
        client: None: Redis is not configured, every call raises Unavailable.
    """

    def __init__(self, client: redis.asyncio.Redis | None) -> None:
        self._client = client
        self._waiting: list[_Asked] = []
        self._is_sending = False
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        """Creates the batcher."""
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for the sent scripts."""
        await self._tasks.__aexit__(kind, error, trace)

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | float]) -> Any:
        """Returns the answer of one of `scripts`.

        Cancelling the caller does not stop the script. When the connection breaks, the whole pipeline is sent once
        more (`redis_client.connect`): each script must be safe to run twice.

        Raises:
            Unavailable: Redis does not answer (REDIS_UNAVAILABLE), or too many scripts wait (REDIS_SLOW).
        """
        required(self._client)
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("too many requests wait for Redis", reason="REDIS_SLOW", retry_after_s=1.0)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(script, keys, arguments, answer))
        if not self._is_sending:
            self._is_sending = True
            self._tasks.create_task(self._send())
        with redis_errors():
            return await answer

    async def _send(self) -> None:
        """Sends pipelines until no script waits."""
        try:
            while batch := self._waiting[:MAX_BATCH]:
                del self._waiting[:MAX_BATCH]
                try:
                    answers = await self._answers(batch)
                except Exception as error:  # noqa: BLE001 - any error is passed on to each caller
                    answers = [error] * len(batch)
                for asked, answer in zip(batch, answers, strict=True):
                    if asked.answer.done():  # its caller was cancelled
                        continue
                    if isinstance(answer, Exception):
                        asked.answer.set_exception(answer)
                    else:
                        asked.answer.set_result(answer)
        finally:
            self._is_sending = False

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
                pipeline.evalsha(lua_scripts.NAMES[asked.script], len(asked.keys), *asked.keys, *asked.arguments)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            return answers
