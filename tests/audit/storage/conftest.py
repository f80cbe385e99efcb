"""Fixtures for storage tests: an engine of either kind, empty or with its tables, and a stopped clock."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from audit.storage import MillisecondClock
from support.wait import PATIENCE_S

from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.clickhouse import ClickHouseEngine
from services.audit.storage.engine.engine import Engine, Row
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate


class MigratedDatabase:
    """A database with its tables, which are emptied after each test: to make them anew takes 0.4 s of CPU.

    After a test that altered or added a table, the next one gets another database.
    """

    def __init__(self, directory: Path, url: str | None) -> None:
        self._directory = directory
        self._url = url
        self._name = ""
        self._schema: list[Row] = []
        self._embedded: Engine | None = None

    async def open(self) -> Engine:
        """Returns an engine on the tables, which are empty."""
        if self._embedded is not None:
            return self._embedded
        engine = await self._open(self._name) if self._name else await self.open_empty()
        if not self._name:
            await migrate(engine, Dialect(engine.version))
            [(name,)] = await engine.query("SELECT currentDatabase()")
            self._name, self._schema = name.decode(), await _schema(engine)
        self._embedded = engine if self._url is None else None
        return engine

    async def open_empty(self) -> Engine:
        """Returns an engine on another database, without tables."""
        await self.close()
        return await self._open(f"t{uuid.uuid4().hex[:12]}")

    async def _open(self, name: str) -> Engine:
        if self._url is None:
            return await ChdbEngine.open(self._directory / name, 2, database=name)
        return await ClickHouseEngine.open(self._url, 2, database=name, timeout_s=PATIENCE_S)

    async def leave(self, engine: Engine) -> None:
        """Empties the tables for the next test."""
        if await _schema(engine) != self._schema:
            self._name, self._embedded = "", None
        else:
            filled = "active AND rows > 0 AND database = currentDatabase() AND table != 'migrations'"
            for (table,) in await engine.query(f"SELECT DISTINCT table FROM system.parts WHERE {filled}"):
                await engine.execute(f"TRUNCATE TABLE `{table.decode()}`")
        if engine is not self._embedded:
            await engine.close()

    async def close(self) -> None:
        """Closes chDB, of which a process can have one directory open; the next test opens it again."""
        if self._embedded is not None:
            await self._embedded.close()
            self._embedded = None


async def _schema(engine: Engine) -> list[Row]:
    return await engine.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    )


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["chdb", pytest.param("clickhouse", marks=pytest.mark.clickhouse)]
)
async def migrated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[MigratedDatabase]:
    """The database of the tests of a module that use the tables."""
    url = None if request.param == "chdb" else request.getfixturevalue("clickhouse_url")
    found = MigratedDatabase(tmp_path_factory.mktemp("migrated"), url)
    yield found
    await found.close()


@pytest.fixture
async def engine(request: pytest.FixtureRequest, migrated: MigratedDatabase) -> AsyncIterator[Engine]:
    """An engine with an empty database; for tests with the fixture `dialect`, with the tables."""
    if "dialect" in request.fixturenames:
        opened = await migrated.open()
        yield opened
        await migrated.leave(opened)
    else:
        opened = await migrated.open_empty()
        yield opened
        await opened.close()


@pytest.fixture
async def dialect(engine: Engine) -> Dialect:
    """The engine's dialect; its tables are there.

    Without a TTL: an engine uses its own clock, and the clock of these tests is stopped in June 2026.
    """
    return Dialect(engine.version)


@pytest.fixture
def clock() -> MillisecondClock:
    return MillisecondClock()
