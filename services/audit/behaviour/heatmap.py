"""Heatmaps: validates queries, and converts counted cells into points with an intensity. Pure, on numpy.

The database counts interactions into cells (kinds with a position) or steps (kinds that are bands of the page);
this module smooths, normalises, sorts and truncates them. Smoothing is a matrix product: a Gaussian is separable,
so smoothing a grid G is K G K, a few milliseconds for 400 x 400 cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from services.audit.model import InteractionKind, Target
from services.runtime.errors import Violations

if TYPE_CHECKING:
    from collections.abc import Iterable

Grid = npt.NDArray[np.float64]

MAX_PAGE_LENGTH = 2_048
MIN_RESOLUTION, DEFAULT_RESOLUTION, MAX_RESOLUTION = 10, 100, 400
DEFAULT_POINTS, MAX_POINTS = 2_000, 10_000
DEFAULT_TARGETS, MAX_TARGETS = 50, 500
DEFAULT_SMOOTHING, MAX_SMOOTHING = 1.0, 10.0
DEFAULT_PERCENTILE = 99.0

MIN_INTENSITY = 1 / 512
"""Minimum intensity of a point without samples: less is invisible in 8 bits of colour."""


class HeatmapKind(IntEnum):
    """Kind of interaction that a heatmap counts: the contract's HeatmapKind."""

    CLICK = 1
    MOVE = 2
    SCROLL = 3
    RAGE = 4
    DEAD = 5
    ATTENTION = 6


KIND_OF = {
    HeatmapKind.CLICK: InteractionKind.CLICK,
    HeatmapKind.MOVE: InteractionKind.MOVE,
    HeatmapKind.SCROLL: InteractionKind.SCROLL,
    HeatmapKind.RAGE: InteractionKind.RAGE_CLICK,
    HeatmapKind.DEAD: InteractionKind.DEAD_CLICK,
    HeatmapKind.ATTENTION: InteractionKind.ATTENTION,
}
"""Interactions per kind of heatmap. A tap is a TOUCH followed by a CLICK: CLICK counts it once, without swipes."""

BANDS = frozenset({HeatmapKind.SCROLL, HeatmapKind.ATTENTION})
"""Kinds that are bands of the page: without x, and counted as steps."""

CLICKS = frozenset({HeatmapKind.CLICK, HeatmapKind.RAGE, HeatmapKind.DEAD})
"""Kinds of clicks: their samples have targets, and may be anchored to elements."""


@dataclass(frozen=True, slots=True)
class HeatmapQuery:
    """A validated query with all defaults filled in. Equal queries have equal results: it can be a cache key.

    Attributes:
        page: Normalised URL.
        kind: Kind of heatmap.
        start_ms: Earliest time, inclusive; None: no bound.
        end_ms: Latest time, exclusive; None: no bound.
        device_types: Numbers, sorted; empty: all.
        actor_types: Numbers, sorted; empty: all.
        min_viewport_width: In CSS pixels; 0: no bound.
        max_viewport_width: In CSS pixels, inclusive; 0: no bound.
        resolution: Cells along each axis.
        max_points: Maximum number of points.
        smoothing: Standard deviation in cells; 0: no smoothing.
        normalise_percentile: Percentile of the values that gets intensity 1.
        max_targets: Maximum number of elements.
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
    max_targets: int = DEFAULT_TARGETS


@dataclass(frozen=True, slots=True)
class HeatmapPoint:
    """One cell: its place in percent of the page, its count and its intensity (0 to 1).

    The place is the mean of the cell's samples as far as they are known exactly, else the cell's centre.
    """

    x_percent: float
    y_percent: float
    count: int
    intensity: float


@dataclass(frozen=True, slots=True)
class HeatmapCounts:
    """The samples of a heatmap.

    Attributes:
        samples: Number of interactions; for ATTENTION, milliseconds.
        sessions: Number of sessions with samples.
        page_size: Median page size of the samples, in CSS pixels.
        viewport: Median viewport of the samples, in CSS pixels.
        estimated: Number of samples with an estimated page size, the largest extent seen.
        clamped: Number of samples that were moved to the page's edge.
        anchored: Number of samples that are at their element's place in the typical page.
        devices: Number of sessions per device type.
    """

    samples: int = 0
    sessions: int = 0
    page_size: tuple[int, int] = (0, 0)
    viewport: tuple[int, int] = (0, 0)
    estimated: int = 0
    clamped: int = 0
    anchored: int = 0
    devices: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class HeatmapTarget:
    """An element, and the samples that have it as their target.

    Attributes:
        target: The element.
        samples: Number of samples.
        sessions: Number of sessions with these samples.
        rage_clicks: For CLICK, number of rage clicks on it; else 0.
        dead_clicks: For CLICK, number of dead clicks on it; else 0.
    """

    target: Target
    samples: int
    sessions: int
    rage_clicks: int = 0
    dead_clicks: int = 0


@dataclass(frozen=True, slots=True)
class HeatmapTargets:
    """The elements with the most samples.

    Attributes:
        listed: The elements, most samples first.
        is_truncated: Whether there are more of them.
        fraction: Fraction of the sessions from which the numbers are extrapolated; 0: not counted.
    """

    listed: tuple[HeatmapTarget, ...] = ()
    is_truncated: bool = False
    fraction: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class AnchoredSamples:
    """Samples that are anchored to elements, as arrays of equal length.

    Attributes:
        x: Places in percent of the typical page.
        y: The same.
        counts: Number of samples at each place.
    """

    x: Grid
    y: Grid
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class HeatmapCells:
    """The counts from the database.

    Attributes:
        cells: Rows of (column, row, count), zero-based; for bands the column is 0 (`cells_of_steps`).
        counts: The samples in the cells.
        anchored: Further samples, with their exact places.
        targets: The elements with the most samples.
    """

    cells: npt.ArrayLike
    counts: HeatmapCounts = HeatmapCounts()
    anchored: AnchoredSamples | None = None
    targets: HeatmapTargets = HeatmapTargets()


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A heatmap: the points, hottest first, the samples that they were computed from, and the elements of these."""

    points: tuple[HeatmapPoint, ...]
    counted: HeatmapCounts
    resolution: int
    targets: HeatmapTargets = HeatmapTargets()


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
    max_targets: int | None = None,
) -> HeatmapQuery:
    """Returns the validated query, with the contract's defaults.

    Args:
        page: Normalised URL.
        kind: Number of a HeatmapKind.
        start_ms: Milliseconds since 1970 UTC; None: no bound.
        end_ms: Milliseconds since 1970 UTC; None: no bound.
        device_types: Numbers; empty: all.
        actor_types: Numbers; empty: all.
        min_viewport_width: 0: no bound.
        max_viewport_width: 0: no bound.
        resolution: 0: the default.
        max_points: 0: the default; over the maximum: the maximum.
        smoothing: None: the default.
        normalise_percentile: None: the default.
        max_targets: None: the default; over the maximum: the maximum.

    Raises:
        InvalidArgument: If fields are out of bounds; the error names all of them.
    """
    wrong = Violations()
    if not page:
        wrong.add("page", "is required")
    elif len(page) > MAX_PAGE_LENGTH:
        wrong.add("page", f"has {len(page)} characters, over {MAX_PAGE_LENGTH}")
    if kind not in HeatmapKind.__members__.values():
        wrong.add("kind", f"{kind} is not one of {', '.join(f'{k.value} ({k.name.lower()})' for k in HeatmapKind)}")
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
    if max_targets is not None and max_targets < 0:
        wrong.add("max_targets", f"{max_targets} is negative")
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
        max_targets=DEFAULT_TARGETS if max_targets is None else min(max_targets, MAX_TARGETS),
    )


def _check_widths(minimum: int, maximum: int, wrong: Violations) -> None:
    if minimum < 0:
        wrong.add("min_viewport_width", f"{minimum} is negative")
    if maximum < 0:
        wrong.add("max_viewport_width", f"{maximum} is negative")
    elif 0 < maximum < minimum:
        wrong.add("max_viewport_width", f"{maximum} is below min_viewport_width ({minimum})")


def cells_of_steps(steps: Iterable[tuple[int, int]], resolution: int) -> tuple[tuple[int, int, int], ...]:
    """Returns the cells of bands from (edge, change): a band counts +1 at its upper edge and -1 at its lower edge.

    An edge at `p` percent is `floor(p * resolution / 100 + 0.5)`, the nearest border between two cells, so
    adjoining bands neither overlap nor skip a cell. In SQL this takes two rows per band and no join with the
    cells.
    """
    change = np.zeros(resolution + 1, dtype=np.int64)
    for edge, amount in steps:
        change[min(max(edge, 0), resolution)] += amount
    counts = np.cumsum(change)[:resolution]
    return tuple((0, int(row), int(counts[row])) for row in np.flatnonzero(counts > 0))


def heatmap(counted: HeatmapCells, query: HeatmapQuery) -> Heatmap:
    """Returns the heatmap of the counts.

    An intensity is the smoothed value divided by the `normalise_percentile` of the cells with samples, at
    most 1, so that one hot spot does not hide the rest. SCROLL is a share of page views instead: neither
    smoothed nor truncated, and 1 is the band seen in most of them.
    """
    grid = _grid(_all_cells(counted, query.resolution), query)
    scroll = query.kind is HeatmapKind.SCROLL
    values = grid if scroll or not query.smoothing else _smooth(grid, query.smoothing)
    top = _top(values, grid, 100.0 if scroll else query.normalise_percentile)
    if top <= 0.0:
        return Heatmap((), counted.counts, query.resolution, counted.targets)
    intensity = np.minimum(values / top, 1.0)
    rows, columns = np.nonzero((grid > 0.0) | (intensity >= MIN_INTENSITY))
    # Hottest first; ties are ordered by count and position, so that equal cells give equal lists.
    order = np.lexsort((columns, rows, -grid[rows, columns], -values[rows, columns]))[: query.max_points]
    rows, columns = rows[order], columns[order]
    cell = 100.0 / query.resolution
    x: Grid = np.full(len(columns), 50.0) if query.kind in BANDS else (columns.astype(np.float64) + 0.5) * cell
    y: Grid = (rows.astype(np.float64) + 0.5) * cell
    if counted.anchored is not None:
        x, y = _means(counted.anchored, grid, rows, columns, x, y)
    points = zip(
        x.tolist(),
        y.tolist(),
        grid[rows, columns].astype(np.int64).tolist(),
        intensity[rows, columns].tolist(),
        strict=True,
    )
    return Heatmap(tuple(HeatmapPoint(*point) for point in points), counted.counts, query.resolution, counted.targets)


def _all_cells(counted: HeatmapCells, resolution: int) -> npt.ArrayLike:
    """Returns the cells together with those of the anchored samples."""
    anchored = counted.anchored
    if anchored is None:
        return counted.cells
    columns, rows = _cells_of(anchored, resolution)
    table = np.asarray(counted.cells, dtype=np.int64).reshape(-1, 3)
    return np.vstack((table, np.column_stack((columns, rows, anchored.counts))))


def _cells_of(anchored: AnchoredSamples, resolution: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    columns, rows = (
        np.clip(np.floor(places * resolution / 100), 0, resolution - 1).astype(np.int64)
        for places in (anchored.x, anchored.y)
    )
    return columns, rows


def _means(
    anchored: AnchoredSamples,
    grid: Grid,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    x: Grid,
    y: Grid,
) -> tuple[Grid, Grid]:
    """Returns the places of cells: the means of their samples, of which those not anchored are at the centres."""
    size = grid.shape[0]
    own_columns, own_rows = _cells_of(anchored, size)
    cells = own_rows * size + own_columns
    found = rows * size + columns
    counts = np.maximum(grid[rows, columns], 1.0)
    share = np.bincount(cells, weights=anchored.counts, minlength=size * size)[found] / counts
    means = []
    for places, centres in ((anchored.x, x), (anchored.y, y)):
        sums = np.bincount(cells, weights=places * anchored.counts, minlength=size * size)[found]
        means.append(sums / counts + (1.0 - share) * centres)
    return means[0], means[1]


def _grid(cells: npt.ArrayLike, query: HeatmapQuery) -> Grid:
    """Returns the counts as rows x columns; counts outside the grid are added to the cell at the edge."""
    size = query.resolution
    width = 1 if query.kind in BANDS else size
    table = np.asarray(cells, dtype=np.int64).reshape(-1, 3)
    places = np.clip(table[:, 1], 0, size - 1) * width + np.clip(table[:, 0], 0, width - 1)
    counts: Grid = np.bincount(places, weights=table[:, 2], minlength=size * width).astype(np.float64)
    return counts.reshape(size, width)


def _smooth(grid: Grid, sigma: float) -> Grid:
    """Returns the grid smoothed by a Gaussian; values moved beyond the page's edge are lost, not reflected."""
    smooth: Grid = _kernel(grid.shape[0], sigma) @ grid
    return smooth @ _kernel(grid.shape[1], sigma) if grid.shape[1] > 1 else smooth


def _kernel(size: int, sigma: float) -> Grid:
    """Returns the band matrix of a Gaussian, cut at three standard deviations; rows sum to 1, except at the edges."""
    reach = math.ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return np.where(distance <= reach, weights[np.minimum(distance, reach) + reach], 0.0)


def _top(values: Grid, grid: Grid, percentile: float) -> float:
    """Returns the value that gets intensity 1; 0 for an empty grid."""
    sampled = values[grid > 0.0]
    return float(np.percentile(sampled, percentile)) if sampled.size else 0.0
