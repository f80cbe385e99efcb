"""Source of a backup's rows: an open engine, or one that another process has open (`reader_socket`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec

from services.audit.storage.backup.reads import READS, SIZE_SQL, STAGES, TABLE_SQL, TABLES, days_sql
from services.audit.storage.engine.engine import Block, Engine
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import applied_migrations


class Overview(msgspec.Struct, frozen=True):
    """A database before its backup.

    Attributes:
        engine: Name of the engine, for people.
        schema: Number of the last migration.
        size_bytes: Size of its tables on disk.
    """

    engine: str
    schema: int
    size_bytes: int


class BackupSource(Protocol):
    """The reads of a backup. All raise StorageError as the engine does."""

    async def overview(self) -> Overview:
        """Returns the state before the first read."""
        ...

    async def days(self, stage: int) -> list[dt.date]:
        """Returns the days of a stage's tables (`reads.STAGES`), in order."""
        ...

    def blocks(self, read: str, day: dt.date) -> AsyncGenerator[Block, None]:
        """Yields the rows of one read (`reads.READS`) and one day, in blocks of about a megabyte."""
        ...


class EngineSource:
    """The reads of a backup on an open engine."""

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        self._engine = engine
        self._dialect = dialect

    async def overview(self) -> Overview:
        """Returns the state before the first read; see BackupSource."""
        tables = [self._dialect.local(table.name) for table in TABLES]
        [(size,)] = await self._engine.query(SIZE_SQL, {"tables": tables})
        migrations = {"name": self._dialect.local("migrations")}
        is_new = not await self._engine.query(TABLE_SQL, migrations)
        applied = [] if is_new else await applied_migrations(self._engine, self._dialect)
        return Overview(self._engine.name, max(applied, default=0), int(size))

    async def days(self, stage: int) -> list[dt.date]:
        """Returns the days of a stage's tables, in order; see BackupSource."""
        found: set[dt.date] = set()
        for table in {read.table.name: read.table for read in STAGES[stage]}.values():
            found.update(day for (day,) in await self._engine.query(days_sql(table)))
        return sorted(found)

    def blocks(self, read: str, day: dt.date) -> AsyncGenerator[Block, None]:
        """Yields the rows of one read and one day; see BackupSource."""
        asked = READS[read]
        return self._engine.blocks(asked.sql, asked.table.types, {"day": day})
