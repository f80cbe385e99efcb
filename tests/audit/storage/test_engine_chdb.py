"""What only the engine inside the process has."""

from __future__ import annotations

import pytest

from services.audit.storage.engine import StorageError
from services.audit.storage.engine_chdb import ChdbEngine


async def test_nothing_of_a_statement_that_failed_is_in_the_next_answer(tmp_path):
    engine = await ChdbEngine.open(tmp_path / "chdb", 1)
    try:
        # Gives some megabytes of rows before it fails.
        failing = "SELECT number, throwIf(number = 200000) FROM numbers(300000) SETTINGS max_block_size = 1000"
        with pytest.raises(StorageError):
            await engine.query(failing)
        assert await engine.query("SELECT toUInt8(1)") == [(1,)]
        with pytest.raises(StorageError):
            await engine.query("SELECT nothing_of_that_name")
        assert await engine.query("SELECT toUInt8(2)") == [(2,)]
    finally:
        await engine.close()
