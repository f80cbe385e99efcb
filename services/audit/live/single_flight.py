"""One read of storage for all who want the same at the same time: 500 viewers of a session look as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SharedReads(Generic[K, V]):
    """Reads by key, each key once at a time.

    Whoever asks while a read is under way shares the next one, not that one: no answer is older than its question.

    Args:
        read: Reads for a key. Its answers are shared and must not be changed.
    """

    def __init__(self, read: Callable[[K], Awaitable[V]]) -> None:
        self._read = read
        self._running: dict[K, asyncio.Task[V]] = {}
        self._next: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """Returns what a read gives that begins after this call, or raises what it raises."""
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._after(self._running.get(key), key))
            task.add_done_callback(_look_at_failure)
        # Who is cancelled takes the answer from nobody else.
        return await asyncio.shield(task)

    async def _after(self, earlier: asyncio.Task[V] | None, key: K) -> V:
        if earlier is not None:
            await asyncio.wait([earlier])
        task = self._running[key] = self._next.pop(key)
        try:
            return await self._read(key)
        finally:
            if self._running.get(key) is task:
                del self._running[key]


def _look_at_failure(task: asyncio.Task[V]) -> None:
    """Whoever waits gets the failure; asyncio need not complain when nobody waits any more."""
    if not task.cancelled():
        task.exception()
