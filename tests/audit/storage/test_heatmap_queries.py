"""Counts of heatmaps, compared with the same counts in Python, on both engines."""

from __future__ import annotations

import math
import random
import statistics
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from audit.storage import NOW_MS, MillisecondClock, chunk, head, numbered_uuid7, uuid7

from services.audit.behaviour.definitions import Box, Interaction
from services.audit.behaviour.heatmap import (
    KIND_OF,
    HeatmapCells,
    HeatmapKind,
    HeatmapTargets,
    cells_of_steps,
    heatmap,
    heatmap_query,
)
from services.audit.model import InteractionKind, Target, WindowKey
from services.audit.storage.engine.engine import Engine, Table
from services.audit.storage.heatmap_queries import HeatmapQueries
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention, day_of
from services.audit.storage.schema import migrations, tables_interactions
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import MIGRATIONS, migrate

PAGE = "https://shop.example/cart"


@pytest.fixture
def retention(clock: MillisecondClock) -> Retention:
    return Retention({"short": 7}, clock)


@pytest.fixture
def store(engine: Engine, dialect: Dialect, retention: Retention, clock: MillisecondClock) -> RecordingStore:
    return RecordingStore(engine, dialect, retention, clock)


async def put(
    store: RecordingStore, interactions: list[Interaction], project: str = "demo", start_ms: int = NOW_MS
) -> None:
    """Stores them as one window's, over a few chunks."""
    session = uuid7(start_ms)
    key = WindowKey(project, session, session)
    chunks = []
    for begin in range(0, len(interactions), 50):
        found = tuple(interactions[begin : begin + 50])
        chunks.append(chunk(key, begin // 50 + 1, found=found, first_number=begin, device_type=1, actor_type=1))
    await store.insert([head(key)], chunks)


def stored(percent: float) -> float:
    return float(np.float32(percent))


def grid(counted: HeatmapCells) -> dict[tuple[int, int], int]:
    found: Counter[tuple[int, int]] = Counter()
    for column, row, count in np.asarray(counted.cells).reshape(-1, 3).tolist():
        found[column, row] += count
    return dict(found)


def clicks(rng: random.Random, count: int) -> list[Interaction]:
    edges = [0.0, 100.0, 50.0, 99.99999, 0.25, 33.3333, 37.75]

    def percent() -> float:
        return rng.choice(edges) if rng.random() < 0.2 else rng.uniform(0, 100)

    return [
        Interaction(
            KIND_OF[HeatmapKind.CLICK],
            NOW_MS + number,
            PAGE,
            percent(),
            percent(),
            (rng.choice([390, 1280]), 720),
            (rng.choice([390, 1280]), rng.randrange(3_000, 9_000)),
            estimated=rng.random() < 0.3,
            clamped=rng.random() < 0.1,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("resolution", [10, 30, 100, 127, 128, 255, 256, 400])
async def test_cells_flags_and_sizes_are_those_that_python_counts(store, engine, retention, resolution):
    found = clicks(random.Random(resolution), 501)
    await put(store, found)
    await put(store, [replace_place(found[0])])  # without a place: in no heatmap
    counted = await HeatmapQueries(engine, retention).cells(
        "demo", heatmap_query(page=PAGE, kind=1, resolution=resolution)
    )
    cells: Counter[tuple[int, int]] = Counter()
    for one in found:
        places = (stored(value) * resolution / 100 for value in (one.x_percent, one.y_percent))
        column, row = (min(math.floor(place), resolution - 1) for place in places)
        cells[column, row] += 1
    assert grid(counted) == cells
    counts = counted.counts
    assert (counts.samples, counts.sessions) == (501, 1)
    assert counts.estimated == sum(one.estimated for one in found)
    assert counts.clamped == sum(one.clamped for one in found)
    sizes = zip(*(one.page_size + one.viewport for one in found), strict=True)
    assert (*counts.page_size, *counts.viewport) == tuple(map(statistics.median, sizes))


def replace_place(one: Interaction) -> Interaction:
    return Interaction(one.kind, one.time_ms, one.page, None, None, one.viewport, one.page_size)


@pytest.mark.parametrize("kind", [HeatmapKind.SCROLL, HeatmapKind.ATTENTION])
@pytest.mark.parametrize("resolution", [10, 100, 400])
async def test_bands_are_those_that_python_counts(store, engine, retention, kind, resolution):
    rng = random.Random(resolution)
    found = []
    for number in range(300):
        top = rng.choice([0.0, rng.uniform(0, 90)])
        band = Interaction(
            KIND_OF[kind],
            NOW_MS + number,
            PAGE,
            None,
            rng.uniform(top, 100),
            (1280, 720),
            (1280, 4_000),
            estimated=number % 3 == 0,
            weight_ms=rng.randrange(60_000),
            top_percent=top,
        )
        found.append(band)
    await put(store, found)
    counted = await HeatmapQueries(engine, retention).cells(
        "demo", heatmap_query(page=PAGE, kind=kind, resolution=resolution)
    )
    attention = kind is HeatmapKind.ATTENTION
    steps = []
    for one in found:
        amount = one.weight_ms if attention else 1
        edges = (math.floor(stored(percent) * resolution / 100 + 0.5) for percent in (one.top_percent, one.y_percent))
        steps += zip(edges, (amount, -amount), strict=True)
    assert grid(counted) == {(column, row): count for column, row, count in cells_of_steps(steps, resolution)}
    counts = counted.counts
    samples = sum(one.weight_ms for one in found) if attention else sum(one.top_percent == 0 for one in found)
    assert (counts.samples, counts.sessions, counts.estimated, counts.clamped) == (samples, 1, 100, 0)
    assert (counts.page_size, counts.viewport) == ((1280, 4_000), (1280, 720))


async def put_sessions(store: RecordingStore, low_of, target: Target | None = None) -> None:
    """2,000 sessions of one to three clicks; a page's height is that of most sessions, or of some."""
    chunks, heads = [], []
    for number in range(2_000):
        key = WindowKey("demo", numbered_uuid7(NOW_MS - number, low_of(number)), uuid.uuid4())
        one = Interaction(
            KIND_OF[HeatmapKind.CLICK],
            NOW_MS,
            PAGE,
            5.0,
            5.0,
            (1280, 720),
            (1280, 3_000 + number % 9),
            target=target,
        )
        heads.append(head(key))
        chunks.append(chunk(key, 1, found=(one,) * (1 + number % 3), first_number=0))
    await store.insert(heads, chunks)


async def test_of_many_sessions_a_part_is_looked_at(store, engine, retention):
    rng = random.Random(6)
    await put_sessions(store, lambda _: rng.getrandbits(62))
    query = heatmap_query(page=PAGE, kind=1)
    everything = (await HeatmapQueries(engine, retention).cells("demo", query)).counts
    assert (everything.samples, everything.sessions, everything.page_size) == (3_999, 2_000, (1280, 3_004))
    part = (await HeatmapQueries(engine, retention, sample_rows=1_000).cells("demo", query)).counts
    assert part != everything
    estimated = {"sessions": 0, "page_size": (0, 0), "devices": ()}
    assert replace(part, **estimated) == replace(everything, **estimated)
    assert part.devices == ((0, part.sessions),)
    # A quarter of 2,000 sessions: the estimate is within 15 %, four standard deviations.
    assert part.sessions == pytest.approx(2_000, rel=0.15)
    assert part.page_size[1] == pytest.approx(3_004, abs=2)


@pytest.mark.parametrize("low", [lambda _: 0, lambda number: number, lambda number: (1 << 62) - 1 - number])
async def test_ids_that_are_not_random_are_all_looked_at(store, engine, retention, low):
    await put_sessions(store, low)
    query = heatmap_query(page=PAGE, kind=1)
    counts = (await HeatmapQueries(engine, retention, sample_rows=1_000).cells("demo", query)).counts
    assert (counts.samples, counts.sessions, counts.page_size) == (3_999, 2_000, (1280, 3_004))


async def test_a_session_past_its_retention_is_not_counted(store, engine, retention):
    found = clicks(random.Random(1), 20)
    await put(store, found, "short", NOW_MS - 10 * 86_400_000)
    await put(store, found, "short", NOW_MS - 86_400_000)
    counted = await HeatmapQueries(engine, retention).cells("short", heatmap_query(page=PAGE, kind=1))
    assert (counted.counts.samples, counted.counts.sessions) == (20, 1)


def anchored(anchor: int, box: Box, page: tuple[int, int], part: tuple[float, float] = (0.5, 0.5)) -> Interaction:
    """A click in an element, at a part of its width and height."""
    x, y = (box[axis] + part[axis] * box[axis + 2] for axis in (0, 1))
    percents = x * 100 / page[0], y * 100 / page[1]
    return Interaction(KIND_OF[HeatmapKind.CLICK], NOW_MS, PAGE, *percents, (1280, 720), page, anchor=anchor, box=box)


def spots(counted: HeatmapCells, resolution: int = 100) -> list[tuple[float, float, int]]:
    query = heatmap_query(page=PAGE, kind=1, resolution=resolution, smoothing=0.0)
    found = heatmap(counted, query).points
    return sorted((round(point.x_percent, 2), round(point.y_percent, 2), point.count) for point in found)


async def test_an_element_has_one_place_whatever_the_pages_heights(store, engine, retention):
    pages = [(1280, 1_000), (1280, 5_000), (1280, 12_000)]
    top = [anchored(7, (100, 400, 80, 40), page) for page in pages]
    foot = [anchored(8, (100, page[1] - 40, 80, 40), page) for page in pages]
    for pair in zip(top, foot, strict=True):
        await put(store, list(pair))
    counted = await HeatmapQueries(engine, retention).cells("demo", heatmap_query(page=PAGE, kind=1))
    assert (counted.counts.samples, counted.counts.anchored, counted.counts.clamped) == (6, 6, 0)
    assert counted.counts.page_size == (1280, 5_000)
    x = 140 * 100 / 1280
    # The typical page is 5,000 high: 420 and 4,980 px of it, to 1/127 of the element.
    assert spots(counted) == [
        (pytest.approx(x, abs=0.03), pytest.approx(8.4, abs=0.01), 3),
        (pytest.approx(x, abs=0.03), pytest.approx(99.6, abs=0.01), 3),
    ]


async def test_places_within_an_element_are_kept(store, engine, retention):
    page, other = (1280, 4_000), (640, 8_000)
    found = [anchored(7, (100, 400, 800, 400), page, part) for part in ((0, 0), (0, 0), (0.25, 1), (1, 1))]
    await put(store, [*found, anchored(7, (50, 900, 400, 800), other, (0.25, 1))])
    counted = await HeatmapQueries(engine, retention).cells("demo", heatmap_query(page=PAGE, kind=1))
    assert spots(counted) == [
        (pytest.approx(100 * 100 / 1280, abs=0.01), pytest.approx(10, abs=0.01), 2),
        (pytest.approx(300 * 100 / 1280, abs=0.3), pytest.approx(20, abs=0.01), 2),
        (pytest.approx(900 * 100 / 1280, abs=0.01), pytest.approx(20, abs=0.01), 1),
    ]


@pytest.mark.parametrize("resolution", [10, 100, 127, 128, 400])
async def test_clicks_with_and_without_an_anchor_are_counted_together(store, engine, retention, resolution):
    page = (1000, 1000)
    bare = [
        Interaction(KIND_OF[HeatmapKind.CLICK], NOW_MS, PAGE, 100.0, 100.0, (1280, 720), page, clamped=True)
        for _ in range(2)
    ]
    await put(store, [*bare, anchored(2**32 - 1, (0, 0, 10, 10), page), anchored(1, (990, 990, 10, 10), page, (1, 1))])
    counted = await HeatmapQueries(engine, retention).cells(
        "demo", heatmap_query(page=PAGE, kind=1, resolution=resolution)
    )
    counts = counted.counts
    assert (counts.samples, counts.sessions, counts.anchored, counts.clamped) == (4, 1, 2, 2)
    first, last = spots(counted, resolution)
    assert first == (pytest.approx(0.5, abs=0.02), pytest.approx(0.5, abs=0.02), 1)
    assert last[2] == 3
    assert last[0] == last[1] == pytest.approx((100 + 2 * (100 - 50 / resolution)) / 3, abs=0.02)


async def test_an_element_below_the_typical_page_is_at_its_edge(store, engine, retention):
    low = [anchored(1, (0, 0, 10, 10), (1280, 1_000)) for _ in range(5)]
    await put(store, [*low, anchored(2, (0, 8_000, 10, 10), (1280, 9_000))])
    counted = await HeatmapQueries(engine, retention).cells("demo", heatmap_query(page=PAGE, kind=1))
    assert (counted.counts.samples, counted.counts.clamped) == (6, 1)
    assert [count for _, _, count in spots(counted)] == [5, 1]
    assert spots(counted)[1][1] == 100.0


async def test_devices_are_counted(store, engine, retention):
    found = clicks(random.Random(2), 20)
    for device, times in ((1, 3), (2, 2), (0, 1)):
        for _ in range(times):
            key = WindowKey("demo", uuid7(NOW_MS), uuid7(NOW_MS))
            row = chunk(key, 1, found=tuple(found), first_number=0, device_type=device, actor_type=1)
            await store.insert([head(key)], [row])
    queries = HeatmapQueries(engine, retention)
    assert (await queries.cells("demo", heatmap_query(page=PAGE, kind=1))).counts.devices == ((0, 1), (1, 3), (2, 2))
    mobile = await queries.cells("demo", heatmap_query(page=PAGE, kind=1, device_types=[2]))
    assert mobile.counts.devices == ((2, 2),)


async def test_a_table_of_before_has_no_anchors(engine, retention, clock, monkeypatch):
    """Rows that were stored before the columns existed are counted by their percents."""
    dialect = Dialect(engine.version)
    names = [
        name for name, _ in tables_interactions.INTERACTIONS.columns if name == "anchor" or name.startswith("box_")
    ]
    columns = tuple(one for one in tables_interactions.INTERACTIONS.columns if one[0] not in names)
    before = Table("interactions", columns)
    with monkeypatch.context() as older:
        older.setattr(tables_interactions, "INTERACTIONS", before)
        older.setattr(migrations, "MIGRATIONS", MIGRATIONS[:5])
        await migrate(engine, dialect)
    session = uuid7(NOW_MS)
    row = ("demo", day_of(NOW_MS), session, session, day_of(NOW_MS), 1, 1, 1)
    row += (0, 1, NOW_MS, 25.0, 50.0, -1.0, 1280, 720, 1280, 4_000, 0, 3, 1, 0, PAGE, "", *[""] * 4)
    await engine.insert(before, [row])
    await migrate(engine, dialect)
    await put(RecordingStore(engine, dialect, retention, clock), [anchored(7, (100, 400, 80, 40), (1280, 4_000))])
    counted = await HeatmapQueries(engine, retention).cells("demo", heatmap_query(page=PAGE, kind=1))
    assert (counted.counts.samples, counted.counts.anchored) == (2, 1)
    assert (25.5, 50.5, 1) in spots(counted)


TARGETS = [
    Target("Buy", "button", "button", '[data-testid="buy"]'),
    Target("Buy", "button", "button", ".card > button"),
    Target("Kaufen ☃ \x1b[31m'\\", "link", "a", 'a[href="/x"]'),
    Target("", "", "div", "div:nth-child(3)"),
    Target("Cart", "link", "a", 'a[href="/cart"]'),
    Target("Cart (1)", "link", "a", 'a[href="/cart"]'),
]
"""Elements that differ in one part or in several."""


def on_targets(rng: random.Random, count: int) -> list[Interaction]:
    """Clicks and findings on elements; some without a target, without a place, or of another page, time or window."""
    kinds = [InteractionKind.CLICK] * 4 + [InteractionKind.RAGE_CLICK, InteractionKind.DEAD_CLICK, InteractionKind.MOVE]
    return [
        Interaction(
            rng.choice(kinds),
            NOW_MS + number,
            rng.choice([PAGE, PAGE, PAGE, f"{PAGE}/other"]),
            *((None, None) if rng.random() < 0.1 else (1.0, 1.0)),
            (rng.choice([390, 1280]), 720),
            (1280, 4_000),
            count=rng.randrange(1, 5),
            target=None if rng.random() < 0.2 else rng.choices(TARGETS, range(1, 7))[0],
        )
        for number in range(count)
    ]


def targets_of(
    visits: list[list[Interaction]], kind: HeatmapKind, fits: Callable[[Interaction], bool] = lambda _: True
) -> list[tuple[Target, int, int, int, int]]:
    """The elements that Python counts: samples, sessions, and for clicks rage and dead clicks."""
    counts: dict[Target, Counter[object]] = defaultdict(Counter)
    sessions: dict[Target, set[int]] = defaultdict(set)
    for number, visit in enumerate(visits):
        for one in visit:
            if one.target is not None and one.page == PAGE and one.x_percent is not None and fits(one):
                counts[one.target][one.kind] += 1
                if one.kind is KIND_OF[kind]:
                    sessions[one.target].add(number)
    beside = [InteractionKind.RAGE_CLICK, InteractionKind.DEAD_CLICK] if kind is HeatmapKind.CLICK else [None, None]
    found = [
        (target, counted[KIND_OF[kind]], len(sessions[target]), *(counted[one] for one in beside))
        for target, counted in counts.items()
        if counted[KIND_OF[kind]]
    ]
    return sorted(found, key=lambda row: (-row[1], -row[2], row[0]))


def listed(counted: HeatmapCells) -> list[tuple[Target, int, int, int, int]]:
    return [(one.target, one.samples, one.sessions, one.rage_clicks, one.dead_clicks) for one in counted.targets.listed]


def on(target: Target, anchor: int, second: int, kind: InteractionKind = InteractionKind.CLICK) -> Interaction:
    """An interaction on an element; anchor 0: its recorder does not measure places."""
    return Interaction(
        kind, NOW_MS + second * 1_000, PAGE, 1.0, 1.0, (1280, 720), (1280, 4_000), anchor=anchor, target=target
    )


def link(name: str, selector: str = "a.entry", role: str = "link") -> Target:
    return Target(name, role, "a", selector)


RAGE, DEAD = InteractionKind.RAGE_CLICK, InteractionKind.DEAD_CLICK
ELEMENTS: dict[str, tuple[list[list[Interaction]], list[tuple[Target, int, int, int, int]]]] = {
    "an element with a changing text": (
        [
            [on(link("Cart (1)"), 7, 1), on(link("Cart (2)"), 7, 2), on(link("Cart (2)"), 7, 3, RAGE)],
            [on(link("Cart (9)"), 7, 8), on(link("Cart (1)"), 7, 5, DEAD)],
        ],
        [(link("Cart (9)"), 3, 2, 1, 1)],
    ),
    "an element with a changing role": (
        [[on(link("Menu"), 7, 2), on(link("Menu", role="button"), 7, 1)]],
        [(link("Menu"), 2, 1, 0, 0)],
    ),
    "siblings with one selector": (
        [[on(link("Lamp"), 7, 1), on(link("Lamp"), 7, 2)], [on(link("Chair"), 8, 3), on(link("Chair"), 8, 4, DEAD)]],
        [(link("Lamp"), 2, 1, 0, 0), (link("Chair"), 1, 1, 0, 1)],
    ),
    "siblings with one selector, of which one changes its text": (
        [[on(link("Cart (1)"), 7, 1), on(link("Cart (2)"), 7, 2), on(link("Orders"), 8, 3)]],
        [(link("Cart (2)"), 2, 1, 0, 0), (link("Orders"), 1, 1, 0, 0)],
    ),
    "siblings with selectors of their own": (
        [[on(link("Same", "a:nth-of-type(1)"), 7, 1), on(link("Same", "a:nth-of-type(2)"), 8, 2)]],
        [(link("Same", "a:nth-of-type(1)"), 1, 1, 0, 0), (link("Same", "a:nth-of-type(2)"), 1, 1, 0, 0)],
    ),
    "siblings without anchors": (
        [[on(link("Lamp"), 0, 1), on(link("Lamp"), 0, 2), on(link("Chair"), 0, 3)]],
        [(link("Lamp"), 2, 1, 0, 0), (link("Chair"), 1, 1, 0, 0)],
    ),
    "one button in each row": (
        [[on(link("Delete"), 7, 1), on(link("Delete"), 8, 2)], [on(link("Delete"), 0, 3)]],
        [(link("Delete"), 3, 2, 0, 0)],
    ),
    "an id, wherever it is in the page": (
        [
            [
                on(link("Cart (1)", "#cart"), 7, 1),
                on(link("Cart (2)", "#cart"), 8, 3),
                on(link("Cart (3)", "#cart"), 0, 2),
            ]
        ],
        [(link("Cart (2)", "#cart"), 3, 1, 0, 0)],
    ),
    "elements within one with an id": (
        [[on(link("Lamp", "#list > a"), 0, 1), on(link("Chair", "#list > a"), 0, 2)]],
        [(link("Chair", "#list > a"), 1, 1, 0, 0), (link("Lamp", "#list > a"), 1, 1, 0, 0)],
    ),
    "a test attribute without anchors": (
        [[on(link("Cart (1)", '[data-testid="cart"]'), 0, 1)], [on(link("Cart (2)", '[data-testid="cart"]'), 0, 2)]],
        [(link("Cart (2)", '[data-testid="cart"]'), 2, 2, 0, 0)],
    ),
    "a test attribute of siblings": (
        [[on(link("Buy lamp", '[data-testid="buy"]'), 7, 1), on(link("Buy chair", '[data-testid="buy"]'), 8, 2)]],
        [
            (link("Buy chair", '[data-testid="buy"]'), 1, 1, 0, 0),
            (link("Buy lamp", '[data-testid="buy"]'), 1, 1, 0, 0),
        ],
    ),
    "an element that was only found to be dead": (
        [[on(link("Lamp"), 7, 1, DEAD)], [on(link("Chair"), 8, 1)]],
        [(link("Chair"), 1, 1, 0, 0)],
    ),
}


@pytest.mark.parametrize(("visits", "expected"), ELEMENTS.values(), ids=ELEMENTS)
async def test_what_is_one_element(store, engine, retention, visits, expected):
    for visit in visits:
        await put(store, visit)
    counted = await HeatmapQueries(engine, retention).cells("demo", heatmap_query(page=PAGE, kind=1))
    assert listed(counted) == expected


@pytest.mark.parametrize("kind", [HeatmapKind.CLICK, HeatmapKind.RAGE, HeatmapKind.DEAD])
async def test_elements_are_those_that_python_counts(store, engine, retention, kind):
    rng = random.Random(int(kind))
    visits = [on_targets(rng, 120) for _ in range(7)]
    for visit in visits:
        await put(store, visit)
    queries = HeatmapQueries(engine, retention)
    counted = await queries.cells("demo", heatmap_query(page=PAGE, kind=kind))
    expected = targets_of(visits, kind)
    assert len(expected) == len(TARGETS)
    assert listed(counted) == expected
    assert (counted.targets.is_truncated, counted.targets.fraction) == (False, 1.0)

    narrow = heatmap_query(page=PAGE, kind=kind, max_viewport_width=500, start_ms=NOW_MS + 20, end_ms=NOW_MS + 90)
    assert listed(await queries.cells("demo", narrow)) == targets_of(
        visits, kind, lambda one: one.viewport[0] == 390 and NOW_MS + 20 <= one.time_ms < NOW_MS + 90
    )
    for most, is_cut in ((1, True), (5, True), (6, False)):
        some = await queries.cells("demo", heatmap_query(page=PAGE, kind=kind, max_targets=most))
        assert (listed(some), some.targets.is_truncated) == (expected[:most], is_cut)


async def test_elements_are_counted_for_clicks_only_and_only_if_asked_for(store, engine, retention):
    found = on_targets(random.Random(1), 60)
    await put(store, found)
    queries = HeatmapQueries(engine, retention)
    for kind, most in ((HeatmapKind.MOVE, 50), (HeatmapKind.CLICK, 0)):
        counted = await queries.cells("demo", heatmap_query(page=PAGE, kind=kind, max_targets=most))
        assert counted.counts.samples > 0
        assert counted.targets == HeatmapTargets()


RANDOM = random.Random(9)


@pytest.mark.parametrize("low", [lambda _: RANDOM.getrandbits(62), lambda number: number, lambda _: 0])
async def test_of_many_sessions_elements_come_from_a_part_whatever_the_ids(store, engine, retention, low):
    await put_sessions(store, low, TARGETS[0])
    query = heatmap_query(page=PAGE, kind=1)
    everything = (await HeatmapQueries(engine, retention).cells("demo", query)).targets
    assert [(one.samples, one.sessions) for one in everything.listed] == [(3_999, 2_000)]
    part = (await HeatmapQueries(engine, retention, sample_rows=1_000).cells("demo", query)).targets
    assert (part.fraction, everything.fraction) == (0.25, 1.0)
    [one] = part.listed
    assert (one.samples, one.sessions) != (3_999, 2_000)
    # A quarter of 2,000 sessions: the estimates are within 15 %, four standard deviations.
    assert one.samples == pytest.approx(3_999, rel=0.15)
    assert one.sessions == pytest.approx(2_000, rel=0.15)
