"""Statements that are cancelled in the turn of the loop in which asynch's own wait ends: Python 3.11's wait_for, under
which it pings the server before each, swallows that."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from support.wait import PATIENCE_S

from services.audit.storage.engine.clickhouse import ClickHouseEngine
from services.audit.storage.engine.engine import StorageError, Table

pytestmark = pytest.mark.clickhouse


async def read_blocks(engine):
    async for _ in engine.blocks("SELECT number FROM system.numbers LIMIT 100", ["UInt64"]):
        pass


STATEMENTS = {
    "query": lambda engine: engine.query("SELECT 1"),
    "execute": lambda engine: engine.execute("SELECT 1"),
    "insert": lambda engine: engine.insert(Table("nothing", (("a", "UInt8"),)), [(1,)]),
    "blocks": read_blocks,
}


@pytest.fixture
async def engine(clickhouse_url):
    engine = await ClickHouseEngine.open(clickhouse_url, 1, timeout_s=PATIENCE_S)
    yield engine
    await engine.close()


@pytest.mark.parametrize("waits_for", ["_ping", "receive_hello", "send_hello"])
@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_that_is_cancelled_as_a_wait_ends_ends_its_task(engine, statement, waits_for):
    if waits_for != "_ping":
        await engine.close()  # no connection is idle
    loop = asyncio.get_running_loop()
    waits = []

    def factory(loop, coroutine, **options):
        task = asyncio.Task(coroutine, loop=loop, **options)
        if getattr(coroutine, "__name__", "") == waits_for:
            waits.append(task)
            task.add_done_callback(lambda _: outer.cancel())
        return task

    async def then_wait():
        with suppress(StorageError):  # as a job does that tries again later
            await STATEMENTS[statement](engine)
        await asyncio.Event().wait()

    loop.set_task_factory(factory)
    try:
        outer = asyncio.create_task(then_wait())
        await asyncio.wait([outer], timeout=PATIENCE_S)
    finally:
        loop.set_task_factory(None)
        outer.cancel()
    assert waits, "asynch waits for something else"
    assert outer.cancelled()
