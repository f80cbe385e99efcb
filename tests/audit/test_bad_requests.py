"""Invalid requests that read or delete: the right status, the field named, nothing changed."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1.session_filter_pb2 import SessionFilter
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from support.audit_server import is_one_sentence, move, new_session, packed, problem, refused, start_of
from support.wait import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")


INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


def _uuid4() -> str:
    return str(uuid4())


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
    """A manipulated token may contain numbers that no column can hold."""
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
    async with asyncio.timeout(PATIENCE_S):
        await shared_audit.record(session, [[move(start_of(session))]])
        assert len(packed([])) < len(packed([move(0)]))
        assert await shared_audit.is_stored(session)
