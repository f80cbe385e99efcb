"""A client with gRPC's defaults can read everything that is taken in: no message has more than 4 MiB."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from afterimage.recording.v1 import chunk_pb2
from audit.storage import chunk, head, page, window_key
from support.audit_server import (
    GZIP,
    IDENTITY,
    AuditServer,
    audit_settings,
    move,
    new_session,
    now_ms,
    running,
    start_of,
)

from services.audit.app import dialect_for, open_engine
from services.audit.app import now_ms as clock
from services.audit.behaviour.definitions import Interaction
from services.audit.model import InteractionKind, Mark
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.migrations import migrate
from services.runtime.uuid7 import uuid7

MAX_MESSAGE_BYTES = 4 * 1024**2


@asynccontextmanager
async def default_client(audit: AuditServer) -> AsyncIterator[audit_service_pb2_grpc.AuditServiceStub]:
    async with grpc.aio.insecure_channel(audit.address) as channel:
        yield audit_service_pb2_grpc.AuditServiceStub(channel)


def packed_to(size_bytes: int, at_ms: int) -> bytes:
    """gzip of one event, of exactly this size: not compressed."""
    text = random.Random(size_bytes).randbytes(size_bytes // 2 - 1_000).hex()
    event = {"type": 5, "timestamp": at_ms, "data": {"tag": "t", "payload": text}}
    body = json.dumps([event]).encode()
    payload, length = b"", size_bytes - 1_000
    while len(payload) != size_bytes:
        length += size_bytes - len(payload) if payload else 0
        payload = gzip.compress(body.ljust(length), 0, mtime=0)
    return payload


async def test_the_largest_chunk_is_readable_by_default_clients(tmp_path):
    async with running(audit_settings(tmp_path)) as audit, default_client(audit) as stub:
        session = new_session()
        async with audit.recorder(session) as recorder:
            limit = recorder.ready.limits.max_chunk_bytes
            assert limit == MAX_MESSAGE_BYTES - 64 * 1024
            too_large = chunk_pb2.Chunk(seq=1, encoding=GZIP, payload=packed_to(limit + 1, start_of(session)))
            await recorder.write(chunk=too_large)
            assert (await recorder.until("rejected")).reason == pb.REJECT_REASON_TOO_LARGE
            payloads = [packed_to(limit, start_of(session) + seq) for seq in (1, 2)]
            for seq, payload in enumerate(payloads, 1):
                await recorder.write(chunk=chunk_pb2.Chunk(seq=seq, encoding=GZIP, payload=payload))
                await recorder.ack(seq)
            await recorder.send(3, [move(start_of(session) + 9)])
            await recorder.ack(3)
            for follow in (False, True):
                request = pb.ReplaySessionRequest(session_id=session, follow=follow)
                found = []
                async for part in stub.ReplaySession(request, metadata=audit.auth("view")):
                    if part.HasField("chunk"):
                        found.append(part.chunk.payload)
                    if len(found) == 3:
                        break
                assert found[:2] == payloads


async def test_random_bytes_that_are_sent_as_they_are_fit_too(tmp_path):
    """Uncompressed, a chunk is compressed for storage; text of few letters only shrinks."""
    async with running(audit_settings(tmp_path)) as audit, default_client(audit) as stub:
        session = new_session()
        async with audit.recorder(session) as recorder:
            text = gzip.decompress(packed_to(recorder.ready.limits.max_chunk_bytes, start_of(session)))
            await recorder.write(chunk=chunk_pb2.Chunk(seq=1, encoding=IDENTITY, payload=text))
            await recorder.ack(1)
            replay = stub.ReplaySession(pb.ReplaySessionRequest(session_id=session), metadata=audit.auth("view"))
            [payload] = [part.chunk.payload async for part in replay if part.HasField("chunk")]
            assert gzip.decompress(payload) == text


async def test_lists_and_details_fit_a_message_of_the_default_size(tmp_path):
    """Fields at their limits, in characters of three bytes."""
    settings = audit_settings(tmp_path)
    start = now_ms() - 3_600_000
    wide = "€"
    tags = {f"{number:02}{wide * 62}": wide * 256 for number in range(32)}
    keys = [window_key(start + number) for number in range(150)]
    heads = [head(key, tags=tags, user_agent=wide * 512, first_url=f"https://x/{wide * 2_000}") for key in keys]
    url = f"https://shop.example/{wide * 2_000}"
    many = window_key(start, session=uuid7(start))
    found = [
        Interaction(InteractionKind.ERROR, start + number, f"{url}{number}", node_id=1, detail=wide * 500)
        for number in range(1_200)
    ]
    marks = [page(f"{url}{number}", start + number) for number in range(100)]
    marks += [Mark(InteractionKind.ERROR, start + number, wide * 512) for number in range(100)]
    rows = [chunk(many, seq, marks=tuple(marks)) for seq in range(1, 12)]
    rows.append(chunk(many, 12, found=found))
    await _stored(settings, [*heads, head(many)], [*(chunk(key, 1) for key in keys), *rows])

    async with running(settings) as audit, default_client(audit) as stub:
        view = audit.auth("view")

        async def pages(call, request, field):
            items, sizes = [], []
            while True:
                answer = await call(request, metadata=view)
                sizes.append(answer.ByteSize())
                items += getattr(answer, field)
                if not answer.next_page_token:
                    assert max(sizes) < MAX_MESSAGE_BYTES
                    return items, len(sizes)
                request.page_token = answer.next_page_token

        listed, count = await pages(stub.ListSessions, pb.ListSessionsRequest(page_size=500), "sessions")
        assert len({one.session_id for one in listed}) == len(listed) == 151
        assert count > 1
        request = pb.ListInteractionsRequest(session_id=str(many.session), page_size=10_000)
        interactions, count = await pages(stub.ListInteractions, request, "interactions")
        assert len({one.time.ToNanoseconds() for one in interactions}) == len(interactions) == 1_200
        assert count > 1
        listed_pages, _ = await pages(stub.ListPages, pb.ListPagesRequest(page_size=500), "pages")
        assert len({one.page for one in listed_pages}) == len(listed_pages) == 1_200
        answer = await stub.GetSession(pb.GetSessionRequest(session_id=str(many.session)), metadata=view)
        assert answer.ByteSize() < MAX_MESSAGE_BYTES
        assert answer.pages[0].url == f"{url}0"
        assert len(answer.pages) > 100

        watch = stub.WatchSessions(pb.WatchSessionsRequest(), metadata=view)
        seen = set()
        async for update in watch:
            seen |= {one.session_id for one in (*update.snapshot.sessions, update.upsert) if one.session_id}
            if len(seen) == 151:
                break
        watch.cancel()


async def _stored(settings, heads, chunks):
    engine = await open_engine(settings)
    try:
        dialect = dialect_for(settings, engine.version)
        await migrate(engine, dialect)
        store = RecordingStore(engine, dialect, Retention(dialect.retention_days, clock), clock)
        await store.insert(heads, chunks)
    finally:
        await engine.close()
