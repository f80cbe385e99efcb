"""Heatmaps: GetHeatmap over 1, 10 and 50 million interactions of one page, beside the bare aggregation."""

from __future__ import annotations

import contextlib
import datetime as dt
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from support.share import redis_process

from services.audit.behaviour.heatmap import heatmap_query
from services.audit.convert.behaviour import heatmap_answer, pack_heatmap
from services.audit.heatmap_cache import HeatmapCache
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.heatmap_queries import HeatmapQueries
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate
from services.cli.up.redis_process import embedded_redis_server

ROUNDS = 9
DAY_ROWS = 1_000_000
SIZES = (1, 10, 50)  # millions, and days
FRESH_PARTS = 8
PAGE = "https://shop.example/cart"

# A day in one insert is one part, like a past day that the server has merged. Ids are UUIDv7.
FILL = """\
INSERT INTO interactions (project, day, session, window, kept_from, seq, device_type, actor_type, number, kind,
    time_ms, x, y, top_y, viewport_width, viewport_height, page_width, page_height, flags, node_id, times, weight_ms,
    page, detail, target_name, target_role, target_tag, target_selector)
WITH 1780272000000 + {day} * 86400000 + intDiv(number, 100) AS at,
    toUInt64(bitOr(bitShiftLeft(toUInt64(at), 16), 28672)) AS high,
    bitOr(bitShiftRight(cityHash64(intDiv(number, 100), {day}), 2), 9223372036854775808) AS low,
    reinterpretAsUUID(concat(reinterpretAsString(high), reinterpretAsString(low))) AS id
SELECT 'demo', toDate('2026-06-01') + {day}, id, id, toDate('2026-06-01') + {day}, 1, 1, 1, number % 100, 1,
    at + number % 100, 100 * pow(rand(1) / 4294967295, 2), 100 * pow(rand(2) / 4294967295, 3), -1,
    1280, 720, 1280, 3000 + rand(3) % 500, rand(4) % 2, 1, 1, 0, '{page}', '',
    concat('Element number ', toString(rand(5) % 3000)), 'button', 'button',
    concat('[data-testid="element-', toString(rand(5) % 3000), '"]')
FROM numbers({first}, {rows}) SETTINGS max_memory_usage = 0, max_threads = 1, max_block_size = {rows},
    min_insert_block_size_rows = {rows}"""

# The cells of the same rows of the same table, and nothing else.
BARE = """\
SELECT {cell} AS cell, count() FROM interactions {final}
WHERE project = 'demo' AND page = {{page:String}} AND kind = 1 AND y >= 0 GROUP BY cell{settings}"""
PLAIN_CELL = "toUInt32(floor(y)) * 100 + toUInt32(floor(x))"
NARROW_CELL = "toUInt16(toUInt8(y) * 101 + toUInt8(x))"

FINAL = " SETTINGS do_not_merge_across_partitions_select_final = 1"


def _bare(cell: str, final: str = "", settings: str = "") -> str:
    return BARE.format(cell=cell, final=final, settings=settings)


async def _median_ms(*asks: Callable[[], Awaitable[object]]) -> list[float]:
    """Medians of questions that are asked in turn, so that a noisy moment is in all of them."""
    took: list[list[float]] = [[] for _ in asks]
    for _ in range(ROUNDS + 1):
        for ask, times in zip(asks, took, strict=True):
            begun = time.perf_counter()
            await ask()
            times.append((time.perf_counter() - begun) * 1000)
    return [statistics.median(times[1:]) for times in took]


@contextlib.asynccontextmanager
async def _redis() -> AsyncIterator[object | None]:
    import redis.asyncio

    executable = embedded_redis_server()
    if executable is None:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="ai-bench-") as directory,
        redis_process(executable, Path(directory)) as url,
    ):
        client = redis.asyncio.Redis.from_url(url)
        yield client
        await client.aclose()


async def rows(quick: bool = False) -> list[tuple[str, float, str]]:
    found: list[tuple[str, float, str]] = []
    with tempfile.TemporaryDirectory(prefix="ai-bench-") as directory:
        engine = await ChdbEngine.open(Path(directory) / "chdb", 2)
        try:
            async with _redis() as client:
                await migrate(engine, Dialect(engine.version))
                days = 0
                for millions in (1,) if quick else SIZES:
                    for day in range(days, millions):
                        await _fill(engine, day, 0, DAY_ROWS)
                    days = millions
                    found += await _measure(engine, f"{millions}M", client)
                    if millions == 10:
                        found += await _fresh(engine, days)
        finally:
            await engine.close()
    return found


async def _fill(engine: ChdbEngine, day: int, first: int, count: int) -> None:
    await engine.execute(FILL.format(day=day, first=first, rows=count, page=PAGE))


async def _measure(engine: ChdbEngine, size: str, client: object | None) -> list[tuple[str, float, str]]:
    store = HeatmapQueries(engine, Retention({}, lambda: 1_785_000_000_000))
    query = heatmap_query(page=PAGE, kind=1)
    fresh = HeatmapCache(store, pack_heatmap, None, "", 0.0)

    async def uncached() -> object:
        return heatmap_answer(await fresh.heatmap("demo", query)).SerializeToString()

    bare, narrow, final, counted, full = await _median_ms(
        lambda: engine.query(_bare(PLAIN_CELL), {"page": PAGE}),
        lambda: engine.query(_bare(NARROW_CELL), {"page": PAGE}),
        lambda: engine.query(_bare(PLAIN_CELL, "FINAL", FINAL), {"page": PAGE}),
        lambda: store.cells("demo", query),
        uncached,
    )
    found = [
        (f"{size}: bare GROUP BY cell, count() of the same rows", bare, "ms"),
        (f"{size}: the same with FINAL", final, "ms"),
        (f"{size}: the same without FINAL, its key in 16 bits as GetHeatmap's is", narrow, "ms"),
        (f"{size}: cells, flags, sessions, sizes and elements", counted, "ms"),
        (f"{size}: GetHeatmap uncached", full, "ms"),
        (f"{size}: GetHeatmap uncached / bare", full / bare, "x"),
    ]
    if client is not None:
        cached = HeatmapCache(store, pack_heatmap, client, f"bench:{size}", 300.0)  # type: ignore[arg-type]

        async def again() -> object:
            return heatmap_answer(await cached.heatmap("demo", query)).SerializeToString()

        found += [(f"{size}: GetHeatmap cached", *await _median_ms(again), "ms")]
    return found


async def _fresh(engine: ChdbEngine, day: int) -> list[tuple[str, float, str]]:
    """One more day, that of today: most of it in one part, the rest in small ones that are not merged yet."""
    await engine.execute("SYSTEM STOP MERGES interactions")
    most = DAY_ROWS * 8 // 10
    await _fill(engine, day, 0, most)
    each = (DAY_ROWS - most) // FRESH_PARTS
    for part in range(FRESH_PARTS):
        await _fill(engine, day, most + part * each, each)
    label = f"10M and 1M of today in {FRESH_PARTS + 1} parts"
    found = await _measure(engine, label, None)
    await engine.execute(f"ALTER TABLE interactions DROP PARTITION '{_date(day)}'")
    await engine.execute("SYSTEM START MERGES interactions")
    return found


def _date(day: int) -> dt.date:
    return dt.date(2026, 6, 1) + dt.timedelta(days=day)
