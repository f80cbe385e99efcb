"""ExportService on a real Redis and SQLite, with the real AuditService in a separate process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
from support.clock import Clock
from support.export import ExportCalls, export_service
from support.share import SECRET, AuditCalls, audit_process
from support.wait import PATIENCE_S

from services.export import audit_client
from services.export.worker.app import work
from services.runtime.settings.loader import Settings, load_settings


@pytest.fixture(scope="session")
def audit_address(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with audit_process(tmp_path_factory.mktemp("audit"), redis_server) as address:
        yield address


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets ExportService wait for AuditService for as long as a test waits for ExportService."""
    monkeypatch.setattr(audit_client, "TIMEOUT_S", PATIENCE_S)


@pytest.fixture
def export_settings(tmp_path: Path, redis_url: str, audit_address: str) -> Settings:
    return load_settings(
        data_dir=tmp_path / "data",
        environment="test",
        auth={"secret": SECRET, "leeway_s": 0},
        audit={"port": 0, "metrics_port": -1},
        export={
            "port": 0,
            "metrics_port": -1,
            "worker_metrics_port": -1,
            "audit_address": audit_address,
            "retry_s": 0.2,
        },
        redis={"url": redis_url, "timeout_s": 2},
        projects=[{"id": "demo"}, {"id": "other"}],
    )


@pytest.fixture
async def audit(audit_address: str, mint) -> AsyncIterator[AuditCalls]:
    async with grpc.aio.insecure_channel(audit_address) as channel:
        yield AuditCalls(channel, mint)


@pytest.fixture
def clock() -> Clock:
    """The clock of `exports`."""
    return Clock()


@pytest.fixture
async def exports(export_settings: Settings, mint, clock: Clock) -> AsyncIterator[ExportCalls]:
    """ExportService with a worker in this process."""
    async with export_service(export_settings, mint, now=clock) as calls, work(export_settings, now=clock):
        yield calls


@pytest.fixture
async def idle_exports(export_settings: Settings, mint, clock: Clock) -> AsyncIterator[ExportCalls]:
    """ExportService without a worker."""
    async with export_service(export_settings, mint, now=clock) as calls:
        yield calls
