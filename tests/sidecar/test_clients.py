"""Third-party clients with the real AuditService: `ws` and Connect on Node, websockets, aiohttp, curl."""

from __future__ import annotations

import gzip
import json
import shutil
from contextlib import asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio
import websockets
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.share.v1 import share_service_pb2
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from support.require import missing
from support.wait import PATIENCE_S

from services.runtime.rpc.scopes import AUDIT
from sidecar.wire import delimited
from tests.sidecar.conftest import ORIGIN, WindowMessages
from tests.sidecar.processes import CLIENTS, NodeSocket, audit_process, in_front_of, node_clients, run


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(tmp_path_factory):
    """One AuditService for all these clients."""
    async with audit_process(tmp_path_factory.mktemp("audit")) as running:
        yield running


@pytest.fixture
async def rig(settings, process):
    async with in_front_of(process, settings) as running:
        yield running


class Aiohttp:
    """aiohttp's client, in the words of the test."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, url, *protocols, origin=""):
        self = cls()
        headers = {"Origin": origin} if origin else {}
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(url, protocols=protocols, headers=headers) as self._ws,
        ):
            yield self

    async def send(self, message):
        await (self._ws.send_str(message) if isinstance(message, str) else self._ws.send_bytes(message))

    async def receive(self):
        message = await self._ws.receive(PATIENCE_S)
        if message.type is aiohttp.WSMsgType.CLOSE:
            return {"close": message.data, "word": message.extra}
        return json.loads(message.data) if isinstance(message.data, str) else message.data


class Websockets:
    """The package websockets."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, url, *protocols, origin=None):
        self = cls()
        options = {"subprotocols": protocols, "origin": origin or None, "compression": None, "max_size": None}
        options |= {"open_timeout": PATIENCE_S, "ping_timeout": PATIENCE_S}
        async with websockets.connect(url.replace("http", "ws", 1), **options) as self._ws:
            yield self

    async def send(self, message):
        await self._ws.send(message)

    async def receive(self):
        try:
            message = await self._ws.recv()
        except websockets.ConnectionClosed as closed:
            return {"close": closed.rcvd.code, "word": closed.rcvd.reason}
        return json.loads(message) if isinstance(message, str) else message


CLIENT_KINDS = {"ws on Node": NodeSocket, "websockets": Websockets, "aiohttp": Aiohttp}


@pytest.fixture(params=CLIENT_KINDS)
def client(request):
    if request.param == "ws on Node":
        node_clients()
    return CLIENT_KINDS[request.param]


async def recorded(client, rig, chunks=5):
    """Records with `client`; returns the recorder."""
    recorder = WindowMessages()
    protocols = ("afterimage.v1", f"bearer.{rig.token('record')}")
    async with client.opened(f"{rig.url}/ws/record", *protocols, origin=ORIGIN) as ws:
        await ws.send(recorder.start())
        ready = pb.RecordSessionResponse.FromString(await ws.receive()).ready
        assert ready.next_seq == 1
        assert ready.limits.max_chunk_bytes == 4 * 1024**2 - 64 * 1024
        for seq in range(1, chunks + 1):
            await ws.send(recorder.chunk(seq, 2000))
        acked = 0
        while acked < chunks:
            acked = max(acked, pb.RecordSessionResponse.FromString(await ws.receive()).ack.through_seq)
        await ws.send(recorder.end(chunks))
        assert await ws.receive() == {"close": 1000, "word": "done"}
    return recorder


async def test_recorder_and_viewer(rig, client):
    recorder = await recorded(client, rig)
    seen = []
    protocols = ("afterimage.v1", f"bearer.{rig.token('view')}")
    async with client.opened(f"{rig.url}/ws/replay", *protocols, origin=rig.url) as ws:
        await ws.send(pb.ReplaySessionRequest(session_id=recorder.session_id).SerializeToString())
        while not isinstance(message := await ws.receive(), dict):
            chunk = pb.ReplaySessionResponse.FromString(message).chunk
            seen += json.loads(gzip.decompress(chunk.payload)) if chunk.seq else []
    assert message == {"close": 1000, "word": "done"}
    assert seen == recorder.events


async def test_both_in_json(rig, client):
    recorder = WindowMessages()
    protocols = ("afterimage.v1+json", f"bearer.{rig.token('record')}")
    async with client.opened(f"{rig.url}/ws/record", *protocols) as ws:
        start = {"sessionId": recorder.session_id, "windowId": recorder.window_id, "tags": {"plan": "größer"}}
        await ws.send(json.dumps({"start": start}))
        assert (await ws.receive())["ready"]["nextSeq"] == "1"
        await ws.send(json.dumps({"nothing": 1}))
        assert await ws.receive() == {"close": 4400, "word": "bad_json"}
    protocols = ("afterimage.v1+json", f"bearer.{rig.token('view')}")
    async with client.opened(f"{rig.url}/ws/sessions", *protocols) as ws:
        await ws.send("{}")
        assert "snapshot" in await ws.receive()


async def test_refusals_as_node_sees_them(rig):
    node_clients()
    async with NodeSocket.opened(f"{rig.url}/ws/record", "afterimage.v1", "bearer.x") as ws:
        assert ws.first == {"refused": 401, "retryAfter": None}
    token = rig.token("record")
    async with NodeSocket.opened(
        f"{rig.url}/ws/record", "afterimage.v1", f"bearer.{token}", origin="https://evil.example"
    ) as ws:
        assert ws.first["refused"] == 403
    async with NodeSocket.opened(f"{rig.url}/ws/record", "afterimage.v1", f"bearer.{token}") as ws:
        assert ws.first == {"protocol": "afterimage.v1"}
        await ws.send("text on a binary subprotocol")
        assert await ws.receive() == {"close": 4400, "word": "text_frame"}


async def test_connect_on_node(rig, tmp_path):
    node_clients()
    recorder = await recorded(Aiohttp, rig)
    (tmp_path / "contract.binpb").write_bytes(descriptor_set())
    arguments = (rig.url, rig.token("view"), str(tmp_path / "contract.binpb"), recorder.session_id)
    results = json.loads(await run("node", str(CLIENTS / "connect.mjs"), *arguments))
    assert results["binary"] == results["json"] | {"late": results["binary"]["late"]}
    for result in results.values():
        assert result["session"]["sessionId"] == recorder.session_id
        assert result["listed"][0] == recorder.session_id  # the newest
        assert (result["malformed"]["code"], result["malformed"]["fields"]) == ("InvalidArgument", ["session_id"])
        assert (result["missing"]["code"], result["missing"]["reasons"]) == ("NotFound", ["NOT_FOUND"])
        assert (result["forbidden"]["code"], result["forbidden"]["reasons"]) == ("PermissionDenied", ["SCOPE_MISSING"])
        assert result["late"]["code"] == "DeadlineExceeded"
        assert result["away"]["code"] == "Unavailable"


def descriptor_set():
    """The contract and all it imports, as protoc would write it."""
    found = {}

    def add(file):
        for dependency in file.dependencies:
            add(dependency)
        if file.name not in found:
            found[file.name] = descriptor_pb2.FileDescriptorProto()
            file.CopyToProto(found[file.name])

    for file in (pb.DESCRIPTOR, share_service_pb2.DESCRIPTOR, error_details_pb2.DESCRIPTOR):
        add(file)
    return descriptor_pb2.FileDescriptorSet(file=found.values()).SerializeToString()


async def test_curl(rig, tmp_path):
    """The commands of docs/websocket.md."""
    if shutil.which("curl") is None:
        missing("curl is not here: apt-get install curl")
    got = await run("curl", "-sS", f"{rig.url}/token", "-H", f"Origin: {ORIGIN}", "-d", '{"key": "pk_demo"}')
    token = json.loads(got)["token"]
    recorder = WindowMessages()
    body = tmp_path / "recording.bin"
    body.write_bytes(delimited.join([recorder.start(), recorder.chunk(1), recorder.end(1)]))
    bearer = f"Authorization: Bearer {token}"
    accept = "Accept: application/json"
    got = await run("curl", "-sS", f"{rig.url}/record", "-H", bearer, "-H", accept, "--data-binary", f"@{body}")
    assert json.loads(got)["responses"][-1] == {"ack": {"throughSeq": "1"}}
    stdin = f"Bearer {token}\n".encode() + body.read_bytes()
    got = await run("curl", "-sS", f"{rig.url}/record", "-H", accept, "--data-binary", "@-", stdin=stdin)
    assert json.loads(got)["responses"][0]["ready"]["nextSeq"] == "2"
    bearer = f"Authorization: Bearer {rig.token('view')}"
    as_json = "Content-Type: application/json"
    got = await run(
        "curl", "-sS", f"{rig.url}/{AUDIT}/ListSessions", "-H", bearer, "-H", as_json, "-d", '{"pageSize": 10}'
    )
    assert json.loads(got)["sessions"][0]["sessionId"] == recorder.session_id
    got = await run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"{rig.url}/ws/replay", "-H", bearer)
    assert got == b"426"
