"""The load of the benches: recorders that send chunks of 50 events, about 25 KB of JSON, over gRPC.

The events are those of the recordings in `../shared/recordings` where they are, else of the samples that
ship; full snapshots are left out, as in the traffic of a page that stays open.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import chunk_pb2

from services.audit.payload import deflate
from services.runtime.uuid7 import uuid7

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = Path(os.environ.get("AFTERIMAGE_TEST_RECORDINGS", ROOT.parent / "shared" / "recordings"))
SAMPLES = ROOT / "services" / "cli" / "samples"
RECORD = "/afterimage.audit.v1.AuditService/RecordSession"

EVENTS_PER_CHUNK = 50
CHUNK_BYTES = 25_000


def incremental_events() -> list[dict]:
    files = [p for p in sorted(RECORDINGS.glob("*.json")) if p.stem not in {"manifest", "pii_truth"}]
    found = [json.loads(path.read_bytes()) for path in files]
    found = found or [json.loads(gzip.decompress(path.read_bytes())) for path in sorted(SAMPLES.glob("*.json.gz"))]
    return [e for events in found for e in events if e["type"] == 3]


@dataclass(frozen=True)
class Chunk:
    payload: bytes
    raw_bytes: int
    message: Callable[[int], bytes]


def make_chunks(count: int = 100) -> list[Chunk]:
    """Chunks of 50 events and about 25 KB each: small events, and a sufficiently large mutation."""
    events = incremental_events()
    small = [e for e in events if len(json.dumps(e)) < 600]
    large = sorted((e for e in events if e["data"].get("source") == 0), key=lambda e: len(json.dumps(e)))
    large = [e for e in large if 1_500 < len(json.dumps(e)) < 12_000]
    now, chunks, s, m = round(time.time() * 1000), [], 0, 0
    while len(chunks) < count:
        batch: list[dict] = []
        size = 0
        while len(batch) < EVENTS_PER_CHUNK:
            # Mutations fill the chunk up to 25 KB while there is room for the small events after them.
            rest = EVENTS_PER_CHUNK - len(batch)
            if size + 150 * rest < CHUNK_BYTES - 2_000 and large:
                event, m = large[m % len(large)], m + 1
            else:
                event, s = small[s % len(small)], s + 1
            event = {**event, "timestamp": now + len(chunks) * 2_000 + len(batch) * 40}
            batch.append(event)
            size += len(json.dumps(event, separators=(",", ":")))
        text = json.dumps(batch, separators=(",", ":")).encode()
        chunks.append(as_chunk(text, len(batch)))
    return chunks


def first_chunk() -> Chunk:
    """Returns a recorder's first chunk: Meta and a full snapshot, of a page that fits the mutations well enough."""
    now = round(time.time() * 1000)
    found = [
        path for path in (RECORDINGS / "sbadmin-multipage.json", RECORDINGS / "swagger-tryout.json") if path.exists()
    ]
    if found:
        events = json.loads(found[0].read_bytes())
    else:
        events = json.loads(gzip.decompress((SAMPLES / "shop-checkout.json.gz").read_bytes()))
    meta = next(e for e in events if e["type"] == 4)
    full = next(e for e in events if e["type"] == 2)
    batch = [{**meta, "timestamp": now}, {**full, "timestamp": now}]
    return as_chunk(json.dumps(batch, separators=(",", ":")).encode(), len(batch))


def as_chunk(text: bytes, events: int) -> Chunk:
    payload = deflate(text)
    request = pb.RecordSessionRequest(chunk=chunk_pb2.Chunk(encoding=2, payload=payload, event_count=events))

    def message(seq: int) -> bytes:
        request.chunk.seq = seq
        return request.SerializeToString()

    return Chunk(payload, len(text), message)


@dataclass
class Result:
    chunks: int
    seconds: float
    latencies_ms: list[float]

    @property
    def per_second(self) -> float:
        return self.chunks / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def start_message(session: uuid.UUID | None = None) -> bytes:
    session = session or uuid7(round(time.time() * 1000))
    start = pb.RecordingStart(session_id=str(session), window_id=str(uuid.uuid4()), recorder_name="bench")
    return pb.RecordSessionRequest(start=start).SerializeToString()


async def record(
    channel: grpc.aio.Channel,
    token: str,
    chunks: Sequence[Chunk],
    *,
    recorders: int,
    each: int,
    window: int = 64,
    per_second: float = 0.0,
) -> Result:
    """Streams `each` chunks from each recorder; returns when all are acknowledged."""
    method = channel.stream_stream(RECORD, request_serializer=None, response_deserializer=None)
    metadata = (("authorization", f"Bearer {token}"),)
    latencies: list[float] = []
    first = first_chunk()

    async def one(number: int) -> None:
        call = method(metadata=metadata)
        await call.write(start_message())
        await call.read()
        sent: dict[int, float] = {}
        acked = 0
        room = asyncio.Event()

        async def read() -> None:
            nonlocal acked
            while acked < each:
                answer = await call.read()
                if answer is grpc.aio.EOF:
                    raise RuntimeError(f"{await call.code()}: {await call.details()}")
                response = pb.RecordSessionResponse.FromString(answer)
                if response.HasField("ack"):
                    now = time.perf_counter()
                    latencies.extend(
                        (now - sent.pop(seq)) * 1000 for seq in range(acked + 1, response.ack.through_seq + 1)
                    )
                    acked = response.ack.through_seq
                    room.set()

        reading = asyncio.create_task(read())
        pace = recorders / per_second if per_second else 0.0
        begun = time.perf_counter() + pace * number / recorders
        for seq in range(1, each + 1):
            while seq - acked > window:
                room.clear()
                await room.wait()
            if pace and (ahead := begun + seq * pace - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            sent[seq] = time.perf_counter()
            chunk = first if seq == 1 else chunks[(seq + number * 7) % len(chunks)]
            await call.write(chunk.message(seq))
        await reading
        await call.done_writing()
        call.cancel()

    begun = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(recorders)))
    return Result(recorders * each, time.perf_counter() - begun, latencies)


async def echo(
    channel: grpc.aio.Channel, chunks: Sequence[Chunk], *, recorders: int, each: int, window: int = 64
) -> Result:
    """The bare limit: the same messages over the same number of streams, echoed with nothing in between."""
    method = channel.stream_stream("/echo/Echo", request_serializer=None, response_deserializer=None)

    async def one(number: int) -> None:
        call = method()
        returned = 0
        room = asyncio.Event()

        async def read() -> None:
            nonlocal returned
            while returned < each:
                await call.read()
                returned += 1
                room.set()

        reading = asyncio.create_task(read())
        for seq in range(1, each + 1):
            while seq - returned > window:
                room.clear()
                await room.wait()
            await call.write(chunks[(seq + number * 7) % len(chunks)].message(seq))
        await reading
        await call.done_writing()

    begun = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(recorders)))
    return Result(recorders * each, time.perf_counter() - begun, [0.0])
