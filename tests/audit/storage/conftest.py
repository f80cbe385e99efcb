"""Fixtures for storage tests: an engine of either kind, empty or with its tables, and a stopped clock."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from audit.storage import MillisecondClock
from support.wait import PATIENCE_S

from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.clickhouse import ClickHouseEngine
from services.audit.storage.engine.engine import Engine
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate


@pytest.fixture(params=["chdb", pytest.param("clickhouse", marks=pytest.mark.clickhouse)])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine with an empty database."""
    database = f"t{uuid.uuid4().hex[:12]}"
    if request.param == "chdb":
        opened: Engine = await ChdbEngine.open(tmp_path / "chdb", 2, database=database)
    else:
        opened = await ClickHouseEngine.open(
            request.getfixturevalue("clickhouse_url"), 2, database=database, timeout_s=PATIENCE_S
        )
    yield opened
    await opened.close()


@pytest.fixture
async def dialect(engine: Engine) -> Dialect:
    """The engine's dialect; its tables are there.

    Without a TTL: an engine uses its own clock, and the clock of these tests is stopped in June 2026.
    """
    spoken = Dialect(engine.version)
    await migrate(engine, spoken)
    return spoken


@pytest.fixture
def clock() -> MillisecondClock:
    return MillisecondClock()
