"""The fold: deterministic, independent of chunk boundaries, with correct counts."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import recordings
from support.campaign import examples

from services.audit.ingest.fold import ACTIVE_GAP_MS, fold
from services.audit.model import InteractionKind, Total
from services.audit.payload import decode
from services.audit.window_state import WindowState, dump_state, load_state

T = 1_700_000_000_000


def run(chunks: list[list[dict]], state: WindowState | None = None):
    state, marks, facts = state or WindowState(), [], []
    for events in chunks:
        text = json.dumps(events).encode()
        state, found = fold(state, decode(text), raw_bytes=len(text), stored_bytes=1)
        state = load_state(dump_state(state))  # every chunk could be the first after a restart
        marks += found.marks
        facts.append(found)
    return state, marks, facts


def cut(events: list, places: list[int]) -> list[list]:
    edges = [0, *sorted({place % (len(events) + 1) for place in places}), len(events)]
    return [events[begin:end] for begin, end in pairwise(edges)]


@cache
def uncut(path: Path):
    state, marks, _ = run([recordings.shortened(path)])
    return state, marks


COUNTED = [place for place in Total if place not in {Total.CHUNKS, Total.RAW_BYTES, Total.STORED_BYTES}]


@recordings.catalogue()
@pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.name)
@settings(max_examples=examples(3, 8), deadline=None)
@given(places=st.lists(st.integers(0, 10_000), max_size=30))
def test_where_a_recording_is_cut_changes_nothing(path, places: list[int]) -> None:
    """Large recordings are shortened; with --campaign they are not."""
    events = recordings.shortened(path)
    whole, whole_marks = uncut(path)
    state, marks, _ = run(cut(events, places))
    assert [state.totals[place] for place in COUNTED] == [whole.totals[place] for place in COUNTED]
    assert [(m.kind, m.time_ms, m.detail) for m in marks[:50]] == [
        (m.kind, m.time_ms, m.detail) for m in whole_marks[:50]
    ]
    assert (state.url, state.width, state.height) == (whole.url, whole.width, whole.height)


@recordings.catalogue()
@pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.name)
def test_counts_equal_a_count_by_hand(path) -> None:
    events = recordings.events(path)
    state, marks, _ = run([events])

    def count(holds) -> int:
        return sum(1 for event in events if holds(event, event.get("data") or {}))

    expected = {
        Total.EVENTS: len(events),
        Total.CLICKS: count(lambda e, d: e["type"] == 3 and d.get("source") == 2 and d.get("type") == 2),
        Total.INPUTS: count(
            lambda e, d: e["type"] == 3 and d.get("source") == 5 and d.get("userTriggered") is not False
        ),
        Total.PAGES: count(lambda e, d: e["type"] == 4),
        Total.FULL_SNAPSHOTS: count(lambda e, d: e["type"] == 2),
        Total.ERRORS: count(
            lambda e, d: e["type"] == 6 and d["plugin"] == "rrweb/console@1" and d["payload"].get("level") == "error"
        ),
        Total.WARNINGS: count(
            lambda e, d: e["type"] == 6 and d["plugin"] == "rrweb/console@1" and d["payload"].get("level") == "warn"
        ),
    }
    assert {place: state.totals[place] for place in expected} == expected
    assert [mark.detail for mark in marks if mark.kind == InteractionKind.PAGE] == [
        e["data"]["href"][:2048] for e in events if e["type"] == 4
    ]


def move(at: int) -> dict:
    return {"type": 3, "timestamp": T + at, "data": {"source": 1, "positions": []}}


@pytest.mark.parametrize(
    ("times", "active_ms"),
    [
        ([], 0),
        ([0], 0),
        ([0, 1000], 1000),
        ([0, ACTIVE_GAP_MS], ACTIVE_GAP_MS),
        ([0, ACTIVE_GAP_MS + 1], 0),
        ([0, 1000, 20_000, 21_500], 2_500),
        ([1000, 0, 2000], 1000),
        ([0, 0, 500], 500),
    ],
)
def test_active_time(times: list[int], active_ms: int) -> None:
    for chunks in ([[move(t) for t in times]], [[move(t)] for t in times]):
        state, _, _ = run(chunks)
        assert state.totals[Total.ACTIVE_MS] == active_ms


def test_what_nobody_did_is_not_activity() -> None:
    mutations = [{"type": 3, "timestamp": T + t, "data": {"source": 0}} for t in range(0, 5000, 100)]
    state, _, _ = run([mutations])
    assert state.totals[Total.ACTIVE_MS] == 0


META = {"type": 4, "timestamp": T, "data": {"href": "https://x.example/a", "width": 1280, "height": 720}}
FULL = {"type": 2, "timestamp": T + 10, "data": {"node": {}, "initialOffset": {"left": 0, "top": 0}}}


def test_a_snapshot_begins_with_its_meta_even_in_the_chunk_before() -> None:
    _, _, facts = run(
        [
            [META, FULL],
            [move(20)],
            [move(30), {**META, "timestamp": T + 40}],
            [{**FULL, "timestamp": T + 50}],
            [move(60)],
        ]
    )
    assert [(f.snapshot_seq, f.snapshot_ms) for f in facts] == [(1, T + 10), (0, 0), (0, 0), (3, T + 50), (0, 0)]


def test_a_snapshot_without_meta_begins_with_itself() -> None:
    _, _, facts = run([[move(0)], [FULL]])
    assert facts[1].snapshot_seq == 2


def test_order_never_falls_even_when_the_clock_does() -> None:
    state, seen = WindowState(), []
    for at in (0, 5_000, 1_000, 6_000):
        state, _ = fold(state, decode(json.dumps([move(at)]).encode()), raw_bytes=1, stored_bytes=1)
        seen.append(state.order_ms - T)
    assert seen == [0, 5_000, 5_000, 6_000]


def test_an_empty_chunk_counts_and_holds_nothing() -> None:
    state, _, [_, facts] = run([[move(5)], []])
    assert state.totals[Total.CHUNKS] == 2
    assert state.totals[Total.EVENTS] == 1
    assert (facts.first_ms, facts.last_ms) == (T + 5, T + 5)


def test_failed_requests() -> None:
    requests = [{"name": "/a", "status": status} for status in (200, 399, 400, 500, 0, None)]
    requests.append({"name": "https://pictures.example/a.png", "status": 0, "initiatorType": "img"})
    event = {"type": 6, "timestamp": T, "data": {"plugin": "rrweb/network@1", "payload": {"requests": requests}}}
    state, _, _ = run([[event]])
    assert state.totals[Total.FAILED_REQUESTS] == 3


@pytest.mark.parametrize(
    "payload", [None, 7, "x", [], {"level": 3}, {"requests": 7}, {"requests": [{"status": "x"}, 7, None]}]
)
@pytest.mark.parametrize("plugin", ["rrweb/console@1", "rrweb/network@1", "unknown"])
def test_plugin_payloads_of_any_form_pass(plugin: str, payload: object) -> None:
    event = {"type": 6, "timestamp": T, "data": {"plugin": plugin, "payload": payload}}
    state, _, _ = run([[event]])
    assert state.totals[Total.EVENTS] == 1
    assert state.totals[Total.ERRORS] == 0


@given(
    st.builds(
        WindowState,
        seq=st.integers(0, 2**32),
        totals=st.lists(st.integers(0, 2**63 - 1), max_size=len(Total)).map(tuple),
        order_ms=st.integers(0, 2**48),
        url=st.text(max_size=200),
    )
)
def test_states_are_read_back_and_older_ones_are_filled_up(state: WindowState) -> None:
    loaded = load_state(dump_state(state))
    assert loaded.totals[: len(state.totals)] == state.totals
    assert loaded.totals[len(state.totals) :] == (0,) * (len(Total) - len(state.totals))
    assert (loaded.seq, loaded.order_ms, loaded.url) == (state.seq, state.order_ms, state.url)


def test_states_are_small() -> None:
    sizes = {}
    for path in recordings.paths():
        state, _, _ = run([recordings.events(path)])
        sizes[path.name] = len(dump_state(state)) - len(state.url.encode())
    assert max(sizes.values()) < 400, sizes
