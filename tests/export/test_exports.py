"""Exports from creation to download, through real services."""

from __future__ import annotations

import gzip
import json

import grpc
import pytest
from afterimage.export.v1 import export_service_pb2 as pb
from support.export import CANCELLED, CSV, DONE, HAR, JSON, QUEUED, SESSIONS
from support.share import refusal, replay, seconds


async def test_a_session_is_exported_as_the_player_gets_it(exports, audit):
    session = await audit.record(duration_s=30)
    created = await exports.of_session(session)
    assert (created.state, created.created_by, created.format) == (QUEUED, "alice", JSON)
    assert created.session.session_id == session
    data = json.loads(await exports.file(created))
    parts = await replay(audit, exports.mint("view"), session)
    chunks = [part.chunk for part in parts if part.HasField("chunk")]
    assert data == [event for chunk in chunks for event in json.loads(gzip.decompress(chunk.payload))]
    done = await exports.get(created.export_id)
    assert (done.progress.done_count, done.progress.planned_count) == (len(chunks), len(chunks))
    assert done.attempt_count == 1
    assert done.file.name == f"session-{session}.json"
    assert done.expire_time.seconds - done.end_time.seconds == pytest.approx(7 * 86_400, abs=1)
    assert created.create_time.ToMilliseconds() <= done.start_time.ToMilliseconds() <= done.end_time.ToMilliseconds()


async def test_a_download_goes_on_where_it_broke(exports, audit):
    export = await exports.of_session(await audit.record(duration_s=30))
    whole = await exports.file(export)
    for offset in (1, len(whole) // 2, len(whole) - 1, len(whole)):
        file, rest = await exports.download(export.export_id, offset)
        assert file.size_bytes == len(whole)
        assert rest == whole[offset:]
    for offset in (-1, len(whole) + 1):
        refused = await refusal(anext(aiter(exports.downloading(export.export_id, offset))))
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.fields == {"offset"}


async def test_bad_requests_name_their_fields(idle_exports, audit):
    session = await audit.record()
    good = {"session": {"session_id": session}, "format": JSON}
    for change, fields in (
        ({"format": 0}, {"format"}),
        ({"format": 99}, {"format"}),
        ({"format": CSV}, {"format"}),
        ({"session": None}, {"session"}),
        ({"session": {"session_id": "x"}}, {"session.session_id"}),
        ({"session": {"session_id": session, "window_id": "x"}}, {"session.window_id"}),
        ({"session": {"session_id": session, "start_offset": seconds(-1)}}, {"session.start_offset"}),
        ({"session": {"session_id": session, "start_offset": seconds(3600)}}, {"session.start_offset"}),
        (
            {"session": {"session_id": session, "start_offset": seconds(9), "end_offset": seconds(9)}},
            {"session.end_offset"},
        ),
        ({"priority": 9}, {"priority"}),
        ({"ttl": seconds(59)}, {"ttl"}),
        ({"ttl": seconds(31 * 86_400)}, {"ttl"}),
        ({"request_id": "x"}, {"request_id"}),
        ({"session": None, "table": {"table": 0}, "format": CSV}, {"table.table"}),
        ({"session": None, "table": {"table": SESSIONS, "kinds": [1]}, "format": CSV}, {"table.kinds"}),
        ({"session": None, "table": {"table": SESSIONS}, "format": HAR}, {"format"}),
        (
            {"session": None, "table": {"table": SESSIONS, "filter": {"min_duration": seconds(-1)}}, "format": CSV},
            {"table.filter.min_duration"},
        ),
        ({"session": {}, "format": 0, "ttl": seconds(1)}, {"session.session_id", "format", "ttl"}),
    ):
        refused = await refusal(
            idle_exports.create(**{name: value for name, value in (good | change).items() if value is not None})
        )
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT, change
        assert refused.fields == fields, change
    unknown = await refusal(idle_exports.of_session("0198a000-0000-7000-8000-000000000000"))
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
    assert (await idle_exports.list()).exports == []


async def test_a_repeated_request_creates_one_export(idle_exports, audit):
    session = await audit.record()
    request = {"session": {"session_id": session}, "format": JSON, "request_id": "11111111-2222-4333-8444-555555555555"}
    first = await idle_exports.create(**request)
    assert (await idle_exports.create(**request)).export_id == first.export_id
    other = await idle_exports.create(**request, subject="bob")
    assert other.export_id != first.export_id
    refused = await refusal(idle_exports.create(**request | {"format": HAR}))
    assert refused.fields == {"request_id"}
    await idle_exports.delete(first.export_id)
    assert (await idle_exports.create(**request)).export_id not in {first.export_id, other.export_id}


async def test_lists_are_paged_and_filtered(idle_exports, audit):
    sessions = [await audit.record(), await audit.record()]
    made = [await idle_exports.of_session(session) for session in (*sessions, sessions[0])]
    made.append(await idle_exports.of_table())
    ids = [export.export_id for export in reversed(made)]
    assert [export.export_id for export in (await idle_exports.list()).exports] == ids
    first = await idle_exports.list(page_size=3)
    rest = await idle_exports.list(page_size=3, page_token=first.next_page_token)
    assert [export.export_id for export in (*first.exports, *rest.exports)] == ids
    of_session = (await idle_exports.list(session_id=sessions[0])).exports
    assert [export.export_id for export in of_session] == [made[2].export_id, made[0].export_id]
    assert (await idle_exports.list(created_by="bob")).exports == []
    await idle_exports.cancel(made[1].export_id)
    assert [export.export_id for export in (await idle_exports.list(states=[CANCELLED])).exports] == [made[1].export_id]
    assert (await idle_exports.list(project="other")).exports == []
    refused = await refusal(idle_exports.list(page_token=first.next_page_token, created_by="bob"))
    assert refused.fields == {"page_token"}


async def test_other_projects_see_nothing(exports, audit):
    export = await exports.of_session(await audit.record())
    await exports.file(export)
    request = {"export_id": export.export_id}
    for call in (
        exports.stub.GetExport(pb.GetExportRequest(**request), metadata=exports.auth("other")),
        exports.stub.CancelExport(pb.CancelExportRequest(**request), metadata=exports.auth("other")),
        exports.stub.DeleteExport(pb.DeleteExportRequest(**request), metadata=exports.auth("other")),
        anext(aiter(exports.downloading(export.export_id, project="other"))),
        anext(aiter(exports.stub.WatchExports(pb.WatchExportsRequest(**request), metadata=exports.auth("other")))),
    ):
        refused = await refusal(call)
        assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "EXPORT_NOT_FOUND")
    refused = await refusal(exports.of_session(export.session.session_id, project="other"))
    assert refused.code is grpc.StatusCode.NOT_FOUND
    assert (await exports.get(export.export_id)).state == DONE


async def test_a_cancelled_export_stays_so(idle_exports, audit):
    export = await idle_exports.of_session(await audit.record())
    assert (await idle_exports.cancel(export.export_id)).state == CANCELLED
    assert (await idle_exports.cancel(export.export_id)).state == CANCELLED
    refused = await refusal(anext(aiter(idle_exports.downloading(export.export_id))))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXPORT_NOT_DONE")


async def test_a_done_export_cannot_be_cancelled_but_deleted(exports, audit, export_settings):
    export = await exports.of_session(await audit.record())
    await exports.file(export)
    results = export_settings.data_dir / "exports" / "results"
    assert [path for path in results.rglob("*") if path.is_file()]
    refused = await refusal(exports.cancel(export.export_id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXPORT_ENDED")
    await exports.delete(export.export_id)
    for call in (exports.get(export.export_id), exports.delete(export.export_id)):
        assert (await refusal(call)).code is grpc.StatusCode.NOT_FOUND
    assert list(results.rglob("*")) == []
