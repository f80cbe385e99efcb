"""Counting heatmaps: one pass over a page's interactions for the cells, a sample of sessions for the rest.

The pass groups by one small number that holds the cell and the flags; while it fits in 16 bits, ClickHouse
counts in an array instead of a hash table, in half the time. The number of sessions and the typical page
sizes would each cost as much again, so with many interactions they are taken from a sample of the sessions:
the ones with the first ids in ClickHouse's order of UUIDs, which goes by their random half. The table is
sorted by that order, so only this part of it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.audit.behaviour.heatmap import (
    BANDS,
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

if TYPE_CHECKING:
    from services.audit.storage.engine.engine import Engine, Row

SAMPLE_ROWS = 1_000_000
"""With more interactions, sessions and sizes come from a sample: a fraction 1/2^n of the sessions that has
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
        where = _conditions(query, params, self._engine)
        [row] = await self._engine.query(_cells_sql(query, where) + self._settings, params)
        keys, counts, weights = _columns(row)
        if not len(keys):
            return HeatmapCells(())
        flags, places = keys & _FLAGS, keys >> _FLAG_BITS
        rows = int(counts.sum())
        sessions, *sizes = await self._sample(where, params, rows)
        return HeatmapCells(
            _cells(query, places, weights if query.kind is HeatmapKind.ATTENTION else counts),
            HeatmapCounts(
                int(weights.sum()) if query.kind in BANDS else rows,
                sessions,
                (sizes[0], sizes[1]),
                (sizes[2], sizes[3]),
                int(counts[flags & ESTIMATED > 0].sum()),
                int(counts[flags & CLAMPED > 0].sum()),
            ),
        )

    async def _sample(self, where: str, params: dict[str, object], rows: int) -> list[int]:
        """Returns the number of sessions and the medians of sizes.

        With many rows they come from a sample of the sessions. Where ids are not random, they come from all
        sessions: the sample would not have its share of the rows.
        """
        share = 1
        while rows // share > self._sample_rows:
            share *= 2
        if share > 1:
            below = UUID(int=_LOW_IDS + _ID_SPAN // share)
            found, sessions, *sizes = await self._sizes(
                f"{where} AND session < {{below:UUID}}", params | {"below": below}, _EXACT
            )
            if rows / 2 < found * share < rows * 2:
                return [sessions * share, *sizes]
        return (await self._sizes(where, params, _EXACT if share == 1 else _BOUNDED))[1:]

    async def _sizes(self, where: str, params: dict[str, object], median: str) -> list[int]:
        medians = (median.format(name) for name in _SIZES)
        [row] = await self._engine.query(
            f"SELECT count(), uniq(session), {', '.join(medians)} FROM interactions FINAL WHERE {where}"
            f"{self._settings}",
            params,
        )
        return [int(value) for value in row]


_SIZES = ("page_width", "page_height", "viewport_width", "viewport_height")
_EXACT = "quantileExact(0.5)({})"
_BOUNDED = "quantileDeterministic(0.5)({}, intHash64(toUInt64(time_ms)))"
"""Keeps some thousands of values, selected by a hash: the same ones in any order of rows."""


def _conditions(query: HeatmapQuery, params: dict[str, object], engine: Engine) -> str:
    where = [
        "project = {project:String}",
        "page = {page:String}",
        "kind = {kind:UInt8}",
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

    A key is `(major * (resolution + 1) + minor) * 4 + flags`. Major and minor are the row and the column, with 100 %
    one past the last; for bands they are the edges where a band begins and ends.
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
    key = "toUInt16" if (size + 1) ** 2 << _FLAG_BITS <= 1 << 16 else "toUInt32"
    cell = f"{key}(({number}({major}) * {size + 1} + {number}({minor})) * {1 << _FLAG_BITS} + bitAnd(flags, {_FLAGS}))"
    return (
        f"SELECT {arrays} FROM (SELECT {cell} AS cell, count() AS n{weighed} "
        f"FROM interactions FINAL WHERE {where} GROUP BY cell)"
    )


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
