"""ReplaySession: stored chunks, start positions, their order, and the join of history and live."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1.audit_service_pb2_grpc import AuditServiceStub
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from support.audit_server import (
    AuditServer,
    full_snapshot,
    long_story,
    meta,
    move,
    new_session,
    now_ms,
    start_of,
)
from support.campaign import examples

from services.audit.live.hub import TAIL_BYTES
from services.audit.replay.replayer import POLL_S
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.engine import Params, Row

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMPLETE, SESSION_ENDED, DELETED = 1, 2, 3


@pytest.fixture
def audit(shared_audit: AuditServer) -> AuditServer:
    """One server for all tests: each has its own sessions."""
    return shared_audit


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def long_session(shared_audit: AuditServer) -> tuple[str, list[list[dict[str, Any]]]]:
    """A recorded session and its chunks, which only replays read."""
    session = new_session()
    chunks = long_story(start_of(session))
    await shared_audit.record(session, chunks)
    return session, chunks


def offset(ms: int) -> Duration:
    return Duration(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def moment(ms: int) -> Timestamp:
    return Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


async def test_a_whole_replay_is_what_was_sent(audit):
    session = new_session()
    chunks = long_story(start_of(session))
    window = await audit.record(session, chunks)
    replay = await audit.replay(session)
    assert replay.end == COMPLETE
    assert replay.events == [event for chunk in chunks for event in chunk]
    assert replay.positions == [(window, seq) for seq in range(1, 41)]
    assert replay.header.chunk_count == 40
    assert replay.header.payload_bytes == sum(len(chunk.payload) for chunk in replay.chunks)
    assert replay.header.from_time.ToMilliseconds() == start_of(session)
    assert [window.last_seq for window in replay.header.windows] == [40]
    for sent, got in zip(chunks, replay.chunks, strict=True):
        assert got.event_count == len(sent)
        assert got.first_time.ToMilliseconds() == sent[0]["timestamp"]
        assert got.last_time.ToMilliseconds() == sent[-1]["timestamp"]
        assert got.has_full_snapshot == any(event["type"] == 2 for event in sent)


async def test_a_large_session_comes_whole(audit):
    """More bytes than one read of storage returns, in chunks of very different sizes."""
    session, rng = new_session(), random.Random(1)
    chunks = []
    for number in range(60):
        text = rng.randbytes(rng.choice([5, 500, 200_000])).hex()
        event = {"type": 5, "data": {"tag": "t", "payload": {"text": text}}, "timestamp": start_of(session) + number}
        chunks.append([event])
    await audit.record(session, chunks)
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]


@pytest.mark.parametrize(
    ("from_ms", "begins_with"),
    [
        (0, 1),
        (1, 1),
        (9_999, 1),
        (10_000, 10),  # the snapshot is in the 11th chunk, its Meta in the 10th
        (10_001, 10),
        (19_999, 10),
        (20_000, 20),
        (35_500, 30),
        (39_500, 30),
        (10_000_000, 30),
    ],
)
async def test_a_replay_begins_with_the_last_snapshot_at_or_before_the_moment(
    audit, long_session, from_ms, begins_with
):
    session, chunks = long_session
    expected = [event for chunk in chunks[begins_with - 1 :] for event in chunk]
    for values in ({"from_offset": offset(from_ms)}, {"from_time": moment(start_of(session) + from_ms)}):
        replay = await audit.replay(session, **values)
        assert [seq for _, seq in replay.positions] == list(range(begins_with, 41))
        assert replay.events == expected
        assert replay.header.chunk_count == len(replay.chunks)
        assert replay.header.from_time == replay.chunks[0].first_time
        # A player can start: the page's size precedes its snapshot, which precedes the wanted time.
        kinds = [event["type"] for event in replay.events]
        snapshot = next(event for event in replay.events if event["type"] == 2)
        assert 4 in kinds[: kinds.index(2)]
        assert snapshot["timestamp"] <= start_of(session) + min(from_ms, 30_000) or from_ms == 0


async def test_a_moment_before_the_start_is_the_start(audit):
    session = new_session()
    chunks = long_story(start_of(session), count=12)
    await audit.record(session, chunks)
    replay = await audit.replay(session, from_time=moment(start_of(session) - 60_000))
    assert len(replay.chunks) == 12


async def test_offsets_count_from_the_first_event_not_from_the_id(audit):
    session = new_session()
    late = start_of(session) + 5_000
    await audit.record(session, long_story(late))
    replay = await audit.replay(session, from_offset=offset(10_000))
    assert replay.positions[0][1] == 10


async def two_windows(audit: AuditServer) -> tuple[str, str, str]:
    """Records two windows with alternating chunks: the first from 0 s to 19 s, the second from 10.5 s to 29.5 s."""
    session, start = new_session(), 0
    start = start_of(session)
    one, two = str(uuid4()), str(uuid4())
    async with audit.recorder(session, one) as first, audit.recorder(session, two) as second:
        for seq, events in enumerate(long_story(start, count=20), 1):
            await first.send(seq, events)
        for seq, events in enumerate(long_story(start + 10_500, count=20), 1):
            await second.send(seq, events)
        await first.ack(20)
        await second.ack(20)
        assert await first.end(20) is None
        assert await second.end(20) is None
    return session, one, two


async def test_windows_play_in_the_order_of_time_and_each_in_its_own(audit):
    session, one, two = await two_windows(audit)
    replay = await audit.replay(session)
    assert len(replay.chunks) == 40
    for window in (one, two):
        assert [seq for name, seq in replay.positions if name == window] == list(range(1, 21))
    times = [chunk.first_time.ToMilliseconds() for chunk in replay.chunks]
    assert times == sorted(times)
    turns = [name for name, _ in replay.positions[10:30]]
    assert turns == [one, two] * 10
    assert {window.window_id for window in replay.header.windows} == {one, two}


async def test_only_the_window_that_is_asked_for(audit):
    session, one, two = await two_windows(audit)
    for window in (one, two):
        replay = await audit.replay(session, window_id=window)
        assert replay.positions == [(window, seq) for seq in range(1, 21)]
        assert replay.header.chunk_count == 20
    replay = await audit.replay(session, window_id=two, from_offset=offset(25_000))
    assert replay.positions == [(two, seq) for seq in range(10, 21)]


async def test_a_window_that_was_over_by_then_is_left_out(audit):
    session, _, two = await two_windows(audit)
    replay = await audit.replay(session, from_offset=offset(25_000))
    assert {name for name, _ in replay.positions} == {two}
    replay = await audit.replay(session, from_offset=offset(15_000))
    assert len({name for name, _ in replay.positions}) == 2


async def test_a_cursor_goes_on_without_loss_or_repeat(audit):
    session, one, two = await two_windows(audit)
    whole = (await audit.replay(session)).positions
    rng = random.Random(2)
    for received in [0, 1, 39, 40, *rng.sample(range(2, 39), 6)]:
        seen = dict(whole[:received])
        cursor = pb.ReplayCursor(positions=[pb.WindowPosition(window_id=w, seq=s) for w, s in seen.items()])
        rest = await audit.replay(session, cursor=cursor)
        assert rest.positions == whole[received:]
        assert rest.header.chunk_count == 40 - received
        filtered = await audit.replay(session, cursor=cursor, window_id=two)
        assert filtered.positions == [position for position in whole[received:] if position[0] == two]
    assert {one, two} == {window for window, _ in whole}


# --- follow ---


async def test_a_follower_gets_history_an_edge_and_what_comes(audit):
    session = new_session()
    chunks = long_story(start_of(session), count=30)
    async with audit.recorder(session) as recorder:
        for seq in range(1, 11):
            await recorder.send(seq, chunks[seq - 1])
        await recorder.ack(10)
        async with audit.view(session, follow=True) as viewer:
            before = now_ms()
            edge = await viewer.until("live_edge")
            assert before - 1_000 <= edge.server_time.ToMilliseconds() <= now_ms()
            assert [m.WhichOneof("message") for m in viewer.seen[:12]] == ["header", *["chunk"] * 10, "live_edge"]
            for seq in range(11, 31):
                await recorder.send(seq, chunks[seq - 1])
                chunk = await viewer.until("chunk")
                assert chunk.seq == seq
            assert await recorder.end(30) is None
            end = await viewer.until("end")
            assert await viewer.ended() is None
    assert end.reason == SESSION_ENDED
    assert [m.WhichOneof("message") for m in viewer.seen].count("live_edge") == 1


async def test_a_crowd_follows_without_asking_storage_for_every_chunk(audit, monkeypatch):
    """A query to storage takes milliseconds: one per viewer and chunk was the bottleneck of live replay."""
    asked: list[str] = []
    query = ChdbEngine.query

    async def counted(self: ChdbEngine, sql: str, params: Params | None = None) -> list[Row]:
        asked.append(sql)
        return await query(self, sql, params)

    monkeypatch.setattr(ChdbEngine, "query", counted)
    session, viewers, chunks = new_session(), 20, 10
    async with audit.recorder(session) as recorder, AsyncExitStack() as stack:
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
        crowd = [await stack.enter_async_context(audit.view(session, follow=True)) for _ in range(viewers)]
        await asyncio.gather(*(viewer.until("live_edge") for viewer in crowd))
        assert asked  # it is counted
        asked.clear()
        began = time.monotonic()
        for seq in range(2, chunks + 2):
            await recorder.send(seq, [move(start_of(session) + seq, seq)])
            received = await asyncio.gather(*(viewer.until("chunk") for viewer in crowd))
            assert {message.seq for message in received} == {seq}
            # One message for all of them.
            assert len({message.SerializeToString(deterministic=True) for message in received}) == 1
        looks, took_s = len(asked), time.monotonic() - began
    # Each viewer looks once in POLL_S, which is longer than this takes unless the machine stands still.
    assert looks < viewers * (chunks / 2 + took_s / POLL_S), asked


async def test_following_a_session_that_is_over_ends(audit):
    session = new_session()
    await audit.record(session, long_story(start_of(session), count=5))
    replay = await audit.replay(session, follow=True)
    assert len(replay.chunks) == 5
    assert replay.end == SESSION_ENDED


async def test_a_follower_of_one_window_gets_nothing_of_others(audit):
    session = new_session()
    async with audit.recorder(session) as one, audit.recorder(session) as two:
        await one.send(1, [move(start_of(session))])
        await two.send(1, [move(start_of(session))])
        await one.ack(1)
        await two.ack(1)
        async with audit.view(session, follow=True, window_id=one.window) as viewer:
            await viewer.until("live_edge")
            for seq in range(2, 12):
                await two.send(seq, [move(start_of(session) + seq)])
                await one.send(seq, [move(start_of(session) + seq)])
            await one.ack(11)
            await two.ack(11)
            assert await one.end(11) is None
            assert await two.end(11) is None
            assert await viewer.ended() is None
    chunks = [(m.chunk.window_id, m.chunk.seq) for m in viewer.seen if m.WhichOneof("message") == "chunk"]
    assert chunks == [(one.window, seq) for seq in range(1, 12)]


async def test_a_window_that_opens_while_somebody_follows_is_followed_too(audit):
    session = new_session()
    async with audit.recorder(session) as one:
        await one.send(1, [move(start_of(session))])
        await one.ack(1)
        async with audit.view(session, follow=True) as viewer:
            await viewer.until("live_edge")
            async with audit.recorder(session) as two:
                await two.send(1, [move(start_of(session) + 10)])
                assert (await viewer.until("chunk")).window_id == two.window
                assert await two.end(1) is None
            await one.send(2, [move(start_of(session) + 20)])
            assert (await viewer.until("chunk")).window_id == one.window
            assert await one.end(2) is None
            assert (await viewer.until("end")).reason == SESSION_ENDED


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(examples(2, 4)))
async def test_history_and_tail_join_without_gap_or_repeat(audit, seed):
    """Viewers connect, disconnect and resume with their cursor at random times while two windows are recorded."""
    rng = random.Random(seed)
    session, count = new_session(), 80
    windows = [str(uuid4()), str(uuid4())]
    first_stored = asyncio.Event()

    async def record(window: str, seed: int) -> None:
        pauses = random.Random(seed)
        async with audit.recorder(session, window) as recorder:
            for seq in range(1, count + 1):
                await recorder.send(seq, [move(start_of(session) + seq, seq)])
                if seq == 1:
                    await recorder.ack(1)
                    first_stored.set()
                if pauses.random() < 0.3:
                    await asyncio.sleep(pauses.random() * 0.02)
            await recorder.ack(count)
            # Both at the end, so that the session does not end while one window has not begun.
            done[window].set()
            for other in done.values():
                await other.wait()
            assert await recorder.end(count) is None

    async def watch(seed: int) -> dict[str, list[int]]:
        choices = random.Random(seed)
        seen: dict[str, list[int]] = {window: [] for window in windows}
        while True:
            cursor = pb.ReplayCursor(
                positions=[pb.WindowPosition(window_id=w, seq=s[-1]) for w, s in seen.items() if s]
            )
            patience = choices.choice([1, 3, 20, 60, 10_000])
            async with audit.view(session, follow=True, cursor=cursor) as viewer:
                while patience:
                    message = await viewer.next()
                    match message.WhichOneof("message"):
                        case "chunk":
                            seen[message.chunk.window_id].append(message.chunk.seq)
                            patience -= 1
                        case "end":
                            assert message.end.reason == SESSION_ENDED
                            return seen
                    if choices.random() < 0.05:
                        await asyncio.sleep(choices.random() * 0.05)

    done = {window: asyncio.Event() for window in windows}
    async with asyncio.TaskGroup() as tasks:
        for window in windows:
            tasks.create_task(record(window, rng.random()))
        await first_stored.wait()
        watching = [tasks.create_task(watch(rng.random())) for _ in range(5)]
    for task in watching:
        assert task.result() == {window: list(range(1, count + 1)) for window in windows}


async def test_a_slow_follower_gets_everything_from_storage(audit):
    """More chunks than a follower's queue holds arrive while the follower does not read."""
    session, rng, count = new_session(), random.Random(3), 40

    def chunk(seq: int) -> list[dict[str, Any]]:
        text = rng.randbytes(TAIL_BYTES // 16).hex()  # hexadecimal halves again in gzip
        return [{"type": 5, "data": {"tag": "t", "payload": {"text": text}}, "timestamp": start_of(session) + seq}]

    # A window of fixed size: the server cannot hold back the bytes in it.
    narrow = grpc.aio.insecure_channel(audit.address, options=[("grpc.http2.bdp_probe", 0)])
    async with narrow, audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
        call = AuditServiceStub(narrow).ReplaySession(
            pb.ReplaySessionRequest(session_id=session, follow=True), metadata=audit.auth("view")
        )
        while (await call.read()).WhichOneof("message") != "live_edge":
            pass
        for seq in range(2, count + 1):  # nothing is read meanwhile
            await recorder.send(seq, chunk(seq))
        await recorder.ack(count)
        got = [await call.read()]
        while got[-1].chunk.seq < count:
            got.append(await call.read())
        assert [message.chunk.seq for message in got] == list(range(2, count + 1))
        assert await recorder.end(count) is None
        assert (await call.read()).end.reason == SESSION_ENDED


async def test_a_deletion_ends_a_follower(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
        async with audit.view(session, follow=True) as one, audit.view(session, follow=True) as two:
            await one.until("live_edge")
            await two.until("live_edge")
            await audit.delete(session)
            assert (await one.until("end")).reason == DELETED
            assert (await two.until("end")).reason == DELETED
            assert await one.ended() is None


async def test_a_follow_ends_with_its_token(audit):
    session = new_session()
    await audit.record(session, [[move(start_of(session))]], end=False)
    request = pb.ReplaySessionRequest(session_id=session, follow=True)
    metadata = audit.auth("view", ttl_s=1)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        _ = [message async for message in audit.stub.ReplaySession(request, metadata=metadata)]
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_a_viewer_who_leaves_is_let_go(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [meta(start_of(session)), full_snapshot(start_of(session))])
        await recorder.ack(1)
        for _ in range(5):
            async with audit.view(session, follow=True) as viewer:
                await viewer.until("live_edge")
                assert (await recorder.until("command")).flush_interval == offset(250)
            assert (await recorder.until("command")).flush_interval == offset(2_000)
