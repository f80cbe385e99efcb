from __future__ import annotations

from operator import attrgetter, itemgetter

import pytest
from audit.behaviour_events import (
    BUTTON,
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
    element,
    error,
    event,
    events,
    find,
    meta,
    mouse,
    move,
    mutation,
    opened,
    recorded,
    run,
    scroll,
    snapshot,
    still,
    typed,
    url,
)

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.behaviour.interactions import BehaviourState, finish, has_open_run, observe, settle
from services.audit.behaviour.targets.page_mirror import PageMirror
from services.audit.model import InteractionKind

# `find` runs over each recording twice: as one chunk, and with one chunk per event.

# Rage clicks: 3 clicks, less than 30 px and less than 1 s between.


def rage(*clicks, rules=None):
    rest = {"rules": rules} if rules else {}
    return [
        (one.time_ms - T0, one.count, one.weight_ms)
        for one in find([*opened(), *clicks], InteractionKind.RAGE_CLICK, **rest)
    ]


def test_three_clicks_on_one_spot_are_a_rage_click():
    assert rage(click(100), click(400), click(700)) == [(100, 3, 600)]
    assert rage(click(100), click(400)) == []


def test_it_has_all_its_clicks_and_the_place_of_the_first():
    clicks = [click(100 * n, 500 + n, 100) for n in range(1, 8)]
    (found,) = find([*opened(), *clicks, still(5_000)], InteractionKind.RAGE_CLICK)
    assert (found.count, found.weight_ms, found.node_id, found.page) == (7, 600, BUTTON, PAGE)
    assert (found.x_percent, found.y_percent) == (50.1, 5.0)


def test_a_second_between_clicks_ends_the_run():
    assert rage(click(100), click(1_099), click(2_098)) == [(100, 3, 1_998)]
    assert rage(click(100), click(1_100), click(2_100)) == []


def test_30_px_between_clicks_end_the_run():
    assert rage(click(100, 100, 100), click(200, 115, 114), click(300, 100, 100)) == [(100, 3, 200)]
    assert rage(click(100, 100, 100), click(200, 115, 115), click(300, 100, 100)) == []


def test_two_bursts_are_two():
    assert rage(*(click(100 * n) for n in (1, 2, 3, 20, 21, 22, 23))) == [(100, 3, 200), (2_000, 4, 300)]


@pytest.mark.parametrize("pause_ms", [2_000, 6_000, 60_000])
def test_a_pause_decides_a_burst_as_the_next_event_would(pause_ms):
    """Nothing else changes: attention, typing and clicks that wait go on."""
    both = [*shaking(9), *(click(1_700 + 100 * number) for number in range(5))]
    before = [*opened(), *sorted(both, key=itemgetter("timestamp"))]
    later = 2_000 + pause_ms
    after = [typed(later), scroll(later + 500, 200), click(later + 1_000), still(later + 9_000)]
    mirror = PageMirror()
    state, found = observe(BehaviourState(), events(before), RULES, mirror=mirror)
    assert has_open_run(state, RULES)
    state, decided = settle(state, RULES)
    assert {one.kind for one in decided} == {InteractionKind.RAGE_CLICK, InteractionKind.MOUSE_THRASH}
    assert not has_open_run(state, RULES)
    assert settle(state, RULES) == (state, [])
    state, more = observe(state, events(after), RULES, mirror=mirror)
    _, last = finish(state, int(state.clock_ms), RULES)
    key = attrgetter("time_ms", "kind", "y_percent")
    assert sorted([*found, *decided, *more, *last], key=key) == sorted(find([*before, *after]), key=key)


def test_a_short_run_is_not_decided_by_a_pause():
    state, _ = observe(BehaviourState(), events([*opened(), click(1_000), click(1_200)]), RULES)
    assert not has_open_run(state, RULES)
    assert settle(state, RULES)[1] == []


def test_other_pages_end_the_run_and_thresholds_are_parameters():
    assert rage(click(100), click(200), url(250, "https://shop.example/b"), click(300)) == []
    assert rage(click(100), click(200), rules=BehaviourRules(rage_clicks=2)) == [(100, 2, 100)]


def test_clicks_without_a_position_are_no_burst():
    assert rage(click(100, None, None), click(200, None, None), click(300, None, None)) == []


# Dead clicks: nothing within 2.5 s of a click on something clickable.


def dead(*after, node=BUTTON, end_ms=None):
    found = find([*opened(), click(1_000, node=node), *after], InteractionKind.DEAD_CLICK, end_ms=end_ms)
    return [one.time_ms - T0 for one in found]


def test_a_click_that_nothing_answers_is_dead():
    assert dead(still(3_501)) == [1_000]
    assert dead(still(3_500)) == [], "not yet"


@pytest.mark.parametrize(
    "answer",
    [
        mutation(3_500),
        scroll(3_500, 10),
        scroll(3_500, 10, node=TEXT),
        change(3_500, 14, ranges=[]),
        change(3_500, 8, adds=[]),
        change(3_500, 7, type=0, id=50),
        event(3_500, 0),
        event(3_500, 1),
        meta(3_500, "https://shop.example/b"),
        url(3_500, PAGE + "?sort=price"),
        typed(3_500, node=BUTTON),
    ],
    ids=lambda one: f"type {one['type']} source {one['data'].get('source')}",
)
def test_an_answer_in_time_keeps_it_alive(answer):
    assert dead(answer, still(9_000)) == []
    late = {**answer, "timestamp": answer["timestamp"] + 1}
    expected = [] if answer["type"] in {0, 1, 4} else [1_000]
    assert dead(late, still(9_000)) == expected, "a page that was slow to load is no dead click"


def test_what_is_no_answer():
    others = [
        typed(1_100, node=30),
        error(1_200),
        move(1_300, (0, 5, 5)),
        mouse(1_400, 5),
        meta(1_500),
        snapshot(1_501),
    ]
    assert dead(*others, still(4_000)) == [1_000]


@pytest.mark.parametrize(
    ("node", "clickable"), [(BUTTON, True), (LABEL, True), (LINK, True), (TEXT, False), (OUTSIDE, False)]
)
def test_only_what_promises_an_answer_can_be_dead(node, clickable):
    assert dead(still(4_000), node=node) == ([1_000] if clickable else [])


@pytest.mark.parametrize(
    ("node", "clickable"),
    [
        (element(90, "input", type="submit"), True),
        (element(90, "input", type="text"), False),
        (element(90, "input"), False),
        (element(90, "div", role="button"), True),
        (element(90, "div", role="textbox"), False),
        (element(90, "div", onclick="go()"), True),
        (element(90, "div", onclick=""), True),
        (element(90, "summary"), True),
        (element(90, "a"), False),
        (element(90, "a", role="button"), True),
        (element(90, "a", href="mailto:a@b.example"), False),
        (element(90, "a", href="/f.pdf", download=""), False),
        (element(90, "a", href="#top"), True),
        (element(90, "select"), False),
        (element(90, "div", **{"class": "button"}), False),
    ],
    ids=lambda one: f"{one['tagName']} {one['attributes']}" if isinstance(one, dict) else str(one),
)
def test_what_is_clickable_is_read_off_tag_and_attributes(node, clickable):
    found = find(
        [*opened(), mutation(50, add(2, node)), click(1_000, node=90), still(4_000)], InteractionKind.DEAD_CLICK
    )
    assert [one.node_id for one in found] == ([90] if clickable else [])


def test_nodes_added_to_something_clickable_are_clickable():
    added = mutation(50, add(BUTTON, element(90, "svg")), add(90, element(91, "path")))
    found = find([*opened(), added, click(1_000, node=91), still(4_000)], InteractionKind.DEAD_CLICK)
    assert [one.node_id for one in found] == [91]


def test_what_happens_while_the_button_is_down_answers_the_click():
    press = [mouse(900, 1), mutation(950), mouse(990, 0), click(1_000)]
    assert find([*opened(), *press, still(9_000)], InteractionKind.DEAD_CLICK) == []
    press = [mutation(890), mouse(900, 1), mouse(990, 0), click(1_000)]
    assert len(find([*opened(), *press, still(9_000)], InteractionKind.DEAD_CLICK)) == 1


def test_a_burst_is_one_dead_click():
    burst = [click(1_000 + 100 * n) for n in range(6)]
    found = find([*opened(), *burst, still(9_000)], InteractionKind.DEAD_CLICK, InteractionKind.RAGE_CLICK)
    assert [(one.kind, one.time_ms - T0) for one in found] == [
        (InteractionKind.RAGE_CLICK, 1_000),
        (InteractionKind.DEAD_CLICK, 1_000),
    ]


def test_the_end_judges_what_has_waited_long_enough():
    assert dead(end_ms=3_501) == [1_000]
    assert dead(end_ms=3_500) == []


def test_without_a_snapshot_nothing_is_known_to_be_clickable():
    assert find([meta(0), click(1_000), still(9_000)], InteractionKind.DEAD_CLICK) == []


def test_of_many_that_wait_the_newest_are_judged():
    buttons = [mutation(50, *(add(2, element(100 + n, "button")) for n in range(20)))]
    clicks = [click(1_000 + n, x=50 * n, node=100 + n) for n in range(20)]
    found = find([*opened(), *buttons, *clicks, still(9_000)], InteractionKind.DEAD_CLICK)
    assert [one.node_id for one in found] == list(range(112, 120))


# Quick back: A, B, and A again within 5 s.

B = "https://shop.example/b"


def test_a_page_left_again_for_the_one_before_is_a_quick_back():
    (found,) = find([*opened(), url(10_000, B), url(14_999, PAGE)], InteractionKind.QUICK_BACK)
    assert (found.page, found.detail, found.time_ms - T0) == (B, PAGE, 14_999)
    assert find([*opened(), url(10_000, B), url(15_000, PAGE)], InteractionKind.QUICK_BACK) == []


def test_going_on_is_no_quick_back_and_a_load_counts_as_a_url():
    assert find([*opened(), url(100, B), url(200, "https://shop.example/c")], InteractionKind.QUICK_BACK) == []
    assert find([*opened(), meta(1_000, B), snapshot(1_001), meta(2_000), snapshot(2_001)], InteractionKind.QUICK_BACK)


def test_reloads_and_new_queries_are_no_quick_back():
    reloads = [url(100, B), event(200, 0), meta(300, B), url(400, B + "?a=1"), url(500, B + "#c")]
    assert find([*opened(), *reloads], InteractionKind.QUICK_BACK) == []


def test_pages_with_one_name_are_still_two_places():
    one, two = "https://shop.example/o/1", "https://shop.example/o/2"
    assert len(find([meta(0, one), url(1_000, two), url(2_000, one)], InteractionKind.QUICK_BACK)) == 1


# Error clicks: an error less than 5 s after a click.


def error_clicks(*recording):
    return [(one.time_ms - T0, one.detail) for one in find([*opened(), *recording], InteractionKind.ERROR_CLICK)]


def test_an_error_belongs_to_the_click_before_it():
    assert error_clicks(click(1_000), error(5_999, "late")) == [(1_000, "late")]
    assert error_clicks(click(1_000), error(6_000)) == []
    assert error_clicks(error(900), click(1_000)) == []


def test_a_click_has_one_error_and_warnings_are_none():
    assert error_clicks(click(1_000), error(1_100, "a"), error(1_200, "b")) == [(1_000, "a")]
    warning = event(1_100, 6, plugin="rrweb/console@1", payload={"level": "warn", "payload": ["w"]})
    assert error_clicks(click(1_000), warning) == []


def test_an_error_of_the_next_page_is_not_the_clicks():
    assert error_clicks(click(1_000), url(1_500, B), error(1_600)) == []


# Mouse thrash: more than 4 reversals of legs of 50 px, 300 ms between them at most.


def shaking(times, reach=200, step=100, start=1_000):
    """Positions to and fro, one every `step` ms, in rrweb's batches of 500 ms."""
    path = [(start + step * n, 500 + (reach if n % 2 else 0), 100) for n in range(times + 2)]
    batches = {}
    for ms, x, y in path:
        batches.setdefault(-(-ms // 500) * 500, []).append((ms, x, y))
    return [move(end, *((ms - end, x, y) for ms, x, y in batch)) for end, batch in batches.items()]


def thrash(recording):
    return [
        (one.time_ms - T0, one.count, one.weight_ms)
        for one in find([*opened(), *recording], InteractionKind.MOUSE_THRASH)
    ]


def test_fast_movement_to_and_fro_is_a_thrash():
    assert thrash([*shaking(5), still(9_000)]) == [(1_200, 5, 400)]
    assert thrash([*shaking(4), still(9_000)]) == []


def test_a_long_one_is_one_over_many_batches():
    assert thrash([*shaking(40), still(9_000)]) == [(1_200, 40, 3_900)]


def test_slow_or_small_movements_are_none():
    assert thrash(shaking(40, step=400)) == []
    assert thrash(shaking(40, reach=40)) == []


def test_other_events_between_batches_do_not_cut_it():
    batches = shaking(12)
    between = [mutation(one["timestamp"] - T0 + 300) for one in batches]
    mixed = sorted([*batches, *between], key=lambda one: one["timestamp"])
    assert [count for _, count, _ in thrash(mixed)] == [12]


def test_touches_do_not_thrash():
    batches = shaking(40)
    for one in batches:
        one["data"]["source"] = 6
    assert thrash(batches) == []


# Findings in the shared recordings, each checked by hand once: docs/definitions.md lists them.

SEEN = {
    "shop-account-errors": [
        (InteractionKind.DEAD_CLICK, 881, 1),
        (InteractionKind.DEAD_CLICK, 1_705, 1),
        (InteractionKind.RAGE_CLICK, 2_357, 8),
    ],
    "shop-checkout-pii": [(InteractionKind.RAGE_CLICK, 3_960, 9), (InteractionKind.RAGE_CLICK, 30_433, 5)],
    "idle-then-active": [(InteractionKind.RAGE_CLICK, 39_854, 5)],
    "docsify-mobile-touch": [(InteractionKind.RAGE_CLICK, 12_910, 6)],
    "rrweb-stats-recordings-0": [
        (InteractionKind.DEAD_CLICK, 6_934, 1),
        (InteractionKind.RAGE_CLICK, 7_821, 3),
        (InteractionKind.RAGE_CLICK, 8_719, 3),
        (InteractionKind.RAGE_CLICK, 9_573, 3),
        (InteractionKind.RAGE_CLICK, 20_287, 5),
    ],
    "rrweb-stats-recordings-1": [],
    "rrweb-stats-recordings-2": [
        (InteractionKind.DEAD_CLICK, 1_259, 1),
        (InteractionKind.RAGE_CLICK, 1_259, 3),
        (InteractionKind.RAGE_CLICK, 1_927, 4),
        (InteractionKind.RAGE_CLICK, 2_704, 4),
        (InteractionKind.RAGE_CLICK, 3_611, 8),
        (InteractionKind.RAGE_CLICK, 6_404, 7),
        (InteractionKind.RAGE_CLICK, 7_926, 4),
        (InteractionKind.RAGE_CLICK, 10_136, 4),
        (InteractionKind.RAGE_CLICK, 11_696, 41),
    ],
    "rrweb-stats-recordings-3": [
        (InteractionKind.MOUSE_THRASH, 24_834, 8),
        (InteractionKind.MOUSE_THRASH, 31_861, 11),
        (InteractionKind.MOUSE_THRASH, 35_742, 21),
        (InteractionKind.MOUSE_THRASH, 39_116, 35),
    ],
    "sbadmin-multipage": [],
    "todomvc-backbone": [],
    "swagger-tryout": [],
    "jsoneditor-edit": [],
}


@pytest.mark.parametrize("name", SEEN)
def test_what_frustrated_in_the_shared_recordings(name):
    decoded = recorded(name)
    start = decoded[0].timestamp
    found = [
        (one.kind, round(one.time_ms - start), one.count)
        for one in run([decoded])
        if one.kind in {InteractionKind.RAGE_CLICK, InteractionKind.DEAD_CLICK, InteractionKind.MOUSE_THRASH}
    ]
    assert sorted(found, key=lambda one: (one[1], -one[0])) == SEEN[name]
