"""Chunking for import, and joining stored chunks for export: nothing lost, nothing moved."""

from __future__ import annotations

import gzip
import io
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import recordings
from support.campaign import examples

from services.cli.transfer.formats import ImportedRecording, read_recordings, to_chunks
from services.export.rrweb_json.joining import ChunkError, write_events

from .crafted import EVERY_RECORDING, event, events, load

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(st.characters(codec=None)), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=5)  # fmt: skip
TIMES = st.integers(0, 100_000) | st.floats(0, 1e6, allow_nan=False)
EVENTS = st.lists(
    st.fixed_dictionaries({"type": st.integers(0, 9), "timestamp": TIMES, "data": JSON})
    .map(lambda one: json.dumps(one, indent=1).encode()),
    max_size=25,
)  # fmt: skip


def stored(chunks, window="w"):
    return [(window, gzip.compress(chunk)) for chunk in chunks]


def written(chunks, **options):
    out = io.BytesIO()
    size_bytes = write_events(chunks, out, **options)
    assert size_bytes == len(out.getvalue())
    return json.loads(out.getvalue())


@recordings.catalogue()
@pytest.mark.parametrize("path", EVERY_RECORDING)
def test_real_recordings_survive_the_round_trip(path):
    (recording,) = (one for one in read_recordings(path) if isinstance(one, ImportedRecording))
    chunks = list(to_chunks(recording.windows[0].events))
    assert written(stored(chunks), windows=1) == load(path)
    assert written(stored(chunks)) == load(path)


@pytest.mark.campaign
@settings(max_examples=examples(25, 200))
@given(EVENTS, st.integers(1, 3_000), st.integers(1, 10), st.integers(1, 50_000))
def test_chunks_joined_are_the_events(texts, max_bytes, max_events, span_ms):
    chunks = list(to_chunks(texts, max_bytes, max_events, span_ms))
    assert chunks == list(to_chunks(iter(texts), max_bytes, max_events, span_ms))
    for chunk in chunks:
        inside = json.loads(chunk)
        assert 1 <= len(inside) <= max_events
        assert len(chunk) <= max_bytes or len(inside) == 1
        assert all(abs(one["timestamp"] - inside[0]["timestamp"]) < span_ms for one in inside)
    expected = [json.loads(text) for text in texts]
    assert written(stored(chunks), windows=1) == expected
    assert written(stored(chunks)) == expected


@pytest.mark.campaign
@settings(max_examples=examples(25, 200))
@given(st.dictionaries(st.integers(0, 3), EVENTS, min_size=2), st.randoms(use_true_random=False))
def test_windows_are_merged_and_each_keeps_its_order(recorded, chance):
    lanes = {window: stored(to_chunks(texts, 300, 3, 9_000), window) for window, texts in recorded.items()}
    chunks = []
    while any(lanes.values()):
        chunks.append(lanes[chance.choice([window for window, lane in lanes.items() if lane])].pop(0))
    tagged = {window: [json.loads(text) for text in texts] for window, texts in recorded.items()}
    merged = written(chunks)
    assert sorted(map(repr, merged)) == sorted(repr(one) for found in tagged.values() for one in found)
    for found in tagged.values():
        rest = iter(merged)
        assert all(any(one == other for other in rest) for one in found)


def test_sorted_windows_merge_by_time_and_ties_go_to_the_first_window():
    def tab(name, *offsets):
        return stored([json.dumps([event(offset, tab=name) for offset in offsets]).encode()], name)

    merged = written([*tab("b", 0, 10), *tab("a", 0, 5, 10), *tab("b", 10, 20)])
    seen = [(one["data"]["tab"], one["timestamp"] - 1_700_000_000_000) for one in merged]
    assert seen == [("b", 0), ("a", 0), ("a", 5), ("b", 10), ("b", 10), ("a", 10), ("b", 20)]


def test_one_window_is_written_as_it_comes():
    out = io.BytesIO()

    def chunks():
        for index in range(3):
            yield "w", gzip.compress(json.dumps(events(2)).encode())
            assert len(out.getvalue()) > 100 * (index + 1)

    write_events(chunks(), out, windows=1)
    assert json.loads(out.getvalue()) == events(2) * 3


def test_a_single_large_event_is_a_chunk_of_its_own():
    small, large = json.dumps(event()).encode(), json.dumps(event(1, filler="x" * 2_000_000)).encode()
    assert list(to_chunks([small, small, large, small])) == [
        b"[" + small + b"," + small + b"]",
        b"[" + large + b"]",
        b"[" + small + b"]",
    ]


def test_what_is_no_event_is_not_packed():
    with pytest.raises(msgspec.DecodeError):
        list(to_chunks([b'{"type": 3}']))


@pytest.mark.parametrize("options", [{}, {"windows": 1}])
def test_nothing_is_an_empty_array(options):
    assert written([], **options) == []
    assert written([("w", b"[]"), ("w", b" [ ] ")], **options) == []


def test_payloads_may_be_plain():
    assert written([("w", json.dumps(events(2)).encode()), *stored([json.dumps(events(1)).encode()])]) == [
        *events(2),
        *events(1),
    ]


def test_payloads_may_be_several_gzip_members():
    payload = gzip.compress(b"[" + json.dumps(event()).encode()) + gzip.compress(b"]")
    assert written([("w", payload)]) == [event()]


BAD_CHUNKS = {
    "cut off": (gzip.compress(b"[]" * 50)[:-4], "cut off"),
    "damaged": (b"\x1f\x8b\x08\x00" + b"\xff" * 20, "cannot be inflated"),
    "no array": (gzip.compress(b'{"type": 3}'), "not a"),
}


@pytest.mark.parametrize(("payload", "message"), BAD_CHUNKS.values(), ids=BAD_CHUNKS)
@pytest.mark.parametrize("second", [[], [("other", b"[]")]], ids=["one window", "two windows"])
def test_a_bad_chunk_is_named(payload, message, second):
    with pytest.raises(ChunkError, match=rf"chunk 2 of window w.*{message}"):
        write_events([("w", b"[]"), ("w", payload), *second], io.BytesIO())


def test_a_chunk_that_inflates_without_end(monkeypatch):
    monkeypatch.setattr("services.export.rrweb_json.joining.MAX_PAYLOAD_BYTES", 1_000)
    with pytest.raises(ChunkError, match="more than 1,000 bytes"):
        write_events(stored([b"[" + b" " * 9_000 + b"]"]), io.BytesIO())


def test_a_second_window_where_one_was_promised():
    with pytest.raises(ChunkError, match="only a was expected"):
        write_events([("a", b"[]"), ("b", b"[]")], io.BytesIO(), windows=1)
