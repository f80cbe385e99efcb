from __future__ import annotations

import asyncio
import time

import grpc
import jwt
import pytest
from support.share import ONE_REDIS, SECRET, clock, random_token, refusal, seconds

Code = grpc.StatusCode


@pytest.fixture(name="now")
def clock_of_share(request):
    """The clock of `share`, under another name: `clock` reads a message here."""
    return request.getfixturevalue("clock")


async def test_a_link_is_made_looked_up_and_redeemed(share, audit):
    session = await audit.record()
    before = time.time()
    made = await share.create(session, 600, label="for Bob", start_offset=10, end_offset=50, max_views=3)
    link = made.share_link
    assert len(made.token) == 43
    assert made.url == f"http://127.0.0.1:8080/s/{made.token}"
    assert (link.session_id, link.created_by, link.label, link.max_views) == (session, "alice", "for Bob", 3)
    assert before + 600 <= clock(link.expire_time) <= time.time() + 601

    seen = await share.look(made.token)
    assert not seen.passcode_required
    assert seen.views_left == 3
    assert seen.expire_time == link.expire_time

    got = await share.redeem(made.token)
    assert (got.session_id, got.views_left) == (session, 2)
    assert (got.start_offset, got.end_offset) == (seconds(20), seconds(50))  # the snapshot after 10 s
    claims = jwt.decode(got.grant_token, SECRET, ["HS256"], audience="afterimage")
    assert claims["scope"] == "view"
    assert (claims["session"], claims["range"], claims["link"]) == (session, [20_000, 50_000], link.share_link_id)
    assert claims["range_origin"] == round(clock(link.start_time) * 1000) - 20_000
    assert claims["exp"] == clock(got.grant_expire_time) <= clock(link.expire_time)


async def test_a_grant_never_outlives_its_link(share, audit):
    made = await share.create(await audit.record(), 60)
    got = await share.redeem(made.token)
    assert clock(got.grant_expire_time) <= clock(made.share_link.expire_time)


async def test_renewal_counts_no_view_and_needs_no_passcode(share, audit):
    made = await share.create(await audit.record(), max_views=1, passcode="open sesame")
    got = await share.redeem(made.token, "open sesame")
    assert got.views_left == 0
    for _ in range(3):
        again = await share.redeem(renewal_handle=got.renewal_handle)
        assert again.renewal_handle == got.renewal_handle
        assert again.views_left == 0
    assert (await refusal(share.redeem(made.token, "open sesame"))).code is Code.NOT_FOUND


async def test_a_renewal_ends_with_its_link(share, audit):
    made = await share.create(await audit.record())
    got = await share.redeem(made.token)
    await share.revoke(made.share_link.share_link_id)
    assert (await refusal(share.redeem(renewal_handle=got.renewal_handle))).code is Code.NOT_FOUND


async def test_200_redeemers_at_once_share_10_views(share, audit):
    made = await share.create(await audit.record(), max_views=10)
    answers = await asyncio.gather(*(share.redeem(made.token) for _ in range(200)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(answers) - len(refused) == 10
    assert {error.code() for error in refused} == {Code.NOT_FOUND}
    assert sorted(answer.views_left for answer in answers if answer not in refused) == list(range(10))
    [listed] = (await share.list()).share_links
    assert listed.view_count == 10


async def test_a_link_ends_within_a_second_of_its_time(share, audit, now):
    import redis.asyncio

    session = await audit.record()
    now.stop()
    now.advance(-60)  # no token and no entry of the trail is of a time to come
    began, created = time.monotonic(), now()
    made = await share.create(session, 60)
    ends = clock(made.share_link.expire_time)
    assert 60 <= ends - created <= 61
    async with redis.asyncio.Redis.from_url(share.redis_url) as client:
        rest_s = await client.pttl(f"afterimage:test:share:link:{made.share_link.share_link_id}") / 1000
    assert ends - created - (time.monotonic() - began) - 0.01 <= rest_s <= ends - created + 0.01
    now.advance(ends - now() - 0.9)
    await share.redeem(made.token)
    now.advance(1.0)
    assert (await refusal(share.redeem(made.token))).code is Code.NOT_FOUND


async def test_lists_are_by_session_and_creator_in_pages(share, audit):
    first, second = await audit.record(), await audit.record()
    made = [
        (await share.create(first if number % 2 else second, subject="alice" if number % 3 else "bob")).share_link
        for number in range(12)
    ]
    newest_first = sorted(made, key=lambda link: (clock(link.create_time), link.share_link_id), reverse=True)

    async def listed(**fields):
        found, token = [], ""
        while True:
            page = await share.list(page_size=5, page_token=token, **fields)
            found += page.share_links
            token = page.next_page_token
            if not token:
                return found

    assert await listed() == newest_first
    assert await listed(session_id=first) == [link for link in newest_first if link.session_id == first]
    assert await listed(created_by="bob") == [link for link in newest_first if link.created_by == "bob"]
    both = [link for link in newest_first if link.created_by == "bob" and link.session_id == first]
    assert await listed(created_by="bob", session_id=first) == both
    assert (await share.list(project="other")).share_links == []

    page = await share.list(page_size=5)
    told = await refusal(share.list(page_size=5, page_token=page.next_page_token, created_by="bob"))
    assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {"page_token"})
    for link in made[:11]:
        await share.revoke(link.share_link_id)
    assert await listed() == [made[11]]


async def test_lists_forget_links_that_are_over(share, audit):
    session = await audit.record()
    import redis.asyncio

    async with redis.asyncio.Redis.from_url(share.redis_url) as client:
        for _ in range(30):
            made = await share.create(session)
            await client.delete(f"afterimage:test:share:link:{made.share_link.share_link_id}")
        assert await client.zcard("afterimage:test:share:of-project:demo") < 10
    assert (await share.list()).share_links == []


async def test_a_revoked_link_is_gone(share, audit):
    made = await share.create(await audit.record())
    before = time.time()
    answer = await share.revoke(made.share_link.share_link_id)
    assert before - 1 <= clock(answer.revoke_time) <= time.time() + 1
    for call in (share.redeem(made.token), share.look(made.token), share.revoke(made.share_link.share_link_id)):
        assert (await refusal(call)).code is Code.NOT_FOUND
    assert (await share.list()).share_links == []


async def test_another_project_cannot_revoke(share, audit):
    made = await share.create(await audit.record())
    assert (await refusal(share.revoke(made.share_link.share_link_id, project="other"))).code is Code.NOT_FOUND
    await share.redeem(made.token)


async def test_gone_is_always_told_in_the_same_words(share, audit):
    session = await audit.record()
    used_up, revoked = await share.create(session, max_views=1), await share.create(session)
    await share.redeem(used_up.token)
    await share.revoke(revoked.share_link.share_link_id)
    told = [await refusal(share.redeem(token)) for token in (used_up.token, revoked.token, random_token())]
    told += [await refusal(share.look(token)) for token in (used_up.token, revoked.token, random_token())]
    assert {(one.code, one.message, one.reason) for one in told} == {
        (Code.NOT_FOUND, "there is no such link, or it has ended", "LINK_NOT_FOUND")
    }


@ONE_REDIS
@pytest.mark.campaign
async def test_guesses_by_the_thousand_find_nothing(share, audit, campaign_rounds):
    rounds = campaign_rounds(50, 500)
    await share.create(await audit.record())
    codes, words = set(), set()

    async def guess(count):
        for _ in range(count):
            told = await refusal(share.redeem(random_token()))
            codes.add(told.code)
            words.add(told.message)

    await asyncio.gather(*(guess(rounds) for _ in range(20)))
    assert (codes, len(words)) == ({Code.NOT_FOUND}, 1)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"ttl_s": None}, "ttl"),
        ({"ttl_s": 0}, "ttl"),
        ({"ttl_s": -60}, "ttl"),
        ({"ttl_s": 59.999}, "ttl"),
        ({"ttl_s": 30 * 86400 + 1}, "ttl"),
        ({"max_views": 0}, "max_views"),
        ({"max_views": -1}, "max_views"),
        ({"max_views": 1_000_001}, "max_views"),
        ({"passcode": "abcde"}, "passcode"),
        ({"passcode": "x" * 129}, "passcode"),
        ({"label": "x" * 201}, "label"),
        ({"start_offset": -1}, "start_offset"),
        ({"end_offset": 0}, "end_offset"),
        ({"start_offset": 20, "end_offset": 20}, "end_offset"),
        ({"start_offset": 20, "end_offset": 10}, "end_offset"),
        ({"start_offset": 61}, "start_offset"),
        ({"end_offset": 61}, "end_offset"),
    ],
)
async def test_what_a_link_cannot_be(share, audit, fields, named):
    session = await audit.record()
    told = await refusal(share.create(session, **fields))
    assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {named})
    assert (await share.list()).share_links == []


async def test_all_problems_are_told_at_once(share):
    told = await refusal(share.create("nonsense", 0, max_views=0, label="x" * 300, passcode="x"))
    assert told.fields == {"session_id", "ttl", "max_views", "label", "passcode"}


async def test_sessions_that_cannot_be_shared(share, audit):
    from afterimage.audit.v1 import audit_service_pb2 as audit_pb
    from support.share import bearer

    from services.runtime.uuid7 import uuid7

    elsewhere, deleted = await audit.record(project="other"), await audit.record()
    await audit.stub.DeleteSessions(
        audit_pb.DeleteSessionsRequest(session_ids=[deleted]), metadata=bearer(audit.mint("admin"))
    )
    told = [await refusal(share.create(session)) for session in (elsewhere, deleted, str(uuid7(1_700_000_000_000)))]
    assert {(one.code, one.reason, one.message) for one in told} == {
        (Code.NOT_FOUND, "SESSION_NOT_FOUND", "there is no such session")
    }
    assert (await share.list()).share_links == []


@pytest.mark.parametrize(
    "token", ["", "x", "A" * 42, "A" * 44, "A" * 42 + "B", "A" * 42 + "=", "!" * 43, "é" * 43, "A" * 10_000]
)
async def test_tokens_that_are_none(share, token):
    for call in (share.redeem(token), share.look(token)):
        told = await refusal(call)
        assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {"token"})


async def test_what_redeeming_cannot_be(share):
    told = await refusal(share.redeem(random_token(), renewal_handle="A" * 64))
    assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {"token"})
    told = await refusal(share.redeem(random_token(), "x" * 129))
    assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {"passcode"})
    told = await refusal(share.redeem(renewal_handle="A" * 63))
    assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {"renewal_handle"})
    assert (await refusal(share.redeem(renewal_handle="A" * 64))).code is Code.NOT_FOUND


@pytest.mark.parametrize("link_id", ["", "nonsense"])
async def test_ids_that_are_none(share, link_id):
    told = await refusal(share.revoke(link_id))
    assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {"share_link_id"})


async def test_managing_links_needs_the_scope(share, audit):
    from afterimage.share.v1 import share_service_pb2 as pb
    from support.share import bearer

    session = await audit.record()
    metadata = bearer(share.mint("view", "record", "admin"))
    for call in (
        share.stub.CreateShareLink(pb.CreateShareLinkRequest(session_id=session), metadata=metadata),
        share.stub.ListShareLinks(pb.ListShareLinksRequest(), metadata=metadata),
        share.stub.RevokeShareLink(pb.RevokeShareLinkRequest(), metadata=metadata),
    ):
        assert (await refusal(call)).code is Code.PERMISSION_DENIED
    assert (await refusal(share.stub.ListShareLinks(pb.ListShareLinksRequest()))).code is Code.UNAUTHENTICATED


async def test_more_visitors_than_connections(share_settings, audit, mint):
    """Runs in the service's own process: over gRPC, too few calls reach Redis at the same moment."""
    import secrets

    from prometheus_client import CollectorRegistry
    from support.share import ShareCalls

    from services.runtime.identity.peer import Peer
    from services.share.app import open_links, serve

    session = await audit.record()
    async with serve(share_settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        made = await ShareCalls(channel, mint).create(session)
    async with open_links(share_settings, CollectorRegistry(), now=time.time, new_secret=secrets.token_bytes) as links:
        visitor = Peer("203.0.113.7")
        grants = await asyncio.gather(*(links.redeem(made.token, "", visitor) for _ in range(500)))
    assert sorted(grant.link.view_count for grant in grants) == list(range(1, 501))
