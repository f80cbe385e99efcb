"""Two streams of one window: the newer one continues, and no acknowledged chunk of either is lost."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import grpc
import pytest
from support.audit_server import (
    StreamRecorder,
    audit_settings,
    click,
    move,
    new_session,
    running,
    start_of,
    story,
)
from support.wait import PATIENCE_S


async def test_a_newer_stream_of_a_window_ends_the_older_one_and_goes_on(audit):
    session, window = new_session(), str(uuid4())
    chunks = story(session, 4)
    async with audit.recorder(session, window) as older:
        await older.send(1, chunks[0])
        await older.send(2, chunks[1])
        await older.ack(2)
        async with audit.recorder(session, window) as newer:
            error = await older.ended(half_close=False)
            assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "SUPERSEDED")
            assert newer.ready.next_seq == 3
            await newer.send(3, chunks[2])
            await newer.send(4, chunks[3])
            await newer.ack(4)
            assert await newer.end(4) is None
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]


async def test_other_windows_and_other_sessions_are_not_superseded(audit):
    session = new_session()
    async with audit.recorder(session) as one, audit.recorder(session) as two, audit.recorder(new_session()) as three:
        for recorder in (one, two, three):
            await recorder.send(1, [move(start_of(session))])
            await recorder.ack(1)
            assert await recorder.end(1) is None


@pytest.mark.campaign
async def test_superseding_under_load_keeps_what_either_stream_was_told(audit, campaign_rounds):
    """The chunk that is stored under a seq comes from the stream that got its ack, or that seq as the next one."""
    session, window = new_session(), str(uuid4())
    acked: dict[int, int] = {}
    count = campaign_rounds(120, 400)

    async def keep_sending(recorder: StreamRecorder, writer: int) -> None:
        for seq in range(recorder.ready.next_seq, recorder.ready.next_seq + count):
            try:
                await recorder.send(seq, [move(start_of(session) + seq, writer)])
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return

    tasks, recorders = [], []
    for writer in range(1, 16):
        recorder = audit.recorder(session, window)
        await recorder.__aenter__()
        recorders.append(recorder)
        tasks.append(asyncio.create_task(keep_sending(recorder, writer)))
        await asyncio.sleep(0.005 * (writer % 4))
    await asyncio.gather(*tasks)
    last = recorders[-1]
    await last.ack(last.ready.next_seq + count - 1)
    for older in recorders[:-1]:
        error = await older.ended(half_close=False)
        assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "SUPERSEDED")
    await last.cancel()
    for writer, recorder in enumerate(recorders, 1):
        for seq in range(recorder.ready.next_seq, recorder.acked + 1):
            assert acked.setdefault(seq, writer) == writer, f"seq {seq} was promised to two"
    replay = await audit.replay(session)
    assert [seq for _, seq in replay.positions] == list(range(1, last.acked + 1))
    # Each stream continued after the chunks that its predecessors had stored: none of theirs comes later.
    for seq, event in enumerate(replay.events, 1):
        expected = max(w for w, r in enumerate(recorders, 1) if r.ready.next_seq <= seq)
        assert event["data"]["positions"][0]["x"] == expected, f"seq {seq}"


async def test_a_stream_that_ends_while_the_batch_is_full_leaves_the_window_usable(tmp_path):
    """With batches of one chunk, a stream almost always waits for room when it is cut off."""
    settings = audit_settings(tmp_path, ingest={"max_batch_rows": 1})
    async with running(settings) as audit:
        session, window = new_session(), str(uuid4())
        for _ in range(8):
            async with audit.recorder(session, window) as recorder:
                first = recorder.ready.next_seq
                for seq in range(first, first + 30):
                    await recorder.send(seq, [click(start_of(session) + seq)])
                await recorder.ack(first + 2)
            # Cut off here. The next stream must not be refused, nor wait for chunks that will never be stored.
        async with asyncio.timeout(PATIENCE_S):
            async with audit.recorder(session, window) as recorder:
                stored = recorder.ready.next_seq - 1
        replay = await audit.replay(session)
        assert [seq for _, seq in replay.positions] == list(range(1, stored + 1))
        assert replay.header.session.totals.click_count == stored
