"""Services and clients as separate processes."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from support.ports import free_port, until_open
from support.require import missing
from support.wait import PATIENCE_S

from sidecar.app import serve
from tests.conftest import SECRET
from tests.sidecar.conftest import Rig

ROOT = Path(__file__).parents[2]
CLIENTS = Path(__file__).parent / "clients"


class AuditProcess:
    """`python -m services.audit` on one port and one directory, however often it is killed."""

    def __init__(self, data_dir, secret, **environment):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        projects = [
            {"id": "demo", "keys": ["pk_demo"], "origins": ["http://localhost:*"]},
            {"id": "other", "keys": ["pk_other"], "origins": ["https://other.example"]},
        ]
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AFTERIMAGE_")},
            "AFTERIMAGE_DATA_DIR": str(data_dir),
            "AFTERIMAGE_AUTH__SECRET": secret,
            "AFTERIMAGE_PROJECTS": json.dumps(projects),
            "AFTERIMAGE_AUDIT__PORT": str(self.port),
            "AFTERIMAGE_AUDIT__METRICS_PORT": "-1",
            "AFTERIMAGE_INGEST__WORKERS": "0",
            "AFTERIMAGE_SESSION__LEFT_AFTER_S": "86400",  # on a busy machine, recorders are away for long
            "AFTERIMAGE_LOG__LEVEL": "warning",
            **environment,
        }
        self._process = None

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.audit", cwd=ROOT, env=self._env
        )
        await until_open(self.port, self._process)

    async def stop(self, number=signal.SIGTERM):
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()


@asynccontextmanager
async def audit_process(data_dir, **environment):
    """AuditService as a process."""
    process = AuditProcess(data_dir, SECRET, **environment)
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


@asynccontextmanager
async def in_front_of(process, settings, **overrides):
    """A sidecar here, in front of an AuditService that runs."""
    sidecar = {**settings.sidecar.model_dump(), **overrides, "audit_address": process.address}
    changed = settings.model_copy(update={"sidecar": type(settings.sidecar)(**sidecar)})
    async with serve(changed) as running, aiohttp.ClientSession() as http:
        rig = Rig(changed, running, None, http)
        rig.process = process
        yield rig


@asynccontextmanager
async def real(settings, tmp_path, **overrides):
    """A sidecar in this process, AuditService in a separate one."""
    async with audit_process(tmp_path / "audit") as process, in_front_of(process, settings, **overrides) as rig:
        yield rig


def node_clients():
    """Installs the Node clients where they are missing; skips where that cannot be, fails in CI."""
    reason = None
    if shutil.which("node") is None or shutil.which("npm") is None:
        reason = "Node or npm is not here"
    elif not (CLIENTS / "node_modules" / "ws").is_dir():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=CLIENTS, capture_output=True, text=True, timeout=300, check=False)
        reason = None if done.returncode == 0 else f"npm ci failed: {done.stderr[-500:]}"
    if reason:
        missing(reason)


class NodeSocket:
    """A WebSocket of the `ws` package, driven over standard input and output."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, url, *protocols, origin=""):
        self = cls()
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(CLIENTS / "socket.mjs"),
            url.replace("http", "ws", 1),
            origin,
            *protocols,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=16 * 1024**2,
        )
        self.first = json.loads(await self._line())
        try:
            yield self
        finally:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process._transport.close()

    async def _line(self):
        async with asyncio.timeout(PATIENCE_S):
            return (await self._process.stdout.readline()).decode().strip()

    async def send(self, message):
        text = f"text:{message}" if isinstance(message, str) else base64.b64encode(message).decode()
        self._process.stdin.write(text.encode() + b"\n")
        await self._process.stdin.drain()

    async def receive(self):
        """Returns the next frame: bytes, or a dict of a text frame or of the close frame."""
        line = await self._line()
        return json.loads(line) if line.startswith("{") else base64.b64decode(line)

    async def close(self):
        self._process.stdin.write(b"close\n")
        await self._process.stdin.drain()


async def run(*command, stdin=None):
    """Runs a program; returns its standard output."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        out, error = await process.communicate(stdin)
    assert process.returncode == 0, error.decode()
    return out
