"""Sessions of a day that the oldest server cannot store are refused at the door; others are unaffected."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
from afterimage.audit.v1 import audit_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from support.audit_server import (
    AuditServer,
    audit_settings,
    click,
    full_snapshot,
    is_one_sentence,
    meta,
    new_session,
    now_ms,
    refused,
    running,
    start_of,
)
from support.wait import PATIENCE_S

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.clickhouse]

YEAR_10889_MS = 2**48 - 1
YEAR_9999_MS = 253_402_300_799_999
LAST_MS = round(dt.datetime(2106, 1, 1, tzinfo=dt.UTC).timestamp() * 1000) - 1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def audit(tmp_path_factory, clickhouse_url) -> AsyncIterator[AuditServer]:
    """On ClickHouse 18.16: its calendar ends with the year 2105."""
    house = {
        "engine": "server",
        "url": clickhouse_url,
        "database": f"t{uuid.uuid4().hex[:12]}",
        "timeout_s": PATIENCE_S,
    }
    async with running(audit_settings(tmp_path_factory.mktemp("audit"), clickhouse=house)) as opened:
        yield opened


def visit(at_ms: int) -> list[dict]:
    return [meta(at_ms), full_snapshot(at_ms + 1), click(at_ms + 2)]


async def comes_back(audit, session, events, **start):
    token = audit.token("admin", "record")
    async with audit.recorder(session, token=token, **start) as recorder:
        await recorder.send(1, events)
        await recorder.ack(1)
        assert await recorder.end(1) is None
    assert (await audit.replay(session)).events == events
    assert (await audit.session(session)).session.totals.event_count == len(events)
    assert session in {one.session_id for one in await audit.sessions(page_size=500)}


@pytest.mark.parametrize(
    "at_ms", [LAST_MS + 1, 4_417_977_600_000, 7_258_118_400_000, YEAR_9999_MS, YEAR_10889_MS], ids=str
)
async def test_a_session_after_the_last_day_is_refused_and_others_are_stored(audit, at_ms):
    session = new_session(at_ms)
    start = pb.RecordingStart(session_id=session, window_id=str(uuid.uuid4()), imported=True)
    error = await refused(
        audit.stub.RecordSession(iter([pb.RecordSessionRequest(start=start)]), metadata=audit.auth("admin"))
    )
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert set(error.fields) == {"start.session_id"}
    assert "2105-12-31" in error.message
    is_one_sentence(error)
    assert not await audit.is_stored(session)
    assert list((await audit.delete(session)).not_found) == [session]
    other = new_session()
    await comes_back(audit, other, visit(start_of(other)))


@pytest.mark.parametrize("at_ms", [0, 86_399_999, 951_782_400_000, LAST_MS - 2], ids=str)
async def test_an_import_of_any_other_time_comes_back(audit, at_ms):
    await comes_back(audit, new_session(at_ms), visit(at_ms), imported=True)


async def test_events_of_any_time_come_back(audit):
    """The day is that of the session; events only have their times, which the schema holds as they are."""
    session = new_session()
    events = [*visit(0), *visit(LAST_MS + 10_000), *visit(YEAR_9999_MS - 5)]
    await comes_back(audit, session, events, imported=True)
    page = pb.GetHeatmapRequest(page="https://shop.example/", kind=1)
    for end in (None, 0, LAST_MS, LAST_MS + 86_400_000, 7_258_118_400_000, YEAR_9999_MS):
        if end is not None:
            page.end_time.CopyFrom(Timestamp(seconds=end // 1000))
        answer = await audit.stub.GetHeatmap(page, metadata=audit.auth("view"))
        assert answer.sample_count >= (0 if end == 0 else 1)
        pages = pb.ListPagesRequest(end_time=page.end_time if end is not None else None)
        await audit.stub.ListPages(pages, metadata=audit.auth("view"))


@pytest.mark.parametrize("at_s", [-1, LAST_MS // 1000 + 1, YEAR_9999_MS // 1000], ids=str)
async def test_an_entry_of_the_trail_must_have_a_day_too(audit, at_s):
    entry = pb.RecordAccessEventsRequest().access_events.add()
    entry.access_event_id, entry.action, entry.outcome, entry.rpc = new_session(), 1, 1, "x"
    entry.time.CopyFrom(Timestamp(seconds=at_s))
    error = await refused(
        audit.stub.RecordAccessEvents(
            pb.RecordAccessEventsRequest(access_events=[entry]), metadata=audit.auth("internal")
        )
    )
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT, error
    assert set(error.fields) == {"access_events[0].time"}
    is_one_sentence(error)
    entry.time.CopyFrom(Timestamp(seconds=now_ms() // 1000))
    await audit.stub.RecordAccessEvents(
        pb.RecordAccessEventsRequest(access_events=[entry]), metadata=audit.auth("internal")
    )
