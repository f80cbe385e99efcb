"""The access trail in storage, on chDB and on a real ClickHouse server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from audit.storage import NOW_MS, MillisecondClock
from support.wait import PATIENCE_S

from services.audit.access_events import AccessEvent, TrailFilter, TrailPosition
from services.audit.storage import access_event_store
from services.audit.storage.access_event_store import AccessEventStore
from services.audit.storage.engine.engine import Engine, StorageAway
from services.audit.storage.schema.dialect import Dialect
from services.runtime.access_actions import AccessAction, AccessOutcome
from services.runtime.errors import Unavailable
from services.runtime.uuid7 import uuid7

SESSION = uuid7(NOW_MS)
EVERYTHING = TrailFilter()


@pytest.fixture
async def trail(engine: Engine, dialect: Dialect, clock: MillisecondClock) -> AsyncIterator[AccessEventStore]:
    store = AccessEventStore(engine, dialect, 365, clock)
    running = asyncio.create_task(store.run())
    yield store
    running.cancel()


def event(number: int = 0, **values: object) -> AccessEvent:
    made = AccessEvent(
        event=uuid7(NOW_MS + number),
        project="demo",
        time_ms=NOW_MS + number,
        action=AccessAction.REPLAY,
        outcome=AccessOutcome.ALLOWED,
        subject="alice",
        session=SESSION,
        rpc="/a.B/C",
    )
    return replace(made, **values)


async def test_what_is_added_is_found(trail):
    told = event(
        link_id=str(uuid.uuid4()),
        address="2001:db8::1",
        user_agent='Mozilla "5.0" ünï',
        detail="it's \\ a\nline",
        action=AccessAction.SHARE_REDEEM,
        outcome=AccessOutcome.NOT_FOUND,
    )
    lists = event(1, session=None, action=AccessAction.LIST)
    await trail.add([told, lists])
    assert await trail.find("demo", EVERYTHING, 10, None) == [lists, told]
    assert await trail.find("other", EVERYTHING, 10, None) == []


async def test_adding_again_changes_nothing(trail):
    one = event()
    await trail.add([one])
    await trail.add([one, event(1)])
    assert len(await trail.find("demo", EVERYTHING, 10, None)) == 2


async def test_filters(trail):
    other, link = uuid7(NOW_MS), str(uuid.uuid4())
    events = [
        event(0),
        event(1, session=other),
        event(2, subject="bob"),
        event(3, link_id=link),
        event(4, action=AccessAction.DELETE),
        event(5, session=None),
    ]
    await trail.add(events)
    for wanted, numbers in (
        (TrailFilter(session=SESSION), [4, 3, 2, 0]),
        (TrailFilter(session=other), [1]),
        (TrailFilter(subject="bob"), [2]),
        (TrailFilter(link_id=link), [3]),
        (TrailFilter(start_ms=NOW_MS + 2, end_ms=NOW_MS + 4), [3, 2]),
        (TrailFilter(actions=(AccessAction.DELETE, AccessAction.LIST)), [4]),
        (TrailFilter(session=SESSION, subject="bob", actions=(AccessAction.REPLAY,)), [2]),
        (TrailFilter(subject="' OR 1 = 1 --"), []),
    ):
        assert await trail.find("demo", wanted, 10, None) == [events[number] for number in numbers], wanted


async def test_pages_meet_without_a_gap_also_within_a_millisecond(trail):
    events = [event(number // 7) for number in range(50)]
    await trail.add(events)
    found: list[AccessEvent] = []
    while page := await trail.find(
        "demo", EVERYTHING, 8, TrailPosition(found[-1].time_ms, found[-1].event) if found else None
    ):
        found += page
    assert len(found) == 50
    assert set(found) == set(events)
    assert [one.time_ms for one in found] == sorted((one.time_ms for one in events), reverse=True)


async def test_the_old_is_not_shown_and_is_swept(trail, engine, clock):
    await trail.add([event(), event(1)])
    clock.ms += 365 * 86_400_000
    await trail.sweep()
    assert len(await trail.find("demo", EVERYTHING, 10, None)) == 2
    clock.ms += 86_400_000
    assert await trail.find("demo", EVERYTHING, 10, None) == []
    await trail.sweep()
    async with asyncio.timeout(PATIENCE_S):  # an old server deletes in its own time
        while await engine.query("SELECT count() FROM access_events") != [(0,)]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_many_at_once_go_in_few_inserts(trail, engine, monkeypatch):
    inserts = 0
    insert = engine.insert

    async def counted(table, rows):
        nonlocal inserts
        inserts += 1
        await insert(table, rows)

    monkeypatch.setattr(engine, "insert", counted)
    await asyncio.gather(*(trail.add([event(number)]) for number in range(400)))
    assert len(await trail.find("demo", EVERYTHING, 1000, None)) == 400
    assert inserts < 20


class Broken:
    """An engine with unavailable storage."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error or StorageAway("no route to host")

    async def insert(self, _table, _rows) -> None:
        raise self.error


class Stuck:
    """An engine that does not answer."""

    async def insert(self, _table, _rows) -> None:
        await asyncio.sleep(60)


@pytest.mark.parametrize("error", [StorageAway("secret text of the engine"), RuntimeError("secret text of a defect")])
async def test_what_cannot_be_stored_is_told(error):
    store = AccessEventStore(Broken(error), Dialect((26, 9)), 365, MillisecondClock())
    running = asyncio.create_task(store.run())
    for _ in range(2):  # and continues
        with pytest.raises(Unavailable) as caught:
            await store.add([event()])
        assert caught.value.reason == "TRAIL_UNAVAILABLE"
        assert "secret" not in caught.value.message
    assert not running.done()
    running.cancel()


async def test_storage_that_is_stuck_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(access_event_store, "WRITE_TIMEOUT_S", 0.1)
    monkeypatch.setattr(access_event_store, "MAX_WAITING", 3)
    store = AccessEventStore(Stuck(), Dialect((26, 9)), 365, MillisecondClock())
    running = asyncio.create_task(store.run())
    results = await asyncio.gather(*(store.add([event()]) for _ in range(6)), return_exceptions=True)
    assert {type(one) for one in results} == {Unavailable}
    assert sum("keep up" in one.message for one in results) == 3
    running.cancel()


async def test_a_caller_who_is_gone_does_not_stop_the_others(trail):
    gone = asyncio.create_task(trail.add([event()]))
    await asyncio.sleep(0)
    gone.cancel()
    await trail.add([event(1)])
    assert len(await trail.find("demo", EVERYTHING, 10, None)) == 2
