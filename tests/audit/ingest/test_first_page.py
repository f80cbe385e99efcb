"""A session's first page is that of its first event; pages, tabs and chunks may arrive in any order."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1.session_filter_pb2 import SessionFilter
from support.audit_server import AuditServer, StreamViewer, click, meta, move, new_session, start_of
from support.intruders import SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")

SITE = "https://shop.example"


@pytest.fixture
def audit(shared_audit: AuditServer) -> AuditServer:
    """One server for all tests: each has its own sessions."""
    return shared_audit


def page(at_ms: int, path: str, width: int = 1_200, height: int = 800) -> list[dict[str, Any]]:
    """Returns the first events of a page of the site."""
    opened = meta(at_ms, SITE + path)
    opened["data"] |= {"width": width, "height": height}
    return [{"type": 0, "data": {}, "timestamp": at_ms}, opened, move(at_ms + 1)]


def start(path: str, **fields: Any) -> dict[str, Any]:
    return {"session_secret": SECRET, "first_url": SITE + path, **fields}


async def shown(audit: AuditServer, session: str) -> list[tuple[str, str, int, int]]:
    """Returns the first page, the language, the device and the viewport as each RPC shows them."""
    [listed] = [one for one in await audit.sessions() if one.session_id == session]
    async with StreamViewer(
        audit.stub.WatchSessions(pb.WatchSessionsRequest(filter=SessionFilter()), metadata=audit.auth("view"))
    ) as viewer:
        live = [one for one in (await viewer.next()).snapshot.sessions if one.session_id == session]
    found = [(await audit.session(session)).session, listed, *live, (await audit.replay(session)).header.session]
    return [(one.first_url, one.language, one.device_type, one.viewport.width) for one in found]


async def test_pages_of_one_tab_leave_the_first_one(audit):
    session, window = new_session(), str(uuid4())
    at = start_of(session)
    pages = ["/", "/cart", "/pay"]
    for number, path in enumerate(pages):
        language = ("de", "en", "fr")[number]
        async with audit.recorder(session, window, **start(path, language=language, device_type=number + 1)) as one:
            await one.send(number + 1, page(at + number * 1_000, path, width=1_200 - number))
            await one.ack(number + 1)
    assert set(await shown(audit, session)) == {(SITE + "/", "de", 1, 1_200)}


async def test_the_next_page_may_deliver_the_chunks_of_the_first(audit):
    """The first page was left before anything of it had arrived: the next one sends its chunks."""
    session, window = new_session(), str(uuid4())
    at = start_of(session)
    async with audit.recorder(session, window, **start("/second", viewport={"width": 400, "height": 300})) as one:
        await one.send(1, page(at, "/first?campaign=7"))
        await one.send(2, page(at + 1_000, "/second", width=400))
        await one.ack(2)
    assert {(url, width) for url, _, _, width in await shown(audit, session)} == {(SITE + "/first", 1_200)}


async def test_the_first_page_may_come_in_a_later_chunk_and_a_later_stream(audit):
    session, window = new_session(), str(uuid4())
    at = start_of(session)
    async with audit.recorder(session, window, **start("/third")) as one:
        await one.send(1, [move(at)])
        await one.ack(1)
    async with audit.recorder(session, window, **start("/third")) as two:
        await two.send(2, [move(at + 1), *page(at + 2, "/first"), *page(at + 500, "/second")])
        await two.send(3, page(at + 900, "/third"))
        await two.ack(3)
    assert {url for url, *_ in await shown(audit, session)} == {SITE + "/first"}


async def test_a_tab_that_arrives_late_was_still_the_first(audit):
    """The first tab was without a network while the second one, opened from it, was recorded."""
    session = new_session()
    at = start_of(session)
    async with audit.recorder(session, **start("/second", language="en", device_type=1)) as second:
        await second.send(1, page(at + 5_000, "/second", width=500))
        await second.ack(1)
        assert {url for url, *_ in await shown(audit, session)} == {SITE + "/second"}
        async with audit.recorder(session, **start("/first", language="de", device_type=2)) as first:
            await first.send(1, page(at, "/first"))
            await first.ack(1)
            await second.send(2, [click(at + 6_000)])
            await second.ack(2)
            assert set(await shown(audit, session)) == {(SITE + "/first", "de", 2, 1_200)}


async def test_many_tabs_at_once_and_chunks_sent_twice(audit):
    session = new_session()
    at = start_of(session)
    windows = [str(uuid4()) for _ in range(5)]
    for number in (3, 0, 4, 2, 1, 3, 0):
        async with audit.recorder(session, windows[number], **start(f"/{number}")) as one:
            await one.send(1, page(at + 100 * number, f"/{number}"))
            await one.ack(1)
    assert {url for url, *_ in await shown(audit, session)} == {SITE + "/0"}


async def test_a_start_without_a_page_gets_it_from_the_recording(audit):
    session = new_session()
    async with audit.recorder(session, session_secret=SECRET) as one:
        await one.send(1, page(start_of(session), "/a/b?c=d#e", width=0))
        await one.ack(1)
    assert {(url, width) for url, _, _, width in await shown(audit, session)} == {(SITE + "/a/b", 0)}


async def test_a_start_of_another_origin_is_no_later_page(audit):
    """Such as of a program that records under names of its own."""
    session, own = new_session(), {"first_url": "https://named.example/a", "viewport": {"width": 7, "height": 8}}
    async with audit.recorder(session, session_secret=SECRET, **own) as one:
        await one.send(1, page(start_of(session), "/first"))
        await one.ack(1)
    assert {(url, width) for url, _, _, width in await shown(audit, session)} == {("https://named.example/a", 7)}


async def test_a_recording_without_a_page_keeps_that_of_its_start(audit):
    session = new_session()
    async with audit.recorder(session, **start("/told", viewport={"width": 7, "height": 8})) as one:
        await one.send(1, [move(start_of(session))])
        await one.ack(1)
    assert {(url, width) for url, _, _, width in await shown(audit, session)} == {(SITE + "/told", 7)}
