"""Measures the sidecar: `async def rows()` returns (name, value, unit), for `make bench`.

Sidecar, service and load are processes of their own, as they are in life. `python tests/bench/sidecar.py` prints the
rows; with names as arguments (bridge, ingest, live, idle) only those.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import socket
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import psutil
import uvloop
from afterimage.audit.v1 import audit_service_pb2 as audit_pb
from afterimage.audit.v1 import audit_service_pb2_grpc as audit_grpc

from services.runtime.auth import TokenMinter
from services.runtime.config import Settings, load_settings

Row = tuple[str, float, str]

ROOT = Path(__file__).parents[2]
SECRET = "bench-secret-of-more-than-32-bytes-length"
METHOD = "/afterimage.audit.v1.AuditService/RecordSession"
FRAME_BYTES = 4096
NO_LIMITS = (
    "MAX_CONNECTIONS MAX_CONNECTIONS_PER_PROJECT MAX_CONNECTIONS_PER_SUBJECT MAX_CONNECTIONS_PER_ADDRESS "
    "UPGRADES_PER_MINUTE_PER_ADDRESS UPGRADES_PER_MINUTE_PER_SUBJECT MESSAGES_PER_S BYTES_PER_S"
).split()


class Bench:
    """A sidecar in front of a service, both processes of their own.

    Attributes:
        url: The sidecar's address, ws://...
        audit: The service's address.
        sidecar_pid: For its memory.
    """

    def __init__(self, settings: Settings, url: str, audit: str, sidecar_pid: int) -> None:
        self.url = url
        self.audit = audit
        self.sidecar_pid = sidecar_pid
        self._minter = TokenMinter(settings)

    def token(self, *scopes: str) -> str:
        """Returns a token for the project "demo"."""
        return self._minter.mint("bench", "demo", scopes, 3600)

    @contextlib.asynccontextmanager
    async def socket(
        self, http: aiohttp.ClientSession, path: str, scope: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """An open WebSocket."""
        protocols = ("afterimage.v1", f"bearer.{self.token(scope)}")
        async with http.ws_connect(
            self.url + path, protocols=protocols, max_msg_size=0, compress=0, autoping=True
        ) as ws:
            yield ws


@contextlib.asynccontextmanager
async def started(*, echo: bool) -> AsyncIterator[Bench]:
    """Starts a service (an echo, or the real AuditService) and a sidecar."""
    audit_port, sidecar_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="ai-bench-") as directory:
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AFTERIMAGE_")},
            "AFTERIMAGE_DATA_DIR": directory,
            "AFTERIMAGE_AUTH__SECRET": SECRET,
            "AFTERIMAGE_AUDIT__PORT": str(audit_port),
            "AFTERIMAGE_AUDIT__METRICS_PORT": "-1",
            "AFTERIMAGE_SIDECAR__PORT": str(sidecar_port),
            "AFTERIMAGE_LOG__LEVEL": "warning",
            **{f"AFTERIMAGE_SIDECAR__{name}": "0" for name in NO_LIMITS},
        }
        service = [__file__, "echo", str(audit_port)] if echo else ["-m", "services.audit"]
        async with process(service, env), process(["-m", "sidecar"], env) as pid:
            for port in (audit_port, sidecar_port):
                await listening(port)
            settings = load_settings(data_dir=directory, auth={"secret": SECRET})
            yield Bench(settings, f"ws://127.0.0.1:{sidecar_port}", f"127.0.0.1:{audit_port}", pid)


@contextlib.asynccontextmanager
async def process(arguments: list[str], env: dict[str, str]) -> AsyncIterator[int]:
    """Runs Python with `arguments` while the block runs; yields its pid."""
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, env=env)
    try:
        yield running.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.terminate()
        await running.wait()


def free_port() -> int:
    """Returns a TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def listening(port: int) -> None:
    """Waits until somebody listens on `port`."""
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise TimeoutError(f"nothing listens on {port}")


def chunk(seq: int, payload: bytes) -> bytes:
    """Returns a serialised request with one chunk."""
    request = audit_pb.RecordSessionRequest()
    request.chunk.seq = seq
    request.chunk.encoding = 2
    request.chunk.payload = payload
    return request.SerializeToString()


def start(session_id: str, window_id: str) -> bytes:
    """Returns the serialised first request of a recorder."""
    request = audit_pb.RecordSessionRequest()
    request.start.session_id, request.start.window_id = session_id, window_id
    return request.SerializeToString()


def end() -> bytes:
    """Returns the serialised last request of a recorder."""
    request = audit_pb.RecordSessionRequest()
    request.end.SetInParent()
    return request.SerializeToString()


def uuid7() -> str:
    """Returns a new session id."""
    raw = bytearray(int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10))
    raw[6], raw[8] = 0x70 | raw[6] & 0xF, 0x80 | raw[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(raw)))


def events(size_bytes: int, sent_at: float | None = None) -> bytes:
    """Returns a gzipped array of rrweb events of about `size_bytes`, which tells when it was sent."""
    now = int((sent_at or time.time()) * 1000)
    pad = os.urandom(size_bytes * 3 // 8).hex()
    custom = {"type": 5, "timestamp": now, "data": {"tag": "sent", "payload": {"at": sent_at, "pad": pad}}}
    return gzip.compress(json.dumps([custom]).encode(), 1)


async def serve_echo(port: int) -> None:
    """Answers every message with itself, or (`x-sink` in the first byte: 0x1a) with one at the end."""

    async def echo(_request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            await context.write(message)

    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    handlers = {
        "RecordSession": grpc.stream_stream_rpc_method_handler(echo),
    }
    service = METHOD.split("/")[1]
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


async def bridge(seconds: float = 5.0, sockets: int = 4, window: int = 64) -> list[Row]:
    """Echoed 4 KB frames a second through WebSocket, sidecar, gRPC and back, and CPU time of the sidecar a frame."""
    frame = chunk(1, os.urandom(FRAME_BYTES - 16))
    counted = 0

    async with started(echo=True) as bench, aiohttp.ClientSession() as http:

        async def pump() -> None:
            nonlocal counted
            async with bench.socket(http, "/ws/record", "record") as ws:
                for _ in range(window):
                    await ws.send_bytes(frame)
                while True:
                    await ws.receive()
                    counted += 1
                    await ws.send_bytes(frame)

        tasks = [asyncio.create_task(pump()) for _ in range(sockets)]
        await asyncio.sleep(1.0)
        times = psutil.Process(bench.sidecar_pid).cpu_times()
        cpu, first, began = times.user + times.system, counted, time.perf_counter()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - began
        done = counted - first
        times = psutil.Process(bench.sidecar_pid).cpu_times()
        cpu = times.user + times.system - cpu
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [
        ("sidecar: bare bridge, 4 KB frames echoed", done / took, "frames/s"),
        ("sidecar: CPU of the bridge an echoed frame", cpu / done * 1e6, "us"),
    ]


BENCHES: dict[str, Callable[[], Awaitable[list[Row]]]] = {"bridge": bridge}


async def rows() -> list[Row]:
    """Returns everything that is measured here."""
    return [row for measure in BENCHES.values() for row in await measure()]


async def main(names: list[str]) -> None:
    """Prints the rows of the benches that `names` names, of all when it is empty."""
    for name in names or list(BENCHES):
        for label, value, unit in await BENCHES[name]():
            print(f"{label:60} {value:12,.2f} {unit}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["echo"]:
        uvloop.run(serve_echo(int(sys.argv[2])))
    else:
        uvloop.run(main(sys.argv[1:]))
