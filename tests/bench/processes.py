"""Starts the processes that a bench measures, each alone, and stops them."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from services.runtime.auth import Scope, TokenMinter
from services.runtime.config import load_settings

SECRET = "bench-secret-bench-secret-bench-secret"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def token(*scopes: str, project: str = "demo") -> str:
    settings = load_settings(auth={"secret": SECRET})
    return TokenMinter(settings).mint("bench", project, [Scope(scope) for scope in scopes], 3600)


@dataclass
class Audit:
    address: str
    process: psutil.Process
    data_dir: Path

    @property
    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


@asynccontextmanager
async def audit(data_dir: Path | None = None, **environment: str) -> AsyncIterator[Audit]:
    with tempfile.TemporaryDirectory() as scratch:
        directory = data_dir or Path(scratch)
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.audit",
            env={
                **os.environ,
                "AFTERIMAGE_DATA_DIR": str(directory),
                "AFTERIMAGE_AUTH__SECRET": SECRET,
                "AFTERIMAGE_AUDIT__PORT": str(port),
                "AFTERIMAGE_AUDIT__METRICS_PORT": "-1",
                "AFTERIMAGE_LOG__LEVEL": "warning",
                **environment,
            },
        )
        try:
            await until_open(port)
            yield Audit(f"127.0.0.1:{port}", psutil.Process(process.pid), directory)
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def echo() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).parent / "echo_server.py"), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield f"127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.terminate()
        await process.wait()


async def until_open(port: int, timeout_s: float = 30.0) -> None:
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
