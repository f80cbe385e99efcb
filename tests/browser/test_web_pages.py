"""Replays of web pages of every kind are equal to the pages: the visible state of each node, and the picture."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import time
from dataclasses import dataclass

import pytest
import pytest_asyncio
from afterimage.audit.v1 import audit_service_pb2 as pb
from aiohttp import web
from support.wait import PATIENCE_S

from . import sites
from .page_looks import LOOK, differences, pictures_differ
from .player_frame import player_frame
from .recorded import recording, status
from .web_pages import PAGES, SAMPLE

END = "the end of the page"
SIZE = {"width": 800, "height": 600}
SCROLL_MS = 200
"""rrweb hands scroll positions over every 100 ms ..."""
POINTER_MS = 700
"""... and those of the pointer every 500 ms."""
LATE_S = 1
"""Time in which the replay of a page that differs reaches its final state: pictures are decoded."""
LATE_FILE_S = 0.8
"""Time after which a file with a name that begins with "late-" is sent: the first snapshot was taken."""
MOST_LOOKS = 5
"""Times that a page is looked at which still changes meanwhile: it may be animated."""
AT_ONCE = 3
"""Number of visits at a time: most of a visit is spent with waiting."""

BLUR = """() => {
  for (let at = document.activeElement, next; at; at = next) {
    try { next = (at.shadowRoot ?? at.contentDocument)?.activeElement } catch { next = null }
    at.blur();
  }
}"""
"""Script: takes the focus away, which a replay does not have."""


@dataclass(frozen=True)
class Moment:
    """Look of a page at a moment."""

    at_ms: int
    window: str
    look: dict
    picture: bytes


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(installation):
    """The pages, each in a folder of its own."""

    async def answer(request):
        name, _, file = request.match_info["path"].partition("/")
        page = PAGES.get(name)
        if page is None or (file and file not in page.files):
            return web.Response(status=404)
        starter = sites.starter(installation.url, key="pk_clear", canvas=page.canvas)
        if file.startswith("late-"):
            await asyncio.sleep(LATE_FILE_S)
        if file:
            content_type, content = page.files[file]
            text = content.replace("STARTER", starter)
            return web.Response(text=text, content_type=content_type)
        return web.Response(text=page.document(starter), content_type="text/html")

    async with sites.answered(answer) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def player(installation, browser):
    context = await browser.new_context(viewport=SIZE)
    async with player_frame(installation, context) as frame:
        yield frame
    await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visits(request, installation, site, browser):
    """The visits of all pages of this run, some at a time, while others are already compared."""
    names = [item.callspec.params["name"] for item in request.session.items if item.path == request.path]
    some = asyncio.Semaphore(AT_ONCE)

    async def visit(name):
        async with some, asyncio.timeout(PATIENCE_S):
            # Each visitor has their own storage: the session is in it.
            visitor = await browser.new_context(viewport=SIZE)
            try:
                return await _visit(installation, visitor, f"{site}/{name}/", PAGES[name])
            finally:
                await visitor.close()

    running = {name: asyncio.create_task(visit(name)) for name in names}
    yield running
    for task in running.values():
        task.cancel()
    await asyncio.gather(*running.values(), return_exceptions=True)


@pytest.mark.catalogue(*SAMPLE)
@pytest.mark.parametrize("name", PAGES)
async def test_the_replay_is_as_the_page_was(name, visits, player):
    stored, moments = await visits[name]
    differs = PAGES[name].differs
    patience_s = PATIENCE_S / 4 if differs is None else LATE_S
    found = []
    # On the next page, the recorder takes another window if it does not know which chunks of the last one arrived.
    for window in dict.fromkeys(moment.window for moment in moments):
        *earlier, last = [(step, moment) for step, moment in enumerate(moments) if moment.window == window]
        await player.build(stored[window], last[1].at_ms)
        found += await _differences(player, last[1], f"at the end, after step {last[0]}", patience_s)
        for step, moment in reversed(earlier):
            await player.seek(moment.at_ms)
            found += await _differences(player, moment, f"after step {step}", patience_s)
        _, first = [*earlier, last][0]
        await player.build(stored[window], first.at_ms, is_playing=True)
        await player.play_until(last[1].at_ms)
        found += await _differences(player, last[1], f"when played, after step {last[0]}", patience_s)
        found += [f"odd: {report}" for report in await player.odd()]
    _compare(found, differs)


def _compare(found, differs):
    patterns = () if differs is None else differs.found
    unknown = [line for line in found if not any(re.search(pattern, line) for pattern in patterns)]
    assert unknown == [], "\n".join(unknown)
    assert [pattern for pattern in patterns if not any(re.search(pattern, line) for line in found)] == []


async def _visit(installation, visitor, url, web_page):
    """Returns the stored chunks of a visit, by window, and the looks of its page."""
    page = await visitor.new_page()
    await page.goto(url)
    session = await recording(installation, page)
    moments = [await _moment(page, web_page)]
    for step in web_page.steps:
        await (page.evaluate(f"async () => {{ {step} }}") if isinstance(step, str) else step(page))
        await recording(installation, page)
        moments.append(await _moment(page, web_page))
    await page.evaluate("(words) => console.log(words)", END)
    await page.evaluate("Afterimage.stop()")
    await installation.until(lambda: _is_stored(installation, session), "the visit is stored")
    return await _stored(installation, session), moments


async def _moment(page, web_page):
    if not web_page.keeps_pointer:
        await page.mouse.move(790, 590)
    wait_ms = POINTER_MS if web_page.keeps_pointer else SCROLL_MS
    await page.evaluate("(ms) => new Promise((done) => setTimeout(done, ms))", wait_ms)
    await page.evaluate(BLUR)
    window = (await status(page))["windowId"]
    for _ in range(MOST_LOOKS):
        look = await _look(page)
        at_ms = await page.evaluate("Date.now()")
        picture = await page.screenshot(caret="initial")  # hidden by a style otherwise, which would be recorded
        if await _look(page) == look:
            break
    return Moment(at_ms, window, look, picture)


async def _look(page):
    return json.loads(await page.evaluate(f"({LOOK})(document)"))


async def _differences(player, moment, when, patience_s):
    found = []
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        found = differences(moment.look, json.loads(await player.look()))
        found += pictures_differ(moment.picture, await player.picture())
        if not found:
            return []
    return [f"{when}: {line}" for line in found]


async def _is_stored(installation, session):
    windows = await _stored(installation, session)
    return any(END.encode() in gzip.decompress(payload) for payloads in windows.values() for payload in payloads)


async def _stored(installation, session):
    """Returns the chunks of each window."""
    request = pb.ReplaySessionRequest(session_id=session)
    metadata = (("authorization", f"Bearer {installation.token(project='clear')}"),)
    windows = {}
    async for part in installation.audit.stub.ReplaySession(request, metadata=metadata):
        if part.HasField("chunk"):
            windows.setdefault(part.chunk.window_id, []).append(part.chunk.payload)
    return windows
