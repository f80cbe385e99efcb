"""Payloads: accepted ones, refused ones with their reasons, and the bound of memory."""

from __future__ import annotations

import gzip
import json
import os
import re
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.payload import (
    BadPayload,
    Bounds,
    Fault,
    check_parts,
    check_times,
    decode,
    deflate,
    inflate,
    replace_lone_surrogates,
)

BOUNDS = Bounds(max_bytes=1_000_000, max_inflated_bytes=1_000_000, max_timestamp_ms=2_000_000_000_000)
T = 1_700_000_000_000


@given(st.binary(max_size=100_000))
def test_deflate_and_inflate_are_inverse(data: bytes) -> None:
    assert inflate(deflate(data), BOUNDS) == data
    assert gzip.decompress(deflate(data)) == data
    assert deflate(data) == deflate(data)


def test_gzip_of_several_members_is_one_text() -> None:
    assert inflate(gzip.compress(b"[") + gzip.compress(b"]"), BOUNDS) == b"[]"


def test_exactly_the_bound_is_let_in() -> None:
    assert len(inflate(gzip.compress(b" " * 1_000_000), BOUNDS)) == 1_000_000
    with pytest.raises(BadPayload) as caught:
        inflate(gzip.compress(b" " * 1_000_001), BOUNDS)
    assert caught.value.fault is Fault.TOO_LARGE
    assert "max_inflated_bytes (1,000,000)" in str(caught.value)


def test_a_bomb_costs_no_more_than_the_bound() -> None:
    bomb = gzip.compress(b"\0" * 100_000_000)
    assert len(bomb) < 110_000
    tracemalloc.start()
    with pytest.raises(BadPayload) as caught:
        inflate(bomb, BOUNDS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.fault is Fault.TOO_LARGE
    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("noise", "zeros", "fault"),
    [
        (0, 2_000_000, "inflates to more than 1,048,576 bytes"),
        (8_000, 8_000_000, "inflates to more than 3,"),
        (64_000, 8_000_000, None),
    ],
)
def test_a_large_text_may_have_a_limited_multiple_of_the_bytes_that_are_sent(
    noise: int, zeros: int, fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.audit.payload.INFLATION_FROM_BYTES", 2**20)
    payload = gzip.compress(os.urandom(noise) + bytes(zeros), mtime=0)
    bounds = Bounds(2**23, 2**23)
    if fault is None:
        assert len(inflate(payload, bounds)) == noise + zeros
        return
    with pytest.raises(BadPayload, match=fault) as caught:
        inflate(payload, bounds)
    assert caught.value.fault is Fault.TOO_LARGE
    assert "200 times the bytes that are sent" in str(caught.value)
    stored = Bounds(2**23, 2**23, max_inflation=0)
    assert len(inflate(payload, stored)) == noise + zeros, "stored chunks are read at any ratio"


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (b"[" + b"0," * 600_000 + b"0]", "600,001 events, more than 50,000"),
        (b"[" + b"{}," * 600_000 + b"{}]", "600,001 events, more than 50,000"),
        (b"[" * 2_000_000, "2,000,001 JSON values, more than 2,000,000"),
        (b"[[" + b"0," * 2_000_000 + b"0]]", "2,000,003 JSON values, more than 2,000,000"),
        (b'[{"":[' + b'"",' * 1_999_000 + b'""]}]', None),
        (b"[[" + b'{"":"","":""},' * 650_000, "2,600,000 strings, more than 2,500,000"),
        (b'["' + b"0,[{" * 2_000_000 + b'"]', None),
        (b'["' + b'\\",[' * 2_000_000 + b'"]', None),
        (b"\\" * 2_000_001, None),
    ],
)
def test_parts_are_counted_before_anything_is_built_of_them(text: bytes, limit: str | None) -> None:
    check_parts(bytes(2_000_000))  # loads the loops
    tracemalloc.start()
    try:
        if limit is None:
            check_parts(text)
        else:
            with pytest.raises(BadPayload, match=re.escape(limit)) as caught:
                decode(text)
            assert caught.value.fault is Fault.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_a_snapshot_of_100_000_elements_is_within_the_limits() -> None:
    nodes = [
        {
            "type": 2,
            "tagName": "td",
            "attributes": {"class": "cell", "title": str(number)},
            "childNodes": [{"type": 3, "textContent": f"row {number}", "id": 2 * number + 3}],
            "id": 2 * number + 2,
        }
        for number in range(100_000)
    ]
    snapshot = {"type": 2, "timestamp": T, "data": {"node": {"type": 0, "childNodes": nodes, "id": 1}}}
    text = json.dumps([snapshot], separators=(",", ":")).encode()
    assert len(decode(inflate(gzip.compress(text), Bounds(2**26, 2**26)))) == 1


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"not gzip at all", "is not gzip"),
        (b"", None),
        (gzip.compress(b"[1,2,3]")[:-9], "ends too early"),
        (gzip.compress(b"[]") + b"junk", "gzip"),
        (zlib.compress(b"[]"), "is not gzip"),
        (gzip.compress(b"[]")[:-1] + b"\x01", "gzip"),
    ],
)
def test_what_is_not_gzip_is_refused(payload: bytes, words: str | None) -> None:
    if words is None:
        assert inflate(payload, BOUNDS) == b""
        with pytest.raises(BadPayload):
            decode(b"")
        return
    with pytest.raises(BadPayload) as caught:
        inflate(payload, BOUNDS)
    assert caught.value.fault is Fault.INVALID_PAYLOAD
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is not JSON"),
        (b"{}", "is not a JSON array"),
        (b"null", "is not a JSON array"),
        (b"[1]", "event 0 is not an object"),
        (b'[{"timestamp":1}]', "event 0"),
        (b'[{"type":3}]', "event 0"),
        (b'[{"type":3,"timestamp":1},{"type":"3","timestamp":1}]', "event 1"),
        (b'[{"type":3,"timestamp":"1700000000000"}]', "event 0"),
        (b'[{"type":3.5,"timestamp":1}]', "event 0"),
        (b'[{"type":3,"timestamp":NaN}]', "is not JSON"),
        (b'[{"type":3,"timestamp":1e999}]', "event 0"),
        (b'[{"type":3,"timestamp":1}', "is not JSON"),
        (b'[{"type":3,"timestamp":1}]]', "is not JSON"),
        (b'[{"type":3,"timestamp":1,"data":"\xff"}]', "is not UTF-8 at byte 3"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b'[{"type":3,"timestamp":1,"data":{"node":' + b"[" * 100_000 + b"]" * 100_000 + b"}}]", "nested too deep"),
    ],
)
def test_what_is_no_array_of_events_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(BadPayload) as caught:
        decode(text)
    assert caught.value.fault is Fault.INVALID_PAYLOAD
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_types_and_odd_data_pass() -> None:
    text = json.dumps(
        [
            {"type": 99, "timestamp": T, "data": [1, 2], "more": {}},
            {"type": 3, "timestamp": T + 0.5, "data": {"source": "new", "x": "a"}},
            {"type": 3, "timestamp": T},
            {"type": 5, "timestamp": T, "data": {"tag": "a", "payload": 7}, "delay": 3},
            {"type": 3, "timestamp": T, "data": None},
        ]
    ).encode()
    events = decode(text)
    assert [event.type for event in events] == [99, 3, 3, 5, 3]
    assert events[1].timestamp == T + 0.5


@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.integers(0, 20), "timestamp": st.integers(0, 2**45) | st.floats(0, 2**45)},
            optional={
                "data": st.recursive(
                    st.none()
                    | st.booleans()
                    | st.integers(-(2**53), 2**53)
                    | st.text()
                    | st.floats(allow_nan=False, allow_infinity=False),
                    lambda inner: (
                        st.lists(inner, max_size=3)
                        | st.dictionaries(
                            st.sampled_from(
                                ["source", "type", "id", "x", "href", "payload", "node", "positions", "tag"]
                            )
                            | st.text(),
                            inner,
                            max_size=4,
                        )
                    ),
                    max_leaves=12,
                )
            },
        )
    )
)
def test_any_event_with_type_and_timestamp_is_let_in(events: list[dict]) -> None:
    decoded = decode(json.dumps(events).encode())
    assert [(event.type, event.timestamp) for event in decoded] == [(e["type"], e["timestamp"]) for e in events]


@given(
    st.lists(st.sampled_from(["\\ud83d", "\\ude00", "\\ud83d\\ude00", "\\\\ud800", "\\n", "x", "é", "\\uD8ff", '\\"']))
)
def test_lone_surrogates_are_let_in_and_whole_pairs_are_left(parts: list[str]) -> None:
    inside = "".join(parts)
    text = f'[{{"type":3,"timestamp":{T},"data":{{"href":"{inside}"}}}}]'.encode()
    [event] = decode(text)
    assert event.data is not None
    expected = json.loads(f'"{inside}"').encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert event.data.href == expected
    assert len(replace_lone_surrogates(text)) == len(text)


_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


@given(
    st.lists(st.sampled_from(["\\ud83d", "\\uDe00", "\\", "u", "d8", "x", "\\uD9zz", "\\uDc0", "0", "\\ud", "g", "C"]))
)
def test_lone_surrogates_are_replaced_as_a_pattern_finds_them(parts: list[str]) -> None:
    text = "".join(parts).encode()
    expected = _ESCAPE.sub(lambda match: b"\\ufffd" if match["lone"] else match[0], text)
    assert replace_lone_surrogates(text) == expected


@pytest.mark.parametrize(
    ("timestamp", "words"),
    [
        (1_700_000_000, "milliseconds since 1970, not seconds"),
        (0, "not seconds"),
        (2_000_000_000_001, "is after 2000000000000"),
    ],
)
def test_times_out_of_bounds_are_refused(timestamp: int, words: str) -> None:
    events = decode(json.dumps([{"type": 3, "timestamp": T}, {"type": 3, "timestamp": timestamp}]).encode())
    with pytest.raises(BadPayload) as caught:
        check_times(events, min(T, timestamp), max(T, timestamp), BOUNDS)
    assert caught.value.fault is Fault.INVALID_TIME
    assert "event 1" in str(caught.value)
    assert words in str(caught.value)
