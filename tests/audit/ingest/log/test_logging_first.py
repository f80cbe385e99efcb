"""Recordings through the log: durable before they are in the database, and found by reads after the ack."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from audit.storage import NOW_MS, MillisecondClock, chunk, head, window_key
from support.wait import PATIENCE_S

from services.audit.ingest import batch_writer
from services.audit.ingest.batch_writer import BatchEntry, BatchWriter
from services.audit.ingest.log import database_filler, recording_log, segment
from services.audit.ingest.log.logging_first import Durable, logging_first, sync_file_system
from services.audit.ingest.log.segment import SECTOR, numbers
from services.audit.ingest.set_aside import SetAside, were_set_aside
from services.audit.model import ChunkRow, Mark, WindowHead, WindowKey
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.engine import StorageAway, StorageError
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate


class FailingStore(RecordingStore):
    """A store that fails while `error` is set, for entries of `refused`."""

    error: StorageError | None = None
    refused: WindowKey | None = None
    inserts = 0

    async def insert(self, heads: Sequence[WindowHead], chunks: Sequence[ChunkRow]) -> None:
        if self.error is not None and (self.refused is None or any(one.key == self.refused for one in chunks)):
            raise self.error
        await super().insert(heads, chunks)
        self.inserts += 1


@dataclass
class Shop:
    """A log before a database, and the acks of submitted chunks."""

    directory: Path
    store: FailingStore
    durable: Durable
    acked: list[tuple[WindowKey, int]] = field(default_factory=list)

    async def submit(self, *rows: ChunkRow) -> None:
        for row in rows:
            first = head(row.key) if row.seq == 1 else None
            entry = BatchEntry(partial(self.acked.append, (row.key, row.seq)), row, first)
            await self.durable.sink.submit(entry)
        await self.durable.sink.drain()

    async def seq_of(self, key: WindowKey) -> int:
        point = await self.store.resume_point(key)
        return point.seq if point else 0


@pytest.fixture(autouse=True)
def haste(monkeypatch):
    monkeypatch.setattr(batch_writer, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(batch_writer, "LONGEST_RETRY_S", 0.05)
    monkeypatch.setattr(database_filler, "CUT_INTERVAL_S", 0.0)


@asynccontextmanager
async def shop(
    directory: Path, *, runs: bool = True, max_log_bytes: int = 2**30, set_aside_bytes: int = 2**20
) -> AsyncIterator[Shop]:
    """Opens a shop on a directory; without `runs` nothing comes from the log into the database, as after a kill."""
    engine = await ChdbEngine.open(directory / "chdb", 2)
    clock = MillisecondClock()
    try:
        dialect = Dialect(engine.version)
        await migrate(engine, dialect)
        store = FailingStore(engine, dialect, Retention({}, clock), clock)
        space = FreeSpace(engine.disk_usage, 0)
        aside = SetAside(directory / "set_aside", set_aside_bytes)
        writer = BatchWriter(store, space, max_batch_bytes=2**24, max_batch_rows=2_000, set_aside=aside, now_ms=clock)
        async with logging_first(
            directory / "log",
            engine,
            writer,
            store,
            space,
            sync=lambda: sync_file_system(directory),
            now_ms=clock,
            max_waiting_bytes=2**24,
            max_waiting_rows=2_000,
            max_log_bytes=max_log_bytes,
        ) as durable:
            running = asyncio.create_task(durable.run() if runs else durable.sink.run())
            try:
                yield Shop(directory, store, durable)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    finally:
        await engine.close()


def big(key: WindowKey, seq: int) -> ChunkRow:
    return chunk(key, seq, state=bytes(8_000))


@pytest.mark.timeout(PATIENCE_S)
async def test_who_reads_after_the_ack_finds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(database_filler, "LINGER_S", 3_600.0)
    keys = [window_key() for _ in range(20)]
    async with shop(tmp_path) as one:
        for seq in range(1, 6):
            await one.submit(*(chunk(key, seq) for key in keys))
            assert len(one.acked) == 20 * seq
        assert one.store.inserts == 0
        assert one.durable.filler.unstored_count == 100
        other = window_key()
        assert await one.seq_of(other) == 0
        assert one.store.inserts == 0, "a session with nothing in the log waits for nothing"
        assert await one.seq_of(keys[3]) == 5
        assert one.store.inserts == 1
        await one.submit(chunk(keys[0], 6))
        found = await one.durable.engine.query("SELECT max(seq) FROM chunks")
        assert found == [(6,)]
        assert one.durable.filler.unstored_count == 0


@pytest.mark.timeout(PATIENCE_S)
async def test_without_a_reader_it_is_stored_soon(tmp_path, monkeypatch):
    monkeypatch.setattr(database_filler, "LINGER_S", 0.05)
    async with shop(tmp_path) as one:
        await one.submit(chunk(window_key(), 1))
        await until(lambda: one.durable.filler.unstored_count == 0)
        assert one.store.inserts == 1


@pytest.mark.timeout(PATIENCE_S)
async def test_what_a_killed_process_has_logged_is_stored_by_the_next_one(tmp_path):
    keys = [window_key() for _ in range(5)]
    async with shop(tmp_path, runs=False) as killed:
        for seq in (1, 2, 3):
            await killed.submit(*(chunk(key, seq) for key in keys))
        assert len(killed.acked) == 15
    async with shop(tmp_path) as one:
        assert one.durable.filler.unstored_count == 15
        assert [await one.seq_of(key) for key in keys] == [3] * 5
        [stored] = await one.store.heads(keys[0].session_key)
        assert stored.key == keys[0]
        await until(lambda: numbers(tmp_path / "log") == [])
        await one.submit(chunk(keys[0], 4))
        assert await one.seq_of(keys[0]) == 4
    async with shop(tmp_path) as again:
        [(rows, different)] = await again.durable.engine.query(
            "SELECT count(), uniqExact(window, seq) FROM chunks FINAL"
        )
        assert (rows, different) == (16, 16)


@pytest.mark.timeout(PATIENCE_S)
async def test_sessions_that_were_deleted_do_not_come_back_from_the_log(tmp_path):
    kept, deleted = window_key(), window_key()
    async with shop(tmp_path, runs=False) as killed:
        await killed.submit(chunk(kept, 1), chunk(deleted, 1))
        await killed.store.mark_deleted("demo", [deleted.session])
    async with shop(tmp_path) as one:
        assert await one.seq_of(kept) == 1
        assert await one.seq_of(deleted) == 0


@pytest.mark.timeout(PATIENCE_S)
async def test_a_deletion_leaves_nothing_in_the_log(tmp_path):
    async with shop(tmp_path) as one:
        await one.submit(chunk(window_key(), 1, text=b'["canary"]'), chunk(window_key(), 1))
        await one.durable.erase_log()
        assert numbers(tmp_path / "log") == []
        assert await one.durable.engine.query("SELECT count() FROM chunks") == [(2,)]
        await one.durable.erase_log()  # nothing is there


@pytest.mark.timeout(PATIENCE_S)
async def test_while_the_database_is_away_acks_go_on_and_reads_that_need_it_fail(tmp_path):
    key = window_key()
    async with shop(tmp_path) as one:
        one.store.error = StorageAway("gone")
        await one.submit(chunk(key, 1))
        await until(lambda: one.durable.writer.failing_for_s > 0)
        await one.submit(*(chunk(key, seq) for seq in range(2, 50)))
        assert len(one.acked) == 49
        assert one.durable.sink.failing_for_s == 0
        assert await one.durable.engine.query("SELECT count() FROM chunks") == [(0,)], "readers see stored rows"
        with pytest.raises(StorageAway):
            await one.durable.filler.settle(key.session_key, is_needed=True, patience_s=0.05)
        with pytest.raises(StorageAway):
            await one.durable.filler.settle(is_needed=True, patience_s=0.05)
        one.store.error = None
        assert await one.seq_of(key) == 49


@pytest.mark.timeout(PATIENCE_S)
async def test_a_full_log_waits_for_the_database(tmp_path, monkeypatch):
    monkeypatch.setattr(recording_log, "SEGMENT_BYTES", 64 * SECTOR)
    key = window_key()
    async with shop(tmp_path, max_log_bytes=4 * 64 * SECTOR) as one:
        one.store.error = StorageAway("gone")
        submitting = asyncio.create_task(_one_by_one(one, [big(key, seq) for seq in range(1, 60)]))
        await until(lambda: one.durable.sink.failing_for_s > 0)
        acked = len(one.acked)
        assert 8 < acked < 59
        assert one.durable.log.size_bytes <= 6 * 64 * SECTOR
        one.store.error = None
        await submitting
        assert [seq for _, seq in one.acked] == list(range(1, 60))
        assert one.durable.sink.failing_for_s == 0
        assert await one.seq_of(key) == 59


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - a test's time limit ends it
        await asyncio.sleep(0.005)


async def _one_by_one(one: Shop, rows: Sequence[ChunkRow]) -> None:
    for row in rows:
        await one.submit(row)


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_what_cannot_be_logged_is_not_acknowledged(tmp_path, monkeypatch, error):
    key = window_key()
    async with shop(tmp_path) as one:
        await one.submit(chunk(key, 1))
        with monkeypatch.context() as patch:

            def failing(*_: object) -> None:
                raise OSError(error, "failed")

            patch.setattr(segment.os, "fdatasync", failing)
            submitting = asyncio.create_task(one.submit(chunk(key, 2)))
            await until(lambda: one.durable.sink.failing_for_s > 0)
            assert one.acked == [(key, 1)]
        await submitting
        assert one.acked == [(key, 1), (key, 2)]
        assert one.durable.sink.failing_for_s == 0
        assert await one.seq_of(key) == 2


@pytest.mark.timeout(PATIENCE_S)
async def test_an_acknowledged_chunk_that_the_database_refuses_is_set_aside(tmp_path):
    bad, good = window_key(), window_key()
    async with shop(tmp_path) as one:
        given_up: list[WindowKey] = []
        one.durable.filler.refused = lambda key, _: given_up.append(key)
        one.store.error, one.store.refused = StorageError("poison", 53), bad
        await one.submit(chunk(bad, 1), chunk(good, 1), chunk(bad, 2))
        assert len(one.acked) == 3
        assert await one.seq_of(good) == 1
        await until(lambda: one.durable.filler.unstored_count == 0)
        assert [(found.window, found.seq) for found in were_set_aside(tmp_path)] == [
            (str(bad.window), 1),
            (str(bad.window), 2),
        ]
        assert set(given_up) == {bad}


@pytest.mark.timeout(PATIENCE_S)
async def test_an_acknowledged_chunk_that_can_be_kept_nowhere_stays_in_the_log(tmp_path):
    bad, good = window_key(), window_key()
    async with shop(tmp_path, set_aside_bytes=0) as one:
        one.store.error, one.store.refused = StorageError("poison", 53), bad
        await one.submit(chunk(bad, 1), chunk(good, 1))
        await until(lambda: one.durable.writer.failing_for_s > 0 and one.store.inserts > 0)
        assert one.durable.filler.unstored_count == 2
    async with shop(tmp_path) as later:
        assert await later.seq_of(bad) == 1
        assert await later.seq_of(good) == 1


@pytest.mark.timeout(PATIENCE_S)
async def test_chunks_do_not_stay_in_a_log_that_nobody_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(database_filler, "LINGER_S", 0.01)
    monkeypatch.setattr(database_filler, "IDLE_CUT_S", 0.05)
    async with shop(tmp_path) as one:
        await one.submit(chunk(window_key(), 1))
        assert numbers(tmp_path / "log") == [1]
        await until(lambda: numbers(tmp_path / "log") == [])


@pytest.mark.timeout(PATIENCE_S)
async def test_the_time_of_storing_is_that_of_the_ack(tmp_path):
    """Else a session would seem to be live after a restart that stores its last chunks."""
    key = window_key()
    async with shop(tmp_path, runs=False) as killed:
        await killed.submit(chunk(key, 1))
    async with shop(tmp_path) as one:
        one.store._now_ms.ms += 3_600_000
        await one.seq_of(key)
        assert await one.durable.engine.query("SELECT stored_ms FROM chunks") == [(NOW_MS,)]


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("values", [{"event_count": 2**64}, {"marks": (Mark(1, NOW_MS, "\ud800"),)}])
async def test_a_chunk_that_cannot_be_written_is_refused_alone(tmp_path, values):
    bad, good = window_key(), window_key()
    refused: list[str] = []
    async with shop(tmp_path) as one:
        await one.durable.sink.submit(BatchEntry(lambda: None, chunk(bad, 1, **values), refused=refused.append))
        await one.submit(chunk(good, 1))
        assert len(refused) == 1
        assert await one.seq_of(good) == 1
        assert await one.seq_of(bad) == 0


@pytest.mark.timeout(PATIENCE_S)
async def test_segments_that_cannot_be_deleted_stop_no_recording_and_every_deletion(tmp_path, monkeypatch):
    key = window_key()
    async with shop(tmp_path) as one:
        await one.submit(chunk(key, 1))
        with monkeypatch.context() as patch:

            def failing(_: object) -> None:
                raise OSError(errno.EIO, "failed")

            patch.setattr(recording_log, "sync_directory", failing)
            with pytest.raises(StorageAway):
                await one.durable.erase_log()
            await one.submit(chunk(key, 2))
            assert await one.seq_of(key) == 2
        await one.durable.erase_log()
        assert numbers(tmp_path / "log") == []
