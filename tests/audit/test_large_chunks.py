"""Chunks of any size that is taken in are replayed, followed and exported byte for byte, on both engines."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from support.audit_server import AuditServer, a_chunk, audit_settings, new_session, running, start_of
from support.wait import PATIENCE_S


@pytest.fixture(params=["chdb", pytest.param("clickhouse", marks=pytest.mark.clickhouse)])
async def audit(request: pytest.FixtureRequest, tmp_path) -> AsyncIterator[AuditServer]:
    house = {}
    if request.param == "clickhouse":
        house = {
            "engine": "server",
            "url": request.getfixturevalue("clickhouse_url"),
            "database": f"t{uuid.uuid4().hex[:12]}",
            "timeout_s": PATIENCE_S,
        }
    async with running(audit_settings(tmp_path, clickhouse=house)) as opened:
        yield opened


def random_event(at_ms: int, size: int, rng: random.Random) -> dict:
    """An event with about `size` bytes as gzip."""
    text = rng.randbytes(size).hex()
    return {"type": 5, "data": {"tag": "t", "payload": {"text": text}}, "timestamp": at_ms}


SIZES = {
    "60 chunks of 60 KB": [60_000] * 60,
    "one of 1.2 MB": [1_200_000],
    "near the limit": [3_500_000, 10, 3_900_000],
}


@pytest.mark.parametrize("name", SIZES)
async def test_a_session_of_any_chunks_is_read_in_every_way(audit, name):
    session, rng = new_session(), random.Random(name)
    sent = [[random_event(start_of(session) + number, size // 2, rng)] for number, size in enumerate(SIZES[name])]
    payloads = [a_chunk(seq, events).payload for seq, events in enumerate(sent, 1)]
    # Almost as large as random bytes are: hexadecimal digits shrink to half, and a little more.
    async with audit.recorder(session) as recorder:
        for seq, payload in enumerate(payloads, 1):
            await recorder.write(chunk=pb_chunk(seq, payload))
            await recorder.ack(seq)
        async with default_client(audit) as stub:
            view = audit.auth("view")
            followed = stub.ReplaySession(pb.ReplaySessionRequest(session_id=session, follow=True), metadata=view)
            assert await chunks_until(followed, len(payloads)) == payloads
            for request in ({}, {"for_export": True}):
                replay = stub.ReplaySession(pb.ReplaySessionRequest(session_id=session, **request), metadata=view)
                assert [part.chunk.payload async for part in replay if part.HasField("chunk")] == payloads
            [listed] = (await stub.ListSessions(pb.ListSessionsRequest(), metadata=view)).sessions
            assert (listed.session_id, listed.totals.event_count) == (session, len(sent))
            got = await stub.GetSession(pb.GetSessionRequest(session_id=session), metadata=view)
            assert got.session.totals.chunk_count == len(sent)


def pb_chunk(seq, payload):
    chunk = a_chunk(seq, [])
    chunk.payload = payload
    return chunk


def default_client(audit):
    """A channel with gRPC's defaults: messages have 4 MiB at most."""
    channel = grpc.aio.insecure_channel(audit.address)

    class Opened:
        async def __aenter__(self):
            return audit_service_pb2_grpc.AuditServiceStub(channel)

        async def __aexit__(self, *_):
            await channel.close()

    return Opened()


async def chunks_until(call, count):
    found = []
    async for part in call:
        if part.HasField("chunk"):
            found.append(part.chunk.payload)
        if len(found) == count:
            return found
    raise AssertionError("the stream ended too early")
