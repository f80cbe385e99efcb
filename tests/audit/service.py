"""A running AuditService and a recorder and a viewer for it, as any client would write them."""

from __future__ import annotations

import asyncio
import gzip
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from afterimage.recording.v1 import chunk_pb2
from audit.storage import uuid7
from support.wait import PATIENCE_S

from services.audit.payload import deflate
from services.runtime.client_streams import status_kept

GZIP = (
    chunk_pb2.StoredChunk.DESCRIPTOR.fields_by_name["encoding"].enum_type.values_by_name["CHUNK_ENCODING_GZIP"].number
)


def start(session: uuid.UUID, window: uuid.UUID, **values: object) -> pb.RecordSessionRequest:
    return pb.RecordSessionRequest(start=pb.RecordingStart(session_id=str(session), window_id=str(window), **values))


def chunk(seq: int, events: Sequence[dict] | bytes) -> pb.RecordSessionRequest:
    text = events if isinstance(events, bytes) else json.dumps(events, separators=(",", ":")).encode()
    return pb.RecordSessionRequest(chunk=chunk_pb2.Chunk(seq=seq, encoding=GZIP, payload=deflate(text)))


def end(last_seq: int = 0) -> pb.RecordSessionRequest:
    return pb.RecordSessionRequest(end=pb.RecordingEnd(last_seq=last_seq))


@dataclass
class AuditCaller:
    """Calls one server with one token."""

    address: str
    token: str
    channel: grpc.aio.Channel = field(init=False)

    def __post_init__(self) -> None:
        options = [("grpc.max_receive_message_length", -1)]
        self.channel = status_kept(grpc.aio.insecure_channel(self.address, options=options), wait_s=PATIENCE_S)
        self.stub = audit_service_pb2_grpc.AuditServiceStub(self.channel)
        self.metadata = (("authorization", f"Bearer {self.token}"),)

    async def record(
        self,
        session: uuid.UUID,
        window: uuid.UUID,
        chunks: Sequence[Sequence[dict] | bytes],
        *,
        finish: bool = True,
        **values: object,
    ) -> int:
        """Records a window from the server's next seq on; returns the last acknowledged seq."""
        call = self.stub.RecordSession(metadata=self.metadata)
        await call.write(start(session, window, **values))
        ready = (await call.read()).ready
        for seq in range(ready.next_seq, len(chunks) + 1):
            await call.write(chunk(seq, chunks[seq - 1]))
        acked = ready.next_seq - 1
        if finish:
            await call.write(end(len(chunks)))
        else:
            await call.done_writing()
        while (answer := await call.read()) is not grpc.aio.EOF:
            assert not answer.HasField("rejected"), answer
            if answer.HasField("ack"):
                acked = answer.ack.through_seq
        assert await call.code() is grpc.StatusCode.OK, await call.details()
        return acked

    async def replay(self, session: uuid.UUID, **values: object) -> list[pb.ReplaySessionResponse]:
        request = pb.ReplaySessionRequest(session_id=str(session), **values)
        return [part async for part in self.stub.ReplaySession(request, metadata=self.metadata)]

    async def events(self, session: uuid.UUID, **values: object) -> list[dict]:
        parts = await self.replay(session, **values)
        return [e for part in parts if part.HasField("chunk") for e in json.loads(gzip.decompress(part.chunk.payload))]

    async def session(self, session: uuid.UUID) -> pb.GetSessionResponse:
        return await self.stub.GetSession(pb.GetSessionRequest(session_id=str(session)), metadata=self.metadata)


@asynccontextmanager
async def client(address: str, token: str) -> AsyncIterator[AuditCaller]:
    opened = AuditCaller(address, token)
    try:
        yield opened
    finally:
        await opened.channel.close()


async def gather_bounded(limit: int, jobs: Sequence) -> list:
    """Runs coroutines, at most `limit` at a time."""
    places = asyncio.Semaphore(limit)

    async def one(job):
        async with places:
            return await job

    return await asyncio.gather(*(one(job) for job in jobs))


__all__ = ["AuditCaller", "chunk", "client", "end", "gather_bounded", "start", "uuid7"]
