"""Projects do not see each other: every RPC, with the token of another project."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import grpc
import pytest
from afterimage.audit.v1 import access_event_pb2, heatmap_pb2
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1.session_filter_pb2 import SessionFilter
from google.protobuf.timestamp_pb2 import Timestamp
from support.audit_server import (
    AuditServer,
    click,
    console_error,
    full_snapshot,
    meta,
    move,
    new_session,
    now_ms,
    start_of,
)

from services.runtime.uuid7 import uuid7

PAGE = "https://shop.example/secret-page"
OWNER = "the-owner"

METHODS = pb.DESCRIPTOR.services_by_name["AuditService"].methods_by_name


class RecordedProject:
    """One session of the project "demo", and calls of another project with its ids."""

    def __init__(self, audit: AuditServer, session: str, window: str) -> None:
        self.audit = audit
        self.session = session
        self.window = window

    def auth(self, project: str, *scopes: str) -> list[tuple[str, str]]:
        return self.audit.auth(*scopes, project=project, subject=OWNER if project == "demo" else "a-stranger")


Case = Callable[[RecordedProject, str], Awaitable[bool]]
"""Calls with a token of the project; returns whether anything of the recorded session was to be seen."""


async def record_session(one: RecordedProject, project: str) -> bool:
    """A resumed stream would say that the next seq is 3."""
    async with one.audit.recorder(one.session, one.window, project=project) as recorder:
        assert await recorder.ended() is None
        return recorder.ready.next_seq > 1


async def list_sessions(one: RecordedProject, project: str) -> bool:
    seen = False
    for wanted in (SessionFilter(), SessionFilter(actor_id="ann"), SessionFilter(page="secret")):
        for order in pb.SessionOrder.values():
            request = pb.ListSessionsRequest(filter=wanted, order=order)
            page = await one.audit.stub.ListSessions(request, metadata=one.auth(project, "view"))
            seen |= bool(page.sessions or page.next_page_token)
    return seen


async def get_session(one: RecordedProject, project: str) -> bool:
    request = pb.GetSessionRequest(session_id=one.session)
    return bool((await one.audit.stub.GetSession(request, metadata=one.auth(project, "view"))).windows)


async def get_replay_start(one: RecordedProject, project: str) -> bool:
    request = pb.GetReplayStartRequest(session_id=one.session)
    answer = await one.audit.stub.GetReplayStart(request, metadata=one.auth(project, "view"))
    return answer.HasField("session_start_time")


async def replay_session(one: RecordedProject, project: str) -> bool:
    cursor = pb.ReplayCursor(positions=[pb.WindowPosition(window_id=one.window, seq=1)])
    for values in ({"follow": True}, {"window_id": one.window}, {"cursor": cursor}, {}):
        request = pb.ReplaySessionRequest(session_id=one.session, **values)
        messages = one.audit.stub.ReplaySession(request, metadata=one.auth(project, "view"))
        try:
            first = await messages.read()
        finally:
            messages.cancel()
        if first is not grpc.aio.EOF:
            return True
    return False


async def watch_sessions(one: RecordedProject, project: str) -> bool:
    messages = one.audit.stub.WatchSessions(pb.WatchSessionsRequest(), metadata=one.auth(project, "view"))
    first = await messages.read()
    seen = bool(first.snapshot.sessions)
    async with one.audit.recorder(one.session, one.window) as recorder:  # it changes while the stranger watches
        seq = recorder.ready.next_seq
        await recorder.send(seq, [move(start_of(one.session) + seq)])
        await recorder.ack(seq)
        reading = asyncio.create_task(messages.read())
        done, _ = await asyncio.wait([reading], timeout=1.5)
        messages.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return seen or bool(done)


async def get_heatmap(one: RecordedProject, project: str) -> bool:
    request = pb.GetHeatmapRequest(page=PAGE, kind=heatmap_pb2.HEATMAP_KIND_CLICK)
    found = await one.audit.stub.GetHeatmap(request, metadata=one.auth(project, "view"))
    return bool(found.points or found.sample_count or found.session_count)


async def list_pages(one: RecordedProject, project: str) -> bool:
    found = await one.audit.stub.ListPages(pb.ListPagesRequest(), metadata=one.auth(project, "view"))
    return bool(found.pages)


async def list_interactions(one: RecordedProject, project: str) -> bool:
    request = pb.ListInteractionsRequest(session_id=one.session)
    found = await one.audit.stub.ListInteractions(request, metadata=one.auth(project, "view"))
    return bool(found.interactions)


async def list_access_events(one: RecordedProject, project: str) -> bool:
    await get_session(one, "demo")  # something for the owner's trail
    request = pb.ListAccessEventsRequest()
    found = await one.audit.stub.ListAccessEvents(request, metadata=one.auth(project, "admin"))
    return any(event.subject == OWNER for event in found.access_events)


async def record_access_events(one: RecordedProject, project: str) -> bool:
    """Entries that a project writes are in its own trail, and in no other."""
    event = access_event_pb2.AccessEvent(
        access_event_id=str(uuid7(now_ms())),
        time=Timestamp(seconds=now_ms() // 1000),
        action=access_event_pb2.ACCESS_ACTION_SHARE_REDEEM,
        outcome=access_event_pb2.ACCESS_OUTCOME_ALLOWED,
        session_id=one.session,
        rpc="/afterimage.share.v1.ShareService/RedeemShareLink",
        subject=f"written-by-{project}",
    )
    await one.audit.stub.RecordAccessEvents(
        pb.RecordAccessEventsRequest(access_events=[event]), metadata=one.auth(project, "internal")
    )
    trail = await one.audit.stub.ListAccessEvents(pb.ListAccessEventsRequest(), metadata=one.auth("demo", "admin"))
    return any(entry.subject == f"written-by-{project}" for entry in trail.access_events)


async def list_deletions(one: RecordedProject, project: str) -> bool:
    """Another session than that of the test, which has to stay."""
    deleted = new_session()
    await one.audit.record(deleted, [[move(start_of(deleted), 0)]])
    receipt = pb.DeleteSessionsRequest(session_ids=[deleted])
    await one.audit.stub.DeleteSessions(receipt, metadata=one.auth("demo", "admin"))
    found = await one.audit.stub.ListDeletions(pb.ListDeletionsRequest(), metadata=one.auth(project, "internal"))
    return deleted in found.session_ids


async def get_privacy_policy(one: RecordedProject, project: str) -> bool:
    """The policy is a project's own setting and contains no recorded data."""
    found = await one.audit.stub.GetPrivacyPolicy(pb.GetPrivacyPolicyRequest(), metadata=one.auth(project, "view"))
    return one.session in str(found)


async def delete_sessions(one: RecordedProject, project: str) -> bool:
    metadata = one.auth(project, "admin")
    by_id = pb.DeleteSessionsRequest(session_ids=[one.session])
    by_actor = pb.DeleteSessionsRequest(actor_id="ann")
    receipts = [await one.audit.stub.DeleteSessions(request, metadata=metadata) for request in (by_actor, by_id)]
    return any(receipt.session_count or receipt.chunk_count for receipt in receipts)


CASES: dict[str, Case] = {
    "RecordSession": record_session,
    "ListSessions": list_sessions,
    "GetSession": get_session,
    "GetReplayStart": get_replay_start,
    "ReplaySession": replay_session,
    "WatchSessions": watch_sessions,
    "GetHeatmap": get_heatmap,
    "ListPages": list_pages,
    "ListInteractions": list_interactions,
    "DeleteSessions": delete_sessions,
    "ListAccessEvents": list_access_events,
    "RecordAccessEvents": record_access_events,
    "ListDeletions": list_deletions,
    "GetPrivacyPolicy": get_privacy_policy,
}

SHOWS_NOTHING = {"GetPrivacyPolicy"}
"""To the owner neither."""


def test_every_rpc_has_a_case_here():
    assert set(CASES) == set(METHODS)


async def seen(case: Case, one: RecordedProject, project: str) -> bool | None:
    """Returns whether a project's token saw anything; None: the RPC is not built yet."""
    try:
        return await case(one, project)
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.UNIMPLEMENTED:
            return None
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
        return False


@pytest.mark.parametrize("method", CASES)
async def test_another_projects_token_sees_nothing(audit, method):
    session = new_session()
    start = start_of(session)
    first = [meta(start, PAGE), full_snapshot(start), click(start + 10), console_error(start + 11)]
    window = await audit.record(session, [first, [click(start + 20)]], actor_id="ann", end=False)
    one = RecordedProject(audit, session, window)

    assert not await seen(CASES[method], one, "other")

    # The owner gets data from the same call: the empty answers above have no other cause.
    owned = await seen(CASES[method], one, "demo")
    assert owned is None or owned == (method not in SHOWS_NOTHING)
    if method != "DeleteSessions":
        replay = await audit.replay(session)
        assert replay.events[:5] == [*first, click(start + 20)]


async def test_the_same_ids_in_two_projects_do_not_mix(audit):
    session, window = new_session(), str(uuid4())
    start = start_of(session)
    sent = {
        project: [[move(start + n, n + index * 100)] for n in range(5 + index)]
        for index, project in enumerate(("demo", "other"))
    }
    async with (
        audit.view(session, follow=True) as early,
        audit.recorder(session, window, actor_id="ann") as ours,
        audit.recorder(session, window, project="other", actor_id="eve") as theirs,
    ):
        assert (await early.ended()).code == grpc.StatusCode.NOT_FOUND
        for recorder, project in ((ours, "demo"), (theirs, "other")):
            assert recorder.ready.next_seq == 1
            for seq, events in enumerate(sent[project][:4], 1):
                await recorder.send(seq, events)
            await recorder.ack(4)
        async with audit.view(session, follow=True) as viewer:
            await viewer.until("live_edge")
            assert (await ours.until("command")).WhichOneof("command") == "flush_interval"
            for seq in (5, 6):
                await theirs.send(seq, sent["other"][seq - 1])
            await theirs.ack(6)
            await ours.send(5, sent["demo"][4])
            await ours.ack(5)
            assert (await viewer.until("chunk")).seq == 5
            assert [m.chunk.seq for m in viewer.seen if m.WhichOneof("message") == "chunk"] == [1, 2, 3, 4, 5]
        assert theirs.commands == []
        assert await ours.end(5) is None
        assert await theirs.end(6) is None
    for project, actor in (("demo", "ann"), ("other", "eve")):
        replay = await audit.replay(session, project=project)
        assert replay.events == [event for chunk in sent[project] for event in chunk]
        [listed] = await audit.sessions(project=project)
        assert (listed.actor_id, listed.totals.event_count) == (actor, len(sent[project]))
    assert (await audit.delete(session, project="other")).chunk_count == 6
    assert not await audit.is_stored(session, project="other")
    assert await audit.is_stored(session, project="demo")
    async with audit.recorder(session, window) as again:  # deleted there, not here
        assert again.ready.next_seq == 6
