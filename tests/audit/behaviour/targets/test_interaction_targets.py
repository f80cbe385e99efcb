"""Targets of interactions: at the moment of the click, in every kind of finding, in any chunks."""

from __future__ import annotations

import msgspec
from audit.behaviour_events import (
    RULES,
    change,
    click,
    cut,
    document,
    element,
    error,
    events,
    find,
    measure,
    meta,
    mouse,
    run,
    snapshot,
    still,
    typed,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.campaign import examples

from services.audit.behaviour.interactions import BehaviourState, observe
from services.audit.model import InteractionKind, Target

BUTTON, WORDS, FIELD, ICON = 10, 11, 20, 12
PAGE = document(
    element(5, "head"),
    element(
        6,
        "body",
        element(BUTTON, "button", {"type": 3, "textContent": "Export", "id": WORDS}, element(ICON, "i"), id="export"),
        element(21, "label", {"type": 3, "textContent": "E-mail", "id": 22}, **{"for": "mail"}),
        element(FIELD, "input", id="mail", type="email"),
    ),
)
EXPORT = Target("Export", "button", "button", "#export")
E_MAIL = Target("E-mail", "textbox", "input", "#mail")


def opened():
    return [meta(0), snapshot(10, PAGE), measure(20)]


def words(ms, value, node=WORDS):
    return change(ms, 0, adds=[], removes=[], texts=[{"id": node, "value": value}], attributes=[])


def targets(found):
    return [(one.kind, one.target) for one in found if one.node_id]


def test_clicks_taps_and_fields_have_their_elements():
    actions = [click(100, node=ICON), mouse(2_000, 3), mouse(4_000, 4), mouse(6_000, 7), typed(8_000, FIELD)]
    found = find([*opened(), *actions, still(20_000)])
    kinds = dict(targets(found))
    assert kinds[InteractionKind.CLICK] == kinds[InteractionKind.CONTEXT_MENU] == EXPORT
    assert kinds[InteractionKind.DOUBLE_CLICK] == kinds[InteractionKind.TOUCH] == EXPORT
    assert kinds[InteractionKind.INPUT] == E_MAIL


def test_rage_dead_and_error_clicks_have_the_element_of_their_click():
    clicks = [click(100 + 200 * number, node=ICON) for number in range(4)]
    found = find([*opened(), *clicks, error(900), still(9_000)])
    kinds = dict(targets(found))
    assert kinds[InteractionKind.RAGE_CLICK] == EXPORT
    assert kinds[InteractionKind.DEAD_CLICK] == EXPORT
    assert kinds[InteractionKind.ERROR_CLICK] == EXPORT


def test_the_name_is_that_of_the_moment_of_the_click():
    found = find([*opened(), click(100), words(200, "Exporting"), click(300), words(400, "Done"), still(9_000)])
    names = [one.target.name for one in found if one.kind is InteractionKind.CLICK]
    assert names == ["Export", "Exporting"]


def test_the_first_click_names_a_run():
    recording = [*opened(), click(100), words(150, "1"), click(200), words(250, "2"), click(300), still(9_000)]
    (rage,) = find(recording, InteractionKind.RAGE_CLICK)
    assert (rage.count, rage.target) == (3, EXPORT)


def test_moves_and_scrolls_have_no_element():
    for one in find([*opened(), still(100), still(9_000)]):
        assert one.target is None


def test_without_a_mirror_everything_else_is_found():
    recording = events([*opened(), *(click(100 * number) for number in range(1, 5)), still(9_000)])
    state, found = observe(BehaviourState(), recording, RULES)
    with_names = run([recording])
    assert [msgspec.structs.replace(one, target=None) for one in with_names[: len(found)]] == found
    assert all(one.target is None for one in found)
    assert state.kept == len(found)


def test_a_state_stored_before_there_were_targets_is_read():
    state, _ = observe(BehaviourState(), events([*opened(), click(100), typed(200, FIELD)]), RULES)
    older = msgspec.msgpack.decode(msgspec.msgpack.encode(state))
    waiting = older[8][1][0]
    assert waiting.pop() is None
    older[10][0].pop()
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(older), type=BehaviourState)
    assert read.clicks.waiting[0].target is None
    assert read.typing.first.target is None


@st.composite
def any_action(draw):
    ms = draw(st.integers(0, 9_000))
    node = draw(st.sampled_from([BUTTON, WORDS, FIELD, ICON, 21, 22, 99]))
    label = {"type": 3, "textContent": "More", "id": draw(st.sampled_from([WORDS, 31, 32]))}
    return draw(
        st.sampled_from(
            [
                click(ms, node=node),
                typed(ms, node),
                words(ms, f"Word {ms}", node),
                snapshot(ms, PAGE),
                change(ms, 0, adds=[{"parentId": node, "nextId": None, "node": label}], removes=[]),
                change(ms, 0, adds=[], removes=[{"parentId": BUTTON, "id": node}]),
                change(ms, 0, attributes=[{"id": node, "attributes": {"aria-label": f"Label {ms}", "id": None}}]),
                change(ms, 0, adds=[{"parentId": 6, "nextId": FIELD, "node": element(BUTTON, "button")}]),
                error(ms),
                meta(ms),
            ]
        )
    )


@settings(max_examples=examples(20, 150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(any_action(), max_size=25), st.lists(st.integers(0, 28), max_size=5))
def test_any_changes_give_the_same_targets_in_any_chunks(actions, borders):
    recording = events([*opened(), *sorted(actions, key=lambda one: one["timestamp"])])
    whole = run([recording])
    assert run(cut(recording, [min(border, len(recording)) for border in borders])) == whole
    assert run([[one] for one in recording]) == whole
