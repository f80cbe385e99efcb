"""Counters over Redis: one count for all processes, and one of each process while Redis is away."""

from __future__ import annotations

import asyncio

import pytest
from support.wait import PATIENCE_S

from services.runtime import redis_client, shared_counters
from services.runtime.settings import RedisSettings
from services.runtime.shared_counters import SharedCounters


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def connect(settings, redis_url):
    clients = []
    settings = settings.model_copy(update={"redis": RedisSettings(url=redis_url, timeout_s=PATIENCE_S)})

    def connected():
        clients.append(redis_client.connect(settings))
        return clients[-1]

    yield connected
    for client in clients:
        await client.aclose()


async def test_two_processes_see_the_counts_of_each_other(connect):
    one, two = (SharedCounters(connect(), "test") for _ in range(2))
    first, second = one.counter("a", 60), two.counter("a", 60)
    first.add(3)
    second.add(4)
    assert (first.total, second.total) == (3, 4)
    await one.sync()
    await two.sync()
    assert (first.total, second.total) == (3, 7)
    first.add(-1)
    await one.sync()
    assert (first.total, first.pending) == (6, 0)
    fresh = SharedCounters(connect(), "test")
    third = fresh.counter("a", 60)
    await fresh.refresh([third, fresh.counter("b", 60)])
    assert (third.total, fresh.counter("b", 60).total) == (6, 0)
    client = connect()
    assert 0 < await client.pttl("test:a") <= 60_000
    assert not await client.exists("test:b"), "a count that is only read leaves no key"


async def test_counts_at_the_same_time_are_written_once(connect):
    counters = SharedCounters(connect(), "test")
    counter = counters.counter("a", 60)
    counter.add(5)
    await asyncio.gather(*(counters.refresh([counter]) for _ in range(20)), *(counters.sync() for _ in range(20)))
    assert int(await connect().get("test:a")) == counter.total == 5


async def test_while_redis_is_away_the_process_counts_alone_and_writes_it_later(connect, monkeypatch):
    clock, client = Clock(), connect()
    counters = SharedCounters(client, "test", clock)
    counter = counters.counter("a", 60)
    evaluate = client.eval

    async def away(*_):
        raise ConnectionError

    monkeypatch.setattr(client, "eval", away)
    counter.add(5)
    await counters.sync()
    assert (counter.total, counters.is_shared) == (5, False)
    monkeypatch.setattr(client, "eval", evaluate)
    counter.add(1)
    await counters.sync()
    assert counter.pending == 6, "it is not asked again at once"
    clock.now += shared_counters.PAUSE_S
    await counters.sync()
    assert (counter.total, counter.pending, counters.is_shared) == (6, 0, True)
    assert int(await connect().get("test:a")) == 6


async def test_the_task_writes_what_has_changed(connect, monkeypatch):
    monkeypatch.setattr(shared_counters, "SYNC_S", 0.01)
    counters, reader = SharedCounters(connect(), "test"), connect()
    running = asyncio.create_task(counters.run())
    for number in range(1200):
        counters.counter(f"n{number}", 60).add(number + 1)

    async with asyncio.timeout(PATIENCE_S):
        while await reader.get("test:n1199") != b"1200" or await reader.get("test:n0") != b"1":  # noqa: ASYNC110 - Redis sets no events
            await asyncio.sleep(0.01)
    running.cancel()


async def test_without_redis_counts_end_with_their_time_and_their_number_is_bounded(monkeypatch):
    monkeypatch.setattr(shared_counters, "MAX_COUNTERS", 1000)
    clock = Clock()
    counters = SharedCounters(None, "", clock)
    counters.counter("a", 60).add(5)
    assert not counters.is_shared
    await counters.sync()
    clock.now += 60
    assert counters.counter("a", 60).total == 5
    clock.now += 61
    assert counters.counter("a", 60).total == 0
    for number in range(1010):
        counters.counter(str(number), 60)
    assert len(counters) == 1000
    clock.now += 61
    counters._forget()
    assert len(counters) == 0
