"""The setting `clickhouse.fsync` on new tables, existing ones, and servers that cannot sync."""

from __future__ import annotations

import pytest

from services.audit.storage.engine.engine import StorageError
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate

TABLES = {"windows", "chunks", "sessions", "interactions", "deletions", "access_events"}


async def synced_tables(engine):
    rows = await engine.query("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()")
    return {name.decode() for name, query in rows if b"fsync_after_insert = 1, fsync_part_directory = 1" in query}


async def test_fsync_follows_the_setting_on_new_and_on_existing_tables(engine):
    if engine.version < (21, 8):
        with pytest.raises(StorageError, match=r"needs ClickHouse 21\.8 or newer"):
            await migrate(engine, Dialect(engine.version, fsync=True))
        return
    for fsync in (True, False, True):
        await migrate(engine, Dialect(engine.version, fsync=fsync))
        assert await synced_tables(engine) == (TABLES if fsync else set())
