"""A viewer's browser connects to no machine that a recording names: not by a request, and not in advance.

All of it in a full Chromium: frames and preconnects are not subject to a policy there before the connection is made.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from afterimage.share.v1 import share_service_pb2 as share
from google.protobuf.duration_pb2 import Duration
from playwright.async_api import expect
from support.wait import PATIENCE_S

from services.runtime.uuid7 import uuid7

from . import reaching
from .chromium import launched_as_people_do
from .rrweb_events import now_ms

PATIENCE_MS = PATIENCE_S * 1000
CONNECTING = {
    *("iframe", "upper-case", "shadow-iframe", "srcdoc", "srcdoc-link", "object", "embed", "script"),
    *("link-preconnect", "link-preconnect-cors", "link-many", "shadow-link", "link-prefetch", "link-preload"),
    *("link-modulepreload", "link-stylesheet", "imagesrcset", "speculation-text", "img", "srcset", "source-srcset"),
    *("input", "poster", "video", "svg-image", "svg-xlink", "svg-feimage", "table-background"),
    *("style", "image-set-text", "escaped", "variable", "sheet-import"),
}
"""Things that are sure to connect when nothing prevents it."""


@pytest_asyncio.fixture(loop_scope="session")
async def listener():
    async with reaching.listening() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def chromium(listener, tmp_path):
    async with launched_as_people_do(tmp_path / "profile", listener.rules) as context:
        yield context


async def test_the_page_would_connect(listener, chromium, serve):
    """Without this the tests below might show only that the page is harmless."""
    # It stays where it is, so that there is time for all of them.
    nodes = [node for node in reaching.elements("plain", 100) if node["tagName"] not in {"meta", "base"}]
    home = await serve({"/": reaching.as_page(nodes)})
    page = await chromium.new_page()
    await page.goto(f"{home}/", wait_until="commit")
    expected = {f"plain-{name}" for name in CONNECTING}
    try:
        await listener.until_connected(expected)
    except TimeoutError:
        pytest.fail(f"not tried: {expected - listener.connected}")


async def _player(installation, sign_in, page, _directory):
    session = await installation.record(reaching.recording(now_ms() - 10_000))
    await sign_in(page, f"/sessions/{session}")
    await page.locator("[data-phase=ready]").wait_for()
    await page.keyboard.press("End")


async def _share(installation, _sign_in, page, _directory):
    session = await installation.record(reaching.recording(now_ms() - 10_000))
    request = share.CreateShareLinkRequest(session_id=session, ttl=Duration(seconds=3600))
    made = await installation.share.CreateShareLink(request, metadata=installation.metadata)
    await page.goto(f"{installation.url}/s/{made.token}")
    await page.locator("[data-phase=ready]").wait_for()
    await page.keyboard.press("End")


async def _watched(installation, sign_in, page, _directory):
    session = uuid7(now_ms())
    await installation.record(reaching.recording(now_ms() - 5_000), session=session, finish=False)
    await sign_in(page, f"/live/{session}")


async def _heatmap(installation, sign_in, page, _directory):
    url = f"https://reach.example/page-of-{uuid7(now_ms()).hex[-6:]}"
    await installation.record(reaching.recording(now_ms() - 10_000, url))
    await sign_in(page, f"/heatmap?{urlencode({'page': url})}")
    await page.locator("canvas[role=img]").wait_for()


async def _file(installation, _sign_in, page, directory):
    session = await installation.record(reaching.recording(now_ms() - 10_000))
    path = await installation.export(session, directory / "session.html")
    await page.goto(path.as_uri())
    await page.locator("[data-phase=ready]").wait_for()
    await page.keyboard.press("End")


PLACES = {"player": _player, "share page": _share, "live": _watched, "heatmap": _heatmap, "file": _file}


@pytest.mark.catalogue("player", "live", "file")
@pytest.mark.parametrize("place", PLACES)
async def test_a_recording_connects_to_no_machine(place, installation, listener, chromium, sign_in, serve, tmp_path):
    page = await chromium.new_page()
    await PLACES[place](installation, sign_in, page, tmp_path)
    await _until_all_is_shown(page)
    await _until_connections_are_made(chromium, serve, listener)
    assert listener.connected == {"sentinel", "sentinel-link"}


@pytest.mark.parametrize("place", ["player", "file"])
async def test_a_recording_resolves_no_name(place, installation, sign_in, serve, tmp_path):
    """The listener does not see a name that is looked up without a connection. The browser's own log has it."""
    log = tmp_path / "net-log.json"
    arguments = (f"--log-net-log={log}", "--net-log-capture-mode=Everything")
    async with launched_as_people_do(tmp_path / "profile", *arguments) as chromium:
        page = await chromium.new_page()
        await PLACES[place](installation, sign_in, page, tmp_path)
        await _until_all_is_shown(page)
        sentinel = await serve({"/": _links("sentinel")})
        await (await chromium.new_page()).goto(f"{sentinel}/")
        # The log is written in the order of events: these names are in it after all those that the replay looked up.
        await installation.until(lambda: _names(log) >= {"sentinel-link", "sentinel-dns"}, "the names are looked up")
    assert _names(log) == {"sentinel-link", "sentinel-dns", "sentinel"}


def _names(log):
    return set(re.findall(rf"([a-z0-9-]+)\.{re.escape(reaching.DOMAIN)}", log.read_text(errors="replace")))


async def _until_all_is_shown(page):
    """Waits until the recorded page is rebuilt with all of its changes, and the frame with a recorded document."""
    recorded = page.frame_locator("iframe").frame_locator("iframe")
    await expect(recorded.locator("#end")).to_have_text("Everything", timeout=PATIENCE_MS)
    framed = recorded.locator("body > iframe:not([style])").last.content_frame
    await expect(framed.locator("#framed")).to_have_count(1, timeout=PATIENCE_MS)


async def _until_connections_are_made(chromium, serve, listener):
    """Waits until the browser has connected for a page that was opened later: it connects in this order."""
    home = await serve({"/": _links("sentinel")})
    await (await chromium.new_page()).goto(f"{home}/", wait_until="commit")
    await listener.until_connected({"sentinel", "sentinel-link"})


def _links(name):
    return (
        "<!doctype html>"
        f"<link rel=preconnect href='{reaching.address(f'{name}-link')}'>"
        f"<link rel=dns-prefetch href='{reaching.address(f'{name}-dns')}'>"
        f"<iframe src='{reaching.address(name)}'></iframe>"
    )
