"""Windows that are left: a stream ends without an end, and no other stream continues the window."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1.session_filter_pb2 import SessionFilter
from afterimage.recording.v1 import enums_pb2
from support.audit_server import (
    AuditServer,
    StreamViewer,
    audit_settings,
    click,
    console_error,
    full_snapshot,
    meta,
    move,
    new_session,
    running,
    start_of,
)
from support.clock import Clock
from support.intruders import SECRET
from support.wait import PATIENCE_S

LIVE, ENDED = enums_pb2.SESSION_STATUS_LIVE, enums_pb2.SESSION_STATUS_ENDED
LEFT, TIMED_OUT = enums_pb2.SESSION_STATUS_LEFT, enums_pb2.SESSION_STATUS_TIMED_OUT
RAGE = enums_pb2.INTERACTION_KIND_RAGE_CLICK
LEFT_AFTER_S, IDLE_S = 6.0, 1_800.0
OWN = {"session_secret": SECRET}


def rage(session: str, clicks: int = 5) -> list[dict[str, Any]]:
    """Returns the events of a page on which something is clicked again and again, to the last event."""
    at = start_of(session)
    return [meta(at), full_snapshot(at + 1), *(click(at + 100 * number) for number in range(1, clicks + 1))]


class Fixture:
    """A server with a clock that the test moves."""

    def __init__(self, directory: Path, **overrides: Any) -> None:
        times = {"left_after_s": LEFT_AFTER_S, "idle_timeout_s": IDLE_S} | overrides.pop("session", {})
        self.settings = audit_settings(directory, session=times, **overrides)
        self.clock = Clock()
        self.clock.stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[AuditServer]:
        async with running(self.settings, now_ms=lambda: round(self.clock() * 1000)) as audit:
            yield audit


@pytest.fixture
def server(tmp_path: Path) -> Fixture:
    return Fixture(tmp_path)


async def until(audit: AuditServer, session: str, holds: Callable[[pb.GetSessionResponse], bool]) -> Any:
    """Returns the session once a condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds(got := await audit.session(session)):  # noqa: ASYNC110 - on the server
            await asyncio.sleep(0.2)
    return got


async def until_status(audit: AuditServer, session: str, status: int) -> Any:
    return await until(audit, session, lambda got: got.session.status == status)


async def until_left(server: Fixture, audit: AuditServer, session: str) -> Any:
    """Lets time pass until a session is left; its stream may still be closing."""

    def is_left(got: pb.GetSessionResponse) -> bool:
        server.clock.advance(LEFT_AFTER_S / 2)
        return got.session.status == LEFT

    return await until(audit, session, is_left)


async def rage_clicks(audit: AuditServer, session: str) -> list[int]:
    """Returns the number of clicks of each stored rage click."""
    request = pb.ListInteractionsRequest(session_id=session, kinds=[RAGE])
    answer = await audit.stub.ListInteractions(request, metadata=audit.auth("view"))
    return [one.count for one in answer.interactions]


async def in_status(audit: AuditServer, *statuses: int) -> set[str]:
    return {one.session_id for one in await audit.sessions(filter=SessionFilter(statuses=statuses))}


async def leave_after_rage(audit: AuditServer, session: str, window: str | None = None, **start: Any) -> str:
    return await audit.record(session, [rage(session)], window, end=False, **OWN, **start)


async def test_a_closed_tab_is_left_and_its_last_rage_click_is_found(server):
    session = new_session()
    async with server.running() as audit:
        await leave_after_rage(audit, session)
        before = await audit.session(session)
        assert (before.session.status, before.session.totals.rage_click_count) == (LIVE, 0)
        after = await until_left(server, audit, session)
        assert after.session.totals.rage_click_count == 1
        assert [(one.left, one.ended, one.totals.rage_click_count) for one in after.windows] == [(True, False, 1)]
        assert [(one.kind, one.count) for one in after.markers] == [(RAGE, 5)]
        assert await rage_clicks(audit, session) == [5]
        assert after.session.update_time.ToMilliseconds() - before.session.update_time.ToMilliseconds() <= 1
        assert after.session.end_time == before.session.end_time
        assert await in_status(audit, LEFT) == {session}
        assert await in_status(audit, LIVE, ENDED, TIMED_OUT) == set()
        assert [one.session_id for one in await audit.sessions(filter=SessionFilter(has_rage_clicks=True))] == [session]
        server.clock.advance(IDLE_S)
        assert (await audit.session(session)).session.status == LEFT


async def test_the_live_list_and_a_follower_learn_of_it(server):
    session = new_session()
    async with server.running() as audit:
        request = pb.WatchSessionsRequest(filter=SessionFilter())
        async with (
            StreamViewer(audit.stub.WatchSessions(request, metadata=audit.auth("view"))) as watcher,
            audit.recorder(session, **OWN) as recorder,
        ):
            await recorder.send(1, rage(session))
            await recorder.ack(1)
            assert (await watcher.until("upsert", PATIENCE_S)).session_id == session
            async with audit.view(session, follow=True) as follower:
                await follower.until("live_edge", PATIENCE_S)
                assert await recorder.ended() is None
                await until_left(server, audit, session)
                end = await follower.until("end", PATIENCE_S)
                assert end.reason == pb.REPLAY_END_REASON_SESSION_ENDED
            gone = await watcher.until("removal", PATIENCE_S)
            assert (gone.session_id, gone.status) == (session, LEFT)
            async with audit.recorder(session, recorder.window, **OWN):
                back = await watcher.until("upsert", PATIENCE_S)
                assert (back.session_id, back.status, back.totals.rage_click_count) == (session, LIVE, 1)


async def test_the_next_page_in_time_is_a_successor(server):
    session, window = new_session(), str(uuid4())
    at = start_of(session)
    async with server.running() as audit:
        await leave_after_rage(audit, session, window)
        server.clock.advance(LEFT_AFTER_S - 1)
        async with audit.recorder(session, window, **OWN) as one:
            server.clock.advance(LEFT_AFTER_S * 10)
            await one.send(2, [click(at + 700), click(at + 800)])
            await one.ack(2)
            other = new_session()
            await leave_after_rage(audit, other)
            await until_left(server, audit, other)
            assert (await audit.session(session)).session.status == LIVE
            assert await one.end(2) is None
        assert await rage_clicks(audit, session) == [7]


async def test_a_left_window_that_comes_back_is_live_again_and_goes_on(server):
    session, window = new_session(), str(uuid4())
    at = start_of(session)
    async with server.running() as audit:
        await leave_after_rage(audit, session, window)
        for number in range(1, 4):
            await until_left(server, audit, session)
            async with audit.recorder(session, window, **OWN) as one:
                got = await until_status(audit, session, LIVE)
                assert [one.left for one in got.windows] == [False]
                assert one.ready.next_seq == number + 1
                await one.send(number + 1, [click(at + 10_000 * number + 100 * each) for each in range(3)])
                await one.ack(number + 1)
        got = await until_left(server, audit, session)
        assert await rage_clicks(audit, session) == [5, 3, 3, 3]
        assert (got.session.totals.rage_click_count, got.session.totals.click_count) == (4, 14)
        replay = await audit.replay(session)
        assert [chunk.seq for chunk in replay.chunks] == [1, 2, 3, 4]


async def test_a_session_is_left_when_its_last_tab_is(server):
    session = new_session()
    async with server.running() as audit:
        async with audit.recorder(session, **OWN) as staying:
            await staying.send(1, [move(start_of(session))])
            await staying.ack(1)
            leaving = await leave_after_rage(audit, session)

            def has_left(got: pb.GetSessionResponse) -> bool:
                server.clock.advance(1.0)
                return any(one.left for one in got.windows)

            got = await until(audit, session, has_left)
            assert {one.window_id for one in got.windows if one.left} == {leaving}
            assert got.session.status == LIVE
            assert await staying.end(1) is None
        got = await audit.session(session)
        assert (got.session.status, sorted((one.left, one.ended) for one in got.windows)) == (
            LEFT,
            [(False, True), (True, False)],
        )
        assert await in_status(audit, LEFT) == {session}
        assert await in_status(audit, LIVE, ENDED, TIMED_OUT) == set()


async def test_open_findings_are_judged_when_an_open_tab_times_out(server):
    session = new_session()
    async with server.running() as audit, audit.recorder(session, **OWN) as recorder:
        await recorder.send(1, rage(session))
        await recorder.ack(1)
        await until_status(audit, session, LIVE)
        await asyncio.sleep(2)  # until the pause has begun: the clock stands still
        server.clock.advance(IDLE_S + 1)
        got = await until(audit, session, lambda got: got.session.totals.rage_click_count == 1)
        assert (got.session.status, got.windows[0].left) == (TIMED_OUT, False)
        await recorder.send(2, [click(start_of(session) + 700)])
        await recorder.ack(2)
        got = await audit.session(session)
        assert (got.session.status, got.session.totals.rage_click_count) == (LIVE, 1)
        assert await rage_clicks(audit, session) == [5]


async def test_a_rage_click_is_found_while_the_visitor_only_waits(server):
    """Also of a recorder that came back: its sidecar was killed, and it has nothing new to send."""
    session, window = new_session(), str(uuid4())
    async with server.running() as audit:
        await leave_after_rage(audit, session, window)
        async with audit.recorder(session, window, **OWN) as recorder:

            def is_found(got: pb.GetSessionResponse) -> bool:
                server.clock.advance(1.0)
                return got.session.totals.rage_click_count == 1

            got = await until(audit, session, is_found)
            assert (got.session.status, [(one.kind, one.count) for one in got.markers]) == (LIVE, [(RAGE, 5)])
            await recorder.send(2, [move(start_of(session) + 20_000)])
            await recorder.ack(2)
        await until_left(server, audit, session)
        assert await rage_clicks(audit, session) == [5]


async def test_requests_of_a_recorder_without_a_socket_are_not_departures(server):
    session, window = new_session(), str(uuid4())
    async with server.running() as audit:
        await leave_after_rage(audit, session, window, separate_streams=True)
        other = new_session()
        await leave_after_rage(audit, other)
        await until_left(server, audit, other)
        assert (await audit.session(session)).session.status == LIVE
        server.clock.advance(IDLE_S)
        got = await until(audit, session, lambda got: got.session.totals.rage_click_count == 1)
        assert got.session.status == TIMED_OUT
        async with audit.recorder(session, window, **OWN):  # its beacon, on leaving
            pass
        await until_left(server, audit, session)
        assert await rage_clicks(audit, session) == [5]


@pytest.mark.parametrize("asleep_s", [0.0, 20 * 86_400.0], ids=["at once", "after three weeks"])
async def test_a_restarted_server_finds_what_was_left(server, asleep_s):
    sessions = [new_session() for _ in range(3)]
    ended = new_session()
    async with server.running() as audit:
        await audit.record(ended, [rage(ended)])
        for session in sessions:
            await leave_after_rage(audit, session)
    server.clock.advance(asleep_s)
    async with server.running() as audit:
        for session in sessions:
            got = await until_left(server, audit, session)
            assert got.session.totals.rage_click_count == 1
            assert await rage_clicks(audit, session) == [5]
        assert (await audit.session(ended)).session.status == ENDED
    async with server.running() as audit:
        assert await in_status(audit, LEFT) == set(sessions)


async def test_a_recorder_that_returns_to_a_restarted_server_is_not_left(server):
    session, window = new_session(), str(uuid4())
    async with server.running() as audit:
        await leave_after_rage(audit, session, window)
    async with server.running() as audit, audit.recorder(session, window, **OWN) as one:
        other = new_session()
        await leave_after_rage(audit, other)
        await until_left(server, audit, other)
        assert (await audit.session(session)).session.status == LIVE
        assert await one.end(1) is None
        assert (await audit.session(session)).session.status == ENDED


async def test_everything_else_that_waits_is_completed_too(server):
    """Typing is reported on leaving; an error after a click was found before."""
    session = new_session()
    at = start_of(session)
    typed = {"type": 3, "timestamp": at + 50, "data": {"source": 5, "id": 7, "text": "a", "userTriggered": True}}
    async with server.running() as audit:
        events = [meta(at), full_snapshot(at), click(at + 20), console_error(at + 30), typed]
        await audit.record(session, [events], end=False, **OWN)
        await until_left(server, audit, session)
        request = pb.ListInteractionsRequest(session_id=session)
        answer = await audit.stub.ListInteractions(request, metadata=audit.auth("view"))
        kinds = {
            enums_pb2.InteractionKind.Name(one.kind).removeprefix("INTERACTION_KIND_") for one in answer.interactions
        }
        assert kinds >= {"CLICK", "ERROR", "ERROR_CLICK", "INPUT", "PAGE"}


async def test_a_deleted_session_stays_deleted(server):
    session = new_session()
    async with server.running() as audit:
        await leave_after_rage(audit, session)
        await audit.delete(session)
        other = new_session()
        await leave_after_rage(audit, other)
        await until_left(server, audit, other)
        assert not await audit.is_stored(session)


async def test_without_detectors_it_is_left_all_the_same(tmp_path):
    server, session = Fixture(tmp_path, ingest={"detectors": False}), new_session()
    async with server.running() as audit:
        await leave_after_rage(audit, session)
        got = await until_left(server, audit, session)
        assert got.session.totals.rage_click_count == 0
