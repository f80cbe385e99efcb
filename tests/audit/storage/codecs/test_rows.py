"""Rows packed by specialised functions match the column types."""

from __future__ import annotations

import datetime as dt
import uuid

from hypothesis import example, given
from hypothesis import strategies as st

from services.audit.behaviour.definitions import Interaction
from services.audit.model import ChunkRow, InteractionKind, Mark, Target, WindowKey
from services.audit.storage.codecs.chunk_rows import chunk_rows
from services.audit.storage.codecs.interaction_rows import pack_rows
from services.audit.storage.codecs.rowbinary import encode_rows, unpacked_when_asked
from services.audit.storage.retention import day_of
from services.audit.storage.schema.tables import CHUNKS
from services.audit.storage.schema.tables_interactions import INTERACTIONS

times = st.integers(0, 2**48 - 1)
words = st.text(max_size=20) | st.sampled_from(["", "é" * 100, "x" * 200, "y" * 20_000])
keys = st.builds(WindowKey, words.filter(str.isascii), st.uuids(version=4), st.uuids(version=4))
dates = st.dates(dt.date(1970, 1, 1), dt.date(2149, 6, 6))
chunks = st.builds(
    ChunkRow,
    key=keys,
    seq=st.integers(1, 2**32 - 1),
    kept_from=dates,
    order_ms=times,
    first_ms=times,
    last_ms=times,
    event_count=st.integers(0, 2**32 - 1),
    snapshot_ms=times,
    snapshot_seq=st.integers(0, 2**32 - 1),
    marks=st.lists(
        st.builds(Mark, st.sampled_from([InteractionKind.PAGE, InteractionKind.ERROR]), times, words), max_size=3
    ).map(tuple),
    totals=st.lists(st.integers(0, 2**64 - 1), max_size=20).map(tuple),
    state=st.binary(max_size=300),
    payload=st.binary(max_size=300) | st.sampled_from([b"\0" * 127, b"\0" * 128, b"\0" * 16_383, b"\0" * 16_384]),
)


@given(st.lists(chunks, max_size=3), times)
def test_a_chunks_packed_row_is_its_values_encoded(stored: list[ChunkRow], now_ms: int) -> None:
    rows = chunk_rows(stored, day_of, now_ms)
    assert rows.data == encode_rows(CHUNKS.types, list(rows))
    assert len(rows) == len(stored)


percents = st.none() | st.floats(0, 100, width=32)
sizes = st.tuples(st.integers(0, 65_535), st.integers(0, 65_535))
found = st.builds(
    Interaction,
    kind=st.sampled_from(InteractionKind),
    time_ms=times,
    page=words,
    x_percent=percents,
    y_percent=percents,
    viewport=sizes,
    page_size=sizes,
    estimated=st.booleans(),
    clamped=st.booleans(),
    node_id=st.integers(0, 2**53 - 1),
    count=st.integers(1, 2**32 - 1),
    weight_ms=st.integers(0, 2**33),
    top_percent=percents,
    detail=words,
    anchor=st.integers(0, 2**32 - 1),
    box=st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 4),
)
NEW_YEAR = dt.date(2026, 1, 1)
KEY = WindowKey("demo", uuid.UUID(int=2**127 + 5), uuid.UUID(int=7))


@given(st.lists(found, max_size=5), keys, dates)
@example(
    [
        Interaction(InteractionKind.PAGE, 1, "\ud800"),
        Interaction(InteractionKind.CLICK, 2, "b", detail="\udfff"),
        Interaction(InteractionKind.CLICK, 3, "b", target=Target("Pay \ud800", "button", "button", "#pay")),
    ],
    KEY,
    dt.date(2026, 1, 1),
)
def test_packed_interactions_are_their_values_encoded(these: list[Interaction], key: WindowKey, day: dt.date) -> None:
    data = pack_rows(key, day, day, 9, (2, 1), 40, these)
    rows = list(unpacked_when_asked(INTERACTIONS.types, data))
    assert encode_rows(INTERACTIONS.types, rows) == data
    assert [row[:9] for row in rows] == [
        (key.project.encode(), day, key.session, key.window, day, 9, 2, 1, 40 + place) for place in range(len(these))
    ]
    for row, one in zip(rows, these, strict=True):
        kind, time_ms, x, y, top, width, height, *page_size, flags, node, times_, weight_ms = row[9:-11]
        assert (kind, time_ms, node, times_) == (one.kind, one.time_ms, one.node_id, one.count)
        assert [x, y, top] == [-1.0 if at is None else at for at in (one.x_percent, one.y_percent, one.top_percent)]
        assert ((width, height), tuple(page_size)) == (one.viewport, one.page_size)
        assert flags == one.estimated + 2 * one.clamped
        assert weight_ms == min(one.weight_ms, 2**32 - 1)
        assert row[-11:-6] == (one.anchor, *one.box)
        texts = (one.page, one.detail, *(one.target or ("", "", "", "")))
        assert list(row[-6:]) == [value.encode("utf-8", "replace") for value in texts]
