"""Measures the sidecar: sidecar, service and load are separate processes, as in production.

`python -m bench.sidecar` (in tests/) prints the rows; with names as arguments (bridge, ingest, live, idle) only those.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from contextlib import AsyncExitStack

import grpc
import uvloop
from afterimage.audit.v1 import audit_service_pb2 as pb
from bench import load, processes
from bench.sidecar_bridge import bridge
from bench.sidecar_live import live

Row = tuple[str, float, str]


async def ingest(quick: bool) -> list[Row]:
    """Durable chunks a second straight over gRPC and through sockets, the same chunks, one after the other."""
    recorders, each, rounds = 20, 200 if quick else 600, 1 if quick else 2
    chunks = load.make_chunks()
    direct: list[float] = []
    through: list[float] = []
    async with (
        processes.audit() as audit,
        grpc.aio.insecure_channel(audit.address) as channel,
        processes.sidecar(audit.address) as door,
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


async def record(
    door: processes.SidecarUnderLoad, chunks: list[load.Chunk], *, recorders: int, each: int, window: int = 64
) -> float:
    """Records over sockets as `load.record` does over gRPC, the same chunks; returns chunks a second."""
    first = load.first_chunk()

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
                chunk = first if seq == 1 else chunks[(seq + number * 7) % len(chunks)]
                await ws.send_bytes(chunk.message(seq))
            await reading

    begun = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(recorders)))
    return recorders * each / (time.perf_counter() - begun)


async def idle(quick: bool) -> list[Row]:
    """Measures the cost of idle sockets: resident memory of the sidecar for each."""
    count = 500 if quick else 5000
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows: list[Row] = []
    async with processes.echo() as address:
        for name, is_streaming in (("connected", False), ("with an open stream", True)):
            async with processes.sidecar(address) as door, AsyncExitStack() as stack:
                for _ in range(20):  # memory that only the first ones need
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
    uvloop.run(main(sys.argv[1:]))
