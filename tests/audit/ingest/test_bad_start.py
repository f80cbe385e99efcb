"""Invalid start messages of a recorder: the right status, the field named, nothing stored."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import is_one_sentence, move, new_session, now_ms, refused, start_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


DAY_MS = 86_400_000


INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


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
    """Dates end in 2149 in ClickHouse and in 9999 in Python; 48-bit ids reach the year 10889."""
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
