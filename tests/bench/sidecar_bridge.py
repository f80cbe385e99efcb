"""The bridge without a service behind it, compared with a minimal bridge on the same libraries.

An echo takes two frames: one from the socket to the stream, one back. The echoing service, the bridge and the load
are separate processes; the load is one process, and takes a small part of the bridge's work per frame.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from afterimage.audit.v1 import audit_service_pb2 as pb
from bench import processes
from bench.lean_socket import Echoing

FRAME_BYTES = 4096
SOCKETS, WINDOW = 4, 64
_ENCODING_AND_LENGTHS = 16  # bytes of a frame besides its payload


@dataclass
class Pace:
    echoes_per_s: float
    cpu_us: float
    """Of the bridge, an echo."""


def message() -> bytes:
    request = pb.RecordSessionRequest()
    chunk = request.chunk
    chunk.seq, chunk.encoding, chunk.payload = 1, 2, os.urandom(FRAME_BYTES - _ENCODING_AND_LENGTHS)
    return request.SerializeToString()


async def pace(
    open_bridge: Callable[[str], AbstractAsyncContextManager[processes.SidecarUnderLoad]], upstream: str, seconds: float
) -> Pace:
    async with open_bridge(upstream) as door:
        sockets = [Echoing("/ws/record", processes.token("record"), message()) for _ in range(SOCKETS)]
        for socket in sockets:
            await socket.connect(door.port)
            socket.begin(WINDOW)
        await asyncio.sleep(1.0)
        cpu_s, first, begun = door.cpu_s, sum(socket.count for socket in sockets), time.perf_counter()
        await asyncio.sleep(seconds)
        took_s, echoes = time.perf_counter() - begun, sum(socket.count for socket in sockets) - first
        cpu_s = door.cpu_s - cpu_s
        for socket in sockets:
            socket.transport.abort()
    return Pace(echoes / took_s, cpu_s / echoes * 1e6)


async def bridge(quick: bool) -> list[tuple[str, float, str]]:
    """4 KB frames to a service that echoes them, through the sidecar and through the bare bridge, by turns."""
    rounds, seconds = (1, 1.0) if quick else (3, 3.0)
    ours: list[Pace] = []
    bare: list[Pace] = []
    async with processes.echo() as upstream:
        for _ in range(rounds):
            bare.append(await pace(processes.bare_bridge, upstream, seconds))
            ours.append(await pace(processes.sidecar, upstream, seconds))
    middle, limit = (statistics.median(one.echoes_per_s for one in paces) for paces in (ours, bare))
    cpu_us, limit_us = (statistics.median(one.cpu_us for one in paces) for paces in (ours, bare))
    return [
        ("bridge, 4 KB, echoes (each one frame in and one frame out)", middle, "echoes/s"),
        ("bridge, 4 KB, frames carried (in and out together)", 2 * middle, "frames/s"),
        ("the limit: 40 lines of aiohttp and grpc.aio, the same echoes", limit, "echoes/s"),
        ("the limit, frames carried", 2 * limit, "frames/s"),
        ("bridge / limit", middle / limit * 100, "%"),
        ("bridge, CPU of the sidecar an echo", cpu_us, "us"),
        ("the limit, CPU an echo", limit_us, "us"),
    ]
