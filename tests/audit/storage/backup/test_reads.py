"""The reads of a backup while the database changes, loaded again: a consistent copy, on both engines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audit.storage import NOW_MS, chunk, head, window_key

from services.audit.behaviour.definitions import Interaction
from services.audit.model import InteractionKind
from services.audit.storage.backup.block_file import MAGIC, packed
from services.audit.storage.backup.loading import delete_again, is_empty, load_file
from services.audit.storage.backup.reads import DERIVED, READS, STAGES, TABLES
from services.audit.storage.backup.source import EngineSource
from services.audit.storage.engine.engine import BLOCK_BYTES, StorageError, Table
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention


@pytest.fixture
def store(engine, dialect, clock):
    return RecordingStore(engine, dialect, Retention({}, clock), clock)


class Copy:
    """A copy that is made read by read."""

    def __init__(self, engine, dialect, directory):
        self._engine = engine
        self._source = EngineSource(engine, dialect)
        self._directory = directory
        self._files = []
        self.largest = 0

    async def read(self, *names):
        for name in names:
            [stage] = [number for number, reads in enumerate(STAGES) if READS[name] in reads]
            for day in await self._source.days(stage):
                path = self._directory / f"{len(self._files)}.rows"
                with path.open("wb") as file:
                    file.write(MAGIC)
                    async for block in self._source.blocks(name, day):
                        self.largest = max(self.largest, len(block.data))
                        file.write(packed(block))
                self._files.append((READS[name].table, path))

    async def load(self, store):
        for table in (*(one.name for one in TABLES), "sessions"):
            await self._engine.execute(f"TRUNCATE TABLE {table}")
        assert await is_empty(self._engine)
        loaded = []
        for table, path in self._files:
            await load_file(self._engine, table, path, loaded.append)
        await delete_again(store, self._engine)
        return sum(loaded)


@pytest.fixture
def copy(engine, dialect, tmp_path):
    return Copy(engine, dialect, tmp_path)


async def ended(engine, key):
    rows = await engine.query(
        "SELECT argMax(ended, updated_ms) FROM windows WHERE window = {window:UUID} HAVING count() > 0",
        {"window": key.window},
    )
    return rows[0][0] if rows else None


async def test_a_window_that_ends_during_the_backup_has_its_chunks_or_goes_on(engine, store, clock, copy):
    over, ending, begun = (window_key(NOW_MS - 60_000 + number) for number in range(3))
    await store.insert([head(over)], [chunk(over, 1)])
    await store.insert([head(over, ended=True)], [])
    await store.insert([head(ending)], [chunk(ending, 1)])
    await copy.read("windows")
    clock.ms += 10
    await store.insert([head(begun)], [chunk(begun, 1)])
    await copy.read("chunks", "chunks-repeated")
    clock.ms += 10
    await store.insert([head(ending, ended=True)], [chunk(ending, 2)])
    await copy.read("windows-begun", "interactions")

    await copy.load(store)

    assert [await ended(engine, key) for key in (over, ending, begun)] == [1, 0, 0]
    assert [(await store.resume_point(key)).seq for key in (over, ending, begun)] == [1, 1, 1]
    totals = await engine.query("SELECT session, maxMerge(seq) FROM sessions GROUP BY session")
    assert dict(totals) == {key.session: 1 for key in (over, ending, begun)}


async def test_of_a_chunk_that_is_stored_twice_the_newer_row_wins(engine, store, clock, copy):
    key = window_key()
    await store.insert([head(key)], [chunk(key, 1), chunk(key, 2, text=b"[1]")])
    clock.ms += 10
    await store.insert([], [chunk(key, 2, text=b"[2]")])
    await copy.read("chunks", "chunks-repeated")

    await copy.load(store)

    await engine.execute("OPTIMIZE TABLE chunks FINAL")
    rows = await engine.query("SELECT seq, stored_ms FROM chunks FINAL ORDER BY seq")
    assert rows == [(1, NOW_MS), (2, NOW_MS + 10)]


async def test_a_session_that_is_deleted_during_the_backup_stays_deleted(engine, store, copy):
    deleted, kept = window_key(), window_key(NOW_MS - 59_000)
    click = Interaction(InteractionKind.CLICK, NOW_MS, "/", x_percent=1, y_percent=1)
    for key in (deleted, kept):
        await store.insert([head(key)], [chunk(key, 1, found=[click])])
    await copy.read("windows", "chunks", "chunks-repeated")
    await store.mark_deleted("demo", [deleted.session])
    await store.delete("demo", [deleted.session])
    await copy.read("windows-begun", "interactions", "access_events", "deletions")

    await copy.load(store)

    for table in ("windows", "chunks", "interactions", "sessions"):
        assert {session for (session,) in await engine.query(f"SELECT session FROM {table}")} == {kept.session}
    assert await store.is_deleted(deleted.session_key)


async def test_every_table_is_in_a_backup_or_derived(engine, dialect):
    rows = await engine.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
    names = {name.decode() for (name,) in rows} - {f".inner.{name}" for name in DERIVED}
    assert names == {*(table.name for table in TABLES), *DERIVED}
    assert {read.table for read in READS.values()} == set(TABLES)


async def test_blocks_are_small_however_large_a_table_is(engine, store, copy):
    key = window_key()
    large = b"[" + b"1," * (1 << 20) + b"1]"
    for seq in range(1, 33):
        await store.insert([head(key)], [replace(chunk(key, seq), payload=large)])
    await copy.read("chunks")

    await copy.load(store)

    assert await engine.query("SELECT sum(length(payload)) FROM chunks") == [(32 * len(large),)]
    assert copy.largest <= 18 * len(large)  # 64 MiB are stored; 16 rows of a server are read before they are counted
    assert copy.largest > BLOCK_BYTES


async def test_a_read_that_fails_in_the_middle_raises(engine, dialect):
    table = Table("chunks", (("n", "UInt64"),))
    sql = "SELECT number + throwIf(number = 300000) FROM system.numbers LIMIT 400000"
    with pytest.raises(StorageError, match="throwIf"):
        _ = [block.row_count async for block in engine.blocks(sql, table.types)]
    assert await engine.query("SELECT 7") == [(7,)]
