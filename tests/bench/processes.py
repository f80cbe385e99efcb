"""Starts the processes that a bench measures, each alone, and stops them."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from support.ports import free_port, until_open

from services.runtime.identity.tokens import Scope, TokenMinter
from services.runtime.settings import QuotaSettings
from services.runtime.settings.loader import load_settings

ROOT = Path(__file__).resolve().parents[2]
SECRET = "bench-secret-bench-secret-bench-secret"
_LIMITS = (
    "MAX_CONNECTIONS MAX_CONNECTIONS_PER_PROJECT MAX_CONNECTIONS_PER_SUBJECT MAX_CONNECTIONS_PER_ADDRESS "
    "UPGRADES_PER_MINUTE_PER_ADDRESS UPGRADES_PER_MINUTE_PER_SUBJECT MESSAGES_PER_S BYTES_PER_S MAX_HELD_BYTES"
)


def token(*scopes: str, project: str = "demo", subject: str = "bench") -> str:
    settings = load_settings(auth={"secret": SECRET})
    return TokenMinter(settings).mint(subject, project, [Scope(scope) for scope in scopes], 3600)


@dataclass
class AuditUnderLoad:
    address: str
    process: psutil.Process
    data_dir: Path

    @property
    def peak_mb(self) -> float:
        return _peak_mb(self.process)

    @property
    def worker_peak_mb(self) -> float:
        """Peak memory of its largest worker, in MB; 0.0 without workers."""
        return max(map(_peak_mb, self.process.children()), default=0.0)

    @property
    def cpu_s(self) -> float:
        """Processor time of the process and its workers."""
        return sum(sum(each.cpu_times()[:2]) for each in (self.process, *self.process.children()))


def _peak_mb(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


@asynccontextmanager
async def audit(
    data_dir: Path | None = None, *, quotas: bool = False, **environment: str
) -> AsyncIterator[AuditUnderLoad]:
    """An AuditService; without quotas unless asked: the load of a bench has one address."""
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
                **{f"AFTERIMAGE_QUOTAS__{name.upper()}": "0" for name in QuotaSettings.model_fields if not quotas},
                **environment,
            },
        )
        try:
            await until_open(port, process)
            yield AuditUnderLoad(f"127.0.0.1:{port}", psutil.Process(process.pid), directory)
        finally:
            process.terminate()
            await process.wait()


class SidecarUnderLoad:
    """A sidecar, or a substitute; `http` opens sockets with the checks of aiohttp."""

    def __init__(self, port: int, pid: int, http: aiohttp.ClientSession) -> None:
        self.port = port
        self.process = psutil.Process(pid)
        self.http = http

    def socket(self, path: str, scope: str):
        protocols = ("afterimage.v1", f"bearer.{token(scope)}")
        return self.http.ws_connect(
            f"http://127.0.0.1:{self.port}{path}", protocols=protocols, max_msg_size=0, compress=0
        )

    @property
    def cpu_s(self) -> float:
        return cpu_s(self.process)


@asynccontextmanager
async def sidecar(audit: str) -> AsyncIterator[SidecarUnderLoad]:
    """A sidecar without limits in front of the service at `audit`."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sidecar",
        cwd=ROOT,
        env={
            **os.environ,
            "AFTERIMAGE_AUTH__SECRET": SECRET,
            "AFTERIMAGE_SIDECAR__PORT": str(port),
            "AFTERIMAGE_SIDECAR__AUDIT_ADDRESS": audit,
            "AFTERIMAGE_LOG__LEVEL": "warning",
            **{f"AFTERIMAGE_SIDECAR__{name}": "0" for name in _LIMITS.split()},
        },
    )
    try:
        await until_open(port, process)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            yield SidecarUnderLoad(port, process.pid, http)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def bare_bridge(upstream: str) -> AsyncIterator[SidecarUnderLoad]:
    """A bridge that does nothing else, in front of the echo at `upstream`."""
    async with _printing_its_port("bare_bridge.py", upstream) as (port, pid), aiohttp.ClientSession() as http:
        yield SidecarUnderLoad(port, pid, http)


@asynccontextmanager
async def echo() -> AsyncIterator[str]:
    async with _printing_its_port("echo_server.py") as (port, _):
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def _printing_its_port(script: str, *arguments: str) -> AsyncIterator[tuple[int, int]]:
    """Runs a script of this directory; gives the port that it prints, and its process id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).parent / script), *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield int(await process.stdout.readline()), process.pid
    finally:
        process.terminate()
        await process.wait()


def cpu_s(process: psutil.Process) -> float:
    """Seconds of CPU that a process has used."""
    times = process.cpu_times()
    return times.user + times.system
