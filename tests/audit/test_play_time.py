"""The rule of play times, by the cases that the player's tests run too, and events that are there twice."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.payload import MAX_TIMESTAMP_MS, decode
from services.audit.play_time import play
from services.audit.rrweb import Event
from services.runtime.play_clock import CLOCK_STEP_MS, PlayClock, play_times

T = 1_790_000_000_000
CASES = json.loads((Path(__file__).parents[1] / "support" / "play_times.json").read_text())


def played(timestamps, sizes):
    """Returns the play times of each chunk, and the positions at which the clock had been set back."""
    clock, last, chunks, set_back, begin = PlayClock(), 0, [], [], 0
    for size in sizes:
        events = [Event(3, T + time) for time in timestamps[begin : begin + size]]
        found = play(clock, events, last)
        clock, last = found.clock, found.last
        chunks.append([int(event.timestamp) - T for event in found.events])
        set_back += [begin + position for position in found.set_back]
        begin += size
    return chunks, set_back


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_events_are_played_in_the_order_of_recording(case):
    timestamps = case["timestamps"]
    chunks, set_back = played(timestamps, case.get("chunks", [len(timestamps)]))
    assert [time for chunk in chunks for time in chunk] == case["played"]
    assert set_back == case["set_back"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_first_events_play_time_tells_those_of_a_stored_chunk(case):
    """From any event on, as in a shared part that begins within a chunk."""
    for begin in range(len(case["timestamps"])):
        found = play_times(T + case["played"][begin], [T + time for time in case["timestamps"][begin:]])
        assert [time - T for time in found] == case["played"][begin:]


@given(st.lists(st.integers(0, 5_000_000), min_size=1, max_size=30), st.integers(1, 5))
def test_no_step_of_the_clock_changes_the_order_or_depends_on_the_chunks(timestamps, size):
    whole, _ = played(timestamps, [len(timestamps)])
    sizes = [len(timestamps[begin : begin + size]) for begin in range(0, len(timestamps), size)]
    chunks, _ = played(timestamps, sizes)
    assert [time for chunk in chunks for time in chunk] == whole[0]
    for before, after in pairwise(whole[0]):
        assert before <= after
    # A step back adds less than one second, and a step forward adds itself.
    forward = sum(max(after - before, 0) for before, after in pairwise(timestamps))
    assert whole[0][-1] - whole[0][0] <= forward + CLOCK_STEP_MS * len(timestamps)


def test_a_clock_that_goes_on_and_back_without_end_stays_within_the_times_that_can_be_stored():
    clock = PlayClock(latest_ms=MAX_TIMESTAMP_MS - 500, shift_ms=0)
    found = play(clock, [Event(3, float(T)), Event(3, float(MAX_TIMESTAMP_MS)), Event(3, float(T))])
    assert [event.timestamp for event in found.events][-2:] == [MAX_TIMESTAMP_MS] * 2


def test_chunks_stored_before_the_rule_begin_with_their_earliest_timestamp():
    assert list(play_times(T, [T + 600, T + 300, T + 900])) == [T + 600, T + 600, T + 900]


CLICK = {"type": 3, "timestamp": T, "data": {"source": 2, "type": 2, "id": 5, "x": 1, "y": 2}}
RULES = [{"type": 3, "timestamp": T, "data": {"source": 8, "id": 5, "adds": [{"rule": rule}]}} for rule in "ab"]
SAID = {"type": 6, "timestamp": T, "data": {"plugin": "rrweb/console@1", "payload": {"level": "error"}}}


def later(event, ms, **data):
    return {**event, "timestamp": T + ms, "data": {**event["data"], **data}}


REPEATED = {
    "each twice": ([CLICK, CLICK, later(CLICK, 5), later(CLICK, 5)], 2),
    "three times": ([CLICK, CLICK, CLICK], 2),
    "a message": ([SAID, SAID], 1),
    "after the clock was set back": ([later(CLICK, 9_000), CLICK, CLICK], 1),
}
ONCE = {
    "at the same moment in two places": [CLICK, later(CLICK, 0, x=2)],
    "on the same place at two moments": [CLICK, later(CLICK, 1)],
    "not one after the other": [CLICK, SAID, CLICK],
    "of a kind of which the server does not read all": RULES,
}


def count(recording, chunk_size):
    clock, last, kept = PlayClock(), 0, 0
    for begin in range(0, len(recording), chunk_size):
        found = play(clock, decode(json.dumps(recording[begin : begin + chunk_size]).encode()), last)
        clock, last, kept = found.clock, found.last, kept + len(found.events)
        assert found.repeated == len(recording[begin : begin + chunk_size]) - len(found.events)
    return kept


@pytest.mark.parametrize("name", REPEATED)
def test_an_event_that_is_there_again_is_left_out(name):
    recording, repeated = REPEATED[name]
    assert count(recording, len(recording)) == len(recording) - repeated


@pytest.mark.parametrize("chunk_size", [1, 2, 3])
@pytest.mark.parametrize("name", REPEATED)
def test_also_at_the_border_of_two_chunks(name, chunk_size):
    recording, repeated = REPEATED[name]
    assert count(recording, chunk_size) == len(recording) - repeated


@pytest.mark.parametrize("name", ONCE)
def test_events_that_are_alike_stay(name):
    assert count(ONCE[name], len(ONCE[name])) == len(ONCE[name])
