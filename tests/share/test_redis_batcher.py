from __future__ import annotations

import asyncio
import time

import pytest
import redis.asyncio
from support.share import random_token

from services.runtime import redis_client
from services.runtime.errors import Unavailable
from services.runtime.link_keys import LinkKeys
from services.share.lua_scripts import redemption
from services.share.model import Act, FixedSpan, Gone, Link, Opened
from services.share.redis_batcher import RedisBatcher
from services.share.store import GuessLimit, LinkStore
from services.share.tokens import new_handle, token_key


@pytest.fixture
async def client(share_settings):
    found = redis_client.connect(share_settings)
    yield found
    await found.aclose()


@pytest.fixture
async def pipeline(client):
    batcher = RedisBatcher(client)
    async with batcher.running():
        yield batcher


def store_of(client, pipeline, settings):
    guesses = GuessLimit(10, 1_000)
    return LinkStore(
        client,
        pipeline,
        LinkKeys(settings),
        requests_per_minute=0,
        renewal_ttl_ms=60_000,
        guesses_by_address=guesses,
        guesses_at_link=guesses,
    )


async def new_link(store, max_views):
    key = token_key(random_token())
    now_ms = round(time.time() * 1000)
    link = Link(
        link_id=key.link_id,
        project="demo",
        session_id="01890000-0000-7000-8000-000000000000",
        created_by="alice",
        created_ms=now_ms,
        expires_ms=now_ms + 60_000,
        part=FixedSpan(),
        max_views=max_views,
        passcode_hash="",
        label="",
    )
    await store.create(link, key.digest, 60_000)
    return key, now_ms


async def test_scripts_asked_for_at_once_go_together_and_each_gets_its_own_answer(client, pipeline, share_settings):
    store = store_of(client, pipeline, share_settings)
    keys = [await new_link(store, max_views=places + 1) for places in range(150)]
    commands = (await client.info("stats"))["total_reads_processed"]
    answers = await asyncio.gather(
        *(store.open(Act.REDEEM, key, new_handle(key.link_id, bytes)[1], None, now) for key, now in keys)
    )
    assert [answer.link.views_left for answer in answers] == list(range(150))
    assert (await client.info("stats"))["total_reads_processed"] - commands < 20


async def test_a_redemption_that_is_sent_twice_counts_one_view(client, pipeline, share_settings):
    store = store_of(client, pipeline, share_settings)
    key, now_ms = await new_link(store, max_views=1)
    renewal = new_handle(key.link_id, bytes)[1]
    once = await store.open(Act.REDEEM, key, renewal, None, now_ms)
    again = await store.open(Act.REDEEM, key, renewal, None, now_ms)
    assert isinstance(once, Opened)
    assert isinstance(again, Opened)
    assert (once.link.view_count, again.link.view_count) == (1, 1)
    assert isinstance(await store.open(Act.REDEEM, key, "another", None, now_ms), Gone)


async def test_a_redis_that_has_forgotten_the_scripts_is_told_them_again(client, pipeline, share_settings):
    store = store_of(client, pipeline, share_settings)
    key, now_ms = await new_link(store, max_views=None)
    await client.script_flush()
    answers = await asyncio.gather(
        *(store.open(Act.REDEEM, key, f"renewal-{place}", None, now_ms) for place in range(5)),
        store.attempt(key.link_id, "an address", now_ms),
    )
    assert [type(answer) for answer in answers] == [Opened] * 5 + [int]


async def test_one_wrong_script_spoils_no_other(client, pipeline, share_settings):
    store = store_of(client, pipeline, share_settings)
    key, now_ms = await new_link(store, max_views=None)
    good, bad = await asyncio.gather(
        store.open(Act.LOOK, key, "", None, now_ms),
        pipeline.run(redemption.TAKE_BACK, [], []),
        return_exceptions=True,
    )
    assert isinstance(good, Opened)
    assert isinstance(bad, redis.exceptions.ResponseError)


async def test_a_caller_who_goes_away_stops_nobody(client, pipeline, share_settings):
    store = store_of(client, pipeline, share_settings)
    key, now_ms = await new_link(store, max_views=None)
    calls = [asyncio.ensure_future(store.open(Act.LOOK, key, "", None, now_ms)) for _ in range(100)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    assert all(isinstance(answer, Opened) for answer in answers[1::2])


async def test_what_waits_is_bounded(client, share_settings):
    pipeline = RedisBatcher(client, max_waiting=10)
    store = store_of(client, pipeline, share_settings)
    async with pipeline.running():
        key, now_ms = await new_link(store, max_views=None)
        answers = await asyncio.gather(
            *(store.open(Act.LOOK, key, "", None, now_ms) for _ in range(30)), return_exceptions=True
        )
    assert sum(isinstance(answer, Opened) for answer in answers) == 10
    assert {error.reason for error in answers if isinstance(error, Unavailable)} == {"REDIS_SLOW"}
