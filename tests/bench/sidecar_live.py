"""From a recorder's socket to its viewers' sockets, while it is watched.

Recorders send the events of a page in the 0.25 s between two flushes while watched (ingest.watched_flush_interval_s):
a few events of the recordings. Not every page has events every 0.25 s: one row is for a chunk per second. Service and
sidecar run as in production, with masking, detectors and access trail. A chunk is shown when it is stored: a viewer
waits for the acknowledgement and the transport after it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from afterimage.audit.v1 import audit_service_pb2 as pb
from bench import load, processes
from bench.lean_socket import Listening, framed

WATCHED_S = 0.25
EVENTS_PER_CHUNK = 6  # 50 in the 2 s of an unwatched recorder, as in `load`
JOINING = 50  # viewers that connect at once
_LATE_S = 60.0


@dataclass
class LiveFigures:
    """Milliseconds since the chunk was written to the recorder's socket."""

    acked: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    sidecar_cpu_s: float = 0.0
    audit_cpu_s: float = 0.0
    load_cpu_s: float = 0.0
    took_s: float = 0.0


def small_chunks(count: int = 200) -> list[load.Chunk]:
    events = [event for event in load.incremental_events() if len(json.dumps(event)) < 2_000]
    now, chunks = round(time.time() * 1000), []
    for number in range(count):
        begin = number * EVENTS_PER_CHUNK
        batch = [
            {**events[(begin + place) % len(events)], "timestamp": now + number * 250 + place * 40}
            for place in range(EVENTS_PER_CHUNK)
        ]
        chunks.append(load.as_chunk(json.dumps(batch, separators=(",", ":")).encode(), len(batch)))
    return chunks


class LiveLoadRecorder:
    """Sends chunks and notes when."""

    def __init__(self, found: LiveFigures) -> None:
        self.session = str(load.uuid7(round(time.time() * 1000)))
        self.sent_at: dict[int, float] = {}
        self.acked = 0
        self._found = found
        self._is_ready = asyncio.Event()
        self._socket = Listening("/ws/record", processes.token("record"), self._heard)

    async def open(self, port: int) -> None:
        await self._socket.connect(port)
        start = pb.RecordingStart(session_id=self.session, window_id=str(uuid.uuid4()), recorder_name="bench")
        self._socket.send(pb.RecordSessionRequest(start=start).SerializeToString())
        await self._is_ready.wait()
        await self.send(1, load.first_chunk())

    async def send(self, seq: int, chunk: load.Chunk) -> None:
        frame = framed(chunk.message(seq))
        self.sent_at[seq] = time.perf_counter()
        self._socket.transport.write(frame)

    def _heard(self, message: bytes) -> None:
        now = time.perf_counter()
        response = pb.RecordSessionResponse.FromString(message)
        if response.HasField("ready"):
            self._is_ready.set()
        elif response.HasField("ack"):
            for seq in range(self.acked + 1, response.ack.through_seq + 1):
                self._found.acked.append((now - self.sent_at[seq]) * 1000)
            self.acked = response.ack.through_seq


class LiveLoadViewer:
    """Follows a recorder's session and notes the arrival time of each chunk; checks that each comes exactly once."""

    def __init__(self, recorder: LiveLoadRecorder, found: LiveFigures) -> None:
        self._recorder = recorder
        self._found = found
        self._seq = 0
        self.at_edge = asyncio.Event()
        self._socket = Listening("/ws/replay", processes.token("view"), self._heard)

    async def open(self, port: int) -> None:
        await self._socket.connect(port)
        request = pb.ReplaySessionRequest(session_id=self._recorder.session, follow=True)
        self._socket.send(request.SerializeToString())
        await self.at_edge.wait()

    def _heard(self, message: bytes) -> None:
        now = time.perf_counter()
        response = pb.ReplaySessionResponse.FromString(message)
        if response.HasField("chunk"):
            if response.chunk.seq != self._seq + 1:
                raise RuntimeError(f"chunk {response.chunk.seq} after {self._seq}")
            self._seq += 1
            self._found.shown.append((now - self._recorder.sent_at[self._seq]) * 1000)
        elif response.HasField("live_edge"):
            self.at_edge.set()


async def latency(sessions: int, viewers: int, chunks: int, interval_s: float = WATCHED_S) -> LiveFigures:
    """Sends `chunks` from each of `sessions` recorders, each of which has `viewers` viewers."""
    found = LiveFigures()
    small = small_chunks()
    async with processes.audit() as audit, processes.sidecar(audit.address) as door, AsyncExitStack() as stack:
        recorders = [LiveLoadRecorder(found) for _ in range(sessions)]
        await asyncio.gather(*(recorder.open(door.port) for recorder in recorders))
        async with asyncio.timeout(_LATE_S):
            while any(not recorder.acked for recorder in recorders):  # noqa: ASYNC110 - counted in callbacks
                await asyncio.sleep(0.05)
        watching = [LiveLoadViewer(recorder, found) for recorder in recorders for _ in range(viewers)]
        for begin in range(0, len(watching), JOINING):
            await asyncio.gather(*(viewer.open(door.port) for viewer in watching[begin : begin + JOINING]))
        await asyncio.sleep(1.0)
        found.acked.clear()
        found.shown.clear()
        gc.freeze()  # a pause of the load's collector would be found as latency
        stack.callback(gc.unfreeze)
        begun, used = time.perf_counter(), (door.cpu_s, processes.cpu_s(audit.process), time.process_time())

        async def record(number: int, recorder: LiveLoadRecorder) -> None:
            next_at = begun + interval_s * number / sessions
            for seq in range(2, 2 + chunks):
                await asyncio.sleep(max(0.0, next_at - time.perf_counter()))
                await recorder.send(seq, small[(number * 7 + seq) % len(small)])
                next_at += interval_s

        await asyncio.gather(*(record(number, recorder) for number, recorder in enumerate(recorders)))
        async with asyncio.timeout(_LATE_S):
            while len(found.shown) < chunks * sessions * viewers:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        found.took_s = time.perf_counter() - begun
        found.sidecar_cpu_s = door.cpu_s - used[0]
        found.audit_cpu_s = processes.cpu_s(audit.process) - used[1]
        found.load_cpu_s = time.process_time() - used[2]
    found.acked.sort()
    found.shown.sort()
    return found


def at(ordered: list[float], share: float) -> float:
    return ordered[int((len(ordered) - 1) * share)]


async def live(quick: bool) -> list[tuple[str, float, str]]:
    """Recorder to viewer, by how many sessions and viewers there are and how often each recorder sends."""
    rows: list[tuple[str, float, str]] = []
    for sessions, viewers, interval_s in ((100, 1, WATCHED_S), (100, 1, 1.0), (1, 500, WATCHED_S)):
        found = await latency(sessions, viewers, round((2 if quick else 10) / interval_s), interval_s)
        name = f"live, {sessions} x {viewers}, every {interval_s} s"
        rows += [
            (f"{name}: recorder to viewer, p50", at(found.shown, 0.5), "ms"),
            (f"{name}: recorder to viewer, p99", at(found.shown, 0.99), "ms"),
            (f"{name}: recorder to ack, p50", at(found.acked, 0.5), "ms"),
            (f"{name}: recorder to ack, p99", at(found.acked, 0.99), "ms"),
            (f"{name}: shown", len(found.shown) / found.took_s, "chunks/s"),
            (f"{name}: CPU of AuditService", found.audit_cpu_s / found.took_s * 100, "% of a core"),
            (f"{name}: CPU of the sidecar", found.sidecar_cpu_s / found.took_s * 100, "% of a core"),
            (f"{name}: CPU of the load", found.load_cpu_s / found.took_s * 100, "% of a core"),
        ]
    return rows
