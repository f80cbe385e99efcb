"""Sentry Replay downloads: breadcrumbs and spans as console messages, requests, pages and clicks."""

from __future__ import annotations

import gzip
import json

import pytest

from services.cli.transfer.formats import ImportedRecording, ImportNote, ImportProblem, read_recordings

from .crafted import START_MS, event, events

START_S = START_MS / 1_000


@pytest.fixture
def read(tmp_path):
    def read(value, name="replay.json"):
        path = tmp_path / name
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        found = list(read_recordings(path))
        return tuple(
            [one for one in found if isinstance(one, kind)] for kind in (ImportedRecording, ImportProblem, ImportNote)
        )

    return read


def events_of(recording):
    return [json.loads(text) for window in recording.windows for text in window.events]


def span(offset_s, op, description, took_s=0.1, *, stamp_s=True, **data):
    start = START_S + offset_s
    payload = {
        "op": op,
        "description": description,
        "startTimestamp": start,
        "endTimestamp": start + took_s,
        "data": data,
    }
    return {
        "type": 5,
        "timestamp": start if stamp_s else start * 1_000,
        "data": {"tag": "performanceSpan", "payload": payload},
    }


def breadcrumb(offset_s, category, **fields):
    payload = {"timestamp": START_S + offset_s, "type": "default", "category": category, **fields}
    return {
        "type": 5,
        "timestamp": round((START_S + offset_s) * 1_000),
        "data": {"tag": "breadcrumb", "payload": payload},
    }


VISIT = [event(0, 4, href="http://shop.test/start", width=1_200, height=800), *events(20, step_ms=200)]


def taken(read, *sentrys):
    recordings, problems, notes = read([[*VISIT, *sentrys]])
    assert not problems, [str(problem) for problem in problems]
    found = events_of(recordings[0])
    assert [one for one in found if one in VISIT] == VISIT
    return [one for one in found if one not in VISIT], [str(note) for note in notes]


@pytest.mark.parametrize("stamp_s", [True, False])
def test_a_request_becomes_one_of_the_network_plugin(read, stamp_s):
    sides = {"request": {"size": 3, "headers": {"a": "b"}, "body": "x=1"}, "response": {"size": 9, "body": {"ok": 1}}}
    sentrys = span(
        1.6, "resource.fetch", "http://shop.test/cart", stamp_s=stamp_s, method="POST", statusCode=500, **sides
    )
    (found,), notes = taken(read, sentrys)
    assert (found["type"], found["timestamp"], found["data"]["plugin"]) == (6, START_MS + 1_600, "rrweb/network@1")
    (request,) = found["data"]["payload"]["requests"]
    assert request["duration"] == pytest.approx(100, abs=1)
    assert {key: request[key] for key in ("name", "method", "status", "initiatorType", "timestamp")} == {
        "name": "http://shop.test/cart",
        "method": "POST",
        "status": 500,
        "initiatorType": "fetch",
        "timestamp": START_MS + 1_600,
    }
    assert (request["requestHeaders"], request["requestBody"], request["responseBody"]) == (
        {"a": "b"},
        "x=1",
        {"ok": 1},
    )
    assert "taken over as 1 request" in notes[-1]


@pytest.mark.parametrize(
    ("op", "status", "expected"),
    [("img", 0, None), ("script", 200, 200), ("fetch", 0, 0), ("xhr", 404, 404), ("css", None, None)],
)
def test_the_status_0_of_a_picture_is_no_failure(read, op, status, expected):
    (found,), _ = taken(read, span(1, f"resource.{op}", "http://cdn.test/x", statusCode=status))
    assert found["data"]["payload"]["requests"][0].get("status") == expected


@pytest.mark.parametrize(
    ("level", "expected"),
    [("error", "error"), ("fatal", "error"), ("warning", "warn"), ("info", "info"), ("log", "log")],
)
def test_a_console_breadcrumb_becomes_a_console_message(read, level, expected):
    data = {"arguments": ["boom", {"a": 1}], "logger": "console"}
    (found,), notes = taken(read, breadcrumb(1.5, "console", level=level, message="boom [object Object]", data=data))
    assert (found["type"], found["timestamp"], found["data"]["plugin"]) == (6, START_MS + 1_500, "rrweb/console@1")
    assert found["data"]["payload"] == {"level": expected, "trace": [], "payload": ['"boom"', '{"a": 1}']}
    assert "1 console message" in notes[0]


def test_a_console_breadcrumb_without_arguments_has_its_message(read):
    (found,), _ = taken(read, breadcrumb(1.5, "console", level="error", message="boom"))
    assert found["data"]["payload"]["payload"] == ['"boom"']


@pytest.mark.parametrize(
    "sentrys",
    [
        span(1, "navigation.push", "/cart?x=1"),
        span(1, "navigation.push", "http://shop.test/cart?x=1"),
        breadcrumb(1, "navigation", data={"from": "/start", "to": "/cart?x=1"}),
    ],
)
def test_a_change_of_the_url_becomes_a_page(read, sentrys):
    (found,), notes = taken(read, sentrys)
    assert found["data"] == {"tag": "afterimage.url", "payload": {"href": "http://shop.test/cart?x=1"}}
    assert "1 change of the URL" in notes[-1]


@pytest.mark.parametrize("category", ["ui.click", "ui.slowClickDetected", "ui.multiClick"])
def test_a_click_that_rrweb_did_not_record_becomes_one(read, category):
    details = {"nodeId": 14, "node": {"id": 14, "tagName": "button"}, "clickCount": 5}
    crumb = breadcrumb(1.05, category, message="button#b", data=details)
    found, _ = taken(read, crumb)
    assert crumb in found
    (click,) = (one for one in found if one != crumb)
    assert (click["type"], click["data"]) == (3, {"source": 2, "type": 2, "id": 14})


def test_a_click_that_rrweb_recorded_is_not_counted_twice(read):
    click = event(1_500, source=2, type=2, id=14, x=1, y=2)
    crumb = breadcrumb(1.4, "ui.click", data={"nodeId": 14})
    found, notes = taken(read, click, crumb)
    assert sorted(found, key=str) == sorted([click, crumb], key=str)
    assert not notes


def test_spans_and_breadcrumbs_are_put_in_their_place_in_time(read):
    late = [span(0.5, "resource.fetch", "http://shop.test/a"), breadcrumb(0.1, "console", message="a")]
    recordings, *_ = read([VISIT[:10], VISIT[10:], late])
    stamps = [one["timestamp"] for one in events_of(recordings[0])]
    assert stamps == sorted(stamps)


def test_rrwebs_events_keep_their_order_where_the_clock_was_set_back(read):
    back = [event(-5_000, n=1), event(-4_800, n=2)]
    recordings, *_ = read([[*VISIT, *back, breadcrumb(0.1, "console", message="a")]])
    found = events_of(recordings[0])
    assert [one for one in found if one["type"] != 6] == [*VISIT, *back]


@pytest.mark.parametrize(
    "other",
    [
        span(1, "memory", "memory", stamp_s=False, memory={"usedJSHeapSize": 1}),
        span(1, "web-vital", "largest-contentful-paint", stamp_s=False, value=3),
        breadcrumb(1, "replay.mutations", data={"count": 900}),
        breadcrumb(1, "ui.blur"),
        {"type": 5, "timestamp": START_MS + 1_000, "data": {"tag": "options", "payload": {"maskAllText": True}}},
        {"type": 5, "timestamp": START_MS + 1_000, "data": {"tag": "breadcrumb", "payload": None}},
    ],
)
def test_what_has_no_counterpart_stays_as_it_is(read, other):
    assert taken(read, other) == ([other], [])


def test_segments_as_the_recorder_sends_them(read):
    text = b"".join(
        b'{"segment_id":%d}\n%s\n' % (number, json.dumps(part).encode())
        for number, part in enumerate((VISIT[:8], VISIT[8:]))
    )
    for content in (text, gzip.compress(text)):
        (recording,), problems, _ = read(content)
        assert not problems
        assert events_of(recording) == VISIT


def test_a_mobile_replay_is_refused_by_name(read):
    video = {"type": 5, "timestamp": START_MS, "data": {"tag": "video", "payload": {"size": 9, "container": "mp4"}}}
    recordings, problems, _ = read([[VISIT[0], video, *VISIT[1:]]])
    assert not recordings
    assert "is of a mobile app, recorded by Sentry: its picture is a video beside these 22 events" in str(problems[0])
