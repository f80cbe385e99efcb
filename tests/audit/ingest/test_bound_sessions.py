"""Servers of their own: restarts, required secrets, bounds of times, and that a secret stays with the server."""

from __future__ import annotations

import base64
import hashlib
import secrets
from uuid import uuid4

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import audit_settings, is_one_sentence, move, new_session, now_ms, running, start_of, story
from support.intruders import INTRUDERS, SECRET, is_secret_wrong, refusal

DAY_MS = 86_400_000


async def test_a_secret_holds_after_a_restart(tmp_path):
    session = new_session()
    async with running(audit_settings(tmp_path)) as audit:
        window = await audit.record(session, story(session, 2), end=False, session_secret=SECRET)
    async with running(audit_settings(tmp_path)) as audit:
        for intruder in INTRUDERS.values():
            is_secret_wrong(await refusal(audit, session, window, **intruder))
        async with audit.recorder(session, window, session_secret=SECRET) as visitor:
            assert visitor.ready.next_seq == 3


async def test_where_a_secret_is_required_only_imports_need_none(tmp_path):
    async with running(audit_settings(tmp_path, ingest={"require_session_secret": True})) as audit:
        session = new_session()
        error = await refusal(audit, session, str(uuid4()))
        assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SESSION_SECRET_MISSING")
        is_one_sentence(error)
        await audit.record(session, story(session, 2), session_secret=SECRET)
        imported = new_session()
        await audit.record(imported, story(imported, 2), token=audit.token("admin"), imported=True)
        assert await audit.is_stored(imported)


async def test_the_secret_and_its_hash_leave_the_server_in_no_way(tmp_path, capfd):
    secret = secrets.token_hex(16)
    digest = hashlib.sha256(secret.encode()).digest()
    answers = []
    async with running(audit_settings(tmp_path)) as audit:
        session = new_session()
        async with audit.recorder(session, session_secret=secret) as visitor:
            await visitor.send(1, [move(start_of(session))])
            await visitor.ack(1)
            answers += [visitor.ready, *visitor.seen]
            answers.append(await refusal(audit, session, visitor.window, session_secret=secret + "?"))
        answers += [await audit.session(session), *await audit.sessions(), await audit.replay(session)]
        async with audit.view(session, for_export=True) as viewer:
            await viewer.ended()
            answers += viewer.seen
        answers.append(await audit.stub.ListAccessEvents(pb.ListAccessEventsRequest(), metadata=audit.auth("admin")))
    told = repr(answers).encode() + b"".join(
        one.SerializeToString() for one in answers if hasattr(one, "SerializeToString")
    )
    out, err = capfd.readouterr()
    told += out.encode() + err.encode()
    for leak in (secret.encode(), digest, digest.hex().encode(), base64.b64encode(digest), repr(digest).encode()):
        assert leak not in told


async def test_the_bounds_of_event_times_are_settings(tmp_path):
    limits = {"ingest": {"max_before_start_s": 0}, "session": {"max_length_s": 60}}
    async with running(audit_settings(tmp_path, **limits)) as audit:
        session = new_session(now_ms() - DAY_MS)
        async with audit.recorder(session) as recorder:
            for shift in (-1, 60_001):
                await recorder.send(1, [move(start_of(session) + shift)])
                assert (await recorder.until("rejected")).reason == pb.REJECT_REASON_INVALID_TIME
            await recorder.send(1, [move(start_of(session)), move(start_of(session) + 60_000)])
            await recorder.ack(1)
