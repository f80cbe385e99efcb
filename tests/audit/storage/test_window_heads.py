"""Heads of windows: the session's secret stays with the ingest path, and tables made before it are altered."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from audit.storage import NOW_MS, MillisecondClock, chunk, head, session_of, window_key

from services.audit.storage.engine.engine import Engine, Table
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention, day_of
from services.audit.storage.schema import migrations, tables
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import MIGRATIONS, applied_migrations, migrate
from services.audit.storage.session_queries import SessionQueries

HASH = hashlib.sha256(b"a secret").digest()
NEW_COLUMNS = ["secret_hash", "begun_ms"]


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
    statements = tables.session_secrets_migration(Dialect(version, cluster="prod"))
    names = [
        (statement.split()[2], next(name for name in NEW_COLUMNS if name in statement)) for statement in statements
    ]
    assert names == [(table, name) for table in ("windows_local", "windows") for name in NEW_COLUMNS]
    assert all(" ON CLUSTER prod ADD COLUMN " in statement for statement in statements)
    assert all((" IF NOT EXISTS " in statement) == (version > (19, 0)) for statement in statements)
