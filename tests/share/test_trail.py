from __future__ import annotations

import asyncio

import grpc
from afterimage.audit.v1 import access_event_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2 as audit_pb
from google.protobuf import timestamp_pb2
from support.share import bearer, random_token, refusal
from support.wait import PATIENCE_S

Code = grpc.StatusCode
SHARE = "/afterimage.share.v1.ShareService/"


async def eventually(audit, count, **fields):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            events = [event for event in await audit.trail(**fields) if event.rpc.startswith(SHARE)]
            if len(events) >= count:
                return events
            await asyncio.sleep(0.1)


def said(events):
    return [
        (
            event.rpc.removeprefix(SHARE),
            pb.AccessOutcome.Name(event.outcome).removeprefix("ACCESS_OUTCOME_"),
            event.subject,
            event.detail,
        )
        for event in events
    ]


async def test_what_is_done_with_a_link_is_in_the_trail(share, audit):
    session = await audit.record()
    made = await share.create(session, max_views=2, passcode="open sesame", start_offset=10)
    link = made.share_link.share_link_id
    browser = {"x_forwarded_for": "203.0.113.7", "x_user_agent": "Mozilla/5.0 (Test)"}
    await refusal(share.redeem(made.token, "wrong", **browser))
    got = await share.redeem(made.token, "open sesame", **browser)
    await share.redeem(renewal_handle=got.renewal_handle, **browser)
    await share.revoke(link)
    await refusal(share.redeem(made.token, "open sesame", **browser))
    events = await eventually(audit, 6, share_link_id=link)
    allowed = [entry for entry in said(events) if entry[1] == "ALLOWED"]
    until = f"until {made.share_link.expire_time.seconds}, from 20 s to the end, 2 views, with passcode"
    assert allowed == [
        ("CreateShareLink", "ALLOWED", "alice", until),
        ("RedeemShareLink", "ALLOWED", "", ""),
        ("RedeemShareLink", "ALLOWED", "", "renewal"),
        ("RevokeShareLink", "ALLOWED", "alice", ""),
    ]
    assert [entry for entry in said(events) if entry[1] != "ALLOWED"] == [
        ("RedeemShareLink", "DENIED", "", "wrong passcode"),
        ("RedeemShareLink", "NOT_FOUND", "", ""),
    ]
    visits = [event for event in events if event.action == pb.ACCESS_ACTION_SHARE_REDEEM]
    assert {(event.address, event.user_agent) for event in visits} == {("203.0.113.7", "Mozilla/5.0 (Test)")}
    assert {event.session_id for event in events} == {session}
    assert {event.share_link_id for event in events} == {link}


async def test_creation_that_is_refused_is_in_the_trail(share, audit):
    elsewhere = await audit.record(project="other")
    await refusal(share.create(elsewhere, subject="mallory"))
    events = await eventually(audit, 1, session_id=elsewhere)
    assert said(events) == [("CreateShareLink", "NOT_FOUND", "mallory", "")]


async def test_a_refused_scope_is_in_the_trail(share, audit):
    from afterimage.share.v1 import share_service_pb2

    session = await audit.record()
    request = share_service_pb2.CreateShareLinkRequest(session_id=session)
    told = await refusal(share.stub.CreateShareLink(request, metadata=bearer(share.mint("view", subject="mallory"))))
    assert told.code is Code.PERMISSION_DENIED
    events = await eventually(audit, 1, subject="mallory", session_id=session)
    assert said(events) == [("CreateShareLink", "DENIED", "mallory", "")]


async def test_each_of_many_redemptions_is_in_the_trail(share, audit):
    made = await share.create(await audit.record())
    await asyncio.gather(*(share.redeem(made.token) for _ in range(300)))
    events = await audit.trail(share_link_id=made.share_link.share_link_id)
    assert len(events) == 301


async def test_guesses_are_in_nobodys_trail(share, audit):
    began = timestamp_pb2.Timestamp()
    began.GetCurrentTime()
    for _ in range(5):
        await refusal(share.redeem(random_token()))
    await asyncio.sleep(1.5)
    assert await audit.trail(start_time=began) == []


async def test_only_a_process_of_ours_writes_the_trail(audit):
    request = audit_pb.RecordAccessEventsRequest(access_events=[pb.AccessEvent()])
    told = await refusal(
        audit.stub.RecordAccessEvents(request, metadata=bearer(audit.mint("view", "share", "admin", "record")))
    )
    assert told.code is Code.PERMISSION_DENIED
    told = await refusal(audit.stub.RecordAccessEvents(request, metadata=bearer(audit.mint("internal"))))
    assert told.code is Code.INVALID_ARGUMENT
    assert told.fields == {
        f"access_events[0].{name}" for name in ("access_event_id", "action", "outcome", "time", "rpc")
    }
