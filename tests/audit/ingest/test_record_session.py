"""RecordSession: ready, acks, gaps, resuming, and the allowed order of messages."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from uuid import uuid4

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import enums_pb2
from support.audit_server import (
    AuditServer,
    click,
    move,
    new_session,
    now_ms,
    packed,
    start_of,
    story,
)
from support.wait import opened_before_expiry

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVE, ENDED = enums_pb2.SESSION_STATUS_LIVE, enums_pb2.SESSION_STATUS_ENDED


@pytest.fixture
def audit(shared_audit: AuditServer) -> AuditServer:
    """One server for all tests: each has its own sessions."""
    return shared_audit


async def test_ready_tells_the_limits_and_the_clock(audit):
    before = now_ms()
    async with audit.recorder(new_session()) as recorder:
        ready, limits, settings = recorder.ready, recorder.ready.limits, audit.settings.ingest
    assert ready.next_seq == 1
    assert before <= ready.server_time.ToMilliseconds() <= now_ms()
    assert limits.max_chunk_bytes == settings.max_chunk_bytes
    assert limits.max_inflated_bytes == settings.max_inflated_bytes
    assert limits.max_unacked_bytes == settings.max_unacked_bytes
    assert limits.flush_interval.ToTimedelta().total_seconds() == settings.flush_interval_s


async def test_what_is_acknowledged_is_stored_and_counted(audit):
    session = new_session()
    chunks = story(session)
    async with audit.recorder(session, actor_id="ann", tags={"plan": "pro"}, first_url="https://a.example/") as one:
        for seq, events in enumerate(chunks, 1):
            await one.send(seq, events, event_count=len(events))
        await one.ack(5)
        # Neither ended nor closed: the ack alone shows that the chunk is stored.
        replay = await audit.replay(session)
    assert replay.events == [event for chunk in chunks for event in chunk]
    assert replay.positions == [(one.window, seq) for seq in range(1, 6)]
    got = replay.header.session
    assert (got.actor_id, got.actor_type, dict(got.tags), got.first_url) == (
        "ann",
        enums_pb2.ACTOR_TYPE_USER,
        {"plan": "pro"},
        "https://a.example/",
    )
    assert got.status == LIVE
    totals = got.totals
    assert (totals.chunk_count, totals.event_count, totals.click_count, totals.error_count) == (5, 15, 4, 4)
    assert (totals.page_count, totals.full_snapshot_count) == (1, 1)
    assert totals.stored_bytes == sum(len(packed(events)) for events in chunks)
    assert got.start_time.ToMilliseconds() == start_of(session)
    assert got.end_time.ToMilliseconds() == start_of(session) + 420


async def test_acks_are_cumulative_and_never_go_back_or_ahead(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in range(1, 101):
            await recorder.send(seq, [move(start_of(session) + seq, seq)])
        await recorder.ack(100)
        assert await recorder.end(100) is None
    acks = [message.ack.through_seq for message in recorder.seen if message.WhichOneof("message") == "ack"]
    assert acks == sorted(set(acks))
    assert acks[-1] == 100


@pytest.mark.campaign
async def test_the_last_ack_comes_before_the_end_however_the_stream_is_closed(audit, campaign_rounds):
    """Many short streams: an ack must not get lost between the last insert and the end."""
    session = new_session()

    async def one(number: int) -> None:
        async with audit.recorder(session) as recorder:
            await recorder.send(1, [move(start_of(session) + number)])
            await recorder.send(2, [move(start_of(session) + number)])
            error = await (recorder.end(2) if number % 2 else recorder.ended())
        assert error is None
        assert recorder.acked == 2, f"stream {number}: {recorder.seen}"

    for begin in range(0, campaign_rounds(30, 60), 10):
        await asyncio.gather(*(one(begin + number) for number in range(10)))


async def test_a_recorder_that_reconnects_goes_on_where_storage_is(audit):
    session, window = new_session(), str(uuid4())
    chunks = story(session, 8)
    async with audit.recorder(session, window) as recorder:
        for seq in range(1, 6):
            await recorder.send(seq, chunks[seq - 1])
        await recorder.ack(5)
    async with audit.recorder(session, window) as recorder:
        assert recorder.ready.next_seq == 6
        for seq in range(6, 9):
            await recorder.send(seq, chunks[seq - 1])
        await recorder.ack(8)
        assert await recorder.end(8) is None
    replay = await audit.replay(session)
    assert replay.events == [event for chunk in chunks for event in chunk]
    assert replay.header.session.totals.click_count == 7
    assert replay.header.session.totals.event_count == 24


async def test_a_chunk_that_is_stored_already_is_acknowledged_and_ignored(audit):
    session, window = new_session(), str(uuid4())
    chunks = story(session)
    await audit.record(session, chunks, window, end=False)
    before = await audit.session(session)
    async with audit.recorder(session, window) as recorder:
        for seq in (5, 1, 3):
            recorder.acked = 0
            await recorder.send(seq, [click(start_of(session) + 999_999)])  # other content: the first stays
            await recorder.ack(5)
        assert await recorder.ended() is None
    assert recorder.rejections == []
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]
    after = await audit.session(session)
    assert after.session.totals == before.session.totals
    assert after.session.end_time == before.session.end_time


async def test_a_chunk_sent_twice_before_its_ack_is_stored_once(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in range(1, 31):
            for _ in range(3):
                await recorder.send(seq, [click(start_of(session) + seq)])
        assert await recorder.end(30) is None
    assert recorder.rejections == []
    assert recorder.acked == 30
    replay = await audit.replay(session)
    assert [seq for _, seq in replay.positions] == list(range(1, 31))
    assert replay.header.session.totals.click_count == 30


async def test_totals_of_every_chunk_delivered_three_times_are_those_of_one_delivery(audit):
    """Recorders reconnect, each at a random seq that is already stored, until all chunks are stored."""
    rng = random.Random(20)
    sessions = [new_session(now_ms() - 1_000) for _ in range(4)]
    counted = []
    for session in sessions[:1]:
        await audit.record(session, story(session, 12))
        counted.append((await audit.session(session)).session.totals)

    async def deliver(session: str) -> None:
        window, base = str(uuid4()), start_of(session)
        chunks = [
            [{**event, "timestamp": event["timestamp"] - start_of(sessions[0]) + base} for event in chunk]
            for chunk in story(sessions[0], 12)
        ]
        sent = dict.fromkeys(range(1, 13), 0)
        while min(sent.values()) < 3:
            async with audit.recorder(session, window) as recorder:
                begin = rng.randint(1, recorder.ready.next_seq)
                for seq in range(begin, min(begin + rng.randint(1, 8), 13)):
                    await recorder.send(seq, chunks[seq - 1])
                    sent[seq] += 1
                if rng.random() < 0.7:
                    assert await recorder.ended() is None
        async with audit.recorder(session, window) as recorder:  # the end decides findings that wait for it
            assert await recorder.end(12) is None
        assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]

    await asyncio.gather(*(deliver(session) for session in sessions[1:]))
    for session in sessions[1:]:
        totals = (await audit.session(session)).session.totals
        assert totals.stored_bytes == pytest.approx(counted[0].stored_bytes, rel=0.1)  # gzip of other timestamps
        totals.stored_bytes = counted[0].stored_bytes
        assert totals == counted[0]


async def test_a_gap_is_rejected_with_the_expected_seq_and_the_stream_goes_on(audit):
    session = new_session()
    chunks = story(session, 4)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, chunks[0])
        await recorder.send(3, chunks[2])
        rejected = await recorder.until("rejected")
        assert (rejected.seq, rejected.reason, rejected.expected_seq) == (3, pb.REJECT_REASON_GAP, 2)
        assert rejected.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
        assert "seq" in rejected.message
        for seq in (2, 3, 4):
            await recorder.send(seq, chunks[seq - 1])
        await recorder.ack(4)
        assert await recorder.end(4) is None
    assert len(recorder.rejections) == 1
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]


async def test_what_follows_a_rejected_chunk_is_a_gap_until_it_is_sent_again(audit):
    session = new_session()
    chunks = story(session, 3)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, chunks[0])
        await recorder.send(2, "not an array")
        await recorder.send(3, chunks[2])
        await recorder.until("rejected")
        await recorder.until("rejected")
        await recorder.send(2, chunks[1])
        await recorder.send(3, chunks[2])
        await recorder.ack(3)
    assert [(r.seq, r.reason, r.expected_seq) for r in recorder.rejections] == [
        (2, pb.REJECT_REASON_INVALID_PAYLOAD, 2),
        (3, pb.REJECT_REASON_GAP, 2),
    ]
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]


async def test_a_hundred_rejections_in_a_row_are_borne_and_no_more(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for _ in range(2):
            for _ in range(100):
                await recorder.send(recorder.acked + 1, {"not": "an array"})
            await recorder.send(recorder.acked + 1, [move(start_of(session))])
            await recorder.ack(recorder.acked + 1)
        assert len(recorder.rejections) == 200
        for _ in range(101):
            await recorder.send(3, {"not": "an array"})
        error = await recorder.ended(half_close=False)
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(error.fields) == ["chunk"]
    assert "array" in error.message
    assert len((await audit.replay(session)).chunks) == 2


async def test_gaps_do_not_count_as_rejections(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in range(3, 1003):
            await recorder.send(seq, [move(start_of(session))])
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
        assert await recorder.end(1) is None
    assert {r.expected_seq for r in recorder.rejections} == {1}
    assert len(recorder.rejections) == 1000


async def test_a_second_start_ends_the_stream_and_keeps_what_came_before(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.write(start=pb.RecordingStart(session_id=session, window_id=recorder.window))
        error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SECOND_START")
    assert len((await audit.replay(session)).chunks) == 1


@pytest.mark.parametrize("first", ["chunk", "end", None])
async def test_anything_before_the_start_is_refused(audit, first):
    session = new_session()
    recorder = audit.recorder(session)
    match first:
        case "chunk":
            await recorder.send(1, [move(start_of(session))])
        case "end":
            await recorder.write(end=pb.RecordingEnd())
        case None:
            await recorder.write()
    error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "START_MISSING")
    assert not await audit.is_stored(session)


async def test_a_message_that_is_none_ends_the_stream(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.write()
        error = await recorder.ended(half_close=False)
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(error.fields) == ["message"]
    assert len((await audit.replay(session)).chunks) == 1


async def test_an_empty_stream_ends_with_ok(audit):
    recorder = audit.recorder(new_session())
    assert await recorder.ended() is None
    assert recorder.seen == []


async def test_a_half_close_without_end_stores_everything_and_leaves_the_window_open(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in range(1, 51):
            await recorder.send(seq, [move(start_of(session) + seq)])
        assert await recorder.ended() is None
    assert recorder.acked == 50
    got = await audit.session(session)
    assert got.session.status == LIVE
    assert got.session.totals.chunk_count == 50
    assert not got.windows[0].ended


async def test_what_was_taken_in_before_a_client_went_away_is_stored(audit):
    for round_number in range(5):
        session, window = new_session(), str(uuid4())
        async with audit.recorder(session, window) as recorder:
            for seq in range(1, 61):
                await recorder.send(seq, [move(start_of(session) + seq, seq)])
            await recorder.ack(1 + round_number * 10)
        async with audit.recorder(session, window) as again:
            stored = again.ready.next_seq - 1
        assert recorder.acked <= stored <= 60
        replay = await audit.replay(session)
        assert [seq for _, seq in replay.positions] == list(range(1, stored + 1))
        assert [event["data"]["positions"][0]["x"] for event in replay.events] == list(range(1, stored + 1))


async def test_a_stream_ends_with_its_token(audit):
    async def record(ttl_s):
        session = new_session()
        recorder = audit.recorder(session, token=audit.token("record", ttl_s=ttl_s))
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await recorder.write(start=pb.RecordingStart(session_id=session, window_id=recorder.window))
            await recorder.send(1, [move(start_of(session))])
        error = await recorder.ended(half_close=False)
        return (session, error) if recorder.acked else None

    session, error = await opened_before_expiry(record)
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
    assert len((await audit.replay(session)).chunks) == 1
