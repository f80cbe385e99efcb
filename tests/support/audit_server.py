"""A running AuditService and its clients: recorders, viewers, tokens, and errors as values."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid4

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from afterimage.recording.v1 import chunk_pb2, enums_pb2
from chdb.state.sqlitelike import connect
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from support.migrated import prepare
from support.wait import PATIENCE_S

from services.audit.app import serve
from services.runtime.client_streams import status_kept
from services.runtime.identity.tokens import TokenMinter
from services.runtime.settings.loader import Settings, load_settings
from services.runtime.uuid7 import uuid7, uuid7_ms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

SECRET = "test-secret-of-more-than-32-bytes-length"
GZIP = enums_pb2.CHUNK_ENCODING_GZIP
IDENTITY = enums_pb2.CHUNK_ENCODING_IDENTITY


def audit_settings(directory: Path, **overrides: Any) -> Settings:
    """Returns settings with the projects "demo" and "other", on free ports, without workers (slow to start)."""
    groups: dict[str, Any] = {
        "data_dir": directory / "data",
        "auth": {"secret": SECRET, "leeway_s": 0},
        "audit": {"port": 0, "metrics_port": -1},
        "share": {"port": 0, "metrics_port": -1},
        "sidecar": {"port": 0},
        # Replays are compared with the sent events; masking has separate tests.
        "privacy": {"preset": "keep_all"},
        "projects": [{"id": "demo", "retention_days": 30}, {"id": "other", "retention_days": 30}],
        # Streams are closed and opened again at any pace; leaving has its own tests.
        "session": {"left_after_s": 86_400.0} | overrides.pop("session", {}),
    }
    groups |= overrides
    return load_settings(**groups | {"ingest": {"workers": 0} | groups.get("ingest", {})})


@dataclass(frozen=True)
class RpcProblem:
    """An error as a caller sees it."""

    code: grpc.StatusCode
    message: str
    reason: str
    fields: dict[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None


def problem(error: grpc.aio.AioRpcError) -> RpcProblem:
    """Returns the details of an error; errors of other origin have no reason."""
    reason, fields, retry_after_s = "", {}, None
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            message: Any = kind()
            if not detail.Unpack(message):
                continue
            if isinstance(message, error_details_pb2.ErrorInfo):
                assert message.domain == "afterimage"
                reason = message.reason
            elif isinstance(message, error_details_pb2.BadRequest):
                fields = {violation.field: violation.description for violation in message.field_violations}
            else:
                retry_after_s = message.retry_delay.ToTimedelta().total_seconds()
    return RpcProblem(error.code(), error.details() or "", reason, fields, retry_after_s)


def is_one_sentence(problem: RpcProblem) -> None:
    """Checks that a refusal is short, in the service's own words, with a reason that programs can act on."""
    assert problem.reason
    assert 10 < len(problem.message) < 400
    assert "\n" not in problem.message
    for leak in ("Traceback", "Exception", "SELECT", "DB::", "0x", "<class", "services."):
        assert leak not in problem.message


async def refused(call: Any) -> RpcProblem:
    """Awaits a call, or reads a stream to its end, and returns the error that it must end with."""
    try:
        if hasattr(call, "__aiter__"):
            answer: Any = [message async for message in call]
        else:
            answer = await call
    except grpc.aio.AioRpcError as error:
        return problem(error)
    raise AssertionError(f"was not refused, but answered {answer}")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def new_session(at_ms: int | None = None) -> str:
    return str(uuid7(now_ms() if at_ms is None else at_ms))


def start_of(session: str) -> int:
    return uuid7_ms(UUID(session))


def move(at_ms: float, number: int = 0) -> dict[str, Any]:
    """Returns a mouse movement; `number` distinguishes movements."""
    positions = [{"x": number % 900, "y": number % 700, "id": 1, "timeOffset": 0}]
    return {"type": 3, "data": {"source": 1, "positions": positions}, "timestamp": at_ms}


def click(at_ms: int) -> dict[str, Any]:
    return {"type": 3, "data": {"source": 2, "type": 2, "id": 1, "x": 10, "y": 20}, "timestamp": at_ms}


def meta(at_ms: int, href: str = "https://shop.example/") -> dict[str, Any]:
    return {"type": 4, "data": {"href": href, "width": 1280, "height": 720}, "timestamp": at_ms}


def full_snapshot(at_ms: int) -> dict[str, Any]:
    node = {"type": 0, "childNodes": [], "id": 1}
    return {"type": 2, "data": {"node": node, "initialOffset": {"left": 0, "top": 0}}, "timestamp": at_ms}


def console_error(at_ms: int, words: str = "it broke") -> dict[str, Any]:
    payload = {"level": "error", "trace": [], "payload": [json.dumps(words)]}
    return {"type": 6, "data": {"plugin": "rrweb/console@1", "payload": payload}, "timestamp": at_ms}


def packed(events: Any) -> bytes:
    return gzip.compress(json.dumps(events).encode(), compresslevel=1)


def unpacked(chunk: chunk_pb2.StoredChunk) -> list[dict[str, Any]]:
    assert chunk.encoding == GZIP
    return json.loads(gzip.decompress(chunk.payload))


def a_chunk(seq: int, events: Any, *, event_count: int = 0) -> chunk_pb2.Chunk:
    return chunk_pb2.Chunk(seq=seq, encoding=GZIP, payload=packed(events), event_count=event_count)


def story(session: str, count: int = 5) -> list[list[dict]]:
    """Returns chunks of a window: a page with its snapshot, then clicks and an error among movements."""
    start = start_of(session)
    chunks = [[meta(start), full_snapshot(start + 1), move(start + 2)]]
    for number in range(1, count):
        at = start + number * 100
        chunks.append([move(at, number), click(at + 10), console_error(at + 20)])
    return chunks


def long_story(start: int, *, count: int = 40, every: int = 10, step_ms: int = 1_000) -> list[list[dict[str, Any]]]:
    """Returns chunks one second apart, each `every`-th with a snapshot, its Meta in the chunk before it."""
    chunks: list[list[dict[str, Any]]] = []
    for number in range(count):
        at = start + number * step_ms
        events = [move(at + 10, number), move(at + 500, number)]
        if number % every == 0:
            events = [full_snapshot(at), *events] if number else [meta(at), full_snapshot(at), *events]
        if number % every == every - 1:
            events.append(meta(at + 999))
        chunks.append(events)
    return chunks


class StreamRecorder:
    """A recorder's stream of one window. `async with` sends the start and reads `ready`."""

    def __init__(
        self, audit: AuditServer, session: str, window: str, token: str, address: str = "", **start: Any
    ) -> None:
        self.session = session
        self.window = window
        forwarded = [("x-forwarded-for", address)] if address else []  # as a sidecar reports it
        self.call = audit.stub.RecordSession(metadata=[("authorization", f"Bearer {token}"), *forwarded])
        self.ready: pb.RecordingReady | None = None
        self.error: RpcProblem | None = None
        self.acked = 0
        self.seen: list[pb.RecordSessionResponse] = []
        """Everything that was received, but `ready`."""
        self._start = pb.RecordingStart(session_id=session, window_id=window, **start)
        self._queue: asyncio.Queue[pb.RecordSessionResponse | None] = asyncio.Queue()
        self._pump = asyncio.create_task(self._receive())

    async def _receive(self) -> None:
        # A separate task: grpc.aio ends the call when a read is cancelled, so no read may have a timeout.
        try:
            async for message in self.call:
                if message.WhichOneof("message") == "ready":
                    self.ready = message.ready
                else:
                    self.seen.append(message)
                self.acked = max(self.acked, message.ack.through_seq)
                self._queue.put_nowait(message)
        except grpc.aio.AioRpcError as error:
            self.error = problem(error)
        except asyncio.CancelledError:
            self.error = RpcProblem(grpc.StatusCode.CANCELLED, "cancelled here", "")
        finally:
            self._queue.put_nowait(None)

    async def __aenter__(self) -> Self:
        await self.write(start=self._start)
        await self.until("ready")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cancel()

    async def cancel(self) -> None:
        self.call.cancel()
        await self._pump

    async def write(self, **message: Any) -> None:
        await self.call.write(pb.RecordSessionRequest(**message))

    async def send(self, seq: int, events: Any, *, event_count: int = 0) -> None:
        await self.write(chunk=a_chunk(seq, events, event_count=event_count))

    async def until(self, kind: str) -> Any:
        """Returns the next message of this kind; others are passed over."""
        while True:
            async with asyncio.timeout(PATIENCE_S):
                message = await self._queue.get()
            assert message is not None, f"the stream ended before {kind}: {self.error}"
            if message.WhichOneof("message") == kind:
                return getattr(message, kind)

    async def ack(self, seq: int) -> None:
        """Waits until everything up to `seq` is acknowledged."""
        while self.acked < seq:
            await self.until("ack")

    async def end(self, last_seq: int = 0) -> RpcProblem | None:
        """Ends the window; returns how the stream ended, None: with OK."""
        await self.write(end=pb.RecordingEnd(last_seq=last_seq))
        return await self.ended()

    async def ended(self, *, half_close: bool = True) -> RpcProblem | None:
        """Returns how the stream ended; None: with OK."""
        if half_close:
            await self.call.done_writing()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.shield(self._pump)
        return self.error

    @property
    def rejections(self) -> list[pb.ChunkRejected]:
        return [message.rejected for message in self.seen if message.WhichOneof("message") == "rejected"]

    @property
    def commands(self) -> list[pb.RecorderCommand]:
        return [message.command for message in self.seen if message.WhichOneof("message") == "command"]


class StreamViewer:
    """A stream of messages that can be read with a timeout."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.error: RpcProblem | None = None
        self.seen: list[Any] = []
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._pump = asyncio.create_task(self._receive())

    async def _receive(self) -> None:
        try:
            async for message in self.call:
                self.seen.append(message)
                self._queue.put_nowait(message)
        except grpc.aio.AioRpcError as error:
            self.error = problem(error)
        except asyncio.CancelledError:
            self.error = RpcProblem(grpc.StatusCode.CANCELLED, "cancelled here", "")
        finally:
            self._queue.put_nowait(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.call.cancel()
        await self._pump

    async def next(self, timeout_s: float = PATIENCE_S) -> Any:
        """Returns the next message.

        Raises:
            TimeoutError: No message came in time.
        """
        async with asyncio.timeout(timeout_s):
            message = await self._queue.get()
        assert message is not None, f"the stream has ended: {self.error}"
        return message

    async def until(self, kind: str, timeout_s: float = PATIENCE_S) -> Any:
        """Returns the next message of this kind; others are passed over."""
        while True:
            message = await self.next(timeout_s)
            if message.WhichOneof("message") == kind:
                return getattr(message, kind)

    async def ended(self) -> RpcProblem | None:
        """Returns how the stream ended; None: with OK."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.shield(self._pump)
        return self.error


@dataclass
class Replay:
    """A replay that was read to its end."""

    header: pb.ReplayHeader
    chunks: list[chunk_pb2.StoredChunk]
    end: int

    @property
    def positions(self) -> list[tuple[str, int]]:
        return [(chunk.window_id, chunk.seq) for chunk in self.chunks]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for chunk in self.chunks for event in unpacked(chunk)]


class AuditServer:
    """A running AuditService."""

    def __init__(self, settings: Settings, address: str, channel: grpc.aio.Channel) -> None:
        self.settings = settings
        self.address = address
        self.channel = channel
        self.stub = audit_service_pb2_grpc.AuditServiceStub(channel)
        self._minter = TokenMinter(settings)

    def merge(self) -> None:
        """Merges the parts of many small inserts into chDB: each query would read all of them."""
        database = self.settings.clickhouse.database
        connection = connect(str(self.settings.chdb_path))
        try:
            for table in ("windows", "chunks", "sessions", "interactions"):
                connection.query(f"OPTIMIZE TABLE {database}.{table} FINAL")
        finally:
            connection.close()

    def token(self, *scopes: str, project: str = "demo", subject: str = "tester", ttl_s: float = 600) -> str:
        return self._minter.mint(subject, project, scopes, ttl_s)

    def auth(self, *scopes: str, project: str = "demo", **claims: Any) -> list[tuple[str, str]]:
        """Returns the metadata of a caller with these scopes."""
        return [("authorization", f"Bearer {self.token(*scopes, project=project, **claims)}")]

    def recorder(
        self, session: str, window: str | None = None, *, project: str = "demo", token: str | None = None, **start: Any
    ) -> StreamRecorder:
        return StreamRecorder(
            self, session, window or str(uuid4()), token or self.token("record", project=project), **start
        )

    async def record(
        self,
        session: str,
        chunks: Sequence[Sequence[dict[str, Any]]],
        window: str | None = None,
        *,
        end: bool = True,
        **start: Any,
    ) -> str:
        """Records chunks, from seq 1; returns the window."""
        async with self.recorder(session, window, **start) as recorder:
            for seq, events in enumerate(chunks, 1):
                await recorder.send(seq, events)
            await recorder.ack(len(chunks))
            assert await (recorder.end(len(chunks)) if end else recorder.ended()) is None
        return recorder.window

    async def sessions(self, *, project: str = "demo", **request: Any) -> list[Any]:
        """Returns the sessions of all pages."""
        found: list[Any] = []
        message = pb.ListSessionsRequest(**request)
        while True:
            page = await self.stub.ListSessions(message, metadata=self.auth("view", project=project))
            found += page.sessions
            if not page.next_page_token:
                return found
            message.page_token = page.next_page_token

    async def session(self, session: str, *, project: str = "demo") -> pb.GetSessionResponse:
        request = pb.GetSessionRequest(session_id=session)
        return await self.stub.GetSession(request, metadata=self.auth("view", project=project))

    def view(self, session: str, *, project: str = "demo", **request: Any) -> StreamViewer:
        message = pb.ReplaySessionRequest(session_id=session, **request)
        return StreamViewer(self.stub.ReplaySession(message, metadata=self.auth("view", project=project)))

    async def replay(self, session: str, *, project: str = "demo", **request: Any) -> Replay:
        """Reads a replay to its end, and checks the order of its messages."""
        async with self.view(session, project=project, **request) as viewer:
            error = await viewer.ended()
        assert error is None, error
        kinds = [message.WhichOneof("message") for message in viewer.seen]
        assert kinds[0] == "header"
        assert kinds[-1] == "end"
        assert set(kinds[1:-1]) <= {"chunk", "live_edge"}
        chunks = [message.chunk for message in viewer.seen if message.WhichOneof("message") == "chunk"]
        return Replay(viewer.seen[0].header, chunks, viewer.seen[-1].end.reason)

    async def replay_refused(self, session: str, *, project: str = "demo", **request: Any) -> RpcProblem:
        message = pb.ReplaySessionRequest(session_id=session, **request)
        return await refused(self.stub.ReplaySession(message, metadata=self.auth("view", project=project)))

    async def delete(self, *sessions: str, project: str = "demo", actor_id: str = "") -> pb.DeleteSessionsResponse:
        request = pb.DeleteSessionsRequest(session_ids=sessions, actor_id=actor_id)
        return await self.stub.DeleteSessions(request, metadata=self.auth("admin", project=project))

    async def is_stored(self, session: str, *, project: str = "demo") -> bool:
        """Returns whether anything of the session is to be seen by any of the ways of reading it."""
        listed = session in {one.session_id for one in await self.sessions(project=project, page_size=500)}
        try:
            got = bool(await self.session(session, project=project))
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            got = False
        async with self.view(session, project=project) as viewer:
            error = await viewer.ended()
        assert error is None or error.code == grpc.StatusCode.NOT_FOUND
        replayed = any(message.WhichOneof("message") == "chunk" for message in viewer.seen)
        assert listed == got == replayed
        return listed


@asynccontextmanager
async def running(settings: Settings, **clock: Any) -> AsyncIterator[AuditServer]:
    """Serves AuditService while the block runs. One at a time: a process hosts one chDB directory."""
    await prepare(settings)
    # The channel is closed after the server, so that its last words are heard.
    async with AsyncExitStack() as channels, serve(settings, **clock) as server:
        channel = await channels.enter_async_context(
            status_kept(grpc.aio.insecure_channel(server.address), wait_s=PATIENCE_S)
        )
        yield AuditServer(settings, server.address, channel)
