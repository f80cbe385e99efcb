"""Quotas of a project, an address, a sender and a session: refused in one sentence, nothing stored."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import chunk_pb2
from support.audit_server import (
    AuditServer,
    audit_settings,
    is_one_sentence,
    move,
    new_session,
    packed,
    running,
    start_of,
)

from services.audit import app
from services.audit.ingest.quotas import MAX_RETRY_S, SESSION_RETRY_S, Quotas
from services.runtime.settings import QuotaSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_MS = 86_400_000
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
HOUR_MS = 3_600_000


class Clock:
    """A clock at noon (UTC) of a day that no other test has; a test moves it."""

    def __init__(self):
        self.day = time.time_ns() // 1_000_000 // DAY_MS
        self.now_ms = 0

    def begin(self):
        self.day += 2
        self.now_ms = self.day * DAY_MS + 12 * HOUR_MS

    def __call__(self):
        return self.now_ms

    def session(self) -> str:
        return new_session(self.now_ms)


CLOCK = Clock()


class Server(AuditServer):
    """An AuditService, with its quotas."""

    quotas: Quotas


@asynccontextmanager
async def served(directory, redis=None, **quotas):
    found = []

    def make(*arguments, **options):
        found.append(Quotas(*arguments, **options))
        return found[-1]

    settings = audit_settings(directory, quotas=quotas, **({"redis": redis} if redis else {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "Quotas", make)
        async with running(settings, now_ms=CLOCK) as audit:
            audit.quotas = found[0]
            yield audit


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    CLOCK.begin()
    async with served(tmp_path_factory.mktemp("audit")) as audit:
        yield audit


@pytest.fixture
def clock():
    CLOCK.begin()
    return CLOCK


@pytest.fixture
def audit(server, clock):
    """The server with default quotas; `limit` sets others."""
    limit(server)
    server.quotas.refused.clear()
    server.quotas._now_s = time.monotonic
    return server


def limit(audit, **quotas):
    audit.quotas.limits = QuotaSettings(**quotas)


def noise(session: str, size: int = 4096) -> bytes:
    """A chunk of this many bytes, which is stored as it is sent."""
    events = [{"type": 5, "data": {"tag": "noise", "payload": os.urandom(size).hex()}, "timestamp": start_of(session)}]
    return packed(events)


async def send(recorder, seq, payload):
    await recorder.write(chunk=chunk_pb2.Chunk(seq=seq, encoding=2, payload=payload))


async def until_refused(audit, session, payload, window=None, **who):
    """Sends the chunk until it is refused; returns the number of chunks that were stored, and the refusal."""
    async with audit.recorder(session, window, **who) as recorder:
        for seq in range(1, 100):
            await send(recorder, seq, payload)
            try:
                await recorder.ack(seq)
            except AssertionError:
                break
        error = await recorder.ended(half_close=False)
    return recorder.acked, error


def is_refusal(error, quota, reason="QUOTA_EXCEEDED"):
    assert (error.code, error.reason) == (EXHAUSTED, reason)
    assert quota in error.message
    is_one_sentence(error)


async def test_bytes_of_a_day_by_project(audit, clock):
    session = clock.session()
    payload = noise(session)
    limit(audit, bytes_per_day_per_project=4 * len(payload))
    stored, error = await until_refused(audit, session, payload, address="198.51.100.1")
    is_refusal(error, "bytes_per_day_per_project")
    assert stored == 4
    assert error.retry_after_s == MAX_RETRY_S, "noon: the rest of the day is longer than the longest delay"
    assert len((await audit.replay(session)).chunks) == 4
    fresh = audit.recorder(clock.session(), address="203.0.113.7")
    await fresh.write(start=pb.RecordingStart(session_id=fresh.session, window_id=fresh.window))
    is_refusal(await fresh.ended(), "bytes_per_day_per_project")
    other = clock.session()
    async with audit.recorder(other, project="other") as recorder:
        await send(recorder, 1, noise(other))
        await recorder.ack(1)
    assert audit.quotas.refused == {"bytes_per_day_per_project": 2}


async def test_the_next_day_it_goes_on_where_it_was(audit, clock):
    clock.now_ms += 11 * HOUR_MS + 1_800_000
    session, window = clock.session(), str(uuid4())
    payload = noise(session)
    limit(audit, bytes_per_day_per_project=4 * len(payload))
    stored, error = await until_refused(audit, session, payload, window=window)
    assert (stored, error.retry_after_s) == (4, 1800.0)
    clock.now_ms += 1_800_000
    async with audit.recorder(session, window) as recorder:
        assert recorder.ready.next_seq == 5
        await send(recorder, 5, payload)
        await recorder.ack(5)


async def test_bytes_of_a_day_by_address(audit, clock):
    session = clock.session()
    payload = noise(session)
    limit(audit, bytes_per_day_per_address=2 * len(payload))
    stored, error = await until_refused(audit, session, payload, address="2001:db8::1")
    is_refusal(error, "bytes_per_day_per_address")
    assert stored == 2
    same = audit.recorder(session, address="2001:db8::ffff")
    await same.write(start=pb.RecordingStart(session_id=session, window_id=same.window))
    is_refusal(await same.ended(), "bytes_per_day_per_address")
    async with audit.recorder(session, address="2001:db8:0:1::1") as recorder:
        await send(recorder, 1, payload)
        await recorder.ack(1)


async def test_refused_rejected_and_repeated_chunks_are_not_counted(audit, clock):
    session, window = clock.session(), str(uuid4())
    payload = noise(session)
    limit(audit, bytes_per_day_per_project=3 * len(payload) + 100)
    async with audit.recorder(session, window) as recorder:
        await send(recorder, 1, payload)
        await recorder.ack(1)
        for _ in range(3):
            await send(recorder, 1, payload)  # repeated
            await send(recorder, 9, payload)  # a gap
            await send(recorder, 2, b"not gzip at all" * 300)  # rejected
        assert await recorder.ended() is None
        assert len(recorder.rejections) == 6
    async with audit.recorder(session, window) as recorder:  # resumed
        assert recorder.ready.next_seq == 2
        await send(recorder, 1, payload)
        await send(recorder, 2, payload)
        await recorder.ack(2)
        await send(recorder, 3, noise(session, 8192))  # refused
        is_refusal(await recorder.ended(half_close=False), "bytes_per_day_per_project")
    async with audit.recorder(session, window) as recorder:
        await send(recorder, 3, payload)
        await recorder.ack(3)
    today = str(clock.day)
    counters = audit.quotas._counters._counters.items()
    totals = [one.total for key, one in counters if key.startswith("bytes:") and key.endswith(today)]
    assert totals == [3 * len(payload)] * 2, "of the project, and of the address"


async def test_sessions_of_a_minute(audit, clock):
    clock.now_ms += 15_000
    limit(audit, sessions_per_minute_per_address=3, sessions_per_minute_per_project=5)

    async def begin(address, windows=1):
        session, refusals = clock.session(), []
        for _ in range(windows):
            async with audit.recorder(session, address=address) as recorder:
                await recorder.send(1, [move(start_of(session))])
                refusals.append(await recorder.ended())
        return refusals

    for _ in range(3):
        assert await begin("198.51.100.1", windows=4) == [None] * 4
    [error] = await begin("198.51.100.1")
    is_refusal(error, "sessions_per_minute_per_address")
    assert error.retry_after_s == 45.0
    assert await begin("198.51.100.2") == [None]
    assert await begin("198.51.100.3") == [None]
    [error] = await begin("198.51.100.4")
    is_refusal(error, "sessions_per_minute_per_project")
    clock.now_ms += 45_000
    assert await begin("198.51.100.1") == [None]


async def test_windows_of_a_session(audit, clock):
    session = clock.session()
    limit(audit, windows_per_session=3)
    windows = [await audit.record(session, [[move(start_of(session))]], end=False) for _ in range(3)]
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        error = await recorder.ended(half_close=False)
    is_refusal(error, "windows_per_session", "SESSION_FULL")
    assert error.retry_after_s == SESSION_RETRY_S
    async with audit.recorder(session, windows[0]) as recorder:
        await recorder.send(2, [move(start_of(session) + 1)])
        await recorder.ack(2)
    assert len({window for window, _ in (await audit.replay(session)).positions}) == 3
    assert await audit.record(clock.session(), [[move(clock())]])


async def test_bytes_of_a_session(audit, clock):
    session = clock.session()
    payload = noise(session)
    limit(audit, bytes_per_session=2 * len(payload))
    stored, error = await until_refused(audit, session, payload)
    is_refusal(error, "bytes_per_session", "SESSION_FULL")
    assert stored == 2
    other = audit.recorder(session)  # another window
    await other.write(start=pb.RecordingStart(session_id=session, window_id=other.window))
    is_refusal(await other.ended(), "bytes_per_session", "SESSION_FULL")
    assert (await until_refused(audit, clock.session(), payload))[0] == 2


async def test_the_length_of_a_session(audit, clock):
    limit(audit, session_length_s=60.0)
    session = clock.session()
    at_ms = start_of(session)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(at_ms), move(at_ms + 60_000)])
        await recorder.ack(1)
        await recorder.send(2, [move(at_ms + 30_000), move(at_ms + 60_001)])
        error = await recorder.ended(half_close=False)
    is_refusal(error, "session_length_s", "SESSION_FULL")
    assert len((await audit.replay(session)).chunks) == 1
    # An import has no quotas; it needs the scope admin.
    imported = clock.session()
    events = [move(start_of(imported)), move(start_of(imported) + 10 * HOUR_MS)]
    async with audit.recorder(imported, token=audit.token("admin"), imported=True) as recorder:
        await recorder.send(1, events)
        await recorder.ack(1)


def rejected_chunk(kind: str, session: str) -> bytes:
    """A chunk that is rejected after it has cost bytes, or processor time."""
    if kind == "bytes":
        return b"no gzip" * 4096
    return packed([move(start_of(session), number) for number in range(2_000)] + [1])


@pytest.mark.parametrize("kind", ["bytes", "cpu_s"])
async def test_rejected_chunks_cost_the_sender_until_the_budget_is_refilled(audit, clock, kind):
    session, now_s = clock.session(), [0.0]
    quota = f"rejected_{kind}_per_minute_per_subject"
    limit(audit, **{quota: {"bytes": 60_000, "cpu_s": 1e-4}[kind]})
    audit.quotas._now_s = lambda: now_s[0]
    async with audit.recorder(session) as recorder:
        for _ in range(4):
            await send(recorder, 1, rejected_chunk(kind, session))
        error = await recorder.ended(half_close=False)
    is_refusal(error, quota)
    assert error.retry_after_s >= 1
    assert len(recorder.rejections) == {"bytes": 3, "cpu_s": 1}[kind]
    again = audit.recorder(session)
    await again.write(start=pb.RecordingStart(session_id=session, window_id=again.window))
    is_refusal(await again.ended(), quota)
    async with audit.recorder(session, token=audit.token("record", subject="else")) as other:
        await other.send(1, [move(start_of(session))])
        await other.ack(1)
    now_s[0] += 36_000.0
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)


async def test_an_address_pays_for_all_of_its_subjects(audit, clock):
    session = clock.session()
    limit(audit, rejected_bytes_per_minute_per_address=60_000)
    audit.quotas._now_s = lambda: 0.0
    rejected = 0
    for number in range(4):
        token = audit.token("record", subject=f"s{number}")
        recorder = audit.recorder(session, token=token, address="198.51.100.1")
        await recorder.write(start=pb.RecordingStart(session_id=session, window_id=recorder.window))
        await send(recorder, 1, rejected_chunk("bytes", session))
        error = await recorder.ended()
        rejected += len(recorder.rejections)
    assert rejected == 3
    is_refusal(error, "rejected_bytes_per_minute_per_address")
    async with audit.recorder(session, address="198.51.100.2") as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)


async def test_new_limits_apply_to_open_streams(audit, clock):
    session = clock.session()
    payload = noise(session)
    async with audit.recorder(session) as recorder:
        await send(recorder, 1, payload)
        await recorder.ack(1)
        limit(audit, bytes_per_day_per_project=len(payload))
        await send(recorder, 2, payload)
        is_refusal(await recorder.ended(half_close=False), "bytes_per_day_per_project")


async def test_many_streams_at_once_pass_no_quota(audit, clock):
    session = clock.session()
    payload = noise(session)
    limit(audit, bytes_per_day_per_project=5 * len(payload))
    results = await asyncio.gather(*(until_refused(audit, session, payload) for _ in range(8)), return_exceptions=True)
    stored = len((await audit.replay(session)).chunks)
    assert stored == 5 == sum(one[0] for one in results if isinstance(one, tuple))
