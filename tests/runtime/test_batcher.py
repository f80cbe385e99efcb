"""Group commit: gathering, waiting at the bounds, and errors."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from support.wait import PATIENCE_S

from services.runtime.batcher import Batcher


class Channel:
    """Sends batches when the test lets it; the answer to an item is the item's double."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def send(self, batch):
        self.batches.append(list(batch))
        await self.open.acquire()
        if self.error:
            raise self.error
        return [ValueError(f"{item} is negative") if item < 0 else 2 * item for item in batch]


@asynccontextmanager
async def batching(channel, **thresholds):
    batcher = Batcher(channel.send, **({"max_waiting_rows": 100} | thresholds))
    async with asyncio.timeout(PATIENCE_S), batcher.running():
        yield batcher


async def turn():
    for _ in range(5):
        await asyncio.sleep(0)


def asked(batcher, items):
    return [asyncio.ensure_future(batcher.ask(item)) for item in items]


async def test_a_lone_item_goes_at_once_and_the_next_batch_gathers_meanwhile():
    channel = Channel()
    async with batching(channel) as batcher:
        answers = asked(batcher, [1])
        await turn()
        answers += asked(batcher, [2, 3])
        await turn()
        assert channel.batches == [[1]]
        assert (batcher.waiting_rows, batcher.waiting_bytes) == (2, 0)
        channel.open.release()
        channel.open.release()
        assert await asyncio.gather(*answers) == [2, 4, 6]
    assert channel.batches == [[1], [2, 3]]


async def test_batches_are_bounded_in_rows_except_for_a_single_item():
    channel = Channel()
    async with batching(channel, max_batch_rows=4, rows=lambda item: item) as batcher:
        channel.open = asyncio.Semaphore(10)
        assert await batcher.ask(5) == 10
        await asyncio.gather(*asked(batcher, [1, 2, 1, 3, 9, 1]))
    assert channel.batches == [[5], [1, 2, 1], [3], [9], [1]]


@pytest.mark.parametrize(
    "thresholds",
    [{"max_waiting_rows": 2}, {"max_waiting_bytes": 20, "size_bytes": lambda _: 10}],
    ids=["rows", "bytes"],
)
async def test_put_waits_at_the_bound_and_room_ends_there(thresholds):
    channel = Channel()
    async with batching(channel, **thresholds) as batcher:
        puts = [asyncio.ensure_future(batcher.put(item)) for item in range(5)]
        await turn()
        assert [put.done() for put in puts] == [True, True, True, True, False]  # one batch of two, and two waiting
        assert not batcher.has_room()
        channel.open.release()
        await turn()
        assert all(put.done() for put in puts)
        assert batcher.has_room()
        for _ in range(2):
            channel.open.release()
    assert channel.batches == [[0, 1], [2, 3], [4]]


def test_room_counts_the_rows_that_would_be_added():
    batcher = Batcher(Channel().send, max_waiting_rows=3)
    assert batcher.has_room(3)
    assert not batcher.has_room(4)


async def test_an_item_s_own_error_and_a_batch_s_error_reach_their_calls():
    channel = Channel()
    channel.open = asyncio.Semaphore(10)
    async with batching(channel) as batcher:
        good, bad = await asyncio.gather(batcher.ask(1), batcher.ask(-1), return_exceptions=True)
        assert good == 2
        assert isinstance(bad, ValueError)
        channel.error = RuntimeError("broken")
        assert await asyncio.gather(batcher.ask(1), batcher.ask(2), return_exceptions=True) == [channel.error] * 2
        channel.error = None
        assert await batcher.ask(3) == 6  # and continues


async def test_an_error_that_no_call_waits_for_ends_the_run():
    channel = Channel()
    channel.open, channel.error = asyncio.Semaphore(10), RuntimeError("broken")
    batcher = Batcher(channel.send, max_waiting_rows=1)
    await batcher.put(1)
    with pytest.raises(RuntimeError, match="broken"):
        await batcher.run()


async def test_a_cancelled_call_stops_no_other_and_its_item_is_sent():
    channel = Channel()
    async with batching(channel) as batcher:
        gone, stays = asked(batcher, [1, 2])
        await turn()
        gone.cancel()
        channel.open.release()
        assert await stays == 4
    assert channel.batches == [[1, 2]]


async def test_a_batch_lingers_for_rows_but_not_for_ever():
    channel = Channel()
    channel.open = asyncio.Semaphore(10)
    timeouts_s = [3_600.0, 0.01]

    async def linger():
        await batcher.gather(3, timeouts_s.pop(0))

    async with batching(channel, linger=linger) as batcher:
        answers = asked(batcher, [1, 2])
        await turn()
        assert channel.batches == []
        await asyncio.gather(*answers, batcher.ask(3))
        await batcher.ask(4)
    assert channel.batches == [[1, 2, 3], [4]]


async def test_drained_means_sent():
    channel = Channel()
    async with batching(channel) as batcher:
        await batcher.drain()  # nothing was added
        await batcher.put(1)
        drained = asyncio.ensure_future(batcher.drain())
        await turn()
        assert not drained.done()
        channel.open.release()
        await drained
        assert batcher.waiting_rows == 0
