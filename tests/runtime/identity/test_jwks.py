"""An identity provider that is slow, away, or asked by strangers: known keys are served meanwhile."""

from __future__ import annotations

import asyncio
import json
import tomllib
from pathlib import Path

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from packaging.requirements import Requirement
from support.clock import Clock
from support.wait import PATIENCE_S

from services.runtime.errors import Unavailable
from services.runtime.identity import jwks
from services.runtime.identity.jwks import KeySet, KeysUnavailable, fetch_keys, parse_keys
from services.runtime.settings.loader import load_settings

ROOT = Path(__file__).parents[3]
KEY = ec.generate_private_key(ec.SECP256R1())


def document(*names):
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    return {"keys": [{**jwk, "kid": name, "alg": "ES256", "use": "sig"} for name in names]}


class Provider:
    """A provider in memory: counts fetches, holds them while `is_open` is not set, fails while `is_away`."""

    def __init__(self, *names):
        self.names = names
        self.asked = 0
        self.is_away = False
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def __call__(self):
        self.asked += 1
        await self.is_open.wait()
        if self.is_away:
            raise KeysUnavailable("away")
        return parse_keys(json.dumps(document(*self.names)))


@pytest.fixture
def clock():
    return Clock(1_000.0)


async def find(keys, name, algorithm="ES256"):
    async with asyncio.timeout(PATIENCE_S):
        found = await keys.key(name, algorithm)
    return found.key_id if found else None


async def test_a_known_key_is_served_while_the_provider_hangs(clock):
    provider = Provider("a")
    keys = KeySet({}, provider, monotonic=clock)
    assert await find(keys, "a") == "a"
    provider.is_open.clear()
    clock.advance(jwks.FRESH_S)
    assert await find(keys, "a") == "a"  # the set is due, and fetched beside this
    stranger = asyncio.create_task(find(keys, "made-up"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not stranger.done()
    assert [await find(keys, "a") for _ in range(20)] == ["a"] * 20
    assert provider.asked == 2
    provider.names = ("a", "b")
    provider.is_open.set()
    assert await stranger is None
    assert await find(keys, "b") == "b"
    assert provider.asked == 2


async def test_strangers_neither_hammer_the_provider_nor_wait_for_it(clock):
    provider = Provider("a")
    keys = KeySet({}, provider, monotonic=clock)
    assert await find(keys, "a") == "a"
    provider.is_open.clear()  # another fetch would hang
    assert [await find(keys, f"made-up-{number}") for number in range(50)] == [None] * 50
    assert provider.asked == 1
    provider.is_open.set()
    clock.advance(jwks.MIN_INTERVAL_S)
    assert await find(keys, "made-up-1") is None  # remembered as unknown
    assert await find(keys, "made-up-1" * 100) is None  # longer than any key id
    assert provider.asked == 1
    provider.names = ("a", "made-up-1")
    assert await find(keys, "another") is None
    assert provider.asked == 2
    assert await find(keys, "made-up-1") == "made-up-1"  # no longer unknown


async def test_unknown_ids_are_remembered_within_bounds(clock, monkeypatch):
    monkeypatch.setattr(jwks, "MAX_UNKNOWN", 10)
    keys = KeySet({}, Provider("a"), monotonic=clock)
    for number in range(100):
        assert await find(keys, f"made-up-{number}") is None
    assert len(keys._unknown) == 10


async def test_keys_stay_while_the_provider_is_away_but_not_for_ever(clock):
    provider = Provider("a")
    keys = KeySet({}, provider, max_stale_s=3_600, monotonic=clock)
    assert await find(keys, "a") == "a"
    provider.is_away = True
    clock.advance(jwks.FRESH_S + 3_500)
    assert await find(keys, "a") == "a"
    await asyncio.sleep(0)
    for _ in range(5):  # asked again after a while, and not for each request
        with pytest.raises(Unavailable) as caught:
            await find(keys, "new")
        assert caught.value.reason == "JWKS_UNAVAILABLE"
    assert provider.asked == 2
    clock.advance(100)
    with pytest.raises(Unavailable):
        await find(keys, "a")
    provider.is_away = False
    clock.advance(jwks.RETRY_AFTER_S)
    assert await find(keys, "a") == "a"


async def test_without_any_set_the_provider_is_asked_once_for_all_and_left_alone_for_a_while(clock):
    provider = Provider("a")
    provider.is_away = True
    keys = KeySet({}, provider, monotonic=clock)
    answers = await asyncio.gather(*(find(keys, "a") for _ in range(20)), return_exceptions=True)
    assert {getattr(answer, "reason", answer) for answer in answers} == {"JWKS_UNAVAILABLE"}
    assert provider.asked == 1
    clock.advance(jwks.RETRY_AFTER_S)
    provider.is_away = False
    assert await find(keys, "a") == "a"


async def test_a_caller_that_leaves_does_not_end_the_fetch_of_others(clock):
    provider = Provider("a")
    provider.is_open.clear()
    keys = KeySet({}, provider, monotonic=clock)
    first, second = (asyncio.create_task(find(keys, "a")) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0)
    provider.is_open.set()
    assert await second == "a"
    assert provider.asked == 1


@pytest.fixture
async def served():
    """A provider over HTTP; the answers are by path."""

    async def answer(request):
        match request.path:
            case "/keys":
                return web.json_response(document("a"))
            case "/moved":
                raise web.HTTPFound("/keys")
            case "/large":
                return web.Response(body=b" " * (jwks.MAX_SET_BYTES + 1))
            case "/slow":
                response = web.StreamResponse()
                await response.prepare(request)
                while request.transport is not None:  # until the client has enough
                    await response.write(b" ")
                    await asyncio.sleep(0.01)
                return response
        return web.Response(text="[]" if request.path == "/none" else "nonsense")

    app = web.Application()
    app.router.add_get("/{path}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_set_is_fetched_from_its_address(served):
    assert list(await fetch_keys(f"{served}/keys")) == ["a"]
    settings = load_settings(auth={"jwks_url": f"{served}/keys"})
    assert await find(KeySet.of(settings.auth), "a") == "a"


@pytest.mark.parametrize(
    ("path", "why"), [("moved", "status 302"), ("large", "larger"), ("none", "not a key set"), ("x", "not a key set")]
)
async def test_what_is_no_key_set_is_named(served, path, why):
    with pytest.raises(KeysUnavailable, match=why):
        await fetch_keys(f"{served}/{path}")


async def test_a_provider_that_sends_a_byte_at_a_time_is_away(served, monkeypatch):
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT_S", 0.5)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(KeysUnavailable, match="no answer within"):
            await fetch_keys(f"{served}/slow")


def test_the_oldest_pyjwt_that_is_allowed_is_the_one_that_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = next(one for one in map(Requirement, project["dependencies"]) if one.name == "PyJWT")
    assert [(one.operator, one.version) for one in asked.specifier] == [(">=", jwt.__version__)]
