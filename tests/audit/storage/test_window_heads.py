"""Heads of windows: the session's secret stays with the ingest path, and tables made before it are altered."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import pytest
from audit.storage import NOW_MS, MillisecondClock, chunk, head, session_of, window_key

from services.audit.model import WindowKey
from services.audit.storage.engine.engine import Engine, Table
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention, day_of
from services.audit.storage.schema import migrations, tables
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import MIGRATIONS, applied_migrations, migrate
from services.audit.storage.session_queries import SessionFilter, SessionOrder, SessionQueries

HASH = hashlib.sha256(b"a secret").digest()
SECRET_COLUMNS = ["secret_hash", "begun_ms"]
FIRST_COLUMNS = ["first_ms"]
LEFT_COLUMNS = ["left_ms", "server"]
NEW_COLUMNS = SECRET_COLUMNS + FIRST_COLUMNS + LEFT_COLUMNS


def stores(engine: Engine, dialect: Dialect, clock: MillisecondClock) -> tuple[RecordingStore, SessionQueries]:
    retention = Retention({}, clock)
    return RecordingStore(engine, dialect, retention, clock), SessionQueries(engine, retention, 1_000, clock)


async def test_a_secret_is_read_by_the_ingest_path_only(
    engine: Engine, dialect: Dialect, clock: MillisecondClock
) -> None:
    store, catalog = stores(engine, dialect, clock)
    key = window_key()
    sent = head(key, secret_hash=HASH, begun_ms=NOW_MS, tags={"a": "b"}, viewport=(3, 4), screen=(5, 6))
    await store.insert([sent], [chunk(key, 1)])
    assert await store.heads(session_of(key)) == [sent]
    shown = [*await catalog.heads(session_of(key)), (await catalog.get_session(session_of(key))).head]
    shown += [listed.head for listed in await catalog.get_sessions(key.project, [key.session])]
    assert [(one.secret_hash, one.begun_ms) for one in shown] == [(b"", NOW_MS)] * 3
    assert "secret_hash" not in repr(sent)


async def test_a_session_is_described_by_its_first_window_and_its_visitor_by_the_newest(
    engine: Engine, dialect: Dialect, clock: MillisecondClock
) -> None:
    store, catalog = stores(engine, dialect, clock)
    first = window_key()
    second = window_key(session=first.session)
    heads = [
        head(first, begun_ms=NOW_MS, user_agent="first", first_url="https://a.example/first", actor_id=""),
        head(second, begun_ms=NOW_MS + 5, user_agent="second", first_url="https://a.example/second", actor_id="ann"),
    ]
    for one in heads:
        clock.ms += 10
        await store.insert([one], [chunk(one.key, 1)])
    for found in (
        (await catalog.get_session(session_of(first))).head,
        (await catalog.get_sessions(first.project, [first.session]))[0].head,
    ):
        assert (found.user_agent, found.first_url, found.actor_id) == ("first", "https://a.example/first", "ann")


async def first_urls(catalog: SessionQueries, key: WindowKey) -> list[str]:
    """Returns the first URL as GetSession, a list and the live list show it."""
    listed = await catalog.list_sessions(key.project, SessionFilter(), SessionOrder.NEWEST_FIRST, 5)
    shown = [entry.session for entry in listed if entry.session.key == session_of(key)]
    found = [
        await catalog.get_session(session_of(key)),
        *shown,
        *await catalog.get_sessions(key.project, [key.session]),
    ]
    return [one.head.first_url for one in found]


@pytest.mark.parametrize(
    ("windows", "first"),
    [
        pytest.param([("a", 0, 30), ("b", 5_000, 10)], "a", id="the later window arrived first"),
        pytest.param([("a", 0, 10), ("b", -600_000, 30)], "a", id="the clock was set back before the second window"),
        pytest.param([("a", 0, 10), ("b", -600_000, 20), ("c", -500_000, 5)], "a", id="and a third one followed"),
        pytest.param([("a", -600, 30), ("b", 5, 10)], "a", id="an event a moment before the id was made"),
        pytest.param([("a", 3_600_000, 30), ("b", 9_000_000, 10)], "a", id="the id was made long before"),
        pytest.param([("a", 7, 10), ("b", 7, 20)], "a", id="both at the same moment: by the server's clock"),
        pytest.param([("a", None, 20), ("b", None, 30)], "a", id="both stored before this was kept"),
        pytest.param([("a", None, 20), ("b", 0, 30)], "a", id="one stored before this was kept"),
    ],
)
async def test_the_first_window_is_that_of_the_first_event(
    engine: Engine,
    dialect: Dialect,
    clock: MillisecondClock,
    windows: list[tuple[str, int | None, int]],
    first: str,
) -> None:
    store, catalog = stores(engine, dialect, clock)
    of_session = window_key()
    start_ms = of_session.session_key.start_ms
    keys = {name: window_key(session=of_session.session) for name, _, _ in windows}
    for name, offset_ms, begun_ms in sorted(windows, key=lambda window: window[2]):
        clock.ms += 10
        first_ms = 0 if offset_ms is None else start_ms + offset_ms
        await store.insert(
            [head(keys[name], first_url=name, begun_ms=begun_ms, first_ms=first_ms)], [chunk(keys[name], 1)]
        )
    assert await first_urls(catalog, of_session) == [first] * 3
    clock.ms += 10
    [stored] = [one for one in await store.heads(session_of(of_session)) if one.key == keys["b"]]
    await store.insert([replace(stored, actor_id="ann")], [])
    await store.repair()
    assert await first_urls(catalog, of_session) == [first] * 3
    assert (await catalog.get_session(session_of(of_session))).head.actor_id == "ann"


async def test_tables_of_before_are_altered_and_their_sessions_have_no_secret(
    engine: Engine, clock: MillisecondClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = Dialect(engine.version)
    before = Table("windows", tables.WINDOWS.columns[: -len(NEW_COLUMNS)])
    with monkeypatch.context() as older:
        older.setattr(tables, "WINDOWS", before)
        older.setattr(migrations, "MIGRATIONS", MIGRATIONS[:4])
        await migrate(engine, dialect)
    key = window_key()
    day, start_ms = day_of(key.session_key.start_ms), key.session_key.start_ms
    texts = ("ann", 2, 1, "Chrome", "Linux", "ua", "en", (1, 2), (3, 4), "https://a.example/", "rrweb", "2")
    row = (key.project, day, start_ms, key.session, key.window, day, *texts, ("a",), ("b",), 0, 0, NOW_MS)
    await engine.insert(before, [row])

    await asyncio.gather(migrate(engine, dialect), migrate(engine, dialect))
    assert await applied_migrations(engine, dialect) == {step.number for step in MIGRATIONS}
    store, _ = stores(engine, dialect, clock)
    [old] = await store.heads(session_of(key))
    assert (old.actor_id, old.user_agent, old.tags, old.secret_hash, old.begun_ms) == ("ann", "ua", {"a": "b"}, b"", 0)
    newer = head(window_key(), secret_hash=HASH, begun_ms=NOW_MS)
    await store.insert([newer], [chunk(newer.key, 1)])
    assert [one.secret_hash for one in await store.heads(session_of(newer.key))] == [HASH]
    await engine.insert(before, [(*row[:4], window_key().window, *row[5:])])  # a server that was not upgraded yet
    assert len(await store.heads(session_of(key))) == 2


@pytest.mark.parametrize("version", [(18, 16), (24, 8)])
def test_on_a_cluster_the_local_and_the_distributed_table_get_the_columns(version: tuple[int, int]) -> None:
    dialect = Dialect(version, cluster="prod")
    steps = [(tables.session_secrets_migration, SECRET_COLUMNS), (tables.first_events_migration, FIRST_COLUMNS)]
    for migration, columns in steps:
        statements = migration(dialect)
        names = [
            (statement.split()[2], next(name for name in columns if name in statement)) for statement in statements
        ]
        assert names == [(table, name) for table in ("windows_local", "windows") for name in columns]
        assert all(" ON CLUSTER prod ADD COLUMN " in statement for statement in statements)
        assert all((" IF NOT EXISTS " in statement) == (version > (19, 0)) for statement in statements)
