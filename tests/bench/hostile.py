"""The load of one hostile address: many streams that send the worst chunks which are known, as fast as they are taken.

Half of the streams send chunks that are stored and cost the most processor time within the limits, half send chunks
that are rejected after as much work as possible. Refused streams come back at once, not after the delay.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from bench import load, processes

STREAMS = 20
ADDRESS = "198.51.100.66"
REFUSED_PAUSE_S = 0.2


@dataclass
class Hostility:
    """Number of chunks sent, stored and rejected, and of streams refused."""

    sent: int = 0
    stored: int = 0
    rejected: int = 0
    refused: int = 0


def worst_chunks() -> list[load.Chunk]:
    """Returns a chunk that is stored, and two that are rejected."""
    now = round(time.time() * 1000)
    words = [f"user{number}@example.org" for number in range(50_000)]
    custom = {"type": 5, "timestamp": now, "data": {"tag": "words", "payload": words}}
    pages = [
        {"type": 4, "timestamp": now, "data": {"href": f"https://a.example/{n}" + "/x1" * 300, "width": 1, "height": 1}}
        for n in range(5_000)
    ]
    stored, rejected = json.dumps([custom]).encode(), json.dumps([custom, 1]).encode()
    return [load.as_chunk(stored, 1), load.as_chunk(rejected, 0), load.as_chunk(json.dumps(pages).encode(), 7)]


@asynccontextmanager
async def attacking(channel: grpc.aio.Channel) -> AsyncIterator[Hostility]:
    """Attacks while the block runs."""
    found, chunks = Hostility(), worst_chunks()
    tasks = [asyncio.create_task(_stream(channel, number, chunks, found)) for number in range(STREAMS)]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stream(channel: grpc.aio.Channel, number: int, chunks: list[load.Chunk], found: Hostility) -> None:
    method = channel.stream_stream(load.RECORD, request_serializer=None, response_deserializer=None)
    token = processes.token("record", subject=f"hostile {number}")
    metadata = (("authorization", f"Bearer {token}"), ("x-forwarded-for", ADDRESS))
    while True:
        call = method(metadata=metadata)
        try:
            await call.write(load.start_message())
            seq, turn = 1, number
            while (answer := await call.read()) is not grpc.aio.EOF:
                response = pb.RecordSessionResponse.FromString(answer)
                if response.HasField("ack"):
                    found.stored += 1
                    seq = response.ack.through_seq + 1
                elif response.HasField("rejected"):
                    found.rejected += 1
                elif not response.HasField("ready"):
                    continue
                await call.write(chunks[turn % len(chunks)].message(seq))
                found.sent += 1
                turn += 1
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            found.refused += 1
        finally:
            call.cancel()
        await asyncio.sleep(REFUSED_PAUSE_S)
