from __future__ import annotations

import asyncio
import contextlib

import pytest
from redis import exceptions
from support.wait import PATIENCE_S

from services.runtime.errors import Unavailable
from services.runtime.redis_client import connect, key, redis_errors, required
from services.runtime.settings.loader import load_settings


def patient(url):
    """Settings with a Redis that answers, at some time."""
    return load_settings(redis={"url": url, "timeout_s": PATIENCE_S})


@contextlib.asynccontextmanager
async def within(seconds):
    """Fails if the block waits for more than `seconds` while the machine runs this process.

    It counts turns of 10 ms: on a busy machine fewer of them fit into the block.
    """
    turns = 0

    async def count():
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    counting = asyncio.create_task(count())
    async with asyncio.timeout(PATIENCE_S):
        yield
    counting.cancel()
    assert turns <= seconds / 0.01


async def test_it_connects_and_keeps_bytes(redis_url):
    settings = patient(redis_url)
    async with connect(settings) as client:
        name = key(settings, "share", "abc")
        await client.set(name, b"\xff\x00", ex=60)
        assert await client.get(name) == b"\xff\x00"
        assert await client.keys() == [b"afterimage:development:share:abc"]


async def test_every_test_starts_with_an_empty_one(redis_url):
    async with connect(patient(redis_url)) as client:
        assert await client.keys() == []


def test_without_an_address_there_is_none():
    assert connect(load_settings()) is None
    with pytest.raises(Unavailable) as caught:
        required(None)
    assert caught.value.reason == "REDIS_UNAVAILABLE"


async def test_one_that_is_not_there_is_unavailable_within_the_timeout(tmp_path):
    for url in (f"unix://{tmp_path / 'none.sock'}", "redis://127.0.0.1:1/0"):
        async with within(2), connect(load_settings(redis={"url": url, "timeout_s": 0.5})) as client:
            with pytest.raises(Unavailable) as caught, redis_errors():
                await client.ping()
        assert caught.value.reason == "REDIS_UNAVAILABLE"
        assert url not in str(caught.value)


async def test_one_that_does_not_answer_is_unavailable_within_the_timeout():
    async def mute(reader, _writer):
        with contextlib.suppress(ConnectionError):
            while await reader.read(100):
                pass
        _writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = load_settings(redis={"url": f"redis://127.0.0.1:{port}", "timeout_s": 0.3})
    async with within(3), connect(settings) as client:
        with pytest.raises(Unavailable), redis_errors():
            await client.ping()
    server.close()


async def test_a_mistake_of_ours_is_not_an_outage(redis_url):
    async with connect(patient(redis_url)) as client:
        await client.set("a", "text")
        with pytest.raises(exceptions.ResponseError), redis_errors():
            await client.incr("a")
        await client.config_set("maxmemory", "1")
        try:
            with pytest.raises(Unavailable), redis_errors():
                await client.set("b", "x")
        finally:
            await client.config_set("maxmemory", "0")


async def test_a_command_that_is_cancelled_at_any_moment_ends_its_task(redis_url):
    """Python 3.11's wait_for, which redis-py sends under, swallows a cancellation in one turn of the loop."""
    async with connect(patient(redis_url)) as client:
        await client.set("name", b"value")
        for turns in range(40):
            task = asyncio.create_task(command_then_wait(client))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait([task])
            assert task.cancelled(), turns
        assert await client.get("name") == b"value"


async def command_then_wait(client):
    await client.get("name")
    await asyncio.Event().wait()
