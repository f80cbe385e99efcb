"""A disk that fills up at random moments: acknowledged chunks are stored, each once, and no read goes unrecorded."""

from __future__ import annotations

import asyncio
import random
import signal
import time
import uuid
from collections import Counter
from contextlib import ExitStack

import grpc
import pytest
from afterimage.audit.v1 import access_event_pb2
from afterimage.audit.v1 import audit_service_pb2 as pb
from audit.service import client, uuid7
from support import clickhouse
from support.audit_process import KillableAuditProcess
from support.ports import free_port
from support.small_disk import SmallDisk, small_disk
from support.wait import PATIENCE_S

from .retrying_recorder import RetryingRecorder, until

DISK_BYTES = 160 << 20
FLOORS = (0, 24 << 20)
LEFT_BYTES = (0, 4_096, 100_000, 700_000, 1_500_000, 4_000_000)
RECORDERS = 4


async def watch(address, token, sessions, seen):
    """Replays sessions again and again; counts in `seen` those that gave out something."""
    async with client(address, token) as opened:
        while True:
            for session in sessions:
                try:
                    parts = await opened.replay(session)
                except grpc.aio.AioRpcError:
                    continue
                seen[session] += any(part.HasField("chunk") for part in parts)
            await asyncio.sleep(0.05)


async def replays_in_trail(opened):
    """Returns the number of replays in the access trail, by session."""
    found, token = Counter(), ""
    while True:
        request = pb.ListAccessEventsRequest(
            actions=[access_event_pb2.ACCESS_ACTION_REPLAY], page_size=1_000, page_token=token
        )
        page = await opened.stub.ListAccessEvents(request, metadata=opened.metadata)
        allowed = access_event_pb2.ACCESS_OUTCOME_ALLOWED
        found.update(uuid.UUID(one.session_id) for one in page.access_events if one.outcome == allowed)
        if not (token := page.next_page_token):
            return found


async def fill_and_recover(disk: SmallDisk, process: KillableAuditProcess, mint, choices: random.Random) -> bool:
    """One round: recorders stream, the disk fills, perhaps the process dies, there is space again. All is there.

    Returns:
        Whether a recorder was refused because the disk is full.
    """
    await process.start()
    begun_ms = 1_000 * (int(time.time()) - 60)
    fleet = [RetryingRecorder(random.Random(choices.random()), begun_ms + number) for number in range(RECORDERS)]
    record, view, admin = mint("record"), mint("view", subject="watcher"), mint("view", "record", "admin")
    doomed = uuid7(begun_ms + 500)
    async with client(process.address, admin) as opened:
        await opened.record(doomed, uuid.uuid4(), [fleet[0]._events(1)])
    recording = [asyncio.create_task(one.run(process.address, record)) for one in fleet]
    seen: Counter = Counter()
    sessions = [doomed, *(one.session for one in fleet)]
    watching = asyncio.create_task(watch(process.address, view, sessions, seen))
    await until(lambda: all(one.acked > 2 for one in fleet))

    disk.fill(choices.choice(LEFT_BYTES))
    await asyncio.sleep(choices.uniform(0, 1.5))
    is_deleted = False
    if choices.random() < 0.5:
        async with client(process.address, admin) as opened:
            request = pb.DeleteSessionsRequest(session_ids=[str(doomed)])
            try:
                await opened.stub.DeleteSessions(request, metadata=opened.metadata, timeout=5)
                is_deleted = True
            except grpc.aio.AioRpcError:
                pass
    if choices.random() < 0.6:
        await process.kill()
        if choices.random() < 0.5:
            disk.empty()
        await process.start()
        await asyncio.sleep(choices.uniform(0, 0.5))
    disk.empty()

    for one in fleet:
        one.finish = True
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*recording)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await process.kill(choices.choice((signal.SIGTERM, signal.SIGKILL)))
    await process.start()
    async with client(process.address, admin) as opened:
        for one in fleet:
            assert await opened.events(one.session) == [event for events in one.chunks for event in events]
            assert (await opened.session(one.session)).session.totals.chunk_count == len(one.chunks)
        if is_deleted:
            with pytest.raises(grpc.aio.AioRpcError, match="not found"):
                await opened.events(doomed)
        entries = await replays_in_trail(opened)
        assert {session: count for session, count in seen.items() if entries[session] < count} == {}
    await process.kill(signal.SIGTERM)
    return any(one.refused for one in fleet)


@pytest.mark.chaos
@pytest.mark.campaign
@pytest.mark.timeout(7_200)
@pytest.mark.catalogue("chdb")
@pytest.mark.parametrize("engine", ["chdb", pytest.param("server", marks=pytest.mark.clickhouse)])
async def test_a_disk_that_fills_up_loses_nothing_that_was_acknowledged(
    tmp_path, settings, mint, campaign_rounds, engine
):
    choices = random.Random(20261129)
    rounds, refused = campaign_rounds(2, 100), 0
    for _ in range(rounds):
        with small_disk(tmp_path / uuid.uuid4().hex, DISK_BYTES) as disk, ExitStack() as stack:
            environment = {
                "AFTERIMAGE_STORAGE__MIN_FREE_BYTES": str(choices.choice(FLOORS)),
                "AFTERIMAGE_INGEST__WORKERS": "0",
                "AFTERIMAGE_CLICKHOUSE__ENGINE": engine,
            }
            if engine == "server":
                environment["AFTERIMAGE_CLICKHOUSE__URL"] = stack.enter_context(clickhouse.server(disk.path / "server"))
            of_disk = settings.model_copy(update={"data_dir": disk.path / "data"})
            refused += await fill_and_recover(
                disk, KillableAuditProcess(of_disk, free_port(), **environment), mint, choices
            )
    assert refused > rounds / 4, "the disk was hardly ever full"
