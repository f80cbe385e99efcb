"""Measures the sidecar: sidecar, service and load are processes of their own, as they are in life.

`python -m bench.sidecar` (in tests/) prints the rows; with names as arguments (bridge, ingest, live, idle) only those.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import resource
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import grpc
import psutil
from afterimage.audit.v1 import audit_service_pb2 as pb
from bench import load, processes

Row = tuple[str, float, str]

ROOT = Path(__file__).resolve().parents[2]
FRAME_BYTES = 4096
_LIMITS = (
    "MAX_CONNECTIONS MAX_CONNECTIONS_PER_PROJECT MAX_CONNECTIONS_PER_SUBJECT MAX_CONNECTIONS_PER_ADDRESS "
    "UPGRADES_PER_MINUTE_PER_ADDRESS UPGRADES_PER_MINUTE_PER_SUBJECT MESSAGES_PER_S BYTES_PER_S"
)


class Sidecar:
    def __init__(self, url: str, process: psutil.Process, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.process = process
        self.http = http

    def socket(self, path: str, scope: str):
        protocols = ("afterimage.v1", f"bearer.{processes.token(scope)}")
        return self.http.ws_connect(self.url + path, protocols=protocols, max_msg_size=0, compress=0)

    @property
    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system


@asynccontextmanager
async def sidecar(audit: str) -> AsyncIterator[Sidecar]:
    """A sidecar without limits in front of the service at `audit`."""
    port = processes.free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sidecar",
        cwd=ROOT,
        env={
            **os.environ,
            "AFTERIMAGE_AUTH__SECRET": processes.SECRET,
            "AFTERIMAGE_SIDECAR__PORT": str(port),
            "AFTERIMAGE_SIDECAR__AUDIT_ADDRESS": audit,
            "AFTERIMAGE_LOG__LEVEL": "warning",
            **{f"AFTERIMAGE_SIDECAR__{name}": "0" for name in _LIMITS.split()},
        },
    )
    try:
        await processes.until_open(port)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            yield Sidecar(f"http://127.0.0.1:{port}", psutil.Process(process.pid), http)
    finally:
        process.terminate()
        await process.wait()


def frame(payload: bytes, seq: int = 1) -> bytes:
    request = pb.RecordSessionRequest()
    request.chunk.seq, request.chunk.encoding, request.chunk.payload = seq, 2, payload
    return request.SerializeToString()


async def bridge(quick: bool) -> list[Row]:
    """4 KB frames to a service that echoes them: the bridge without anything behind it."""
    sockets, window, seconds = 4, 64, 2.0 if quick else 5.0
    message = frame(os.urandom(FRAME_BYTES - 16))
    count = 0

    async def pump(door: Sidecar) -> None:
        nonlocal count
        async with door.socket("/ws/record", "record") as ws:
            for _ in range(window):
                await ws.send_bytes(message)
            while (await ws.receive()).type is aiohttp.WSMsgType.BINARY:
                count += 1
                await ws.send_bytes(message)

    async with processes.echo() as address, sidecar(address) as door:
        tasks = [asyncio.create_task(pump(door)) for _ in range(sockets)]
        await asyncio.sleep(1.0)
        cpu_s, first, begun = door.cpu_s, count, time.perf_counter()
        await asyncio.sleep(seconds)
        took_s, done, cpu_s = time.perf_counter() - begun, count - first, door.cpu_s - cpu_s
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [
        ("bare bridge, 4 KB frames carried (in and out)", 2 * done / took_s, "frames/s"),
        ("bare bridge, 4 KB frames echoed", done / took_s, "frames/s"),
        ("bare bridge, sidecar's CPU a frame carried", cpu_s / done / 2 * 1e6, "us"),
    ]


async def ingest(quick: bool) -> list[Row]:
    """Durable chunks a second straight over gRPC and through sockets, the same chunks, one after the other."""
    recorders, each, rounds = 20, 200 if quick else 600, 1 if quick else 2
    chunks = load.make_chunks()
    direct: list[float] = []
    through: list[float] = []
    async with (
        processes.audit() as audit,
        grpc.aio.insecure_channel(audit.address) as channel,
        sidecar(audit.address) as door,
    ):
        token = processes.token("record")
        await load.record(channel, token, chunks, recorders=recorders, each=50)
        await record(door, chunks, recorders=recorders, each=50)
        for _ in range(rounds):
            direct.append((await load.record(channel, token, chunks, recorders=recorders, each=each)).per_second)
            through.append(await record(door, chunks, recorders=recorders, each=each))
    return [
        ("durable ingest, gRPC", max(direct), "chunks/s"),
        ("durable ingest, WebSocket", max(through), "chunks/s"),
        ("durable ingest, WebSocket / gRPC", max(through) / max(direct) * 100, "%"),
    ]


async def record(door: Sidecar, chunks: list[load.Chunk], *, recorders: int, each: int, window: int = 64) -> float:
    """Records over sockets as `load.record` does over gRPC; returns chunks a second."""

    async def one(number: int) -> None:
        async with door.socket("/ws/record", "record") as ws:
            await ws.send_bytes(load.start_message())
            await ws.receive()
            acked = 0
            room = asyncio.Event()

            async def read() -> None:
                nonlocal acked
                while acked < each:
                    acked = max(acked, pb.RecordSessionResponse.FromString(await ws.receive_bytes()).ack.through_seq)
                    room.set()

            reading = asyncio.create_task(read())
            for seq in range(1, each + 1):
                while seq - acked > window:
                    room.clear()
                    await room.wait()
                await ws.send_bytes(chunks[(seq + number * 7) % len(chunks)].message(seq))
            await reading

    begun = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(recorders)))
    return recorders * each / (time.perf_counter() - begun)


def stamped(kind: int = 5) -> bytes:
    """A chunk that says when it was sent, or (2) is a full snapshot."""
    data = {"tag": "sent", "payload": {"at": time.perf_counter(), "pad": os.urandom(500).hex()}}
    if kind == 2:
        data = {"node": {"type": 0, "childNodes": [], "id": 1}, "initialOffset": {"top": 0, "left": 0}}
    return gzip.compress(json.dumps([{"type": kind, "timestamp": round(time.time() * 1000), "data": data}]).encode(), 1)


async def latency(sessions: int, viewers: int, *, seconds: float, interval_s: float) -> list[float]:
    """Milliseconds from a recorder's socket to its viewers' sockets; `viewers` of each session."""
    found: list[float] = []
    watching = 0

    async with processes.audit() as audit, sidecar(audit.address) as door, AsyncExitStack() as stack:

        async def view(session_id: str) -> None:
            nonlocal watching
            async with door.socket("/ws/replay", "view") as ws:
                await ws.send_bytes(pb.ReplaySessionRequest(session_id=session_id, follow=True).SerializeToString())
                while (message := await ws.receive()).type is aiohttp.WSMsgType.BINARY:
                    now = time.perf_counter()
                    response = pb.ReplaySessionResponse.FromString(message.data)
                    watching += response.HasField("live_edge")
                    if response.HasField("chunk"):
                        (event,) = json.loads(gzip.decompress(response.chunk.payload))
                        if event["type"] == 5:
                            found.append((now - event["data"]["payload"]["at"]) * 1000)

        recorders = []
        for _ in range(sessions):
            session_id = load.uuid7(round(time.time() * 1000))
            ws = await stack.enter_async_context(door.socket("/ws/record", "record"))
            start = pb.RecordingStart(session_id=str(session_id), window_id=str(uuid.uuid4()))
            await ws.send_bytes(pb.RecordSessionRequest(start=start).SerializeToString())
            await ws.receive()
            await ws.send_bytes(frame(stamped(2)))
            while not pb.RecordSessionResponse.FromString(await ws.receive_bytes()).ack.through_seq:
                pass
            recorders.append((ws, str(session_id)))

        async def drain(ws: aiohttp.ClientWebSocketResponse) -> None:
            async for _ in ws:  # acks and commands; a client that does not read answers no pings
                pass

        draining = [asyncio.create_task(drain(ws)) for ws, _ in recorders]
        tasks = [asyncio.create_task(view(session_id)) for _, session_id in recorders for _ in range(viewers)]
        while watching < len(tasks):  # noqa: ASYNC110 - counted in callbacks of many sockets
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)

        async def send(number: int, ws: aiohttp.ClientWebSocketResponse) -> None:
            await asyncio.sleep(interval_s * number / sessions)
            for seq in range(2, 2 + round(seconds / interval_s)):
                await ws.send_bytes(frame(stamped(), seq))
                await asyncio.sleep(interval_s)

        await asyncio.gather(*(send(number, ws) for number, (ws, _) in enumerate(recorders)))
        expected = round(seconds / interval_s) * sessions * viewers
        async with asyncio.timeout(30):
            while len(found) < expected:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for task in (*draining, *tasks):
            task.cancel()
        await asyncio.gather(*draining, *tasks, return_exceptions=True)
    return sorted(found)


async def live(quick: bool) -> list[Row]:
    """Recorder to viewer, each recorder sending a chunk a second; durable before it is shown."""
    rows: list[Row] = []
    seconds = 3.0 if quick else 8.0
    for sessions, viewers, interval_s in ((100, 1, 1.0), (1, 500, 1.0)):
        found = await latency(sessions, viewers, seconds=seconds, interval_s=interval_s)
        name = f"live, {sessions} session{'s' * (sessions > 1)} x {viewers} viewer{'s' * (viewers > 1)}"
        rows += [
            (f"{name}, p{round(share * 100)}", found[int((len(found) - 1) * share)], "ms") for share in (0.5, 0.99)
        ]
    return rows


async def idle(quick: bool) -> list[Row]:
    """What sockets cost that say nothing: resident memory of the sidecar for each."""
    count = 500 if quick else 5000
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows: list[Row] = []
    async with processes.echo() as address:
        for name, is_streaming in (("connected", False), ("with an open stream", True)):
            async with sidecar(address) as door, AsyncExitStack() as stack:
                for _ in range(20):  # what only the first ones need
                    async with door.socket("/ws/record", "record") as ws:
                        await ws.send_bytes(load.start_message())
                        await ws.receive()
                before = door.process.memory_info().rss
                for _ in range(count):
                    ws = await stack.enter_async_context(door.socket("/ws/record", "record"))
                    if is_streaming:
                        await ws.send_bytes(load.start_message())
                        await ws.receive()
                await asyncio.sleep(1.0)
                cpu_s, begun = door.cpu_s, time.perf_counter()
                used = (door.process.memory_info().rss - before) / count / 1024
                await asyncio.sleep(2.0 if quick else 5.0)
                share = (door.cpu_s - cpu_s) / (time.perf_counter() - begun) * 100
                rows += [
                    (f"{count} idle sockets, {name}, memory a socket", used, "KB"),
                    (f"{count} idle sockets, {name}, CPU", share, "% of a core"),
                ]
    return rows


BENCHES = {"bridge": bridge, "ingest": ingest, "live": live, "idle": idle}


async def rows(quick: bool = False) -> list[Row]:
    """Returns everything that is measured here."""
    return [row for measure in BENCHES.values() for row in await measure(quick)]


async def main(names: list[str]) -> None:
    for name in names or list(BENCHES):
        for label, value, unit in await BENCHES[name](quick=False):
            sys.stdout.write(f"{label:55} {value:12,.1f} {unit}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
