from __future__ import annotations

import asyncio
import threading

import grpc
import pytest
import redis.asyncio
from afterimage.audit.v1 import access_event_pb2
from afterimage.audit.v1.audit_service_pb2 import GetSessionRequest
from afterimage.share.v1 import share_link_pb2 as pb
from argon2 import PasswordHasher
from support.share import ShareCalls, bearer, refusal, with_share

from services.runtime.settings.servers import ShareSettings
from services.share.app import serve

Code = grpc.StatusCode
SHARE = ShareSettings()
BY_ADDRESS = SHARE.max_wrong_passcodes_by_address


async def test_a_passcode_is_needed_and_has_to_be_right(share, audit):
    made = await share.create(await audit.record(), passcode="open sesame", max_views=5)
    assert (await share.look(made.token)).passcode_required
    for passcode, reason in (("", "PASSCODE_REQUIRED"), ("open says me", "PASSCODE_WRONG")):
        told = await refusal(share.redeem(made.token, passcode))
        assert (told.code, told.reason) == (Code.PERMISSION_DENIED, reason)
    assert (await share.redeem(made.token, "open sesame")).views_left == 4  # refused tries counted none


async def test_wrong_ones_make_the_address_wait(share, audit, clock):
    clock.stop()
    clock.advance(-SHARE.wrong_passcode_by_address_forgiven_s)  # no entry of the trail is of a time to come
    made = await share.create(await audit.record(), passcode="open sesame")
    for _ in range(BY_ADDRESS):
        assert (await refusal(share.redeem(made.token, "wrong"))).code is Code.PERMISSION_DENIED
    told = await refusal(share.redeem(made.token, "open sesame"))
    assert (told.code, told.reason) == (Code.RESOURCE_EXHAUSTED, "PASSCODE_ATTEMPTS")
    assert 0 < told.retry_after_s <= SHARE.wrong_passcode_by_address_forgiven_s
    # Another address is not kept waiting, and another link is another count.
    await share.redeem(made.token, "open sesame", x_forwarded_for="203.0.113.9")
    other = await share.create(await audit.record(), passcode="open sesame")
    await share.redeem(other.token, "open sesame")
    clock.advance(told.retry_after_s)
    await share.redeem(made.token, "open sesame")


async def test_knowing_one_passcode_earns_no_guesses_of_another(share, audit, clock):
    clock.stop()
    session = await audit.record()
    made, own = await share.create(session, passcode="open sesame"), await share.create(session, passcode="mine, all")
    for _ in range(BY_ADDRESS):
        await refusal(share.redeem(made.token, "wrong"))
        await share.redeem(own.token, "mine, all")
    assert (await refusal(share.redeem(made.token, "wrong"))).reason == "PASSCODE_ATTEMPTS"


async def test_guesses_that_come_together_count_each(share, audit, clock):
    clock.stop()  # a while later one more is free
    made = await share.create(await audit.record(), passcode="open sesame")
    told = await asyncio.gather(*(refusal(share.redeem(made.token, f"wrong {n}")) for n in range(50)))
    looked_at = [one for one in told if one.code is Code.PERMISSION_DENIED]
    assert len(looked_at) == BY_ADDRESS


async def test_the_right_one_is_no_attempt(share, audit):
    made = await share.create(await audit.record(), passcode="open sesame")
    for _ in range(2 * BY_ADDRESS):
        await share.redeem(made.token, "open sesame")
    [listed] = (await share.list()).share_links
    assert listed.wrong_passcode_count == 0


@pytest.fixture
async def strict(share_settings, redis_url, mint, clock):
    """A ShareService in which five wrong passcodes lock a link."""
    settings = with_share(share_settings, max_wrong_passcodes=5)
    async with serve(settings, now=clock) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield ShareCalls(channel, mint, redis_url, server.address)


async def guess(share, token, number, passcode="wrong"):
    """Enters a passcode from an address of its own."""
    return await refusal(share.redeem(token, passcode, x_forwarded_for=f"203.0.113.{number}"))


async def test_wrong_ones_in_all_lock_the_link_and_tell_its_maker(strict, audit, clock):
    clock.stop()
    session = await audit.record()
    made = await strict.create(session, passcode="open sesame")
    link = made.share_link.share_link_id
    earlier = await strict.redeem(made.token, "open sesame")
    for number in range(4):
        assert (await guess(strict, made.token, number)).reason == "PASSCODE_WRONG"
    [listed] = (await strict.list()).share_links
    assert (listed.state, listed.wrong_passcode_count) == (pb.SHARE_LINK_STATE_ACTIVE, 4)
    await strict.redeem(made.token, "open sesame")
    assert (await guess(strict, made.token, 4)).reason == "PASSCODE_WRONG"

    # It can no longer be opened, and the answer is that for a link that has ended.
    for told in (
        await refusal(strict.redeem(made.token, "open sesame")),
        await refusal(strict.redeem(made.token)),
        await refusal(strict.look(made.token)),
    ):
        assert (told.code, told.reason) == (Code.NOT_FOUND, "LINK_NOT_FOUND")
    [listed] = (await strict.list()).share_links
    assert (listed.state, listed.wrong_passcode_count) == (pb.SHARE_LINK_STATE_LOCKED, 5)
    locked = await audit.trail(share_link_id=link, actions=[access_event_pb2.ACCESS_ACTION_SHARE_LOCK])
    assert [(event.session_id, event.address, event.detail) for event in locked] == [
        (session, "203.0.113.4", "5 wrong passcodes")
    ]
    # A visitor with a grant keeps watching, until the link is revoked.
    again = await strict.redeem(renewal_handle=earlier.renewal_handle)
    await audit.stub.GetSession(GetSessionRequest(session_id=session), metadata=bearer(again.grant_token))
    await strict.revoke(link)
    assert (await refusal(strict.redeem(renewal_handle=earlier.renewal_handle))).code is Code.NOT_FOUND


async def test_guesses_that_come_together_do_not_exceed_the_bound(strict, audit, clock):
    clock.stop()
    made = await strict.create(await audit.record(), passcode="open sesame")
    told = await asyncio.gather(*(guess(strict, made.token, number) for number in range(40)))
    assert sum(one.reason == "PASSCODE_WRONG" for one in told) == 5
    [listed] = (await strict.list()).share_links
    assert (listed.state, listed.wrong_passcode_count) == (pb.SHARE_LINK_STATE_LOCKED, 5)


async def test_12_guesses_an_hour_keep_nobody_out(share_settings, audit, redis_url, mint, clock):
    """From the visitor's own address, and from ever other ones. An hour takes 30 s here."""
    hour_s = 30.0
    assert SHARE.wrong_passcode_by_address_forgiven_s < SHARE.wrong_passcode_forgiven_s == 3600 / 12
    settings = with_share(
        share_settings,
        max_wrong_passcodes=5,
        max_wrong_passcodes_by_address=2,
        wrong_passcode_forgiven_s=SHARE.wrong_passcode_forgiven_s * hour_s / 3600,
        wrong_passcode_by_address_forgiven_s=SHARE.wrong_passcode_by_address_forgiven_s * hour_s / 3600,
    )
    clock.stop()
    clock.advance(-2.5 * hour_s)  # no entry of the trail is of a time to come
    session = await audit.record()
    async with serve(settings, now=clock) as server, grpc.aio.insecure_channel(server.address) as channel:
        share = ShareCalls(channel, mint, redis_url, server.address)
        made = await share.create(session, passcode="open sesame")
        for number in range(30):
            address = f"198.51.100.{number}" if 10 <= number < 20 else "203.0.113.1"
            told = await refusal(share.redeem(made.token, "wrong", x_forwarded_for=address))
            assert told.reason == "PASSCODE_WRONG"
            clock.advance(hour_s / 12)
            await share.redeem(made.token, "open sesame", x_forwarded_for="203.0.113.1")
        [listed] = (await share.list()).share_links
    assert (listed.state, listed.wrong_passcode_count) == (pb.SHARE_LINK_STATE_ACTIVE, 30)


async def test_old_short_passcodes_go_on_working(share, audit):
    made = await share.create(await audit.record(), passcode="swordfish")
    name = f"afterimage:test:share:link:{made.share_link.share_link_id}"
    async with redis.asyncio.Redis.from_url(share.redis_url) as client:
        await client.hset(name, "passcode", PasswordHasher(time_cost=1, memory_cost=1024).hash("abcd"))
    assert (await refusal(share.redeem(made.token, "abce"))).reason == "PASSCODE_WRONG"
    await share.redeem(made.token, "abcd")


@pytest.mark.parametrize("passcode", ["abcde", "x" * 129])
async def test_new_short_passcodes_are_refused(share, audit, passcode):
    told = await refusal(share.create(await audit.record(), passcode=passcode))
    assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {"passcode"})
    assert "6 to 128 characters" in told.message
    await share.create(await audit.record(), passcode="abcdef")


async def test_hashing_leaves_the_event_loop(share, audit, monkeypatch):
    threads = []

    def noting(work):
        def noted(*args, **options):
            threads.append(threading.current_thread())
            return work(*args, **options)

        return noted

    for name in ("hash", "verify"):
        monkeypatch.setattr(PasswordHasher, name, noting(getattr(PasswordHasher, name)))
    made = await share.create(await audit.record(), passcode="open sesame")
    await asyncio.gather(*(share.redeem(made.token, "open sesame") for _ in range(4)))
    assert len(threads) == 5
    assert threading.current_thread() not in threads
