"""The store of records, on SQLite and on a real PostgreSQL: one set of expectations."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from support.export import postgresql
from support.wait import PATIENCE_S

from services.export.app import DATABASE
from services.export.model import (
    Export,
    ExportCursor,
    ExportFile,
    ExportFilter,
    ExportFormat,
    ExportPriority,
    ExportState,
    Failure,
    Progress,
    SessionContent,
    TableContent,
)
from services.export.storage.store import ExportStore, Place, Usage, request_key
from services.export.storage.tables import HEAD, METADATA, MIGRATIONS, VERSION_TABLE
from services.runtime.errors import Unavailable
from services.runtime.relational import Database, open_database
from services.runtime.settings.loader import load_settings
from services.runtime.uuid7 import uuid7

NOW = 1_800_000_000_000
FILE = ExportFile("demo/x/abc", "made.json", "application/json", 7, "ab" * 32)


@pytest.fixture(scope="module")
def postgresql_url(tmp_path_factory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request, tmp_path) -> AsyncIterator[Database]:
    settings = {"data_dir": tmp_path}
    if request.param == "postgresql":
        settings["database"] = {"url": request.getfixturevalue("postgresql_url")}
    async with open_database(load_settings(**settings), DATABASE) as opened:
        await opened.migrate(MIGRATIONS, VERSION_TABLE, HEAD)
        yield opened
        async with opened.transaction() as connection:
            await connection.run_sync(METADATA.drop_all)
            await connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")


@pytest.fixture
def store(database) -> ExportStore:
    return ExportStore(database)


def a_session() -> str:
    return str(uuid7(NOW))


def an_export(number: int = 0, project: str = "demo", session: str | None = None, **values) -> Export:
    content = SessionContent(session or a_session(), "", None, 5)
    return replace(
        Export(
            export_id=str(uuid7(NOW + number)),
            project=project,
            created_by="alice",
            content=content,
            format=ExportFormat.JSON,
            priority=ExportPriority.NORMAL,
            state=ExportState.QUEUED,
            ttl_ms=1000,
            created_ms=NOW + number,
            updated_ms=NOW + number,
        ),
        **values,
    )


async def begun(store, export, attempt=1, lease_ms=NOW + 100) -> Export:
    found = await store.begin(export.export_id, attempt, lease_ms, NOW + 10)
    assert found is not None
    return found


async def test_migrations_make_the_tables(database):
    async with database.statement() as connection:

        def found(sync):
            inspector = inspect(sync)
            return {
                name: (
                    {
                        column["name"]: (column["type"].as_generic()._type_affinity, column["nullable"])
                        for column in inspector.get_columns(name)
                    },
                    {index["name"] for index in inspector.get_indexes(name) if not index["unique"]},
                )
                for name in inspector.get_table_names()
                if name != VERSION_TABLE
            }

        tables = await connection.run_sync(found)
    wanted = {
        table.name: (
            {column.name: (column.type._type_affinity, column.nullable) for column in table.columns},
            {index.name for index in table.indexes},
        )
        for table in METADATA.tables.values()
    }
    assert tables == wanted


async def test_processes_may_migrate_at_once(tmp_path):
    settings = load_settings(data_dir=tmp_path)
    async with open_database(settings, DATABASE) as one, open_database(settings, DATABASE) as other:
        await asyncio.gather(*(each.migrate(MIGRATIONS, VERSION_TABLE, HEAD) for each in (one, other, one)))


def test_the_head_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_a_migrated_database_needs_no_alembic(database, monkeypatch):
    monkeypatch.setattr("services.runtime.relational._upgrade", lambda *_: pytest.fail("migrates again"))
    await database.migrate(MIGRATIONS, VERSION_TABLE, HEAD)


async def test_a_record_is_kept_as_it_is(store):
    table = an_export(1, content=TableContent(1, b"\x00\xff", (1, 9)), format=ExportFormat.CSV)
    for export in (an_export(), table):
        assert await store.create(export, "") is export
        assert await store.get(export.export_id) == export
        assert await store.get(export.export_id, "demo") == export
        assert await store.get(export.export_id, "other") is None
    assert await store.get(a_session()) is None


async def test_a_request_key_is_used_once(store):
    key = request_key("demo", "alice", "1")
    assert key != request_key("demo", "bob", "1")
    made = await asyncio.gather(*(store.create(an_export(number), key) for number in range(5)))
    assert len({export.export_id for export in made}) == 1
    assert len(await store.find("demo", ExportFilter(), 10, None)) == 1
    assert await store.of_request(key) == made[0]


async def test_lists(store):
    exports = [an_export(number, created_by=f"u{number % 2}") for number in range(4)]
    for export in (*exports, an_export(9, project="other")):
        await store.create(export, "")
    newest = exports[::-1]
    assert await store.find("demo", ExportFilter(), 10, None) == newest
    cursor = ExportCursor(newest[1].created_ms, newest[1].export_id)
    assert await store.find("demo", ExportFilter(), 1, cursor) == [newest[2]]
    assert await store.find("demo", ExportFilter(created_by="u1"), 10, None) == [exports[3], exports[1]]
    assert await store.find("demo", ExportFilter(session_id=exports[2].session_id), 10, None) == [exports[2]]
    await store.cancel(exports[0].export_id, "demo", NOW)
    found = await store.find("demo", ExportFilter(states=(ExportState.CANCELLED,)), 10, None)
    assert [export.export_id for export in found] == [exports[0].export_id]
    assert await store.counts() == {ExportState.CANCELLED: 1, ExportState.QUEUED: 4}


async def test_turns(store):
    mine = [an_export(number) for number in range(5)]
    mine[3] = replace(mine[3], priority=ExportPriority.HIGH)
    theirs = [an_export(10 + number, project="other") for number in range(2)]
    for export in (*mine, *theirs):
        await store.create(export, "")
    first = await store.dispatch(2, NOW + 50)
    ids = [export.export_id for export in first]
    assert ids == [export.export_id for export in (mine[3], theirs[0], mine[0], theirs[1])]
    assert {export.dispatched_ms for export in first} == {NOW + 50}
    assert await store.dispatch(2, NOW + 51) == []
    await begun(store, mine[3])
    assert await store.dispatch(2, NOW + 51) == []
    await store.cancel(mine[3].export_id, "demo", NOW + 52)
    assert [export.export_id for export in await store.dispatch(2, NOW + 53)] == [mine[1].export_id]
    waiting = {export.export_id for export in await store.dispatched(NOW + 60)}
    assert waiting == {export.export_id for export in (mine[0], mine[1], *theirs)}
    assert await store.dispatched(NOW + 50) == []
    assert await store.undispatch(mine[0])
    assert [export.export_id for export in await store.dispatch(2, NOW + 61)] == [mine[0].export_id]


async def test_two_that_dispatch_at_once_keep_the_limit(store):
    for number in range(20):
        await store.create(an_export(number), "")
    found = await asyncio.gather(*(store.dispatch(3, NOW + 50) for _ in range(4)))
    assert sorted(map(len, found)) == [0, 0, 0, 3]


async def test_an_attempt_begins_once(store):
    await store.create(export := an_export(), "")
    found = await asyncio.gather(*(store.begin(export.export_id, 1, NOW + 100, NOW + 10) for _ in range(5)))
    (running,) = [one for one in found if one is not None]
    assert (running.state, running.started, running.started_ms) == (ExportState.RUNNING, 1, NOW + 10)
    assert await store.begin(export.export_id, 2, NOW + 100, NOW) is None


async def test_progress_and_lease(store):
    await store.create(export := an_export(), "")
    running = await begun(store, export)
    assert await store.renew(running, Progress(1, 4), NOW + 200, NOW + 20)
    found = await store.get(export.export_id)
    assert (found.progress, found.lease_ms, found.updated_ms) == (Progress(1, 4), NOW + 200, NOW + 20)
    assert await store.renew(running, Progress(1, 4), NOW + 300, NOW + 30)
    assert (await store.get(export.export_id)).updated_ms == NOW + 20  # no change for watchers
    assert await store.lost(NOW + 300) == []
    assert [one.export_id for one in await store.lost(NOW + 301)] == [export.export_id]
    assert await store.cancel(export.export_id, "demo", NOW + 40)
    assert not await store.renew(running, Progress(2, 4), NOW + 400, NOW + 50)


@pytest.mark.parametrize("end", ["finish", "fail", "retry", "cancel", "remove"])
async def test_an_export_ends_once(store, end):
    await store.create(export := an_export(), "")
    running = await begun(store, export)
    ends = {
        "finish": lambda: store.finish(running, FILE, NOW + 5000, NOW + 60),
        "fail": lambda: store.fail(running, Failure("X", "x"), NOW + 60),
        "retry": lambda: store.retry(running, Failure("X", "x"), NOW + 70, NOW + 60),
        "cancel": lambda: store.cancel(export.export_id, "demo", NOW + 60),
        "remove": lambda: store.remove(export.export_id, "demo", NOW + 60),
    }
    assert await ends[end]()
    before = await store.get(export.export_id)
    for name in ("finish", "fail", "retry"):
        assert not await ends[name](), name
    assert await store.get(export.export_id) == before
    if end != "remove":
        assert await ends["cancel"]() == (end == "retry")
        assert await ends["remove"]()


async def test_all_that_end_it_at_once_leave_one_end(store):
    for number in range(10):
        await store.create(export := an_export(number), "")
        running = await begun(store, export)
        ends = await asyncio.gather(
            store.finish(running, FILE, NOW + 5000, NOW + 60),
            store.fail(running, Failure("X", "x"), NOW + 60),
            store.retry(running, Failure("X", "x"), NOW + 70, NOW + 60),
            store.finish(running, FILE, NOW + 5000, NOW + 60),
        )
        assert ends.count(True) == 1


async def test_another_attempt(store):
    await store.create(export := an_export(), "")
    await store.dispatch(1, NOW)
    running = await begun(store, export)
    assert await store.retry(running, Failure("WORKER_LOST", "lost"), NOW + 70, NOW + 60)
    waiting = await store.get(export.export_id)
    assert (waiting.state, waiting.attempt, waiting.started) == (ExportState.QUEUED, 2, 1)
    assert waiting.failure == Failure("WORKER_LOST", "lost")
    assert await store.dispatch(1, NOW + 69) == []
    assert [one.attempt for one in await store.dispatch(1, NOW + 70)] == [2]
    second = await begun(store, export, 2)
    assert second.started_ms == NOW + 10
    assert await store.retry(second, None, NOW + 80, NOW + 80)
    given_back = await store.get(export.export_id)
    assert (given_back.attempt, given_back.started) == (3, 1)
    third = await begun(store, export, 3)
    assert await store.finish(third, FILE, NOW + 5000, NOW + 90)
    done = await store.get(export.export_id)
    assert (done.state, done.file, done.failure, done.expires_ms) == (ExportState.DONE, FILE, None, NOW + 5000)


async def test_files_end(store):
    exports = [an_export(number) for number in range(3)]
    for number, export in enumerate(exports):
        await store.create(export, "")
        running = await begun(store, export)
        await store.finish(running, replace(FILE, key=f"demo/{number}/x"), NOW + 100 * (number + 1), NOW + 20)
    assert await store.usage("demo") == Usage(0, 21)
    assert await store.unwanted_files() == []
    assert await store.expire(NOW + 100) == 1
    assert (await store.get(exports[0].export_id)).file is None
    await store.remove(exports[1].export_id, "demo", NOW + 110)
    places = [Place(exports[number].export_id, f"demo/{number}/x") for number in range(2)]
    assert await store.unwanted_files() == places
    assert await store.purge(NOW + 10**9, NOW + 10**9) == 0  # their files are still there
    for place in places:
        await store.file_deleted(place)
    assert await store.unwanted_files() == []
    assert await store.usage("demo") == Usage(0, 7)
    assert await store.with_files([export.export_id for export in exports]) == {
        exports[0].export_id: (ExportState.EXPIRED, ""),
        exports[1].export_id: (ExportState.DELETED, ""),
        exports[2].export_id: (ExportState.DONE, "demo/2/x"),
    }
    assert await store.purge(NOW + 110, NOW + 20) == 0
    assert await store.purge(NOW + 111, NOW + 21) == 2
    assert [one.export_id for one in await store.find("demo", ExportFilter(), 9, None)] == [exports[2].export_id]


async def test_deleted_sessions(store):
    session = a_session()
    single, table, other = an_export(1, session=session), an_export(2, content=TableContent(1)), an_export(3)
    foreign = an_export(4, project="other", session=session)
    for export in (single, table, other, foreign):
        await store.create(export, "")
    others = [UUID(a_session()) for _ in range(2500)]
    await store.add_sessions(table, [*others, UUID(session)])
    await store.add_sessions(table, [UUID(session)])  # once more: the page of a list may come twice
    assert await store.holds_any(table, [*(UUID(a_session()) for _ in range(1500)), UUID(session)])
    assert not await store.holds_any(other, [UUID(session)])
    assert await store.projects_with_copies() == {"demo": NOW + 1, "other": NOW + 4}
    assert await store.remove_with_sessions("demo", [UUID(a_session())], NOW + 50) == []
    removed = await store.remove_with_sessions("demo", [UUID(session)], NOW + 50)
    assert set(removed) == {single.export_id, table.export_id}
    assert await store.get(single.export_id) is None
    assert await store.get(foreign.export_id) is not None
    changed = await store.changed(["demo"], NOW + 50)
    assert {(export.export_id, export.state) for export in changed} == {
        (single.export_id, ExportState.DELETED),
        (table.export_id, ExportState.DELETED),
    }
    await store.clear_sessions(table)
    assert not await store.holds_any(table, others)
    assert await store.purge(NOW + 51, NOW) == 2


async def test_exports_that_no_worker_takes(store):
    exports = [an_export(number) for number in range(3)]
    for export in exports:
        await store.create(export, "")
    running = await begun(store, exports[0])
    await store.retry(running, Failure("X", "x"), NOW, NOW)
    assert [one.export_id for one in await store.unclaimed(NOW + 2)] == [exports[1].export_id]


@pytest.mark.campaign
async def test_cancelled_calls_give_their_connection_back(store, campaign_rounds):
    """As calls of clients that disconnect, and attempts that are cancelled: at any moment."""
    await store.create(export := an_export(), "")
    rng = random.Random(3)
    for _ in range(campaign_rounds(60, 2_000)):
        calls = [
            asyncio.ensure_future(call)
            for call in (
                store.get(export.export_id),
                store.dispatch(1, NOW),
                store.undispatch(export),
                store.find("demo", ExportFilter(), 1, None),
                store.counts(),
                store.create(an_export(1), ""),
            )
        ]
        await asyncio.sleep(rng.random() * 0.01)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    gc.collect()  # a connection that was left is a warning, which is an error here
    async with asyncio.timeout(PATIENCE_S):
        assert len(await asyncio.gather(*(store.get(export.export_id) for _ in range(20)))) == 20


async def test_a_database_that_is_away_is_unavailable(tmp_path):
    url = "postgresql://nobody@127.0.0.1:1/none"
    async with open_database(load_settings(data_dir=tmp_path, database={"url": url}), DATABASE) as database:
        with pytest.raises(Unavailable) as error:
            await database.migrate(MIGRATIONS, VERSION_TABLE, HEAD)
    assert error.value.reason == "DATABASE_UNAVAILABLE"


async def test_processes_share_one_sqlite_file(tmp_path):
    """Two engines on one file, as ExportService and a worker have them, write at the same time."""
    settings = load_settings(data_dir=tmp_path)
    async with open_database(settings, DATABASE) as one, open_database(settings, DATABASE) as other:
        await one.migrate(MIGRATIONS, VERSION_TABLE, HEAD)
        stores = [ExportStore(one), ExportStore(other)]
        await asyncio.gather(*(stores[number % 2].create(an_export(number), "") for number in range(100)))
        assert len(await stores[0].find("demo", ExportFilter(), 200, None)) == 100
