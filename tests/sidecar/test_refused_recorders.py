"""A recorder that writes while its stream is ended is closed with the code of that end, however busy the machine is."""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.busy import busy_loops
from support.wait import PATIENCE_S

from services.runtime.errors import (
    Aborted,
    FailedPrecondition,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from tests.sidecar.conftest import WindowMessages, rigged
from tests.sidecar.fake_audit import FakeAudit
from tests.sidecar.processes import real

FAST = {
    "upgrades_per_minute_per_address": 0,
    "upgrades_per_minute_per_subject": 0,
    "messages_per_s": 0,
    "bytes_per_s": 0,
}
REFUSALS = {
    "superseded": (Aborted("a newer stream records this window", reason="SUPERSEDED"), 4409),
    "stopped": (FailedPrecondition("the session was deleted", reason="RECORDING_STOPPED"), 4400),
    "deleted": (FailedPrecondition("session_id: the session was deleted", reason="SESSION_DELETED"), 4400),
    "revoked": (PermissionDenied("the link was revoked", reason="LINK_REVOKED"), 4403),
    "expired": (Unauthenticated("the token has expired", reason="TOKEN_EXPIRED"), 4401),
    "gone": (NotFound("there is no such session"), 4404),
    "a full quota": (ResourceExhausted("the quota is used up", reason="QUOTA_EXCEEDED"), 4429),
    "draining": (Unavailable("the server is stopping; reconnect", reason="SERVER_STOPPING"), 4503),
}


class Refusing(FakeAudit):
    """Ends every recording with `error` after `reads` messages."""

    def __init__(self, error, reads):
        super().__init__()
        self.error, self.reads = error, reads

    async def RecordSession(self, requests, context):  # noqa: N802
        with self._open(context):
            reader = aiter(requests)
            await anext(reader)
            yield pb.RecordSessionResponse(ready=pb.RecordingReady(next_seq=1))
            for _ in range(self.reads):
                await anext(reader)
            raise self.error


async def written_until_closed(ws, recorder, seq=1):
    """Sends chunks until the socket is closed; returns the close code."""
    chunks = [recorder.chunk(number, 2048) for number in range(seq, seq + 20)]

    async def send():
        try:
            while not ws.closed:
                for chunk in chunks:
                    await ws.send_bytes(chunk)
                    await asyncio.sleep(0.001)  # a service that is drowned in chunks shows nothing more
        except (ConnectionError, aiohttp.ClientError):
            return

    sending = asyncio.create_task(send())
    try:
        async for _ in ws:
            pass
    finally:
        await sending
    return ws.close_code


@pytest.mark.campaign
@pytest.mark.parametrize("reads", [0, 1, 10])
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_the_close_code_is_that_of_the_refusal(settings, refusal, reads, campaign_rounds):
    error, code = REFUSALS[refusal]
    loops = campaign_rounds(1 if reads == 1 else 0, 2)  # other tests keep the machine busy, too
    async with rigged(settings, fake=Refusing(error, reads), **FAST) as rig:

        async def refused():
            recorder = WindowMessages()
            async with rig.socket("/ws/record", "record") as ws:
                await ws.send_bytes(recorder.start())
                return await written_until_closed(ws, recorder)

        with busy_loops(loops):
            assert Counter(await asyncio.gather(*(refused() for _ in range(8)))) == {code: 8}


@pytest.mark.campaign
@pytest.mark.timeout(3600)
async def test_a_superseded_recorder_is_told_so_on_a_busy_machine(settings, tmp_path, campaign_rounds):
    async with real(settings, tmp_path, **FAST) as rig:

        async def superseded():
            recorder = WindowMessages()
            async with rig.socket("/ws/record", "record") as older:
                await older.send_bytes(recorder.start())
                await older.receive(PATIENCE_S)
                writing = asyncio.create_task(written_until_closed(older, recorder))
                async with rig.socket("/ws/record", "record") as newer:
                    await newer.send_bytes(recorder.start())
                    return await writing

        codes: Counter = Counter()
        with busy_loops(campaign_rounds(1, 4)):
            for _ in range(campaign_rounds(2, 100)):
                codes.update(await asyncio.gather(*(superseded() for _ in range(10))))
        assert codes == {4409: codes.total()}
