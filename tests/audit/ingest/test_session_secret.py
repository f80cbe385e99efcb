"""A record token and the ids of a session, which viewers know, do not let a stream write into it."""

from __future__ import annotations

import asyncio
import secrets
from uuid import uuid4

import grpc
import pytest
from afterimage.recording.v1 import enums_pb2
from support.audit_server import (
    AuditServer,
    a_chunk,
    click,
    move,
    new_session,
    start_of,
    story,
)
from support.intruders import INTRUDERS, SECRET, is_secret_wrong, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVE, ENDED = enums_pb2.SESSION_STATUS_LIVE, enums_pb2.SESSION_STATUS_ENDED
FORGED = {
    "user_agent": "Forged/1.0",
    "actor_id": "eve",
    "tags": {"plan": "forged"},
    "first_url": "https://forged.example/",
}


@pytest.fixture
def audit(shared_audit: AuditServer) -> AuditServer:
    """One server for all tests: each has its own sessions."""
    return shared_audit


@pytest.fixture(params=list(INTRUDERS))
def intruder(request: pytest.FixtureRequest) -> dict[str, str]:
    """Fields of a start by another holder of a record token of the project."""
    return INTRUDERS[request.param]


def forged_chunk(session, seq):
    return {"chunk": a_chunk(seq, [click(start_of(session) + 7)])}


async def test_an_intruder_cannot_end_a_visitors_window(audit, intruder):
    session = new_session()
    async with audit.recorder(session, session_secret=SECRET) as visitor:
        for seq in (1, 2):
            await visitor.send(seq, [move(start_of(session) + seq)])
        await visitor.ack(2)
        is_secret_wrong(await refusal(audit, session, visitor.window, [{"end": {"last_seq": 0}}], **intruder))
        await visitor.send(3, [move(start_of(session) + 3)])  # its stream was not superseded
        await visitor.ack(3)
        assert (await audit.session(session)).session.status == LIVE


async def test_an_intruder_cannot_append_to_a_window_or_open_one(audit, intruder):
    session = new_session()
    chunks = story(session, 3)
    window = await audit.record(session, chunks, end=False, session_secret=SECRET)
    for where in (window, str(uuid4())):
        for seq in (1, 4):
            is_secret_wrong(await refusal(audit, session, where, [forged_chunk(session, seq)], **intruder))
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]
    assert [one.window_id for one in (await audit.session(session)).windows] == [window]


async def test_an_intruder_cannot_take_the_seq_of_a_visitors_chunk(audit, intruder):
    session = new_session()
    chunks = story(session, 3)
    window = await audit.record(session, chunks[:2], end=False, session_secret=SECRET)
    is_secret_wrong(await refusal(audit, session, window, [forged_chunk(session, 3)], **intruder))
    async with audit.recorder(session, window, session_secret=SECRET) as visitor:
        assert visitor.ready.next_seq == 3
        await visitor.send(3, chunks[2])
        await visitor.ack(3)
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]


async def test_an_intruder_cannot_replace_the_description_of_a_session(audit, intruder):
    session = new_session()
    own = {"actor_id": "ann", "tags": {"plan": "pro"}, "user_agent": "Visitor/1.0", "first_url": "https://a.example/"}
    window = await audit.record(session, story(session, 2), end=False, session_secret=SECRET, **own)
    for where in (window, str(uuid4())):
        is_secret_wrong(await refusal(audit, session, where, [forged_chunk(session, 3)], **intruder, **FORGED))
    got = (await audit.session(session)).session
    assert (got.actor_id, dict(got.tags), got.user_agent, got.first_url) == tuple(own.values())


async def test_an_intruder_cannot_revive_an_ended_session(audit, intruder):
    session = new_session()
    window = await audit.record(session, story(session, 2), session_secret=SECRET)
    for where in (window, str(uuid4())):
        is_secret_wrong(await refusal(audit, session, where, [forged_chunk(session, 3)], **intruder))
    got = await audit.session(session)
    assert (got.session.status, [one.ended for one in got.windows]) == (ENDED, [True])


async def test_deletion_by_actor_does_not_reach_a_session_that_an_intruder_labels(audit, intruder):
    session, labelled = new_session(), f"labelled-{uuid4()}"
    window = await audit.record(session, story(session, 2), end=False, session_secret=SECRET, actor_id="ann")
    for where in (window, str(uuid4())):
        is_secret_wrong(await refusal(audit, session, where, [forged_chunk(session, 3)], **intruder, actor_id=labelled))
    assert (await audit.delete(actor_id=labelled)).session_count == 0
    assert await audit.is_stored(session)


async def test_an_intruder_does_not_supersede_a_window_of_which_nothing_is_stored(audit, intruder):
    session = new_session()
    async with audit.recorder(session, session_secret=SECRET) as visitor:
        for where in (visitor.window, str(uuid4())):
            is_secret_wrong(await refusal(audit, session, where, **intruder))
        await visitor.send(1, [move(start_of(session))])
        await visitor.ack(1)
        assert await visitor.end(1) is None


@pytest.mark.parametrize("same_window", [True, False])
async def test_of_streams_that_begin_a_session_at_the_same_moment_one_secret_wins(audit, same_window):
    for _ in range(10):
        session, window = new_session(), str(uuid4())
        own = [secrets.token_hex(16) for _ in range(2)]
        recorders = [
            audit.recorder(session, window if same_window else None, session_secret=secret)
            for secret in (own[0], own[1], own[0], own[1])
        ]
        await asyncio.gather(*(one.__aenter__() for one in recorders), return_exceptions=True)
        # A newer stream of the same window may have superseded one with the winner's secret.
        errors = [one.error for one in recorders if one.error is None or one.error.reason != "SUPERSEDED"]
        admitted = {own[number % 2] for number, one in enumerate(recorders) if one.ready is not None}
        assert len(admitted) == 1
        refused = [error for error in errors if error is not None]
        assert len(refused) == 2
        for error in refused:
            is_secret_wrong(error)
        for one in recorders:
            await one.cancel()


async def test_a_refusal_does_not_tell_what_there_is(audit, intruder):
    session, other, ended = new_session(), new_session(), new_session()
    window = await audit.record(session, story(session, 2), end=False, session_secret=SECRET)
    over = await audit.record(ended, story(ended, 2), session_secret=SECRET)
    async with audit.recorder(other, session_secret=SECRET) as visitor:
        errors = [
            await refusal(audit, session, window, **intruder),
            await refusal(audit, session, str(uuid4()), **intruder),
            await refusal(audit, ended, over, **intruder),
            await refusal(audit, other, visitor.window, **intruder),
        ]
    assert len(set(map(repr, errors))) == 1
    is_secret_wrong(errors[0])


async def test_the_visitor_goes_on_in_all_windows_and_may_take_a_name(audit):
    session, name = new_session(), f"ann-{uuid4()}"
    first = {"user_agent": "Visitor/1.0", "first_url": "https://a.example/first", "language": "de"}
    later = {"user_agent": "Visitor/1.1", "first_url": "https://a.example/later", "language": "en"}
    window = await audit.record(session, story(session, 2), end=False, session_secret=SECRET, **first)
    async with audit.recorder(session, window, session_secret=SECRET, actor_id=name, tags={"a": "b"}, **later) as again:
        await again.send(3, [move(start_of(session) + 3)])
        await again.ack(3)
        async with audit.recorder(session, session_secret=SECRET, actor_id=name, tags={"a": "b"}, **later) as tab:
            await tab.send(1, [move(start_of(session) + 4)])
            await tab.ack(1)
    got = (await audit.session(session)).session
    assert (got.actor_id, got.actor_type, dict(got.tags)) == (name, enums_pb2.ACTOR_TYPE_USER, {"a": "b"})
    assert (got.user_agent, got.first_url, got.language) == tuple(first.values())
    assert got.window_count == 2
    assert (await audit.delete(actor_id=name)).session_count == 1


async def test_a_session_without_a_secret_goes_on_without_one_and_keeps_its_first_description(audit):
    session, labelled = new_session(), f"labelled-{uuid4()}"
    own = {"actor_id": "", "tags": {"plan": "pro"}, "user_agent": "Visitor/1.0", "first_url": "https://a.example/"}
    window = await audit.record(session, story(session, 2), end=False, **own)
    for where, seq in ((window, 3), (str(uuid4()), 1)):
        async with audit.recorder(session, where, **FORGED | {"actor_id": labelled}) as other:
            await other.send(seq, [move(start_of(session) + 3)])
            await other.ack(seq)
    got = (await audit.session(session)).session
    assert (got.actor_id, dict(got.tags), got.user_agent, got.first_url) == tuple(own.values())
    assert (await audit.delete(actor_id=labelled)).session_count == 0
    assert await audit.is_stored(session)


@pytest.mark.parametrize("is_stored", [True, False])
async def test_a_session_without_a_secret_cannot_be_captured_by_one(audit, is_stored):
    session = new_session()
    async with audit.recorder(session) as visitor:
        if is_stored:
            await visitor.send(1, [move(start_of(session))])
            await visitor.ack(1)
        for where in (visitor.window, str(uuid4())):
            is_secret_wrong(await refusal(audit, session, where, session_secret=SECRET))
        await visitor.send(1 + is_stored, [move(start_of(session))])
        await visitor.ack(1 + is_stored)


async def test_a_recorder_cannot_write_into_an_import(audit):
    session = new_session()
    admin = audit.token("admin", "record")
    window = str(uuid4())
    async with audit.recorder(session, window, token=admin, imported=True) as importing:
        await importing.send(1, [move(start_of(session))])
        await importing.ack(1)
    for start in INTRUDERS.values():
        for where in (window, str(uuid4())):
            is_secret_wrong(await refusal(audit, session, where, [forged_chunk(session, 2)], **start))
    async with audit.recorder(session, window, token=admin, imported=True) as importing:
        assert importing.ready.next_seq == 2


async def test_an_import_does_not_write_into_a_visitors_session(audit):
    session = new_session()
    window = await audit.record(session, story(session, 2), end=False, session_secret=SECRET)
    is_secret_wrong(await refusal(audit, session, window, token=audit.token("admin", "record"), imported=True))


@pytest.mark.parametrize("length", [1, 21, 129, 5_000])
async def test_a_secret_of_another_length_is_invalid(audit, length):
    error = await refusal(audit, new_session(), str(uuid4()), session_secret="s" * length)
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(error.fields) == {"start.session_secret"}
    assert "sss" not in error.message
