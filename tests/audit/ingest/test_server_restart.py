"""Restart of a server: acknowledged chunks are stored, and recorders continue after them."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest
from support.audit_server import audit_settings, move, new_session, running, start_of, story


async def test_a_server_that_restarts_goes_on_where_storage_is(tmp_path):
    session, window = new_session(), str(uuid4())
    chunks = story(session, 6)
    settings = audit_settings(tmp_path)
    for begin, end in ((1, 4), (4, 7)):
        async with running(settings) as audit, audit.recorder(session, window) as recorder:
            assert recorder.ready.next_seq == begin
            for seq in range(begin, end):
                await recorder.send(seq, chunks[seq - 1])
            await recorder.ack(end - 1)
    async with running(settings) as audit:
        replay = await audit.replay(session)
    assert replay.events == [event for chunk in chunks for event in chunk]
    # Interactions across two chunks are counted too: the state came back from storage.
    assert replay.header.session.totals.click_count == 5
    assert replay.header.session.active_duration.ToMilliseconds() == 510 - 2


@pytest.mark.usefixtures("long_grace")
async def test_a_server_that_stops_ends_open_streams_and_keeps_what_it_acknowledged(tmp_path):
    settings = audit_settings(tmp_path)
    sessions = [new_session() for _ in range(5)]
    async with running(settings) as audit:
        recorders = [audit.recorder(session) for session in sessions]
        for recorder in recorders:
            await recorder.__aenter__()
            for seq in range(1, 21):
                await recorder.send(seq, [move(start_of(recorder.session) + seq)])
        for recorder in recorders:
            await recorder.ack(1)
    errors = [await recorder.ended(half_close=False) for recorder in recorders]
    assert {(error.code, error.reason) for error in errors} == {(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")}
    assert all(error.retry_after_s is not None for error in errors)
    async with running(settings) as audit:
        for recorder in recorders:
            stored = len((await audit.replay(recorder.session)).chunks)
            assert recorder.acked <= stored <= 20
