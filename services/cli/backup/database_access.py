"""The database of an installation: opened here, or read through the process that has it open."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli.command import CommandError
from services.cli.instance_lock import chdb_holder
from services.runtime.settings.loader import Settings

if TYPE_CHECKING:
    from services.audit.storage.backup.source import BackupSource
    from services.audit.storage.engine.engine import Engine

STATEMENT_TIMEOUT_S = 3_600.0
"""Of one statement, or of one block of its rows, on a ClickHouse server."""


@asynccontextmanager
async def open_source(settings: Settings) -> AsyncIterator[BackupSource]:
    """Yields the source of the rows: the database, or the process that has the embedded one open.

    Raises:
        CommandError: There is no database, or it cannot be read.
    """
    from services.audit.app import dialect_for, now_ms
    from services.audit.durability import take_over_log
    from services.audit.storage.backup.reader_socket import SocketSource
    from services.audit.storage.backup.source import EngineSource
    from services.audit.storage.schema.migrations import MIGRATIONS

    embedded = settings.clickhouse.engine == "chdb"
    if embedded and not settings.chdb_path.is_dir():
        raise CommandError(f"there is nothing to back up: {settings.chdb_path} does not exist")
    if embedded and (holder := chdb_holder(settings.chdb_path)):
        with storage_problems(holder):
            yield SocketSource(settings.chdb_path)
        return
    async with open_database(settings) as engine:
        dialect = dialect_for(settings, engine.version)
        source = EngineSource(engine, dialect)
        if embedded and (await source.overview()).schema == MIGRATIONS[-1].number:
            await take_over_log(settings, engine, dialect, now_ms)
        yield source


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Engine]:
    """Yields an engine with timeouts for long statements; its errors become a sentence."""
    from services.audit.app import open_engine

    group = settings.clickhouse.model_copy(update={"timeout_s": STATEMENT_TIMEOUT_S})
    with storage_problems():
        engine = await open_engine(settings.model_copy(update={"clickhouse": group}))
        try:
            yield engine
        finally:
            await engine.close()


@contextmanager
def storage_problems(holder: str = "") -> Iterator[None]:
    """Turns errors of the storage into a sentence.

    Args:
        holder: The process that has the embedded engine open; "": this one.
    """
    from services.audit.ingest.log.segment import LogError
    from services.audit.storage.engine.engine import DataDirectoryInUse, StorageError

    try:
        yield
    except StorageError as error:
        raise CommandError(f"clickhouse: {error.detail[:1000]}") from error
    except (DataDirectoryInUse, LogError) as error:
        raise CommandError(str(error)) from error
    except (ConnectionError, FileNotFoundError, EOFError) as error:
        if not holder:
            raise
        raise CommandError(
            f"{holder}, which has the database open, ended or does not answer backups: start the backup again when it "
            "runs this version, or is stopped"
        ) from error


def floor_bytes(settings: Settings, directory: Path) -> int:
    """Returns the space to leave free on the disk of a directory: that of the database stays fit for recording."""
    from services.audit.storage.engine.engine import DiskUsage
    from services.audit.storage.free_space import floor_of

    data = settings.chdb_path
    if settings.clickhouse.engine != "chdb" or not data.exists() or data.stat().st_dev != directory.stat().st_dev:
        return 0
    usage = shutil.disk_usage(directory)
    return floor_of(DiskUsage(usage.free, usage.total), settings.storage.min_free_bytes)
