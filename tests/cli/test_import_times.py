"""Timestamps in other units: understood when that is sure, else refused by name; no session lasts decades."""

from __future__ import annotations

import json

import pytest

from services.cli.transfer.formats import ImportedRecording, ImportNote, ImportProblem, read_recordings

from .crafted import START_MS, event, events

NOW_MS = START_MS + 30 * 86_400_000
DAY_MS = 86_400_000


@pytest.fixture
def read(tmp_path):
    def read(value):
        path = tmp_path / "visit.json"
        path.write_text(json.dumps(value))
        found = list(read_recordings(path, now_ms=lambda: NOW_MS))
        return tuple(
            [one for one in found if isinstance(one, kind)] for kind in (ImportedRecording, ImportProblem, ImportNote)
        )

    return read


def in_unit(visit, per_s, as_type=float):
    return [{**one, "timestamp": as_type(one["timestamp"] / 1_000 * per_s)} for one in visit]


def times(recording):
    return [json.loads(text)["timestamp"] for window in recording.windows for text in window.events]


VISIT = events(40, step_ms=250)


@pytest.mark.parametrize(
    ("per_s", "as_type", "unit"),
    [
        (1, float, "seconds"),
        (1, int, "seconds"),
        (10**6, int, "microseconds"),
        (10**6, float, "microseconds"),
        (10**9, int, "nanoseconds"),
    ],
)
def test_a_recording_in_another_unit_is_understood(read, per_s, as_type, unit):
    (recording,), problems, notes = read(in_unit(VISIT, per_s, as_type))
    assert not problems
    assert [round(time / 1_000) for time in times(recording)] == [
        round(one["timestamp"] / 1_000 if as_type is float else one["timestamp"] // 1_000) for one in VISIT
    ] or per_s > 1
    assert recording.first_ms == START_MS
    assert max(times(recording)) - min(times(recording)) <= 10_000
    assert f"of 40 events, the timestamps of 40 in {unit} were read as such" in str(notes[0])


def test_the_rest_of_an_event_stays_as_it_lies(read):
    odd = {"timestamp": START_MS / 1_000 + 0.5, "windowId": "w", "type": 3, "data": {"n": 1.50, "s": "Grüße \ud83d"}}
    (recording,), *_ = read([odd, *in_unit(VISIT, 1)])
    found = json.loads(recording.windows[0].events[0])
    assert found == {**odd, "timestamp": START_MS + 500}


@pytest.mark.parametrize("per_s", [1, 10**6])
@pytest.mark.parametrize("at", [0, 17, 39])
def test_single_times_in_another_unit_among_milliseconds_are_understood(read, per_s, at):
    (odd,) = in_unit([event(at * 250 + 100)], per_s)
    (recording,), problems, notes = read([*VISIT[:at], odd, *VISIT[at:]])
    assert not problems
    assert times(recording)[at] == START_MS + at * 250 + 100
    assert "1 in" in str(notes[0])
    assert len(times(recording)) == 41


@pytest.mark.parametrize("odd", [0, 3, 0.5, 900_000_000, 6_000_000_000, 1_200_000_000, 1_200_000_000_000_000])
def test_a_time_that_fits_nowhere_is_left_out_and_named(read, odd):
    (recording,), problems, _ = read([*VISIT[:5], {**event(0), "timestamp": odd}, *VISIT[5:]])
    assert times(recording) == [one["timestamp"] for one in VISIT]
    assert len(problems) == 1
    assert f"1 of 41 events are left out, the first with timestamp {odd:.15g}: neither" in str(problems[0])


@pytest.mark.parametrize(
    "stamps",
    [
        [START_MS // 1_000 + number * 600 for number in range(20)],  # as seconds, ten minutes between events
        [START_MS // 1_000 + number * 9_000 for number in range(20)],  # as seconds, over a day
        [START_MS / 1_000 + number * 9_000.5 for number in range(20)],
    ],
)
def test_what_is_not_surely_seconds_is_refused_by_name(read, stamps):
    recordings, problems, _ = read([{**event(0, n=number), "timestamp": stamp} for number, stamp in enumerate(stamps)])
    assert not recordings
    assert len(problems) == 1
    assert "not milliseconds since 1970, and not surely seconds" in str(problems[0])


@pytest.mark.parametrize("first", [0, 1_900_000_001, 300_000])
def test_a_clock_that_was_never_set_keeps_its_times(read, first):
    stamps = [first + number * 130 for number in range(12)]
    (recording,), problems, notes = read(
        [{**event(0, n=number), "timestamp": stamp} for number, stamp in enumerate(stamps)]
    )
    assert times(recording) == stamps
    assert not problems
    assert not notes


@pytest.mark.parametrize("stamp", [-1, 1e300, 5e14, 2e16])
def test_a_time_in_no_unit_is_a_damaged_event(read, stamp):
    (recording,), problems, _ = read([*VISIT, {**event(0), "timestamp": stamp}])
    assert len(times(recording)) == 40
    assert "neither milliseconds since 1970 nor seconds" in str(problems[0])


def test_each_session_of_a_file_has_its_own_unit(read):
    recordings, problems, notes = read({"a": VISIT, "b": in_unit(VISIT, 1)})
    assert [recording.first_ms for recording in recordings] == [START_MS] * 2
    assert not problems
    assert len(notes) == 1
