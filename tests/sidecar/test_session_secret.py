"""Through the sidecar too, a record token and known ids do not let a stream write into another visitor's session."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
import pytest_asyncio
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.intruders import INTRUDERS, SECRET
from support.wait import PATIENCE_S

from sidecar.wire import delimited
from tests.sidecar.conftest import WindowMessages
from tests.sidecar.processes import audit_process, in_front_of

RPC = "/afterimage.audit.v1.AuditService/"
LIVE, ENDED = "SESSION_STATUS_LIVE", "SESSION_STATUS_ENDED"
WRONG = "SESSION_SECRET_WRONG"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(tmp_path_factory):
    """One AuditService for all attacks."""
    async with audit_process(tmp_path_factory.mktemp("audit")) as running:
        yield running


@pytest.fixture
async def rig(settings, process):
    async with in_front_of(process, settings) as running:
        yield running


class SecretWindow(WindowMessages):
    """Messages of a window, with further fields in their start."""

    def __init__(self, other=None, *, same_window=True, **fields):
        super().__init__()
        self.fields = fields
        if other is not None:
            self.session_id = other.session_id
            self.window_id = other.window_id if same_window else self.window_id

    def start(self):
        start = pb.RecordingStart(session_id=self.session_id, window_id=self.window_id, **self.fields)
        return pb.RecordSessionRequest(start=start).SerializeToString()


async def by_socket(rig, messages):
    """Sends messages over a WebSocket; returns the code and the word that it was closed with."""
    async with rig.socket("/ws/record", "record", autoclose=False) as ws:
        for message in messages:
            await ws.send_bytes(message)
        while (message := await ws.receive(PATIENCE_S)).type is aiohttp.WSMsgType.BINARY:
            pass
        return message.data, message.extra


async def by_post(rig, messages):
    """Sends messages as POST /record; returns status and reason."""
    status, _, body = await rig.post("/record", scopes=["record"], data=delimited.join(messages))
    return status, reason_in(body) if status != 200 else ""


async def by_beacon(rig, messages):
    """Sends messages as a beacon does, with the token in the body; returns status and reason."""
    body = f"Bearer {rig.token('record')}\n".encode() + delimited.join(messages)
    status, _, answer = await rig.post("/record", data=body, headers={"Content-Type": "text/plain"})
    return status, reason_in(answer) if status != 200 else ""


def reason_in(body):
    return json.loads(body)["details"][0]["debug"]["reason"]


async def session_of(rig, recorder):
    status, _, body = await rig.post(
        f"{RPC}GetSession",
        scopes=["view"],
        data=json.dumps({"sessionId": recorder.session_id}),
        headers={"Content-Type": "application/json"},
    )
    assert status == 200
    return json.loads(body)


@pytest.mark.parametrize("way", [by_post, by_beacon, by_socket])
async def test_each_attack_is_refused_and_changes_nothing(rig, way):
    refused = (4403, WRONG.lower()) if way is by_socket else (403, WRONG)
    visitor = SecretWindow(session_secret=SECRET, actor_id="ann", user_agent="Visitor/1.0", tags={"plan": "pro"})
    async with rig.socket("/ws/record", "record") as ws:
        await ws.send_bytes(visitor.start())
        assert pb.RecordSessionResponse.FromString((await ws.receive(PATIENCE_S)).data).ready.next_seq == 1

        async def attacks():
            """Makes all attacks at once; returns their different answers."""
            label = {"actor_id": "eve", "user_agent": "Forged/1.0", "tags": {"plan": "forged"}}
            sent = []
            for fields in INTRUDERS.values():
                for same_window in (True, False):
                    forger = SecretWindow(visitor, same_window=same_window, **fields, **label)
                    chunks = [forger.chunk(seq) for seq in (1, 2, 3)]
                    sent += [[forger.start(), message] for message in (chunks[0], chunks[2], forger.end())]
            return set(await asyncio.gather(*(way(rig, messages) for messages in sent)))

        async def is_unharmed(chunks, status):
            got = await session_of(rig, visitor)
            described = {name: got["session"][name] for name in ("actorId", "userAgent", "tags", "status")}
            assert described == {
                "actorId": "ann",
                "userAgent": "Visitor/1.0",
                "tags": {"plan": "pro"},
                "status": status,
            }
            [window] = got["windows"]
            assert (window["windowId"], int(window["lastSeq"])) == (visitor.window_id, chunks)

        assert await attacks() == {refused}  # nothing is stored yet
        for seq in (1, 2):
            await ws.send_bytes(visitor.chunk(seq))
        while pb.RecordSessionResponse.FromString((await ws.receive(PATIENCE_S)).data).ack.through_seq < 2:
            pass
        assert await attacks() == {refused}
        await is_unharmed(2, LIVE)
        await ws.send_bytes(visitor.chunk(3))  # its socket was not superseded
        await ws.send_bytes(visitor.end(3))
        while (await ws.receive(PATIENCE_S)).type is aiohttp.WSMsgType.BINARY:
            pass
        assert ws.close_code == 1000
    assert await attacks() == {refused}
    await is_unharmed(3, ENDED)
    body = json.dumps({"actorId": "eve"})
    status, _, answer = await rig.post(
        f"{RPC}DeleteSessions", scopes=["admin"], data=body, headers={"Content-Type": "application/json"}
    )
    assert (status, json.loads(answer).get("sessionCount", 0)) == (200, 0)
    await is_unharmed(3, ENDED)


async def test_the_visitors_beacon_and_next_page_go_on(rig):
    visitor = SecretWindow(session_secret=SECRET)
    async with rig.socket("/ws/record", "record") as ws:
        await ws.send_bytes(visitor.start())
        await ws.receive(PATIENCE_S)
        await ws.send_bytes(visitor.chunk(1))
        # The page is left: its beacon has the chunks without an ack, and takes the window over.
        assert await by_beacon(rig, [visitor.start(), visitor.chunk(1), visitor.chunk(2)]) == (200, "")
    assert await by_post(rig, [visitor.start(), visitor.chunk(3), visitor.end(3)]) == (200, "")
    assert await by_post(rig, [visitor.start(), visitor.chunk(3), visitor.end(3)]) == (200, "")
    assert await by_post(rig, [visitor.start(), visitor.chunk(4)]) == (400, "WINDOW_ENDED")
    got = await session_of(rig, visitor)
    assert [int(window["lastSeq"]) for window in got["windows"]] == [3]
