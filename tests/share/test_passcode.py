from __future__ import annotations

import asyncio
import threading

import grpc
from argon2 import PasswordHasher
from support.share import refusal

from services.share.store import FREE_ATTEMPTS_BY_ADDRESS

Code = grpc.StatusCode


async def test_a_passcode_is_needed_and_has_to_be_right(share, audit):
    made = await share.create(await audit.record(), passcode="open sesame", max_views=5)
    assert (await share.look(made.token)).passcode_required
    for passcode, reason in (("", "PASSCODE_REQUIRED"), ("open says me", "PASSCODE_WRONG")):
        told = await refusal(share.redeem(made.token, passcode))
        assert (told.code, told.reason) == (Code.PERMISSION_DENIED, reason)
    assert (await share.redeem(made.token, "open sesame")).views_left == 4  # refused tries counted none


async def test_wrong_ones_make_the_address_wait_twice_as_long_each_time(share, audit, clock):
    clock.stop()
    made = await share.create(await audit.record(), passcode="open sesame")
    for _ in range(FREE_ATTEMPTS_BY_ADDRESS):
        assert (await refusal(share.redeem(made.token, "wrong"))).code is Code.PERMISSION_DENIED
    waits = []
    for _ in range(2):
        told = await refusal(share.redeem(made.token, "open sesame"))
        assert (told.code, told.reason) == (Code.RESOURCE_EXHAUSTED, "PASSCODE_ATTEMPTS")
        waits.append(told.retry_after_s)
        clock.advance(told.retry_after_s + 0.05)
        assert (await refusal(share.redeem(made.token, "wrong"))).code is Code.PERMISSION_DENIED
    assert 0 < waits[0] <= 1 < waits[1] <= 2
    # Another address is not kept waiting.
    await share.redeem(made.token, "open sesame", x_forwarded_for="203.0.113.9")


async def test_guesses_that_come_together_count_each(share, audit, clock):
    clock.stop()  # a second later one more is free
    made = await share.create(await audit.record(), passcode="open sesame")
    told = await asyncio.gather(*(refusal(share.redeem(made.token, f"wrong {n}")) for n in range(50)))
    looked_at = [one for one in told if one.code is Code.PERMISSION_DENIED]
    assert len(looked_at) == FREE_ATTEMPTS_BY_ADDRESS


async def test_many_addresses_together_are_kept_waiting_too(share, audit, clock):
    clock.stop()
    made = await share.create(await audit.record(), passcode="open sesame")
    told = [
        await refusal(share.redeem(made.token, "wrong", x_forwarded_for=f"203.0.113.{number}")) for number in range(25)
    ]
    assert [one.code for one in told[:20]] == [Code.PERMISSION_DENIED] * 20
    assert told[20].code is Code.RESOURCE_EXHAUSTED


async def test_the_right_one_is_no_attempt(share, audit):
    made = await share.create(await audit.record(), passcode="open sesame")
    for _ in range(2 * FREE_ATTEMPTS_BY_ADDRESS):
        await share.redeem(made.token, "open sesame")


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
