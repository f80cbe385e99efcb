"""A disk that loses its power, or answers with EIO: acknowledged chunks are stored, each once, and deletions hold."""

from __future__ import annotations

import asyncio
import random
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from audit.service import client, uuid7
from support import clickhouse
from support.audit_process import KillableAuditProcess
from support.cuttable_disk import CuttableDisk, cuttable_disk
from support.ports import free_port
from support.wait import PATIENCE_S

from .retrying_recorder import RetryingRecorder, until

RECORDERS = 4
DATABASE = {"AFTERIMAGE_INGEST__DURABILITY": "database"}
COMMON = {"AFTERIMAGE_INGEST__WORKERS": "0", "AFTERIMAGE_STORAGE__MIN_FREE_BYTES": "0"}


class AuditOnDisk:
    """An AuditService with its database on a disk: the embedded engine, or a server that dies with the disk."""

    def __init__(self, disk: CuttableDisk, settings, engine: str, **environment: str) -> None:
        self._disk = disk
        self._engine = engine
        self._settings = settings.model_copy(update={"data_dir": disk.path / "data"})
        self._environment = COMMON | environment
        self._port = free_port()
        self._stack = ExitStack()
        self._process: KillableAuditProcess | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        environment = self._environment | {"AFTERIMAGE_CLICKHOUSE__ENGINE": self._engine}
        if self._engine == "server":
            url = self._stack.enter_context(clickhouse.server(self._disk.path / "server"))
            environment["AFTERIMAGE_CLICKHOUSE__URL"] = url
        self._process = KillableAuditProcess(self._settings, self._port, **environment)
        await self._process.start()

    async def kill(self, number: int = signal.SIGKILL) -> None:
        await self._process.kill(number)
        self._stack.close()  # kills the server


async def fail_and_recover(
    disk: CuttableDisk, audit: AuditOnDisk, fault: Callable[[], None], mint, choices: random.Random
) -> None:
    """One round: recorders stream, sessions are deleted, the disk fails, it is mounted again. All is there."""
    await audit.start()
    begun_ms = 1_000 * (int(time.time()) - 60)
    fleet = [RetryingRecorder(random.Random(choices.random()), begun_ms + number) for number in range(RECORDERS)]
    record, admin = mint("record"), mint("view", "record", "admin")
    doomed = [uuid7(begun_ms + 500 + number) for number in range(3)]
    async with client(audit.address, admin) as opened:
        for session in doomed:
            await opened.record(session, uuid.uuid4(), [fleet[0]._events(1)])
    recording = [asyncio.create_task(one.run(audit.address, record)) for one in fleet]
    deleted: list[uuid.UUID] = []
    deleting = asyncio.create_task(_delete(audit.address, admin, doomed, deleted))
    await until(lambda: all(one.acked > 2 or task.done() for one, task in zip(fleet, recording, strict=True)))
    await asyncio.sleep(choices.uniform(0, 1.5))
    fault()
    await asyncio.sleep(choices.uniform(0, 0.5))
    deleting.cancel()
    await asyncio.gather(deleting, return_exceptions=True)
    try:
        await audit.kill()
        disk.mount_again()
        await audit.start()
        for one in fleet:
            one.finish = True
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*recording)
        async with client(audit.address, admin) as opened:
            for one in fleet:
                assert await opened.events(one.session) == [event for events in one.chunks for event in events]
                assert (await opened.session(one.session)).session.totals.chunk_count == len(one.chunks)
            for session in deleted:
                with pytest.raises(grpc.aio.AioRpcError, match="not found"):
                    await opened.events(session)
    finally:
        for task in recording:
            task.cancel()
        await asyncio.gather(*recording, return_exceptions=True)
        await audit.kill()


async def _delete(address: str, token: str, doomed: list[uuid.UUID], deleted: list[uuid.UUID]) -> None:
    async with client(address, token) as opened:
        for session in doomed:
            request = pb.DeleteSessionsRequest(session_ids=[str(session)])
            await opened.stub.DeleteSessions(request, metadata=opened.metadata)
            deleted.append(session)


@pytest.mark.chaos
@pytest.mark.campaign
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="log"),
        pytest.param(DATABASE | {"AFTERIMAGE_CLICKHOUSE__FSYNC": "true"}, id="database-with-fsync"),
    ],
)
async def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path, settings, mint, campaign_rounds, environment):
    choices = random.Random(20261129)
    for _ in range(campaign_rounds(1, 100)):
        with cuttable_disk(tmp_path / uuid.uuid4().hex) as disk:
            audit = AuditOnDisk(disk, settings, "chdb", **environment)
            await fail_and_recover(disk, audit, disk.cut, mint, choices)


@pytest.mark.chaos
async def test_a_power_cut_loses_something_without_log_and_fsync(tmp_path, settings, mint):
    """The same rounds without the settings: they notice the loss."""
    choices = random.Random(20261129)
    with cuttable_disk(tmp_path / "disk") as disk:
        audit = AuditOnDisk(disk, settings, "chdb", **DATABASE)
        with pytest.raises(AssertionError, match="acknowledged"):
            await fail_and_recover(disk, audit, disk.cut, mint, choices)


@pytest.mark.chaos
@pytest.mark.campaign
@pytest.mark.timeout(7_200)
@pytest.mark.catalogue("chdb")
@pytest.mark.parametrize("engine", ["chdb", pytest.param("server", marks=pytest.mark.clickhouse)])
async def test_a_disk_that_fails_with_eio_loses_nothing_that_was_acknowledged(
    tmp_path, settings, mint, campaign_rounds, engine
):
    choices = random.Random(20261129)
    for _ in range(campaign_rounds(1, 100)):
        with cuttable_disk(tmp_path / uuid.uuid4().hex) as disk:
            await fail_and_recover(disk, AuditOnDisk(disk, settings, engine), disk.fail, mint, choices)
