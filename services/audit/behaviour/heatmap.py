"""Heatmaps: what may be asked, and how counted cells become points with an intensity. Pure, on numpy.

The database counts interactions into cells (kinds with a place) or steps (kinds that are bands of the
page); here they are smoothed, normalised, sorted and bounded. Smoothing is a product of matrices: a
Gaussian is separable, so that of a grid G is K G K, a few milliseconds for 400 x 400 cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from services.audit.model import Kind
from services.runtime.errors import Violations

if TYPE_CHECKING:
    from collections.abc import Iterable

Grid = npt.NDArray[np.float64]

MAX_PAGE_LENGTH = 2_048
MIN_RESOLUTION, DEFAULT_RESOLUTION, MAX_RESOLUTION = 10, 100, 400
DEFAULT_POINTS, MAX_POINTS = 2_000, 10_000
DEFAULT_SMOOTHING, MAX_SMOOTHING = 1.0, 10.0
DEFAULT_PERCENTILE = 99.0

MIN_INTENSITY = 1 / 512
"""Cells without a sample are points from here on: less cannot be seen in 8 bits of colour."""


class HeatmapKind(IntEnum):
    """What a heatmap counts: the contract's HeatmapKind."""

    CLICK = 1
    MOVE = 2
    SCROLL = 3
    RAGE = 4
    DEAD = 5
    ATTENTION = 6


KIND_OF = {
    HeatmapKind.CLICK: Kind.CLICK,
    HeatmapKind.MOVE: Kind.MOVE,
    HeatmapKind.SCROLL: Kind.SCROLL,
    HeatmapKind.RAGE: Kind.RAGE_CLICK,
    HeatmapKind.DEAD: Kind.DEAD_CLICK,
    HeatmapKind.ATTENTION: Kind.ATTENTION,
}
"""The interactions of a heatmap. A tap is TOUCH and then CLICK, so CLICK has it, once, and has no swipes."""

BANDS = frozenset({HeatmapKind.SCROLL, HeatmapKind.ATTENTION})
"""Kinds that are bands of the page: they have no x, and come as steps."""


@dataclass(frozen=True, slots=True)
class HeatmapQuery:
    """A checked request, every default filled in. Equal queries have equal answers: it can be a cache's key.

    Attributes:
        page: Normalised URL.
        kind: What to count.
        start_ms: Only at or after; None: no bound.
        end_ms: Only before; None: no bound.
        device_types: Numbers, sorted; empty: all.
        actor_types: Numbers, sorted; empty: all.
        min_viewport_width: In CSS pixels; 0: no bound.
        max_viewport_width: In CSS pixels, inclusive; 0: no bound.
        resolution: Cells along each axis.
        max_points: Most points.
        smoothing: Standard deviation in cells; 0: none.
        normalise_percentile: Percentile of the values that gets intensity 1.
    """

    page: str
    kind: HeatmapKind
    start_ms: int | None = None
    end_ms: int | None = None
    device_types: tuple[int, ...] = ()
    actor_types: tuple[int, ...] = ()
    min_viewport_width: int = 0
    max_viewport_width: int = 0
    resolution: int = DEFAULT_RESOLUTION
    max_points: int = DEFAULT_POINTS
    smoothing: float = DEFAULT_SMOOTHING
    normalise_percentile: float = DEFAULT_PERCENTILE


@dataclass(frozen=True, slots=True)
class HeatmapPoint:
    """One cell: its middle in percent of the page, what it counts, and how hot it is (0 to 1)."""

    x_percent: float
    y_percent: float
    count: int
    intensity: float


@dataclass(frozen=True, slots=True)
class HeatmapCounts:
    """What a heatmap was counted from.

    Attributes:
        samples: Interactions counted; of ATTENTION, milliseconds.
        sessions: Sessions that they come from.
        page_size: Median of the samples, in CSS pixels.
        viewport: Median of the samples, in CSS pixels.
        estimated: Samples whose page size is the largest extent seen.
        clamped: Samples that were moved to the page's edge.
    """

    samples: int = 0
    sessions: int = 0
    page_size: tuple[int, int] = (0, 0)
    viewport: tuple[int, int] = (0, 0)
    estimated: int = 0
    clamped: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class HeatmapCells:
    """What the database counted.

    Attributes:
        cells: Rows of (column, row, count), columns and rows from 0; of bands the column is 0 (`cells_of_steps`).
        counts: What they are counted from.
    """

    cells: npt.ArrayLike
    counts: HeatmapCounts = HeatmapCounts()


@dataclass(frozen=True, slots=True)
class Heatmap:
    """An answer: the points, hottest first, and what they were made of."""

    points: tuple[HeatmapPoint, ...]
    counted: HeatmapCounts
    resolution: int


def heatmap_query(
    *,
    page: str,
    kind: int,
    start_ms: int | None = None,
    end_ms: int | None = None,
    device_types: Iterable[int] = (),
    actor_types: Iterable[int] = (),
    min_viewport_width: int = 0,
    max_viewport_width: int = 0,
    resolution: int = 0,
    max_points: int = 0,
    smoothing: float | None = None,
    normalise_percentile: float | None = None,
) -> HeatmapQuery:
    """Returns the request with its defaults, as the contract states them.

    Args:
        page: Normalised URL.
        kind: Number of a HeatmapKind.
        start_ms: Milliseconds since 1970 UTC; None: no bound.
        end_ms: The same.
        device_types: Numbers; empty: all.
        actor_types: Numbers; empty: all.
        min_viewport_width: 0: no bound.
        max_viewport_width: 0: no bound.
        resolution: 0: the default.
        max_points: 0: the default; over the maximum: the maximum.
        smoothing: None: the default.
        normalise_percentile: None: the default.

    Raises:
        InvalidArgument: Something is out of its bounds; all such fields are named at once.
    """
    wrong = Violations()
    if not page:
        wrong.add("page", "is required")
    elif len(page) > MAX_PAGE_LENGTH:
        wrong.add("page", f"has {len(page)} characters, over {MAX_PAGE_LENGTH}")
    if kind not in HeatmapKind.__members__.values():
        wrong.add("kind", f"{kind} is none of {', '.join(f'{k.value} ({k.name.lower()})' for k in HeatmapKind)}")
    if start_ms is not None and end_ms is not None and end_ms < start_ms:
        wrong.add("end_time", "is before start_time")
    _check_widths(min_viewport_width, max_viewport_width, wrong)
    if resolution and not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
        wrong.add("resolution", f"{resolution} is not between {MIN_RESOLUTION} and {MAX_RESOLUTION}")
    if max_points < 0:
        wrong.add("max_points", f"{max_points} is negative")
    if smoothing is not None and not 0.0 <= smoothing <= MAX_SMOOTHING:
        wrong.add("smoothing", f"{smoothing:g} is not between 0 and {MAX_SMOOTHING:g}")
    if normalise_percentile is not None and not 0.0 < normalise_percentile <= 100.0:
        wrong.add("normalise_percentile", f"{normalise_percentile:g} is not over 0 and up to 100")
    wrong.raise_if_any()
    return HeatmapQuery(
        page=page,
        kind=HeatmapKind(kind),
        start_ms=start_ms,
        end_ms=end_ms,
        device_types=tuple(sorted(set(device_types))),
        actor_types=tuple(sorted(set(actor_types))),
        min_viewport_width=min_viewport_width,
        max_viewport_width=max_viewport_width,
        resolution=resolution or DEFAULT_RESOLUTION,
        max_points=min(max_points or DEFAULT_POINTS, MAX_POINTS),
        smoothing=DEFAULT_SMOOTHING if smoothing is None else smoothing,
        normalise_percentile=DEFAULT_PERCENTILE if normalise_percentile is None else normalise_percentile,
    )


def _check_widths(minimum: int, maximum: int, wrong: Violations) -> None:
    if minimum < 0:
        wrong.add("min_viewport_width", f"{minimum} is negative")
    if maximum < 0:
        wrong.add("max_viewport_width", f"{maximum} is negative")
    elif 0 < maximum < minimum:
        wrong.add("max_viewport_width", f"{maximum} is below min_viewport_width ({minimum})")


def cells_of_steps(steps: Iterable[tuple[int, int]], resolution: int) -> tuple[tuple[int, int, int], ...]:
    """Returns the cells of bands from (edge, change): what begins at an edge counts up, what ends there down.

    An edge at `p` percent is `floor(p * resolution / 100 + 0.5)`, the nearest border between two cells, so
    bands that adjoin neither overlap nor leave a cell out. That is two rows of SQL for each band, and no
    join with the cells.
    """
    change = np.zeros(resolution + 1, dtype=np.int64)
    for edge, amount in steps:
        change[min(max(edge, 0), resolution)] += amount
    counts = np.cumsum(change)[:resolution]
    return tuple((0, int(row), int(counts[row])) for row in np.flatnonzero(counts > 0))


def heatmap(counted: HeatmapCells, query: HeatmapQuery) -> Heatmap:
    """Returns the heatmap of what was counted.

    Intensities are the smoothed values over their `normalise_percentile`, among the cells that have
    samples, and at most 1: one hot spot does not blind the rest. SCROLL is a share of page views instead:
    neither smoothed nor cut, 1 is the band that most of them saw.
    """
    grid = _grid(counted.cells, query)
    scroll = query.kind is HeatmapKind.SCROLL
    values = grid if scroll or not query.smoothing else _smooth(grid, query.smoothing)
    top = _top(values, grid, 100.0 if scroll else query.normalise_percentile)
    if top <= 0.0:
        return Heatmap((), counted.counts, query.resolution)
    intensity = np.minimum(values / top, 1.0)
    rows, columns = np.nonzero((grid > 0.0) | (intensity >= MIN_INTENSITY))
    # Hottest first; among equals by value, count and place, so that the same cells give the same list.
    order = np.lexsort((columns, rows, -grid[rows, columns], -values[rows, columns]))[: query.max_points]
    rows, columns = rows[order], columns[order]
    cell = 100.0 / query.resolution
    middle = np.full(len(columns), 50.0) if query.kind in BANDS else (columns + 0.5) * cell
    points = zip(
        middle.tolist(),
        ((rows + 0.5) * cell).tolist(),
        grid[rows, columns].astype(np.int64).tolist(),
        intensity[rows, columns].tolist(),
        strict=True,
    )
    return Heatmap(tuple(HeatmapPoint(*point) for point in points), counted.counts, query.resolution)


def _grid(cells: npt.ArrayLike, query: HeatmapQuery) -> Grid:
    """Returns the counts as rows x columns; what lies outside is put into the cell at the edge."""
    size = query.resolution
    width = 1 if query.kind in BANDS else size
    table = np.asarray(cells, dtype=np.int64).reshape(-1, 3)
    places = np.clip(table[:, 1], 0, size - 1) * width + np.clip(table[:, 0], 0, width - 1)
    counts: Grid = np.bincount(places, weights=table[:, 2], minlength=size * width).astype(np.float64)
    return counts.reshape(size, width)


def _smooth(grid: Grid, sigma: float) -> Grid:
    """Returns the grid after a Gaussian; what it would move out of the page is gone, nothing is reflected."""
    smooth: Grid = _kernel(grid.shape[0], sigma) @ grid
    return smooth @ _kernel(grid.shape[1], sigma) if grid.shape[1] > 1 else smooth


def _kernel(size: int, sigma: float) -> Grid:
    """Returns the band matrix of a Gaussian, cut at three standard deviations and of sum 1 before the edges."""
    reach = math.ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return np.where(distance <= reach, weights[np.minimum(distance, reach) + reach], 0.0)


def _top(values: Grid, grid: Grid, percentile: float) -> float:
    """Returns the value that gets intensity 1; 0 for an empty grid."""
    sampled = values[grid > 0.0]
    return float(np.percentile(sampled, percentile)) if sampled.size else 0.0
