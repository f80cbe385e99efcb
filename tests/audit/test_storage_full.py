"""AuditService without disk space: nothing new is recorded, reads go on, and its health shows it."""

from __future__ import annotations

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.audit_server import audit_settings, is_one_sentence, move, new_session, refused, running, start_of

from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.engine import DiskUsage
from services.runtime.rpc.scopes import AUDIT, RECORDING

GIB = 2**30


class Disk:
    """The disk as the engine sees it."""

    def __init__(self):
        self.free_bytes = 10 * GIB


@pytest.fixture
def disk(monkeypatch):
    disk = Disk()

    async def disk_usage(_):
        return DiskUsage(disk.free_bytes, 100 * GIB)

    monkeypatch.setattr(ChdbEngine, "disk_usage", disk_usage)
    monkeypatch.setattr("services.audit.storage.free_space.CHECK_S", 0.01)
    monkeypatch.setattr("services.audit.app.HEALTH_INTERVAL_S", 0.01)
    return disk


@pytest.fixture
async def audit(disk, tmp_path):
    async with running(audit_settings(tmp_path)) as server:
        yield server


async def until_health(audit, name, wanted):
    stub = health_pb2_grpc.HealthStub(audit.channel)
    async for answer in stub.Watch(health_pb2.HealthCheckRequest(service=name)):
        if answer.status == wanted:
            return


SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def test_below_the_floor_recorders_are_refused_and_viewers_are_not(audit, disk):
    stored, session = new_session(), new_session()
    await audit.record(stored, [[move(start_of(stored))]])
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
        disk.free_bytes = GIB - 1
        error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
    assert error.retry_after_s == 30.0
    is_one_sentence(error)
    await until_health(audit, RECORDING, NOT_SERVING)
    await until_health(audit, AUDIT, SERVING)

    fresh = audit.recorder(session)
    await fresh.write(start=pb.RecordingStart(session_id=session, window_id=fresh.window))
    assert (await fresh.ended()).reason == "STORAGE_FULL"

    assert len((await audit.replay(stored)).chunks) == len((await audit.replay(session)).chunks) == 1
    request = pb.DeleteSessionsRequest(session_ids=[stored])
    error = await refused(audit.stub.DeleteSessions(request, metadata=audit.auth("admin")))
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
    is_one_sentence(error)
    assert len((await audit.replay(stored)).chunks) == 1

    disk.free_bytes = GIB
    await until_health(audit, RECORDING, SERVING)
    async with audit.recorder(session, recorder.window) as recorder:
        assert recorder.ready.next_seq == 2
        await recorder.send(2, [move(start_of(session) + 1)])
        await recorder.ack(2)
    await audit.delete(stored)


async def test_it_starts_without_space(disk, tmp_path):
    settings = audit_settings(tmp_path)
    session = new_session()
    async with running(settings) as audit:
        await audit.record(session, [[move(start_of(session))]])
    disk.free_bytes = 0
    async with running(settings) as audit:
        assert len((await audit.replay(session)).chunks) == 1
        await until_health(audit, RECORDING, NOT_SERVING)
