"""ShareService and ExportService in one process: both serve, and the failure of one is named and ends the process."""

from __future__ import annotations

import asyncio
import urllib.request
from contextlib import asynccontextmanager

import grpc
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.ports import free_port

from services import together
from services.runtime.settings import Settings
from services.runtime.settings.loader import SettingsError, load_settings

SERVICES = {"share": "afterimage.share.v1.ShareService", "export": "afterimage.export.v1.ExportService"}


@pytest.fixture
def settings(tmp_path) -> Settings:
    own = {name: {"port": free_port(), "metrics_port": free_port()} for name in SERVICES}
    return load_settings(data_dir=tmp_path, auth={"secret": "s" * 32}, **own)


async def status(settings: Settings, name: str, asked: str | None = None) -> int:
    """Returns the health of a service, or of another one, at the address of a service."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{getattr(settings, name).port}") as channel:
        request = health_pb2.HealthCheckRequest(service=SERVICES[asked or name])
        return (await health_pb2_grpc.HealthStub(channel).Check(request)).status


def metrics(settings: Settings, name: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{getattr(settings, name).metrics_port}/metrics") as answer:
        return answer.read().decode()


async def test_each_has_its_own_address_health_and_metrics(settings):
    async with together.serve(settings):
        for name, other in zip(SERVICES, reversed(SERVICES), strict=True):
            assert await status(settings, name) == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await status(settings, name, other)
            assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        shown = {name: await asyncio.to_thread(metrics, settings, name) for name in SERVICES}
    assert ("afterimage_exports" in shown["export"], "afterimage_exports" in shown["share"]) == (True, False)
    for name in SERVICES:
        with pytest.raises(grpc.aio.AioRpcError):
            await status(settings, name)


@pytest.mark.parametrize("failing", SERVICES)
async def test_one_that_fails_is_named_and_the_other_stops(settings, monkeypatch, failing):
    fail = asyncio.Event()
    plain = getattr(together, f"serve_{failing}")

    async def job():
        await fail.wait()
        raise ZeroDivisionError("broken")

    @asynccontextmanager
    async def serve(settings):
        async with asyncio.TaskGroup() as tasks, plain(settings):
            tasks.create_task(job())
            yield

    monkeypatch.setattr(together, f"serve_{failing}", serve)

    async def until_it_fails():
        async with together.serve(settings):
            fail.set()
            await asyncio.Event().wait()

    with structlog.testing.capture_logs() as logs, pytest.raises(ExceptionGroup) as ended:
        await until_it_fails()
    assert ended.group_contains(ZeroDivisionError)
    [told] = [each for each in logs if each["log_level"] == "error"]
    assert (told["service"], told["error"]) == (failing, "broken")
    assert sum(each["event"] == "stopped" for each in logs) == 2


async def test_one_that_cannot_start_takes_the_other_down(settings):
    taken = settings.model_copy(update={"export": settings.export.model_copy(update={"port": settings.share.port})})
    with pytest.RaisesGroup(
        pytest.RaisesExc(SettingsError, match=f"cannot listen on 127.0.0.1:{settings.share.port}"),
        allow_unwrapped=True,
        flatten_subgroups=True,
    ):
        await together.serve(taken).__aenter__()
    with pytest.raises(grpc.aio.AioRpcError):
        await status(settings, "share")
