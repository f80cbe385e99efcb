"""Places of clicks on the page: by the recorder's measurement, or by rrweb's events of scrolling and direction."""

from __future__ import annotations

import pytest
from audit.behaviour_events import (
    BUTTON,
    TEXT,
    change,
    click,
    element,
    event,
    find,
    measure,
    meta,
    mouse,
    move,
    opened,
    place,
    scroll,
    snapshot,
)

from services.audit.behaviour.definitions import NO_BOX
from services.audit.model import InteractionKind

CLICK = InteractionKind.CLICK
BODY = 3


def page_of(body: dict, **html: object) -> dict:
    root = {**element(2, "html", element(4, "head"), body), "attributes": html}
    return {"type": 0, "childNodes": [root], "id": 1}


def positions(recording: list[dict], kind: InteractionKind = CLICK) -> list[tuple[float | None, float | None]]:
    return [(one.x_percent, one.y_percent) for one in find(recording, kind)]


def test_the_recorders_place_is_that_of_the_click_after_it():
    [one] = find(
        [*opened(), place(99, 150, 600, height=3000, anchor=77, box=[100, 580, 100, 40]), click(99, 150, 100)], CLICK
    )
    assert (one.x_percent, one.y_percent, one.page_size) == (15.0, 20.0, (1000, 3000))
    assert (one.anchor, one.box, one.estimated, one.clamped) == (77, (100, 580, 100, 40), False, False)


def test_it_is_used_once_and_for_its_node_only():
    recording = [*opened(), place(99, 150, 600), click(99, 10, 100), click(1_500, 10, 100)]
    assert positions(recording) == [(15.0, 30.0), (1.0, 5.0)]
    other = [*opened(), place(99, 150, 600, node=TEXT), click(99, 10, 100)]
    assert positions(other) == [(1.0, 5.0)]
    assert positions([*opened(), place(99, 150, 600), meta(100, "https://shop.example/b"), click(101)])[0] != (15, 30)


def test_moves_do_not_take_it():
    recording = [*opened(), place(99, 150, 600), move(100, (0, 10, 100), node=BUTTON), click(101, 10, 100)]
    assert positions(recording) == [(15.0, 30.0)]


@pytest.mark.parametrize("action", [2, 3, 4, 7])
def test_every_kind_of_click_has_one(action):
    recording = [*opened(), place(99, 150, 600, anchor=5, box=[0, 0, 9, 9]), mouse(99, action, 10, 100)]
    [one] = [one for one in find(recording) if one.node_id == BUTTON]
    assert (one.x_percent, one.y_percent, one.anchor) == (15.0, 30.0, 5)


def test_findings_keep_the_anchor_of_their_click():
    recording = opened()
    for number in range(4):
        recording += [place(100 + number * 50, 150, 600, anchor=5, box=[0, 0, 9, 9]), click(100 + number * 50)]
    [rage] = find(recording, InteractionKind.RAGE_CLICK)
    assert (rage.anchor, rage.box) == (5, (0, 0, 9, 9))


@pytest.mark.parametrize(
    "odd",
    [
        {"x": None},
        {"x": "a"},
        {"y": 1e300},
        {"width": 0},
        {"height": -5},
        {"id": "x"},
        {"box": [1, 2]},
    ],
)
def test_an_invalid_place_leaves_the_click_as_rrweb_has_it(odd):
    sent = place(99, 150, 600)
    sent["data"]["payload"].update(odd)
    assert positions([*opened(), sent, click(99, 10, 100)]) == [(1.0, 5.0)]


@pytest.mark.parametrize(
    "odd",
    [
        {"anchor": 0, "box": [0, 0, 9, 9]},
        {"anchor": 2**32, "box": [0, 0, 9, 9]},
        {"anchor": -1, "box": [0, 0, 9, 9]},
        {"anchor": 5},
        {"anchor": 5, "box": [0, 0, 0, 9]},
        {"anchor": 5, "box": [0, 0, 9, 1e30]},
        {"anchor": 5, "box": [-1e30, 0, 9, 9]},
    ],
)
def test_an_invalid_box_is_no_anchor(odd):
    [one] = find([*opened(), place(99, 150, 600, **odd), click(99, 10, 100)], CLICK)
    assert (one.x_percent, one.y_percent, one.anchor, one.box) == (15.0, 30.0, 0, NO_BOX)


def test_a_place_outside_of_the_page_is_clamped():
    [one] = find([*opened(), place(99, -3, 2_400), click(99)], CLICK)
    assert (one.x_percent, one.y_percent, one.clamped) == (0.0, 100.0, True)


def body_scrolls(top: int = 0) -> list[dict]:
    body = element(BODY, "body", element(BUTTON, "button"), **({"rr_scrollTop": top} if top else {}))
    return [event(0, 0), event(0, 1), meta(0), snapshot(10, page_of(body)), measure(20, 1000, 4000)]


def test_a_body_that_scrolls_moves_the_page():
    recording = [*body_scrolls(), scroll(50, 2_000, node=BODY), click(99, 100, 312)]
    assert positions(recording) == [(10.0, 57.8)]


def test_a_body_that_was_scrolled_before_the_snapshot_moves_the_page():
    assert positions([*body_scrolls(2_000), click(99, 100, 312)]) == [(10.0, 57.8)]


def test_an_element_scrolls_the_page_if_the_recorder_says_so():
    main = {"id": TEXT, "x": 0, "y": 500}
    said = event(30, 5, tag="afterimage.page", payload={"width": 1000, "height": 4000, "scroller": main})
    recording = [*body_scrolls(), said, click(99, 100, 100), scroll(150, 2_000, node=TEXT), click(1_999, 100, 100)]
    assert positions(recording) == [(10.0, 15.0), (10.0, 52.5)]
    # Node ids are others after a full snapshot.
    again = [
        *recording,
        snapshot(2_000, page_of(element(BODY, "body"))),
        scroll(2_100, 9, node=TEXT),
        click(4_000, 1, 40),
    ]
    assert positions(again)[-1] == (0.1, 1.0)


def test_other_elements_do_not():
    assert positions([*body_scrolls(), scroll(50, 2_000, node=TEXT), click(99, 100, 312)]) == [(10.0, 7.8)]


def from_right(width: int, **more: object) -> list[dict]:
    tree = page_of(element(BODY, "body", element(BUTTON, "button")), dir="rtl")
    page = event(20, 5, tag="afterimage.page", payload={"width": width, "height": 2_000, **more})
    return [event(0, 0), event(0, 1), meta(0), snapshot(10, tree), page]


@pytest.mark.parametrize("more", [{"left": -2_000}, {}])
def test_a_page_from_right_to_left_begins_at_its_left_edge(more):
    """A page of 3000 in a viewport of 1000: it is scrolled from 0 at its right edge to -2000 at its left one."""
    recording = [*from_right(3_000, **more), click(90, 999, 10), scroll(100, 0, -2_000), click(2_000, 0, 10)]
    assert positions(recording) == [(pytest.approx(99.967, abs=0.001), 0.5), (0.0, 0.5)]


def test_a_page_from_right_to_left_that_fits_begins_at_zero():
    assert positions([*from_right(990), click(90, 99, 10)]) == [(10.0, 0.5)]


def test_a_page_from_right_to_left_without_measurement_has_the_extent_seen():
    recording = [*from_right(1_000)[:-1], scroll(100, 0, -1_000), click(200, 500, 250)]
    [one] = find(recording, CLICK)
    assert (one.x_percent, one.y_percent, one.page_size, one.estimated) == (25.0, 50.0, (2000, 500), True)


def test_a_resize_of_a_turned_phone_has_its_own_page():
    recording = [*opened(390, 3_000), place(99, 195, 600, width=390, height=3_000), click(99)]
    recording += [
        change(2_000, 4, width=844, height=390),
        place(3_000, 195, 600, width=844, height=2_000),
        click(3_000),
    ]
    assert positions(recording) == [(50.0, 20.0), (pytest.approx(23.104, abs=0.001), 30.0)]
