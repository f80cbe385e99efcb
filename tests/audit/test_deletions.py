"""Deleted sessions, as other processes of Afterimage learn of them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from support.audit_server import audit_settings, new_session, now_ms, refused, running, story
from support.wait import PATIENCE_S

from services.runtime.redis_client import connect
from services.runtime.session_deletions import DeletionNotices


async def listed(audit, project="demo", **request):
    auth = audit.auth("internal", project=project)
    return await audit.stub.ListDeletions(pb.ListDeletionsRequest(**request), metadata=auth)


async def test_deletions_are_listed_by_time_and_project(audit):
    sessions = [new_session() for _ in range(3)]
    for session in sessions:
        await audit.record(session, story(session, 1))
    async with audit.recorder(other := new_session(), project="other") as recorder:
        await recorder.send(1, story(other, 1)[0])
        await recorder.ack(1)
    await audit.delete(sessions[1])
    between_ms = now_ms() + 1
    await asyncio.sleep(0.005)  # the next deletion is later, in milliseconds
    await audit.delete(sessions[0])
    await audit.delete(other, project="other")
    assert list((await listed(audit)).session_ids) == [sessions[1], sessions[0]]
    assert list((await listed(audit, "other")).session_ids) == [other]
    since = Timestamp(seconds=between_ms // 1000, nanos=between_ms % 1000 * 1_000_000)
    assert list((await listed(audit, start_time=since)).session_ids) == [sessions[0]]

    first = await listed(audit, page_size=1)
    rest = await listed(audit, page_size=1, page_token=first.next_page_token)
    assert [*first.session_ids, *rest.session_ids] == [sessions[1], sessions[0]]
    assert rest.next_page_token == ""
    problem = await refused(
        audit.stub.ListDeletions(
            pb.ListDeletionsRequest(page_token=first.next_page_token, start_time=since), metadata=audit.auth("internal")
        )
    )
    assert set(problem.fields) == {"page_token"}


async def test_only_processes_with_the_secret_list_deletions(audit):
    for scopes in (["admin"], ["view", "export"]):
        problem = await refused(audit.stub.ListDeletions(pb.ListDeletionsRequest(), metadata=audit.auth(*scopes)))
        assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")


async def test_a_deletion_is_noticed(tmp_path, redis_url):
    settings = audit_settings(tmp_path, redis={"url": redis_url, "timeout_s": PATIENCE_S})
    async with running(settings) as audit, connect(settings) as client:
        await audit.record(session := new_session(), story(session, 1))
        async with asyncio.timeout(PATIENCE_S), aclosing(DeletionNotices(client, settings).received()) as notices:
            assert await anext(notices) is None
            await audit.delete(new_session())  # it does not exist: no notice
            await audit.delete(session)
            assert await anext(notices) == "demo"
            assert list((await listed(audit)).session_ids) == [session]


async def test_a_deletion_does_not_need_redis(tmp_path):
    settings = audit_settings(tmp_path, redis={"url": "redis://127.0.0.1:1", "timeout_s": 1})
    async with running(settings) as audit:
        await audit.record(session := new_session(), story(session, 1))
        assert (await audit.delete(session)).session_count == 1
        assert list((await listed(audit)).session_ids) == [session]
