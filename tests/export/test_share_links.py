"""Exports of the visitors of share links: the link's part only, with its label, and only as long as the link stands."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from base64 import b64decode

import grpc
import pytest
from afterimage.audit.v1 import access_event_pb2
from afterimage.export.v1 import export_service_pb2 as pb
from support import web
from support.export import DONE, EXPIRED, HTML, JSON, MP4, eventually, export_service
from support.share import ShareCalls, bearer, refusal, seconds
from support.wait import PATIENCE_S

from services.export import exports as exports_module
from services.export.worker import app as worker_app
from services.share.app import serve

from .test_access import delete_session

Code = grpc.StatusCode
PART = re.compile(rb'<script type="application/octet-stream" data-part="(\w+)"[^>]*>([^<]*)</script>')


class LinkExports:
    """ExportService as the visitor of a link calls it."""

    def __init__(self, exports, share, link, grant):
        self.exports, self.share = exports, share
        self.link_id = link.share_link.share_link_id
        self.auth = bearer(grant.grant_token)
        self.stub = exports.stub

    async def create(self, session, fmt=HTML, **content):
        request = pb.CreateExportRequest(session={"session_id": session, **content}, format=fmt)
        return (await self.stub.CreateExport(request, metadata=self.auth)).export

    async def get(self, export_id):
        return (await self.stub.GetExport(pb.GetExportRequest(export_id=export_id), metadata=self.auth)).export

    def downloading(self, export_id):
        return self.stub.DownloadExport(pb.DownloadExportRequest(export_id=export_id), metadata=self.auth)

    async def file(self, export):
        assert (await self.exports.ended(export.export_id)).state == DONE
        return b"".join([part.data async for part in self.downloading(export.export_id)])


@pytest.fixture
async def share(export_settings, mint, clock):
    """ShareService; its callers may export, too."""
    settings = export_settings.model_copy(
        update={
            "share": export_settings.share.model_copy(
                update={
                    "port": 0,
                    "metrics_port": -1,
                    "audit_address": export_settings.export.audit_address,
                    "requests_per_minute": 0,
                }
            )
        }
    )

    def mint_both(scope, **claims):
        return mint(scope, "export", **claims) if scope == "share" else mint(scope, **claims)

    async with serve(settings, now=clock) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield ShareCalls(channel, mint_both)


@pytest.fixture
def visit(exports, share):
    """Creates a link and opens it: `await visit(session, start_offset=20)`."""

    async def opened(session, *, allow_download=True, **fields):
        link = await share.create(session, allow_download=allow_download, **fields)
        grant = await share.redeem(link.token)
        assert grant.download_allowed is allow_download is link.share_link.allow_download
        return LinkExports(exports, share, link, grant)

    return opened


def parts(html, wanted):
    """Returns the contents of the parts of an HTML file of a kind."""
    return [json.loads(gzip.decompress(b64decode(data))) for kind, data in PART.findall(html) if kind == wanted]


def ticks(html):
    events = [event for chunk in parts(html, b"chunk") for event in chunk]
    return sorted(event["data"]["payload"] for event in events if event["type"] == 5)


def facts(html):
    [found] = parts(html, b"session")
    return found


async def test_a_visitor_exports_the_part_of_the_link_with_its_label(visit, audit):
    web.built()
    session = await audit.record()
    visitor = await visit(session, start_offset=20, end_offset=40, label="For <b>Ada</b>")
    made = await visitor.create(session)
    assert (made.share_link_id, made.created_by) == (visitor.link_id, f"link:{visitor.link_id}")
    html = await visitor.file(made)
    assert ticks(html) == list(range(20, 40))
    assert facts(html)["watermark"] == "For <b>Ada</b>"
    assert b"<b>Ada" not in html
    # A smaller part may be asked for, and a larger one is cut.
    smaller = await visitor.create(session, start_offset=seconds(20), end_offset=seconds(30))
    assert ticks(await visitor.file(smaller)) == list(range(20, 30))
    again = await visitor.create(session, end_offset=seconds(3_600))
    assert again.export_id == made.export_id
    refused = await refusal(visitor.create(session, start_offset=seconds(50)))
    assert (refused.code, refused.fields) == (Code.INVALID_ARGUMENT, {"session.start_offset"})


async def test_earlier_events_that_come_later_are_not_exported(visit, audit):
    web.built()
    session = await audit.record()
    visitor = await visit(session, start_offset=0, end_offset=30)
    await audit.record_earlier(session, 20)
    assert ticks(await visitor.file(await visitor.create(session))) == list(range(30))


async def test_a_link_without_a_label_has_its_id_in_the_file(visit, audit):
    web.built()
    session = await audit.record()
    visitor = await visit(session)
    html = await visitor.file(await visitor.create(session))
    assert facts(html)["watermark"] == f"Share link {visitor.link_id[:8]}"
    assert ticks(html) == list(range(61))


async def test_refusals_are_entries_of_the_trail_with_the_link(visit, exports, audit):
    session, other = await audit.record(), await audit.record()
    visitor, second = await visit(session), await visit(session)
    watching = await visit(session, allow_download=False)
    own = await exports.of_session(session)
    theirs = await second.create(session)
    expected = [
        (visitor.create(other), Code.NOT_FOUND),
        (visitor.stub.CreateExport(pb.CreateExportRequest(table={"table": 1}, format=3), metadata=visitor.auth),
         Code.NOT_FOUND),
        (visitor.create(session, JSON), Code.INVALID_ARGUMENT),
        (watching.create(session), Code.PERMISSION_DENIED),
        (anext(aiter(visitor.downloading(own.export_id))), Code.NOT_FOUND),
        (anext(aiter(visitor.downloading(theirs.export_id))), Code.NOT_FOUND),
        (visitor.stub.DeleteExport(pb.DeleteExportRequest(export_id=own.export_id), metadata=visitor.auth),
         Code.PERMISSION_DENIED),
    ]  # fmt: skip
    for call, code in expected:
        assert (await refusal(call)).code is code
    for call, code in (
        (visitor.get(own.export_id), Code.NOT_FOUND),
        (visitor.get(theirs.export_id), Code.NOT_FOUND),
        (visitor.stub.ListExports(pb.ListExportsRequest(), metadata=visitor.auth), Code.PERMISSION_DENIED),
        (anext(aiter(visitor.stub.WatchExports(pb.WatchExportsRequest(), metadata=visitor.auth))),
         Code.INVALID_ARGUMENT),
    ):  # fmt: skip
        assert (await refusal(call)).code is code

    async def entries():
        found = [event for event in await audit.trail() if event.share_link_id in {visitor.link_id, watching.link_id}]
        found = [event for event in found if "ExportService" in event.rpc]
        return found if len(found) == len(expected) else None

    assert access_event_pb2.ACCESS_OUTCOME_ALLOWED not in {event.outcome for event in await eventually(entries)}


async def test_a_link_has_a_bounded_number_of_exports(export_settings, mint, clock, share, audit):
    settings = export_settings.model_copy(
        update={"export": export_settings.export.model_copy(update={"max_per_share_link": 2})}
    )
    async with export_service(settings, mint, now=clock) as idle:
        session = await audit.record()
        link = await share.create(session, allow_download=True)
        visitor = LinkExports(idle, share, link, await share.redeem(link.token))
        first, _ = await visitor.create(session), await visitor.create(session, MP4)
        refused = await refusal(visitor.create(session, HTML, end_offset=seconds(20)))
        assert (refused.code, refused.reason) == (Code.RESOURCE_EXHAUSTED, "LINK_EXPORTS")
        assert (await visitor.create(session)).export_id == first.export_id
        await visitor.stub.CancelExport(pb.CancelExportRequest(export_id=first.export_id), metadata=visitor.auth)
        assert (await visitor.create(session, HTML, end_offset=seconds(20))).export_id != first.export_id


async def test_a_revocation_stops_downloads_and_removes_the_file(visit, exports, audit, export_settings, monkeypatch):
    web.built()
    session = await audit.record()
    visitor, other = await visit(session), await visit(session)
    export, stays = await visitor.create(session), await other.create(session)
    for one, whose in ((export, visitor), (stays, other)):
        await whose.file(one)
    monkeypatch.setattr(exports_module, "CHECK_S", 0.0)
    go = asyncio.Event()

    async def slow(self, key, offset):
        yield b"<"
        await go.wait()
        yield b"!"
        yield b"d"

    monkeypatch.setattr("services.export.results.store.ResultStore.read", slow)
    reading = aiter(visitor.downloading(export.export_id))
    assert [(await anext(reading)).WhichOneof("message") for _ in range(2)] == ["file", "data"]
    watching = visitor.stub.WatchExports(pb.WatchExportsRequest(export_id=export.export_id), metadata=visitor.auth)
    await visitor.share.revoke(visitor.link_id)
    go.set()

    async def rest():
        return [part async for part in reading]

    assert (await refusal(rest())).code in {Code.PERMISSION_DENIED, Code.NOT_FOUND}
    refused = await refusal(visitor.create(session))
    assert (refused.code, refused.reason) == (Code.PERMISSION_DENIED, "LINK_ENDED")
    refused = await refusal(anext(aiter(visitor.downloading(export.export_id))))
    assert (refused.code, refused.reason) == (Code.PERMISSION_DENIED, "LINK_ENDED")
    watching.cancel()
    results = export_settings.data_dir / "exports" / "results"

    async def one_file_is_left():
        return len([path for path in results.rglob("*") if path.is_file()]) == 1

    await eventually(one_file_is_left)
    assert [one.export_id for one in (await exports.list()).exports] == [stays.export_id]


async def test_a_revocation_ends_an_export_in_the_making(visit, exports, audit, monkeypatch):
    reading, ended = asyncio.Event(), asyncio.Event()

    async def held(making):
        reading.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    session = await audit.record()
    monkeypatch.setitem(worker_app.MAKERS, HTML, held)
    visitor = await visit(session)
    await visitor.create(session)
    async with asyncio.timeout(PATIENCE_S):
        await reading.wait()
        await visitor.share.revoke(visitor.link_id)
        await ended.wait()
    assert list((await exports.list()).exports) == []


async def test_an_export_expires_with_its_link(visit, exports, audit, clock):
    web.built()
    session = await audit.record()
    visitor = await visit(session, ttl_s=120)
    export = await visitor.create(session)
    await visitor.file(export)
    [link] = (await visitor.share.list(session_id=session)).share_links
    assert (await exports.get(export.export_id)).expire_time == link.expire_time
    clock.stop()
    clock.advance(121)
    refused = await refusal(visitor.create(session))
    assert refused.code in {Code.UNAUTHENTICATED, Code.PERMISSION_DENIED}

    async def is_expired():
        return (await exports.get(export.export_id)).state == EXPIRED

    await eventually(is_expired)


async def test_a_deleted_session_takes_the_exports_of_its_links_with_it(visit, exports, audit):
    web.built()
    session = await audit.record()
    visitor = await visit(session)
    await visitor.file(await visitor.create(session))
    await delete_session(audit, session)

    async def is_gone():
        return not (await exports.list()).exports

    await eventually(is_gone)


async def test_creations_and_downloads_are_entries_of_the_trail_with_the_link(visit, audit):
    web.built()
    session = await audit.record()
    visitor = await visit(session)
    await visitor.file(await visitor.create(session))
    found = [event for event in await audit.trail() if event.share_link_id == visitor.link_id]
    acts = [event.action for event in found if "ExportService" in event.rpc]
    assert acts == [access_event_pb2.ACCESS_ACTION_EXPORT_CREATE, access_event_pb2.ACCESS_ACTION_EXPORT_DOWNLOAD]
    # The worker reads the shared part, in its own name.
    assert "afterimage-export" in {event.subject for event in found}


async def test_a_caller_who_may_not_export_makes_no_link_that_allows_downloads(export_settings, share, audit, mint):
    session = await audit.record()
    sharer = ShareCalls(share.channel, mint)
    refused = await refusal(sharer.create(session, allow_download=True, subject="sharer"))
    assert (refused.code, refused.reason) == (Code.PERMISSION_DENIED, "SCOPE_MISSING")
    assert not (await sharer.create(session)).share_link.allow_download

    async def entry():
        return [event for event in await audit.trail() if event.subject == "sharer" and event.detail == "with download"]

    [refusal_entry] = await eventually(entry)
    assert refusal_entry.outcome == access_event_pb2.ACCESS_OUTCOME_DENIED
