"""Kills of a worker, its browser and its ffmpeg in mid-video: the export ends once, whole, and nothing is left."""

from __future__ import annotations

import asyncio
import random
import signal
import tempfile
from pathlib import Path

import psutil
import pytest
from export.rendering.sessions import tools
from export.rendering.test_guardian import are_gone
from support.export import DONE, MP4, RUNNING, WorkerProcess, eventually, export_service, worker_process

from .test_formats import ago, record
from .test_videos import endless

VICTIMS = ("worker", "browser", "worker", "ffmpeg")


@pytest.fixture
def settings(export_settings):
    tools()
    limits = {"lease_s": 2.0, "retry_s": 0.1, "max_attempts": 20}
    return export_settings.model_copy(update={"export": export_settings.export.model_copy(update=limits)})


@pytest.fixture
def temporary(monkeypatch):
    """The workers' directory for temporary files, which the browser's user can reach, and no other test uses."""
    with tempfile.TemporaryDirectory(prefix="ai-renders-", dir="/tmp") as name:
        Path(name).chmod(0o711)
        monkeypatch.setenv("TMPDIR", name)
        yield Path(name)


def drafts(settings):
    """Files of renderings that have not ended."""
    return list((settings.data_dir / "exports" / "scratch").glob("*/*/.rendering-*"))


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


async def drawn(exports, export, frames):
    """Returns once a number of frames is done."""

    async def is_so():
        found = await exports.get(export.export_id)
        return found.state == DONE or found.progress.done_count >= frames

    await eventually(is_so)


@pytest.mark.campaign
@pytest.mark.chaos
@pytest.mark.timeout(7_200)
async def test_a_video_ends_once_whatever_is_killed(settings, mint, audit, tmp_path, temporary, campaign_rounds):
    log = tmp_path / "worker.log"
    session, _ = await record(audit, [[endless(ago(3_600), length_ms=8_000)]])
    content = {"video": {"keep_pauses": True, "width": 640}}
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
                if number % len(VICTIMS):
                    await drawn(exports, export, chance.randrange(1, 40))
                else:
                    await asyncio.sleep(chance.uniform(0, 2.5))  # also at the start of the browser, and at the end
                tree = psutil.Process(worker.process.pid).children(recursive=True)
                killed_drawing += 0 < (await exports.get(export.export_id)).progress.done_count < 80
                if victim == "worker":
                    await worker.stop(signal.SIGKILL)

                    async def is_tidy(tree=tree):
                        return are_gone(tree) and drafts(settings) == [] and list(temporary.iterdir()) == []

                    await eventually(is_tidy)
                    abandoned = list((settings.data_dir / "exports" / "scratch").iterdir())
                    worker = WorkerProcess(settings, log)
                    await worker.start()

                    async def is_swept(abandoned=abandoned):
                        return not any(path.exists() for path in abandoned)

                    await eventually(is_swept)
                elif (process := program(worker, {"browser": "headless", "ffmpeg": "ffmpeg"}[victim])) is not None:
                    process.kill()
                assert await exports.file(export) == reference, (number, victim)
                ended = await exports.get(export.export_id)
                assert (ended.state, ended.attempt_count <= 2) == (DONE, True), (victim, ended)
                await exports.delete(export.export_id)
            assert killed_drawing > 0
        finally:
            assert await worker.stop() == 0
    assert list(temporary.iterdir()) == []
    root = settings.data_dir / "exports" / "scratch"
    assert [path for path in root.rglob("*") if path.is_file()] == []
