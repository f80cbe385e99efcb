"""End of a window by its recorder, and recording after it."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import enums_pb2
from support.audit_server import (
    AuditServer,
    click,
    is_one_sentence,
    move,
    new_session,
    start_of,
    story,
)
from support.intruders import SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVE, ENDED = enums_pb2.SESSION_STATUS_LIVE, enums_pb2.SESSION_STATUS_ENDED


@pytest.fixture
def audit(shared_audit: AuditServer) -> AuditServer:
    """One server for all tests: each has its own sessions."""
    return shared_audit


@pytest.mark.parametrize("last_seq", [3, 4_000_000_000, 9_000_000_000])
async def test_an_end_that_names_a_chunk_that_is_not_stored_leaves_the_window_open(audit, last_seq):
    session, window = new_session(), str(uuid4())
    chunks = story(session, 3)
    async with audit.recorder(session, window) as recorder:
        await recorder.send(1, chunks[0])
        await recorder.send(2, chunks[1])
        error = await recorder.end(last_seq)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CHUNKS_MISSING")
    assert str(last_seq) in error.message
    assert "last_seq" in error.message
    got = await audit.session(session)
    assert got.session.status == LIVE
    assert [w.ended for w in got.windows] == [False]
    async with audit.recorder(session, window) as recorder:
        assert recorder.ready.next_seq == 3
        await recorder.send(3, chunks[2])
        assert await recorder.end(3) is None
    got = await audit.session(session)
    assert got.session.status == ENDED
    assert [(w.ended, w.last_seq) for w in got.windows] == [(True, 3)]


async def test_an_end_that_names_a_chunk_that_is_stored_is_accepted(audit):
    """`last_seq` refuses an end only when that chunk is not stored, as the contract defines."""
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in (1, 2, 3):
            await recorder.send(seq, [move(start_of(session))])
        assert await recorder.end(2) is None
    assert (await audit.session(session)).session.status == ENDED


async def test_an_end_without_last_seq_or_without_chunks_is_accepted(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        assert await recorder.end() is None
    assert not await audit.is_stored(session)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        assert await recorder.end() is None
    assert (await audit.session(session)).session.status == ENDED


@pytest.mark.parametrize("start", [{}, {"session_secret": SECRET}], ids=["without a secret", "with its secret"])
async def test_a_window_that_has_ended_takes_no_more_chunks(audit, start):
    session, window = new_session(), str(uuid4())
    chunks = story(session, 2)
    await audit.record(session, chunks, window, **start)
    async with audit.recorder(session, window, **start) as recorder:
        assert recorder.ready.next_seq == 3
        await recorder.send(3, [move(start_of(session) + 5_000)])
        error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WINDOW_ENDED")
    is_one_sentence(error)
    got = await audit.session(session)
    assert (got.session.status, [one.ended for one in got.windows]) == (ENDED, [True])
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]


async def test_what_an_ended_window_has_may_be_sent_again(audit):
    """By a beacon, by a recorder that did not hear how its end went, or by an import of a known file."""
    session, window = new_session(), str(uuid4())
    chunks = story(session, 2)
    await audit.record(session, chunks, window, session_secret=SECRET)
    async with audit.recorder(session, window, session_secret=SECRET, actor_id="late") as again:
        for seq, events in enumerate(chunks, 1):
            await again.send(seq, events)
        await again.ack(2)
        assert await again.end(2) is None
    got = await audit.session(session)
    assert (got.session.status, got.session.actor_id, got.session.totals.chunk_count) == (ENDED, "", 2)


async def test_a_stream_that_supersedes_an_ending_one_finds_the_window_ended(audit):
    for _ in range(10):
        session, window = new_session(), str(uuid4())
        async with audit.recorder(session, window) as ending:
            await ending.send(1, [move(start_of(session))])
            await ending.write(end=pb.RecordingEnd(last_seq=1))
            async with audit.recorder(session, window) as newer:
                over = await ending.ended(half_close=False)
                await newer.send(newer.ready.next_seq, [move(start_of(session) + 1)])
                error = await newer.ended()
        # Superseded before its end was read, the first stream ended nothing.
        assert (error.reason if error else "") == ("" if over else "WINDOW_ENDED")
        assert (await audit.session(session)).session.status == (LIVE if over else ENDED)


async def test_the_visitor_may_open_another_window_in_an_ended_session(audit):
    session = new_session()
    await audit.record(session, story(session, 2), session_secret=SECRET)
    await audit.record(session, story(session, 2), end=False, session_secret=SECRET)
    got = await audit.session(session)
    assert (got.session.status, sorted(one.ended for one in got.windows)) == (LIVE, [False, True])


async def test_a_session_has_ended_when_all_its_windows_have(audit):
    session = new_session()
    async with audit.recorder(session) as one, audit.recorder(session) as two:
        for recorder in (one, two):
            for seq in (1, 2):
                await recorder.send(seq, [click(start_of(session) + seq)])
            await recorder.ack(2)
        assert await one.end(2) is None
        got = await audit.session(session)
        assert got.session.status == LIVE
        assert {w.window_id: w.ended for w in got.windows} == {one.window: True, two.window: False}
        assert await two.end(2) is None
    got = await audit.session(session)
    assert got.session.status == ENDED
    assert got.session.window_count == 2
    assert got.session.totals.click_count == 4
    assert [w.totals.click_count for w in got.windows] == [2, 2]
