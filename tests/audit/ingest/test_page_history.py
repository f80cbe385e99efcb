"""Names of clicks over RPC: by another worker or server, with the history of the page from storage and from memory."""

from __future__ import annotations

from uuid import uuid4

import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import audit_settings, new_session, running, start_of

from services.audit.ingest import page_history
from services.audit.ingest.page_mirrors import NO_HISTORY, NO_PAGE
from services.audit.model import InteractionKind

PAGE = {
    "type": 0,
    "id": 1,
    "childNodes": [
        {
            "type": 2,
            "tagName": "button",
            "attributes": {"id": "export"},
            "id": 2,
            "childNodes": [{"type": 3, "textContent": "Export", "id": 3}],
        }
    ],
}


def event(session, ms, kind, **data):
    return {"type": kind, "timestamp": start_of(session) + ms, "data": data}


def first(session):
    return [
        event(session, 0, 4, href="https://shop.example/", width=800, height=600),
        event(session, 1, 2, node=PAGE, initialOffset={"top": 0, "left": 0}),
    ]


def words(session, ms, value):
    return [event(session, ms, 3, source=0, adds=[], removes=[], attributes=[], texts=[{"id": 3, "value": value}])]


def clicks(session, ms, count=1):
    return [event(session, ms + 200 * n, 3, source=2, type=2, id=3, x=5, y=5) for n in range(count)]


async def named(audit, session, kinds=()):
    answer = await audit.stub.ListInteractions(
        pb.ListInteractionsRequest(session_id=str(session), kinds=kinds), metadata=audit.auth("view")
    )
    return [(one.target.name, one.target.selector, one.target.role, one.target.tag) for one in answer.interactions]


async def test_a_restarted_server_names_what_is_clicked_next(tmp_path):
    session, window, settings = new_session(), str(uuid4()), audit_settings(tmp_path)
    async with running(settings) as audit, audit.recorder(session, window) as recorder:
        await recorder.send(1, first(session))
        await recorder.send(2, words(session, 500, "Saved"))
        await recorder.ack(2)
    async with running(settings) as audit, audit.recorder(session, window) as recorder:
        await recorder.send(3, clicks(session, 1_000, 4))
        await recorder.ack(3)
        await recorder.send(4, clicks(session, 9_000))
        await recorder.ack(4)
        click, rage = InteractionKind.CLICK, InteractionKind.RAGE_CLICK
        assert await named(audit, session, [click]) == [("Saved", "#export", "button", "button")] * 5
        assert await named(audit, session, [rage]) == [("Saved", "#export", "button", "button")]
        answer = await audit.session(session)
        (marker,) = (one for one in answer.markers if one.kind == rage)
        assert (marker.count, marker.target.name, marker.target.selector) == (4, "Saved", "#export")


async def test_chunks_that_are_not_stored_yet_are_part_of_the_history(tmp_path):
    """All of them are sent before the first ack, and each chunk meets a process without the page."""
    session, settings = new_session(), audit_settings(tmp_path, ingest={"workers": 0, "page_memory_bytes": 1})
    async with running(settings) as audit, audit.recorder(session) as recorder:
        await recorder.send(1, first(session))
        for seq in range(2, 12):
            await recorder.send(
                seq, words(session, 100 * seq, f"Word {'abcdefghijkl'[seq]}") + clicks(session, 100 * seq)
            )
        await recorder.ack(11)
        found = await named(audit, session)
        assert [name for name, *_ in found if name] == [f"Word {'abcdefghijkl'[seq]}" for seq in range(2, 12)]


async def test_without_memory_for_pages_interactions_have_no_names(tmp_path):
    session, settings = new_session(), audit_settings(tmp_path, ingest={"page_memory_bytes": 0})
    async with running(settings) as audit, audit.recorder(session) as recorder:
        await recorder.send(1, first(session))
        await recorder.send(2, clicks(session, 100))
        await recorder.ack(2)
        assert {name for name, *_ in await named(audit, session)} == {""}


async def test_a_history_that_is_too_large_costs_only_the_names(tmp_path):
    limits = {"workers": 0, "page_memory_bytes": 1, "page_history_bytes": 10}
    session, settings = new_session(), audit_settings(tmp_path, ingest=limits)
    async with running(settings) as audit, audit.recorder(session) as recorder:
        await recorder.send(1, first(session))
        await recorder.send(2, clicks(session, 100))
        await recorder.send(3, clicks(session, 20_000))
        await recorder.ack(3)
        assert {name for name, *_ in await named(audit, session)} == {""}
        await recorder.send(4, [event(session, 30_000, 2, node=PAGE, initialOffset={"top": 0, "left": 0})])
        await recorder.send(5, clicks(session, 40_000))
        await recorder.ack(5)


class _Away:
    """A store that cannot be reached."""

    async def last_snapshot(self, *_):
        raise page_history.StorageError("away")


@pytest.mark.parametrize(
    ("limit", "running", "outcome"), [(0, 0, "too_large"), (1_000, 4, "busy"), (1_000, 0, "storage")]
)
async def test_a_history_that_cannot_be_read_is_counted_by_its_reason(limit, running, outcome):
    histories = page_history.PageHistories(_Away(), limit)
    histories._running = running
    assert await histories.read(None, NO_PAGE, 5, {}) == NO_HISTORY
    assert histories.counts == {outcome: 1}
