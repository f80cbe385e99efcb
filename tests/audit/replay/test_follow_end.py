"""Ends of a followed replay that need a server of their own: the session's time-out, and the server's stop."""

from __future__ import annotations

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import audit_settings, long_story, new_session, running, start_of

SESSION_ENDED = 2


async def test_following_a_session_that_times_out_ends(tmp_path):
    async with running(audit_settings(tmp_path, session={"idle_timeout_s": 1.0})) as audit:
        session = new_session()
        await audit.record(session, long_story(start_of(session), count=3), end=False)
        replay = await audit.replay(session, follow=True)
    assert len(replay.chunks) == 3
    assert replay.end == SESSION_ENDED


@pytest.mark.usefixtures("long_grace")
async def test_a_server_that_stops_ends_followers_and_a_cursor_goes_on(tmp_path):
    settings = audit_settings(tmp_path)
    session = new_session()
    chunks = long_story(start_of(session), count=10)
    async with running(settings) as audit:
        await audit.record(session, chunks[:6], end=False)
        viewer = audit.view(session, follow=True)
        await viewer.until("live_edge")
    error = await viewer.ended()
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")
    assert error.retry_after_s is not None
    got = [m.chunk for m in viewer.seen if m.WhichOneof("message") == "chunk"]
    async with running(settings) as audit:
        async with audit.recorder(session, got[-1].window_id) as recorder:
            for seq in range(recorder.ready.next_seq, 11):
                await recorder.send(seq, chunks[seq - 1])
            await recorder.ack(10)
            assert await recorder.end(10) is None
        cursor = pb.ReplayCursor(positions=[pb.WindowPosition(window_id=got[-1].window_id, seq=got[-1].seq)])
        rest = await audit.replay(session, cursor=cursor, follow=True)
    assert [chunk.seq for chunk in got + rest.chunks] == list(range(1, 11))
