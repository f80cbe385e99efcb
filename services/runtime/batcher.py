"""Group commit: while one batch is in flight, the next gathers.

A lone item is sent at once. Each batch has a fixed cost (an insert, a round trip), so a busy process fills larger
batches: throughput rises by itself, and latency stays at about two batches.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Pending(NamedTuple, Generic[Item, Answer]):
    """An item, and the future of the call that waits for its answer; None: no call waits."""

    item: Item
    answer: asyncio.Future[Answer] | None
    rows: int
    size_bytes: int


class Batcher(Generic[Item, Answer]):
    """Sends items in batches, in the order in which they were added, one batch at a time.

    Args:
        send: Sends a batch; returns the answer to each item, in their order. An exception as an answer is raised in
            the call that waits for it; an exception that is raised, in all calls that wait for an item of the batch.
        max_waiting_rows: Maximum rows that wait for the next batches; the one in flight does not count.
        max_waiting_bytes: Maximum bytes that wait, passed by at most one item; None: no limit.
        max_batch_rows: Maximum rows of a batch, unless it is a single item; None: all that wait.
        rows: Returns the number of rows of an item.
        size_bytes: Returns the number of bytes of an item.
        linger: Called when there are items and no batch is in flight; the next batch is taken when it returns.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        max_waiting_rows: int,
        max_waiting_bytes: int | None = None,
        max_batch_rows: int | None = None,
        rows: Callable[[Item], int] = lambda _: 1,
        size_bytes: Callable[[Item], int] = lambda _: 0,
        linger: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._send = send
        self._max_waiting_rows = max_waiting_rows
        self._max_waiting_bytes = max_waiting_bytes
        self._max_batch_rows = max_batch_rows
        self._rows = rows
        self._size_bytes = size_bytes
        self._linger = linger
        self._waiting: list[_Pending[Item, Answer]] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._enough = asyncio.Event()
        self._enough_rows = 0

    @property
    def waiting_rows(self) -> int:
        """Number of rows that wait for the next batches."""
        return self._waiting_rows

    @property
    def waiting_bytes(self) -> int:
        """Number of bytes that wait for the next batches."""
        return self._waiting_bytes

    def has_room(self, rows: int = 1) -> bool:
        """Returns whether `rows` more rows may wait."""
        return self._waiting_rows + rows <= self._max_waiting_rows and (
            self._max_waiting_bytes is None or self._waiting_bytes < self._max_waiting_bytes
        )

    async def put(self, item: Item) -> None:
        """Adds an item as soon as there is room; returns when it waits for its batch."""
        while not self.has_room():
            self._room.clear()
            await self._room.wait()
        self._add(item, None)

    async def ask(self, item: Item) -> Answer:
        """Adds an item, beyond the limits too (`has_room`), and returns its answer.

        Cancelling the call does not take the item back.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._add(item, answer)
        return await answer

    async def gather(self, rows: int, timeout_s: float) -> None:
        """Waits until `rows` rows are waiting, but at most `timeout_s` seconds. For `linger`."""
        if self._waiting_rows >= rows:
            return
        self._enough_rows = rows
        self._enough.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._enough.wait()
        except TimeoutError:
            return

    def take_waiting(self, count: int) -> list[Item]:
        """Takes up to `count` waiting items out, to be sent together with the batch in flight. For `send`.

        Only items of `put`: no call waits for their answers.
        """
        taken: list[Item] = []
        while self._waiting and len(taken) < count and self._waiting[0].answer is None:
            pending = self._waiting.pop(0)
            self._waiting_rows -= pending.rows
            self._waiting_bytes -= pending.size_bytes
            taken.append(pending.item)
        if taken:
            self._room.set()
        if not self._waiting:
            self._work.clear()
        return taken

    async def drain(self) -> None:
        """Waits until no item waits and no batch is in flight."""
        await self._idle.wait()

    async def run(self) -> None:
        """Sends batches until it is cancelled.

        Raises:
            Exception: The exception of a batch with an item that no call waits for (`put`).
        """
        while True:
            await self._work.wait()
            if self._linger is not None:
                await self._linger()
            await self._send_one(self._take())
            if not self._waiting:
                self._idle.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sends batches while the block runs, and the remaining items after it unless it raises."""
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self.run())
            yield
            await self.drain()
            sender.cancel()

    def _add(self, item: Item, answer: asyncio.Future[Answer] | None) -> None:
        pending = _Pending(item, answer, self._rows(item), self._size_bytes(item))
        self._waiting.append(pending)
        self._waiting_rows += pending.rows
        self._waiting_bytes += pending.size_bytes
        self._idle.clear()
        self._work.set()
        if self._waiting_rows >= self._enough_rows:
            self._enough.set()

    def _take(self) -> Sequence[_Pending[Item, Answer]]:
        count, rows = len(self._waiting), self._waiting_rows
        if self._max_batch_rows is not None and rows > self._max_batch_rows:
            count, rows = 1, self._waiting[0].rows
            while count < len(self._waiting) and rows + self._waiting[count].rows <= self._max_batch_rows:
                rows += self._waiting[count].rows
                count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_rows -= rows
        self._waiting_bytes -= sum(pending.size_bytes for pending in batch)
        self._room.set()
        if not self._waiting:
            self._work.clear()
        return batch

    async def _send_one(self, batch: Sequence[_Pending[Item, Answer]]) -> None:
        answers: Sequence[Answer | Exception]
        try:
            answers = await self._send([pending.item for pending in batch])
        except Exception as error:
            if any(pending.answer is None for pending in batch):
                raise
            answers = [error] * len(batch)
        for pending, answer in zip(batch, answers, strict=True):
            if pending.answer is None or pending.answer.done():  # its call was cancelled
                continue
            if isinstance(answer, Exception):
                pending.answer.set_exception(answer)
            else:
                pending.answer.set_result(answer)
