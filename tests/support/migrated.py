"""chDB directories with their tables: copied, as making the tables takes 0.3 s of CPU each time."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from services.audit.app import dialect_for
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate
from services.runtime.settings.loader import Settings

_made: dict[tuple[str, str, bool], tempfile.TemporaryDirectory[str]] = {}


async def prepare(settings: Settings) -> None:
    """Puts empty tables into the data directory of a service that uses chDB and has not started yet.

    The service takes them as those of an earlier start; the tests of migrations and of first starts do without.
    """
    if settings.clickhouse.engine != "chdb" or settings.chdb_path.exists():
        return
    database = settings.clickhouse.database
    dialect = dialect_for(settings, (99, 0))
    key = database, dialect.ttl(), dialect.fsync
    if key not in _made:
        _made[key] = made = tempfile.TemporaryDirectory(prefix="ai-tables-")
        atexit.register(made.cleanup)
        engine = await ChdbEngine.open(_path(key), 1, database=database)
        try:
            await migrate(engine, Dialect(engine.version, dialect.cluster, dialect.fsync, dialect.retention_days))
        finally:
            await engine.close()
    shutil.copytree(_path(key), settings.chdb_path, symlinks=True)


def _path(key: tuple[str, str, bool]) -> Path:
    return Path(_made[key].name) / "chdb"
