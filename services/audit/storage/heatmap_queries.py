"""Counting heatmaps: one pass over a page's interactions for the cells, a sample of sessions for the rest.

The pass groups by one small number that holds the cell and the flags; while it fits in 16 bits, ClickHouse
counts in an array instead of a hash table, in half the time. The number of sessions and the typical page
sizes would each cost as much again, so with many interactions they are taken from a sample of the sessions:
the ones with the first ids in ClickHouse's order of UUIDs, which goes by their random half. The table is
sorted by that order, so only this part of it is read. The elements with the most clicks come from the same
sample (target_queries.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.audit.behaviour.heatmap import (
    BANDS,
    CLICKS,
    AnchoredSamples,
    HeatmapCells,
    HeatmapCounts,
    HeatmapKind,
    HeatmapQuery,
    cells_of_steps,
)
from services.audit.behaviour.heatmap import KIND_OF as INTERACTION_OF
from services.audit.storage.codecs.interaction_rows import CLAMPED, ESTIMATED
from services.audit.storage.interaction_queries import final_settings, time_conditions
from services.audit.storage.retention import FOREVER, Retention
from services.audit.storage.target_queries import SessionSample, count_targets

if TYPE_CHECKING:
    from services.audit.storage.engine.engine import Engine, Row

SAMPLE_ROWS = 1_000_000
"""With more interactions, sessions, sizes and targets come from a sample: a fraction 1/2^n of the sessions that has
between half this number of interactions and this number."""

_FLAG_BITS = 2
_FLAGS = ESTIMATED | CLAMPED
_LOW_IDS, _ID_SPAN = 0x8000_0000_0000_0000, 0x4000_0000_0000_0000
"""The low halves of UUIDs as RFC 9562 has them: a variant of two bits, then 62 random ones."""

Numbers = npt.NDArray[np.int64]


class HeatmapQueries:
    """Counts the interactions of pages.

    Args:
        engine: An open engine with a migrated database.
        retention: Retention of each project's recordings.
        sample_rows: Number of interactions above which sessions and sizes come from a sample of the sessions.
    """

    def __init__(self, engine: Engine, retention: Retention, sample_rows: int = SAMPLE_ROWS) -> None:
        self._engine = engine
        self._retention = retention
        self._sample_rows = sample_rows
        self._settings = final_settings(engine)

    async def cells(self, project: str, query: HeatmapQuery) -> HeatmapCells:
        """Returns a heatmap's cells and counts, computed by the database."""
        params: dict[str, object] = {
            "project": project,
            "page": query.page,
            "kind": int(INTERACTION_OF[query.kind]),
            "since": self._retention.kept_since(project),
        }
        of_page = _conditions(query, params, self._engine)
        where = f"kind = {{kind:UInt8}} AND {of_page}"
        [row] = await self._engine.query(_cells_sql(query, where) + self._settings, params)
        keys, counts, weights = _columns(row)
        if not len(keys):
            return HeatmapCells(())
        rows = int(counts.sum())
        page, sample = await self._sample(where, params, rows)
        outside = 0
        anchored = None
        if query.kind in CLICKS and (is_anchored := keys == _anchored_key(query)).any():
            anchored, outside = await self._anchored(where, params, page)
            keys, counts, weights = keys[~is_anchored], counts[~is_anchored], weights[~is_anchored]
        flags, places = keys & _FLAGS, keys >> _FLAG_BITS
        return HeatmapCells(
            _cells(query, places, weights if query.kind is HeatmapKind.ATTENTION else counts),
            HeatmapCounts(
                int(weights.sum()) if query.kind in BANDS else rows,
                page.sessions,
                page.size,
                page.viewport,
                int(counts[flags & ESTIMATED > 0].sum()),
                int(counts[flags & CLAMPED > 0].sum()) + outside,
                0 if anchored is None else int(anchored.counts.sum()),
                page.devices,
            ),
            anchored,
            await count_targets(self._engine, query, of_page, params, sample),
        )

    async def _anchored(self, where: str, params: dict[str, object], page: _Typical) -> tuple[AnchoredSamples, int]:
        """Returns the samples that are anchored to elements, and the number of them outside of the typical page.

        A sample's place is a position within its element's box. The box is taken from the visit with the page most
        like the typical one: an element has one place, also where other visits have something above it.
        """
        where = f"{where} AND anchor > 0"
        params = params | {"width": page.size[0], "height": page.size[1], "viewport": page.viewport[0]}
        boxes = await self._engine.query(
            f"SELECT anchor, {', '.join(f'argMin({name}, apart)' for name in _BOX)} FROM ("
            f"SELECT anchor, {', '.join(_BOX)}, {_APART} AS apart FROM interactions FINAL WHERE {where}) "
            f"GROUP BY anchor ORDER BY anchor{self._settings}",
            params,
        )
        steps = (
            f"toUInt8(least(greatest(({place} * {size} / 100 - box_{edge}) / box_{length}, 0), 1) * {_STEPS - 1} + 0.5)"
            for place, size, edge, length in (
                ("x", "page_width", "left", "width"),
                ("y", "page_height", "top", "height"),
            )
        )
        step_x, step_y = steps
        [found] = await self._engine.query(
            "SELECT groupArray(anchor), groupArray(step_x), groupArray(step_y), groupArray(n) FROM ("
            f"SELECT anchor, {step_x} AS step_x, {step_y} AS step_y, count() AS n "
            f"FROM interactions FINAL WHERE {where} GROUP BY anchor, step_x, step_y){self._settings}",
            params,
        )
        anchors, steps_x, steps_y, counts = (np.array(values, dtype=np.int64) for values in found)
        table = np.array(boxes, dtype=np.float64)
        left, top, width, height, page_width = table[np.searchsorted(table[:, 0], anchors), 1:].T
        # The page's width follows the window, and with it places from the left; its height follows its contents.
        x = (left + width * steps_x / (_STEPS - 1)) * 100.0 / np.maximum(page_width, 1.0)
        y = (top + height * steps_y / (_STEPS - 1)) * 100.0 / max(page.size[1], 1)
        outside = int(counts[(y > 100.0) | (y < 0.0) | (x > 100.0) | (x < 0.0)].sum())
        return AnchoredSamples(np.clip(x, 0.0, 100.0), np.clip(y, 0.0, 100.0), counts), outside

    async def _sample(self, where: str, params: dict[str, object], rows: int) -> tuple[_Typical, SessionSample]:
        """Returns the number of sessions and the medians of sizes, and a sample of the sessions for other counts.

        With many rows they come from a sample of the sessions. Where ids are not random, they come from all
        sessions: the sample would not have its share of the rows.
        """
        share = 1
        while rows // share > self._sample_rows:
            share *= 2
        if share > 1:
            below = UUID(int=_LOW_IDS + _ID_SPAN // share)
            found, page = await self._sizes(f"{where} AND session < {{below:UUID}}", params | {"below": below}, _EXACT)
            if rows / 2 < found * share < rows * 2:
                return page.times(share), SessionSample(share, below)
        _, page = await self._sizes(where, params, _EXACT if share == 1 else _BOUNDED)
        return page, SessionSample(share)

    async def _sizes(self, where: str, params: dict[str, object], median: str) -> tuple[int, _Typical]:
        medians = (median.format(name) for name in _SIZES)
        [row] = await self._engine.query(
            f"SELECT count(), uniq(session), {', '.join(medians)}, {', '.join(_DEVICES)} "
            f"FROM interactions FINAL WHERE {where}{self._settings}",
            params,
        )
        found, sessions, page_width, page_height, width, height, *devices = (int(value) for value in row)
        by_device = tuple((number, count) for number, count in enumerate(devices) if count)
        return found, _Typical(sessions, (page_width, page_height), (width, height), by_device)


@dataclass(frozen=True, slots=True)
class _Typical:
    """The typical page of the samples: medians of sizes, and numbers of sessions, also per device type."""

    sessions: int
    size: tuple[int, int]
    viewport: tuple[int, int]
    devices: tuple[tuple[int, int], ...]

    def times(self, share: int) -> _Typical:
        """Returns the same with the numbers of all sessions, of which these are a part."""
        devices = tuple((number, count * share) for number, count in self.devices)
        return replace(self, sessions=self.sessions * share, devices=devices)


_SIZES = ("page_width", "page_height", "viewport_width", "viewport_height")
_DEVICES = tuple(f"uniqIf(session, device_type = {number})" for number in range(5))
"""By the contract's DeviceType; 0: not known."""

_BOX = ("box_left", "box_top", "box_width", "box_height", "page_width")
_STEPS = 128
"""Steps of a place within its element along each axis: for one as large as the window, 0.4 % of it at most."""

_APART = (
    "abs(toInt64(page_height) - {height:Int64}) + abs(toInt64(page_width) - {width:Int64}) "
    "+ abs(toInt64(viewport_width) - {viewport:Int64})"
)
_EXACT = "quantileExact(0.5)({})"
_BOUNDED = "quantileDeterministic(0.5)({}, intHash64(toUInt64(time_ms)))"
"""Keeps some thousands of values, selected by a hash: the same ones in any order of rows."""


def _conditions(query: HeatmapQuery, params: dict[str, object], engine: Engine) -> str:
    where = [
        "project = {project:String}",
        "page = {page:String}",
        "y >= 0",  # interactions without a place are in no heatmap
        *time_conditions(query.start_ms, query.end_ms, params, engine),
    ]
    if params["since"] != FOREVER:
        where.append("kept_from >= {since:Date}")
    if query.device_types:
        where.append("device_type IN {devices:Array(UInt8)}")
        params["devices"] = list(query.device_types)
    if query.actor_types:
        where.append("actor_type IN {actors:Array(UInt8)}")
        params["actors"] = list(query.actor_types)
    if query.min_viewport_width:
        where.append("viewport_width >= {narrowest:UInt32}")
        params["narrowest"] = query.min_viewport_width
    if query.max_viewport_width:
        where.append("viewport_width <= {widest:UInt32}")
        params["widest"] = query.max_viewport_width
    return " AND ".join(where)


def _cells_sql(query: HeatmapQuery, where: str) -> str:
    """Returns the statement of the one pass: arrays of equal length, keys, counts and, for bands, weights.

    A key is `(major * (resolution + 1) + minor) * 4 + flags`, and one more stands for all anchored samples. Major and
    minor are the row and the column, with 100 % one past the last; for bands they are the edges where a band begins and
    ends.
    """
    size = query.resolution
    if query.kind in BANDS:
        weight = "weight_ms" if query.kind is HeatmapKind.ATTENTION else "top_y <= 0"
        # An edge at `p` percent is the nearest border between two cells; a missing top_y is -1.
        major, minor = f"greatest(top_y, 0) * {size} / 100 + 0.5", f"y * {size} / 100 + 0.5"
        weighed = f", sum({weight}) AS w"
        arrays = "groupArray(cell), groupArray(n), groupArray(w)"
    else:
        major, minor = (name if size == 100 else f"{name} * {size} / 100" for name in ("y", "x"))
        weighed = ""
        arrays = "groupArray(cell), groupArray(n)"
    number = "toUInt8" if size <= 0xFF else "toUInt16"
    key = "toUInt16" if (size + 1) ** 2 << _FLAG_BITS < 1 << 16 else "toUInt32"
    cell = f"({number}({major}) * {size + 1} + {number}({minor})) * {1 << _FLAG_BITS} + bitAnd(flags, {_FLAGS})"
    if query.kind in CLICKS:
        cell = f"if(anchor > 0, {_anchored_key(query)}, {cell})"
    cell = f"{key}({cell})"
    return (
        f"SELECT {arrays} FROM (SELECT {cell} AS cell, count() AS n{weighed} "
        f"FROM interactions FINAL WHERE {where} GROUP BY cell)"
    )


def _anchored_key(query: HeatmapQuery) -> int:
    return (query.resolution + 1) ** 2 << _FLAG_BITS


def _columns(row: Row) -> tuple[Numbers, Numbers, Numbers]:
    keys, counts, *weights = (np.array(values, dtype=np.int64) for values in row)
    return keys, counts, weights[0] if weights else counts


def _cells(query: HeatmapQuery, places: Numbers, amounts: Numbers) -> npt.ArrayLike:
    """Returns the counts by place as (column, row, count)."""
    majors, minors = np.divmod(places, query.resolution + 1)
    if query.kind in BANDS:
        return cells_of_steps(_steps(majors, minors, amounts), query.resolution)
    last = query.resolution - 1
    return np.column_stack((np.minimum(minors, last), np.minimum(majors, last), amounts))


def _steps(begins: Numbers, ends: Numbers, amounts: Numbers) -> Iterable[tuple[int, int]]:
    yield from zip(begins.tolist(), amounts.tolist(), strict=True)
    yield from zip(ends.tolist(), (-amounts).tolist(), strict=True)
