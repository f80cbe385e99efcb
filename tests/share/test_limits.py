from __future__ import annotations

import asyncio
import time
from collections import Counter

import grpc
import pytest
from support.clock import Clock
from support.share import ONE_REDIS, ShareCalls, random_token, refusal, with_share

from services.share.app import serve

Code = grpc.StatusCode


async def codes(share, count, **metadata):
    told = await asyncio.gather(*(refusal(share.redeem(random_token(), **metadata)) for _ in range(count)))
    limited = [one for one in told if one.code is Code.RESOURCE_EXHAUSTED]
    assert all(one.reason == "RATE_LIMITED" and 0 < one.retry_after_s <= 60 for one in limited)
    return Counter(one.code for one in told)


async def test_an_address_may_ask_so_often(share_settings, mint):
    settings = with_share(share_settings, requests_per_minute=60)
    clock = Clock()
    clock.stop()
    async with serve(settings, now=clock) as server, grpc.aio.insecure_channel(server.address) as channel:
        share = ShareCalls(channel, mint)
        found = await codes(share, 200)
        assert found[Code.NOT_FOUND] == 60
        assert (await refusal(share.look(random_token()))).code is Code.RESOURCE_EXHAUSTED
        # Others are not in each other's way, and a /64 is one.
        assert (await codes(share, 10, x_forwarded_for="203.0.113.7"))[Code.NOT_FOUND] == 10
        assert (await codes(share, 60, x_forwarded_for="2001:db8:1:2::1"))[Code.NOT_FOUND] == 60
        assert (await codes(share, 10, x_forwarded_for="2001:db8:1:2:ffff::2"))[Code.NOT_FOUND] < 5
        assert (await codes(share, 10, x_forwarded_for="2001:db8:1:3::1"))[Code.NOT_FOUND] == 10
        clock.advance(2.1)
        assert (await codes(share, 10))[Code.NOT_FOUND] == 2  # attempts that have become available again


@ONE_REDIS
@pytest.mark.campaign
async def test_guesses_by_the_thousand_are_stopped(share_settings, mint, campaign_rounds):
    rounds = campaign_rounds(2, 20)
    settings = with_share(share_settings, requests_per_minute=60)
    async with serve(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        share = ShareCalls(channel, mint)
        found, began = Counter(), time.monotonic()
        for _ in range(rounds):
            found += await codes(share, 500)
        assert sum(found.values()) == 500 * rounds
        assert found[Code.NOT_FOUND] <= 61 + (time.monotonic() - began)  # a minute's, and one more each second


async def test_what_a_stranger_says_of_his_address_is_not_believed(share_settings, mint, monkeypatch):
    # The test's peer is loopback, which is trusted; seen from elsewhere, the header counts for nothing.
    monkeypatch.setattr("services.runtime.identity.peer._peer_address", lambda _peer: "198.51.100.1")
    settings = with_share(share_settings, requests_per_minute=60)
    clock = Clock()
    clock.stop()
    async with serve(settings, now=clock) as server, grpc.aio.insecure_channel(server.address) as channel:
        share = ShareCalls(channel, mint)
        told = [await codes(share, 10, x_forwarded_for=f"203.0.113.{number}") for number in range(10)]
        assert sum(found[Code.NOT_FOUND] for found in told) == 60
