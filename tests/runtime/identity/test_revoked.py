"""Revoked tokens are refused in all processes, and their streams end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import redis.asyncio
from support.wait import PATIENCE_S

from services.runtime.errors import Unauthenticated, Unavailable
from services.runtime.identity import revoked as module
from services.runtime.identity.revoked import RevokedTokens, revoke_subject, revoke_token
from services.runtime.identity.tokens import Identity, Scope, TokenMinter, TokenVerifier
from services.runtime.redis_client import connect
from services.runtime.settings.loader import SettingsError

NOW = 1_800_000_000.0


@pytest.fixture
def with_redis(settings, redis_url):
    own = settings.redis.model_copy(update={"url": redis_url, "timeout_s": PATIENCE_S})
    return settings.model_copy(update={"redis": own})


@pytest.fixture
async def client(with_redis):
    async with connect(with_redis) as opened:
        yield opened


@asynccontextmanager
async def following(client, settings):
    revoked = RevokedTokens(client, settings)
    running = asyncio.create_task(revoked.run())
    try:
        await until(lambda: revoked.is_known)
        yield revoked
    finally:
        running.cancel()


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another connection sets it
            await asyncio.sleep(0.01)


def identity(subject="me", token_id="one", issued_at=NOW - 60):
    return Identity(
        subject, "demo", frozenset({Scope.VIEW}), expires_at=NOW + 60, token_id=token_id, issued_at=issued_at
    )


async def test_a_token_is_revoked_by_its_id(with_redis, client):
    async with following(client, with_redis) as revoked, following(client, with_redis) as another_process:
        await revoke_token(client, with_redis, "one", NOW + 3600, NOW)
        for process in (revoked, another_process):
            await until(lambda process=process: process.is_revoked(identity()))
            process.check(identity(token_id="two"))
            with pytest.raises(Unauthenticated) as caught:
                process.check(identity())
            assert caught.value.reason == "TOKEN_REVOKED"
    async with following(client, with_redis) as later:
        assert later.is_revoked(identity())


async def test_the_tokens_of_a_subject_are_revoked_until_now(with_redis, client):
    async with following(client, with_redis) as revoked:
        await revoke_subject(client, with_redis, "me", NOW)
        await until(lambda: revoked.is_revoked(identity()))
        assert revoked.is_revoked(identity(token_id="two", issued_at=NOW))
        assert revoked.is_revoked(identity(issued_at=None))  # when it was issued is not known
        assert not revoked.is_revoked(identity(issued_at=NOW + 1))
        assert not revoked.is_revoked(identity(subject="you"))


async def test_what_a_token_opened_ends_with_it(with_redis, client):
    async with following(client, with_redis) as revoked:
        is_open = asyncio.Event()

        async def stay(who):
            async with asyncio.timeout(None) as scope:
                with revoked.standing(who, scope):
                    is_open.set()
                    await asyncio.Event().wait()

        stream, neighbour = asyncio.create_task(stay(identity())), asyncio.create_task(stay(identity("you", "two")))
        await is_open.wait()
        await revoke_token(client, with_redis, "one", NOW + 3600, NOW)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(TimeoutError):
                await stream
        assert not neighbour.done()
        with pytest.raises(Unauthenticated):
            await stay(identity())
        neighbour.cancel()


async def test_the_list_is_dropped_with_its_tokens(with_redis, client):
    names = module._Names(with_redis)
    await revoke_token(client, with_redis, "one", NOW + 60, NOW)
    await revoke_token(client, with_redis, "two", NOW + 3600, NOW + 1800)
    assert [member.decode() for member in await client.zrange(names.tokens, 0, -1)] == [module._hash("two")]
    assert await client.expiretime(names.tokens) >= NOW + 3600
    await revoke_subject(client, with_redis, "me", NOW)
    assert await client.expiretime(names.subjects) >= NOW + with_redis.auth.max_token_life_s
    await revoke_subject(client, with_redis, "you", NOW + 8 * 86_400)
    assert await client.zcard(names.subjects) == 1
    endless = with_redis.model_copy(update={"auth": with_redis.auth.model_copy(update={"max_token_life_s": 0.0})})
    await revoke_token(client, endless, "three", None, NOW)
    assert await client.ttl(names.tokens) == -1


async def test_the_list_is_bounded(with_redis, client, monkeypatch):
    monkeypatch.setattr(module, "MAX_REVOKED", 2)
    for name in ("one", "two"):
        await revoke_token(client, with_redis, name, NOW + 60, NOW)
    with pytest.raises(Unavailable, match="replace the signing secret"):
        await revoke_token(client, with_redis, "three", NOW + 60, NOW)


async def test_while_redis_is_away_the_known_list_stays_in_force(with_redis, client):
    async with following(client, with_redis) as revoked:
        await revoke_token(client, with_redis, "one", NOW + 3600, NOW)
        await until(lambda: revoked.is_revoked(identity()))
        await client.flushall()
        await client.client_kill_filter(_type="pubsub")  # it reads the list again, which is empty now
        await until(lambda: not revoked.is_revoked(identity()))
    away = redis.asyncio.Redis.from_url("unix:///nowhere/redis.sock")
    known = RevokedTokens(away, with_redis)
    known._tokens, known.is_known = frozenset({module._hash("one")}), True
    running = asyncio.create_task(known.run())
    await asyncio.sleep(0.1)
    with pytest.raises(Unauthenticated):
        known.check(identity())
    running.cancel()
    with pytest.raises(Unavailable):
        await revoke_token(away, with_redis, "two", NOW + 60, NOW)
    await away.aclose()


async def test_before_the_list_is_read_tokens_are_accepted_unless_it_is_required(with_redis):
    away = redis.asyncio.Redis.from_url("unix:///nowhere/redis.sock")
    RevokedTokens(away, with_redis).check(identity())
    strict = with_redis.model_copy(update={"auth": with_redis.auth.model_copy(update={"require_revocations": True})})
    with pytest.raises(Unavailable) as caught:
        RevokedTokens(away, strict).check(identity())
    assert caught.value.reason == "REVOCATIONS_UNAVAILABLE"
    with pytest.raises(SettingsError, match="require_revocations"):
        RevokedTokens(None, strict)
    await away.aclose()


async def test_a_verifier_refuses_what_is_revoked_also_when_it_remembers_the_token(with_redis, client):
    async with following(client, with_redis) as revoked:
        verifier, minter = TokenVerifier(with_redis, revoked=revoked), TokenMinter(with_redis, new_id=lambda: "one")
        token = minter.mint("me", "demo", ["view"], 60)
        known = await verifier.verify(token)
        await revoke_token(client, with_redis, known.token_id, known.expires_at, known.issued_at)
        await until(lambda: revoked.is_revoked(known))
        with pytest.raises(Unauthenticated) as caught:
            await verifier.verify(token)
        assert caught.value.reason == "TOKEN_REVOKED"
