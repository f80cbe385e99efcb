"""Diagnosis of WebSocket connections: checks of `afterimage doctor`, run from the client's machine."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from services.runtime import redis_client
from services.runtime.errors import Unavailable
from sidecar.wire.frames import BINARY
from sidecar.wire.methods import STREAMS

if TYPE_CHECKING:
    from services.runtime.settings import Settings

_TIMEOUT_S = 5.0
_PATHS = tuple(stream.path for stream in STREAMS)


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """Result of one check.

    Attributes:
        name: Name of the check: url, sidecar, services, token, upgrade or redis.
        is_good: Whether the check passed.
        text: One sentence, with the remedy if the check failed.
    """

    name: str
    is_good: bool
    text: str


async def check_socket(url: str, token: str) -> list[ProbeFinding]:
    """Checks the steps of connecting to the WebSocket at `url`, in order; stops after a failure that blocks the rest.

    Args:
        url: The client's URL, such as wss://replay.example/ws/record.
        token: The client's token.
    """
    split = url.replace("ws", "http", 1) if url.startswith(("ws://", "wss://")) else url
    base, slash, path = split.removeprefix("https://").removeprefix("http://").partition("/")
    if not base or not split.startswith(("http://", "https://")) or f"{slash}{path}" not in _PATHS:
        return [ProbeFinding("url", False, f"{url} should be ws:// or wss://, a host, and one of {', '.join(_PATHS)}")]
    found = [ProbeFinding("url", True, url)]
    root = split.removesuffix(f"/{path}")
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        found.append(await _sidecar(http, root))
        if not found[-1].is_good:
            return found
        found.append(await _services(http, root))
        found.append(await _token(http, split, token))
        if found[-1].is_good:
            found.append(await _upgrade(http, split, token))
    return found


async def check_redis(settings: Settings) -> ProbeFinding:
    """Checks whether the Redis server that counts attempts for all sidecars responds."""
    client = redis_client.connect(settings)
    if client is None:
        return ProbeFinding("redis", True, "redis.url is not set: each sidecar counts attempts separately")
    try:
        with redis_client.redis_errors():
            await client.ping()
    except Unavailable:
        return ProbeFinding(
            "redis", False, "Redis does not answer: until it does, each sidecar counts attempts separately"
        )
    finally:
        await client.aclose()
    return ProbeFinding("redis", True, "Redis answers")


async def _sidecar(http: aiohttp.ClientSession, root: str) -> ProbeFinding:
    try:
        async with http.get(f"{root}/healthz") as answer:
            if answer.status == 200 and await answer.text() == "ok\n":
                return ProbeFinding("sidecar", True, f"{root} is a sidecar")
            return ProbeFinding(
                "sidecar",
                False,
                f"{root} answers {answer.status} and is not a sidecar: wrong port, or a proxy in front",
            )
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return ProbeFinding("sidecar", False, f"nothing answers at {root}: {error or type(error).__name__}")


async def _services(http: aiohttp.ClientSession, root: str) -> ProbeFinding:
    async with http.get(f"{root}/readyz") as answer:
        states = (await answer.json())["upstreams"]
    text = ", ".join(f"{name.rpartition('.')[2]} {state}" for name, state in states.items())
    return ProbeFinding("services", answer.status == 200, text)


async def _token(http: aiohttp.ClientSession, url: str, token: str) -> ProbeFinding:
    async with http.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
        if answer.status == 426:
            return ProbeFinding("token", True, "the token is accepted")
        if answer.status == 429:
            return ProbeFinding("token", False, f"over a rate limit; retry in {answer.headers.get('Retry-After')} s")
        try:
            message = json.loads(await answer.text())["message"]
        except (ValueError, KeyError, TypeError):
            message = "the response is not the sidecar's"
        return ProbeFinding("token", False, f"refused with {answer.status}: {message}")


async def _upgrade(http: aiohttp.ClientSession, url: str, token: str) -> ProbeFinding:
    try:
        async with asyncio.timeout(_TIMEOUT_S), http.ws_connect(url, protocols=(BINARY, f"bearer.{token}")) as socket:
            if socket.protocol == BINARY:
                return ProbeFinding("upgrade", True, "the WebSocket opens")
            return ProbeFinding("upgrade", False, "a proxy drops Sec-WebSocket-Protocol from the answer")
    except aiohttp.WSServerHandshakeError as error:
        why = "a proxy strips Upgrade and Connection" if error.status == 426 else "a proxy changes the upgrade"
        return ProbeFinding(
            "upgrade", False, f"plain requests get through, the upgrade does not ({error.status}): {why}"
        )
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return ProbeFinding("upgrade", False, f"plain requests get through, the upgrade does not: {error}")
