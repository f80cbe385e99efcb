"""Scopes, the access trail, deletions of sessions, and revoked tokens."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
from afterimage.audit.v1 import access_event_pb2
from afterimage.audit.v1 import audit_service_pb2 as audit_pb
from afterimage.export.v1 import export_service_pb2 as pb
from support.export import CSV, FAILED, HAR, JSON, eventually, export_service
from support.share import bearer, refusal
from support.wait import PATIENCE_S

from services.export import deleted_sessions, upkeep
from services.export import exports as exports_module
from services.export.formats.makers import MAKERS
from services.export.worker import app as worker_app
from services.export.worker.app import work
from services.runtime.identity.revoked import revoke_subject
from services.runtime.redis_client import connect

ALLOWED, DENIED, NOT_FOUND = (
    access_event_pb2.ACCESS_OUTCOME_ALLOWED,
    access_event_pb2.ACCESS_OUTCOME_DENIED,
    access_event_pb2.ACCESS_OUTCOME_NOT_FOUND,
)
CREATE, DOWNLOAD, DELETE = (
    access_event_pb2.ACCESS_ACTION_EXPORT_CREATE,
    access_event_pb2.ACCESS_ACTION_EXPORT_DOWNLOAD,
    access_event_pb2.ACCESS_ACTION_EXPORT_DELETE,
)


async def delete_session(audit, session):
    request = audit_pb.DeleteSessionsRequest(session_ids=[session])
    answer = await audit.stub.DeleteSessions(request, metadata=bearer(audit.mint("admin", subject="auditor")))
    assert answer.session_count == 1


async def test_every_method_needs_the_scope(exports, audit):
    session = await audit.record()
    export = await exports.of_session(session)
    await exports.file(export)
    named = {"export_id": export.export_id}
    for scope in ("view", "share", "admin", "record", "internal"):
        auth = exports.auth(scope=scope, subject="mallory")
        for call in (
            exports.stub.CreateExport(
                pb.CreateExportRequest(session={"session_id": session}, format=JSON), metadata=auth
            ),
            exports.stub.GetExport(pb.GetExportRequest(**named), metadata=auth),
            exports.stub.ListExports(pb.ListExportsRequest(), metadata=auth),
            exports.stub.CancelExport(pb.CancelExportRequest(**named), metadata=auth),
            exports.stub.DeleteExport(pb.DeleteExportRequest(**named), metadata=auth),
            anext(aiter(exports.stub.DownloadExport(pb.DownloadExportRequest(**named), metadata=auth))),
            anext(aiter(exports.stub.WatchExports(pb.WatchExportsRequest(), metadata=auth))),
        ):
            refused = await refusal(call)
            assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")

    async def refusals():
        found = [event for event in await audit.trail() if event.subject == "mallory"]
        return found if len(found) == 15 else None

    events = await eventually(refusals)
    assert {(event.action, event.outcome) for event in events} == {
        (CREATE, DENIED), (DOWNLOAD, DENIED), (DELETE, DENIED)
    }  # fmt: skip
    grant = bearer(audit.mint("export", session_id=session))
    refused = await refusal(exports.stub.ListExports(pb.ListExportsRequest(), metadata=grant))
    assert refused.reason == "GRANT_TOO_NARROW"


async def test_uses_are_entries_of_the_trail(exports, audit):
    earlier = {event.access_event_id for event in await audit.trail()}
    session = await audit.record()
    export = await exports.of_session(session, HAR)
    await exports.file(export)
    await exports.download(export.export_id, 10)
    await exports.delete(export.export_id)
    await refusal(exports.delete(export.export_id))
    await refusal(exports.of_session("0198a000-0000-7000-8000-000000000000"))

    async def entries():
        found = [event for event in await audit.trail() if event.subject == "alice"]
        found = [event for event in found if event.access_event_id not in earlier]
        return found if len(found) == 6 else None

    events = await eventually(entries)
    assert sorted((event.action, event.outcome) for event in events) == sorted(
        [
            (CREATE, ALLOWED),
            (DOWNLOAD, ALLOWED),
            (DOWNLOAD, ALLOWED),
            (DELETE, ALLOWED),
            (DELETE, NOT_FOUND),
            (CREATE, NOT_FOUND),
        ]
    )
    allowed = [event for event in events if event.outcome == ALLOWED]
    assert {event.session_id for event in allowed} == {session}
    assert all(event.detail.startswith(f"{export.export_id} har") for event in allowed)
    assert [event.detail for event in allowed if "from byte 10" in event.detail]
    assert {event.rpc.partition("/")[2].partition("/")[0] for event in events} == {"afterimage.export.v1.ExportService"}
    # The worker's own reads.
    reads = [event for event in await audit.trail(session_id=session) if event.subject == "afterimage-export"]
    assert access_event_pb2.ACCESS_ACTION_EXPORT in {event.action for event in reads}


async def test_an_actor_is_not_named_in_the_trail(exports, audit):
    await exports.file(await exports.of_table(filter={"actor_id": "carol@shop.example", "page": "checkout"}))
    details = [event.detail for event in await audit.trail() if event.action == CREATE]
    assert any("checkout" in detail for detail in details)
    assert not any("carol" in detail for detail in details)


@pytest.fixture
def _often(monkeypatch):
    monkeypatch.setattr(upkeep, "SLOW_EVERY_S", 0.2)


@pytest.mark.usefixtures("_often")
async def test_a_deleted_session_takes_its_exports_with_it(exports, audit, export_settings):
    # Within less than a minute, the time between two looks: it is the notice.
    gone, stays = await audit.record(), await audit.record()
    made = [await exports.of_session(gone), await exports.of_session(gone, HAR), await exports.of_session(stays)]
    made.append(await exports.of_table(fmt=CSV))
    for export in made:
        await exports.file(export)
    await delete_session(audit, gone)

    async def one_is_left():
        return len((await exports.list()).exports) == 1

    await eventually(one_is_left)
    assert [export.export_id for export in (await exports.list()).exports] == [made[2].export_id]
    await exports.file(made[2])
    results = export_settings.data_dir / "exports" / "results"

    async def one_file_is_left():
        return len([path for path in results.rglob("*") if path.is_file()]) == 1

    await eventually(one_file_is_left)


async def test_no_download_after_a_deletion_without_a_notice(export_settings, mint, clock, audit, monkeypatch):
    monkeypatch.setattr(deleted_sessions.DeletedSessions, "run", lambda self: asyncio.Event().wait())
    async with export_service(export_settings, mint, now=clock) as exports, work(export_settings, now=clock):
        session = await audit.record()
        export, table = await exports.of_session(session), await exports.of_table()
        for one in (export, table):
            await exports.file(one)
        await delete_session(audit, session)
        assert len((await exports.list()).exports) == 2
        for one in (export, table):
            refused = await refusal(anext(aiter(exports.downloading(one.export_id))))
            assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "EXPORT_NOT_FOUND")
        assert list((await exports.list()).exports) == []


async def test_a_session_deleted_in_mid_job_is_not_exported(export_settings, mint, clock, audit, monkeypatch):
    """Deleted after the worker has read it, before the file is complete."""
    read, go = asyncio.Event(), asyncio.Event()

    def held(maker):
        async def make(making):
            made = await maker(making)
            read.set()
            await go.wait()
            return made

        return make

    monkeypatch.setattr(worker_app, "MAKERS", {fmt: held(maker) for fmt, maker in MAKERS.items()})
    monkeypatch.setattr(deleted_sessions.DeletedSessions, "run", lambda self: asyncio.Event().wait())
    async with export_service(export_settings, mint, now=clock) as exports, work(export_settings, now=clock):
        for of_table in (False, True):
            session = await audit.record()
            read.clear()
            go.clear()
            export = await (exports.of_table() if of_table else exports.of_session(session))
            async with asyncio.timeout(PATIENCE_S):
                await read.wait()
            await delete_session(audit, session)
            go.set()
            failed = await exports.ended(export.export_id)
            assert (failed.state, failed.failure.reason) == (FAILED, "SESSION_DELETED")
    results = export_settings.data_dir / "exports" / "results"
    assert [path for path in results.rglob("*") if path.is_file()] == []


async def test_a_revoked_token_ends_its_downloads(exports, audit, export_settings, monkeypatch):
    session = await audit.record(duration_s=60)
    export = await exports.of_session(session)
    await exports.file(export)
    reading = asyncio.Event()

    async def slow(self, key, offset):
        yield b"["
        reading.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("services.export.results.store.ResultStore.read", slow)
    call = exports.downloading(export.export_id, subject="leaver")
    parts = aiter(call)
    assert (await anext(parts)).HasField("file")
    assert (await anext(parts)).data == b"["
    async with connect(export_settings) as client:
        await revoke_subject(client, export_settings, "leaver", time.time() + 1)
    refused = await refusal(anext(parts))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED")


async def test_a_download_ends_with_its_export(exports, audit, monkeypatch):
    export = await exports.of_session(await audit.record(duration_s=60))
    await exports.file(export)
    monkeypatch.setattr(exports_module, "CHECK_S", 0.0)
    go = asyncio.Event()

    async def slow(self, key, offset):
        yield b"["
        await go.wait()
        yield b"1"
        yield b"2"

    monkeypatch.setattr("services.export.results.store.ResultStore.read", slow)
    parts = aiter(exports.downloading(export.export_id))
    assert [(await anext(parts)).WhichOneof("message") for _ in range(2)] == ["file", "data"]
    await exports.delete(export.export_id)
    go.set()

    async def rest():
        return [part async for part in parts]

    assert (await refusal(rest())).code is grpc.StatusCode.NOT_FOUND


async def test_a_download_ends_with_a_session_in_its_file(exports, audit, monkeypatch):
    session = await audit.record(duration_s=60)
    export = await exports.of_session(session)
    await exports.file(export)
    monkeypatch.setattr(exports_module, "CHECK_S", 0.0)
    go = asyncio.Event()

    async def slow(self, key, offset):
        yield b"["
        await go.wait()
        yield b"1"
        yield b"2"

    monkeypatch.setattr("services.export.results.store.ResultStore.read", slow)
    parts = aiter(exports.downloading(export.export_id))
    assert [(await anext(parts)).WhichOneof("message") for _ in range(2)] == ["file", "data"]
    await delete_session(audit, session)

    async def is_gone():
        return not (await exports.list()).exports

    await eventually(is_gone)
    go.set()

    async def rest():
        return [part async for part in parts]

    refused = await refusal(rest())
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "EXPORT_NOT_FOUND")


async def test_watching_can_be_of_one_creator(exports, audit):
    session = await audit.record()
    theirs = await exports.create(session={"session_id": session}, format=JSON, subject="bob")
    await exports.file(theirs)
    watching = aiter(exports.stub.WatchExports(pb.WatchExportsRequest(created_by="alice"), metadata=exports.auth()))
    assert list((await anext(watching)).snapshot.exports) == []
    await exports.create(session={"session_id": session}, format=HAR, subject="bob")
    own = await exports.of_session(session)
    assert (await anext(watching)).upsert.export_id == own.export_id


async def test_without_the_trail_nothing_is_created_or_downloaded(exports, audit, monkeypatch):
    export = await exports.of_session(session := await audit.record())
    await exports.file(export)

    async def away(self, project, events):
        raise RuntimeError("the trail is away")

    monkeypatch.setattr("services.export.audit_client.AuditClient.record", away)
    for call in (
        exports.of_session(session),
        anext(aiter(exports.downloading(export.export_id))),
        exports.delete(export.export_id),
    ):
        refused = await refusal(call)
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "TRAIL_UNAVAILABLE")
    assert len((await exports.list()).exports) == 1
