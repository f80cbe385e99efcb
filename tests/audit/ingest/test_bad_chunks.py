"""Invalid chunks: rejected in one sentence, nothing stored, the server unharmed."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from afterimage.recording.v1 import chunk_pb2
from isal import igzip
from support.audit_server import GZIP, IDENTITY, StreamRecorder, is_one_sentence, move, new_session, now_ms, start_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


GAP, TOO_LARGE, INVALID_PAYLOAD, INVALID_TIME = 1, 2, 3, 4


@pytest.mark.parametrize("seq", [0, -1, -(2**63), 2**32, 2**63 - 1])
async def test_a_seq_that_cannot_be(shared_audit, seq):
    session = new_session()
    async with shared_audit.recorder(session) as recorder:
        await recorder.send(seq, [move(start_of(session))])
        error = await recorder.ended(half_close=False)
    assert (error.code, list(error.fields)) == (INVALID_ARGUMENT, ["chunk.seq"])
    assert "1 to 4294967295" in error.message
    is_one_sentence(error)
    assert not await shared_audit.is_stored(session)


async def test_a_negative_last_seq(shared_audit):
    session = new_session()
    async with shared_audit.recorder(session) as recorder:
        error = await recorder.end(-1)
    assert (error.code, list(error.fields)) == (INVALID_ARGUMENT, ["end.last_seq"])


def at(text: str) -> bytes:
    """Returns JSON text with NOW replaced by a valid timestamp."""
    return text.replace("NOW", str(now_ms())).encode()


def nested(opening: str, inside: str, closing: str, depth: int = 100_000) -> bytes:
    return opening.encode() * depth + inside.encode() + closing.encode() * depth


def padded(events: bytes) -> bytes:
    """Returns a list of events, and a string that gzip cannot compress: a sender chooses how far a chunk inflates."""
    padding = b'{"type":9,"timestamp":1,"data":"' + os.urandom(24 * 1024).hex().encode() + b'"}'
    return b"[" + padding + b"," + events + b"]"


GOOD = b'[{"type":3,"data":{},"timestamp":1700000000000}]'


ZIPPED = gzip.compress(GOOD)


PAYLOADS = {
    "not gzip": (b"hello", GZIP, INVALID_PAYLOAD, "gzip"),
    "empty gzip": (b"", GZIP, INVALID_PAYLOAD, "payload"),
    "plain JSON as gzip": (GOOD, GZIP, INVALID_PAYLOAD, "gzip"),
    "zlib as gzip": (b"x\x9c" + ZIPPED[10:], GZIP, INVALID_PAYLOAD, "gzip"),
    "truncated gzip": (ZIPPED[:-9], GZIP, INVALID_PAYLOAD, "too early"),
    "gzip without its trailer": (ZIPPED[:-4], GZIP, INVALID_PAYLOAD, "too early"),
    "gzip with a wrong checksum": (ZIPPED[:-8] + bytes(4) + ZIPPED[-4:], GZIP, INVALID_PAYLOAD, "gzip"),
    "gzip with garbage behind it": (ZIPPED + b"garbage", GZIP, INVALID_PAYLOAD, "gzip"),
    "gzip with zeros behind it": (ZIPPED + bytes(64), GZIP, INVALID_PAYLOAD, "gzip"),
    "empty": (b"", IDENTITY, INVALID_PAYLOAD, "JSON"),
    "not JSON": (b"hello", IDENTITY, INVALID_PAYLOAD, "JSON"),
    "cut JSON": (GOOD[:-5], IDENTITY, INVALID_PAYLOAD, "JSON"),
    "JSON with more behind it": (GOOD + b"[]", IDENTITY, INVALID_PAYLOAD, "JSON"),
    "JSON lines": (GOOD[1:-1] + b"\n" + GOOD[1:-1], IDENTITY, INVALID_PAYLOAD, "JSON"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, IDENTITY, INVALID_PAYLOAD, "JSON"),
    "UTF-16": (GOOD.decode().encode("utf-16"), IDENTITY, INVALID_PAYLOAD, "UTF-8"),
    "object": (b'{"type":3}', IDENTITY, INVALID_PAYLOAD, "array"),
    "string": (b'"[]"', IDENTITY, INVALID_PAYLOAD, "array"),
    "null": (b"null", IDENTITY, INVALID_PAYLOAD, "array"),
    "number": (b"3", IDENTITY, INVALID_PAYLOAD, "array"),
    "event that is null": (b"[null]", IDENTITY, INVALID_PAYLOAD, "event 0"),
    "event that is an array": (b"[[]]", IDENTITY, INVALID_PAYLOAD, "event 0"),
    "event without type": (b'[{"timestamp":1700000000000}]', IDENTITY, INVALID_PAYLOAD, "type"),
    "event without timestamp": (b'[{"type":3}]', IDENTITY, INVALID_PAYLOAD, "timestamp"),
    "second event without type": (GOOD[:-1] + b',{"timestamp":1}]', IDENTITY, INVALID_PAYLOAD, "event 1"),
    "string type": (b'[{"type":"3","timestamp":1700000000000}]', IDENTITY, INVALID_PAYLOAD, "type"),
    "fractional type": (b'[{"type":3.5,"timestamp":1700000000000}]', IDENTITY, INVALID_PAYLOAD, "type"),
    "huge type": (b'[{"type":1e300,"timestamp":1700000000000}]', IDENTITY, INVALID_PAYLOAD, "type"),
    "string timestamp": (b'[{"type":3,"timestamp":"1700000000000"}]', IDENTITY, INVALID_PAYLOAD, "timestamp"),
    "ISO timestamp": (b'[{"type":3,"timestamp":"2026-01-01T00:00:00Z"}]', IDENTITY, INVALID_PAYLOAD, "timestamp"),
    "null timestamp": (b'[{"type":3,"timestamp":null}]', IDENTITY, INVALID_PAYLOAD, "timestamp"),
    "boolean timestamp": (b'[{"type":3,"timestamp":true}]', IDENTITY, INVALID_PAYLOAD, "timestamp"),
    "NaN": (b'[{"type":3,"timestamp":NaN}]', IDENTITY, INVALID_PAYLOAD, "JSON"),
    "Infinity": (b'[{"type":3,"timestamp":Infinity}]', IDENTITY, INVALID_PAYLOAD, "JSON"),
    "-Infinity": (b'[{"type":3,"timestamp":-Infinity}]', IDENTITY, INVALID_PAYLOAD, "JSON"),
    "number too large for a double": (b'[{"type":3,"timestamp":1e400}]', IDENTITY, None, "timestamp"),
    "seconds": (b'[{"type":3,"timestamp":1700000000}]', IDENTITY, INVALID_TIME, "milliseconds"),
    "seconds with a fraction": (b'[{"type":3,"timestamp":1700000000.123}]', IDENTITY, INVALID_TIME, "milliseconds"),
    "zero": (b'[{"type":3,"timestamp":0}]', IDENTITY, INVALID_TIME, "event 0"),
    "negative": (b'[{"type":3,"timestamp":-1700000000000}]', IDENTITY, INVALID_TIME, "event 0"),
    "microseconds": (b'[{"type":3,"timestamp":1700000000000000}]', IDENTITY, INVALID_TIME, "event 0"),
    "far future": (b'[{"type":3,"timestamp":4102444800000}]', IDENTITY, INVALID_TIME, "event 0"),
    "huge": (b'[{"type":3,"timestamp":1e308}]', IDENTITY, INVALID_TIME, "event 0"),
    "second event in seconds": (GOOD[:-1] + b',{"type":3,"timestamp":1700000000}]', IDENTITY, INVALID_TIME, "event 1"),
    "arrays 100,000 deep": (nested("[", "", "]"), IDENTITY, INVALID_PAYLOAD, "deep"),
    "arrays that never close": (b"[" * 100_000, IDENTITY, INVALID_PAYLOAD, "payload"),
    "objects 100,000 deep": (
        b'[{"type":3,"timestamp":1700000000000,"data":' + nested('{"a":', "1", "}") + b"}]",
        IDENTITY,
        INVALID_PAYLOAD,
        "deep",
    ),
    "an unknown field 100,000 deep": (
        b'[{"type":3,"timestamp":1700000000000,"zzz":' + nested("[", "", "]") + b"}]",
        IDENTITY,
        INVALID_PAYLOAD,
        "deep",
    ),
    "a DOM 100,000 deep": (
        b'[{"type":2,"timestamp":1700000000000,"data":{"node":'
        + nested('{"childNodes":[', '{"id":1}', "]}", 30_000)
        + b"}}]",
        IDENTITY,
        INVALID_PAYLOAD,
        "deep",
    ),
    "deep in gzip": (gzip.compress(nested("[", "", "]", 400_000)), GZIP, INVALID_PAYLOAD, "deep"),
    "invalid UTF-8": (GOOD[:-2] + b',"a":"\xff\xfe"}]', IDENTITY, INVALID_PAYLOAD, "UTF-8"),
    "a surrogate as UTF-8": (GOOD[:-2] + b',"a":"\xed\xa0\x80"}]', IDENTITY, INVALID_PAYLOAD, "UTF-8"),
    "a control character": (GOOD[:-2] + b',"a":"\x00"}]', IDENTITY, INVALID_PAYLOAD, "JSON"),
    "over the limit as sent": (os.urandom(1024**2 + 1), GZIP, TOO_LARGE, "1,048,576"),
    "over the limit when inflated": (
        gzip.compress(b"[" + b" " * (8 * 1024**2) + b"]") + gzip.compress(os.urandom(64 * 1024)),
        GZIP,
        TOO_LARGE,
        "max_inflated_bytes",
    ),
    "too many events": (gzip.compress(padded(b"0," * 600_000 + b"0")), GZIP, TOO_LARGE, "600,002 events"),
    "too many values": (
        gzip.compress(padded(b'{"type":5,"timestamp":1,"data":[' + b"0," * 2_000_000 + b"0]}")),
        GZIP,
        TOO_LARGE,
        "JSON values, more than 2,000,000",
    ),
    "too many strings": (
        gzip.compress(padded(b'{"type":5,"timestamp":1,"data":{' + b'"":"",' * 1_260_000 + b'"":""}}')),
        GZIP,
        TOO_LARGE,
        "strings, more than 2,500,000",
    ),
    "unknown encoding": (GOOD, 99, INVALID_PAYLOAD, "encoding"),
    "no encoding": (GOOD, 0, INVALID_PAYLOAD, "encoding"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(shared_audit) -> AsyncIterator[StreamRecorder]:
    """The recorder of all wrong payloads: a stream and the queries about its session cost more than a payload."""
    async with shared_audit.recorder(new_session()) as recorder:
        yield recorder
        assert await recorder.end(recorder.acked) is None


async def send_wrong(recorder: StreamRecorder, seq: int, name: str) -> None:
    """Sends a payload as the next chunk, and checks its rejection."""
    payload, encoding, reason, words = PAYLOADS[name]
    payload = payload.replace(b"1700000000000", b"%d" % now_ms())  # valid in a session that begins now
    await recorder.write(chunk=chunk_pb2.Chunk(seq=seq, encoding=encoding, payload=payload))
    rejected = await recorder.until("rejected")
    assert rejected.reason == reason if reason else rejected.reason in {INVALID_PAYLOAD, INVALID_TIME}, rejected
    assert (rejected.seq, rejected.expected_seq) == (seq, seq)
    assert rejected.code == (8 if reason == TOO_LARGE else 3)
    assert words in rejected.message
    assert 10 < len(rejected.message) < 400


@pytest.mark.parametrize("name", PAYLOADS)
async def test_a_payload_that_is_wrong(shared_audit, patient, name):
    """The stream continues: a valid chunk in its place is stored, without any event of the bad one."""
    seq, start = patient.acked + 1, start_of(patient.session)
    await send_wrong(patient, seq, name)
    await patient.send(seq, [move(start + seq)])
    await patient.ack(seq)
    got = (await shared_audit.session(patient.session)).session
    assert (got.totals.chunk_count, got.totals.event_count) == (seq, seq)
    assert (got.start_time.ToMilliseconds(), got.end_time.ToMilliseconds()) == (start + 1, start + seq)


@pytest.mark.parametrize("name", ["not gzip", "event that is null", "seconds", "too many events", "unknown encoding"])
async def test_a_session_of_nothing_but_a_wrong_payload_is_not_stored(shared_audit, name):
    session = new_session()
    async with shared_audit.recorder(session) as recorder:
        await send_wrong(recorder, 1, name)
        assert not await shared_audit.is_stored(session)
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
        assert await recorder.end(1) is None
    assert await shared_audit.is_stored(session)


@pytest.mark.parametrize("count", [1, 3, -1, -(2**31), 2**31 - 1])
async def test_an_event_count_that_is_wrong(shared_audit, count):
    session = new_session()
    async with shared_audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))] * 2, event_count=count)
        rejected = await recorder.until("rejected")
        assert rejected.reason == INVALID_PAYLOAD
        assert "event_count" in rejected.message
        assert str(count) in rejected.message
    assert not await shared_audit.is_stored(session)


def _memory(field: str) -> int:
    """Returns a field of the process's memory in bytes, as the kernel counts it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def _reset_peak() -> int:
    """Resets the kernel's peak counter; returns the current use."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


async def test_a_hundred_megabytes_from_a_hundred_kilobytes_are_not_inflated(shared_audit):
    bomb = igzip.compress(b"[" + b" " * (100 * 1024**2) + b"]", compresslevel=2)
    assert len(bomb) < 120_000
    session = new_session()
    before = _reset_peak()
    async with shared_audit.recorder(session) as recorder:
        for _ in range(5):
            await recorder.write(chunk=chunk_pb2.Chunk(seq=1, encoding=GZIP, payload=bomb))
            rejected = await recorder.until("rejected")
            assert (rejected.reason, rejected.code) == (TOO_LARGE, 8)
            assert "8,388,608" in rejected.message
    assert _memory("VmHWM") - before < 60 * 1024**2
    assert not await shared_audit.is_stored(session)


async def test_a_payload_of_very_many_small_gzip_members_does_not_hold_up_the_server(shared_audit):
    """Each member costs a decompressor and a copy of the rest: unbounded, a chunk would cost minutes."""
    empty = gzip.compress(b"", mtime=0)
    many = gzip.compress(b"[]") + empty * ((1024**2 - 64) // len(empty))
    session = new_session()
    async with shared_audit.recorder(session) as recorder:
        await recorder.write(chunk=chunk_pb2.Chunk(seq=1, encoding=GZIP, payload=many))
        rejected = await recorder.until("rejected")
        assert rejected.reason == INVALID_PAYLOAD
        assert "member" in rejected.message
    assert not await shared_audit.is_stored(session)


async def test_gzip_of_two_members_is_gzip(shared_audit):
    session = new_session()
    text = json.dumps([move(start_of(session))]).encode()
    async with shared_audit.recorder(session) as recorder:
        payload = gzip.compress(text[:20]) + gzip.compress(text[20:])
        await recorder.write(chunk=chunk_pb2.Chunk(seq=1, encoding=GZIP, payload=payload))
        await recorder.ack(1)
    assert (await shared_audit.replay(session)).events == [move(start_of(session))]


async def test_a_message_over_what_the_server_takes_at_all(shared_audit):
    session = new_session()
    async with shared_audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
        await recorder.write(chunk=chunk_pb2.Chunk(seq=2, encoding=GZIP, payload=os.urandom(2 * 1024**2)))
        error = await recorder.ended(half_close=False)
    assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len((await shared_audit.replay(session)).chunks) == 1


async def test_halves_of_surrogate_pairs_come_back_unchanged(shared_audit):
    """JavaScript strings may contain them and JSON.stringify writes them; they are no reason to lose a chunk."""
    session = new_session()
    text = at(
        '[{"type":3,"data":{"source":5,"id":1,"text":"\\ud83d alone \\udE00 turned \\ude00\\ud83d"},"timestamp":NOW},'
        '{"type":5,"data":{"tag":"\\\\ud83d","payload":{}},"timestamp":NOW},'
        '{"type":5,"data":{"tag":"\\ud83d\\ude00","payload":{}},"timestamp":NOW}]'
    )
    async with shared_audit.recorder(session) as recorder:
        await recorder.write(chunk=chunk_pb2.Chunk(seq=1, encoding=IDENTITY, payload=text, event_count=3))
        await recorder.write(chunk=chunk_pb2.Chunk(seq=2, encoding=GZIP, payload=gzip.compress(text)))
        await recorder.ack(2)
    replay = await shared_audit.replay(session)
    assert [gzip.decompress(chunk.payload) for chunk in replay.chunks] == [text, text]
    assert [chunk.event_count for chunk in replay.chunks] == [3, 3]


async def test_events_of_unknown_types_and_forms_pass(shared_audit):
    session = new_session()
    events = [
        {"type": 99, "data": {"anything": [1, {"x": None}]}, "timestamp": now_ms(), "delay": -3},
        {"type": 3, "data": {"source": 77, "new": True}, "timestamp": now_ms()},
        {"type": 3, "data": {"source": "a string"}, "timestamp": now_ms()},
        {"type": 2, "data": None, "timestamp": now_ms()},
        {"type": 4, "data": [1, 2], "timestamp": now_ms()},
        {"type": 6, "data": {"plugin": "rrweb/console@1", "payload": "odd"}, "timestamp": now_ms()},
        {"type": 5, "timestamp": now_ms() + 0.25},
        {"type": -1, "data": {}, "timestamp": now_ms()},
    ]
    async with shared_audit.recorder(session) as recorder:
        await recorder.send(1, events, event_count=len(events))
        await recorder.ack(1)
    assert recorder.rejections == []
    assert (await shared_audit.replay(session)).events == events


async def test_a_chunk_without_events_does_not_move_a_session_to_1970(shared_audit):
    session = new_session()
    async with shared_audit.recorder(session) as recorder:
        await recorder.send(1, [])
        await recorder.send(2, [move(start_of(session) + 100)])
        await recorder.send(3, [])
        await recorder.ack(3)
    got = (await shared_audit.session(session)).session
    assert start_of(session) <= got.start_time.ToMilliseconds() <= start_of(session) + 100
    assert got.end_time.ToMilliseconds() == start_of(session) + 100
    assert got.duration.ToMilliseconds() <= 100
