"""One storage read for all concurrent callers with the same key: 500 viewers of a session cause one read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Reads by key, with one read at a time per key.

    Calls made during a read share the next one: no result is older than its call.

    Args:
        read: Reads the value of a key. Its results are shared and must not be changed.
    """

    def __init__(self, read: Callable[[K], Awaitable[V]]) -> None:
        self._read = read
        self._running: dict[K, asyncio.Task[V]] = {}
        self._next: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """Returns the result of a read that begins after this call, or raises its exception."""
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._after(self._running.get(key), key))
            task.add_done_callback(_look_at_failure)
        # A cancelled caller does not cancel the read for the others.
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
    """Retrieves the exception: waiting callers get it, and asyncio does not warn when all of them are gone."""
    if not task.cancelled():
        task.exception()
