"""A sidecar in front of an AuditService in memory, both in this process, and their clients."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import os
import time
import uuid
from contextlib import asynccontextmanager

import aiohttp
import pytest
import structlog
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.wait import PATIENCE_S

from services.runtime import log
from services.runtime.identity.tokens import TokenMinter
from services.runtime.settings import LogSettings
from services.runtime.uuid7 import uuid7
from sidecar.app import serve
from sidecar.pages.site import WEB
from tests.sidecar.fake_audit import FakeAudit, serving

ORIGIN = "http://localhost:5173"  # of the project "demo"


class Rig:
    """A sidecar that runs, a client, tokens and messages.

    Attributes:
        url: http://...
        audit: The service in memory; None: a real one.
        http: A client.
    """

    def __init__(self, settings, sidecar, audit, http):
        self.settings = settings
        self.url = sidecar.url
        self.port = sidecar.port
        self.registry = sidecar.registry
        self.audit = audit
        self.http = http
        self._minter = TokenMinter(settings)

    def token(self, *scopes, subject="tester", project="demo", ttl_s=600, **claims):
        return self._minter.mint(subject, project, scopes, ttl_s, **claims)

    def socket(self, path, *scopes, json_frames=False, token=None, **options):
        """Opens a WebSocket, as a context manager."""
        protocol = "afterimage.v1+json" if json_frames else "afterimage.v1"
        token = self.token(*scopes) if token is None else token
        options = {"compress": 0, "max_msg_size": 0, **options}
        return self.http.ws_connect(self.url + path, protocols=(protocol, f"bearer.{token}"), **options)

    async def post(self, path, *, scopes=(), headers=None, **options):
        """Posts; returns status, headers and body."""
        headers = dict(headers or {})
        if scopes:
            headers["Authorization"] = f"Bearer {self.token(*scopes)}"
        async with self.http.post(self.url + path, headers=headers, **options) as response:
            return response.status, response.headers, await response.read()

    def metric(self, name, **labels):
        return self.registry.get_sample_value(f"afterimage_sidecar_{name}", labels) or 0.0

    async def until(self, condition, within_s=PATIENCE_S):
        """Waits until `condition()` holds."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - it also waits for events in other processes
                await asyncio.sleep(0.01)


class WindowMessages:
    """Messages of one window, as bytes, and its recorded chunks."""

    def __init__(self):
        self.session_id, self.window_id = str(uuid7(round(time.time() * 1000))), str(uuid.uuid4())
        self.events = []

    def start(self):
        start = pb.RecordingStart(session_id=self.session_id, window_id=self.window_id)
        return pb.RecordSessionRequest(start=start).SerializeToString()

    def chunk(self, seq, size_bytes=0):
        """Returns chunk `seq`: one event with its number; the first a full snapshot."""
        kind = 2 if seq == 1 else 5
        data = {"node": {"type": 0, "childNodes": [], "id": 1}, "initialOffset": {"top": 0, "left": 0}}
        data = data if kind == 2 else {"tag": "n", "payload": {"n": seq, "pad": os.urandom(size_bytes // 2).hex()}}
        event = {"type": kind, "timestamp": int(time.time() * 1000), "data": data}
        if seq > len(self.events):
            self.events.append(event)
        request = pb.RecordSessionRequest()
        request.chunk.seq, request.chunk.encoding = seq, 2
        request.chunk.payload = gzip.compress(json.dumps([self.events[seq - 1]]).encode(), 1)
        return request.SerializeToString()

    def end(self, last_seq=0):
        return pb.RecordSessionRequest(end=pb.RecordingEnd(last_seq=last_seq)).SerializeToString()


@asynccontextmanager
async def rigged(settings, *, fake=None, web_dir=WEB, **overrides):
    """Runs service, sidecar and client; `overrides` are settings of the sidecar."""
    fake = fake or FakeAudit()
    async with serving(settings, fake) as server:
        sidecar = {**settings.sidecar.model_dump(), **overrides, "audit_address": server.address}
        changed = settings.model_copy(update={"sidecar": type(settings.sidecar)(**sidecar)})
        async with serve(changed, web_dir) as running, aiohttp.ClientSession() as http:
            yield Rig(changed, running, fake, http)
        await asyncio.sleep(0)
        # After every test: no call outlives its socket, and no unexpected error occurred.
        async with asyncio.timeout(PATIENCE_S):
            while fake.open_calls:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Healthy servers may take long to answer."""
    monkeypatch.setattr("sidecar.probe._TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr("sidecar.upstreams._HEALTH_TIMEOUT_S", PATIENCE_S)


@pytest.fixture(autouse=True)
def logged():
    """The log of this process, as JSON lines; a test with an unexpected error fails."""
    root, text = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    log.configure(LogSettings(format="json", level="info"), text)
    try:
        yield text
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    # A service that writes into a call in the moment in which it is cancelled may find that out by a failed batch.
    # And grpc.aio has one poller for all event loops of a process, including loops closed by earlier tests.
    noise = ("ExecuteBatchError", "PollerCompletionQueue._handle_events")
    lines = [line for line in text.getvalue().splitlines() if not any(each in line for each in noise)]
    assert [line for line in lines if "Traceback" in line or '"level": "error"' in line] == []


@pytest.fixture
async def rig(settings):
    async with rigged(settings) as running:
        yield running
