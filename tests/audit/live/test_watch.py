"""WatchSessions: all live sessions, then each change."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1.session_filter_pb2 import SessionFilter
from afterimage.recording.v1 import enums_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from support.audit_server import (
    AuditServer,
    StreamViewer,
    audit_settings,
    console_error,
    move,
    new_session,
    now_ms,
    running,
    start_of,
)
from support.clock import Clock
from support.wait import PATIENCE_S

from services.audit.live.watch import TICK_S

DELETED = enums_pb2.SESSION_STATUS_UNSPECIFIED
LIVE, ENDED = enums_pb2.SESSION_STATUS_LIVE, enums_pb2.SESSION_STATUS_ENDED
TIMED_OUT = enums_pb2.SESSION_STATUS_TIMED_OUT


def watching(audit: AuditServer, **wanted: Any) -> StreamViewer:
    request = pb.WatchSessionsRequest(filter=SessionFilter(**wanted))
    return StreamViewer(audit.stub.WatchSessions(request, metadata=audit.auth("view")))


async def snapshot(viewer: StreamViewer) -> list[str]:
    message = await viewer.next()
    assert message.WhichOneof("message") == "snapshot"
    return [session.session_id for session in message.snapshot.sessions]


async def quiet(viewer: StreamViewer, seconds: float = 1.5) -> bool:
    """Returns whether no message arrives for `seconds`."""
    before = len(viewer.seen)
    await asyncio.sleep(seconds)
    return len(viewer.seen) == before


async def test_the_snapshot_holds_the_live_sessions_newest_first(audit):
    now = now_ms()
    live = [new_session(now - 1_000 * number) for number in range(5)]
    for session in live:
        await audit.record(session, [[move(start_of(session))]], end=False)
    await audit.record(new_session(), [[move(now)]], end=True)
    async with watching(audit) as viewer:
        assert await snapshot(viewer) == live
        assert {session.status for session in viewer.seen[0].snapshot.sessions} == {LIVE}
        assert await quiet(viewer), "nothing has changed"


async def test_a_new_session_a_change_and_an_end_are_told_soon(audit):
    session = new_session()
    async with watching(audit) as viewer:
        assert await snapshot(viewer) == []
        async with audit.recorder(session, actor_id="ann") as recorder:
            await recorder.send(1, [move(start_of(session))])
            await recorder.ack(1)
            new = await viewer.until("upsert", PATIENCE_S)
            assert (new.session_id, new.actor_id, new.status, new.totals.chunk_count) == (session, "ann", LIVE, 1)
            for seq in range(2, 5):
                await recorder.send(seq, [move(start_of(session) + seq)])
                await recorder.ack(seq)
                changed = await viewer.until("upsert", PATIENCE_S)
                assert changed.totals.chunk_count == seq
            assert await recorder.end(4) is None
            gone = await viewer.until("removal", PATIENCE_S)
    assert (gone.session_id, gone.status) == (session, ENDED)


async def test_a_busy_session_is_told_at_most_once_a_second(audit):
    session = new_session()
    async with watching(audit) as viewer:
        await snapshot(viewer)
        began = time.monotonic()
        async with audit.recorder(session) as recorder:
            for seq in range(1, 101):
                await recorder.send(seq, [move(start_of(session) + seq)])
                await asyncio.sleep(0.03)
            await recorder.ack(100)
            while (last := await viewer.until("upsert", PATIENCE_S)).totals.chunk_count < 100:
                pass
            took_s = time.monotonic() - began
    upserts = [message for message in viewer.seen if message.WhichOneof("message") == "upsert"]
    assert len(upserts) <= 2 + took_s / TICK_S, took_s  # the first at once
    assert last.totals.event_count == 100


async def test_a_deleted_session_is_removed(audit):
    session = new_session()
    await audit.record(session, [[move(start_of(session))]], end=False)
    async with watching(audit) as viewer:
        assert await snapshot(viewer) == [session]
        await audit.delete(session)
        gone = await viewer.until("removal", PATIENCE_S)
    assert (gone.session_id, gone.status) == (session, DELETED)


async def test_a_session_that_falls_silent_is_removed_and_comes_back_with_its_next_chunk(tmp_path):
    clock = Clock()
    clock.stop()
    settings = audit_settings(tmp_path, session={"idle_timeout_s": 60.0})
    async with running(settings, now_ms=lambda: round(clock() * 1000)) as audit:
        session = new_session()
        async with audit.recorder(session) as recorder:
            await recorder.send(1, [move(start_of(session))])
            await recorder.ack(1)
            async with watching(audit) as viewer:
                assert await snapshot(viewer) == [session]
                clock.advance(60.1)
                gone = await viewer.until("removal", PATIENCE_S)
                assert (gone.session_id, gone.status) == (session, TIMED_OUT)
                await recorder.send(2, [move(start_of(session) + 1)])
                back = await viewer.until("upsert", PATIENCE_S)
                assert (back.session_id, back.status) == (session, LIVE)
        clock.advance(60.1)
        async with watching(audit) as later:
            assert await snapshot(later) == []


async def test_a_session_of_two_windows_is_removed_when_both_have_ended(audit):
    session = new_session()
    async with watching(audit) as viewer:
        await snapshot(viewer)
        async with audit.recorder(session) as one, audit.recorder(session) as two:
            for recorder in (one, two):
                await recorder.send(1, [move(start_of(session))])
                await recorder.ack(1)
            assert await one.end(1) is None
            await asyncio.sleep(1.5)
            assert "removal" not in {message.WhichOneof("message") for message in viewer.seen}
            assert await two.end(1) is None
            assert (await viewer.until("removal", PATIENCE_S)).session_id == session


async def test_only_sessions_that_the_filter_wants(audit):
    wanted, other = new_session(), new_session()
    far = Timestamp(seconds=1)
    async with watching(audit, actor_id="ann", statuses=[ENDED], start_time=far, end_time=far) as viewer:
        assert await snapshot(viewer) == []
        await audit.record(other, [[move(start_of(other))]], actor_id="bob", end=False)
        await audit.record(wanted, [[move(start_of(wanted))]], actor_id="ann", end=False)
        assert (await viewer.until("upsert", PATIENCE_S)).session_id == wanted
        await quiet(viewer)  # the wanted session may be reported again: its stream has ended since
        await audit.delete(other)
        await quiet(viewer)
        assert {message.upsert.session_id for message in viewer.seen[1:]} == {wanted}
    async with watching(audit, actor_id="ann") as viewer:
        assert await snapshot(viewer) == [wanted]


async def test_a_session_that_begins_to_match_is_told(audit):
    session = new_session()
    async with watching(audit, has_errors=True) as viewer:
        assert await snapshot(viewer) == []
        async with audit.recorder(session) as recorder:
            await recorder.send(1, [move(start_of(session))])
            await recorder.ack(1)
            assert await quiet(viewer)
            await recorder.send(2, [console_error(start_of(session) + 5)])
            assert (await viewer.until("upsert", PATIENCE_S)).totals.error_count == 1


@pytest.mark.usefixtures("long_grace")
async def test_a_server_that_stops_ends_watchers(tmp_path):
    async with running(audit_settings(tmp_path)) as audit:
        viewer = watching(audit)
        await snapshot(viewer)
    error = await viewer.ended()
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")
