"""Group commit under pressure: fewer and larger batches, and no waiting for rows that cannot come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from audit.storage import NOW_MS, MillisecondClock, chunk, head, window_key
from support.wait import PATIENCE_S

from services.audit.ingest import batch_writer as module
from services.audit.ingest.batch_writer import PRESSED_BATCHES, BatchEntry, BatchWriter
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate


class Pressure:
    """The chunk processor's load, as the batch writer sees it."""

    def __init__(self, load: float) -> None:
        self.now = load

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def committing(directory: Path, load: Pressure) -> AsyncIterator[BatchWriter]:
    engine = await ChdbEngine.open(directory, 1)
    try:
        dialect = Dialect(engine.version)
        await migrate(engine, dialect)
        committer = BatchWriter(
            RecordingStore(engine, dialect, Retention({}, MillisecondClock()), MillisecondClock()),
            FreeSpace(engine.disk_usage, 0),
            max_batch_bytes=2**24,
            max_batch_rows=2_000,
            load=load,
        )
        running = asyncio.create_task(committer.run())
        try:
            yield committer
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        await engine.close()


async def store(committer: BatchWriter, count: int, *, one_by_one: bool = False) -> None:
    """Submits chunks of one window one after the other, each when the engine has had time for the one before.

    Args:
        committer: The batch writer.
        count: Number of chunks.
        one_by_one: Waits until each chunk is stored.
    """
    key = window_key(NOW_MS - 60_000)
    for seq in range(1, count + 1):
        await committer.submit(BatchEntry(lambda: None, chunk(key, seq), head(key) if seq == 1 else None))
        await (committer.drain() if one_by_one else asyncio.sleep(0.02))
    await committer.drain()


async def test_a_pressed_server_makes_fewer_inserts_of_the_same_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PRESSED_BATCHES", 1)
    async with committing(tmp_path / "at ease", Pressure(0.0)) as committer:
        await store(committer, 60, one_by_one=True)
        assert (committer.counts.chunks, committer.counts.inserts) == (60, 60)
    async with committing(tmp_path / "pressed", Pressure(3.0)) as committer:
        began = time.monotonic()
        await store(committer, 60)
        took_s = time.monotonic() - began
        assert committer.counts.chunks == 60
        assert 1 < committer.counts.inserts <= 2 + took_s / module.PRESSED_LINGER_S, took_s


async def test_a_batch_does_not_wait_when_nothing_is_being_taken_in(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PRESSED_LINGER_S", 3_600.0)
    monkeypatch.setattr(module, "PRESSED_BATCHES", 1)
    load = Pressure(3.0)
    async with committing(tmp_path, load) as committer, asyncio.timeout(PATIENCE_S):
        storing = asyncio.create_task(store(committer, 80))
        while committer.counts.chunks + committer._batcher.waiting_rows < 80:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
        await asyncio.wait([storing], timeout=0.5)
        made, gathered = committer.counts.inserts, committer.waiting_bytes
        assert not storing.done()
        load.now = 0.0
        await storing
        assert gathered > 0
        assert committer.counts.inserts > made
        assert committer.counts.chunks == 80


@pytest.mark.parametrize("load", [0.0, 2.0], ids=["at_ease", "busy"])
async def test_a_lone_chunk_is_stored_at_once(tmp_path, monkeypatch, load):
    monkeypatch.setattr(module, "PRESSED_LINGER_S", 3_600.0)
    async with committing(tmp_path, Pressure(load)) as committer, asyncio.timeout(PATIENCE_S):
        await store(committer, 2 * PRESSED_BATCHES)
        assert committer.counts.chunks == 2 * PRESSED_BATCHES
