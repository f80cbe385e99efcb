"""Windows that are left on one of several servers of a database, without Redis: also when that server is gone."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import enums_pb2
from audit.service import AuditCaller, chunk, client, end, start, uuid7
from support.audit_process import KillableAuditProcess
from support.audit_server import click, full_snapshot, meta, move
from support.ports import free_port
from support.wait import PATIENCE_S

from services.audit.app import serve
from services.runtime.settings import Settings

pytestmark = pytest.mark.clickhouse

LIVE, LEFT, ENDED = (
    enums_pb2.SESSION_STATUS_LIVE,
    enums_pb2.SESSION_STATUS_LEFT,
    enums_pb2.SESSION_STATUS_ENDED,
)
RAGE = enums_pb2.INTERACTION_KIND_RAGE_CLICK
LEFT_AFTER_S = 1.0


@pytest.fixture
def shared(settings: Settings, clickhouse_url: str) -> Settings:
    """Settings of servers on one database."""
    database = f"t{uuid.uuid4().hex[:12]}"
    house = {"engine": "server", "url": clickhouse_url, "database": database, "timeout_s": PATIENCE_S}
    return settings.model_copy(
        update={
            "clickhouse": settings.clickhouse.model_validate(house),
            "session": settings.session.model_copy(update={"left_after_s": LEFT_AFTER_S}),
        }
    )


@pytest.fixture
async def two(shared: Settings, mint) -> AsyncIterator[AuditCaller]:
    """The server that stays."""
    token = mint("record", "view", "admin")
    async with serve(shared) as server, client(server.address, token) as caller:
        yield caller


def rage(at: int) -> list[dict[str, Any]]:
    return [meta(at), full_snapshot(at + 1), *(click(at + 100 * number) for number in range(1, 6))]


@asynccontextmanager
async def stream(on: AuditCaller, session: uuid.UUID, window: uuid.UUID) -> AsyncIterator[tuple[Any, int]]:
    call = on.stub.RecordSession(metadata=on.metadata)
    await call.write(start(session, window))
    yield call, (await call.read()).ready.next_seq
    call.cancel()


async def until_status(on: AuditCaller, session: uuid.UUID, status: int) -> pb.GetSessionResponse:
    async with asyncio.timeout(PATIENCE_S):
        while (got := await on.session(session)).session.status != status:  # noqa: ASYNC110 - on the server
            await asyncio.sleep(0.05)
    return got


async def rage_clicks(on: AuditCaller, session: uuid.UUID) -> list[int]:
    request = pb.ListInteractionsRequest(session_id=str(session), kinds=[RAGE])
    answer = await on.stub.ListInteractions(request, metadata=on.metadata)
    return [one.count for one in answer.interactions]


async def test_all_servers_show_it_and_another_one_may_continue_it(shared: Settings, two: AuditCaller, mint) -> None:
    begin = round(time.time() * 1000)
    session, window = uuid7(begin), uuid.uuid4()
    async with serve(shared) as server, client(server.address, mint("record", "view")) as one:
        assert await one.record(session, window, [rage(begin)], finish=False) == 1
        for on in (one, two):
            got = await until_status(on, session, LEFT)
            assert got.session.totals.rage_click_count == 1
        async with stream(two, session, window) as (call, next_seq):
            assert next_seq == 2
            await until_status(one, session, LIVE)
            await call.write(chunk(2, [move(begin + 9_000)]))
            assert (await call.read()).ack.through_seq == 2
            await call.write(end(2))
            assert await call.read() is grpc.aio.EOF
        await until_status(one, session, ENDED)
        assert await rage_clicks(one, session) == [5]


async def test_a_successor_on_another_server_keeps_the_window(shared: Settings, two: AuditCaller, mint) -> None:
    begin = round(time.time() * 1000)
    session, other, window = uuid7(begin), uuid7(begin), uuid.uuid4()
    async with serve(shared) as server, client(server.address, mint("record", "view")) as one:
        async with stream(one, session, window) as (call, _):
            await call.write(chunk(1, rage(begin)))
            assert (await call.read()).ack.through_seq == 1
            async with stream(two, session, window) as (_, next_seq):
                assert next_seq == 2
                call.cancel()
                for on in (one, two, one):  # each has had the time to judge
                    other = uuid7(round(time.time() * 1000))
                    await on.record(other, uuid.uuid4(), [rage(begin)], finish=False)
                    await until_status(on, other, LEFT)
                assert (await two.session(session)).session.status == LIVE
        await until_status(one, session, LEFT)
        assert await rage_clicks(one, session) == [5]


async def test_a_server_that_is_killed_leaves_its_windows_to_the_others(
    shared: Settings, two: AuditCaller, mint
) -> None:
    begin = round(time.time() * 1000)
    session, window, stays = uuid7(begin), uuid.uuid4(), uuid7(begin)
    house = shared.clickhouse
    assert house.url is not None
    killed = KillableAuditProcess(
        shared,
        free_port(),
        AFTERIMAGE_CLICKHOUSE__ENGINE="server",
        AFTERIMAGE_CLICKHOUSE__URL=house.url.get_secret_value(),
        AFTERIMAGE_CLICKHOUSE__DATABASE=house.database,
        AFTERIMAGE_SESSION__LEFT_AFTER_S=str(LEFT_AFTER_S),
    )
    await killed.start()
    try:
        async with (
            client(killed.address, mint("record", "view")) as one,
            stream(one, session, window) as (call, _),
            stream(two, stays, uuid.uuid4()) as (staying, _),
        ):
            await staying.write(chunk(1, rage(begin)))
            assert (await staying.read()).ack.through_seq == 1
            await call.write(chunk(1, rage(begin)))
            assert (await call.read()).ack.through_seq == 1
            assert (await two.session(session)).session.status == LIVE
            await killed.kill()
            got = await until_status(two, session, LEFT)
            assert got.session.totals.rage_click_count == 1
            assert await rage_clicks(two, session) == [5]
            assert (await two.session(stays)).session.status == LIVE
    finally:
        with suppress(ProcessLookupError):
            await killed.kill()
