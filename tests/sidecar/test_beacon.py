"""POST /record as browsers send it: Chromium's sendBeacon and fetch from a page of another origin."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from sidecar.wire import delimited
from tests.browser.chromium import PATIENCE_MS, launched
from tests.sidecar.conftest import WindowMessages

PAGE = '<!doctype html><meta name="referrer" content="{}"><title>A recorded page</title>'
BODY = """([token, messages, type]) => {
    const bytes = Uint8Array.from(atob(messages), (char) => char.charCodeAt(0));
    return new Blob([`Bearer ${token}\\n`, bytes], { type });
}"""


@asynccontextmanager
async def recorded_page(referrer_policy=""):
    """Serves a page on an origin that the project "demo" allows; gives it open in Chromium."""

    async def show(_request):
        return web.Response(text=PAGE.format(referrer_policy), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0)
    await site.start()
    try:
        async with launched() as browser:
            page = await browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            await page.goto(f"http://localhost:{runner.addresses[0][1]}/")
            yield page
    finally:
        await runner.cleanup()


async def send(rig, page, recorder, how, *, mime="text/plain"):
    """Sends a recording from `page`; returns the result of `how` there."""
    messages = delimited.join([recorder.start(), recorder.chunk(1), recorder.chunk(2), recorder.end(2)])
    given = [rig.token("record"), base64.b64encode(messages).decode(), mime]
    return await page.evaluate(f"async ([url, given]) => {{ const body = ({BODY})(given); {how} }}", [rig.url, given])


def preflights(rig):
    return rig.metric("requests_total", route="unmatched", status="204")


@pytest.mark.parametrize("policy", ["strict-origin-when-cross-origin", "no-referrer"])
async def test_a_beacon_needs_no_preflight_and_is_stored(rig, policy):
    """Also from a page with a no-referrer policy: Chromium sends its Origin all the same."""
    recorder = WindowMessages()
    async with recorded_page(policy) as page:
        assert await send(rig, page, recorder, "return navigator.sendBeacon(url + '/record', body);") is True
        await rig.until(lambda: rig.metric("requests_total", route="/record", status="200") == 1)
    assert preflights(rig) == 0
    key = ("demo", recorder.session_id, recorder.window_id)
    assert [chunk.seq for chunk in rig.audit.chunks[key]] == [1, 2]


async def test_a_fetch_that_outlives_its_page_may_read_the_answer(rig):
    async with recorded_page() as page:
        how = "const answer = await fetch(url + '/record', {method: 'POST', body, keepalive: true});"
        assert await send(rig, page, WindowMessages(), f"{how} return answer.status;") == 200
    assert preflights(rig) == 0


async def test_another_content_type_is_preflighted_and_allowed(rig):
    async with recorded_page() as page:
        how = "const answer = await fetch(url + '/record', {method: 'POST', body});"
        assert (
            await send(rig, page, WindowMessages(), f"{how} return answer.status;", mime="application/x-protobuf")
            == 200
        )
    assert preflights(rig) == 1
