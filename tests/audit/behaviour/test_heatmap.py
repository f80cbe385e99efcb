from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from audit.behaviour_events import find, measure, meta, opened, scroll, snapshot, still
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.audit.behaviour.heatmap import (
    KIND_OF,
    MAX_POINTS,
    HeatmapCells,
    HeatmapCounts,
    HeatmapKind,
    HeatmapQuery,
    cells_of_steps,
    heatmap,
    heatmap_query,
)
from services.audit.behaviour.heatmap_picture import LEGEND_HEIGHT, MAX_HEIGHT, PictureStyle, draw_heatmap
from services.audit.model import InteractionKind
from services.runtime.errors import InvalidArgument

PAGE = "https://shop.example/cart"


def query(**fields) -> HeatmapQuery:
    return heatmap_query(**{"page": PAGE, "kind": 1, "resolution": 10, "smoothing": 0.0} | fields)


def points(cells, **fields):
    return heatmap(HeatmapCells(tuple(cells)), query(**fields)).points


# Requests.


def test_what_is_left_out_has_the_contracts_defaults():
    asked = heatmap_query(page=PAGE, kind=2)
    assert asked == HeatmapQuery(PAGE, HeatmapKind.MOVE, None, None, (), (), 0, 0, 100, 2_000, 1.0, 99.0)
    assert heatmap_query(page=PAGE, kind=2, max_points=10**6).max_points == MAX_POINTS
    assert heatmap_query(page=PAGE, kind=2, smoothing=0.0).smoothing == 0.0
    assert heatmap_query(page=PAGE, kind=1, device_types=[2, 1, 2]) == heatmap_query(
        page=PAGE, kind=1, device_types=[1, 2]
    )


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"page": ""}, "page"),
        ({"page": "x" * 2_049}, "page"),
        ({"kind": 0}, "kind"),
        ({"kind": 7}, "kind"),
        ({"start_ms": 2, "end_ms": 1}, "end_time"),
        ({"min_viewport_width": -1}, "min_viewport_width"),
        ({"max_viewport_width": -1}, "max_viewport_width"),
        ({"min_viewport_width": 800, "max_viewport_width": 799}, "max_viewport_width"),
        ({"resolution": 9}, "resolution"),
        ({"resolution": 401}, "resolution"),
        ({"resolution": -1}, "resolution"),
        ({"max_points": -1}, "max_points"),
        ({"max_targets": -1}, "max_targets"),
        ({"smoothing": -0.1}, "smoothing"),
        ({"smoothing": 10.1}, "smoothing"),
        ({"smoothing": float("nan")}, "smoothing"),
        ({"normalise_percentile": 0.0}, "normalise_percentile"),
        ({"normalise_percentile": 100.1}, "normalise_percentile"),
        ({"normalise_percentile": float("nan")}, "normalise_percentile"),
    ],
)
def test_a_field_out_of_its_bounds_is_named(fields, named):
    with pytest.raises(InvalidArgument) as caught:
        query(**fields)
    assert [violation.field for violation in caught.value.violations] == [named]


def test_all_that_is_wrong_is_named_at_once():
    with pytest.raises(InvalidArgument) as caught:
        query(page="", kind=9, resolution=1, max_points=-1)
    assert [violation.field for violation in caught.value.violations] == ["page", "kind", "resolution", "max_points"]


@pytest.mark.parametrize(("asked", "given"), [(None, 50), (0, 0), (1, 1), (500, 500), (501, 500), (2**31 - 1, 500)])
def test_the_number_of_elements_is_bounded(asked, given):
    assert query(max_targets=asked).max_targets == given


@pytest.mark.parametrize("fields", [{"start_ms": 5, "end_ms": 5}, {"min_viewport_width": 5, "max_viewport_width": 5}])
def test_bounds_may_meet(fields):
    asked = query(**fields)
    assert {name: getattr(asked, name) for name in fields} == fields


def test_kinds_are_the_contracts():
    pb2 = pytest.importorskip("afterimage.audit.v1.heatmap_pb2")
    assert {f"HEATMAP_KIND_{kind.name}": kind.value for kind in HeatmapKind} | {"HEATMAP_KIND_UNSPECIFIED": 0} == dict(
        pb2.HeatmapKind.items()
    )
    assert set(KIND_OF) == set(HeatmapKind)


# Points.


def test_no_cells_are_an_empty_list():
    for kind in HeatmapKind:
        assert points([], kind=kind, smoothing=1.0) == ()


def test_cells_are_points_in_their_middle_hottest_first():
    found = points([(0, 0, 1), (9, 9, 4), (3, 7, 2)], normalise_percentile=100.0)
    assert [(p.x_percent, p.y_percent, p.count, p.intensity) for p in found] == [
        (95.0, 95.0, 4, 1.0),
        (35.0, 75.0, 2, 0.5),
        (5.0, 5.0, 1, 0.25),
    ]


def test_cells_outside_are_counted_at_the_edge_and_cells_named_twice_add_up():
    assert [(p.x_percent, p.y_percent, p.count) for p in points([(10, -1, 1), (9, 0, 2), (9, 0, 3)])] == [
        (95.0, 5.0, 6)
    ]


def test_one_hot_spot_does_not_blind_the_rest():
    cells = [(5, 5, 100_000), *((x, y, 10) for x in range(10) for y in range(10) if (x, y) != (5, 5))]
    by_percentile = points(cells, normalise_percentile=98.0)
    assert by_percentile[0].intensity == 1.0
    assert by_percentile[1].intensity > 0.9
    by_maximum = points(cells, normalise_percentile=100.0)
    assert by_maximum[1].intensity == pytest.approx(0.0001)


def test_smoothing_is_a_gaussian():
    found = points([(5, 5, 1_000)], smoothing=1.0, resolution=11, normalise_percentile=100.0)
    by_cell = {(round(p.x_percent * 11 / 100 - 0.5), round(p.y_percent * 11 / 100 - 0.5)): p for p in found}
    assert by_cell[5, 5].intensity == 1.0
    assert by_cell[6, 5].intensity == pytest.approx(np.exp(-0.5))
    assert by_cell[6, 6].intensity == pytest.approx(np.exp(-1.0))
    assert by_cell[5, 7].intensity == pytest.approx(np.exp(-2.0))
    assert (by_cell[5, 5].count, by_cell[6, 5].count) == (1_000, 0)


def test_what_smoothing_moves_out_of_the_page_is_gone():
    corner = points([(0, 0, 100)], smoothing=1.0, normalise_percentile=100.0)
    middle = points([(5, 5, 100)], smoothing=1.0, normalise_percentile=100.0)
    at = {(p.x_percent, p.y_percent): p.intensity for p in middle}
    for p in corner:
        assert p.intensity == pytest.approx(at[p.x_percent + 50, p.y_percent + 50])


def test_the_hottest_are_kept():
    cells = [(x, y, 1 + x + 10 * y) for x in range(10) for y in range(10)]
    found = points(cells, max_points=7)
    assert [p.count for p in found] == list(range(100, 93, -1))


cells_of_10 = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 10**6)), max_size=60)


@given(cells_of_10, st.sampled_from([0.0, 0.5, 3.0, 10.0]), st.floats(0.1, 100.0), st.integers(1, 100))
def test_points_are_sorted_bounded_and_within_the_page(cells, smoothing, percentile, most):
    asked = {"smoothing": smoothing, "normalise_percentile": percentile}
    found = points(cells, max_points=most, **asked)
    assert len(found) <= most
    assert all(p.intensity >= q.intensity for p, q in pairwise(found))
    for p in found:
        assert 0.0 <= p.x_percent <= 100.0
        assert 0.0 <= p.y_percent <= 100.0
        assert 0.0 <= p.intensity <= 1.0
    everything = points(cells, max_points=MAX_POINTS, **asked)
    assert sum(p.count for p in everything) == sum(count for *_, count in cells)
    assert points(cells[::-1], max_points=most, **asked) == found


# Bands.


def edge(percent: float, resolution: int) -> int:
    return int(np.floor(percent * resolution / 100 + 0.5))


def cells_of(found, resolution):
    """As the database does it: two steps for each band."""
    steps = []
    for one in found:
        weight = one.weight_ms if one.kind is InteractionKind.ATTENTION else 1
        steps += [(edge(one.top_percent, resolution), weight), (edge(one.y_percent, resolution), -weight)]
    return cells_of_steps(steps, resolution)


def test_scroll_is_the_share_of_page_views_that_saw_a_band():
    one = find(
        [*opened(), still(100), *(scroll(200 + n, n) for n in range(0, 501, 7)), scroll(900, 500)],
        InteractionKind.SCROLL,
    )
    other = find([meta(0), snapshot(1), measure(2), still(100)], InteractionKind.SCROLL)
    found = points(cells_of([*one, *other], 100), kind=3, resolution=100, smoothing=5.0, normalise_percentile=50.0)
    share = {p.y_percent: (p.count, p.intensity) for p in found}
    assert share == {n + 0.5: (2, 1.0) if n < 25 else (1, 0.5) for n in range(50)}
    assert {p.x_percent for p in found} == {50.0}


def test_attention_is_the_time_a_band_was_in_view():
    found = find([*opened(), still(1_000), scroll(4_000, 300), still(6_000)], InteractionKind.ATTENTION)
    in_view = {p.y_percent: p.count for p in points(cells_of(found, 20), kind=6, resolution=20)}
    assert in_view == {2.5: 4_000, 7.5: 4_000, 12.5: 4_000} | {17.5: 6_000, 22.5: 6_000} | {
        27.5: 2_000,
        32.5: 2_000,
        37.5: 2_000,
    }


@given(st.lists(st.tuples(st.integers(-5, 15), st.integers(-9, 9)), max_size=30))
def test_any_steps_give_cells_of_the_page(steps):
    cells = cells_of_steps(steps, 10)
    assert all(column == 0 and 0 <= row < 10 and count > 0 for column, row, count in cells)


# Pictures.


def drawn(kind=HeatmapKind.CLICK, cells=((5, 5, 9),), size=(1000, 2000), **style):
    made = heatmap(
        HeatmapCells(tuple(cells), HeatmapCounts(samples=9, page_size=size)), query(kind=kind, smoothing=1.0)
    )
    picture = Image.open(io.BytesIO(draw_heatmap(made, kind, PictureStyle(**style))))
    assert picture.format == "PNG"
    return picture


def test_a_picture_has_the_pages_shape_and_is_hot_where_the_points_are():
    picture = drawn(width=500)
    assert picture.size == (500, 1_000 + LEGEND_HEIGHT)
    red, green, blue = picture.getpixel((275, LEGEND_HEIGHT + 550))
    assert red > 180
    assert max(green, blue) < 120
    assert picture.getpixel((450, LEGEND_HEIGHT + 950)) == (255, 255, 255)


@pytest.mark.parametrize("kind", HeatmapKind)
def test_every_kind_is_drawn_also_empty(kind):
    empty, hot = drawn(kind, cells=()), drawn(kind, cells=((0, 3, 5), (0, 4, 9)))
    assert empty.size == hot.size
    page = (0, LEGEND_HEIGHT, *empty.size)
    assert empty.crop(page).tobytes() == drawn(cells=()).crop(page).tobytes()  # the legends differ, the blank page not
    assert hot.crop(page).tobytes() != empty.crop(page).tobytes()


@pytest.mark.parametrize(("size", "width"), [((0, 0), 960), ((1, 10**6), 960), ((10**6, 1), 5), ((800, 600), 10**6)])
def test_odd_sizes_are_brought_into_bounds(size, width):
    picture = drawn(size=size, width=width)
    assert picture.height <= MAX_HEIGHT + LEGEND_HEIGHT
    assert 320 <= picture.width <= 4_096


def test_the_background_shows_where_it_is_cold(tmp_path):
    Image.new("RGB", (200, 300), (0, 0, 255)).save(tmp_path / "page.png")
    picture = drawn(background=tmp_path / "page.png", width=400, title="clicks on " + "a very long name " * 20)
    assert picture.size == (400, 600 + LEGEND_HEIGHT)
    assert picture.getpixel((390, LEGEND_HEIGHT + 590)) == (0, 0, 255)
    with pytest.raises(FileNotFoundError):
        drawn(background=tmp_path / "none.png")
