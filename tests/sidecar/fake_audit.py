"""An AuditService in memory that streams as the contract defines, and knows its open calls."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager, contextmanager

from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from afterimage.recording.v1 import chunk_pb2

from services.runtime.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from services.runtime.identity.tokens import TokenVerifier, current_identity
from services.runtime.metrics import new_registry
from services.runtime.rpc.interceptors import server_interceptors
from services.runtime.rpc.scopes import AUDIT, GRANT_METHODS, scopes_of
from services.runtime.rpc.server import serve_grpc


class FakeAudit(audit_service_pb2_grpc.AuditServiceServicer):
    """Stores by project, session and window.

    Attributes:
        open_calls: Streams that are being served.
        metadata: Of the last stream or call.
        accept: If cleared, no more chunks are read, as by a service with hanging storage.
        requests: How many stream messages were received.
    """

    def __init__(self):
        self.chunks = defaultdict(list)
        self.open_calls = 0
        self.metadata = {}
        self.accept = asyncio.Event()
        self.accept.set()
        self.requests = 0
        self.answer_bytes = 0
        self.recorders = {}
        self._news = asyncio.Condition()

    @contextmanager
    def _open(self, context):
        self.open_calls += 1
        self.metadata = dict(context.invocation_metadata())
        try:
            yield
        finally:
            self.open_calls -= 1

    async def RecordSession(self, requests, context):  # noqa: N802
        with self._open(context):
            key = None
            async for request in requests:
                self.requests += 1
                await self.accept.wait()
                kind = request.WhichOneof("message")
                if (kind == "start") is (key is not None) or kind is None:
                    raise FailedPrecondition("the first message must be start", reason="START_MISSING")
                if kind == "start":
                    key = (current_identity().project, request.start.session_id, request.start.window_id)
                    mine = self.recorders[key] = object()
                    yield pb.RecordSessionResponse(ready=pb.RecordingReady(next_seq=len(self.chunks[key]) + 1))
                    continue
                if self.recorders[key] is not mine:
                    raise Aborted("a newer stream records this window", reason="SUPERSEDED")
                if kind == "end":
                    return
                if request.chunk.seq == len(self.chunks[key]) + 1:
                    async with self._news:
                        self.chunks[key].append(request.chunk)
                        self._news.notify_all()
                yield pb.RecordSessionResponse(ack=pb.RecordingAck(through_seq=len(self.chunks[key])))

    async def ReplaySession(self, request, context):  # noqa: N802
        with self._open(context):
            project = current_identity().project
            windows = {k[2]: v for k, v in self.chunks.items() if k[:2] == (project, request.session_id)}
            if not windows:
                raise NotFound("there is no such session")
            sent = {position.window_id: position.seq for position in request.cursor.positions}
            yield pb.ReplaySessionResponse(header=pb.ReplayHeader())
            while True:
                for window_id, chunks in windows.items():
                    for chunk in chunks[sent.get(window_id, 0) :]:
                        sent[window_id] = chunk.seq
                        stored = chunk_pb2.StoredChunk(
                            window_id=window_id, seq=chunk.seq, encoding=chunk.encoding, payload=chunk.payload
                        )
                        yield pb.ReplaySessionResponse(chunk=stored)
                if not request.follow:
                    yield pb.ReplaySessionResponse(end=pb.ReplayEnd(reason=1))
                    return
                async with self._news:
                    if all(len(chunks) == sent.get(window_id, 0) for window_id, chunks in windows.items()):
                        await self._news.wait()

    async def WatchSessions(self, _request, context):  # noqa: N802
        with self._open(context):
            yield pb.WatchSessionsResponse(snapshot=pb.SessionsSnapshot())
            while True:
                if self.answer_bytes:
                    removal = pb.SessionRemoval(session_id="x" * self.answer_bytes)
                    yield pb.WatchSessionsResponse(removal=removal)
                else:
                    await asyncio.sleep(3600)

    async def GetSession(self, request, context):  # noqa: N802
        self.metadata = dict(context.invocation_metadata())
        if request.session_id == "slow":
            await asyncio.sleep(3600)
        if not request.session_id:
            raise InvalidArgument.of("session_id", "is not a UUID")
        raise NotFound("there is no such session")

    async def GetReplayStart(self, request, context):  # noqa: N802
        raise NotFound("there is no such session")

    async def ListSessions(self, _request, context):  # noqa: N802
        self.metadata = dict(context.invocation_metadata())
        return pb.ListSessionsResponse(next_page_token=f"page of {current_identity().project}" * 200)


def _not_here(name):
    async def refuse(_self, _request, _context):
        raise Unimplemented(f"{name} is not in this fake")

    return refuse


for _name in ("GetHeatmap", "ListPages", "ListInteractions", "DeleteSessions", "ListAccessEvents", "GetPrivacyPolicy"):
    setattr(FakeAudit, _name, _not_here(_name))


@asynccontextmanager
async def serving(settings, fake, **options):
    """Serves `fake` as services.audit would be served: behind the runtime's interceptors."""
    async with serve_grpc(
        settings,
        settings.audit,
        registrars=[lambda server: audit_service_pb2_grpc.add_AuditServiceServicer_to_server(fake, server)],
        service_names=[AUDIT],
        interceptors=server_interceptors(
            verifier=TokenVerifier(settings),
            scopes=scopes_of(AUDIT),
            registry=new_registry(),
            grant_methods=GRANT_METHODS,
        ),
        grace_s=0.2,
        **options,
    ) as server:
        yield server
