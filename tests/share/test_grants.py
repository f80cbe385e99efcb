"""Access of a redeemed link in AuditService, and its limits."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from afterimage.audit.v1 import access_event_pb2
from afterimage.audit.v1 import audit_service_pb2 as pb
from google.protobuf import timestamp_pb2
from support.share import bearer, refusal, replay, seconds, ticks
from support.wait import PATIENCE_S

Code = grpc.StatusCode


def moment(message) -> float:
    return message.seconds + message.nanos / 1e9


async def grant(share, session, **fields):
    made = await share.create(session, **fields)
    return made, (await share.redeem(made.token)).grant_token


async def test_a_grant_opens_its_session_and_nothing_else(share, audit):
    session, other = await audit.record(), await audit.record()
    _, token = await grant(share, session)
    assert ticks(await replay(audit, token, session)) == list(range(61))
    got = await audit.stub.GetSession(pb.GetSessionRequest(session_id=session), metadata=bearer(token))
    assert len(got.pages) == 4

    stranger = audit.mint("view", project="other")
    for method, request in (("ReplaySession", pb.ReplaySessionRequest), ("GetSession", pb.GetSessionRequest)):
        told = [await _told(audit, method, request(session_id=other), by) for by in (token, stranger)]
        assert [one.code for one in told] == [Code.NOT_FOUND] * 2
        assert told[0].message == told[1].message
    for method, request in (
        ("ListSessions", pb.ListSessionsRequest()),
        ("WatchSessions", pb.WatchSessionsRequest()),
        ("GetHeatmap", pb.GetHeatmapRequest(page="x", kind=1)),
        ("ListPages", pb.ListPagesRequest()),
        ("DeleteSessions", pb.DeleteSessionsRequest(session_ids=[session])),
        ("ListAccessEvents", pb.ListAccessEventsRequest()),
        ("RecordAccessEvents", pb.RecordAccessEventsRequest()),
        ("GetPrivacyPolicy", pb.GetPrivacyPolicyRequest()),
    ):
        assert (await _told(audit, method, request, token)).code is Code.PERMISSION_DENIED, method


async def _told(audit, method, request, token):
    call = getattr(audit.stub, method)(request, metadata=bearer(token))
    return await refusal(call if hasattr(call, "__await__") else _all(call))


async def _all(call):
    return [part async for part in call]


async def _rest(call):
    parts = []
    while (part := await call.read()) is not grpc.aio.EOF:
        parts.append(part)
    return parts


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        ((None, 25), (0, 25)),
        ((25, None), (40, 60)),  # from the full snapshot after it
        ((25, 43), (40, 43)),
        ((20, 20.5), (20, 20)),
        ((0, 60), (0, 60)),
    ],
)
async def test_a_replay_stays_inside_the_range(share, audit, span, shown):
    session = await audit.record()
    offsets = {name: at for name, at in zip(("start_offset", "end_offset"), span, strict=True) if at is not None}
    _, token = await grant(share, session, **offsets)
    first, last = shown
    cursor = pb.ReplayCursor()
    begun = timestamp_pb2.Timestamp(seconds=1_600_000_000)
    for fields in (
        {},
        {"from_offset": seconds(0)},
        {"from_time": begun},
        {"cursor": cursor},
        {"follow": True},
        {"follow": True, "cursor": cursor},
    ):
        parts = await replay(audit, token, session, **fields)
        assert ticks(parts) == list(range(first, last + 1)), fields
        assert parts[-1].HasField("end")
    # Resuming from inside the range is allowed, and the range's end stays the same.
    late = ticks(await replay(audit, token, session, from_offset=seconds(45)))
    assert set(late) <= set(range(first, last + 1))

    got = await audit.stub.GetSession(pb.GetSessionRequest(session_id=session), metadata=bearer(token))
    shown_pages = {int(page.url.rpartition("/")[2]) for page in got.pages}
    assert shown_pages == {at for at in (0, 20, 40, 60) if first <= at <= last}
    for session_shown in (got.session, parts[0].header.session):
        assert session_shown.duration == seconds(span[1] or 60)
        assert not session_shown.HasField("totals")
        assert not session_shown.HasField("active_duration")
    for window in (*got.windows, *parts[0].header.windows):
        started, ended = (moment(at) - moment(got.session.start_time) for at in (window.start_time, window.end_time))
        assert (round(started), ended) == (first, span[1] or 60)
        assert not window.HasField("totals")


async def test_a_followed_session_ends_with_the_range(share, audit):
    session = await audit.record(ended=False)
    _, token = await grant(share, session, end_offset=30)
    async with asyncio.timeout(PATIENCE_S):
        parts = await replay(audit, token, session, follow=True)
    assert ticks(parts) == list(range(31))
    assert parts[-1].end.reason == pb.REPLAY_END_REASON_COMPLETE


async def test_revocation_closes_open_streams(share, audit):
    session = await audit.record(ended=False)
    made, token = await grant(share, session)
    _, other = await grant(share, session)

    async def follow(by):
        """Returns the rest of a stream, which is open."""
        request = pb.ReplaySessionRequest(session_id=session, follow=True)
        call = audit.stub.ReplaySession(request, metadata=bearer(by))
        while not (await call.read()).HasField("live_edge"):
            pass
        return asyncio.create_task(refusal(_rest(call)))

    async with asyncio.timeout(PATIENCE_S):
        streams = [await follow(token) for _ in range(5)]
        members, neighbour = await follow(audit.mint("view")), await follow(other)
    assert [await stream for stream in streams if stream.done()] == []
    await share.revoke(made.share_link.share_link_id)
    told = await asyncio.wait_for(asyncio.gather(*streams), PATIENCE_S)
    assert {(one.code, one.reason) for one in told} == {(Code.PERMISSION_DENIED, "LINK_ENDED")}
    await asyncio.sleep(0.2)
    assert not members.done()
    assert not neighbour.done()
    for task in (members, neighbour):
        task.cancel()
    # And new calls are not opened any more.
    for method, request in (("ReplaySession", pb.ReplaySessionRequest), ("GetSession", pb.GetSessionRequest)):
        told = await _told(audit, method, request(session_id=session), token)
        assert (told.code, told.reason) == (Code.PERMISSION_DENIED, "LINK_ENDED")


async def test_deleting_a_session_ends_its_links(share, audit):
    session = await audit.record()
    made, token = await grant(share, session)
    await share.create(session)
    answer = await audit.stub.DeleteSessions(
        pb.DeleteSessionsRequest(session_ids=[session]), metadata=bearer(audit.mint("admin"))
    )
    assert answer.share_link_count == 2
    assert (await refusal(share.redeem(made.token))).code is Code.NOT_FOUND
    assert (await _told(audit, "GetSession", pb.GetSessionRequest(session_id=session), token)).code in {
        Code.PERMISSION_DENIED,
        Code.NOT_FOUND,
    }


async def test_what_a_grant_opens_is_in_the_trail(share, audit):
    session = await audit.record()
    made, token = await grant(share, session)
    await replay(audit, token, session)
    await _told(audit, "ListSessions", pb.ListSessionsRequest(), token)
    link = made.share_link.share_link_id
    events = []
    async with asyncio.timeout(PATIENCE_S):
        while len(events) < 2:
            await asyncio.sleep(0.05)
            events = [event for event in await audit.trail(share_link_id=link) if "audit.v1" in event.rpc]
    assert [(event.action, event.outcome, event.subject) for event in events] == [
        (access_event_pb2.ACCESS_ACTION_REPLAY, access_event_pb2.ACCESS_OUTCOME_ALLOWED, f"link:{link}"),
        (access_event_pb2.ACCESS_ACTION_LIST, access_event_pb2.ACCESS_OUTCOME_DENIED, f"link:{link}"),
    ]
