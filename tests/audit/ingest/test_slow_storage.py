"""Recording while storage is slow or held: bounds, half-written answers, streams that end in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from support.audit_server import (
    GZIP,
    audit_settings,
    move,
    new_session,
    now_ms,
    packed,
    running,
    start_of,
)
from support.wait import PATIENCE_S

from services.audit.access.revocation import Revocations
from services.audit.app import dialect_for, open_engine
from services.audit.behaviour.definitions import BehaviourRules
from services.audit.deletion import Deletion
from services.audit.domain_settings import policies_in_force
from services.audit.ingest.batch_writer import BatchWriter
from services.audit.ingest.open_recordings import Recordings
from services.audit.ingest.process_chunk import InlineProcessor, SentChunk
from services.audit.ingest.recording import Ack, IngestRules, Message, Recording
from services.audit.ingest.stream import record
from services.audit.live.hub import LiveHub
from services.audit.model import ChunkRow, WindowHead, WindowKey
from services.audit.payload import Bounds
from services.audit.privacy.registry import Policies
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention, day_of
from services.audit.storage.schema.migrations import migrate
from services.runtime.errors import Aborted, FailedPrecondition
from services.runtime.link_keys import LinkKeys
from services.runtime.uuid7 import uuid7_ms


class HeldStore(RecordingStore):
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
    space: FreeSpace

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
        store, hub = HeldStore(engine, dialect, Retention({}, now_ms), now_ms), LiveHub()
        space = FreeSpace(engine.disk_usage, 0)
        committer = BatchWriter(store, space, max_batch_bytes=2**30, max_batch_rows=10_000)
        session = UUID(new_session())
        payload = packed([move(uuid7_ms(session), number) for number in range(50)])
        masker = Policies(policies_in_force(settings)).chunk_masker("demo")
        intake = InlineProcessor(lambda _: masker, BehaviourRules())
        rules = IngestRules(Bounds(2**20, 2**20), len(payload) * 10, 2.0, 0.25)
        key = WindowKey("demo", session, uuid4())
        running_committer = asyncio.create_task(committer.run())
        try:
            yield Workshop(store, hub, Recordings(intake, store, committer, hub, space), key, payload, rules, space)
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
        async with asyncio.timeout(PATIENCE_S):
            while taken < 10:  # noqa: ASYNC110 - in threads
                await asyncio.sleep(0.002)
        for _ in range(50):
            await asyncio.sleep(0.002)
        assert 10 <= taken <= 11, "the stream is read up to the bound, and one chunk over it at most"
        assert recording.messages_now() == [], "nothing is acknowledged that is not stored"
        shop.store.open.set()
        async with asyncio.timeout(PATIENCE_S):
            await sending
            await recording.drained()
        assert taken == 100
        assert [message.through_seq for message in recording.messages_now()] == [100]
        assert (await shop.store.resume_point(shop.key)).seq == 100


class SlowContext:
    """The half of gRPC's context that a recorder's stream uses: one write at a time, and each takes a while."""

    def __init__(self) -> None:
        self.writing = False
        self.written: list[Message] = []

    def cancelled(self) -> bool:
        return False

    async def write(self, message: Message) -> None:
        assert not self.writing, "gRPC takes one write at a time"
        self.writing = True
        await asyncio.sleep(0.05)
        self.written.append(message)
        self.writing = False


async def test_a_stream_that_ends_in_the_middle_of_a_write_finishes_it(tmp_path):
    async with workshop(tmp_path) as shop:
        shop.store.open.set()
        recording, context = await shop.begin(), SlowContext()

        async def requests() -> AsyncIterator[SentChunk]:
            yield SentChunk(1, GZIP, shop.payload, 0)
            while not context.writing:  # noqa: ASYNC110 - the ack is on its way, and now the recorder ends
                await asyncio.sleep(0.001)

        await record(recording, requests(), lambda sent: sent, context.write, is_gone=context.cancelled)
        assert context.written == [Ack(1)]
        await shop.recordings.close(recording)


async def test_a_superseded_stream_takes_nothing_in_any_more(tmp_path):
    """Its earlier chunks are stored before the newer stream gets its next seq; later ones are not stored."""
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
        receipt = await Deletion(shop.store, shop.recordings, shop.hub, revocations, shop.space).delete(
            "demo", [shop.key.session]
        )
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
