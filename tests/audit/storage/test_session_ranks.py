"""Lists by duration, errors and rage clicks are equal to a sort by hand, whichever way they are found."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from audit.storage import NOW_MS, MillisecondClock, chunk, head, uuid7, window_key

from services.audit.model import ChunkRow, SessionSummary, Total, WindowHead
from services.audit.storage import session_queries, session_ranks
from services.audit.storage.engine.engine import Engine
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate
from services.audit.storage.session_queries import SessionFilter, SessionOrder, SessionQueries

RANKS: dict[SessionOrder, Callable[[SessionSummary], int]] = {
    SessionOrder.LONGEST_FIRST: lambda session: session.last_ms - session.first_ms,
    SessionOrder.MOST_ERRORS_FIRST: lambda session: session.totals[Total.ERRORS],
    SessionOrder.MOST_RAGE_CLICKS_FIRST: lambda session: session.totals[Total.RAGE_CLICKS],
}

WAYS = {
    "as it is": {},
    "few rows at first": {"BOUNDED_MORE": -10, "BOUNDED_GROWTH": 2},
    "slices of 30": {"BOUNDED_MOST": 0, "SUMMED_MOST": 0, "RANK_STEP": 30},
}
"""Limits that are changed, so that lists are found another way."""


@pytest.fixture
def retention(clock: MillisecondClock) -> Retention:
    return Retention({"demo": 30}, clock)


@pytest.fixture
def store(engine: Engine, retention: Retention, clock: MillisecondClock) -> RecordingStore:
    return RecordingStore(engine, Dialect(engine.version), retention, clock)


@pytest.fixture
def catalog(engine: Engine, retention: Retention, clock: MillisecondClock) -> SessionQueries:
    return SessionQueries(engine, retention, 30 * 60_000, clock)


def rows(count: int, seed: int = 1) -> tuple[list[WindowHead], list[ChunkRow]]:
    """Sessions of few starts, lengths and totals: many are equal. Some have several windows, or a clock set back."""
    picked = random.Random(seed)
    heads: list[WindowHead] = []
    chunks: list[ChunkRow] = []
    for number in range(count):
        start_ms = NOW_MS - 60_000 * picked.randrange(1, 5)
        session = uuid7(start_ms)
        for window in range(picked.choice((1, 1, 1, 2, 3))):
            key = window_key(session=session)
            heads.append(head(key, device_type=number % 3))
            errors, rage_clicks = picked.choice((0, 0, 1, 4)), picked.choice((0, 0, 0, 2))
            late_ms = picked.choice((0, 0, 3_000, 30_000)) if window == 0 else picked.choice((500, 20_000))
            # A clock that is set back, or forward by hours before it is right again.
            late_ms = picked.choice((-50_000, -3, 7_200_000)) if number % 10 == 0 else late_ms
            for seq in range(1, picked.randrange(2, 6)):
                row = chunk(key, seq, errors=errors * seq, rage_clicks=rage_clicks)
                chunks.append(replace(row, first_ms=row.first_ms + late_ms, last_ms=row.last_ms + late_ms))
    return heads, chunks


async def pages(catalog: SessionQueries, wanted: SessionFilter, order: SessionOrder, size: int) -> list[SessionSummary]:
    found: list[SessionSummary] = []
    after = None
    while True:
        listed = await catalog.list_sessions("demo", wanted, order, size, after)
        found += [entry.session for entry in listed]
        if len(listed) < size:
            return found
        after = listed[-1].position


async def require_equal(catalog: SessionQueries, size: int, filters: list[SessionFilter]) -> None:
    """Fails unless the lists of each order and filter are those of a sort by hand."""
    for wanted in filters:
        everything = await pages(catalog, wanted, SessionOrder.NEWEST_FIRST, 500)
        assert len(everything) > size
        for order, rank in RANKS.items():
            # Sessions of one rank follow one another as in the order by start: a sort is stable.
            expected = sorted(everything, key=lambda session, rank=rank: -rank(session))
            found = await pages(catalog, wanted, order, size)
            assert ids(found) == ids(expected), (order.name, wanted)
            assert found == expected, (order.name, wanted)


def ids(sessions: list[SessionSummary]) -> list[UUID]:
    return [session.key.session for session in sessions]


@pytest.mark.parametrize("way", WAYS)
async def test_lists_are_those_of_a_sort(
    dialect: Dialect, store: RecordingStore, catalog: SessionQueries, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    heads, chunks = rows(150)
    await store.insert(heads, chunks)
    await store.insert(heads[:50], chunks[::2])  # delivered twice
    for name, value in WAYS[way].items():
        for module in (session_queries, session_ranks):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    filters = [
        SessionFilter(),
        SessionFilter(device_types=(1,)),
        SessionFilter(start_ms=NOW_MS - 180_000, end_ms=NOW_MS - 60_000),
    ]
    await require_equal(catalog, 17, filters)


async def test_rows_of_equal_rank_are_all_shown(
    dialect: Dialect, store: RecordingStore, catalog: SessionQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_queries, "BOUNDED_MOST", 100)
    keys = [window_key(NOW_MS - 60_000) for _ in range(130)]
    await store.insert([head(key) for key in keys], [chunk(key, 1, errors=1, rage_clicks=1) for key in keys])
    await require_equal(catalog, 20, [SessionFilter()])


async def test_a_session_of_many_rows_hides_no_other(
    dialect: Dialect, store: RecordingStore, catalog: SessionQueries
) -> None:
    """Each insert adds rows, until they are merged."""
    longest = window_key(NOW_MS - 60_000)
    for seq in range(1, 31):
        await store.insert([head(longest)], [chunk(longest, 100 + seq, errors=seq)])
    keys = [window_key(NOW_MS - 60_000 - number) for number in range(8)]
    await store.insert([head(key) for key in keys], [chunk(key, 1 + n) for n, key in enumerate(keys)])
    await require_equal(catalog, 3, [SessionFilter()])


async def test_rows_from_before_the_ranks_are_listed(
    engine: Engine, store: RecordingStore, catalog: SessionQueries
) -> None:
    await migrate(engine, Dialect(engine.version), through=9)
    heads, chunks = rows(60)
    await store.insert(heads[::2], chunks[::2])
    assert [step.name for step in await migrate(engine, Dialect(engine.version))] == ["ranks of sessions"]
    await store.insert(heads, chunks)
    await require_equal(catalog, 7, [SessionFilter()])
    await engine.execute("OPTIMIZE TABLE sessions FINAL")
    await require_equal(catalog, 7, [SessionFilter()])
