"""Everything that a caller can get wrong: the right status, a sentence that names the field, nothing stored."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import time
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1.session_filter_pb2 import SessionFilter
from afterimage.recording.v1 import chunk_pb2
from audit.rpc import GZIP, IDENTITY, Problem, move, new_session, now_ms, packed, problem, refused, start_of
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.runtime.auth import TokenMinter

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_MS = 86_400_000
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
GAP, TOO_LARGE, INVALID_PAYLOAD, INVALID_TIME = 1, 2, 3, 4


def is_one_sentence(problem: Problem) -> None:
    """Checks what every refusal must be: short, in our words, with a reason that programs can act on."""
    assert problem.reason
    assert 10 < len(problem.message) < 400
    assert "\n" not in problem.message
    for leak in ("Traceback", "Exception", "SELECT", "DB::", "0x", "<class", "services."):
        assert leak not in problem.message


# --- who is calling ---


def _token(audit, kind: str) -> str | None:
    long_ago = TokenMinter(audit.settings, now=lambda: time.time() - 3600)
    match kind:
        case "none":
            return None
        case "not a token":
            return "Bearer nonsense"
        case "not a bearer":
            return "Basic dGVzdGVyOnRlc3Rlcg=="
        case "another secret":
            head, claims, _ = audit.token("view", "record", "admin").split(".")
            return f"Bearer {head}.{claims}.{'A' * 43}"
        case "expired":
            return f"Bearer {long_ago.mint('tester', 'demo', ['view', 'record', 'admin'], 60)}"
        case "unknown project":
            return f"Bearer {audit.token('view', 'record', 'admin', project='nobody')}"
    raise AssertionError(kind)


CALLS = {
    "ListSessions": lambda stub, metadata: stub.ListSessions(pb.ListSessionsRequest(), metadata=metadata),
    "GetSession": lambda stub, metadata: stub.GetSession(
        pb.GetSessionRequest(session_id=new_session()), metadata=metadata
    ),
    "ReplaySession": lambda stub, metadata: stub.ReplaySession(
        pb.ReplaySessionRequest(session_id=new_session()), metadata=metadata
    ),
    "WatchSessions": lambda stub, metadata: stub.WatchSessions(pb.WatchSessionsRequest(), metadata=metadata),
    "DeleteSessions": lambda stub, metadata: stub.DeleteSessions(
        pb.DeleteSessionsRequest(session_ids=[new_session()]), metadata=metadata
    ),
    "RecordSession": lambda stub, metadata: stub.RecordSession(
        iter([pb.RecordSessionRequest(start=pb.RecordingStart(session_id=new_session(), window_id=str(uuid4())))]),
        metadata=metadata,
    ),
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("none", "TOKEN_MISSING"),
        ("not a token", "TOKEN_INVALID"),
        ("not a bearer", "TOKEN_INVALID"),
        ("another secret", "TOKEN_INVALID"),
        ("expired", "TOKEN_EXPIRED"),
        ("unknown project", "PROJECT_UNKNOWN"),
    ],
)
async def test_a_token_that_does_not_hold(shared_audit, method, kind, reason):
    value = _token(shared_audit, kind)
    metadata = [] if value is None else [("authorization", value)]
    error = await refused(CALLS[method](shared_audit.stub, metadata))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)
    is_one_sentence(error)


@pytest.mark.parametrize(
    ("method", "scopes"),
    [
        ("ListSessions", ("record", "share", "admin")),
        ("GetSession", ("record",)),
        ("ReplaySession", ("record", "share")),
        ("WatchSessions", ("record",)),
        ("DeleteSessions", ("view", "record", "share")),
        ("RecordSession", ("view", "share")),
        ("RecordSession", ("admin",)),  # admin is for imports only
        ("ListSessions", ()),
    ],
)
async def test_a_token_of_another_scope(shared_audit, method, scopes):
    error = await refused(CALLS[method](shared_audit.stub, shared_audit.auth(*scopes)))
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert "scope" in error.message
    is_one_sentence(error)


async def test_an_import_needs_admin(shared_audit):
    session = new_session(now_ms() - 400 * DAY_MS)
    recorder = shared_audit.recorder(session, imported=True)
    await recorder.write(start=recorder._start)
    error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert "imported" in error.message
    async with shared_audit.recorder(session, token=shared_audit.token("admin"), imported=True) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
    assert await shared_audit.is_stored(session)


# --- start ---


def _uuid4() -> str:
    return str(uuid4())


@pytest.mark.parametrize(
    ("field", "start", "words"),
    [
        ("start.session_id", {"session_id": ""}, "required"),
        ("start.session_id", {"session_id": "not-a-uuid"}, "UUID"),
        ("start.session_id", {"session_id": "01890a5d-ac96-774b-bcce-b302099a805"}, "UUID"),
        ("start.session_id", {"session_id": "x" * 100_000}, "UUID"),
        ("start.session_id", {"session_id": _uuid4}, "UUIDv7"),
        ("start.session_id", {"session_id": lambda: new_session(now_ms() + 2 * DAY_MS)}, "ahead"),
        ("start.session_id", {"session_id": lambda: new_session(2**48 - 1)}, "ahead"),
        ("start.session_id", {"session_id": lambda: new_session(now_ms() - 31 * DAY_MS)}, "retention"),
        ("start.session_id", {"session_id": lambda: new_session(0)}, "retention"),
        ("start.window_id", {"window_id": ""}, "required"),
        ("start.window_id", {"window_id": "tab-1"}, "UUID"),
        ("start.recorder_name", {"recorder_name": "n" * 65}, "64"),
        ("start.recorder_version", {"recorder_version": "n" * 65}, "64"),
        ("start.actor_id", {"actor_id": "a" * 257}, "256"),
        ("start.language", {"language": "l" * 36}, "35"),
        ("start.tags", {"tags": {f"t{n}": "" for n in range(33)}}, "32"),
        ("start.tags", {"tags": {"": "empty key"}}, "64"),
        ("start.tags", {"tags": {"k" * 65: "long key"}}, "64"),
        ("start.tags", {"tags": {"k": "v" * 257}}, "256"),
    ],
)
async def test_a_start_that_is_wrong(shared_audit, field, start, words):
    values = {"session_id": new_session(), "window_id": _uuid4()}
    values |= {name: value() if callable(value) else value for name, value in start.items()}
    start = pb.RecordSessionRequest(start=pb.RecordingStart(**values))
    error = await refused(shared_audit.stub.RecordSession(iter([start]), metadata=shared_audit.auth("record")))
    assert error.code == INVALID_ARGUMENT
    assert list(error.fields) == [field]
    assert words in error.message
    assert field in error.message
    is_one_sentence(error)
    assert values["session_id"] not in {one.session_id for one in await shared_audit.sessions(page_size=500)}


async def test_everything_that_is_wrong_with_a_start_is_told_at_once(shared_audit):
    start = pb.RecordingStart(session_id="a", window_id="b", actor_id="c" * 300, language="d" * 40)
    error = await refused(
        shared_audit.stub.RecordSession(
            iter([pb.RecordSessionRequest(start=start)]), metadata=shared_audit.auth("record")
        )
    )
    assert set(error.fields) == {"start.session_id", "start.window_id", "start.actor_id", "start.language"}


@pytest.mark.parametrize("at_ms", [0, 1_000, 4_102_444_800_000, 6_000_000_000_000, 2**48 - 1])
async def test_an_imported_session_of_any_time_comes_back(shared_audit, at_ms):
    """Dates end in 2149 in ClickHouse and in 9999 in Python; ids of 48 bits go on to the year 10889."""
    session = new_session(at_ms)
    events = [move(min(at_ms, 253_402_300_799_999), 5)]
    async with shared_audit.recorder(session, token=shared_audit.token("admin"), imported=True) as recorder:
        await recorder.send(1, events)
        await recorder.ack(1)
        assert await recorder.end(1) is None
    assert (await shared_audit.replay(session)).events == events
    assert (await shared_audit.session(session)).session.totals.event_count == 1
    assert (await shared_audit.delete(session)).session_count == 1
    assert not await shared_audit.is_stored(session)


# --- chunks ---


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
    """Returns JSON text in which NOW stands for a good timestamp."""
    return text.replace("NOW", str(now_ms())).encode()


def nested(opening: str, inside: str, closing: str, depth: int = 100_000) -> bytes:
    return opening.encode() * depth + inside.encode() + closing.encode() * depth


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
    "deep in gzip": (gzip.compress(nested("[", "", "]", 1_000_000)), GZIP, INVALID_PAYLOAD, "deep"),
    "invalid UTF-8": (GOOD[:-2] + b',"a":"\xff\xfe"}]', IDENTITY, INVALID_PAYLOAD, "UTF-8"),
    "a surrogate as UTF-8": (GOOD[:-2] + b',"a":"\xed\xa0\x80"}]', IDENTITY, INVALID_PAYLOAD, "UTF-8"),
    "a control character": (GOOD[:-2] + b',"a":"\x00"}]', IDENTITY, INVALID_PAYLOAD, "JSON"),
    "over the limit as sent": (os.urandom(1024**2 + 1), GZIP, TOO_LARGE, "1,048,576"),
    "over the limit when inflated": (
        gzip.compress(b"[" + b" " * (8 * 1024**2) + b"]"),
        GZIP,
        TOO_LARGE,
        "max_inflated_bytes",
    ),
    "unknown encoding": (GOOD, 99, INVALID_PAYLOAD, "encoding"),
    "no encoding": (GOOD, 0, INVALID_PAYLOAD, "encoding"),
}


@pytest.mark.parametrize("name", PAYLOADS)
async def test_a_payload_that_is_wrong(shared_audit, name):
    payload, encoding, reason, words = PAYLOADS[name]
    session = new_session()
    async with shared_audit.recorder(session) as recorder:
        await recorder.write(chunk=chunk_pb2.Chunk(seq=1, encoding=encoding, payload=payload))
        rejected = await recorder.until("rejected")
        assert rejected.reason == reason if reason else rejected.reason in {INVALID_PAYLOAD, INVALID_TIME}
        assert (rejected.seq, rejected.expected_seq) == (1, 1)
        assert rejected.code == (8 if reason == TOO_LARGE else 3)
        assert words in rejected.message
        assert 10 < len(rejected.message) < 400
        assert not await shared_audit.is_stored(session)
        # The stream goes on: a good chunk in its place is stored, and nothing of the bad one with it.
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
        assert await recorder.end(1) is None
    got = (await shared_audit.session(session)).session
    assert (got.totals.chunk_count, got.totals.event_count) == (1, 1)
    assert got.start_time.ToMilliseconds() == got.end_time.ToMilliseconds() == start_of(session)


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
    """Makes the kernel count the peak anew; returns what is used now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


async def test_a_hundred_megabytes_from_a_hundred_kilobytes_are_not_inflated(shared_audit):
    bomb = gzip.compress(b"[" + b" " * (100 * 1024**2) + b"]", compresslevel=9)
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
    """Each member costs a decompressor and a copy of what is left: unbounded, a chunk would cost minutes."""
    empty = gzip.compress(b"", mtime=0)
    many = gzip.compress(b"[]") + empty * ((1024**2 - 64) // len(empty))
    session = new_session()
    async with shared_audit.recorder(session) as recorder:
        started = time.monotonic()
        await recorder.write(chunk=chunk_pb2.Chunk(seq=1, encoding=GZIP, payload=many))
        rejected = await recorder.until("rejected")
        assert rejected.reason == INVALID_PAYLOAD
        assert "member" in rejected.message
        assert time.monotonic() - started < 2
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
    """JavaScript's strings may hold them and JSON.stringify writes them; they are no reason to lose a chunk."""
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


# --- reading ---


async def _two_pages(audit) -> str:
    """Returns the token of a second page of all sessions."""
    for _ in range(2):
        session = new_session()
        await audit.record(session, [[move(start_of(session))]])
    page = await audit.stub.ListSessions(pb.ListSessionsRequest(page_size=1), metadata=audit.auth("view"))
    assert page.next_page_token
    return page.next_page_token


@pytest.mark.parametrize(
    ("change", "project"),
    [
        ({"order": pb.SESSION_ORDER_OLDEST_FIRST}, "demo"),
        ({"order": pb.SESSION_ORDER_LONGEST_FIRST}, "demo"),
        ({"filter": SessionFilter(actor_id="ann")}, "demo"),
        ({"filter": SessionFilter(tags={"a": "b"})}, "demo"),
        ({"filter": SessionFilter(start_time=Timestamp(seconds=1))}, "demo"),
        ({"filter": SessionFilter(has_errors=False)}, "demo"),
        ({}, "other"),
    ],
)
async def test_a_page_token_of_another_query(shared_audit, change, project):
    token = await _two_pages(shared_audit)
    request = pb.ListSessionsRequest(page_size=1, page_token=token, **change)
    error = await refused(shared_audit.stub.ListSessions(request, metadata=shared_audit.auth("view", project=project)))
    assert (error.code, list(error.fields)) == (INVALID_ARGUMENT, ["page_token"])
    is_one_sentence(error)


async def test_a_page_token_that_is_none(shared_audit):
    token = await _two_pages(shared_audit)
    tokens = ["x", "garbage", "ä", "=" * 8, "A" * 10_000, token[:-4], token[:12], "A" + token[1:], token + "AAAA"]
    for wrong in tokens:
        request = pb.ListSessionsRequest(page_size=1, page_token=wrong)
        error = await refused(shared_audit.stub.ListSessions(request, metadata=shared_audit.auth("view")))
        assert (error.code, list(error.fields)) == (INVALID_ARGUMENT, ["page_token"]), wrong
        is_one_sentence(error)


async def test_a_page_token_with_other_numbers_in_it(shared_audit):
    """Whoever takes a token apart can put numbers into it that no column holds."""
    import base64

    import msgspec

    token = await _two_pages(shared_audit)
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    position = msgspec.msgpack.decode(data[8:])
    for name, value in (("rank", 2**64 - 1), ("start_ms", 2**64 - 1), ("start_ms", -(2**63)), ("rank", "x")):
        forged = base64.urlsafe_b64encode(data[:8] + msgspec.msgpack.encode({**position, name: value})).decode()
        request = pb.ListSessionsRequest(page_size=1, page_token=forged)
        try:
            await shared_audit.stub.ListSessions(request, metadata=shared_audit.auth("view"))
        except grpc.aio.AioRpcError as error:
            found = problem(error)
            assert (found.code, list(found.fields)) == (INVALID_ARGUMENT, ["page_token"]), (name, value)


@pytest.mark.parametrize("size", [-1, -(2**31)])
async def test_a_negative_page_size(shared_audit, size):
    request = pb.ListSessionsRequest(page_size=size)
    error = await refused(shared_audit.stub.ListSessions(request, metadata=shared_audit.auth("view")))
    assert (error.code, list(error.fields)) == (INVALID_ARGUMENT, ["page_size"])
    assert str(size) in error.message
    is_one_sentence(error)


async def test_a_huge_page_size_is_cut(shared_audit):
    page = await shared_audit.stub.ListSessions(
        pb.ListSessionsRequest(page_size=2**31 - 1), metadata=shared_audit.auth("view")
    )
    assert len(page.sessions) <= 500


FILTERS = {
    "unknown kind of actor": (SessionFilter(actor_types=[77]), "filter.actor_types", "anonymous"),
    "no kind of actor": (SessionFilter(actor_types=[0]), "filter.actor_types", "anonymous"),
    "unknown kind of device": (SessionFilter(device_types=[1, 77]), "filter.device_types", "mobile"),
    "negative kind of device": (SessionFilter(device_types=[-1]), "filter.device_types", "mobile"),
    "unknown state": (SessionFilter(statuses=[2**31 - 1]), "filter.statuses", "live"),
    "reversed time range": (
        SessionFilter(start_time=Timestamp(seconds=20), end_time=Timestamp(seconds=10)),
        "filter.end_time",
        "start_time",
    ),
    "negative duration": (SessionFilter(min_duration=Duration(seconds=-1)), "filter.min_duration", "negative"),
    "negative longest duration": (SessionFilter(max_duration=Duration(nanos=-1)), "filter.max_duration", "below"),
    "reversed durations": (
        SessionFilter(min_duration=Duration(seconds=20), max_duration=Duration(seconds=10)),
        "filter.max_duration",
        "min_duration",
    ),
    "long page": (SessionFilter(page="p" * 257), "filter.page", "256"),
    "long actor": (SessionFilter(actor_id="p" * 257), "filter.actor_id", "256"),
    "nine tags": (SessionFilter(tags={str(n): "" for n in range(9)}), "filter.tags", "8"),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_that_is_wrong(shared_audit, name):
    wanted, field, words = FILTERS[name]
    auth = shared_audit.auth("view")
    for call in (
        shared_audit.stub.ListSessions(pb.ListSessionsRequest(filter=wanted), metadata=auth),
        shared_audit.stub.WatchSessions(pb.WatchSessionsRequest(filter=wanted), metadata=auth),
    ):
        error = await refused(call)
        assert (error.code, list(error.fields)) == (INVALID_ARGUMENT, [field])
        assert words in error.message
        is_one_sentence(error)


FAR = 2**62

EXTREMES = {
    "start far ahead": SessionFilter(start_time=Timestamp(seconds=FAR)),
    "start far back": SessionFilter(start_time=Timestamp(seconds=-FAR)),
    "end far ahead": SessionFilter(end_time=Timestamp(seconds=FAR)),
    "end far back": SessionFilter(end_time=Timestamp(seconds=-FAR)),
    "longer than anything": SessionFilter(min_duration=Duration(seconds=FAR)),
    "shorter than anything": SessionFilter(max_duration=Duration(seconds=FAR)),
    "quotes in an actor": SessionFilter(actor_id="'; DROP TABLE chunks; -- \\' \\"),
    "quotes in a page": SessionFilter(page="%_'\\\n\t\0\x08"),
    "quotes in a tag": SessionFilter(tags={"a'b\\": "c'd\\\n{x:String}"}),
}


@pytest.mark.parametrize("name", EXTREMES)
async def test_a_filter_at_the_end_of_what_can_be_said(shared_audit, name):
    """Either an answer or INVALID_ARGUMENT; never INTERNAL."""
    request = pb.ListSessionsRequest(filter=EXTREMES[name], page_size=1)
    session = new_session()
    await shared_audit.record(session, [[move(start_of(session))]])
    try:
        answer = await shared_audit.stub.ListSessions(request, metadata=shared_audit.auth("view"))
    except grpc.aio.AioRpcError as error:
        found = problem(error)
        assert found.code == INVALID_ARGUMENT
        assert found.fields
    else:
        finds_all = name in {"start far back", "end far ahead", "shorter than anything"}
        assert bool(answer.sessions) == finds_all


@pytest.mark.parametrize("order", [6, 77, -1])
async def test_an_unknown_order(shared_audit, order):
    request = pb.ListSessionsRequest(order=order)
    error = await refused(shared_audit.stub.ListSessions(request, metadata=shared_audit.auth("view")))
    assert (error.code, list(error.fields)) == (INVALID_ARGUMENT, ["order"])
    is_one_sentence(error)


SESSION_CALLS = {
    "GetSession": lambda audit, session: audit.stub.GetSession(
        pb.GetSessionRequest(session_id=session), metadata=audit.auth("view")
    ),
    "ReplaySession": lambda audit, session: audit.stub.ReplaySession(
        pb.ReplaySessionRequest(session_id=session), metadata=audit.auth("view")
    ),
    "ReplaySession follow": lambda audit, session: audit.stub.ReplaySession(
        pb.ReplaySessionRequest(session_id=session, follow=True), metadata=audit.auth("view")
    ),
    "DeleteSessions": lambda audit, session: audit.stub.DeleteSessions(
        pb.DeleteSessionsRequest(session_ids=[session]), metadata=audit.auth("admin")
    ),
}


@pytest.mark.parametrize("method", SESSION_CALLS)
@pytest.mark.parametrize(
    ("session", "words"), [("", "required"), ("nonsense", "UUID"), ("' OR 1=1", "UUID"), (_uuid4(), "UUIDv7")]
)
async def test_a_session_id_that_is_none(shared_audit, method, session, words):
    error = await refused(SESSION_CALLS[method](shared_audit, session))
    assert error.code == INVALID_ARGUMENT
    assert list(error.fields) == ["session_ids" if method == "DeleteSessions" else "session_id"]
    assert words in error.message
    is_one_sentence(error)


@pytest.mark.parametrize("method", SESSION_CALLS)
@pytest.mark.parametrize("at_ms", [0, None, 6_000_000_000_000, 2**48 - 1])
async def test_a_session_that_is_not_there(shared_audit, method, at_ms):
    session = new_session(at_ms)
    if method == "DeleteSessions":
        receipt = await SESSION_CALLS[method](shared_audit, session)
        assert (receipt.session_count, list(receipt.not_found)) == (0, [session])
        return
    error = await refused(SESSION_CALLS[method](shared_audit, session))
    assert error.code == grpc.StatusCode.NOT_FOUND
    assert session in error.message
    is_one_sentence(error)


def positions(count: int, **values) -> pb.ReplayCursor:
    return pb.ReplayCursor(positions=[pb.WindowPosition(**{"window_id": _uuid4()} | values) for _ in range(count)])


REPLAYS = {
    "negative offset": ({"from_offset": Duration(seconds=-1)}, "from_offset", "negative"),
    "slightly negative offset": ({"from_offset": Duration(nanos=-1)}, "from_offset", "negative"),
    "malformed window": ({"window_id": "tab-1"}, "window_id", "UUID"),
    "1,001 windows in the cursor": ({"cursor": positions(1001)}, "cursor.positions", "1000"),
    "malformed window in the cursor": (
        {"cursor": positions(1, window_id="tab")},
        "cursor.positions.window_id",
        "UUID",
    ),
    "no window in the cursor": ({"cursor": positions(1, window_id="")}, "cursor.positions.window_id", "required"),
    "negative seq in the cursor": ({"cursor": positions(1, seq=-1)}, "cursor.positions.seq", "negative"),
}


@pytest.mark.parametrize("name", REPLAYS)
async def test_a_replay_that_is_wrong(shared_audit, name):
    values, field, words = REPLAYS[name]
    session = new_session()
    await shared_audit.record(session, [[move(start_of(session))]])
    for follow in (False, True):
        error = await shared_audit.replay_refused(session, follow=follow, **values)
        assert (error.code, list(error.fields)) == (INVALID_ARGUMENT, [field])
        assert words in error.message
        is_one_sentence(error)


async def test_a_window_that_is_not_of_the_session(shared_audit):
    session = new_session()
    await shared_audit.record(session, [[move(start_of(session))]])
    error = await shared_audit.replay_refused(session, window_id=_uuid4())
    assert error.code == grpc.StatusCode.NOT_FOUND
    assert "window" in error.message
    is_one_sentence(error)


@pytest.mark.parametrize(
    "values",
    [
        {"from_offset": Duration(seconds=FAR)},
        {"from_time": Timestamp(seconds=FAR)},
        {"from_time": Timestamp(seconds=-FAR)},
        {"cursor": positions(1000)},
        {"cursor": pb.ReplayCursor()},
    ],
)
async def test_a_replay_from_the_end_of_what_can_be_said(shared_audit, values):
    session = new_session()
    await shared_audit.record(session, [[move(start_of(session))]])
    assert len((await shared_audit.replay(session, **values)).chunks) == 1


@pytest.mark.parametrize(
    "request_values",
    [{}, {"session_ids": [new_session()], "actor_id": "ann"}, {"session_ids": [new_session() for _ in range(1001)]}],
)
async def test_a_deletion_that_is_wrong(shared_audit, request_values):
    kept = new_session()
    await shared_audit.record(kept, [[move(start_of(kept))]], actor_id="ann")
    request = pb.DeleteSessionsRequest(**request_values)
    error = await refused(shared_audit.stub.DeleteSessions(request, metadata=shared_audit.auth("admin")))
    assert (error.code, list(error.fields)) == (INVALID_ARGUMENT, ["session_ids"])
    is_one_sentence(error)
    assert await shared_audit.is_stored(kept)


async def test_a_deletion_with_one_malformed_id_deletes_nothing(shared_audit):
    kept = new_session()
    await shared_audit.record(kept, [[move(start_of(kept))]])
    request = pb.DeleteSessionsRequest(session_ids=[kept, "nonsense"])
    error = await refused(shared_audit.stub.DeleteSessions(request, metadata=shared_audit.auth("admin")))
    assert error.code == INVALID_ARGUMENT
    assert await shared_audit.is_stored(kept)


async def test_a_message_that_is_no_protobuf(shared_audit):
    call = shared_audit.channel.unary_unary("/afterimage.audit.v1.AuditService/GetSession")
    error = await refused(call(b"\xff\xff\xff\xff", metadata=shared_audit.auth("view")))
    assert error.code == INVALID_ARGUMENT
    is_one_sentence(error)


async def test_a_method_that_does_not_exist(shared_audit):
    call = shared_audit.channel.unary_unary("/afterimage.audit.v1.AuditService/StealSessions")
    error = await refused(call(b"", metadata=shared_audit.auth("view", "admin")))
    assert error.code == grpc.StatusCode.UNIMPLEMENTED


async def test_the_server_still_works_after_all_of_this(shared_audit):
    session = new_session()
    async with asyncio.timeout(10):
        await shared_audit.record(session, [[move(start_of(session))]])
        assert len(packed([])) < len(packed([move(0)]))
        assert await shared_audit.is_stored(session)
