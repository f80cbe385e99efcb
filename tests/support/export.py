"""ExportService as tests run and call it, with real workers, and servers that can be killed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import redis
from afterimage.export.v1 import export_pb2, export_service_pb2_grpc
from afterimage.export.v1 import export_service_pb2 as pb
from support.ports import free_port
from support.share import bearer
from support.wait import PATIENCE_S

from services.cli.up.redis_process import find_redis_server
from services.export.app import serve
from services.runtime.settings.loader import Settings

ROOT = Path(__file__).parents[2]

JSON = export_pb2.EXPORT_FORMAT_JSON
HAR = export_pb2.EXPORT_FORMAT_HAR
CSV = export_pb2.EXPORT_FORMAT_CSV
PARQUET = export_pb2.EXPORT_FORMAT_PARQUET
MP4 = export_pb2.EXPORT_FORMAT_MP4
WEBM = export_pb2.EXPORT_FORMAT_WEBM
GIF = export_pb2.EXPORT_FORMAT_GIF
PNG = export_pb2.EXPORT_FORMAT_PNG
HTML = export_pb2.EXPORT_FORMAT_HTML
PDF = export_pb2.EXPORT_FORMAT_PDF
SESSIONS = export_pb2.EXPORT_TABLE_SESSIONS
INTERACTIONS = export_pb2.EXPORT_TABLE_INTERACTIONS
QUEUED = export_pb2.EXPORT_STATE_QUEUED
RUNNING = export_pb2.EXPORT_STATE_RUNNING
DONE = export_pb2.EXPORT_STATE_DONE
FAILED = export_pb2.EXPORT_STATE_FAILED
CANCELLED = export_pb2.EXPORT_STATE_CANCELLED
EXPIRED = export_pb2.EXPORT_STATE_EXPIRED
FINAL = {DONE, FAILED, CANCELLED, EXPIRED}


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Returns the first result of `condition` that is true."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if found := await condition():
                return found
            await asyncio.sleep(0.05)


class KillableRedis:
    """A Redis on one socket that can be killed and started again: with its data, or empty."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._socket = directory / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self, *, keep: bool = True) -> None:
        executable = find_redis_server()
        assert executable is not None
        if not keep:
            for path in self._directory.rglob("*"):
                if path.is_file() and path != self._socket:
                    path.unlink()
        options = ["--port", "0", "--unixsocket", str(self._socket), "--dir", str(self._directory)]
        options += ["--appendonly", "yes", "--save", "", "--logfile", str(self._directory / "log")]
        self._process = subprocess.Popen([executable, *options], stdout=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                with redis.Redis(unix_socket_path=str(self._socket)) as client:
                    client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("Redis did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def killable_redis(directory: Path) -> Iterator[KillableRedis]:
    server = KillableRedis(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class ExportCalls:
    """ExportService as tests call it."""

    def __init__(self, channel: grpc.aio.Channel, mint: Any, address: str = "") -> None:
        self.stub: Any = export_service_pb2_grpc.ExportServiceStub(channel)
        self.mint = mint
        self.address = address

    def auth(self, project: str = "demo", subject: str = "alice", scope: str = "export") -> Any:
        return bearer(self.mint(scope, project=project, subject=subject))

    async def create(self, *, project: str = "demo", subject: str = "alice", **fields: Any) -> export_pb2.Export:
        request = pb.CreateExportRequest(**fields)
        return (await self.stub.CreateExport(request, metadata=self.auth(project, subject))).export

    async def of_session(self, session_id: str, fmt: int = JSON, *, project: str = "demo", **content: Any):
        return await self.create(session={"session_id": session_id, **content}, format=fmt, project=project)

    async def of_table(self, table: int = SESSIONS, fmt: int = CSV, **content: Any):
        return await self.create(table={"table": table, **content}, format=fmt)

    async def get(self, export_id: str, project: str = "demo") -> export_pb2.Export:
        request = pb.GetExportRequest(export_id=export_id)
        return (await self.stub.GetExport(request, metadata=self.auth(project))).export

    async def list(self, project: str = "demo", **fields: Any) -> pb.ListExportsResponse:
        return await self.stub.ListExports(pb.ListExportsRequest(**fields), metadata=self.auth(project))

    async def cancel(self, export_id: str) -> export_pb2.Export:
        return (await self.stub.CancelExport(pb.CancelExportRequest(export_id=export_id), metadata=self.auth())).export

    async def delete(self, export_id: str) -> None:
        await self.stub.DeleteExport(pb.DeleteExportRequest(export_id=export_id), metadata=self.auth())

    def downloading(self, export_id: str, offset: int = 0, **auth: Any) -> Any:
        request = pb.DownloadExportRequest(export_id=export_id, offset=offset)
        return self.stub.DownloadExport(request, metadata=self.auth(**auth))

    async def download(self, export_id: str, offset: int = 0) -> tuple[export_pb2.ExportFile, bytes]:
        parts = [part async for part in self.downloading(export_id, offset)]
        assert parts[0].WhichOneof("message") == "file"
        assert all(part.WhichOneof("message") == "data" for part in parts[1:])
        assert all(len(part.data) <= 256 * 1024 for part in parts[1:])
        return parts[0].file, b"".join(part.data for part in parts[1:])

    async def until(self, export_id: str, *states: int) -> export_pb2.Export:
        """Returns the export once it is in one of the states."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await self.get(export_id)
                if found.state in states:
                    return found
                assert found.state not in FINAL, found
                await asyncio.sleep(0.05)

    async def ended(self, export_id: str) -> export_pb2.Export:
        return await self.until(export_id, *FINAL)

    async def file(self, export: export_pb2.Export) -> bytes:
        """Returns the whole file of an export, once it is done, and checks it."""
        ended = await self.ended(export.export_id)
        assert ended.state == DONE, ended
        assert not ended.HasField("failure")
        described, data = await self.download(export.export_id)
        assert described == ended.file
        assert (len(data), hashlib.sha256(data).hexdigest()) == (described.size_bytes, described.sha256)
        return data


def process_environment(settings: Settings, **changes: str) -> dict[str, str]:
    """Returns the environment of a process of the same installation."""
    values = settings.model_dump(mode="json", include={"export", "results", "projects", "environment"})
    auth = {"secret": settings.auth.secret.get_secret_value(), "leeway_s": 0}
    results = values["results"]
    for name in ("access_key", "secret_key"):
        secret = getattr(settings.results, name)
        results[name] = None if secret is None else secret.get_secret_value()
    found = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AFTERIMAGE_")},
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}",
        "AFTERIMAGE_ENVIRONMENT": settings.environment,
        "AFTERIMAGE_DATA_DIR": str(settings.data_dir),
        "AFTERIMAGE_AUTH": json.dumps(auth),
        "AFTERIMAGE_PROJECTS": json.dumps(values["projects"]),
        "AFTERIMAGE_EXPORT": json.dumps({**values["export"], "worker_metrics_port": -1}),
        "AFTERIMAGE_RESULTS": json.dumps({name: value for name, value in results.items() if value is not None}),
        "AFTERIMAGE_REDIS__URL": settings.redis.url,
        "AFTERIMAGE_REDIS__TIMEOUT_S": str(settings.redis.timeout_s),
        **changes,
    }
    if settings.database.url is not None:
        found["AFTERIMAGE_DATABASE__URL"] = settings.database.url.get_secret_value()
    return found


class WorkerProcess:
    """`python -m services.export.worker`."""

    def __init__(self, settings: Settings, log: Path, module: str = "services.export.worker") -> None:
        self._environment = process_environment(settings)
        self._module = module
        self.log = log
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._module, env=self._environment, stdout=out, stderr=out, cwd=ROOT
            )

    async def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


@asynccontextmanager
async def worker_process(settings: Settings, log: Path) -> AsyncIterator[WorkerProcess]:
    worker = WorkerProcess(settings, log)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop(signal.SIGKILL)


@asynccontextmanager
async def export_service(settings: Settings, mint: Any, **clock: Any) -> AsyncIterator[ExportCalls]:
    """Serves ExportService while the block runs, without a worker."""
    async with serve(settings, **clock) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield ExportCalls(channel, mint, server.address)


@contextmanager
def postgresql(directory: Path) -> Iterator[str]:
    """Runs a PostgreSQL of our own and gives the address of an empty database; skips where it is not installed."""
    from support.require import missing

    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        missing("PostgreSQL is not installed (apt-get install postgresql)")
    user = {"user": "postgres"} if os.geteuid() == 0 else {}  # it refuses to run as root
    directory.mkdir(parents=True, exist_ok=True)
    if user:
        for parent in [directory, *directory.parents]:
            if parent.stat().st_uid == 0 and parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
        subprocess.run(["chown", "postgres", str(directory)], check=True)
    data = directory / "data"
    base: dict[str, Any] = {"cwd": directory, "stdout": subprocess.DEVNULL, **user}
    subprocess.run([programs[-1] / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N"], check=True, **base)
    port = free_port()
    options = ["-D", data, "-p", str(port), "-k", directory, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    with subprocess.Popen(
        [programs[-1] / "postgres", *options], cwd=directory, stderr=subprocess.DEVNULL, **user
    ) as it:
        try:
            ready = [programs[-1] / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
            end = time.monotonic() + PATIENCE_S
            while subprocess.run(ready, check=False, stdout=subprocess.DEVNULL).returncode:
                assert time.monotonic() < end, "PostgreSQL did not start"
                assert it.poll() is None, "PostgreSQL did not start"
                time.sleep(0.05)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            it.send_signal(signal.SIGINT)
            it.wait(PATIENCE_S)
