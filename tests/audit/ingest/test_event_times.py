"""The times of events are bound by the session's start, which its id carries."""

from __future__ import annotations

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import move, new_session, now_ms, start_of

HOUR_MS, DAY_MS, YEAR_MS = 3_600_000, 86_400_000, 31_557_600_000
REFUSED = {
    "1973": -53 * YEAR_MS,
    "a year before": -YEAR_MS,
    "just too early": -HOUR_MS - 1,
    "just too late": 7 * DAY_MS + 1,
}
TAKEN = {"the earliest": -HOUR_MS, "its start": 0, "an hour later": HOUR_MS, "the latest": 25 * HOUR_MS}
"""Of the default quota `session_length_s`, beyond which the recorder begins another session."""
BEGUN_MS = 14 * DAY_MS
"""Age of the sessions: the server's clock must not bound them too."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("name", REFUSED)
async def test_an_event_outside_of_its_session_is_rejected_and_the_stream_goes_on(shared_audit, name):
    session = new_session(now_ms() - BEGUN_MS)
    at = start_of(session) + REFUSED[name]
    async with shared_audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session)), move(at, 1)])
        rejected = await recorder.until("rejected")
        await recorder.send(1, [move(start_of(session)), move(start_of(session) + 1_000)])
        await recorder.ack(1)
    assert (rejected.reason, rejected.code) == (
        pb.REJECT_REASON_INVALID_TIME,
        grpc.StatusCode.INVALID_ARGUMENT.value[0],
    )
    assert "event 1" in rejected.message
    got = (await shared_audit.session(session)).session
    assert (got.end_time.ToMilliseconds() - got.start_time.ToMilliseconds()) == 1_000


@pytest.mark.parametrize("name", TAKEN)
async def test_an_event_within_the_bounds_is_stored(shared_audit, name):
    session = new_session(now_ms() - BEGUN_MS)
    async with shared_audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session) + TAKEN[name])])
        await recorder.ack(1)
        assert recorder.rejections == []


async def test_an_import_may_have_any_times(shared_audit):
    session = new_session(now_ms() - BEGUN_MS)
    async with shared_audit.recorder(session, token=shared_audit.token("admin"), imported=True) as recorder:
        await recorder.send(1, [move(start_of(session) + shift) for shift in REFUSED.values()])
        await recorder.ack(1)
