"""Values that cross the border of two compressed blocks (1 MiB each on a server) come back as they are: types too."""

from __future__ import annotations

import random
from typing import Any

import pytest
from audit.storage import chunk, head, page, session_of, window_key

from services.audit.storage.chunk_reader import ChunkReader
from services.audit.storage.codecs.rowbinary import encode_rows
from services.audit.storage.engine.engine import StorageAway, StorageError, Table
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.session_queries import SessionQueries

TEXTS = Table("texts_of", (("x", "UInt64"), ("s", "String"), ("a", "Array(String)")))
BORDER = 1 << 20
SIZES = {
    "many of 60 KB": [60_000] * 60,
    "one of 1.2 MB": [1_200_000],
    "around the border": [BORDER - 9, BORDER - 1, BORDER, BORDER + 1, 5, 2 * BORDER, 0, 1],
    "near the limit of a chunk": [4 * BORDER - 65_536, 4 * BORDER - 1],
    "small ones": [25] * 50_000,
}


def types_of(value: Any) -> Any:
    """The type of a value, and of all that is in it."""
    return (type(value), *map(types_of, value)) if isinstance(value, (list, tuple)) else type(value)


@pytest.fixture
async def texts(engine):
    await engine.execute("CREATE TABLE texts_of (x UInt64, s String, a Array(String)) ENGINE = MergeTree ORDER BY x")


@pytest.mark.parametrize("name", SIZES)
async def test_a_value_of_any_size_is_bytes(engine, texts, name):
    rng = random.Random(name)
    values = [rng.randbytes(size) for size in SIZES[name]]
    rows = [(number, value, (value[:50_000], b"", value[-3:])) for number, value in enumerate(values)]
    await engine.insert(TEXTS, rows)

    found = await engine.query("SELECT x, s, a FROM texts_of ORDER BY x")
    assert found == rows
    assert {types_of(row) for row in found} == {types_of(rows[0])}
    [(gathered, nested)] = await engine.query(
        "SELECT groupArray(s), groupArray(a) FROM (SELECT * FROM texts_of ORDER BY x)"
    )
    assert types_of(gathered) == (tuple, *[bytes] * len(values))
    assert types_of(nested) == (tuple, *[(tuple, bytes, bytes, bytes)] * len(values))
    assert gathered == tuple(values)

    blocks = [block async for block in engine.blocks("SELECT x, s, a FROM texts_of ORDER BY x", TEXTS.types)]
    assert {type(block.data) for block in blocks} == {bytes}
    assert sum(block.row_count for block in blocks) == len(rows)
    assert b"".join(block.data for block in blocks) == encode_rows(TEXTS.types, rows)


async def test_whatever_a_session_holds_has_the_same_types_on_every_engine(engine, dialect, clock):
    retention = Retention({}, clock)
    store = RecordingStore(engine, dialect, retention, clock)
    playback, catalog = ChunkReader(engine, retention), SessionQueries(engine, retention, 1_000, clock)
    key, rng = window_key(), random.Random(3)
    rows = [
        chunk(key, seq, payload=rng.randbytes(60_000), state=rng.randbytes(30_000), marks=(page("/é" * 900),))
        for seq in range(1, 61)
    ]
    await store.insert([head(key, tags={"é": "1"}, secret_hash=rng.randbytes(32))], rows)
    found = [one async for one in playback.payloads(session_of(key), await playback.index(session_of(key)))]
    assert [(one.seq, type(one.payload), one.payload) for one in found] == [
        (row.seq, bytes, row.payload) for row in rows
    ]
    for row in rows:
        last = await store.last_chunk(key, row.seq)
        assert (type(last.state), type(last.payload), last.totals) == (bytes, bytes, row.totals)
        assert last.marks == row.marks
    point = await store.resume_point(key)
    assert (type(point.state), point.state) == (bytes, rows[-1].state)
    [(window, heads)] = [(one.key.window, one) for one in await store.heads(session_of(key))]
    assert (window, type(heads.secret_hash)) == (key.window, bytes)
    contents = await playback.contents(session_of(key))
    assert {types_of(tuple(one)[1:]) for one in contents.chunks} == {(tuple, *[int] * 7)}
    assert {types_of(one.totals) for one in contents.windows} == {(tuple, *[int] * len(rows[0].totals))}
    session = await catalog.get_session(session_of(key))
    assert session.head.tags == {"é": "1"}


@pytest.mark.parametrize("row", [(-1, b"", ()), (2**64, b"", ()), ("x", b"", ()), (1, b"", (None,))], ids=str)
async def test_a_value_that_no_column_holds_is_refused_and_not_retried(engine, texts, row):
    with pytest.raises(StorageError) as caught:
        await engine.insert(TEXTS, [(7, b"good", ()), row])
    assert not isinstance(caught.value, StorageAway)
    await engine.insert(TEXTS, [(8, b"good", ())])
    assert (8,) in await engine.query("SELECT x FROM texts_of")


async def test_a_lone_surrogate_becomes_a_question_mark(engine, texts):
    await engine.insert(TEXTS, [(1, "a\ud800b", ("\udfff",))])
    assert await engine.query("SELECT x, s, a FROM texts_of") == [(1, b"a?b", (b"?",))]
