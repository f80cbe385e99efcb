"""Kills of a worker, its browser and its ffmpeg in mid-video: the export ends once, whole, and nothing is left."""

from __future__ import annotations

import asyncio
import random
import signal

import psutil
import pytest
from export.rendering.sessions import tools
from export.rendering.test_guardian import are_gone
from export.rendering.test_render_ends import profiles
from support.export import DONE, MP4, RUNNING, WorkerProcess, eventually, export_service, worker_process

from .test_formats import ago, record
from .test_videos import endless

VICTIMS = ("worker", "browser", "worker", "ffmpeg")


@pytest.fixture
def settings(export_settings):
    tools()
    limits = {"lease_s": 2.0, "retry_s": 0.1, "max_attempts": 20}
    return export_settings.model_copy(update={"export": export_settings.export.model_copy(update=limits)})


def leftovers(settings):
    """Files of renderings: all in the scratch directories but the locks and the files of other formats."""
    root = settings.data_dir / "exports" / "scratch"
    return [path for path in root.rglob("*") if ".files" in str(path.relative_to(root)) and not path.is_dir()]


def program(worker, name):
    """The main process of the worker's browser or ffmpeg; None: it has not begun, or has ended."""
    try:
        for one in psutil.Process(worker.process.pid).children(recursive=True):
            words = one.cmdline()
            if words and name in words[0] and not any(word.startswith("--type=") for word in words):
                return one
    except psutil.NoSuchProcess:
        pass
    return None


@pytest.mark.campaign
@pytest.mark.chaos
@pytest.mark.timeout(7_200)
async def test_a_video_ends_once_whatever_is_killed(settings, mint, audit, tmp_path, campaign_rounds):
    log = tmp_path / "worker.log"
    session, _ = await record(audit, [[endless(ago(3_600), length_ms=8_000)]])
    content = {"video": {"keep_pauses": True, "width": 640}}
    before = profiles()
    async with export_service(settings, mint) as exports, worker_process(settings, log):
        reference = await exports.file(await exports.of_session(session, MP4, **content))
    chance = random.Random(11)
    killed_drawing = 0
    async with export_service(settings, mint) as exports:
        worker = WorkerProcess(settings, log)
        await worker.start()
        try:
            for number in range(campaign_rounds(4, 50)):
                victim = VICTIMS[number % len(VICTIMS)]
                export = await exports.of_session(session, MP4, **content)
                await exports.until(export.export_id, RUNNING, DONE)
                await asyncio.sleep(chance.uniform(0, 2.5))
                tree = psutil.Process(worker.process.pid).children(recursive=True)
                killed_drawing += 0 < (await exports.get(export.export_id)).progress.done_count < 80
                if victim == "worker":
                    await worker.stop(signal.SIGKILL)

                    async def is_tidy(tree=tree):
                        return are_gone(tree) and leftovers(settings) == [] and profiles() <= before

                    await eventually(is_tidy)
                    worker = WorkerProcess(settings, log)
                    await worker.start()
                elif (process := program(worker, {"browser": "headless", "ffmpeg": "ffmpeg"}[victim])) is not None:
                    process.kill()
                assert await exports.file(export) == reference, (number, victim)
                ended = await exports.get(export.export_id)
                assert (ended.state, ended.attempt_count <= 2) == (DONE, True), (victim, ended)
                await exports.delete(export.export_id)
            assert killed_drawing > 0
        finally:
            assert await worker.stop() == 0
    assert profiles() <= before
    root = settings.data_dir / "exports" / "scratch"
    assert [path for path in root.rglob("*") if path.is_file()] == []
