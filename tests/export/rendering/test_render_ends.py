"""A rendering that is ended in the middle leaves no process and no file, and one clear error."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from browser.rrweb_events import click, element, opened
from export.rendering.sessions import Session, recorded, tools
from export.rendering.test_guardian import are_gone, until
from export.rendering.test_render_video import RED, START_MS, colored
from support.small_disk import small_disk
from support.web import ROOT

from services.export.rendering import browser
from services.export.rendering.browser import PROFILE_PREFIX
from services.export.rendering.errors import Reason, RenderingError
from services.export.rendering.model import Limits, VideoOptions
from services.export.rendering.renderer import render_video

RULES = "@keyframes turn { to { transform: rotate(360deg) } } #a { animation: turn 1s linear infinite; width: 300px }"


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):  # after `tmp_path`, which lies elsewhere
    """A directory for temporary files of this test alone, which the browser's user can reach."""
    with tempfile.TemporaryDirectory(dir=browser._sandbox()[2]) as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield
        monkeypatch.undo()


def endless(seconds=600):
    """A session that takes long to draw: something moves in each frame."""
    body = [element(30, "style", {"_cssText": RULES}), element(31, "div", {"id": "a", "style": "background: red"})]
    body[1]["attributes"]["style"] = "background: red; height: 300px"
    return Session([*opened(START_MS, body=body), click(START_MS + 1_000 * seconds)])


def profiles():
    return list(Path(tempfile.gettempdir()).glob(f"{PROFILE_PREFIX}*"))


def processes():
    return psutil.Process().children(recursive=True)


class Running:
    """A rendering in progress, of which some frames are done.

    Attributes:
        directory: Where its files would be.
        tree: Its processes.
    """

    def __init__(self, directory, **options):
        self.directory = directory
        self._options = options
        self._before = set(processes())

    async def begin(self):
        session = endless()
        is_drawing = asyncio.Event()

        def noted(progress):
            if progress.frames_done > 5:
                is_drawing.set()

        options = VideoOptions(skip_pauses=False)
        self.task = asyncio.create_task(
            render_video(
                session.recording,
                session.stream(),
                options,
                self.directory,
                tools(),
                on_progress=noted,
                **self._options,
            )
        )
        drawing = asyncio.create_task(is_drawing.wait())
        await asyncio.wait((drawing, self.task), return_when=asyncio.FIRST_COMPLETED)
        drawing.cancel()
        self.tree = [one for one in processes() if one not in self._before]
        assert len(self.tree) > 5
        assert profiles()

    def the(self, kind):
        """Returns one of its processes: "browser", "renderer", "gpu-process", "ffmpeg", or a guardian of one."""
        found = []
        for one in self.tree:
            with contextlib.suppress(psutil.NoSuchProcess):  # such as a helper of the browser's start
                found.append((sum(one.cpu_times()[:2]), one.cmdline(), one))
        # A renderer of an earlier tab may be left, without work.
        for _, words, one in sorted(found, key=lambda one: -one[0]):
            if kind.startswith("guardian"):
                if words[3:4] and words[3].endswith("guardian.py") and kind.split()[1] in words[4][:200]:
                    return one
            elif kind in {"browser", "ffmpeg"}:
                name = "chrom" if kind == "browser" else "ffmpeg"
                is_main = not any(word.startswith("--type=") for word in words)
                if words and name in Path(words[0]).name and is_main:
                    return one
            elif f"--type={kind}" in words:
                return one
        raise AssertionError(kind)

    def assert_nothing_left(self):
        until(lambda: are_gone(self.tree))
        assert list(self.directory.iterdir()) == []
        assert profiles() == []


async def test_a_cancelled_rendering_leaves_nothing(tmp_path):
    running = Running(tmp_path)
    await running.begin()
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    running.assert_nothing_left()


async def test_a_rendering_that_is_cancelled_twice_leaves_nothing(tmp_path):
    running = Running(tmp_path)
    await running.begin()
    running.task.cancel()
    await asyncio.sleep(0.01)
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert are_gone(running.tree)  # it has waited for them
    running.assert_nothing_left()


async def test_a_rendering_can_be_cancelled_while_it_starts(tmp_path):
    session, before = endless(), set(processes())
    options = VideoOptions()
    for delay_s in (0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3):
        task = asyncio.create_task(
            render_video(session.recording, session.stream(), options, tmp_path, tools(), limits=Limits())
        )
        await asyncio.sleep(delay_s)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert set(processes()) <= before, delay_s
        assert list(tmp_path.iterdir()) == []
    assert profiles() == []


def test_a_rendering_whose_loop_ends_leaves_nothing(tmp_path):
    """All tasks of the loop are cancelled at once then, also those that the rendering waits with."""
    running = Running(tmp_path)
    asyncio.run(running.begin())
    assert running.task.cancelled()
    assert are_gone(running.tree)
    running.assert_nothing_left()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("browser", Reason.BROWSER_FAILED),
        ("renderer", Reason.BROWSER_FAILED),
        ("ffmpeg", Reason.ENCODER_FAILED),
        ("guardian chrom", Reason.BROWSER_FAILED),
        ("guardian ffmpeg", Reason.ENCODER_FAILED),
    ],
)
async def test_a_killed_process_fails_the_rendering(kind, reason, tmp_path):
    running = Running(tmp_path)
    await running.begin()
    running.the(kind).kill()
    with pytest.raises(RenderingError) as failed:
        await running.task
    assert failed.value.reason is reason
    assert failed.value.may_retry
    running.assert_nothing_left()


async def test_a_browser_that_hangs_fails_the_rendering(tmp_path):
    running = Running(tmp_path, limits=Limits(answer_s=2))
    await running.begin()
    running.the("renderer").suspend()
    with pytest.raises(RenderingError) as failed:
        await running.task
    assert failed.value.reason is Reason.BROWSER_FAILED
    running.assert_nothing_left()


async def test_the_time_is_bounded(tmp_path):
    running = Running(tmp_path, limits=Limits(time_s=20))
    await running.begin()
    with pytest.raises(RenderingError) as failed:
        await running.task
    assert failed.value.reason is Reason.TIME_LIMIT
    running.assert_nothing_left()


async def test_the_memory_is_bounded(tmp_path):
    rows = [element(100 + row, "div", {"class": "x" * 200, "title": str(row)}) for row in range(60_000)]
    session = Session([*opened(START_MS, body=rows), click(START_MS + 60_000)])
    with pytest.raises(RenderingError) as failed:
        await render_video(
            session.recording,
            session.stream(),
            VideoOptions(),
            tmp_path,
            tools(),
            limits=Limits(memory_bytes=150 << 20),
        )
    assert failed.value.reason is Reason.MEMORY_LIMIT
    assert list(tmp_path.iterdir()) == []
    assert profiles() == []


@pytest.mark.parametrize("left_bytes", [4_096, 200_000])
async def test_a_full_disk_is_one_clear_error(left_bytes, tmp_path):
    """Too little for the chunks, and too little for the video."""
    session = recorded("shop-checkout")
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        into = disk.path / "files"
        into.mkdir()
        disk.fill(left_bytes)
        with pytest.raises(RenderingError) as failed:
            await render_video(session.recording, session.stream(), VideoOptions(), into, tools())
        assert failed.value.reason is Reason.DISK_FULL
        assert list(into.iterdir()) == []


WORKER = """
import asyncio, sys
from pathlib import Path
from export.rendering.sessions import tools
from export.rendering.test_render_ends import endless
from services.export.rendering.model import VideoOptions
from services.export.rendering.renderer import render_video

async def main():
    session = endless()
    def noted(progress):
        print(progress.frames_done, flush=True)
    options = VideoOptions(skip_pauses=False)
    await render_video(session.recording, session.stream(), options, Path(sys.argv[1]), tools(), on_progress=noted)

asyncio.run(main())
"""


@pytest.mark.campaign
@pytest.mark.timeout(3_600)
def test_a_killed_worker_leaves_nothing(tmp_path, campaign_rounds):
    """With SIGKILL, at any moment: from the start of the browser on."""
    chance = random.Random(27)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}:{ROOT / 'tests'}"}
    for number in range(campaign_rounds(3, 50)):
        into = tmp_path / str(number)
        into.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", WORKER, into], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        ) as worker:
            ours = psutil.Process(worker.pid)
            if number % 2 == 0:
                assert worker.stdout.readline()
            until(lambda into=into, ours=ours: any(into.iterdir()) and ours.children())
            time.sleep(chance.uniform(0, 1))
            tree = ours.children(recursive=True)
            worker.send_signal(signal.SIGKILL)
            until(lambda tree=tree: are_gone(tree))
            until(lambda into=into: not any(into.iterdir()) and not profiles())
        assert worker.returncode == -signal.SIGKILL


async def test_without_the_programs_it_says_what_to_install(tmp_path):
    from services.export.rendering.tools import find_tools

    session = Session([*colored(START_MS, RED), click(START_MS + 1_000)])
    for missing in ({"browser": "no-such-browser"}, {"ffmpeg": "no-such-ffmpeg"}):
        found = find_tools(tools().pages, **missing)
        assert "install" in found.why_no_video()
        with pytest.raises(RenderingError) as failed:
            await render_video(session.recording, session.stream(), VideoOptions(), tmp_path, found)
        assert failed.value.reason is Reason.UNAVAILABLE
        assert failed.value.message == found.why_no_video()
    assert find_tools(tmp_path).why_no_picture() is not None
