"""Two audit servers on one ClickHouse and one Redis: live, presence, superseding and deletion across them."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import uuid
from collections.abc import AsyncIterator

import grpc
import msgspec
import pytest
import redis.asyncio
from afterimage.audit.v1 import audit_service_pb2 as pb
from audit.service import AuditCaller, chunk, client, end, start, uuid7
from support.audit_server import problem
from support.intruders import INTRUDERS, SECRET, is_secret_wrong
from support.wait import PATIENCE_S

from services.audit.app import serve
from services.audit.live.redis_fanout import FanOutNotice
from services.audit.replay import replayer
from services.runtime import redis_client

pytestmark = pytest.mark.clickhouse


def event(number: int, begin: int) -> dict:
    return {"type": 3, "timestamp": begin + number, "data": {"source": 3, "id": 1, "x": 0, "y": number}}


@pytest.fixture
async def pair(
    request, settings, mint, clickhouse_url: str, redis_url: str, monkeypatch
) -> AsyncIterator[tuple[AuditCaller, AuditCaller]]:
    if hasattr(request, "param"):
        monkeypatch.setattr(replayer, "POLL_STORAGE_S", request.param)
    database = f"t{uuid.uuid4().hex[:12]}"
    house = {"engine": "server", "url": clickhouse_url, "database": database, "timeout_s": PATIENCE_S}
    settings = settings.model_copy(
        update={
            "clickhouse": settings.clickhouse.model_validate(house),
            "redis": settings.redis.model_validate({"url": redis_url, "timeout_s": PATIENCE_S}),
        }
    )
    token = mint("record", "view", "admin")
    async with (
        serve(settings) as one,
        serve(settings) as two,
        client(one.address, token) as first,
        client(two.address, token) as second,
    ):
        async with redis.asyncio.Redis.from_url(redis_url) as watcher, asyncio.timeout(PATIENCE_S):
            channel = redis_client.key(settings, "live")
            while (await watcher.pubsub_numsub(channel))[0][1] < 2:  # noqa: ASYNC110 - in Redis
                await asyncio.sleep(0.01)
        yield first, second


async def open_recorder(on: AuditCaller, session: uuid.UUID, window: uuid.UUID, **fields: str):
    call = on.stub.RecordSession(metadata=on.metadata)
    await call.write(start(session, window, **fields))
    return call, (await call.read()).ready


@pytest.mark.parametrize("pair", [3600.0], indirect=True, ids=["without polls"])
async def test_a_viewer_on_another_server_gets_each_chunk_once_and_soon(pair) -> None:
    recorder, viewer = pair
    begin = round(time.time() * 1000)
    session, window = uuid7(begin), uuid.uuid4()
    call, _ = await open_recorder(recorder, session, window)
    await call.write(chunk(1, [event(0, begin)]))
    assert (await call.read()).ack.through_seq == 1

    seqs = []
    request = pb.ReplaySessionRequest(session_id=str(session), follow=True)
    stream = viewer.stub.ReplaySession(request, metadata=viewer.metadata)
    edge = asyncio.Event()

    async def view() -> None:
        async for part in stream:
            if part.HasField("live_edge"):
                edge.set()
            if part.HasField("chunk"):
                seqs.append(part.chunk.seq)
                [only] = json.loads(gzip.decompress(part.chunk.payload))
                assert only["data"]["y"] == part.chunk.seq - 1

    viewing = asyncio.create_task(view())
    await asyncio.wait_for(edge.wait(), PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):  # the recorder's server knows of the viewer, and sends notices
        while not (await call.read()).HasField("command"):
            pass
    for seq in range(2, 42):
        await call.write(chunk(seq, [event(seq - 1, begin)]))
        await asyncio.sleep(0.03)
    async with asyncio.timeout(PATIENCE_S):
        while len(seqs) < 41:  # noqa: ASYNC110 - it waits for the network
            await asyncio.sleep(0.01)
    assert seqs == list(range(1, 42))
    viewing.cancel()
    await call.write(end(41))


async def test_the_recorder_is_asked_to_flush_faster_for_a_viewer_elsewhere(pair) -> None:
    recorder, viewer = pair
    begin = round(time.time() * 1000)
    session = uuid7(begin)
    call, _ = await open_recorder(recorder, session, uuid.uuid4())
    await call.write(chunk(1, [event(0, begin)]))
    assert (await call.read()).ack.through_seq == 1
    stream = viewer.stub.ReplaySession(
        pb.ReplaySessionRequest(session_id=str(session), follow=True), metadata=viewer.metadata
    )
    reading = asyncio.create_task(stream.read())
    answer = await asyncio.wait_for(call.read(), PATIENCE_S)
    assert answer.command.flush_interval.ToMilliseconds() == 250
    await reading
    stream.cancel()


async def test_a_newer_stream_on_another_server_supersedes(pair) -> None:
    first, second = pair
    begin = round(time.time() * 1000)
    session, window = uuid7(begin), uuid.uuid4()
    older, _ = await open_recorder(first, session, window)
    await older.write(chunk(1, [event(0, begin)]))
    assert (await older.read()).ack.through_seq == 1
    newer, ready = await open_recorder(second, session, window)
    assert ready.next_seq == 2
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(older.read(), PATIENCE_S)
    assert caught.value.code() is grpc.StatusCode.ABORTED
    await newer.write(chunk(2, [event(1, begin)]))
    assert (await newer.read()).ack.through_seq == 2


@pytest.mark.parametrize("same_window", [True, False])
async def test_a_session_of_which_nothing_is_stored_stays_with_the_earlier_secret(pair, same_window) -> None:
    """The other server cannot know of it yet, so it admits the stream, and ends it when it hears of the earlier one."""
    first, second = pair
    begin = round(time.time() * 1000)
    session, window = uuid7(begin), uuid.uuid4()
    visitor, _ = await open_recorder(first, session, window, session_secret=SECRET)
    other = window if same_window else uuid.uuid4()
    intruder, _ = await open_recorder(second, session, other, **INTRUDERS["with another secret"])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(intruder.read(), PATIENCE_S)
    is_secret_wrong(problem(caught.value))
    await visitor.write(chunk(1, [event(0, begin)]))
    assert (await visitor.read()).ack.through_seq == 1
    # Once something is stored, the other server refuses by itself, and the visitor may move there.
    for fields in INTRUDERS.values():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await open_recorder(second, session, other, **fields)
        is_secret_wrong(problem(caught.value))
    moved, ready = await open_recorder(second, session, window, session_secret=SECRET)
    assert ready.next_seq == 2
    await moved.write(chunk(2, [event(1, begin)]))
    assert (await moved.read()).ack.through_seq == 2


async def test_a_late_notice_of_the_older_stream_does_not_end_the_newer_one(pair, redis_url) -> None:
    _, second = pair
    begin = round(time.time() * 1000)
    session, window = uuid7(begin), uuid.uuid4()
    call, _ = await open_recorder(second, session, window)
    await call.write(chunk(1, [event(0, begin)]))
    assert (await call.read()).ack.through_seq == 1
    before_us, after_us = begin * 1000 - 1_000_000, (begin + 3_600_000) * 1000
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        [channel] = [name for name in await client.pubsub_channels() if name.endswith(b":live")]
        for opened_us in (before_us, after_us):
            notice = FanOutNotice("another server", opened=[("demo", session, window, opened_us)])
            await client.publish(channel, msgspec.msgpack.encode(notice))
            if opened_us == before_us:
                await asyncio.sleep(0.2)
                await call.write(chunk(2, [event(1, begin)]))
                assert (await call.read()).ack.through_seq == 2
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.ABORTED


async def test_watchers_and_followers_hear_of_what_other_servers_do(pair) -> None:
    recorder, viewer = pair
    begin = round(time.time() * 1000)
    session = uuid7(begin)
    watching = viewer.stub.WatchSessions(pb.WatchSessionsRequest(), metadata=viewer.metadata)
    assert (await watching.read()).HasField("snapshot")
    call, _ = await open_recorder(recorder, session, uuid.uuid4())
    await call.write(chunk(1, [event(0, begin)]))
    upsert = await asyncio.wait_for(watching.read(), PATIENCE_S)
    assert upsert.upsert.session_id == str(session)
    following = viewer.stub.ReplaySession(
        pb.ReplaySessionRequest(session_id=str(session), follow=True), metadata=viewer.metadata
    )
    while not (await asyncio.wait_for(following.read(), PATIENCE_S)).HasField("live_edge"):
        pass
    await recorder.stub.DeleteSessions(pb.DeleteSessionsRequest(session_ids=[str(session)]), metadata=recorder.metadata)
    while not (part := await asyncio.wait_for(following.read(), PATIENCE_S)).HasField("end"):
        pass
    assert part.end.reason == 3
    while not (change := await asyncio.wait_for(watching.read(), PATIENCE_S)).HasField("removal"):
        pass
    assert change.removal.session_id == str(session)
