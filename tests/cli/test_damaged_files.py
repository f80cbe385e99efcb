"""Damaged files, odd encodings and archives: everything whole is taken, the rest is named with its count."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zipfile
from hashlib import sha256

import pytest
import zstd
from hypothesis import given
from hypothesis import strategies as st

from services.cli.transfer.content import MAX_LAYERS
from services.cli.transfer.formats import ImportedRecording, ImportNote, ImportProblem, read_recordings
from services.cli.transfer.salvage import salvage

from .crafted import START_MS, event, events, packed

TEN = events(10)
WHOLE = json.dumps(TEN).encode()


@pytest.fixture
def put(tmp_path):
    def put(content, name="visit.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return put


def lines(*values):
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def read(path, **options):
    found = list(read_recordings(path, **options))
    return tuple(
        [one for one in found if isinstance(one, kind)] for kind in (ImportedRecording, ImportProblem, ImportNote)
    )


def events_of(recording):
    return [json.loads(text) for window in recording.windows for text in window.events]


def taken(path):
    recordings, problems, _ = read(path)
    assert len(recordings) <= 1
    return (events_of(recordings[0]) if recordings else []), [str(problem) for problem in problems]


ENCODINGS = {
    "UTF-8 with its mark": codecs.BOM_UTF8 + WHOLE,
    "UTF-16 little, mark": WHOLE.decode().encode("utf-16"),
    "UTF-16 big, mark": codecs.BOM_UTF16_BE + WHOLE.decode().encode("utf-16-be"),
    "UTF-16 little": WHOLE.decode().encode("utf-16-le"),
    "UTF-16 big": WHOLE.decode().encode("utf-16-be"),
    "UTF-32 little, mark": codecs.BOM_UTF32_LE + WHOLE.decode().encode("utf-32-le"),
    "UTF-32 big": WHOLE.decode().encode("utf-32-be"),
    "UTF-16 with empty lines": ("\r\n\r\n" + WHOLE.decode()).encode("utf-16"),
    "UTF-16 JSON lines": lines(*TEN).decode().replace("\n", "\r\n").encode("utf-16"),
    "UTF-16 in gzip": gzip.compress(WHOLE.decode().encode("utf-16")),
}


@pytest.mark.parametrize("content", ENCODINGS.values(), ids=ENCODINGS)
def test_every_encoding_of_json_is_read(put, content):
    assert taken(put(content)) == (TEN, [])


def test_the_encoding_does_not_change_the_session(put):
    (plain,), *_ = read(put(WHOLE))
    (utf16,), *_ = read(put(WHOLE.decode().encode("utf-16")))
    assert plain.foreign_id == utf16.foreign_id
    assert plain.windows == utf16.windows


def test_characters_of_utf16_arrive_whole(put):
    text = json.dumps([event(0, text="Grüße 😀 \ud83d")], ensure_ascii=False)
    (found,), problems = taken(put(text.encode("utf-16-le", "surrogatepass")))
    assert found["data"]["text"] == "Grüße 😀 \ud83d"
    assert not problems


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf16_that_is_cut_in_a_character_gives_its_whole_events(put, encoding):
    content = WHOLE.decode().encode(encoding)
    found, problems = taken(put(content[: len(content) // 2 | 1]))
    assert found == TEN[: len(found)]
    assert 3 <= len(found) <= 6
    assert "UTF-16: it ends in the middle of a character" in problems[0]
    assert f"{len(found)} events before it are taken" in problems[0]


ENVELOPES = {
    "array": TEN,
    "rrweb-player": {"events": TEN},
    "segments": [TEN[:4], TEN[4:]],
    "posthog": {"version": "2023-04-28", "data": {"id": "a", "person": None, "snapshots": TEN}},
    "session": {"session_id": "a", "events": TEN},
    "list of sessions": [{"session_id": "a", "events": TEN}],
    "by window": {"events": {"main": TEN}},
    "pairs": [["main", one] for one in TEN],
    "packed": [packed(one) for one in TEN],
}


@pytest.mark.parametrize("value", ENVELOPES.values(), ids=ENVELOPES)
def test_a_document_cut_anywhere_gives_its_whole_events(put, value):
    text = json.dumps(value).encode()
    counts = set()
    for end in [*range(len(text) - 1, 0, -17), len(text) - 1]:
        found, problems = taken(put(text[:end]))
        plain = [{key: part for key, part in one.items() if key != "v"} for one in found]
        assert plain == TEN[: len(plain)], end
        assert len(problems) == 1, (end, problems)
        if plain:
            assert f"; {len(plain)} event{' is' if len(plain) == 1 else 's are'} taken" in problems[0]
        counts.add(len(plain))
    assert counts >= set(range(9)), "events are lost that were whole"


@given(st.integers(0, len(WHOLE)))
def test_no_event_is_made_up_wherever_a_document_is_cut(end):
    for value in salvage(WHOLE[:end]).values:
        assert all(one in TEN for one in json.loads(value))


def test_an_event_that_is_cut_is_never_repaired(put):
    # Its type and time are there; half of its changes are not.
    last = {"type": 3, "timestamp": START_MS + 5_000, "data": {"source": 0, "texts": [{"id": n} for n in range(50)]}}
    text = json.dumps([*TEN, last]).encode()
    found, problems = taken(put(text[:-40]))
    assert found == TEN
    assert "10 events are taken, 1 damaged part left out" in problems[0]


def test_json_lines_that_are_cut_give_their_whole_lines(put):
    text = lines(*TEN)
    found, problems = taken(put(text[:-30], "visit.jsonl"))
    assert found == TEN[:9]
    assert len(problems) == 1
    assert "line 10" in problems[0]


def test_a_line_that_is_cut_gives_its_whole_events_to_its_session(put):
    text = lines({"session_id": "a", "data": TEN[:5]}, {"session_id": "a", "data": TEN[5:]})
    found, problems = taken(put(text[:-120], "visit.jsonl"))
    assert found == TEN[: len(found)]
    assert 7 <= len(found) <= 9
    assert "damaged part left out" in problems[0]


@pytest.mark.parametrize("name", ["visit.json.gz", "visit.jsonl.gz", "visit.json"])
def test_gzip_that_is_cut_gives_its_whole_events(put, name):
    noisy = [event(n, noise=sha256(b"%d" % n).hexdigest()) for n in range(5_000)]
    content = gzip.compress(lines(*noisy) if "jsonl" in name else json.dumps(noisy).encode())
    found, problems = taken(put(content[: len(content) * 3 // 4], name))
    assert found == noisy[: len(found)]
    assert 3_000 < len(found) < 4_500
    assert len(problems) == 1
    assert f"the gzip data is damaged: it ends too early; {len(found):,} events before it are taken" in problems[0]


def test_gzip_that_is_damaged_gives_the_whole_events_before_the_damage(put):
    noisy = [event(n, noise=sha256(b"%d" % n).hexdigest()) for n in range(5_000)]
    content = bytearray(gzip.compress(json.dumps(noisy).encode()))
    content[len(content) // 2 : len(content) // 2 + 64] = b"\xff" * 64
    found, problems = taken(put(bytes(content), "visit.json.gz"))
    assert found[:1_500] == noisy[:1_500]
    assert any("the gzip data is damaged" in problem for problem in problems)


def test_several_gzip_members_are_one_file(put):
    content = gzip.compress(WHOLE[:100]) + gzip.compress(WHOLE[100:]) + b"\0" * 512
    assert taken(put(content)) == (TEN, [])


DAMAGE = {
    "a word": b"undefined",
    "nothing, between commas": b"",
    "a half event": b'{"type": 3, "timestamp": 1700000000',
    "an event without a comma": b'{"type": 3 "timestamp": 1700000000000}',
    "a string without its end": b'{"type": 3, "timestamp": 1700000000000, "data": {"a": "b}}',
    "a bracket too many": b'{"type": 3, "timestamp": 1700000000000, "data": {"a": [1]]}}',
    "nested too deep": b'{"type":3,"timestamp":1700000000000,"data":' + b"[" * 9_000 + b"]" * 9_000 + b"}",
    "binary": b"\x00\x01\x02\xff",
}


@pytest.mark.parametrize("bad", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("around", [b"%s", b'{"events": %s}', b'{"data": {"id": "a", "snapshots": %s}}'])
def test_a_damaged_part_costs_only_itself(put, bad, around):
    parts = [json.dumps(one).encode() for one in TEN]
    document = around % (b"[" + b", ".join([*parts[:4], bad, *parts[4:]]) + b"]")
    found, problems = taken(put(document))
    # An event behind a string without its end cannot be distinguished from the string.
    assert [one for one in TEN if one not in found] in ([], TEN[4:5])
    assert len(found) >= 9
    assert len(problems) == 1
    assert f"{len(found)} events are taken" in problems[0]


NUMBERS = {"NaN": b"NaN", "Infinity": b"Infinity", "-Infinity": b"-Infinity"}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("form", ["document", "lines", "gzip"])
def test_numbers_that_json_does_not_have_are_read_as_null(put, number, form):
    odd = b'{"type": 3, "timestamp": 1700000000950, "data": {"source": 2, "x": %s, "text": "NaN, Infinity"}}' % number
    parts = [*(json.dumps(one).encode() for one in TEN), odd]
    text = b"\n".join(parts) if form == "lines" else b"[" + b",".join(parts) + b"]"
    found, problems = taken(put(gzip.compress(text) if form == "gzip" else text))
    assert found[:10] == TEN
    assert found[10]["data"] == {"source": 2, "x": None, "text": "NaN, Infinity"}
    assert len(problems) == 1
    assert "has 1 number that JSON does not have (NaN, Infinity): read as null" in problems[0]


def test_raw_control_characters_in_strings_are_read_and_said(put):
    text = json.dumps([*TEN, event(990, text="a\tb")]).replace("\\t", "\t").encode()
    recordings, problems, notes = read(put(text))
    assert events_of(recordings[0])[10]["data"]["text"] == "a\tb"
    assert not problems
    assert "1 control character" in str(notes[0])


JOINED = {
    "arrays": json.dumps(TEN[:5]).encode() + json.dumps(TEN[5:]).encode(),
    "events": b"".join(json.dumps(one).encode() for one in TEN),
    "events over lines": b"\n".join(json.dumps(one, indent=1).encode() for one in TEN),
    "an array without brackets": b",\n".join(json.dumps(one).encode() for one in TEN) + b",\n",
    "record separators": b"".join(b"\x1e" + json.dumps(one).encode() + b"\n" for one in TEN),
    "packed events": b" ".join(json.dumps(packed(one)).encode() for one in TEN),
}


@pytest.mark.parametrize("text", JOINED.values(), ids=JOINED)
def test_documents_after_each_other_are_one_recording(put, text):
    found, problems = taken(put(text))
    assert [{key: part for key, part in one.items() if key != "v"} for one in found] == TEN
    assert not problems


def test_sessions_after_each_other_stay_apart(put):
    text = b"".join(json.dumps({"session_id": name, "events": TEN[:2]}, indent=2).encode() for name in "ab")
    recordings, problems, _ = read(put(text))
    assert [recording.foreign_id for recording in recordings] == ["a", "b"]
    assert not problems


def zipped(members, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_the_files_of_a_zip_archive_are_read_each(put):
    other = json.dumps(events(3, step_ms=7)).encode()
    members = {
        "visits/a.json": WHOLE,
        "visits/b.json.gz": gzip.compress(other),
        "visits/": b"",
        "__MACOSX/visits/._a.json": b"\0\5\x16\x07",
        "notes.txt": b"hello",
    }
    path = put(zipped(members), "visits.zip")
    recordings, problems, _ = read(path)
    assert [recording.foreign_id.split("-")[0] for recording in recordings] == ["a", "b"]
    assert events_of(recordings[0]) == TEN
    assert len(problems) == 1
    assert str(problems[0]).startswith(f"{path}/notes.txt, byte 0: is not JSON")
    (plain,), *_ = read(put(WHOLE, "a.json"))
    assert recordings[0].foreign_id == plain.foreign_id


def test_zip_archives_that_cannot_be_read_are_named(put):
    whole = zipped({"a.json": WHOLE})
    encrypted = bytearray(whole)
    encrypted[6] |= 1
    encrypted[whole.index(b"PK\x01\x02") + 8] |= 1
    crc = bytearray(whole)
    crc[whole.index(b"PK\x01\x02") + 16] ^= 0xFF
    for content, message, count in (
        (whole[:-30], "is zip, but damaged", 0),
        (bytes(encrypted), "is encrypted: unpack it first", 0),
        (bytes(crc), "the zip data is damaged", 0),
        (zipped({}), "is a zip archive without a file", 0),
        (zipped({"inner.zip": whole}), "is a zip archive inside of another file", 0),
    ):
        found, problems = taken(put(content, "visits.zip"))
        assert len(problems) == 1
        assert message in problems[0]
        assert len(found) == count


def test_zstd_is_read(put):
    content = zstd.compress(WHOLE)
    assert taken(put(content, "visit.json.zst")) == (TEN, [])
    found, problems = taken(put(content[:-20]))
    assert (found, len(problems)) == ([], 1)
    assert "is zstd, but damaged or cut off: none of it can be read" in problems[0]
    bomb = b"\x28\xb5\x2f\xfd\xe0" + (1 << 50).to_bytes(8, "little") + content[9:]
    assert "over the limit of" in taken(put(bomb))[1][0]


def test_compression_in_compression_has_an_end(put):
    content = WHOLE
    for _ in range(MAX_LAYERS):
        content = gzip.compress(content)
    assert taken(put(content)) == (TEN, [])
    assert f"more than {MAX_LAYERS} times" in taken(put(gzip.compress(content)))[1][0]


def test_repeated_events_are_taken_once_and_said(put):
    move = event(0, source=1, positions=[{"x": 1, "y": 2, "id": 3, "timeOffset": 0}])
    log = {"type": 6, "timestamp": START_MS + 1, "data": {"plugin": "rrweb/console@1", "payload": {"level": "log"}}}
    for given_events, expected in (
        ([one for one in TEN for _ in range(2)], TEN),  # each twice
        ([*TEN, *TEN], TEN),  # the whole delivery again
        ([*TEN[:6], *TEN[3:]], TEN),  # a part of it
        ([move, log, move, log], [move, log]),
        ([*TEN, log, log, log], [*TEN, log, log, log]),  # a page that prints a line thrice
        ([*TEN, {**TEN[0], "delay": 3}], [*TEN, {**TEN[0], "delay": 3}]),
    ):
        recordings, problems, notes = read(put(given_events))
        assert events_of(recordings[0]) == expected
        assert not problems
        assert [str(note).split(" has ")[1] for note in notes] == (
            [f"{len(given_events) - len(expected)} events twice or more; each is taken once"]
            if expected != given_events
            else []
        )


def test_equal_events_of_two_windows_are_two(put):
    recordings, *_ = read(put({"events": {"a": TEN, "b": TEN}}))
    assert len(events_of(recordings[0])) == 20


@pytest.mark.parametrize("depth", [480, 500, 1_000, 1_400])
@pytest.mark.parametrize("form", ["document", "lines", "session"])
def test_pages_are_read_as_deep_as_the_service_takes_them(put, depth, form):
    node = b'{"type":2,"id":9,"tagName":"b","attributes":{},"childNodes":[]}'
    for number in range(depth):
        node = b'{"type":2,"id":%d,"tagName":"div","attributes":{},"childNodes":[%s]}' % (10 + number, node)
    deep = b'{"type":2,"timestamp":1700000000001,"data":{"node":%s,"initialOffset":{"top":0,"left":0}}}' % node
    first = json.dumps(TEN[0]).encode()
    text = {
        "document": b"[%s,%s]" % (first, deep),
        "lines": b"%s\n%s\n" % (first, deep),
        "session": b'{"session_id":"a","events":[%s,%s]}' % (first, deep),
    }[form]
    recordings, problems, _ = read(put(text))
    assert not problems
    assert recordings[0].windows[0].events == (first, deep)
