"""Kills of workers and of Redis in mid-job: each export ends once, whole, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import tempfile
from itertools import chain
from pathlib import Path

import psutil
import pytest
from support.export import (
    DONE,
    QUEUED,
    RUNNING,
    WorkerProcess,
    eventually,
    export_service,
    killable_redis,
    worker_process,
)

from .test_formats import ago, page, record, snapshot, tick


@pytest.fixture(scope="module")
def killed_redis():
    # Not under pytest's own directory: a socket's path may have 107 characters only.
    with tempfile.TemporaryDirectory(prefix="ai-redis-") as directory, killable_redis(Path(directory)) as server:
        yield server


@pytest.fixture
def settings(export_settings, killed_redis):
    limits = {"lease_s": 2.0, "retry_s": 0.1, "max_attempts": 20}
    return export_settings.model_copy(
        update={
            "redis": export_settings.redis.model_copy(update={"url": killed_redis.url, "timeout_s": 1.0}),
            "export": export_settings.export.model_copy(update=limits),
        }
    )


async def a_large_session(audit, chunks=24, chunk_bytes=2_500_000):
    """Records a session that takes a second and more to export."""
    start = ago(600)
    word = "lorem ipsum dolor sit amet " * (chunk_bytes // 270)
    found = [[page(start), snapshot(start)]]
    found += [[tick(start + number * 10 + place, word) for place in range(10)] for number in range(1, chunks)]
    session, _ = await record(audit, [found])
    return session, found


async def made_reference(settings, mint, session, log):
    """Returns the file of an export that nothing disturbed."""
    async with export_service(settings, mint) as exports, worker_process(settings, log):
        return await exports.file(await exports.of_session(session))


def remains(settings) -> list[str]:
    root = settings.data_dir / "exports" / "scratch"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != "lock")


@pytest.mark.campaign
@pytest.mark.chaos
@pytest.mark.timeout(3600)
async def test_each_export_ends_once_whatever_is_killed(settings, killed_redis, mint, audit, tmp_path, campaign_rounds):
    log = tmp_path / "worker.log"
    session, events = await a_large_session(audit)
    reference = await made_reference(settings, mint, session, log)
    assert json.loads(reference) == list(chain(*events))
    rng = random.Random(7)
    killed_running = 0
    async with export_service(settings, mint) as exports:
        worker = WorkerProcess(settings, log)
        await worker.start()
        try:
            for round_number in range(campaign_rounds(3, 50)):
                victim = ("worker", "redis", "redis and its data", "both")[round_number % 4]
                made = [await exports.of_session(session) for _ in range(3)]
                await exports.until(made[0].export_id, RUNNING, DONE)
                await asyncio.sleep(rng.random() * 0.8)
                states = [(await exports.get(export.export_id)).state for export in made]
                killed_running += RUNNING in states
                if victim in {"worker", "both"}:
                    await worker.stop(signal.SIGKILL)
                if victim != "worker":
                    killed_redis.kill()
                    await asyncio.sleep(rng.random())
                    killed_redis.start(keep=victim != "redis and its data")
                if victim in {"worker", "both"}:
                    worker = WorkerProcess(settings, log)
                    await worker.start()
                for export in made:
                    assert await exports.file(export) == reference, (round_number, victim)
                    ended = await exports.get(export.export_id)
                    assert ended.state == DONE
                    assert ended.attempt_count <= 3, (victim, ended)
                    await exports.delete(export.export_id)
            assert killed_running > 0
        finally:
            assert await worker.stop() == 0
        assert remains(settings) == []
        assert {one.state for one in (await exports.list()).exports} <= {DONE, QUEUED}


async def test_an_export_survives_a_redis_that_lost_it(settings, killed_redis, mint, audit, tmp_path):
    session = await audit.record()
    async with export_service(settings, mint) as exports:
        export = await exports.of_session(session)
        await asyncio.sleep(1.0)  # it is in the queue
        killed_redis.kill()
        killed_redis.start(keep=False)
        async with worker_process(settings, tmp_path / "log"):
            await exports.file(export)
        assert (await exports.get(export.export_id)).attempt_count == 1


async def test_exports_are_created_and_cancelled_while_redis_is_away(settings, killed_redis, mint, audit, tmp_path):
    session, _ = await a_large_session(audit, chunks=12)
    async with export_service(settings, mint) as exports, worker_process(settings, tmp_path / "log"):
        running = await exports.of_session(session)
        await exports.until(running.export_id, RUNNING, DONE)
        killed_redis.kill()
        try:
            await exports.cancel(running.export_id) if (await exports.get(running.export_id)).state == RUNNING else None
            waiting = await exports.of_session(session)
            assert (await exports.get(waiting.export_id)).state == QUEUED
        finally:
            killed_redis.start(keep=True)
        await exports.file(waiting)


async def test_a_worker_without_redis_does_not_spin(settings, killed_redis, tmp_path, mint):
    async with export_service(settings, mint), worker_process(settings, tmp_path / "log") as worker:
        process = psutil.Process(worker.process.pid)

        async def works():
            return b"working" in worker.log.read_bytes()

        await eventually(works)
        killed_redis.kill()
        try:
            await asyncio.sleep(1)
            before = process.cpu_times()
            await asyncio.sleep(4)
            after = process.cpu_times()
        finally:
            killed_redis.start(keep=True)
        # saq by itself takes 0.2 to 0.3 of a core: 0.8 s and more.
        assert after.user + after.system - before.user - before.system < 0.5
        assert worker.process.returncode is None
