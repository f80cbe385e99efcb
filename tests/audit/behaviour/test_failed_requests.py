"""Requests that failed: the rule, which the player has too, and their interactions."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from audit.behaviour_events import PAGE, T0, click, cut, event, events, find, meta, opened, requests, run, still, url

from services.audit.behaviour.definitions import MAX_DETAIL, BehaviourRules
from services.audit.behaviour.failed_requests import failed_requests
from services.audit.behaviour.interactions import BehaviourState, observe
from services.audit.ingest.detect import marks_of
from services.audit.ingest.fold import fold
from services.audit.model import InteractionKind, Total
from services.audit.window_state import WindowState, dump_state, load_state

FAILED = InteractionKind.FAILED_REQUEST
CASES = json.loads((Path(__file__).parents[2] / "support/failed_requests.json").read_text())
LOST = {"name": "https://shop.example/api/cart", "method": "GET", "status": 500, "initiatorType": "fetch"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_rule(case):
    page = [meta(0, case["page"])] if "page" in case else []
    recording = events([*page, requests(0, case["request"], LOST)])
    expected = [*([] if case["failed"] is None else [case["failed"]]), "GET shop.example/api/cart 500"]
    assert [one.text(MAX_DETAIL) for one in failed_requests(recording[-1].data, case.get("page", ""))] == expected
    state, _ = fold(WindowState(), recording, raw_bytes=1, stored_bytes=1)
    assert state.totals[Total.FAILED_REQUESTS] == len(expected)
    _, found = observe(BehaviourState(), recording, BehaviourRules())
    assert [one.detail for one in found if one.kind is FAILED] == expected


def test_a_failed_request_is_an_interaction_of_its_page_at_the_time_of_its_report():
    recording = [
        *opened(),
        requests(1_000, LOST, {"name": "/b", "status": 200}, {"name": "/c", "status": 404, "timestamp": T0 + 400}),
        url(2_000, "https://shop.example/orders"),
        requests(3_000, LOST),
    ]
    found = find(recording, FAILED)
    assert [(one.time_ms - T0, one.page, one.detail) for one in found] == [
        (1_000, PAGE, "GET shop.example/api/cart 500"),
        (1_000, PAGE, "/c 404"),
        (3_000, "https://shop.example/orders", "GET shop.example/api/cart 500"),
    ]
    assert {(one.x_percent, one.y_percent, one.node_id, one.count, one.target) for one in found} == {
        (None, None, 0, 1, None)
    }


def test_the_origin_is_that_of_the_latest_page_in_any_division_into_chunks():
    to_shop, to_other = (
        {"name": f"https://{host}.example/a", "status": 0, "initiatorType": "fetch"} for host in ("shop", "other")
    )
    decoded = events(
        [
            requests(0, to_shop, to_other),
            *opened(),
            requests(1_000, to_shop, to_other),
            url(1_500, "https://shop.example/orders"),
            requests(2_000, to_shop, to_other),
            meta(3_000, "https://other.example/"),
            requests(4_000, to_shop, to_other),
            meta(5_000, ""),
            requests(6_000, to_shop, to_other),
        ]
    )
    expected = [(1_000, "shop.example/a 0"), (2_000, "shop.example/a 0"), (4_000, "other.example/a 0")]
    for chunks in ([decoded], [[one] for one in decoded], cut(decoded, [4, 9])):
        found = [one for one in run(chunks) if one.kind is FAILED]
        assert [(one.time_ms - T0, one.detail) for one in found] == expected
        state = WindowState()
        for chunk in chunks:
            state, _ = fold(load_state(dump_state(state)), chunk, raw_bytes=1, stored_bytes=1)
        assert state.totals[Total.FAILED_REQUESTS] == len(expected)


def test_a_failed_request_answers_no_click_and_ends_none():
    recording = [*opened(), click(1_000), requests(1_500, LOST), event(9_000, 1)]
    kinds = [one.kind for one in find(recording, InteractionKind.DEAD_CLICK, InteractionKind.ERROR_CLICK, FAILED)]
    without = [*opened(), click(1_000), event(9_000, 1)]
    assert [kind for kind in kinds if kind is not FAILED] == [
        one.kind for one in find(without, InteractionKind.DEAD_CLICK, InteractionKind.ERROR_CLICK)
    ]
    assert kinds.count(FAILED) == 1


def test_a_report_of_many_has_at_most_so_many_and_all_are_counted():
    [network] = events([requests(0, *[LOST] * 250)])
    assert len(run([[network]])) == BehaviourRules().max_failed_requests == 100
    state, _ = fold(WindowState(), [network], raw_bytes=1, stored_bytes=1)
    assert state.totals[Total.FAILED_REQUESTS] == 250


def test_a_window_has_at_most_so_many_interactions():
    rules = BehaviourRules(max_interactions=150)
    decoded = events([requests(at, *[LOST] * 90) for at in range(3)])
    assert [len(run(chunks, rules)) for chunks in ([decoded], [[one] for one in decoded])] == [150, 150]


@pytest.mark.parametrize("method", ["", "GET"])
@pytest.mark.parametrize("status", [0, 500])
def test_a_long_address_is_cut_before_the_status(method, status):
    [network] = events(
        [requests(0, {**LOST, "name": "https://shop.example/" + "a" * 600, "method": method, "status": status})]
    )
    [one] = failed_requests(network.data, PAGE)
    text = one.text(MAX_DETAIL)
    assert MAX_DETAIL - 3 <= len(text) <= MAX_DETAIL
    assert text.endswith(f"aaa {status}")


@pytest.mark.parametrize("payload", [None, 7, "x", [], {}, {"requests": 7}, {"requests": {"status": 500}}])
def test_payloads_of_another_form_have_none(payload):
    [network] = events([event(0, 6, plugin="rrweb/network@1", payload=payload)])
    assert list(failed_requests(network.data, PAGE)) == []


@pytest.mark.parametrize(("plugin", "count"), [("rrweb/network@1", 1), ("rrweb/network@2", 1), ("other", 0), (None, 0)])
def test_the_network_plugin_is_known_by_its_name(plugin, count):
    [network] = events([event(0, 6, plugin=plugin, payload={"requests": [LOST]})])
    assert len(list(failed_requests(network.data, PAGE))) == count


def test_a_payload_that_is_nested_too_deep_has_none():
    [network] = events([requests(0, LOST)])
    deep = "[" * 100_000 + "]" * 100_000
    network.data.payload = msgspec.Raw(f'{{"requests": [{{"name": {deep}, "status": 500}}]}}'.encode())
    assert list(failed_requests(network.data, PAGE)) == []


def test_marks_of_failed_requests_follow_those_of_findings():
    decoded = events(
        [*opened(), requests(500, LOST, LOST), *(click(1_000 + 100 * at) for at in range(3)), still(9_000)]
    )
    found = run([decoded])
    marks = marks_of(found)
    kinds = [mark.kind for mark in marks]
    assert kinds.count(FAILED) == 2
    assert InteractionKind.RAGE_CLICK in kinds
    assert kinds[-2:] == [FAILED, FAILED]
    assert marks[-1].detail == "GET shop.example/api/cart 500"
