"""The conformance suite: one set of expectations of storage, on chDB and on a real ClickHouse server."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import uuid
from dataclasses import replace

import pytest
from audit.storage import NOW_MS, MillisecondClock, chunk, head, page, session_of, uuid7, window_key
from support.campaign import is_campaign

from services.audit.model import SessionStatus, Total
from services.audit.replay.plan import plan
from services.audit.storage.chunk_reader import ChunkReader, Contents
from services.audit.storage.engine.engine import Engine, StorageError
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import MIGRATIONS, applied_migrations, migrate
from services.audit.storage.schema.tables import CHUNKS
from services.audit.storage.session_queries import SessionFilter, SessionOrder, SessionQueries

IDLE_MS = 30 * 60_000
DAY_MS = 86_400_000


@pytest.fixture
def retention(clock: MillisecondClock) -> Retention:
    return Retention({"demo": 30, "short": 7, "ever": 0}, clock)


@pytest.fixture
def store(engine: Engine, dialect: Dialect, retention: Retention, clock: MillisecondClock) -> RecordingStore:
    return RecordingStore(engine, dialect, retention, clock)


@pytest.fixture
def catalog(engine: Engine, dialect: Dialect, retention: Retention, clock: MillisecondClock) -> SessionQueries:
    return SessionQueries(engine, retention, IDLE_MS, clock)


@pytest.fixture
def playback(engine: Engine, dialect: Dialect, retention: Retention) -> ChunkReader:
    return ChunkReader(engine, retention)


async def test_migrations_are_taken_once_and_in_order(engine: Engine) -> None:
    dialect = Dialect(engine.version)
    assert [step.number for step in await migrate(engine, dialect)] == [step.number for step in MIGRATIONS]
    assert await migrate(engine, dialect) == []
    assert await applied_migrations(engine, dialect) == {step.number for step in MIGRATIONS}


async def test_two_processes_may_migrate_at_once(engine: Engine) -> None:
    dialect = Dialect(engine.version)
    await asyncio.gather(migrate(engine, dialect), migrate(engine, dialect))
    assert await applied_migrations(engine, dialect) == {step.number for step in MIGRATIONS}


NASTY = [
    "it's",
    'a"b',
    "back\\slash",
    "\\'",
    "tab\tnew\nline",
    "nul\0",
    "é∂ß🎉",
    "{x:String}",
    "%s %(a)s",
    "' OR 1=1 --",
    "",
]


@pytest.mark.parametrize("text", NASTY)
async def test_parameters_are_bound_not_pasted(engine: Engine, text: str) -> None:
    [(found, among)] = await engine.query(
        "SELECT {text:String}, {text:String} IN {texts:Array(String)}", {"text": text, "texts": NASTY}
    )
    assert found.decode() == text
    assert among == 1


async def test_a_refused_statement_has_its_code_and_harms_nothing(engine: Engine) -> None:
    with pytest.raises(StorageError) as caught:
        await engine.query("SELECT no_such_column")
    assert caught.value.number == 47
    assert await engine.query("SELECT 1") == [(1,)]


async def test_everything_that_is_stored_comes_back(
    store: RecordingStore, catalog: SessionQueries, playback: ChunkReader
) -> None:
    key = window_key()
    text = b'[{"type":3,"timestamp":1,"data":{"text":"\xc3\xa9 \\ud83d"}}]'
    first = head(
        key,
        actor_id="it's me",
        actor_type=2,
        device_type=2,
        browser="Chrome",
        system="Windows",
        user_agent="Mozilla/5.0 (x)",
        language="sv-SE",
        viewport=(1280, 720),
        screen=(1920, 1080),
        first_url="https://x.example/é?q='",
        recorder_name="rrweb",
        recorder_version="2.2",
        tags={"plan": "pro", "it's": "é"},
    )
    row = chunk(key, 1, text=text, snapshot=True, marks=(page("https://x.example/é?q='"),), clicks=3)
    await store.insert([first], [row])

    session = await catalog.get_session(session_of(key))
    assert session is not None
    assert session.head == first
    assert (session.first_ms, session.last_ms, session.stored_ms) == (row.first_ms, row.last_ms, NOW_MS)
    assert session.totals == row.totals
    assert session.status == SessionStatus.LIVE
    [stored] = [p async for p in playback.payloads(session_of(key), await playback.index(session_of(key)))]
    assert stored.payload == row.payload
    assert stored.has_full_snapshot
    assert [(w, seq, mark) for w, seq, mark in await playback.marks(session_of(key))] == [(key.window, 1, row.marks[0])]


async def test_resume_point_is_the_last_chunk(store: RecordingStore) -> None:
    key = window_key()
    assert await store.resume_point(key) is None
    await store.insert([head(key)], [chunk(key, seq) for seq in (1, 2, 3)])
    await store.insert([], [chunk(window_key(session=key.session), 9)])
    point = await store.resume_point(key)
    assert point is not None
    assert (point.seq, point.state) == (3, chunk(key, 3).state)
    assert await store.resume_point(replace(key, project="other")) is None


async def test_totals_do_not_care_how_often_or_in_which_order_a_row_comes(
    engine: Engine, store: RecordingStore, catalog: SessionQueries, playback: ChunkReader
) -> None:
    key = window_key()
    rows = [chunk(key, seq, clicks=seq * 2, errors=seq // 3, marks=(page(f"/p{seq % 2}"),)) for seq in range(1, 21)]
    deliveries = rows * 3
    random.Random(7).shuffle(deliveries)
    for begin in range(0, len(deliveries), 7):
        await store.insert([head(key)], deliveries[begin : begin + 7])
    await store.repair()
    await store.repair()
    session = await catalog.get_session(session_of(key))
    assert session is not None
    assert session.totals == rows[-1].totals
    index = await playback.index(session_of(key))
    assert [one.seq for one in index] == list(range(1, 21))
    payloads = [p async for p in playback.payloads(session_of(key), index)]
    assert [p.seq for p in payloads] == list(range(1, 21))
    assert len(await playback.marks(session_of(key))) == 20
    await engine.execute("OPTIMIZE TABLE chunks FINAL")
    assert await engine.query("SELECT count() FROM chunks") == [(20,)]
    again = await catalog.get_session(session_of(key))
    assert again is not None
    assert again.totals == session.totals


async def test_a_session_sums_its_windows(store: RecordingStore, catalog: SessionQueries) -> None:
    one = window_key()
    two = window_key(session=one.session)
    await store.insert(
        [head(one), head(two)], [chunk(one, 1, clicks=2), chunk(one, 2, clicks=5), chunk(two, 1, clicks=7)]
    )
    session = await catalog.get_session(session_of(one))
    assert session is not None
    assert session.totals[Total.CLICKS] == 12
    assert session.window_count == 2
    details = await catalog.get_details(session_of(one))
    assert details is not None
    by_window = {w.window: (w.last_seq, w.totals[Total.CLICKS]) for w in details.windows}
    assert by_window == {one.window: (2, 5), two.window: (1, 7)}


async def test_rows_with_fewer_totals_are_of_an_older_version(store: RecordingStore, catalog: SessionQueries) -> None:
    key = window_key()
    await store.insert([head(key)], [chunk(key, 1, totals=(1, 10)), chunk(key, 2, clicks=4)])
    session = await catalog.get_session(session_of(key))
    assert session is not None
    assert session.totals[Total.CLICKS] == 4


async def test_status(store: RecordingStore, catalog: SessionQueries, clock: MillisecondClock) -> None:
    key = window_key()
    await store.insert([head(key)], [chunk(key, 1)])

    async def status() -> int:
        session = await catalog.get_session(session_of(key))
        assert session is not None
        listed = await catalog.list_sessions(
            "demo", SessionFilter(statuses=(session.status,)), SessionOrder.NEWEST_FIRST, 5
        )
        assert [entry.session.key for entry in listed] == [session_of(key)]
        others = tuple({1, 2, 3} - {session.status})
        assert await catalog.list_sessions("demo", SessionFilter(statuses=others), SessionOrder.NEWEST_FIRST, 5) == []
        return session.status

    assert await status() == SessionStatus.LIVE
    clock.ms += IDLE_MS + 1
    assert await status() == SessionStatus.TIMED_OUT
    await store.insert([head(key, ended=True)], [])
    assert await status() == SessionStatus.ENDED
    clock.ms += 2
    await store.insert([head(key)], [chunk(key, 2)])
    assert await status() == SessionStatus.LIVE


def _fill(count: int) -> tuple[list, list]:
    random_ = random.Random(3)
    heads, chunks = [], []
    for number in range(count):
        start = NOW_MS - random_.randrange(6 * DAY_MS)
        if number % 10 == 0:
            start = NOW_MS - 5_000_000  # ties
        key = window_key(start)
        heads.append(
            head(
                key,
                actor_id=f"u{number % 7}",
                device_type=number % 5,
                actor_type=number % 3,
                tags={"plan": "pro" if number % 4 else "free"},
            )
        )
        length = random_.randrange(1, 6)
        chunks += [
            chunk(
                key,
                seq,
                errors=number % 3 if seq == length else 0,
                rage_clicks=number % 11 == 0,
                marks=(page(f"https://x.example/{number % 6}/page"),),
            )
            for seq in range(1, length + 1)
        ]
    return heads, chunks


BOTH_KINDS = {SessionOrder.NEWEST_FIRST, SessionOrder.MOST_ERRORS_FIRST}


async def _pages(catalog: SessionQueries, wanted: SessionFilter, order: SessionOrder, size: int) -> list:
    found, after = [], None
    while True:
        listed = await catalog.list_sessions("demo", wanted, order, size, after)
        found += listed
        if len(listed) < size:
            return [entry.session for entry in found]
        after = listed[-1].position


FILTERS = {
    "all": (SessionFilter(), lambda s: True),
    "actor": (SessionFilter(actor_id="u3"), lambda s: s.head.actor_id == "u3"),
    "device": (SessionFilter(device_types=(1, 2)), lambda s: s.head.device_type in {1, 2}),
    "actor type": (SessionFilter(actor_types=(2,)), lambda s: s.head.actor_type == 2),
    "tag": (SessionFilter(tags={"plan": "free"}), lambda s: s.head.tags["plan"] == "free"),
    "tag that nobody has": (SessionFilter(tags={"x": "y"}), lambda s: False),
    "errors": (SessionFilter(has={Total.ERRORS: True}), lambda s: s.totals[Total.ERRORS] > 0),
    "no errors": (SessionFilter(has={Total.ERRORS: False}), lambda s: s.totals[Total.ERRORS] == 0),
    "rage": (SessionFilter(has={Total.RAGE_CLICKS: True}), lambda s: s.totals[Total.RAGE_CLICKS] > 0),
    "long": (SessionFilter(min_duration_ms=3_000), lambda s: s.last_ms - s.first_ms >= 3_000),
    "short": (SessionFilter(max_duration_ms=1_999), lambda s: s.last_ms - s.first_ms <= 1_999),
    "page": (SessionFilter(page="/4/"), lambda s: s.totals[Total.CHUNKS] > 0),
    "time": (
        SessionFilter(start_ms=NOW_MS - 4 * DAY_MS, end_ms=NOW_MS - DAY_MS),
        lambda s: NOW_MS - 4 * DAY_MS <= s.key.start_ms < NOW_MS - DAY_MS,
    ),
}


@pytest.mark.campaign
async def test_listing_equals_a_filter_and_a_sort_by_hand(store: RecordingStore, catalog: SessionQueries) -> None:
    """Each filter in an order by start and one by rank, some filters in all orders; with --campaign each in all."""
    heads, chunks = _fill(120)
    await store.insert(heads, chunks)
    everything = await _pages(catalog, SessionFilter(), SessionOrder.NEWEST_FIRST, 500)
    assert len(everything) == 120
    pages_of = {c.key.session: c.marks[0].detail for c in chunks}
    rank = {
        SessionOrder.NEWEST_FIRST: lambda s: -s.key.start_ms,
        SessionOrder.OLDEST_FIRST: lambda s: s.key.start_ms,
        SessionOrder.LONGEST_FIRST: lambda s: -(s.last_ms - s.first_ms),
        SessionOrder.MOST_ERRORS_FIRST: lambda s: -s.totals[Total.ERRORS],
        SessionOrder.MOST_RAGE_CLICKS_FIRST: lambda s: -s.totals[Total.RAGE_CLICKS],
    }
    for name, (wanted, holds) in FILTERS.items():
        expected = [s for s in everything if holds(s)]
        if name == "page":
            expected = [s for s in everything if "/4/" in pages_of[s.key.session]]
        for order, by in rank.items():
            if not (is_campaign() or name in {"all", "errors", "page"} or order in BOTH_KINDS):
                continue
            found = await _pages(catalog, wanted, order, 41)
            assert {s.key.session for s in found} == {s.key.session for s in expected}, (name, order)
            assert len(found) == len(expected), (name, order)
            assert [by(s) for s in found] == sorted(map(by, expected)), (name, order)


async def test_a_page_is_found_behind_many_sessions_that_do_not_match(
    store: RecordingStore, catalog: SessionQueries
) -> None:
    keys = [window_key(NOW_MS - number * 1_000) for number in range(1, 1_201)]
    await store.insert(
        [head(key) for key in keys], [chunk(key, 1, errors=int(number == 1_150)) for number, key in enumerate(keys)]
    )
    listed = await catalog.list_sessions("demo", SessionFilter(has={Total.ERRORS: True}), SessionOrder.NEWEST_FIRST, 10)
    assert [entry.session.key for entry in listed] == [session_of(keys[1_150])]


async def test_projects_do_not_mix(store: RecordingStore, catalog: SessionQueries, playback: ChunkReader) -> None:
    mine = window_key()
    theirs = replace(mine, project="short")
    await store.insert([head(mine), head(theirs, actor_id="x")], [chunk(mine, 1, clicks=1), chunk(theirs, 1, clicks=9)])
    session = await catalog.get_session(session_of(mine))
    assert session is not None
    assert session.totals[Total.CLICKS] == 1
    assert session.head.actor_id == ""
    await store.delete("short", [mine.session])
    assert await catalog.get_session(session_of(theirs)) is None
    assert len(await playback.index(session_of(mine))) == 1


async def test_what_is_deleted_is_gone_from_every_table(
    engine: Engine, store: RecordingStore, catalog: SessionQueries, playback: ChunkReader
) -> None:
    gone, stays = window_key(), window_key()
    await store.insert(
        [head(gone, actor_id="a"), head(stays, actor_id="b")], [chunk(gone, 1), chunk(gone, 2), chunk(stays, 1)]
    )
    assert await store.sessions_of_actor("demo", "a") == [gone.session]
    assert await store.count_chunks("demo", [gone.session, stays.session]) == {gone.session: 2, stays.session: 1}
    await store.mark_deleted("demo", [gone.session])
    await store.delete("demo", [gone.session])
    for table in ("chunks", "windows", "sessions"):
        rows = await engine.query(f"SELECT count() FROM {table} WHERE session = {{s:UUID}}", {"s": gone.session})
        assert rows == [(0,)], table
    assert await store.is_deleted(session_of(gone))
    assert not await store.is_deleted(session_of(stays))
    assert await catalog.get_session(session_of(stays)) is not None
    assert await store.resume_point(gone) is None


async def test_deletions_are_paged_by_their_time(store: RecordingStore, clock: MillisecondClock) -> None:
    sessions = [window_key().session for _ in range(5)]
    await store.mark_deleted("demo", sessions[:1])
    await store.mark_deleted("short", [window_key().session])
    clock.ms += 10
    await store.mark_deleted("demo", sessions[1:4])
    clock.ms += 10
    await store.mark_deleted("demo", sessions[4:])
    found = await store.deletions("demo", 0, 10, None)
    assert {one.session for one in found} == set(sessions)
    assert [one.deleted_ms - NOW_MS for one in found] == [0, 10, 10, 10, 20]
    assert (found[0].session, found[-1].session) == (sessions[0], sessions[4])
    assert await store.deletions("demo", NOW_MS + 10, 10, None) == found[1:]
    assert await store.deletions("demo", NOW_MS + 1, 2, None) == found[1:3]
    assert await store.deletions("demo", NOW_MS + 1, 2, found[2]) == found[3:]
    assert await store.deletions("demo", NOW_MS + 21, 2, None) == []


async def test_retention_hides_at_once_and_the_sweep_removes(
    engine: Engine, store: RecordingStore, catalog: SessionQueries, playback: ChunkReader, clock: MillisecondClock
) -> None:
    keys = {name: window_key(project=name) for name in ("demo", "short", "ever")}
    old = window_key(NOW_MS - 400 * DAY_MS)
    imported = dt.date(2026, 6, 15)
    await store.insert(
        [*(head(key) for key in keys.values()), head(old, kept_from=imported, imported=True)],
        [*(chunk(key, 1) for key in keys.values()), chunk(old, 1, kept_from=imported)],
    )
    assert await catalog.get_session(session_of(old)) is not None, "an import is kept from its day on"
    clock.ms += 8 * DAY_MS
    assert await catalog.get_session(session_of(keys["short"])) is None
    assert await playback.index(session_of(keys["short"])) == []
    assert await catalog.get_session(session_of(keys["demo"])) is not None
    await store.sweep()
    remaining = await engine.query("SELECT DISTINCT project FROM chunks ORDER BY project")
    assert [name.decode() for (name,) in remaining] == ["demo", "ever"]
    clock.ms += 30 * DAY_MS
    await store.sweep()
    for table in ("chunks", "windows", "sessions"):
        rows = await engine.query(f"SELECT DISTINCT project FROM {table}")
        assert [name.decode() for (name,) in rows] == ["ever"], table
    assert await catalog.get_session(session_of(keys["ever"])) is not None


async def test_days_that_hold_nothing_to_keep_are_dropped(
    engine: Engine, store: RecordingStore, clock: MillisecondClock
) -> None:
    """Of each day, without rewriting it: a day with one recording to keep stays whole."""
    day_1, day_2, day_3 = (NOW_MS + number * DAY_MS for number in range(3))
    keys = [
        window_key(day_1, project="demo"),
        window_key(day_1, project="short"),
        window_key(day_2, project="short"),
        window_key(day_2, project="ever"),
        window_key(day_3, project="demo"),
    ]
    await store.insert([head(key) for key in keys], [chunk(key, 1) for key in keys])
    imported = window_key(NOW_MS - 400 * DAY_MS)
    recent = dt.datetime.fromtimestamp((NOW_MS + 31 * DAY_MS) / 1000, dt.UTC).date()
    await store.insert([head(imported, kept_from=recent, imported=True)], [chunk(imported, 1, kept_from=recent)])
    assert await store.drop_expired_days() == []
    clock.ms += 31 * DAY_MS
    dropped = await store.drop_expired_days()
    assert dropped == [dt.datetime.fromtimestamp(day_1 / 1000, dt.UTC).date()]
    for table in ("chunks", "windows", "sessions"):
        rows = await engine.query(f"SELECT DISTINCT session FROM {table}")
        assert {session for (session,) in rows} == {key.session for key in (*keys[2:], imported)}, table


async def test_ttl_does_what_the_sweep_does_where_the_server_has_it(engine: Engine) -> None:
    dialect = Dialect(engine.version, retention_days={"demo": 30, "it's": 7, "ever": 0})
    await migrate(engine, dialect)
    assert bool(dialect.ttl()) == dialect.modern
    today = dt.datetime.now(dt.UTC).date()
    keys = {(name, age): window_key(project=name) for name in ("demo", "it's", "ever") for age in (1, 10, 400)}
    store = RecordingStore(engine, dialect, Retention({}, lambda: NOW_MS), lambda: NOW_MS)
    await store.insert([], [chunk(key, 1, kept_from=today - dt.timedelta(days=age)) for (_, age), key in keys.items()])
    await engine.execute("OPTIMIZE TABLE chunks FINAL")
    rows = {session for (session,) in await engine.query("SELECT session FROM chunks")}
    kept = {("demo", 1), ("demo", 10), ("it's", 1), ("ever", 1), ("ever", 10), ("ever", 400)}
    expected = {keys[name].session for name in kept} if dialect.modern else {key.session for key in keys.values()}
    assert rows == expected
    shorter = Dialect(engine.version, retention_days={"demo": 5})
    await migrate(engine, shorter)
    await engine.execute("OPTIMIZE TABLE chunks FINAL")
    rows = {session for (session,) in await engine.query("SELECT session FROM chunks")}
    assert (keys["demo", 10].session in rows) is (not dialect.modern), (
        "a shorter retention applies to existing recordings too"
    )


async def test_a_retention_that_was_lifted_no_longer_deletes(engine: Engine) -> None:
    await migrate(engine, Dialect(engine.version, retention_days={"demo": 5}))
    forever = Dialect(engine.version, retention_days={"demo": 0})
    await migrate(engine, forever)
    store = RecordingStore(engine, forever, Retention({}, lambda: NOW_MS), lambda: NOW_MS)
    old = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=400)
    await store.insert([], [chunk(window_key(), 1, kept_from=old)])
    await engine.execute("OPTIMIZE TABLE chunks FINAL")
    assert await engine.query("SELECT count() FROM chunks") == [(1,)]


async def test_an_unchanged_retention_alters_no_table(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = Dialect(engine.version, retention_days={"demo": 30, "it's \\ a": 7})
    await migrate(engine, dialect)
    statements: list[str] = []

    async def execute(sql: str, params: object = None) -> None:
        statements.append(sql)

    monkeypatch.setattr(engine, "execute", execute)
    await migrate(engine, dialect)
    assert [sql for sql in statements if "ALTER" in sql] == []
    await migrate(engine, Dialect(engine.version, retention_days={"demo": 31}))
    assert len([sql for sql in statements if "ALTER" in sql]) == 4 * dialect.modern


async def test_the_repair_mends_totals_that_a_kill_left_behind(
    engine: Engine, store: RecordingStore, catalog: SessionQueries
) -> None:
    key = window_key()
    await store.insert([head(key)], [chunk(key, 1, clicks=1), chunk(key, 2, clicks=2)])
    await engine.execute("TRUNCATE TABLE sessions")
    assert await catalog.get_session(session_of(key)) is None
    await store.repair()
    session = await catalog.get_session(session_of(key))
    assert session is not None
    assert session.totals[Total.CLICKS] == 2


async def test_plan_on_stored_chunks_starts_at_the_snapshot_before(
    store: RecordingStore, playback: ChunkReader
) -> None:
    key = window_key()
    start = key.session_key.start_ms
    await store.insert([head(key)], [chunk(key, seq, snapshot=seq in {1, 10, 20}) for seq in range(1, 31)])
    index = await playback.index(session_of(key))
    assert [one.seq for one in plan(index, None)] == list(range(1, 31))
    assert [one.seq for one in plan(index, start + 20_500)] == list(range(20, 31))
    assert [one.seq for one in plan(index, start + 19_999)] == list(range(10, 31))
    assert [one.seq for one in plan(index, start)] == list(range(1, 31))
    assert [one.seq for one in plan(index, start + 10**9)] == list(range(20, 31))


async def test_what_a_replay_opens_with_says_what_the_sums_say(
    store: RecordingStore, catalog: SessionQueries, playback: ChunkReader
) -> None:
    one = window_key()
    two, three = window_key(session=one.session), window_key(session=one.session)
    rows = [chunk(one, seq, clicks=seq) for seq in range(1, 9)]
    rows += [chunk(two, seq, errors=seq) for seq in (1, 2)] + [chunk(three, 1, totals=(1, 10))]
    heads = [head(one, actor_id="a"), head(two, ended=True), head(two), head(three, actor_id="c")]
    random.Random(3).shuffle(rows)
    for begin in range(0, len(rows), 4):
        await store.insert(heads, rows[begin : begin + 4] * 2)
    key = session_of(one)
    contents, found = await asyncio.gather(playback.contents(key), catalog.heads(key))
    details = catalog.details(key, contents.windows, found)
    assert details == await catalog.get_details(key)
    assert details is not None
    assert {w.window for w in details.windows if w.ended} == {two.window}
    order = [(chunk.order_ms, chunk.window, chunk.seq) for chunk in contents.chunks]
    assert order == sorted(order)
    assert len(set(order)) == len(rows) == len(order)
    assert await playback.contents(session_of(window_key())) == Contents([], [])


async def test_a_viewer_who_leaves_stops_the_reading(store: RecordingStore, playback: ChunkReader) -> None:
    key = window_key()
    await store.insert([head(key)], [chunk(key, seq, payload=bytes(700_000)) for seq in range(1, 16)])
    payloads = playback.payloads(session_of(key), await playback.index(session_of(key)))
    assert (await anext(payloads)).seq == 1
    await payloads.aclose()
    assert [payload async for payload in payloads] == []


async def test_large_payloads_are_read_in_batches(store: RecordingStore, playback: ChunkReader) -> None:
    key = window_key()
    rng = random.Random(5)
    rows = [chunk(key, seq, payload=rng.randbytes(700_000)) for seq in range(1, 16)]
    await store.insert([head(key)], rows)
    found = [p async for p in playback.payloads(session_of(key), await playback.index(session_of(key)))]
    assert [(p.seq, p.payload) for p in found] == [(row.seq, row.payload) for row in rows]


async def test_every_value_survives_the_row_format(engine: Engine) -> None:
    await migrate(engine, Dialect(engine.version))
    key = uuid7(NOW_MS)
    row = (
        "p", dt.date(2106, 2, 7), -1, key, uuid.UUID(int=(1 << 128) - 1), 2**32 - 1, dt.date(1970, 1, 1),
        -(2**63), 2**63 - 1, 0, 0, 2**32 - 1, 0, 0, ("", "x" * 300, "é"), b"", (2**64 - 1,) + (0,) * 200,
        bytes(range(256)), 0, b"\0" * 70_000,
    )  # fmt: skip
    await engine.insert(CHUNKS, [row])
    [found] = await engine.query(f"SELECT {', '.join(name for name, _ in CHUNKS.columns)} FROM chunks")
    as_bytes = [v.encode() if isinstance(v, str) else v for v in row]
    as_bytes[14] = tuple(v.encode() for v in row[14])
    assert list(found) == as_bytes
