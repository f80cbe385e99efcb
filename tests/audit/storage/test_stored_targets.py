"""Targets in storage, on both engines: of interactions and of marks, and in rows of older versions."""

from __future__ import annotations

import pytest
from audit.storage import NOW_MS, chunk, head, window_key

from services.audit.behaviour.definitions import Interaction
from services.audit.model import InteractionKind, Mark, Target, Times
from services.audit.storage.chunk_reader import ChunkReader
from services.audit.storage.engine.engine import Table
from services.audit.storage.interaction_queries import InteractionQueries
from services.audit.storage.recording_store import RecordingStore, read_marks
from services.audit.storage.retention import Retention, day_of
from services.audit.storage.schema import migrations, tables_interactions
from services.audit.storage.schema.dialect import Dialect

TARGET = Target("Lägg i varukorgen 🛒", "button", "button", '[data-testid="add \\"now\\""]')
KINDS = tuple(InteractionKind)


def click(target: Target | None, time_ms: int = NOW_MS) -> Interaction:
    return Interaction(InteractionKind.CLICK, time_ms, "https://shop.example/", 1.0, 2.0, node_id=7, target=target)


@pytest.fixture
def store(engine, dialect, clock) -> RecordingStore:
    return RecordingStore(engine, dialect, Retention({}, clock), clock)


async def test_targets_come_back_as_they_were(store, engine, clock):
    key = window_key()
    mark = Mark(InteractionKind.RAGE_CLICK, NOW_MS, count=8, target=TARGET)
    found = [click(TARGET), click(None, NOW_MS + 1), click(Target(tag="html", selector="html"), NOW_MS + 2)]
    await store.insert(
        [head(key)], [chunk(key, 1, found=found, marks=(mark, Mark(InteractionKind.ERROR, NOW_MS, "x")))]
    )
    queries = InteractionQueries(engine, Retention({}, clock))
    stored = await queries.interactions(key.session_key, KINDS, Times(), 10)
    assert [one.target for one in stored] == [one.target for one in found]
    marks = await ChunkReader(engine, Retention({}, clock)).marks(key.session_key)
    assert {entry[2].kind: (entry[2].count, entry[2].target) for entry in marks} == {
        InteractionKind.RAGE_CLICK: (8, TARGET),
        InteractionKind.ERROR: (1, None),
    }


async def test_rows_of_an_older_version_are_read_after_the_migration(engine, clock, monkeypatch):
    spoken, key = Dialect(engine.version), window_key()
    columns = tuple(one for one in tables_interactions.INTERACTIONS.columns if not one[0].startswith("target_"))
    before = Table("interactions", columns)
    with monkeypatch.context() as older:
        older.setattr(tables_interactions, "INTERACTIONS", before)
        older.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:8])
        await migrations.migrate(engine, spoken)
    day = day_of(key.session_key.start_ms)
    row = ("demo", day, key.session, key.window, day, 1, 1, 1)
    row += (0, 1, NOW_MS, 25.0, 50.0, -1.0, 1280, 720, 1280, 4_000, 0, 3, 1, 0, 0, *[0.0] * 4, "/", "")
    await engine.insert(before, [row])
    await migrations.migrate(engine, spoken)
    await migrations.migrate(engine, spoken)
    store = RecordingStore(engine, spoken, Retention({}, clock), clock)
    await store.insert([head(key)], [chunk(key, 2, found=[click(TARGET, NOW_MS + 5)], first_number=1)])
    stored = await InteractionQueries(engine, Retention({}, clock)).interactions(key.session_key, KINDS, Times(), 10)
    assert [one.target for one in stored] == [None, TARGET]


def test_marks_of_an_older_version_are_read():
    assert read_marks(b'[{"kind":9,"time_ms":5,"detail":"","width":0,"height":0,"count":4}]') == (
        Mark(InteractionKind.RAGE_CLICK, 5, count=4),
    )


async def test_the_history_of_a_page_is_read(store):
    key = window_key()
    rows = [chunk(key, seq, text=b"[%d]" % seq, snapshot=seq in {2, 5}) for seq in range(1, 9)]
    await store.insert([head(key)], rows)
    await store.insert([], [rows[5]])  # twice
    assert [await store.last_snapshot(key, seq) for seq in (1, 2, 3, 5, 6, 9)] == [0, 0, 2, 2, 5, 5]
    assert await store.size_of(key, 5, 8) == (4, sum(len(row.payload) for row in rows[4:]))
    assert await store.payloads(key, 5, 7) == {row.seq: row.payload for row in rows[4:7]}
