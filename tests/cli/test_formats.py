"""Every format that `afterimage import` reads, and every kind of damage."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import recordings

from services.cli.transfer import inflate
from services.cli.transfer.formats import (
    ImportedRecording,
    ImportProblem,
    read_recordings,
    session_id_for,
    window_id_for,
)
from services.export.rrweb_json.surrogates import hide_lone_surrogates, show_lone_surrogates

from .crafted import EVERY_RECORDING, SAMPLE_FILES, START_MS, event, events, gzipped, load, packed


@pytest.fixture
def put(tmp_path):
    def put(content, name="visit.json"):
        path = tmp_path / name
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return put


def lines(*values):
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def read(path, **options):
    found = list(read_recordings(path, **options))
    return [one for one in found if isinstance(one, ImportedRecording)], [
        one for one in found if isinstance(one, ImportProblem)
    ]


def read_well(path):
    recordings, problems = read(path)
    assert not problems, [str(problem) for problem in problems]
    return recordings


def windows(recording):
    return {window.foreign_id: [json.loads(text) for text in window.events] for window in recording.windows}


FIVE = events(5)


@recordings.catalogue()
@pytest.mark.parametrize("path", EVERY_RECORDING)
def test_real_recordings_are_read_event_for_event(path):
    (recording,) = read_well(path)
    expected = load(path)
    assert windows(recording) == {"main": expected}
    assert recording.first_ms == min(one["timestamp"] for one in expected) // 1


def test_samples_are_there_and_small():
    assert [path.name for path in SAMPLE_FILES] == [
        "shop-checkout.json.gz",
        "shop-errors.json.gz",
        "shop-mobile.json.gz",
    ]
    assert sum(path.stat().st_size for path in SAMPLE_FILES) < 150_000


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.name)
def test_samples_play_from_their_first_event(path):
    recorded = load(path)
    kinds = [one["type"] for one in recorded]
    assert kinds.index(4) < kinds.index(2) < kinds.index(3)
    assert 20_000 <= recorded[-1]["timestamp"] - recorded[0]["timestamp"] <= 60_000
    assert [one["timestamp"] for one in recorded] == sorted(one["timestamp"] for one in recorded)
    pages = [one["data"]["href"] for one in recorded if one["type"] == 4]
    assert len(pages) >= 5
    assert all(page.startswith("http://shop.example.com/") for page in pages)


ONE_SESSION = {
    "array": json.dumps(FIVE).encode(),
    "array over lines": json.dumps(FIVE, indent=2).encode(),
    "array, an event a line": b"[\n" + b",\n".join(json.dumps(one).encode() for one in FIVE) + b"\n]\n",
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(FIVE).encode(),
    "json lines": lines(*FIVE),
    "json lines with gaps": b"\n" + lines(*FIVE[:2]) + b"\r\n\n" + lines(*FIVE[2:]).rstrip(),
    "json lines of lists": lines(FIVE[:2], FIVE[2:]),
    "rrweb-player": json.dumps({"events": FIVE, "width": 1280}).encode(),
    "packer array": json.dumps([packed(one) for one in FIVE]).encode(),
    "packer lines": lines(*(packed(one) for one in FIVE)),
    "two packed events": json.dumps([packed(one) for one in FIVE[:2]]).encode(),
    "events as strings": json.dumps([json.dumps(one) for one in FIVE]).encode(),
    "mixed": json.dumps([packed(FIVE[0]), FIVE[1], json.dumps(FIVE[2]), *FIVE[3:]]).encode(),
}


@pytest.mark.parametrize("text", ONE_SESSION.values(), ids=ONE_SESSION)
@pytest.mark.parametrize("name", ["visit.json", "visit.json.gz"])
def test_one_session_in_every_form(put, text, name):
    (recording,) = read_well(put(text, name))
    (found,) = windows(recording).values()
    assert [{key: value for key, value in one.items() if key != "v"} for one in found] == FIVE[: len(found)]
    assert len(found) == (2 if text == ONE_SESSION["two packed events"] else 5)
    assert recording.first_ms == START_MS
    assert recording.foreign_id.startswith("visit-")


A, B = events(3), events(2, step_ms=50)
EXPORT = "2023-04-28"
WINDOWED = {
    "pairs": [["w1", one] for one in A] + [["w2", one] for one in B],
    "batches": [{"windowId": "w1", "data": A}, {"window_id": "w2", "data": B}],
    "posthog 2022-12-02": {
        "version": "2022-12-02",
        "data": {"person": None, "snapshotsByWindowId": {"w1": A, "w2": B}},
    },
    "posthog by window": {"version": EXPORT, "data": {"id": "", "snapshots": {"w1": A, "w2": B}}},
    "rrweb-player by window": {"events": {"w1": A, "w2": B}},
}


@pytest.mark.parametrize("value", WINDOWED.values(), ids=WINDOWED)
def test_windows_are_told_apart(put, value):
    (recording,) = read_well(put(value))
    assert windows(recording) == {"w1": A, "w2": B}


def test_pairs_and_batches_as_lines(put):
    (recording,) = read_well(put(lines(["w1", A[0]], ["w2", B[0]], {"window_id": "w1", "data": A[1:]}, ["w2", B[1]])))
    assert windows(recording) == {"w1": A, "w2": B}


def test_posthogs_export_keeps_its_id_and_its_windows(put):
    snapshots = [{"windowId": "w1", **A[0]}, {"windowId": 2, **B[0]}, {"windowId": "w1", **A[1]}]
    (recording,) = read_well(
        put({"version": EXPORT, "data": {"id": "018f-a", "person": {"x": 1}, "snapshots": snapshots}})
    )
    assert recording.foreign_id == "018f-a"
    assert windows(recording) == {"w1": [snapshots[0], snapshots[2]], "2": [snapshots[1]]}


def test_posthogs_compressed_fields_are_inflated(put):
    node = {"node": {"id": 1, "text": "Grüße \ud83d"}, "initialOffset": {"top": 0, "left": 0}}
    mutation = {"source": 0, "texts": [{"id": 4, "value": "x"}], "attributes": [], "removes": [], "adds": [{"id": 9}]}
    sheet = {"source": 8, "id": 5, "adds": [{"rule": "a{}"}]}
    plain = [event(0, 4, href="http://shop.example.com/"), event(1, 2, **node), event(2, **mutation), event(3, **sheet)]
    squeezed = [{key: gzipped(value) if key in {"texts", "attributes", "removes", "adds"} else value
                 for key, value in one["data"].items()} for one in plain]  # fmt: skip
    snapshots = [
        {"windowId": "w", **plain[0]},
        {"windowId": "w", **plain[1], "data": gzipped(node), "cv": "2024-10"},
        {"windowId": "w", **plain[2], "data": {**squeezed[2], "removes": ""}, "cv": "2024-10"},
        {"windowId": "w", **plain[3], "data": squeezed[3], "cv": "2024-10"},
    ]
    (recording,) = read_well(put({"version": EXPORT, "data": {"id": "p", "snapshots": snapshots}}))
    assert windows(recording) == {"w": [{"windowId": "w", **one} for one in plain]}


MANY = {
    "lines of sessions": lines({"session_id": "a", "events": A}, {"sessionId": "b", "events": B}),
    "lines of parts": lines(
        {"session_id": "a", "window_id": "main", "data": A[:1]},
        {"session_id": "b", "window_id": "main", "data": B},
        {"session_id": "a", "window_id": "main", "data": A[1:]},
    ),
    "list of sessions": json.dumps([{"id": "a", "events": A}, {"id": "b", "snapshots": B}]).encode(),
    "by session": json.dumps({"a": A, "b": B}).encode(),
    "by session, wrapped": json.dumps({"a": {"events": A}, "b": {"snapshots": {"main": B}}}).encode(),
    "by session and window": json.dumps({"a": {"main": A}, "b": {"main": B}}).encode(),
    "lines of exports": lines(
        *({"version": EXPORT, "data": {"id": i, "snapshots": s}} for i, s in (("a", A), ("b", B)))
    ),
}


@pytest.mark.parametrize("text", MANY.values(), ids=MANY)
def test_many_sessions_in_a_file(put, text):
    found = {recording.foreign_id: windows(recording) for recording in read_well(put(text))}
    assert found == {"a": {"main": A}, "b": {"main": B}}


def test_a_session_of_lines_is_yielded_at_its_last_line(put):
    path = put(
        lines({"session_id": "a", "events": A}, {"session_id": "b", "events": B}, {"session_id": "a", "events": A})
    )
    assert [recording.foreign_id for recording in read_well(path)] == ["b", "a"]


def test_sessions_without_an_id_are_numbered(put):
    recordings = read_well(put(lines({"events": A}, {"events": B})))
    assert len({recording.foreign_id for recording in recordings}) == 2
    assert [windows(recording)["main"] for recording in recordings] == [A, B]


def test_text_stays_as_it_lies(put):
    text = rb'{ "timestamp":1700000000000.50, "type" : 7, "data":{"a":1.0,"s":"\u00e9\/ \ud83d end","n":1e2} }'
    tail = rb'{"type":99,"timestamp":1600000000000}'
    for content, name in ((b"[%s ,\n%s]" % (text, tail), "a.json"), (b"%s\n%s\n" % (text, tail), "a.jsonl")):
        (recording,) = read_well(put(content, name))
        assert recording.windows[0].events == (text, tail)
        assert recording.first_ms == 1_600_000_000_000


def test_unsorted_events_keep_the_files_order(put):
    unsorted = [event(500), event(0), event(500, number=1), event(-20)]
    (recording,) = read_well(put(unsorted))
    assert windows(recording)["main"] == unsorted
    assert recording.first_ms == START_MS - 20


def test_the_same_content_is_the_same_session_and_other_content_another(put, tmp_path):
    first, zipped, other = put(FIVE), put(FIVE, "visit.json.gz"), put(FIVE[:4], "other.json")
    assert read_well(first)[0].foreign_id == read_well(zipped)[0].foreign_id
    renamed = tmp_path / "deeper" / "visit.json"
    renamed.parent.mkdir()
    renamed.write_bytes(other.read_bytes())
    assert read_well(renamed)[0].foreign_id != read_well(first)[0].foreign_id


def test_a_bad_line_is_named_and_the_rest_goes_on(put):
    recordings, problems = read(put(lines(FIVE[0]) + b'{"type": 3,\n' + lines(*FIVE[1:]), "visit.jsonl"))
    assert [(one.line, one.byte) for one in problems] == [(2, 12)]
    assert windows(recordings[0])["main"] == FIVE


def test_a_bad_first_line_is_named_and_the_rest_goes_on(put):
    recordings, problems = read(put(b"{nonsense}\n" + lines(*FIVE)))
    assert [(one.line, one.byte) for one in problems] == [(1, 1)]
    assert windows(recordings[0])["main"] == FIVE


BAD_DOCUMENTS = {
    "not json": (b"hello", 0, "not JSON"),
    "trailing comma": (b"[1,]", 3, "trailing comma"),
    "cut off": (b'[{"type":3,"timestamp":1', 24, "truncated"),
    "something behind": (b"[] x", 3, "trailing"),
    "binary": (b"\x00\x01\x02", 0, "not JSON"),
    "nested too deep": (b"[" * 100_000 + b"]" * 100_000, None, "nested too deep"),
    "damaged zip": (b"PK\x03\x04....", 0, "is zip, but damaged"),
    "damaged zstd": (b"\x28\xb5\x2f\xfd....", 0, "is zstd"),
    "bzip2": (b"BZh91AY", 0, "is a bzip2 file: unpack it first"),
    "empty": (b"", 0, "not JSON"),
}


@pytest.mark.parametrize(("text", "byte", "message"), BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
def test_a_bad_document_is_named_with_its_byte(put, text, byte, message):
    recordings, problems = read(put(text))
    assert not recordings
    assert [problem.byte for problem in problems] == [byte]
    assert message in str(problems[0])
    assert "visit.json" in str(problems[0])


BAD_EVENTS = {
    "no timestamp": ({"type": 3}, "timestamp"),
    "no type": ({"timestamp": 3}, "type"),
    "type is text": ({"type": "3", "timestamp": 3}, "type"),
    "timestamp is text": ({"type": 3, "timestamp": "2024"}, "timestamp"),
    "time before 1970": ({"type": 3, "timestamp": -1}, "milliseconds"),
    "time beyond all": ({"type": 3, "timestamp": 1e300}, "milliseconds"),
    "neither": ({"hello": 1}, "neither type nor timestamp"),
    "number": (17, "is 17, not an event"),
    "null": (None, "is null"),
    "text": ("hello", "not an event"),
    "packed, cut off": (packed(FIVE[0])[:-9], "cut off"),
    "packed, damaged": (packed(FIVE[0])[:9] + "\xff\xff\xff" + packed(FIVE[0])[12:], "cannot be inflated"),
    "packed, no bytes": (packed(FIVE[0]) + "\u20ac", "not bytes"),
    "unknown compression": ({**FIVE[0], "cv": "2031-01"}, "2031-01"),
    "damaged compression": ({**event(0, 2), "data": "nope", "cv": "2024-10"}, "cannot be inflated"),
    "compressed nonsense": (
        {**event(0, 2), "data": gzip.compress(b"{").decode("latin-1"), "cv": "2024-10"},
        "not JSON",
    ),
    "lists in lists": ([[[[[[FIVE[0]]]]]]], "too many lists"),
}


@pytest.mark.parametrize(("bad", "message"), BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_bad_event_is_named_by_its_index_and_the_rest_goes_on(put, bad, message):
    recordings, problems = read(put([FIVE[0], FIVE[1], bad, *FIVE[2:]]))
    assert len(problems) == 1
    assert problems[0].message.startswith("event 2 ")
    assert message in problems[0].message
    assert windows(recordings[0])["main"] == FIVE


def test_an_event_that_is_not_utf8_is_named(put):
    recordings, problems = read(put(b'[{"type":3,"timestamp":1},{"type":3,"timestamp":2,"data":"\xff"}]'))
    assert [problem.message for problem in problems] == ["event 1 is not UTF-8 at its byte 32"]
    assert len(recordings[0].windows[0].events) == 1


def test_a_packed_event_of_another_version_is_named(put):
    text = inflate.zlib.compress(json.dumps({**FIVE[0], "v": "v2"}).encode()).decode("latin-1")
    _, problems = read(put([FIVE[0], text]))
    assert "version v1" in problems[0].message


@pytest.mark.parametrize("text", [b"[]", b"{}", b"17", b'{"events": []}', b"[1,2,3]", b'{"a": 1, "b": []}', b"\n\n"])
@pytest.mark.parametrize("name", ["visit.json", "visit.jsonl"])
def test_json_that_holds_no_recording_says_so(put, text, name):
    recordings, problems = read(put(text, name))
    assert not recordings
    assert problems


def test_endless_complaints_are_counted(put):
    recordings, problems = read(put([FIVE[0], *range(5_000)]))
    assert len(recordings) == 1
    assert len(problems) == 21
    assert problems[-1].message == "4980 more events of the recording could not be read"


def test_a_gzip_file_cut_off_gives_its_whole_lines(put, tmp_path):
    noisy = [event(index, noise=sha256(b"%d" % index).hexdigest()) for index in range(20_000)]
    packed_text = gzip.compress(lines(*noisy))
    path = tmp_path / "visit.jsonl.gz"
    path.write_bytes(packed_text[: len(packed_text) // 2])
    recordings, problems = read(path)
    found = windows(recordings[0])["main"]
    assert 1_000 < len(found) < 20_000
    assert found == noisy[: len(found)]
    assert [problem.line for problem in problems] == [len(found) + 1]
    assert "ends too early" in problems[0].message


def test_a_gzip_document_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "visit.json.gz"
    text = bytearray(gzip.compress(json.dumps(FIVE).encode()))
    text[-6] ^= 0xFF
    path.write_bytes(bytes(text))
    recordings, problems = read(path)
    assert not recordings
    assert "gzip data is damaged" in problems[0].message


def test_a_file_that_is_named_gz_and_is_not(tmp_path):
    path = tmp_path / "visit.json.gz"
    path.write_bytes(b"hello")
    _, problems = read(path)
    assert "neither gzip, as its name suggests, nor JSON" in problems[0].message


def test_a_bomb_stops_at_the_limit(put):
    path = put(b"[" + b" " * 50_000_000 + b"]", "visit.json.gz")
    assert path.stat().st_size < 100_000
    recordings, problems = read(path, max_bytes=1_000_000)
    assert not recordings
    assert "1,000,000 bytes" in problems[0].message


def test_packed_bombs_stop_at_the_limit(put, monkeypatch):
    bomb = packed(event(0, filler=" " * 3_000_000))
    monkeypatch.setattr(inflate, "MAX_EVENT_BYTES", 2_000_000)
    recordings, problems = read(put([FIVE[0], bomb]))
    assert "2,000,000 bytes" in problems[0].message
    assert len(recordings[0].windows[0].events) == 1
    monkeypatch.setattr(inflate, "MAX_EVENT_BYTES", 4_000_000)
    recordings, problems = read(put([FIVE[0], bomb, bomb]), max_bytes=5_000_000)
    assert [problem.message.split()[1] for problem in problems] == ["2"]
    assert len(recordings[0].windows[0].events) == 2


def test_a_file_that_is_not_there(tmp_path):
    _, problems = read(tmp_path / "nothing.json")
    assert "cannot be read: No such file" in problems[0].message


@given(st.text(), st.integers(min_value=-10, max_value=1 << 50), st.text())
def test_ids_are_uuid7_with_the_sessions_time(foreign_id, first_ms, window):
    session = session_id_for(foreign_id, first_ms)
    assert session == session_id_for(foreign_id, first_ms)
    assert (session.version, session.variant) == (7, RFC_4122)
    assert session.int >> 80 == min(max(first_ms, 0), (1 << 48) - 1)
    assert session != session_id_for(foreign_id + "x", first_ms)
    tab = window_id_for(session, window)
    assert (tab.version, tab.variant, tab.int >> 80) == (7, RFC_4122, session.int >> 80)
    assert len({tab, window_id_for(session, window + "x"), window_id_for(UUID(int=1), window), session}) == 4


def test_ids_never_change():
    session = session_id_for("018f-a", START_MS)
    assert session == UUID("018bcfe5-6800-7a2b-97eb-013333cb9b3a")
    assert window_id_for(session, "main") == UUID("018bcfe5-6800-7a4e-a7aa-baa06522c5de")


@given(
    st.lists(st.sampled_from(["\ud83d", "\ude00", "\ud83d\ude00", "é", "\\", '"', "\\ud83d", "u", "\n"])).map("".join)
)
def test_lone_surrogates_are_hidden_and_shown_without_a_trace(text):
    written = json.dumps(text).encode()
    hidden = hide_lone_surrogates(written)
    assert len(hidden) == len(written)
    json.loads(hidden).encode()  # Raises if a half is left.
    assert show_lone_surrogates(hidden) == written
