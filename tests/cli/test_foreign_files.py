"""Files that are no rrweb recordings, by name; and the exports of other recorders."""

from __future__ import annotations

import json

import pytest

from services.cli.transfer.formats import ImportedRecording, ImportProblem, read_recordings

from .crafted import START_MS, event, events

HAR = {"log": {"version": "1.2", "creator": {"name": "x"}, "entries": [{"request": {"url": "http://shop.test/"}}]}}
CLARITY = {"e": ["0.8.1", 1, 100, 5, "abc"], "a": ["[12,4,1]"], "p": ["[20,5,1]"]}


@pytest.fixture
def read(tmp_path):
    def read(value, name="visit.json"):
        path = tmp_path / name
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        found = list(read_recordings(path))
        return [one for one in found if isinstance(one, ImportedRecording)], [
            str(one).removeprefix(f"{path}") for one in found if isinstance(one, ImportProblem)
        ]

    return read


FOREIGN = {
    "har": (HAR, "is a HAR file, not a recording"),
    "clarity": (CLARITY, "is data of Microsoft Clarity"),
    "clarity without playback": ({"e": ["0.8.1"], "a": []}, "is data of Microsoft Clarity"),
    "clarity, decoded": ({"envelope": {"version": "0.8", "sequence": 1}, "dom": []}, "is data of Microsoft Clarity"),
    "clarity, a list": ([CLARITY, CLARITY], "is data of Microsoft Clarity"),
    "fullstory bundle": ({"When": 1, "Seq": 1, "Evts": [{"Kind": 1, "When": 2}]}, "is data of FullStory"),
    "fullstory export": ([{"EventStart": "2024-01-01", "EventType": "click", "IndvId": 3}], "is data of FullStory"),
    "logrocket": ({"recordingID": "5-0183", "sessionID": 0}, "is data of LogRocket"),
    "logrocket, by its address": ({"url": "https://app.logrocket.com/x/s/1"}, "data of LogRocket"),
    "hotjar": ({"site_id": 1, "recordings": [{"id": 3}]}, "is data of Hotjar"),
    "hotjar table": (b"Number,Link\n1,https://insights.hotjar.com/r?id=3\n", "is data of Hotjar"),
    "datadog": ({"records": [{"type": 4, "timestamp": 3}], "view": {"id": "a"}}, "Datadog"),
    "chrome trace": ({"traceEvents": [{"ph": "X"}]}, "is a performance trace of Chrome"),
    "chrome recorder": ({"title": "a", "steps": [{"type": "click"}]}, "is a flow of Chrome's Recorder"),
    "selenium": ({"id": "a", "tests": [], "suites": []}, "is a project of Selenium IDE"),
    "posthog's sources": ({"sources": [{"source": "blob_v2", "blob_key": "0"}]}, "PostHog's list of a recording's"),
    "an answer": ({"detail": "Authentication credentials were not provided."}, "an answer that reports an error"),
    "html": (b"<!doctype html>\n<title>Sign in</title>", "is an HTML page, not a recording"),
    "xml": (b"<?xml version='1.0'?><a/>", "is an XML document"),
    "webm": (b"\x1a\x45\xdf\xa3....", "is a video (WebM)"),
    "mp4": (b"\0\0\0\x18ftypmp42....", "is a video (MP4)"),
    "png": (b"\x89PNG\r\n\x1a\n", "is a picture (PNG)"),
    "pdf": (b"%PDF-1.7", "is a PDF document"),
    "openreplay": (b"\xff" * 8 + b"\0\1\2", "is a recording of OpenReplay in its own binary format"),
    "git lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\n", "is a pointer of Git LFS"),
    "tar": (b"visit.json".ljust(257, b"\0") + b"ustar\0" + b"00", "is a tar archive"),
}


@pytest.mark.parametrize(("value", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_is_no_recording_is_named_in_one_sentence(read, value, message):
    recordings, problems = read(value, "visit.har" if value is HAR else "visit.json")
    assert not recordings
    assert len(problems) == 1, problems
    assert message in problems[0]


def test_lines_that_are_no_recording_are_counted(read):
    recordings, problems = read(b"\n".join(json.dumps(CLARITY).encode() for _ in range(30)))
    assert not recordings
    assert [problem for problem in problems if "Clarity" in problem] == [
        ": 30 lines are data of Microsoft Clarity, not an rrweb recording"
    ]
    assert len(problems) == 1


def test_a_recording_of_such_a_tools_page_is_a_recording(read):
    visit = [event(0, 4, href="https://app.logrocket.com/", width=1, height=1), *events(3)]
    recordings, problems = read(visit)
    assert len(recordings) == 1
    assert not problems


WIREFRAME = {"id": 1, "x": 0, "y": 0, "width": 393, "height": 852, "type": "screenshot", "base64": "AAAA"}
MOBILE = [
    event(0, 4, href="Home", width=393, height=852),
    event(1, 2, wireframes=[WIREFRAME], initialOffset={"top": 0, "left": 0}),
    event(500, source=0, updates=[{"parentId": 1, "wireframe": WIREFRAME}]),
]


@pytest.mark.parametrize(
    "value",
    [
        MOBILE,
        {"version": "2023-04-28", "data": {"id": "m", "snapshots": [{"windowId": "1", **one} for one in MOBILE]}},
        [["1", one] for one in MOBILE],
    ],
)
def test_a_mobile_recording_of_posthog_is_refused_by_name(read, value):
    recordings, problems = read(value)
    assert not recordings
    assert len(problems) == 1
    assert "is of a mobile app, recorded by PostHog: its 3 events describe the screen as wireframes" in problems[0]


def test_posthogs_events_as_its_recorder_sends_them(read):
    visit = events(6)
    sent = [
        {
            "event": "$snapshot",
            "timestamp": "2024-01-01T00:00:00Z",
            "properties": {"$session_id": "s", "$window_id": "w", name: part},
        }
        for name, part in (("$snapshot_items", visit[:3]), ("$snapshot_data", visit[3:]))
    ]
    for text in (json.dumps(sent).encode(), b"\n".join(json.dumps(one).encode() for one in sent)):
        (recording,), problems = read(text)
        assert not problems
        assert recording.foreign_id == "s"
        assert [(one.foreign_id, len(one.events)) for one in recording.windows] == [("w", 6)]


def test_blobs_of_posthog_v1_and_v2(read):
    visit = events(6)
    v1 = b"\n".join(json.dumps({"window_id": "w", "data": part}).encode() for part in (visit[:3], visit[3:]))
    v2 = b"\n".join(json.dumps(["w", one]).encode() for one in visit)
    for text in (v1, v2):
        (recording,), problems = read(text)
        assert not problems
        assert [json.loads(one) for one in recording.windows[0].events] == visit


def test_events_of_amplitude_and_highlight(read):
    visit = [{**one, "_sid": number} for number, one in enumerate(events(5))]
    for value in ({"version": 1, "events": [json.dumps(one) for one in visit]}, {"events": {"events": visit}}):
        (recording,), problems = read(value)
        assert not problems
        assert [json.loads(one) for one in recording.windows[0].events] == visit
        assert recording.first_ms == START_MS
