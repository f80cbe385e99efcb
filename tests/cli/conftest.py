"""Fixtures for tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.wait import PATIENCE_S

from .commands import LoneAudit, audit_process


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Healthy servers may take long to answer."""
    monkeypatch.setattr("services.cli.doctor.checks_audit.TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr("sidecar.probe._TIMEOUT_S", PATIENCE_S)


@pytest.fixture(scope="module")
def audit(tmp_path_factory) -> Iterator[LoneAudit]:
    """One AuditService for a module's tests; chunks may be 400 KB."""
    with audit_process(tmp_path_factory.mktemp("audit"), AFTERIMAGE_INGEST__MAX_CHUNK_BYTES="400000") as installation:
        yield installation
