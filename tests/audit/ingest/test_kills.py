"""Kills: the audit process dies at random moments while recorders stream, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from audit.service import chunk, client, end, start, uuid7
from support import recordings
from support.audit_process import KillableAuditProcess
from support.ports import free_port
from support.wait import PATIENCE_S

from services.audit.app import serve
from services.audit.ingest.log.segment import SECTOR, Segment, end_of, numbers, path_of, read_header
from services.audit.storage.engine.chdb import ChdbEngine

PACE_S = 0.35
"""Between two chunks of a recorder on average: they have more to say than they can while processes are killed."""
SEED = 20261122


@dataclass
class KilledRecorder:
    """A recorder that retries until all chunks are acknowledged and its window has ended."""

    chunks: list
    session: uuid.UUID
    window: uuid.UUID = field(default_factory=uuid.uuid4)
    acked: int = 0
    reconnects: int = 0
    ended: bool = False
    pace_s: float = PACE_S

    async def run(self, server: KillableAuditProcess, token: str) -> None:
        while not self.ended:
            await server.listens.wait()  # a thousand calls without a server would show nothing, and take long
            async with client(server.address, token) as opened:
                try:
                    await self._stream(opened)
                except grpc.aio.AioRpcError as error:
                    if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
                        raise
            if not self.ended:
                self.reconnects += 1
                await asyncio.sleep(random.uniform(0.02, 0.2))

    async def _stream(self, opened) -> None:
        call = opened.stub.RecordSession(metadata=opened.metadata)
        await call.write(start(self.session, self.window))
        first = await call.read()
        if first is grpc.aio.EOF:
            await call.initial_metadata()
            raise grpc.aio.AioRpcError(await call.code(), grpc.aio.Metadata(), grpc.aio.Metadata())
        ready = first.ready
        assert ready.next_seq > self.acked, f"acknowledged {self.acked}, but the server wants {ready.next_seq}"
        self.acked = ready.next_seq - 1

        async def write() -> None:
            for seq in range(ready.next_seq, len(self.chunks) + 1):
                await call.write(chunk(seq, self.chunks[seq - 1]))
                await asyncio.sleep(random.uniform(0, 2 * self.pace_s))
            await call.write(end(len(self.chunks)))

        writing = asyncio.create_task(write())
        try:
            while (answer := await call.read()) is not grpc.aio.EOF:
                assert answer.HasField("ack"), answer
                assert answer.ack.through_seq > self.acked
                self.acked = answer.ack.through_seq
            self.ended = await call.code() is grpc.StatusCode.OK and self.acked == len(self.chunks)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


def _chunks(number: int, begin: int, laps: int) -> list:
    """A recorder's chunks: the events of a real recording, repeated, with increasing times."""
    paths = recordings.paths()[:3]
    events = [e for e in recordings.events(paths[number % len(paths)]) if e["type"] != 2][:120]
    base, found = events[0]["timestamp"], []
    for lap in range(laps):
        shifted = [{**e, "timestamp": begin + lap * 60_000 + (e["timestamp"] - base)} for e in events]
        found += [shifted[at : at + 8] for at in range(0, len(shifted), 8)]
    return found


def leave_a_torn_frame(folder: Path, scratch: Path) -> bool:
    """Leaves some sectors of a frame after the end of a log, as a power cut may; returns whether there is a log."""
    found = numbers(folder)
    if not found:
        return False
    path = path_of(folder, found[-1])
    header = read_header(path)
    end = end_of(path, found[-1], None)
    scratch.mkdir()
    whole = Segment.create(scratch, header, end + 2**16)
    whole.end = end
    whole.write(random.randbytes(random.randrange(1, 2**15)))
    written = range(end, whole.end, SECTOR)
    data = path_of(scratch, found[-1]).read_bytes()
    whole.close()
    torn = random.sample(written, random.randrange(len(written)))
    with path.open("r+b") as file:
        for at in torn:
            file.seek(at)
            file.write(data[at : at + SECTOR])
    shutil.rmtree(scratch)
    return True


@pytest.mark.chaos
@pytest.mark.campaign
@pytest.mark.timeout(3_600)
async def test_kills_lose_nothing_and_repeat_nothing(settings, tmp_path, mint, campaign_rounds) -> None:
    wanted, recorders, laps = campaign_rounds(2, 100), campaign_rounds(6, 20), campaign_rounds(2, 32)
    random.seed(SEED)
    begin = 1_000 * (int(time.time()) - 3_600)
    token = mint("record", "view", ttl_s=7_200)
    fleet = [KilledRecorder(_chunks(number, begin, laps), uuid7(begin + number)) for number in range(recorders)]
    server = KillableAuditProcess(settings, free_port(), AFTERIMAGE_INGEST__WORKERS=str(campaign_rounds(0, 2)))
    await server.start()
    running = [asyncio.create_task(one.run(server, token)) for one in fleet]
    kills = torn = 0
    while kills < wanted:
        before = sum(one.acked for one in fleet)
        async with asyncio.timeout(PATIENCE_S):
            # Workers take longer to start than a life may be.
            while sum(one.acked for one in fleet) == before:  # noqa: ASYNC110 - acks are counted elsewhere
                await asyncio.sleep(0.01)
        await asyncio.sleep(random.uniform(0, 0.9))
        assert not all(task.done() for task in running), f"the recorders were done after {kills} kills"
        await server.kill()
        kills += 1
        if kills % 4 == 1:
            torn += leave_a_torn_frame(settings.data_dir / "log", tmp_path / "torn")
        await server.start()
    for one in fleet:  # no further kills: the rest needs no pace
        one.pace_s = 0.0
    await asyncio.gather(*running)
    await server.kill(signal.SIGTERM)

    assert torn >= wanted // 5
    assert sum(one.reconnects for one in fleet) >= wanted
    # A run without kills, beside it in the same store: another project has the same sessions.
    async with serve(settings) as calm, client(calm.address, mint("record", "view")) as first:
        async with client(calm.address, mint("record", "view", project="other")) as second:
            for one in fleet:
                await second.record(one.session, one.window, one.chunks)
                events = [event for events in one.chunks for event in events]
                assert await first.events(one.session) == events
                shaken, still = await first.session(one.session), await second.session(one.session)
                assert shaken.session.totals == still.session.totals
                assert shaken.session.active_duration == still.session.active_duration
                assert shaken.session.status == still.session.status
                assert [w.last_seq for w in shaken.windows] == [len(one.chunks)]
    engine = await ChdbEngine.open(settings.chdb_path, 1)
    try:
        [(rows, different)] = await engine.query(
            "SELECT count(), uniqExact(session, window, seq) FROM chunks WHERE project = 'demo'"
        )
    finally:
        await engine.close()
    assert different == sum(len(one.chunks) for one in fleet)
    assert rows >= different
