"""Real recordings in and out again, on both engines; redelivery; seeking."""

from __future__ import annotations

import gzip
import json
import random
import time
import uuid
from collections.abc import AsyncIterator

import grpc
import pytest
from audit.service import AuditCaller, chunk, client, gather_bounded, start, uuid7
from support import recordings
from support.migrated import prepare
from support.wait import PATIENCE_S

from services.audit.app import serve
from services.cli.transfer.formats import to_chunks


@pytest.fixture(params=["chdb", pytest.param("clickhouse", marks=pytest.mark.clickhouse)])
async def audit(request: pytest.FixtureRequest, settings, mint) -> AsyncIterator[AuditCaller]:
    if request.param == "clickhouse":
        house = {
            "engine": "server",
            "url": request.getfixturevalue("clickhouse_url"),
            "database": f"t{uuid.uuid4().hex[:12]}",
            "timeout_s": PATIENCE_S,
        }
        settings = settings.model_copy(update={"clickhouse": settings.clickhouse.model_validate(house)})
    await prepare(settings)
    async with serve(settings) as server, client(server.address, mint("record", "view", "admin")) as opened:
        yield opened


def pieces(events: list[dict], size: int) -> list[list[dict]]:
    return [events[begin : begin + size] for begin in range(0, len(events), size)]


@pytest.mark.campaign
async def test_every_recording_comes_out_as_it_went_in(audit: AuditCaller, catalogue_sample) -> None:
    """Large ones are shortened; with --campaign they are not."""

    async def one(path) -> None:
        events = recordings.shortened(path)
        raw = [json.dumps(event, separators=(",", ":")).encode() for event in events]
        session, window = uuid7(int(min(e["timestamp"] for e in events))), uuid.uuid4()
        chunks = list(to_chunks(raw))
        assert await audit.record(session, window, chunks, imported=True) == len(chunks)
        assert await audit.events(session) == events, path.name
        details = await audit.session(session)
        assert details.session.totals.event_count == len(events)
        assert len(details.pages) == sum(1 for e in events if e["type"] == 4)

    await gather_bounded(8, [one(path) for path in catalogue_sample(recordings.paths(), recordings.sample())])


async def test_every_chunk_delivered_three_times_in_random_order(audit: AuditCaller) -> None:
    events = recordings.events(recordings.SAMPLES / "shop-checkout.json.gz")
    chunks = pieces(events, 9)
    once, thrice = uuid7(int(events[0]["timestamp"])), uuid7(int(events[0]["timestamp"]))
    window = uuid.uuid4()
    await audit.record(once, window, chunks, imported=True)

    rng = random.Random(11)
    left = [seq for seq in range(1, len(chunks) + 1) for _ in range(3)]
    acked = 0
    while acked < len(chunks) or left:
        call = audit.stub.RecordSession(metadata=audit.metadata)
        await call.write(start(thrice, window, imported=True))
        ready = (await call.read()).ready
        acked = max(acked, ready.next_seq - 1)
        # Some of the due chunks in any order (gaps and duplicates among them), then the expected one.
        rng.shuffle(left)
        burst, left = left[:20], left[20:]
        for seq in burst:
            await call.write(chunk(seq, chunks[seq - 1]))
        for seq in range(ready.next_seq, min(ready.next_seq + 4, len(chunks) + 1)):
            await call.write(chunk(seq, chunks[seq - 1]))
        await call.done_writing()
        while (answer := await call.read()) is not grpc.aio.EOF:
            if answer.HasField("ack"):
                acked = answer.ack.through_seq
            else:
                assert answer.rejected.reason == 1, "only gaps may be rejected"
    first, second = await audit.session(once), await audit.session(thrice)
    assert second.session.totals.SerializeToString(deterministic=True) == first.session.totals.SerializeToString(
        deterministic=True
    )
    assert second.session.active_duration == first.session.active_duration
    assert await audit.events(thrice) == events
    assert [p.url for p in second.pages] == [p.url for p in first.pages]


SNAPSHOT = {"type": 2, "data": {"node": {"type": 0, "id": 1, "childNodes": []}, "initialOffset": {"left": 0, "top": 0}}}
META = {"type": 4, "data": {"href": "https://x.example/", "width": 1280, "height": 720}}


async def test_seek_in_two_hours_sends_a_twentieth_and_plays_the_same(audit: AuditCaller) -> None:
    begin = round(time.time() * 1000) - 3 * 3_600_000
    rng = random.Random(2)
    chunks = []
    for second in range(0, 7_200, 10):
        events = [
            {
                "type": 3,
                "timestamp": begin + second * 1000 + n * 90,
                "data": {"source": 0, "t": rng.randbytes(60).hex()},
            }
            for n in range(20)
        ]
        if second % 300 == 0:
            at = begin + second * 1000
            node = {**SNAPSHOT["data"], "node": {**SNAPSHOT["data"]["node"], "text": rng.randbytes(5_000).hex()}}
            events[:0] = [{**META, "timestamp": at}, {**SNAPSHOT, "timestamp": at, "data": node}]
        chunks.append(events)
    session, window = uuid7(begin), uuid.uuid4()
    await audit.record(session, window, chunks)

    whole = await audit.replay(session)
    from google.protobuf.duration_pb2 import Duration

    sought = await audit.replay(session, from_offset=Duration(seconds=119 * 60))
    size = [sum(part.ByteSize() for part in parts) for parts in (whole, sought)]
    assert size[1] < 0.05 * size[0], f"{size[1] / size[0]:.1%}"
    sent = [part.chunk for part in sought if part.HasField("chunk")]
    assert sent[0].has_full_snapshot
    assert sent[0].first_time.ToMilliseconds() == begin + 115 * 60_000
    payloads = {part.chunk.seq: part.chunk.payload for part in whole if part.HasField("chunk")}
    assert [(c.seq, c.payload) for c in sent] == [(seq, payloads[seq]) for seq in range(sent[0].seq, len(chunks) + 1)]
    assert json.loads(gzip.decompress(sent[0].payload))[0]["type"] == 4
    header = sought[0].header
    assert (header.chunk_count, header.payload_bytes) == (len(sent), sum(len(c.payload) for c in sent))
