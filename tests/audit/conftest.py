"""Fixtures for tests of AuditService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio
from support.audit_server import AuditServer, audit_settings, running
from support.wait import PATIENCE_S

from services.audit import app
from services.audit.ingest import open_recordings, stream
from services.audit.storage import access_event_store

ENGINES = {"chdb", "clickhouse"}
ON_BOTH_ENGINES = {"test_recording_store.py", "test_heatmap_rpc.py"}
"""Files with statements of all kinds: their tests run on both engines in `make test`, too."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Lets other tests of both engines run on the embedded one; with --all they run on a ClickHouse server as well."""
    params = item.callspec.params.values() if hasattr(item, "callspec") else ()
    is_of_engines = any(isinstance(value, str) and value in ENGINES for value in params)
    if is_of_engines and item.path.name not in ON_BOTH_ENGINES:
        item.add_marker(pytest.mark.catalogue("chdb"))


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the server wait for storage and for slow recorders for as long as a test waits for the server."""
    monkeypatch.setattr(access_event_store, "WRITE_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(open_recordings, "SUPERSEDE_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(stream, "LAST_WORDS_S", PATIENCE_S)


@pytest.fixture
def long_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a server that stops wait for its open streams to end by themselves."""
    monkeypatch.setattr(app, "serve_grpc", partial(app.serve_grpc, grace_s=PATIENCE_S))


@pytest.fixture
async def audit(tmp_path) -> AsyncIterator[AuditServer]:
    """An AuditService of the test's own, on an empty database."""
    async with running(audit_settings(tmp_path)) as audit:
        yield audit


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_audit(tmp_path_factory) -> AsyncIterator[AuditServer]:
    """One AuditService for all tests of a module, with low limits for chunks."""
    limits = {"max_chunk_bytes": 1024**2, "max_inflated_bytes": 8 * 1024**2}
    async with running(audit_settings(tmp_path_factory.mktemp("audit"), ingest=limits)) as audit:
        yield audit
