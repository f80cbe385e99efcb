"""Behaviour specific to the embedded engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from support.wait import PATIENCE_S

from services.audit.storage.engine import chdb
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.engine import StorageError

# Returns some megabytes of rows before it fails.
FAILING = "SELECT number, throwIf(number = 200000) FROM numbers(300000) SETTINGS max_block_size = 1000"


async def test_nothing_of_a_statement_that_failed_is_in_the_next_answer(tmp_path):
    engine = await ChdbEngine.open(tmp_path / "chdb", 1)
    try:
        with pytest.raises(StorageError):
            await engine.query(FAILING)
        assert await engine.query("SELECT toUInt8(1)") == [(1,)]
        with pytest.raises(StorageError):
            await engine.query("SELECT nothing_of_that_name")
        assert await engine.query("SELECT toUInt8(2)") == [(2,)]
    finally:
        await engine.close()


async def test_a_connection_that_cannot_be_emptied_is_not_used_again(tmp_path, monkeypatch):
    monkeypatch.setattr(chdb, "_SETTLING", 0)
    engine = await ChdbEngine.open(tmp_path / "chdb", 1)
    try:
        await engine.execute("CREATE TABLE kept (x UInt8) ENGINE = Memory")
        for answer in (1, 2):
            with pytest.raises(StorageError, match="throwIf"):
                await engine.query(FAILING)
            assert await engine.query(f"SELECT toUInt8({answer}), count() FROM kept") == [(answer, 0)]
    finally:
        await engine.close()


CRASH = """
import asyncio, os, signal, sys
from pathlib import Path
from services.audit.storage.engine.chdb import ChdbEngine

async def crash():
    engine = await ChdbEngine.open(Path(sys.argv[1]), 2)
    await engine.execute("CREATE TABLE kept (x UInt8) ENGINE = Memory")
    async for _ in engine.blocks("SELECT x FROM kept", ["UInt8"]):
        pass
    os.kill(os.getpid(), int(sys.argv[2]))
    await asyncio.sleep(3600)

asyncio.run(crash())
"""


@pytest.mark.parametrize("fatal", [signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS])
def test_a_crash_ends_the_process(tmp_path, fatal):
    """chDB's own handlers never come to an end, so nothing would start the service again."""
    line = [sys.executable, "-c", CRASH, str(tmp_path / "chdb"), str(int(fatal))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == -fatal
    assert "Fatal Python error" in done.stderr
