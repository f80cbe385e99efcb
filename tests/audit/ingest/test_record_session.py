"""RecordSession: ready, acks, resuming, and every way in which a stream can end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import chunk_pb2, enums_pb2
from audit.rpc import (
    GZIP,
    Recorder,
    audit_settings,
    click,
    console_error,
    full_snapshot,
    meta,
    move,
    new_session,
    now_ms,
    packed,
    running,
    start_of,
)

from services.audit.app import dialect_for, open_engine
from services.audit.deletion import Deletion
from services.audit.ingest.committer import Committer
from services.audit.ingest.recording import IngestRules, Recording, Recordings
from services.audit.ingest.take_in import SentChunk
from services.audit.model import ChunkRow, WindowHead, WindowKey
from services.audit.payload import Bounds
from services.audit.privacy.policies import Policies
from services.audit.servicer import AuditServicer
from services.audit.storage.schema import migrate
from services.audit.storage.store import Store, day_of
from services.audit.viewing.live import LiveHub
from services.audit.viewing.revocation import Revocations
from services.runtime.errors import Aborted, FailedPrecondition
from services.runtime.link_keys import LinkKeys

LIVE, ENDED = enums_pb2.SESSION_STATUS_LIVE, enums_pb2.SESSION_STATUS_ENDED


def story(session: str, count: int = 5) -> list[list[dict]]:
    """Returns chunks of a window: a page with its snapshot, then clicks and an error among movements."""
    start = start_of(session)
    chunks = [[meta(start), full_snapshot(start + 1), move(start + 2)]]
    for number in range(1, count):
        at = start + number * 100
        chunks.append([move(at, number), click(at + 10), console_error(at + 20)])
    return chunks


async def test_ready_tells_the_limits_and_the_clock(audit):
    before = now_ms()
    async with audit.recorder(new_session()) as recorder:
        ready, limits, settings = recorder.ready, recorder.ready.limits, audit.settings.ingest
    assert ready.next_seq == 1
    assert before <= ready.server_time.ToMilliseconds() <= now_ms()
    assert limits.max_chunk_bytes == settings.max_chunk_bytes
    assert limits.max_inflated_bytes == settings.max_inflated_bytes
    assert limits.max_unacked_bytes == settings.max_unacked_bytes
    assert limits.flush_interval.ToTimedelta().total_seconds() == settings.flush_interval_s


async def test_what_is_acknowledged_is_stored_and_counted(audit):
    session = new_session()
    chunks = story(session)
    async with audit.recorder(session, actor_id="ann", tags={"plan": "pro"}, first_url="https://a.example/") as one:
        for seq, events in enumerate(chunks, 1):
            await one.send(seq, events, event_count=len(events))
        await one.ack(5)
        # Not ended, not closed: an ack alone says that it is there.
        replay = await audit.replay(session)
    assert replay.events == [event for chunk in chunks for event in chunk]
    assert replay.positions == [(one.window, seq) for seq in range(1, 6)]
    got = replay.header.session
    assert (got.actor_id, got.actor_type, dict(got.tags), got.first_url) == (
        "ann",
        enums_pb2.ACTOR_TYPE_USER,
        {"plan": "pro"},
        "https://a.example/",
    )
    assert got.status == LIVE
    totals = got.totals
    assert (totals.chunk_count, totals.event_count, totals.click_count, totals.error_count) == (5, 15, 4, 4)
    assert (totals.page_count, totals.full_snapshot_count) == (1, 1)
    assert totals.stored_bytes == sum(len(packed(events)) for events in chunks)
    assert got.start_time.ToMilliseconds() == start_of(session)
    assert got.end_time.ToMilliseconds() == start_of(session) + 420


async def test_acks_are_cumulative_and_never_go_back_or_ahead(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in range(1, 101):
            await recorder.send(seq, [move(start_of(session) + seq, seq)])
        await recorder.ack(100)
        assert await recorder.end(100) is None
    acks = [message.ack.through_seq for message in recorder.seen if message.WhichOneof("message") == "ack"]
    assert acks == sorted(set(acks))
    assert acks[-1] == 100


async def test_the_last_ack_comes_before_the_end_however_the_stream_is_closed(audit):
    """Sixty short streams: an ack must not get lost between the last insert and the end."""
    session = new_session()

    async def one(number: int) -> None:
        async with audit.recorder(session) as recorder:
            await recorder.send(1, [move(start_of(session) + number)])
            await recorder.send(2, [move(start_of(session) + number)])
            error = await (recorder.end(2) if number % 2 else recorder.ended())
        assert error is None
        assert recorder.acked == 2, f"stream {number}: {recorder.seen}"

    for begin in range(0, 60, 10):
        await asyncio.gather(*(one(begin + number) for number in range(10)))


async def test_a_recorder_that_reconnects_goes_on_where_storage_is(audit):
    session, window = new_session(), str(uuid4())
    chunks = story(session, 8)
    async with audit.recorder(session, window) as recorder:
        for seq in range(1, 6):
            await recorder.send(seq, chunks[seq - 1])
        await recorder.ack(5)
    async with audit.recorder(session, window) as recorder:
        assert recorder.ready.next_seq == 6
        for seq in range(6, 9):
            await recorder.send(seq, chunks[seq - 1])
        await recorder.ack(8)
        assert await recorder.end(8) is None
    replay = await audit.replay(session)
    assert replay.events == [event for chunk in chunks for event in chunk]
    assert replay.header.session.totals.click_count == 7
    assert replay.header.session.totals.event_count == 24


async def test_a_server_that_restarts_goes_on_where_storage_is(tmp_path):
    session, window = new_session(), str(uuid4())
    chunks = story(session, 6)
    settings = audit_settings(tmp_path)
    for begin, end in ((1, 4), (4, 7)):
        async with running(settings) as audit, audit.recorder(session, window) as recorder:
            assert recorder.ready.next_seq == begin
            for seq in range(begin, end):
                await recorder.send(seq, chunks[seq - 1])
            await recorder.ack(end - 1)
    async with running(settings) as audit:
        replay = await audit.replay(session)
    assert replay.events == [event for chunk in chunks for event in chunk]
    # What happens between two chunks is counted too: the state came back from storage.
    assert replay.header.session.totals.click_count == 5
    assert replay.header.session.active_duration.ToMilliseconds() == 510 - 2


async def test_a_chunk_that_is_stored_already_is_acknowledged_and_ignored(audit):
    session, window = new_session(), str(uuid4())
    chunks = story(session)
    await audit.record(session, chunks, window, end=False)
    before = await audit.session(session)
    async with audit.recorder(session, window) as recorder:
        for seq in (5, 1, 3):
            recorder.acked = 0
            await recorder.send(seq, [click(start_of(session) + 999_999)])  # other content: the first stays
            await recorder.ack(5)
        assert await recorder.ended() is None
    assert recorder.rejections == []
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]
    after = await audit.session(session)
    assert after.session.totals == before.session.totals
    assert after.session.end_time == before.session.end_time


async def test_a_chunk_sent_twice_before_its_ack_is_stored_once(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in range(1, 31):
            for _ in range(3):
                await recorder.send(seq, [click(start_of(session) + seq)])
        assert await recorder.end(30) is None
    assert recorder.rejections == []
    assert recorder.acked == 30
    replay = await audit.replay(session)
    assert [seq for _, seq in replay.positions] == list(range(1, 31))
    assert replay.header.session.totals.click_count == 30


async def test_totals_of_every_chunk_delivered_three_times_are_those_of_one_delivery(audit):
    """Reconnecting recorders, each from a random place before what is stored, until all is there."""
    rng = random.Random(20)
    sessions = [new_session(now_ms() - 1_000) for _ in range(6)]
    counted = []
    for session in sessions[:1]:
        await audit.record(session, story(session, 20))
        counted.append((await audit.session(session)).session.totals)

    async def deliver(session: str) -> None:
        window, base = str(uuid4()), start_of(session)
        chunks = [
            [{**event, "timestamp": event["timestamp"] - start_of(sessions[0]) + base} for event in chunk]
            for chunk in story(sessions[0], 20)
        ]
        sent = dict.fromkeys(range(1, 21), 0)
        while min(sent.values()) < 3:
            async with audit.recorder(session, window) as recorder:
                begin = rng.randint(1, recorder.ready.next_seq)
                for seq in range(begin, min(begin + rng.randint(1, 12), 21)):
                    await recorder.send(seq, chunks[seq - 1])
                    sent[seq] += 1
                if rng.random() < 0.7:
                    assert await recorder.ended() is None
        async with audit.recorder(session, window) as recorder:  # the end decides findings that wait for it
            assert await recorder.end(20) is None
        assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]

    await asyncio.gather(*(deliver(session) for session in sessions[1:]))
    for session in sessions[1:]:
        totals = (await audit.session(session)).session.totals
        assert totals.stored_bytes == pytest.approx(counted[0].stored_bytes, rel=0.1)  # gzip of other timestamps
        totals.stored_bytes = counted[0].stored_bytes
        assert totals == counted[0]


async def test_a_gap_is_rejected_with_the_expected_seq_and_the_stream_goes_on(audit):
    session = new_session()
    chunks = story(session, 4)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, chunks[0])
        await recorder.send(3, chunks[2])
        rejected = await recorder.until("rejected")
        assert (rejected.seq, rejected.reason, rejected.expected_seq) == (3, pb.REJECT_REASON_GAP, 2)
        assert rejected.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
        assert "seq" in rejected.message
        for seq in (2, 3, 4):
            await recorder.send(seq, chunks[seq - 1])
        await recorder.ack(4)
        assert await recorder.end(4) is None
    assert len(recorder.rejections) == 1
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]


async def test_what_follows_a_rejected_chunk_is_a_gap_until_it_is_sent_again(audit):
    session = new_session()
    chunks = story(session, 3)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, chunks[0])
        await recorder.send(2, "not an array")
        await recorder.send(3, chunks[2])
        await recorder.until("rejected")
        await recorder.until("rejected")
        await recorder.send(2, chunks[1])
        await recorder.send(3, chunks[2])
        await recorder.ack(3)
    assert [(r.seq, r.reason, r.expected_seq) for r in recorder.rejections] == [
        (2, pb.REJECT_REASON_INVALID_PAYLOAD, 2),
        (3, pb.REJECT_REASON_GAP, 2),
    ]
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]


async def test_a_hundred_rejections_in_a_row_are_borne_and_no_more(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for _ in range(2):
            for _ in range(100):
                await recorder.send(recorder.acked + 1, {"not": "an array"})
            await recorder.send(recorder.acked + 1, [move(start_of(session))])
            await recorder.ack(recorder.acked + 1)
        assert len(recorder.rejections) == 200
        for _ in range(101):
            await recorder.send(3, {"not": "an array"})
        error = await recorder.ended(half_close=False)
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(error.fields) == ["chunk"]
    assert "array" in error.message
    assert len((await audit.replay(session)).chunks) == 2


async def test_gaps_do_not_count_as_rejections(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in range(3, 1003):
            await recorder.send(seq, [move(start_of(session))])
        await recorder.send(1, [move(start_of(session))])
        await recorder.ack(1)
        assert await recorder.end(1) is None
    assert {r.expected_seq for r in recorder.rejections} == {1}
    assert len(recorder.rejections) == 1000


async def test_a_newer_stream_of_a_window_ends_the_older_one_and_goes_on(audit):
    session, window = new_session(), str(uuid4())
    chunks = story(session, 4)
    async with audit.recorder(session, window) as older:
        await older.send(1, chunks[0])
        await older.send(2, chunks[1])
        await older.ack(2)
        async with audit.recorder(session, window) as newer:
            error = await older.ended(half_close=False)
            assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "SUPERSEDED")
            assert newer.ready.next_seq == 3
            await newer.send(3, chunks[2])
            await newer.send(4, chunks[3])
            await newer.ack(4)
            assert await newer.end(4) is None
    assert (await audit.replay(session)).events == [event for chunk in chunks for event in chunk]


async def test_other_windows_and_other_sessions_are_not_superseded(audit):
    session = new_session()
    async with audit.recorder(session) as one, audit.recorder(session) as two, audit.recorder(new_session()) as three:
        for recorder in (one, two, three):
            await recorder.send(1, [move(start_of(session))])
            await recorder.ack(1)
            assert await recorder.end(1) is None


async def test_superseding_under_load_keeps_what_either_stream_was_told(audit):
    """Whoever was told that a seq is stored, or is the one to go on from, is the one whose chunk is stored."""
    session, window = new_session(), str(uuid4())
    acked: dict[int, int] = {}

    async def keep_sending(recorder: Recorder, writer: int) -> None:
        for seq in range(recorder.ready.next_seq, recorder.ready.next_seq + 400):
            try:
                await recorder.send(seq, [move(start_of(session) + seq, writer)])
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return

    tasks, recorders = [], []
    for writer in range(1, 16):
        recorder = audit.recorder(session, window)
        await recorder.__aenter__()
        recorders.append(recorder)
        tasks.append(asyncio.create_task(keep_sending(recorder, writer)))
        await asyncio.sleep(0.005 * (writer % 4))
    await asyncio.gather(*tasks)
    last = recorders[-1]
    await last.ack(last.ready.next_seq + 399)
    for older in recorders[:-1]:
        error = await older.ended(half_close=False)
        # grpc.aio's client makes an error of its own of a write that meets the end of the stream.
        assert error.reason == "SUPERSEDED" or error.message == "Internal error from Core"
    await last.cancel()
    for writer, recorder in enumerate(recorders, 1):
        for seq in range(recorder.ready.next_seq, recorder.acked + 1):
            assert acked.setdefault(seq, writer) == writer, f"seq {seq} was promised to two"
    replay = await audit.replay(session)
    assert [seq for _, seq in replay.positions] == list(range(1, last.acked + 1))
    # Where each stream went on is what its predecessors have stored: nothing of theirs comes after.
    for seq, event in enumerate(replay.events, 1):
        expected = max(w for w, r in enumerate(recorders, 1) if r.ready.next_seq <= seq)
        assert event["data"]["positions"][0]["x"] == expected, f"seq {seq}"


async def test_a_stream_that_ends_while_the_batch_is_full_leaves_the_window_usable(tmp_path):
    """With batches of one chunk, a stream almost always waits for room when it is cut off."""
    settings = audit_settings(tmp_path, ingest={"max_batch_rows": 1})
    async with running(settings) as audit:
        session, window = new_session(), str(uuid4())
        for _ in range(8):
            async with audit.recorder(session, window) as recorder:
                first = recorder.ready.next_seq
                for seq in range(first, first + 30):
                    await recorder.send(seq, [click(start_of(session) + seq)])
                await recorder.ack(first + 2)
            # Cut off here. The next stream must not be refused, nor wait for what will never be stored.
        async with asyncio.timeout(5):
            async with audit.recorder(session, window) as recorder:
                stored = recorder.ready.next_seq - 1
        replay = await audit.replay(session)
        assert [seq for _, seq in replay.positions] == list(range(1, stored + 1))
        assert replay.header.session.totals.click_count == stored


class HeldStore(Store):
    """A store that writes only while it is let, and runs something before it notes a deletion."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.open = asyncio.Event()
        self.before_mark: Callable[[], Awaitable[None]] | None = None

    async def insert(self, heads: Sequence[WindowHead], chunks: Sequence[ChunkRow]) -> None:
        await self.open.wait()
        await super().insert(heads, chunks)

    async def mark_deleted(self, project: str, sessions: Sequence[UUID]) -> None:
        if self.before_mark is not None:
            await self.before_mark()
        await super().mark_deleted(project, sessions)


@dataclass
class Workshop:
    """The parts behind RecordSession, with a store that can be held."""

    store: HeldStore
    hub: LiveHub
    recordings: Recordings
    key: WindowKey
    payload: bytes
    rules: IngestRules

    async def begin(self, key: WindowKey | None = None) -> Recording:
        return await self.recordings.open(WindowHead(key or self.key, day_of(now_ms())), self.rules)

    def chunk(self, seq: int) -> SentChunk:
        return SentChunk(seq, GZIP, self.payload, 50)


@asynccontextmanager
async def workshop(directory: Path) -> AsyncIterator[Workshop]:
    settings = audit_settings(directory)
    engine = await open_engine(settings)
    try:
        dialect = dialect_for(settings, engine.version)
        await migrate(engine, dialect)
        store, hub = HeldStore(engine, dialect, {}, now_ms), LiveHub()
        committer = Committer(store, max_batch_bytes=2**30, max_batch_rows=10_000)
        session = UUID(new_session())
        payload = packed([move(session.int >> 80, number) for number in range(50)])
        masker = Policies(settings).of("demo").masker
        rules = IngestRules(Bounds(2**20, 2**20), lambda: masker, len(payload) * 10, 2.0, 0.25)
        key = WindowKey("demo", session, uuid4())
        running_committer = asyncio.create_task(committer.run())
        try:
            yield Workshop(store, hub, Recordings(store, committer, hub), key, payload, rules)
        finally:
            running_committer.cancel()
            await asyncio.gather(running_committer, return_exceptions=True)
    finally:
        await engine.close()


async def test_no_more_than_the_bound_is_taken_in_before_it_is_stored(tmp_path):
    taken = 0

    async def send_all(shop: Workshop, recording: Recording) -> None:
        nonlocal taken
        for seq in range(1, 101):
            await recording.take(shop.chunk(seq))
            taken = seq

    async with workshop(tmp_path) as shop:
        recording = await shop.begin()
        sending = asyncio.create_task(send_all(shop, recording))
        for _ in range(50):
            await asyncio.sleep(0.002)
        assert 10 <= taken <= 11, "the stream is read up to the bound, and one chunk over it at most"
        assert recording.messages_now() == [], "nothing is acknowledged that is not stored"
        shop.store.open.set()
        async with asyncio.timeout(10):
            await sending
            await recording.drained()
        assert taken == 100
        assert [message.through_seq for message in recording.messages_now()] == [100]
        assert (await shop.store.resume_point(shop.key)).seq == 100


class SlowContext:
    """The half of gRPC's context that a recorder's stream uses: one write at a time, and each takes a while."""

    def __init__(self) -> None:
        self.writing = False
        self.written: list[pb.RecordSessionResponse] = []

    def cancelled(self) -> bool:
        return False

    async def write(self, message: pb.RecordSessionResponse) -> None:
        assert not self.writing, "gRPC takes one write at a time"
        self.writing = True
        await asyncio.sleep(0.05)
        self.written.append(message)
        self.writing = False


async def test_a_stream_that_ends_in_the_middle_of_a_write_finishes_it(tmp_path):
    async with workshop(tmp_path) as shop:
        shop.store.open.set()
        recording, context = await shop.begin(), SlowContext()

        async def requests() -> AsyncIterator[pb.RecordSessionRequest]:
            chunk = chunk_pb2.Chunk(seq=1, encoding=GZIP, payload=shop.payload)
            yield pb.RecordSessionRequest(chunk=chunk)
            while not context.writing:  # noqa: ASYNC110 - the ack is on its way, and now the recorder ends
                await asyncio.sleep(0.001)

        await AuditServicer.__new__(AuditServicer)._record(requests(), context, recording)
        assert [message.ack.through_seq for message in context.written] == [1]
        await shop.recordings.close(recording)


async def test_a_superseded_stream_takes_nothing_in_any_more(tmp_path):
    """What it took in before is stored before the newer one is told where to go on; after that, nothing is."""
    async with workshop(tmp_path) as shop:
        older = await shop.begin()
        await older.take(shop.chunk(1))
        beginning = asyncio.create_task(shop.begin())
        await asyncio.sleep(0)  # the older one is broken off now, and its stream does not know yet
        with pytest.raises(Aborted):
            await older.take(shop.chunk(2))
        shop.store.open.set()
        newer = await beginning
        assert newer.next_seq == 2
        with pytest.raises(Aborted):
            await older.end(0)
        assert (await shop.store.resume_point(shop.key)).seq == 1


async def test_a_stream_that_is_superseded_while_it_begins_does_not_begin(tmp_path):
    async with workshop(tmp_path) as shop:
        shop.store.open.set()
        middle, newest = asyncio.create_task(shop.begin()), asyncio.create_task(shop.begin())
        with pytest.raises(Aborted):
            await middle
        assert shop.recordings.of_session(shop.key.session_key) == [await newest]


async def test_a_recorder_that_begins_while_its_session_is_deleted_leaves_nothing(tmp_path):
    async with workshop(tmp_path) as shop:
        shop.store.open.set()
        first = await shop.begin()
        await first.take(shop.chunk(1))
        await first.drained()
        other = replace(shop.key, window=uuid4())

        async def begin_another() -> None:
            late = await shop.begin(other)
            await late.take(shop.chunk(1))

        shop.store.before_mark = begin_another
        revocations = Revocations(None, LinkKeys(audit_settings(tmp_path)))
        receipt = await Deletion(shop.store, shop.recordings, shop.hub, revocations).delete("demo", [shop.key.session])
        assert (receipt.sessions, receipt.chunks) == (1, 2)
        for recording in shop.recordings.of_session(shop.key.session_key):
            with pytest.raises(FailedPrecondition):
                await recording.take(shop.chunk(recording.next_seq))
            await shop.recordings.close(recording)
        assert await shop.store.count_chunks("demo", [shop.key.session]) == {}


async def test_a_recorder_that_does_not_read_its_acks_still_gets_through_the_smallest_bound(tmp_path):
    settings = audit_settings(tmp_path, ingest={"max_unacked_bytes": 1024})
    async with running(settings) as audit:
        session = new_session()
        async with audit.recorder(session) as recorder:
            assert recorder.ready.limits.max_unacked_bytes == 1024
            for seq in range(1, 41):
                await recorder.send(seq, [move(start_of(session), n) for n in range(200)])
            assert await recorder.end(40) is None
        assert recorder.acked == 40
        assert len((await audit.replay(session)).chunks) == 40


@pytest.mark.parametrize("last_seq", [3, 4_000_000_000, 9_000_000_000])
async def test_an_end_that_names_a_chunk_that_is_not_stored_leaves_the_window_open(audit, last_seq):
    session, window = new_session(), str(uuid4())
    chunks = story(session, 3)
    async with audit.recorder(session, window) as recorder:
        await recorder.send(1, chunks[0])
        await recorder.send(2, chunks[1])
        error = await recorder.end(last_seq)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CHUNKS_MISSING")
    assert str(last_seq) in error.message
    assert "last_seq" in error.message
    got = await audit.session(session)
    assert got.session.status == LIVE
    assert [w.ended for w in got.windows] == [False]
    async with audit.recorder(session, window) as recorder:
        assert recorder.ready.next_seq == 3
        await recorder.send(3, chunks[2])
        assert await recorder.end(3) is None
    got = await audit.session(session)
    assert got.session.status == ENDED
    assert [(w.ended, w.last_seq) for w in got.windows] == [(True, 3)]


async def test_an_end_that_names_a_chunk_that_is_stored_is_accepted(audit):
    """`last_seq` refuses an end only when that chunk is not stored, as the contract says."""
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in (1, 2, 3):
            await recorder.send(seq, [move(start_of(session))])
        assert await recorder.end(2) is None
    assert (await audit.session(session)).session.status == ENDED


async def test_an_end_without_last_seq_or_without_chunks_is_accepted(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        assert await recorder.end() is None
    assert not await audit.is_stored(session)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        assert await recorder.end() is None
    assert (await audit.session(session)).session.status == ENDED


async def test_a_window_that_goes_on_after_its_end_is_live_again(audit):
    session, window = new_session(), str(uuid4())
    await audit.record(session, story(session, 2), window)
    assert (await audit.session(session)).session.status == ENDED
    async with audit.recorder(session, window) as recorder:
        assert recorder.ready.next_seq == 3
        await recorder.send(3, [move(start_of(session) + 5_000)])
        await recorder.ack(3)
        assert (await audit.session(session)).session.status == LIVE


async def test_a_session_has_ended_when_all_its_windows_have(audit):
    session = new_session()
    async with audit.recorder(session) as one, audit.recorder(session) as two:
        for recorder in (one, two):
            for seq in (1, 2):
                await recorder.send(seq, [click(start_of(session) + seq)])
            await recorder.ack(2)
        assert await one.end(2) is None
        got = await audit.session(session)
        assert got.session.status == LIVE
        assert {w.window_id: w.ended for w in got.windows} == {one.window: True, two.window: False}
        assert await two.end(2) is None
    got = await audit.session(session)
    assert got.session.status == ENDED
    assert got.session.window_count == 2
    assert got.session.totals.click_count == 4
    assert [w.totals.click_count for w in got.windows] == [2, 2]


async def test_a_second_start_ends_the_stream_and_keeps_what_came_before(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.write(start=pb.RecordingStart(session_id=session, window_id=recorder.window))
        error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SECOND_START")
    assert len((await audit.replay(session)).chunks) == 1


@pytest.mark.parametrize("first", ["chunk", "end", None])
async def test_anything_before_the_start_is_refused(audit, first):
    session = new_session()
    recorder = audit.recorder(session)
    match first:
        case "chunk":
            await recorder.send(1, [move(start_of(session))])
        case "end":
            await recorder.write(end=pb.RecordingEnd())
        case None:
            await recorder.write()
    error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "START_MISSING")
    assert not await audit.is_stored(session)


async def test_a_message_that_is_none_ends_the_stream(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [move(start_of(session))])
        await recorder.write()
        error = await recorder.ended(half_close=False)
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(error.fields) == ["message"]
    assert len((await audit.replay(session)).chunks) == 1


async def test_an_empty_stream_ends_with_ok(audit):
    recorder = audit.recorder(new_session())
    assert await recorder.ended() is None
    assert recorder.seen == []


async def test_a_half_close_without_end_stores_everything_and_leaves_the_window_open(audit):
    session = new_session()
    async with audit.recorder(session) as recorder:
        for seq in range(1, 51):
            await recorder.send(seq, [move(start_of(session) + seq)])
        assert await recorder.ended() is None
    assert recorder.acked == 50
    got = await audit.session(session)
    assert got.session.status == LIVE
    assert got.session.totals.chunk_count == 50
    assert not got.windows[0].ended


async def test_what_was_taken_in_before_a_client_went_away_is_stored(audit):
    for round_number in range(5):
        session, window = new_session(), str(uuid4())
        async with audit.recorder(session, window) as recorder:
            for seq in range(1, 61):
                await recorder.send(seq, [move(start_of(session) + seq, seq)])
            await recorder.ack(1 + round_number * 10)
        async with audit.recorder(session, window) as again:
            stored = again.ready.next_seq - 1
        assert recorder.acked <= stored <= 60
        replay = await audit.replay(session)
        assert [seq for _, seq in replay.positions] == list(range(1, stored + 1))
        assert [event["data"]["positions"][0]["x"] for event in replay.events] == list(range(1, stored + 1))


async def test_a_stream_ends_with_its_token(audit):
    session = new_session()
    token = audit.token("record", ttl_s=1)
    async with audit.recorder(session, token=token) as recorder:
        await recorder.send(1, [move(start_of(session))])
        error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
    assert len((await audit.replay(session)).chunks) == 1


async def test_a_deleted_session_stops_its_recorder_and_cannot_come_back(audit):
    session, window = new_session(), str(uuid4())
    async with audit.recorder(session, window) as recorder:
        for seq in range(1, 11):
            await recorder.send(seq, [move(start_of(session) + seq)])
        await recorder.ack(10)
        receipt = await audit.delete(session)
        assert (receipt.session_count, receipt.chunk_count, list(receipt.not_found)) == (1, 10, [])
        error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RECORDING_STOPPED")
    assert [command.WhichOneof("command") for command in recorder.commands] == ["stop"]
    assert not await audit.is_stored(session)
    for same_window in (window, str(uuid4())):
        again = audit.recorder(session, same_window)
        await again.write(start=pb.RecordingStart(session_id=session, window_id=same_window))
        error = await again.ended(half_close=False)
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SESSION_DELETED")
        assert again.ready is None
    assert not await audit.is_stored(session)


async def test_a_deletion_while_recorders_stream_and_reconnect_leaves_nothing(audit):
    """However recorders, their reconnects and the deletion meet, nothing is left of the session."""
    for round_number in range(6):
        session, stopped = new_session(), asyncio.Event()

        async def stream(window: str, session: str = session, stopped: asyncio.Event = stopped) -> None:
            for _ in range(1000):
                recorder = audit.recorder(session, window)
                try:
                    await recorder.__aenter__()
                    for seq in range(recorder.ready.next_seq, recorder.ready.next_seq + 5):
                        await recorder.send(seq, [move(start_of(session) + seq)])
                    await recorder.ended()
                except (AssertionError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    await recorder.ended(half_close=False)
                finally:
                    await recorder.cancel()
                if recorder.error and recorder.error.reason == "SESSION_DELETED":
                    return
            raise AssertionError("was never told that the session is deleted")

        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(stream(str(uuid4())))
            await asyncio.sleep(0.02 + 0.003 * round_number)
            while (await audit.delete(session)).session_count == 0:  # noqa: ASYNC110 - nothing is stored yet
                await asyncio.sleep(0.005)
        assert not await audit.is_stored(session), f"round {round_number}"


async def test_a_recorder_flushes_faster_while_somebody_follows(audit):
    session = new_session()
    interval = audit.settings.ingest
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [meta(start_of(session)), full_snapshot(start_of(session))])
        await recorder.ack(1)
        async with audit.view(session, follow=True) as viewer:
            await viewer.until("live_edge")
            faster = await recorder.until("command")
            assert faster.flush_interval.ToTimedelta().total_seconds() == interval.watched_flush_interval_s
        slower = await recorder.until("command")
        assert slower.flush_interval.ToTimedelta().total_seconds() == interval.flush_interval_s
        assert await recorder.end(1) is None
    assert [command.WhichOneof("command") for command in recorder.commands] == ["flush_interval", "flush_interval"]


async def test_a_recorder_that_connects_to_a_followed_session_is_told_at_once(audit):
    session, window = new_session(), str(uuid4())
    await audit.record(session, story(session, 1), window, end=False)
    async with audit.view(session, follow=True) as viewer:
        await viewer.until("live_edge")
        async with audit.recorder(session, window) as recorder:
            command = await recorder.until("command")
    assert command.flush_interval.ToTimedelta().total_seconds() == audit.settings.ingest.watched_flush_interval_s


async def test_a_late_viewer_makes_the_recorder_take_a_full_snapshot(audit):
    session = new_session(now_ms() - 120_000)
    start = start_of(session)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [meta(start), full_snapshot(start)])
        await recorder.send(2, [move(start + 90_000)])
        await recorder.ack(2)
        async with audit.view(session, follow=True) as viewer:
            await viewer.until("live_edge")
            assert (await recorder.until("command")).WhichOneof("command") == "flush_interval"
            assert (await recorder.until("command")).WhichOneof("command") == "take_full_snapshot"
            await recorder.send(3, [full_snapshot(start + 90_001)])
            await recorder.ack(3)
            assert await recorder.end(3) is None
    assert len(recorder.commands) == 2


async def test_every_late_viewer_gets_a_full_snapshot_not_the_first_alone(audit):
    session = new_session(now_ms() - 300_000)
    start = start_of(session)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [meta(start), full_snapshot(start)])
        await recorder.ack(1)
        async with audit.view(session, follow=True) as first:
            await first.until("live_edge")
            assert (await recorder.until("command")).WhichOneof("command") == "flush_interval"
            await recorder.send(2, [move(start + 200_000)])
            await recorder.ack(2)
            async with audit.view(session, follow=True) as second:
                await second.until("live_edge")
                while (await recorder.until("command")).WhichOneof("command") != "take_full_snapshot":
                    pass


async def test_a_server_that_stops_ends_open_streams_and_keeps_what_it_acknowledged(tmp_path):
    settings = audit_settings(tmp_path)
    sessions = [new_session() for _ in range(5)]
    async with running(settings) as audit:
        recorders = [audit.recorder(session) for session in sessions]
        for recorder in recorders:
            await recorder.__aenter__()
            for seq in range(1, 21):
                await recorder.send(seq, [move(start_of(recorder.session) + seq)])
        for recorder in recorders:
            await recorder.ack(1)
        stopping_from = asyncio.get_running_loop().time()
    took_s = asyncio.get_running_loop().time() - stopping_from
    errors = [await recorder.ended(half_close=False) for recorder in recorders]
    assert {(error.code, error.reason) for error in errors} == {(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")}
    assert all(error.retry_after_s is not None for error in errors)
    assert took_s < 4, "streams are ended, not waited for until the grace is over"
    async with running(settings) as audit:
        for recorder in recorders:
            stored = len((await audit.replay(recorder.session)).chunks)
            assert recorder.acked <= stored <= 20
