"""Rows that an engine refuses for a reason that does not pass: the others are stored, these are set aside and named."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from audit.storage import NOW_MS, MillisecondClock, chunk, head, session_of, window_key

from services.audit.ingest import batch_writer as module
from services.audit.ingest.batch_writer import BatchEntry, BatchWriter
from services.audit.ingest.set_aside import DROPPED_TAG, FOLDER, SetAside, were_set_aside
from services.audit.model import ChunkRow, WindowKey
from services.audit.payload import deflate, inflate
from services.audit.replay.plan import _STORED
from services.audit.storage.chunk_reader import ChunkReader
from services.audit.storage.engine.engine import Engine
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.cli.transfer.formats import ImportedRecording, read_recordings

POISON = 2**32
"""Number of events that no column holds."""

POISONED = 300
"""Type of actor that no column holds."""


class Writing:
    """A batch writer, and the outcomes of its entries."""

    def __init__(self, engine: Engine, store: RecordingStore, writer: BatchWriter, playback: ChunkReader) -> None:
        self.engine = engine
        self.store = store
        self.writer = writer
        self.playback = playback
        self.outcomes: dict[tuple[WindowKey, int], str] = {}

    async def refuse_everything(self) -> None:
        """From now on, every insert of heads fails."""
        await self.engine.execute("CREATE TABLE poisoned (x UInt64) ENGINE = Memory")
        await self.engine.execute(
            "CREATE MATERIALIZED VIEW poison TO poisoned AS "
            "SELECT toUInt64(throwIf(actor_type < 100)) AS x FROM windows"
        )

    async def accept_everything(self) -> None:
        await self.engine.execute("DROP TABLE poison")

    def entry(self, row: ChunkRow, actor_type: int = 1) -> BatchEntry:
        place = (row.key, row.seq)

        def note(outcome: str) -> None:
            assert place not in self.outcomes, "an entry has one outcome"
            self.outcomes[place] = outcome

        return BatchEntry(
            lambda: note("stored"),
            row,
            head(row.key, actor_type=actor_type) if row.seq == 1 else None,
            replaced=lambda _: note("replaced"),
            refused=lambda _: note("refused"),
        )

    async def submit(self, *rows: ChunkRow, actor_type: int = 1) -> None:
        for row in rows:
            await self.writer.submit(self.entry(row, actor_type))

    async def events(self, key: WindowKey) -> list[dict]:
        found = self.playback.payloads(session_of(key), await self.playback.index(session_of(key)))
        return [event async for one in found for event in json.loads(inflate(one.payload, _STORED))]


@pytest.fixture
async def writing(engine: Engine, dialect: Dialect, clock: MillisecondClock, tmp_path, monkeypatch):
    async with _writing(engine, dialect, clock, SetAside(tmp_path / FOLDER, 2**20), monkeypatch) as found:
        yield found


@asynccontextmanager
async def _writing(engine, dialect, clock, set_aside, monkeypatch) -> AsyncIterator[Writing]:
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_RETRY_S", 0.05)
    retention = Retention({}, clock)
    store = RecordingStore(engine, dialect, retention, clock)
    writer = BatchWriter(
        store,
        FreeSpace(engine.disk_usage, 0),
        max_batch_bytes=2**24,
        max_batch_rows=2_000,
        set_aside=set_aside,
        now_ms=clock,
    )
    running = asyncio.create_task(writer.run())
    try:
        yield Writing(engine, store, writer, ChunkReader(engine, retention))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def text_of(key: WindowKey, seq: int) -> bytes:
    event = {"type": 3, "timestamp": NOW_MS + seq, "data": {"source": 2, "id": seq}}
    return json.dumps([event], indent=1).encode()


def row(key: WindowKey, seq: int, **values: object) -> ChunkRow:
    return chunk(key, seq, text=text_of(key, seq), **values)


async def test_one_poisoned_chunk_among_many(writing, tmp_path):
    keys = [window_key(NOW_MS - number) for number in range(20)]
    bad = keys[7]
    rows = [row(key, seq, event_count=POISON if (key, seq) == (bad, 2) else 1) for seq in (1, 2, 3) for key in keys]
    await writing.submit(*rows)
    await writing.writer.drain()
    assert writing.outcomes == {
        (one.key, one.seq): "replaced" if one.event_count == POISON else "stored" for one in rows
    }
    assert writing.writer.failing_for_s == 0.0
    assert writing.writer.counts.refusals <= 6 * len(rows)
    for key in keys:
        assert (await writing.store.resume_point(key)).seq == 3
    first, placeholder, last = await writing.events(bad)
    assert (first["data"]["id"], last["data"]["id"]) == (1, 3)
    assert (placeholder["type"], placeholder["data"]["tag"]) == (5, DROPPED_TAG)
    assert placeholder["data"]["payload"]["events"] == POISON
    assert placeholder["data"]["payload"]["reason"] == "not_storable"

    [kept] = were_set_aside(tmp_path)
    assert (kept.project, kept.session, kept.window, kept.seq) == ("demo", str(bad.session), str(bad.window), 2)
    assert kept.error
    document = json.loads(gzip.decompress(kept.path.read_bytes()))
    assert document["events"] == json.loads(text_of(bad, 2))
    [recording] = read_recordings(kept.path)
    assert isinstance(recording, ImportedRecording)
    assert [json.loads(event) for event in recording.windows[0].events] == document["events"]


async def test_files_of_a_session_can_be_imported_as_one_recording(writing, tmp_path):
    key = window_key()
    await writing.submit(*(row(key, seq, event_count=POISON) for seq in range(1, 5)))
    await writing.writer.drain()
    joined = tmp_path / "joined.jsonl.gz"
    joined.write_bytes(b"".join(path.read_bytes() for path in sorted((tmp_path / FOLDER / "demo").iterdir())))
    [recording] = read_recordings(joined)
    assert recording.foreign_id == str(key.session)
    [window] = recording.windows
    assert [json.loads(event)["data"]["id"] for event in window.events] == [1, 2, 3, 4]


async def test_a_lone_poisoned_chunk_is_set_aside_too(writing, tmp_path):
    key = window_key()
    await writing.submit(row(key, 1, event_count=POISON))
    await writing.writer.drain()
    assert list(writing.outcomes.values()) == ["replaced"]
    assert len(were_set_aside(tmp_path)) == 1


async def test_a_window_of_which_nothing_can_be_stored_stops_no_other(writing, tmp_path):
    """The first batch has only this window: the reason shows when another one is stored."""
    bad, good = window_key(), window_key()
    await writing.submit(*(row(bad, seq) for seq in (1, 2, 3)), actor_type=POISONED)
    await asyncio.sleep(0.1)
    assert writing.outcomes == {}, "the engine may be the cause"
    await writing.submit(*(row(good, seq) for seq in (1, 2)))
    await writing.writer.drain()
    assert writing.outcomes == {
        **{(bad, seq): "refused" for seq in (1, 2, 3)},
        **{(good, seq): "stored" for seq in (1, 2)},
    }
    assert len(await writing.events(good)) == 2
    assert [one.seq for one in were_set_aside(tmp_path)] == [1, 2, 3]


async def test_an_engine_that_refuses_everything_sets_nothing_aside(writing, tmp_path):
    await writing.refuse_everything()
    keys = [window_key(NOW_MS - number) for number in range(5)]
    await writing.submit(*(row(key, seq) for seq in (1, 2) for key in keys))
    async with asyncio.timeout(60):
        while writing.writer.counts.failures < 3:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    assert writing.outcomes == {}
    assert were_set_aside(tmp_path) == []
    assert writing.writer.failing_for_s > 0
    await writing.accept_everything()
    await writing.writer.drain()
    assert set(writing.outcomes.values()) == {"stored"}
    assert writing.writer.failing_for_s == 0.0


async def test_a_missing_table_is_not_the_rows_fault(writing, tmp_path):
    key = window_key()
    await writing.engine.execute("RENAME TABLE deletions TO deletions_away")
    store = writing.store

    async def insert(heads, chunks):
        await store._engine.query("SELECT 1 FROM deletions")
        await RecordingStore.insert(store, heads, chunks)

    store.insert = insert
    await writing.submit(row(key, 1))
    async with asyncio.timeout(60):
        while writing.writer.counts.failures < 3:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    assert (writing.outcomes, were_set_aside(tmp_path), writing.writer.counts.refusals) == ({}, [], 0)
    await writing.engine.execute("RENAME TABLE deletions_away TO deletions")
    await writing.writer.drain()
    assert list(writing.outcomes.values()) == ["stored"]


async def test_a_value_that_no_column_holds_is_poison_too(writing, tmp_path):
    good, bad = window_key(), window_key()
    await writing.submit(row(good, 1), row(bad, 1, event_count=2**32), row(good, 2), row(bad, 2))
    await writing.writer.drain()
    assert writing.outcomes == {
        (good, 1): "stored",
        (good, 2): "stored",
        (bad, 1): "replaced",
        (bad, 2): "stored",
    }
    assert [one.seq for one in were_set_aside(tmp_path)] == [1]


async def test_the_findings_of_an_end_that_cannot_be_stored_do_not_replace_its_chunk(writing, tmp_path):
    key = window_key()
    await writing.submit(row(key, 1))
    await writing.writer.drain()
    ended = []
    row_of_end = row(key, 1, event_count=POISON)
    await writing.writer.submit(BatchEntry(lambda: ended.append(True), row_of_end, head(key, ended=True), again=True))
    await writing.writer.drain()
    assert ended == [True]
    assert [event["data"]["id"] for event in await writing.events(key)] == [1]
    assert [one.ended for one in await writing.store.heads(session_of(key))] == [True]


@pytest.mark.parametrize("max_bytes", [0, 400])
async def test_a_chunk_that_cannot_be_kept_is_not_acknowledged(
    engine, dialect, clock, tmp_path, monkeypatch, max_bytes
):
    set_aside = SetAside(tmp_path / FOLDER, max_bytes)
    async with _writing(engine, dialect, clock, set_aside, monkeypatch) as writing:
        bad, good = window_key(), window_key()
        await writing.submit(
            row(good, 1), *(row(bad, seq, event_count=POISON if seq > 1 else 1) for seq in (1, 2, 3)), row(good, 2)
        )
        await writing.writer.drain()
        assert writing.outcomes[good, 1] == writing.outcomes[good, 2] == writing.outcomes[bad, 1] == "stored"
        kept = len(were_set_aside(tmp_path))
        outcomes = [writing.outcomes[bad, seq] for seq in (2, 3)]
        assert outcomes == ["replaced"] * kept + ["refused"] * (2 - kept)
        assert set_aside.counts["kept"] == kept < 2
        assert set_aside.counts["no_room"] > 0


async def test_deletion_and_retention_reach_the_files(writing, tmp_path, clock):
    one, two = window_key(), window_key()
    await writing.submit(row(one, 1, event_count=POISON), row(two, 1, event_count=POISON))
    await writing.writer.drain()
    set_aside = SetAside(tmp_path / FOLDER, 2**20)
    await set_aside.delete("other", [one.session])
    assert len(were_set_aside(tmp_path)) == 2
    await set_aside.delete("demo", [one.session])
    assert [kept.session for kept in were_set_aside(tmp_path)] == [str(two.session)]
    await set_aside.sweep(Retention({"demo": 30}, clock))
    assert len(were_set_aside(tmp_path)) == 1
    await set_aside.sweep(Retention({"demo": 30}, lambda: 4_000_000_000_000))
    assert were_set_aside(tmp_path) == []


def test_a_damaged_file_is_named(tmp_path):
    folder = tmp_path / FOLDER / "demo"
    folder.mkdir(parents=True)
    (folder / "x.json.gz").write_bytes(deflate(b"{}")[:-9])
    [found] = were_set_aside(tmp_path)
    assert "cannot be read" in found.error
