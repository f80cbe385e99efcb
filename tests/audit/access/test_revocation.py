from __future__ import annotations

import asyncio

import pytest
import redis.asyncio
from support.wait import PATIENCE_S

from services.audit.access.revocation import Revocations
from services.runtime.errors import PermissionDenied, Unavailable
from services.runtime.link_keys import LinkKeys, end_link
from services.runtime.redis_client import connect
from services.runtime.settings.loader import load_settings

LINK = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def keys(settings):
    return LinkKeys(settings)


@pytest.fixture
async def client(redis_url, keys):
    settings = load_settings(redis={"url": redis_url, "timeout_s": PATIENCE_S})
    async with connect(settings) as opened:
        await opened.hset(keys.link(LINK), mapping={"project": "demo", "session": "s", "creator_key": "c"})
        yield opened


@pytest.fixture
async def revocations(client, keys, monkeypatch):
    made, has_looked, look = Revocations(client, keys), asyncio.Event(), Revocations._look

    async def looking(one):
        await look(one)
        has_looked.set()

    monkeypatch.setattr(Revocations, "_look", looking)
    running = asyncio.create_task(made.run())
    await asyncio.wait_for(has_looked.wait(), PATIENCE_S)  # it is subscribed
    yield made
    running.cancel()


async def stay(revocations, is_open=None):
    async with revocations.standing(LINK):
        if is_open is not None:
            is_open.set()
        await asyncio.Event().wait()


async def opened(revocations):
    is_open = asyncio.Event()
    task = asyncio.create_task(stay(revocations, is_open))
    await asyncio.wait_for(is_open.wait(), PATIENCE_S)
    assert not task.done()
    return task


async def test_what_a_link_opened_ends_with_it(revocations, client, keys):
    streams = [await opened(revocations) for _ in range(3)]
    assert await end_link(client, keys, LINK, "demo")
    results = await asyncio.wait_for(asyncio.gather(*streams, return_exceptions=True), PATIENCE_S)
    assert {(type(one), one.reason) for one in results} == {(PermissionDenied, "LINK_ENDED")}
    with pytest.raises(PermissionDenied):
        await stay(revocations)
    assert revocations._open == {}


async def test_what_was_missed_while_away_is_looked_up(revocations, client, keys):
    stream = await opened(revocations)
    await client.delete(keys.link(LINK))  # without a notice
    await asyncio.sleep(0.2)
    assert not stream.done()
    await client.client_kill_filter(_type="pubsub")
    with pytest.raises(PermissionDenied):
        await asyncio.wait_for(stream, PATIENCE_S)


async def test_a_time_out_of_the_body_is_its_own(revocations):
    with pytest.raises(TimeoutError):
        async with revocations.standing(LINK):
            raise TimeoutError
    with pytest.raises(ValueError, match="mine"):
        async with revocations.standing(LINK):
            raise ValueError("mine")
    assert revocations._open == {}


async def test_being_cancelled_is_not_being_revoked(revocations):
    stream = await opened(revocations)
    stream.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stream
    assert revocations._open == {}


async def test_without_redis_no_grant_opens_anything(keys, tmp_path):
    away = redis.asyncio.Redis.from_url(f"unix://{tmp_path / 'none.sock'}")
    for client in (None, away):
        revocations = Revocations(client, keys)
        with pytest.raises(Unavailable):
            await stay(revocations)
        assert await revocations.end_links("demo", []) == 0
    await away.aclose()
