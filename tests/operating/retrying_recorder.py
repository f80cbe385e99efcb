"""A recorder for tests of faults: it retries, and notices when something that was acknowledged is gone."""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass, field

import grpc
from audit.service import chunk, client, end, start, uuid7
from support.wait import PATIENCE_S

CHUNK_BYTES = 40_000
RETRIED = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,  # an open that reads, in a process that is being killed
}


@dataclass
class RetryingRecorder:
    """A recorder that retries, as recorders do, until it has to end and all its chunks are acknowledged."""

    random: random.Random
    begun_ms: int
    session: uuid.UUID = field(init=False)
    window: uuid.UUID = field(default_factory=uuid.uuid4)
    chunks: list = field(default_factory=list)
    acked: int = 0
    refused: int = 0
    finish: bool = False

    def __post_init__(self):
        self.session = uuid7(self.begun_ms)

    async def run(self, address, token):
        while not await self._stream(address, token):  # noqa: ASYNC110 - a pause before it connects again
            await asyncio.sleep(0.05)

    async def _stream(self, address, token):
        async with client(address, token) as opened:
            call = opened.stub.RecordSession(metadata=opened.metadata)
            try:
                await call.write(start(self.session, self.window))
                first = await call.read()
                if first is grpc.aio.EOF:
                    raise await _error_of(call)
                stored = first.ready.next_seq - 1
                assert stored >= self.acked, f"acknowledged {self.acked}, stored {stored}"
                self.acked = stored
                writing = asyncio.create_task(self._write(call, stored))
                try:
                    while (answer := await call.read()) is not grpc.aio.EOF:
                        assert answer.HasField("ack"), answer
                        self.acked = answer.ack.through_seq
                finally:
                    writing.cancel()
                    await asyncio.gather(writing, return_exceptions=True)
                if await call.code() is grpc.StatusCode.OK:
                    return self.finish and self.acked == len(self.chunks)
                raise await _error_of(call)
            except grpc.aio.AioRpcError as error:
                if error.code() not in RETRIED:
                    raise
                self.refused += error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                return False

    async def _write(self, call, seq):
        while not (self.finish and seq == len(self.chunks)):
            seq += 1
            if seq > len(self.chunks):
                self.chunks.append(self._events(seq))
            await call.write(chunk(seq, self.chunks[seq - 1]))
            await asyncio.sleep(self.random.uniform(0, 0.1))
        await call.write(end(len(self.chunks)))

    def _events(self, seq):
        data = {"tag": "noise", "payload": {"n": seq, "noise": self.random.randbytes(CHUNK_BYTES // 2).hex()}}
        return [{"type": 5, "timestamp": self.begun_ms + seq, "data": data}]


async def _error_of(call):
    return grpc.aio.AioRpcError(await call.code(), grpc.aio.Metadata(), grpc.aio.Metadata(), await call.details())


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - it also waits for another process
            await asyncio.sleep(0.02)
