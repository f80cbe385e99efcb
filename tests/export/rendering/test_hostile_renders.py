"""Hostile recordings: nothing leaves the browser, nothing is read from the disk, nothing runs."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
import threading
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from browser import hostile
from browser.chromium import launched
from browser.rrweb_events import click, element, opened
from export.rendering.sessions import Session, tools

from services.export.rendering import browser as browser_module
from services.export.rendering.browser import browser
from services.export.rendering.model import Limits, Overlay, VideoOptions
from services.export.rendering.page import render_page
from services.export.rendering.page_files import PageFiles
from services.export.rendering.processes import guarded
from services.export.rendering.renderer import render_video

START_MS = 1_750_000_000_000
SETTLE_S = 1.0
"""Time in which forbidden effects could happen after the last picture."""


@pytest_asyncio.fixture
async def elsewhere():
    async with hostile.elsewhere() as server:
        yield server


@pytest.fixture(params=["without a network", "with a network"])
def isolation(request, monkeypatch):
    """The browser alone must hold, too, where the system gives no network namespace."""
    if request.param == "with a network":
        monkeypatch.setattr(browser_module, "guarded", partial(guarded, has_network=True))
    return request.param


class Trap:
    """A file that notices when it is opened: a FIFO that everyone may read."""

    def __init__(self, folder):
        self.path = folder / "secret"
        os.mkfifo(self.path)
        self.path.chmod(0o666)
        folder.chmod(0o777)
        self.was_read = threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self):
        with self.path.open("wb"):
            self.was_read.set()

    def close(self):
        # Lets the thread end.
        os.close(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))


@pytest.fixture
def trap():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        assert Path("/tmp").stat().st_mode & stat.S_IXOTH
        found = Trap(Path(folder))
        yield found
        found.close()


def session(home):
    return Session([*opened(START_MS, f"{home}/", hostile.nodes(home)), *hostile.later(START_MS, home)])


async def test_nothing_leaves_and_nothing_runs(isolation, elsewhere, tmp_path):
    recording = session(elsewhere.url)
    made = await render_video(
        recording.recording, recording.stream(), VideoOptions(overlay=Overlay()), tmp_path, tools()
    )
    await asyncio.sleep(SETTLE_S)
    assert elsewhere.reached == []
    assert made.duration_ms == 3_000
    assert made.missing.pictures > 0


async def test_no_script_of_a_recording_runs(isolation, elsewhere, tmp_path):
    recording = session(elsewhere.url)
    found = tools()
    limits = Limits()
    async with browser(found.browser, tmp_path, limits, can_step=True) as running:
        async with render_page(running, PageFiles(found.pages), (1280, 720), 100) as page:
            chunks = []
            for chunk in recording.chunks:
                chunks.append((_spooled(chunk), chunk.payload))
            await page.enter(chunk.window_id, chunks, START_MS)
            for offset_ms in range(0, 3_000, 100):
                await page.step(START_MS + offset_ms)
                await page.shot()
            seen = await page._send(
                "Runtime.evaluate",
                expression="""(() => {
                    const page = document.querySelector(".stage iframe").contentDocument;
                    return [typeof __ran, typeof HOME, typeof page.defaultView.__ran, page.images.length > 3,
                        location.href].join();
                })()""",
            )
    assert seen["result"]["value"] == "undefined,undefined,undefined,true,https://render.invalid/render.html"


def _spooled(chunk):
    from services.export.rendering.spool import Spooled

    return Spooled(
        chunk.window_id, chunk.seq, chunk.first_ms, chunk.last_ms, chunk.has_full_snapshot, chunk.is_gzip, 0, 0
    )


def naming(address):
    """A page that names a file in every way that loads one."""
    return [
        element(10, "img", {"src": address}),
        element(11, "iframe", {"src": address}),
        element(12, "object", {"data": address}),
        element(13, "embed", {"src": address}),
        element(14, "link", {"rel": "stylesheet", "href": address}),
        element(15, "video", {"src": address, "autoplay": ""}),
        element(16, "style", {"_cssText": f"@import url({address}); p {{ background: url({address}) }}"}),
        element(17, "p", {}),
    ]


async def test_the_page_would_read_files(trap, tmp_path):
    """Without this the next test might show only that the page is harmless."""
    page = tmp_path / "page.html"
    page.write_text(f"<img src='{trap.path.as_uri()}'>")
    async with launched() as chromium:
        tab = await chromium.new_page()
        await tab.goto(page.as_uri())
        assert await asyncio.to_thread(trap.was_read.wait, 20)


async def test_nothing_is_read_from_the_disk(isolation, trap, tmp_path):
    body = naming(trap.path.as_uri())
    events = [*opened(START_MS, trap.path.as_uri(), body), click(START_MS + 1_000)]
    recording = Session(events)
    await render_video(recording.recording, recording.stream(), VideoOptions(), tmp_path, tools())
    assert not trap.was_read.wait(SETTLE_S)


async def test_the_browser_has_a_user_and_a_sandbox(tmp_path):
    """Where this process is root, the browser is not."""
    import psutil

    found = tools()
    async with browser(found.browser, tmp_path, Limits(), can_step=True) as running:
        async with render_page(running, PageFiles(found.pages), (640, 480), 100):
            ours = psutil.Process(running.pid).children(recursive=True)
            chromium = [one for one in ours if "chrom" in one.name()]
            assert len(chromium) >= 3
            assert all("--no-sandbox" not in one.cmdline() for one in chromium)
            if os.getuid() == 0:
                assert all(one.uids().effective != 0 for one in chromium)
            drawing = next(one for one in chromium if "--type=renderer" in one.cmdline())
            status = await asyncio.to_thread(Path(f"/proc/{drawing.pid}/status").read_text)
            assert "Seccomp:\t2" in status
            assert _network_of(chromium[0].pid) != _network_of(os.getpid())


def _network_of(pid):
    return Path(f"/proc/{pid}/ns/net").readlink()
