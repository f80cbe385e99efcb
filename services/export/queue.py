"""The queue between ExportService and its workers: saq, on the installation's Redis.

It may lose everything: the records are the truth (docs/adr/0026). An entry names an export and its attempt, and is
unique by its dispatch. Every key begins with `afterimage:{environment}:exports:`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from saq import Job, Status, Worker
from saq.queue.redis import RedisQueue

from services.export.model import Export
from services.runtime.redis_client import key, redis_errors, required

if TYPE_CHECKING:
    import redis.asyncio

    from services.runtime.settings import Settings

FUNCTION = "make_export"
_AWAY_S = 1.0
"""Pause of a worker while Redis is away."""

_BLOCK_S = 0.5
"""Maximum time that a worker waits for an entry in one command, which must be below the client's timeout of one."""

_ENDED_TTL_S = 60
"""Time for which an ended entry is kept."""

_UPKEEP = {"schedule": 30, "worker_info": 30, "sweep": 30, "abort": 30}
"""Seconds between saq's own tasks; records are cancelled and retried here."""

Take = Callable[[str, int], Awaitable[None]]
"""Makes an attempt of an export: its id, and the number of the attempt."""


class _Queue(RedisQueue):
    """saq's queue under this project's keys, patient with a Redis that is away."""

    def __init__(self, client: redis.asyncio.Redis, prefix: str) -> None:
        self._prefix = prefix
        super().__init__(client, name="exports")

    def namespace(self, key: str) -> str:
        return f"{self._prefix}{key}"

    def job_id(self, job_key: str) -> str:
        return f"{self._prefix}job:{job_key}"

    def job_key_from_id(self, job_id: str) -> str:
        return job_id.removeprefix(f"{self._prefix}job:")

    async def dequeue(self, timeout: float = 0.0, poll_interval: float = 0.0) -> Job | None:  # noqa: ASYNC109 - saq's
        try:
            return await super().dequeue(timeout, poll_interval)
        except (RedisError, OSError):
            # saq would ask again at once, for as long as Redis is away.
            await asyncio.sleep(_AWAY_S)
            return None


class _Worker(Worker[Any]):
    SIGNALS = []  # noqa: RUF012 - saq's; the process has handlers of its own


class ExportQueue:
    """Entries of attempts.

    Args:
        client: None: Redis is not configured, every call raises Unavailable. The caller closes it.
        settings: For the keys.
    """

    def __init__(self, client: redis.asyncio.Redis | None, settings: Settings) -> None:
        self._client = client
        self._max_time_s = settings.export.max_time_s
        self._block_s = min(_BLOCK_S, settings.redis.timeout_s / 2)
        self._queue = None if client is None else _Queue(client, key(settings, "exports", ""))

    def require(self) -> None:
        """Raises Unavailable (REDIS_UNAVAILABLE) if no Redis is configured."""
        required(self._client)

    async def put(self, export: Export) -> None:
        """Adds an entry for a dispatched export.

        Raises:
            Unavailable: Redis does not answer (REDIS_UNAVAILABLE).
        """
        required(self._client)
        assert self._queue is not None  # noqa: S101 - with a client
        with redis_errors():
            await self._queue.enqueue(
                Job(
                    FUNCTION,
                    key=_key(export),
                    kwargs={"export_id": export.export_id, "attempt": export.attempt},
                    # saq's sweep ends entries of killed workers after this time.
                    timeout=round(self._max_time_s) + 60,
                    retries=1,
                    ttl=_ENDED_TTL_S,
                )
            )

    async def has(self, export: Export) -> bool:
        """Returns whether the entry of the export's dispatch still waits.

        Raises:
            Unavailable: Redis does not answer (REDIS_UNAVAILABLE).
        """
        required(self._client)
        assert self._queue is not None  # noqa: S101 - with a client
        with redis_errors():
            job = await self._queue.job(_key(export))
        return job is not None and job.status == Status.QUEUED

    async def work(self, take: Take, concurrency: int) -> None:
        """Takes entries until it is cancelled, at most `concurrency` at a time.

        Raises:
            Unavailable: No Redis is configured (REDIS_UNAVAILABLE).
        """
        required(self._client)
        assert self._queue is not None  # noqa: S101 - with a client

        async def make_export(_context: Any, *, export_id: str, attempt: int) -> None:
            await take(export_id, attempt)

        worker = _Worker(
            self._queue,
            [(FUNCTION, make_export)],
            concurrency=concurrency,
            dequeue_timeout=self._block_s,
            timers=_UPKEEP,  # type: ignore[arg-type]
            # The records are given back while the jobs are cancelled.
            cancellation_hard_deadline_s=10.0,
        )
        await worker.start()


def _key(export: Export) -> str:
    # A further dispatch of an attempt is another entry: that of a killed worker stays under its key for a while.
    return f"{export.export_id}.{export.attempt}.{export.dispatched_ms}"
