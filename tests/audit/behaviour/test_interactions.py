from __future__ import annotations

import math
import re
from itertools import pairwise

import msgspec
import pytest
from audit.behaviour_events import (
    BUTTON,
    FRAME,
    LABEL,
    LINK,
    OUTSIDE,
    PAGE,
    RULES,
    T0,
    TEXT,
    add,
    change,
    click,
    cut,
    document,
    element,
    error,
    event,
    events,
    find,
    measure,
    meta,
    mouse,
    move,
    mutation,
    opened,
    recorded,
    recording_names,
    run,
    scroll,
    snapshot,
    still,
    typed,
    url,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.campaign import examples

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.behaviour.id_set import IdSet
from services.audit.behaviour.interactions import BehaviourState, observe
from services.audit.behaviour.node_index import MAX_RUNS, NodeIndex, Nodes
from services.audit.model import InteractionKind
from services.audit.rrweb import ACTIVE_SOURCES, Data, Event


def places(found):
    return [(one.x_percent, one.y_percent) for one in found]


# Positions: a page of 1000 x 2000 seen through 1000 x 500.


def test_a_click_is_placed_on_the_page_and_not_in_the_viewport():
    found = find([*opened(), click(100, 250, 100), scroll(200, 900), click(300, 250, 100)], InteractionKind.CLICK)
    assert places(found) == [(25.0, 5.0), (25.0, 50.0)]
    one = found[1]
    assert (one.time_ms, one.page, one.node_id) == (T0 + 300, PAGE, BUTTON)
    assert (one.viewport, one.page_size, one.estimated, one.clamped) == ((1000, 500), (1000, 2000), False, False)


def test_scrolling_sideways_and_the_scroll_at_the_snapshot_count():
    wide = [meta(0), snapshot(10, top=1000, left=500), measure(20, 4000, 2000)]
    assert places(find([*wide, click(30, 500, 0)], InteractionKind.CLICK)) == [(25.0, 50.0)]
    assert places(find([*wide, scroll(25, 0, x=1500), click(30, 500, 0)], InteractionKind.CLICK)) == [(50.0, 0.0)]


def test_a_scrolled_element_is_not_the_document():
    found = find([*opened(), scroll(50, 700, node=TEXT), click(100, 0, 100)], InteractionKind.CLICK)
    assert places(found) == [(0.0, 5.0)]


def test_the_document_need_not_have_the_id_1():
    tree = document(element(79, "button"), node_id=77)
    found = find(
        [meta(0), snapshot(1, tree), measure(2), scroll(3, 500, node=77), click(4, 0, 0)], InteractionKind.CLICK
    )
    assert places(found) == [(0.0, 25.0)]


def test_after_a_resize_the_new_viewport_and_the_new_measurement_hold():
    narrow = [change(100, 4, width=500, height=800), measure(110, 500, 4000)]
    found = find(
        [*opened(), click(50, 500, 400), *narrow, click(200, 250, 400)], InteractionKind.CLICK, InteractionKind.RESIZE
    )
    assert [one.kind for one in found] == [InteractionKind.CLICK, InteractionKind.RESIZE, InteractionKind.CLICK]
    assert places(found) == [(50.0, 20.0), (None, None), (50.0, 10.0)]
    assert [one.viewport for one in found] == [(1000, 500), (500, 800), (500, 800)]


def frame_document(root: int, *ids: int):
    nodes = [{**element(node, "button"), "rootId": root} for node in ids]
    html = {**element(root + 1, "html", *nodes), "rootId": root}
    return {"type": 0, "childNodes": [html], "id": root}


def attach(ms: float, frame: int, root: int, *ids: int):
    return {**mutation(ms, add(frame, frame_document(root, *ids)))}


def test_in_a_measured_frame_the_place_is_the_frames_plus_the_position_in_it():
    frames = [{"id": FRAME, "x": 100, "y": 600}]
    start = [*opened(), attach(30, FRAME, 50, 52), measure(40, frames=frames)]
    found = find([*start, scroll(50, 300), click(60, 150, 200, node=52), click(70, 150, 200)], InteractionKind.CLICK)
    # The document's scroll is in the frame's measured place already.
    assert places(found) == [(25.0, 40.0), (15.0, 25.0)]
    later = mutation(80, add(51, {**element(300, "button"), "rootId": 50}))
    assert places(find([*start, later, click(90, 0, 0, node=300)], InteractionKind.CLICK)) == [(10.0, 30.0)]


def test_a_frame_within_a_frame_is_measured_in_the_page():
    start = [*opened(), attach(30, FRAME, 50, 52), attach(31, 52, 60, 62)]
    frames = [{"id": FRAME, "x": 100, "y": 600}, {"id": 52, "x": 150, "y": 1000}]
    found = find([*start, measure(40, frames=frames), click(50, 50, 0, node=62)], InteractionKind.CLICK)
    assert places(found) == [(20.0, 50.0)]


def test_in_a_frame_that_was_not_measured_there_is_no_place():
    start = [*opened(), attach(30, FRAME, 50, 52)]
    found = find(
        [*start, click(60, 150, 200, node=52), move(70, (0, 5, 5), source=6, node=52)],
        InteractionKind.CLICK,
        InteractionKind.MOVE,
    )
    assert places(found) == [(None, None), (None, None)]
    frames = [{"id": FRAME, "x": 100, "y": 600}]
    stale = [*start, measure(40, frames=frames), snapshot(50), attach(51, FRAME, 50, 52), click(60, 1, 1, node=52)]
    assert places(find(stale, InteractionKind.CLICK)) == [(None, None)]


def test_without_a_measurement_the_largest_extent_seen_is_the_page():
    found = find(
        [meta(0), snapshot(10), click(20, 500, 250), scroll(30, 500), click(40, 500, 250)], InteractionKind.CLICK
    )
    assert places(found) == [(50.0, 50.0), (50.0, 75.0)]
    assert [one.page_size for one in found] == [(1000, 500), (1000, 1000)]
    assert all(one.estimated for one in found)


def test_another_page_has_another_size():
    found = find(
        [*opened(), url(100, "https://shop.example/o/7?x"), click(110, 500, 250)],
        InteractionKind.CLICK,
        InteractionKind.PAGE,
    )
    assert [(one.kind, one.page) for one in found] == [
        (InteractionKind.PAGE, PAGE),
        (InteractionKind.PAGE, "https://shop.example/o/:id"),
        (InteractionKind.CLICK, "https://shop.example/o/:id"),
    ]
    assert found[1].detail == "https://shop.example/o/7?x"
    assert found[2].estimated


def test_a_change_of_url_does_not_scroll():
    new = [scroll(50, 900), url(100, "https://shop.example/b"), measure(105)]
    assert places(find([*opened(), *new, click(110, 0, 100)], InteractionKind.CLICK)) == [(0.0, 50.0)]


def test_a_snapshot_for_a_late_joiner_is_no_new_page():
    found = find(
        [*opened(), meta(100), snapshot(101), click(110, 500, 250)], InteractionKind.CLICK, InteractionKind.PAGE
    )
    assert [one.kind for one in found] == [InteractionKind.PAGE, InteractionKind.CLICK]
    assert not found[1].estimated
    again = find([*opened(), event(90, 0), event(91, 1), meta(100), snapshot(101)], InteractionKind.PAGE)
    assert len(again) == 2, "a reload is one"


# Kinds.


def test_each_action_is_its_kind():
    actions = [mouse(100 + kind, kind, 500, 100) for kind in range(11)]
    found = find(
        [*opened(), *actions],
        InteractionKind.CLICK,
        InteractionKind.DOUBLE_CLICK,
        InteractionKind.CONTEXT_MENU,
        InteractionKind.TOUCH,
    )
    assert [one.kind for one in found] == [
        InteractionKind.CLICK,
        InteractionKind.CONTEXT_MENU,
        InteractionKind.DOUBLE_CLICK,
        InteractionKind.TOUCH,
    ]


def test_typing_in_one_field_is_one_input_until_a_pause_or_another_field():
    keys = [typed(100 * n, text="a" * n) for n in range(1, 6)]
    found = find(
        [*opened(), *keys, typed(600, node=31), typed(700, node=31), typed(6_000, node=31)], InteractionKind.INPUT
    )
    assert [(one.node_id, one.count, one.time_ms - T0, one.weight_ms) for one in found] == [
        (30, 5, 100, 400),
        (31, 2, 600, 100),
        (31, 1, 6_000, 0),
    ]
    by_script = change(100, 5, id=30, text="x", userTriggered=False)
    assert find([*opened(), by_script], InteractionKind.INPUT) == []


def test_moves_are_sampled_by_their_own_time():
    path = [move(1_000, *((at, 500 + at / 10, 100) for at in range(-450, 1, 50))), move(1_500, (-400, 0, 0), (0, 0, 0))]
    found = find([*opened(), *path], InteractionKind.MOVE)
    assert [one.time_ms - T0 for one in found] == [550, 1_100]
    assert places(found) == [(45.5, 5.0), (0.0, 0.0)]


def test_an_error_has_its_words_and_the_page():
    (found,) = find([*opened(), error(100, "x" * 2_000)], InteractionKind.ERROR)
    assert (found.page, found.detail) == (PAGE, "x" * 512)


# Bands that were in view.


def bands(found):
    return [(one.top_percent, one.y_percent) for one in found]


def test_scroll_depth_is_told_in_bands_that_adjoin():
    found = find([*opened(), still(100), scroll(200, 300), scroll(250, 305), scroll(300, 100), scroll(400, 1500)])
    depth = [one for one in found if one.kind is InteractionKind.SCROLL]
    assert bands(depth) == [(0.0, 25.0), (25.0, 40.0), (40.0, 100.0)], "305 px are not yet 1 % more"
    assert all(not one.estimated for one in depth)


def test_the_depth_that_was_too_little_to_tell_is_told_when_the_page_is_left():
    found = find([*opened(), still(100), scroll(200, 300), scroll(250, 305)], InteractionKind.SCROLL)
    assert bands(found) == [(0.0, 25.0), (25.0, 40.0), (40.0, 40.25)]


def test_a_page_that_was_not_measured_has_its_depth_when_it_is_left():
    found = find(
        [meta(0), snapshot(10), still(20), scroll(30, 700), url(100, "https://shop.example/b")], InteractionKind.SCROLL
    )
    assert bands(found) == [(0.0, 100.0), (0.0, 100.0)]
    assert all(one.estimated for one in found)


def test_attention_is_the_time_between_signs_of_life_by_where_the_page_stood():
    found = find(
        [*opened(), still(1_000), scroll(4_000, 1_000), still(5_000), scroll(7_000, 0)], InteractionKind.ATTENTION
    )
    assert [(*bands([one])[0], one.weight_ms) for one in found] == [(0.0, 25.0, 4_000), (50.0, 75.0, 3_000)]


def test_attention_ends_some_time_after_the_last_sign_of_life():
    found = find([*opened(), still(1_000), still(3_600_000)], InteractionKind.ATTENTION, end_ms=3_605_000)
    assert sum(one.weight_ms for one in found) == 1_000 + RULES.attention_gap_ms + 5_000


def test_long_attention_comes_in_pieces():
    found = find([*opened(), *(still(10_000 * n) for n in range(1, 20))], InteractionKind.ATTENTION)
    assert [one.weight_ms for one in found] == [60_000, 60_000, 60_000, 10_000]


def test_small_scrolling_stays_one_place():
    found = find([*opened(), *(scroll(100 * n, 4 * n) for n in range(1, 12)), still(2_000)], InteractionKind.ATTENTION)
    assert [one.weight_ms for one in found] == [2_000]


def address(one: Event) -> str:
    return re.split(r"[?#]", one.data.href)[0]


def viewing_ms(decoded: list[Event]) -> int:
    """Viewing time, counted on its own: signs of life in a row, and the openings of pages."""
    seen, page, loaded = [], None, False
    for one in decoded:
        loaded = loaded or one.type == 0
        acts = one.type == 3 and one.data and one.data.source in ACTIVE_SOURCES
        opens = one.type == 4 and (loaded or address(one) != page)
        if opens:
            page, loaded = address(one), False
        if opens or (acts and one.data.user_triggered is not False):
            seen.append(int(one.timestamp))
    seen.append(int(decoded[-1].timestamp))
    return sum(min(max(after - before, 0), RULES.attention_gap_ms) for before, after in pairwise(seen))


# Their clocks go back, which viewing_ms does not count.
GO_BACK = {"posthog-mock-snapshots0", "rrwebtest-rrweb-io-video-playback"}


@pytest.mark.parametrize("name", [name for name in recording_names() if name not in GO_BACK])
def test_attention_sums_to_the_viewing_time(name):
    decoded = recorded(name)
    found = run([decoded])
    assert sum(one.weight_ms for one in found if one.kind is InteractionKind.ATTENTION) == viewing_ms(decoded)


# Chunks.


@pytest.mark.parametrize("name", recording_names())
def test_real_recordings_give_the_same_in_any_chunks(name):
    decoded = recorded(name)
    whole = run([decoded])
    assert run([[one] for one in decoded]) == whole
    assert run([decoded[at : at + 50] for at in range(0, len(decoded), 50)]) == whole
    for one in whole:
        assert one.x_percent is None or 0.0 <= one.x_percent <= 100.0
        assert one.y_percent is None or 0.0 <= one.y_percent <= 100.0
        assert one.count >= 1
        assert one.weight_ms >= 0


times = st.integers(0, 9_000).map(float)
numbers = st.one_of(st.none(), st.integers(-50, 1_200).map(float), st.sampled_from([math.nan, math.inf, -1e308, 1e308]))
nodes = st.sampled_from([None, 0, 1, -2, BUTTON, LABEL, TEXT, LINK, OUTSIDE, 2**70])


@st.composite
def any_event(draw):
    ms = T0 + draw(times)
    kind = draw(st.sampled_from([0, 1, 2, 3, 3, 3, 3, 3, 3, 4, 5, 6, 7, 99]))
    source = draw(st.sampled_from([0, 1, 2, 2, 2, 3, 4, 5, 6, 12, 14, 99, None]))
    data = Data(source=source, x=draw(numbers), y=draw(numbers), id=draw(nodes))
    if kind == 3:
        data.type = draw(st.sampled_from([1, 2, 2, 2, 3, 4, 5, 7, None]))
        data.width, data.height = draw(numbers), draw(numbers)
    if kind == 4:
        data.href = draw(st.sampled_from([None, "", PAGE, PAGE + "?a", "https://shop.example/o/7"]))
        data.width, data.height = draw(numbers), draw(numbers)
    elif kind in {2, 5, 6} or source in {0, 1, 6}:
        model = draw(
            st.sampled_from(
                [
                    snapshot(0)["data"],
                    measure(0)["data"],
                    url(0, "https://shop.example/b")["data"],
                    error(0)["data"],
                    mutation(0, add(BUTTON, element(40, "b")))["data"],
                    move(0, (-100, 0, 0), (-50, 300, 0), (0, 0, 0))["data"],
                    {"positions": [{"x": None}], "adds": 7, "node": [], "tag": "afterimage.page", "payload": "odd"},
                ]
            )
        )
        filled = msgspec.convert(msgspec.json.decode(msgspec.json.encode(model)), dict)
        raw = msgspec.json.decode(msgspec.json.encode({"type": 0, "timestamp": 0, "data": filled}), type=Event).data
        raw.source = source
        data = raw
    return Event(kind, ms, data if draw(st.integers(0, 20)) else None)


@settings(max_examples=examples(40, 400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(any_event(), max_size=40), st.lists(st.integers(0, 40), max_size=5), st.booleans())
def test_any_events_give_the_same_in_any_chunks_and_never_a_crash(recording, borders, in_order):
    if in_order:
        recording.sort(key=lambda one: one.timestamp)
    whole = run([recording])
    assert run(cut(recording, [min(border, len(recording)) for border in borders])) == whole
    for one in whole:
        assert one.x_percent is None or 0.0 <= one.x_percent <= 100.0
        assert one.y_percent is None or 0.0 <= one.y_percent <= 100.0
        assert 0 <= one.node_id < 2**53
        assert one.weight_ms >= 0


def test_observing_leaves_the_state_before_as_it_was():
    state, _ = observe(BehaviourState(), events(opened()), RULES)
    before = msgspec.msgpack.encode(state)
    observe(state, events([click(100), scroll(200, 300), url(300, "https://b.example/")]), RULES)
    assert msgspec.msgpack.encode(state) == before


def test_only_so_many_interactions_of_a_window_are_kept():
    rules = BehaviourRules(max_interactions=7)
    found = find([*opened(), *(click(100 * n) for n in range(1, 30))], rules=rules)
    assert len(found) == 7


# Bad input.


def test_positions_outside_of_the_page_are_moved_to_its_edge_and_counted():
    recording = [
        *opened(),
        click(100, -20, 100),
        click(1_200, 1e300, -1e300),
        scroll(1_300, 1500),
        click(2_400, 0, 501),
    ]
    found = find(recording, InteractionKind.CLICK)
    assert places(found) == [(0.0, 5.0), (100.0, 0.0), (0.0, 100.0)]
    assert all(one.clamped for one in found)


@pytest.mark.parametrize("position", [(None, None), (None, 5), (5, None)])
def test_a_click_without_a_position_is_counted_and_has_no_place(position):
    (found,) = find([*opened(), click(100, *position)], InteractionKind.CLICK)
    assert places([found]) == [(None, None)]


def test_a_position_that_is_no_number_gives_no_place():
    start = events(opened())
    bad = [Event(3, T0 + 100.0, Data(source=2, type=2, id=BUTTON, x=x, y=1.0)) for x in (math.nan, math.inf)]
    bad.append(Event(3, T0 + 100.0, Data(source=3, id=1, x=math.nan, y=-math.inf)))
    found = [one for one in run([[*start, *bad]]) if one.kind is InteractionKind.CLICK]
    assert places(found) == [(None, None)] * 2


def test_without_meta_and_snapshot_clicks_are_kept_and_their_page_is_empty():
    found = find([click(100, 50, 80), click(1_200, 100, 40)], InteractionKind.CLICK)
    assert [one.page for one in found] == ["", ""]
    assert [(one.page_size, one.estimated) for one in found] == [((50, 80), True), ((100, 80), True)]


@pytest.mark.parametrize("size", [(0, 0), (-5, 500), (None, None), (0, 500)])
def test_a_viewport_without_an_area_says_nothing(size):
    found = find([meta(0, width=size[0], height=size[1]), snapshot(10), still(20), click(30, 10, 10)])
    assert [one.viewport for one in found if one.kind is InteractionKind.CLICK] == [(0, 0)]
    kept = find([*opened(), change(50, 4, width=size[0], height=size[1]), click(100, 500, 500)], InteractionKind.CLICK)
    assert [one.viewport for one in kept] == [(1000, 500)]


@pytest.mark.parametrize("size", [(0, 0), (-1, 5), (0, 2000), (None, None), ("wide", 3)])
def test_a_measurement_without_an_area_is_none(size):
    (found,) = find([meta(0), snapshot(1), measure(2, *size), click(100, 500, 250)], InteractionKind.CLICK)
    assert (found.estimated, found.page_size) == (True, (1000, 500))


def test_overscroll_is_negative_and_stays_on_the_page():
    found = find([*opened(), scroll(100, -80), click(200, 100, 100), click(2_000, 100, 30), still(9_000)])
    clicks = [one for one in found if one.kind is InteractionKind.CLICK]
    assert places(clicks) == [(10.0, 1.0), (10.0, 0.0)]
    assert [one.clamped for one in clicks] == [False, True]
    attention = [one for one in found if one.kind is InteractionKind.ATTENTION]
    assert bands(attention)[-1] == (0.0, 21.0)


def test_a_clock_that_is_set_back_ends_what_waits_and_goes_on():
    found = find([*opened(), *(click(10_000 + 100 * n) for n in range(3)), click(100), click(200), still(4_000)])
    assert [one.count for one in found if one.kind is InteractionKind.RAGE_CLICK] == [3]
    assert [one.time_ms - T0 for one in found if one.kind is InteractionKind.DEAD_CLICK] == [11_100]
    assert sum(one.weight_ms for one in found if one.kind is InteractionKind.ATTENTION) == 10_200 + 3_900


@pytest.mark.parametrize("time", [math.nan, math.inf, -1.0, 1e300])
def test_an_event_without_a_usable_time_is_passed_over(time):
    odd = [Event(kind, time, Data(source=2, type=2, x=1.0, y=1.0)) for kind in (0, 2, 3, 4)]
    known = events(opened())
    assert observe(BehaviourState(), [*known, *odd], RULES) == observe(BehaviourState(), known, RULES)


def test_odd_data_is_passed_over():
    odd = [
        event(50, 2, node=7),
        event(51, 2, node={"id": "x"}),
        event(52, 5, tag="afterimage.page"),
        event(53, 5, tag="afterimage.url", payload={"href": 5}),
        event(54, 6, plugin="rrweb/console@1", payload=[1]),
        change(55, 1, positions={"x": 1}),
        change(56, 0, adds=[{"parentId": None, "node": 5}]),
        change(57, 2, type=2, x=500, y=250, id=-2),
    ]
    (found,) = find([*opened(), *odd], InteractionKind.CLICK)
    assert (found.node_id, found.x_percent) == (0, 50.0)


@pytest.mark.parametrize(
    ("payload", "detail"),
    [([{"a": 1}, "b", 2, None], "{'a': 1} b 2"), ("text", "text"), (None, ""), ({"a": ["b"]}, "{'a': ['b']}")],
)
def test_a_console_with_other_arguments_than_texts_is_an_error_all_the_same(payload, detail):
    """They are JSON texts in rrweb, and anything in other recorders."""
    printed = event(54, 6, plugin="rrweb/console@1", payload={"level": "error", "payload": payload})
    (found,) = find([*opened(), printed], InteractionKind.ERROR)
    assert found.detail == detail


def test_a_deep_tree_is_passed_over():
    tree = b'{"id":1,"childNodes":[' * 100_000 + b"]}" * 100_000
    index = NodeIndex(Nodes())
    index.rebuild(msgspec.Raw(tree))
    assert index.dump() == Nodes()


# Sets of ids.


id_batches = st.lists(st.lists(st.integers(-3, 60), max_size=20), max_size=6)


@given(id_batches)
def test_an_id_set_is_a_set(batches):
    ids, model = IdSet((), 1_000), set()
    for batch in batches:
        ids.update(batch)
        model |= {one for one in batch if one >= 0}
    assert {one for one in range(-3, 62) if one in ids} == model
    assert list(ids.dump()) == sorted(set(ids.dump()))


@given(id_batches)
def test_when_a_full_id_set_is_stored_does_not_matter(batches):
    kept, stored = IdSet((), 3), IdSet((), 3)
    for batch in batches:
        kept.update(batch)
        stored.update(batch)
        stored = IdSet(stored.dump(), 3)
        assert len(stored.dump()) <= 6
    assert kept.dump() == stored.dump()


def test_of_too_many_runs_the_lowest_ids_go():
    index = NodeIndex(Nodes())
    tree = document(*(element(10 + 2 * n, "button") for n in range(MAX_RUNS + 50)))
    index.rebuild(msgspec.Raw(msgspec.json.encode(tree)))
    stored = index.dump()
    assert len(stored.clickable) == 2 * MAX_RUNS
    kept = NodeIndex(stored)
    assert not kept.is_clickable(10)
    assert kept.is_clickable(10 + 2 * (MAX_RUNS + 49))
