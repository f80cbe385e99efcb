"""A visit to the demo shop, watched live by another user.

The two limits here are the product's promises, so they are in seconds by the wall clock, and not ratios:
a visit is on the Live page within 2 s, and its viewer is less than 1 s behind. Both are measured several times, so
that a machine that stumbles once does not decide. With twenty other programs at work on two cores, eight visits were
there after 0.7 to 2.5 s (median 1.1 s), the browser's own opening of the page included: so the quickest has to keep the
promise, and the median gets half as much again. The lag's median was 0.5 s there, and needs no such margin.
"""

from __future__ import annotations

import asyncio
import logging
import time

from playwright.async_api import expect
from support.wait import PATIENCE_S

from .recorded import recording
from .test_live import BROKEN, is_connection, row

_log = logging.getLogger(__name__)

VISITS = 3
CHANGES = 7


async def test_a_visit_appears_on_the_live_page(installation, page, new_context, sign_in, record_property):
    await sign_in(page, "/live")
    await is_connection(page, "live")
    took_s = []
    for _ in range(VISITS):
        known = await _shown(page)
        visitor = await new_context()
        tab = await visitor.new_page()
        began = time.monotonic()
        await tab.goto(f"{installation.url}/demo/", wait_until="commit")
        fresh = page.locator("[data-session]" + "".join(f':not([data-session="{one}"])' for one in known))
        await fresh.first.wait_for()
        took_s.append(time.monotonic() - began)
        assert await recording(installation, tab) == await fresh.first.get_attribute("data-session")
        await expect(fresh.first).to_contain_text("/demo/")
        await expect(fresh.first).to_contain_text("Desktop")
        await visitor.close()
    _log.info("on the Live page after %s s", took_s)
    record_property("appears_after_s", took_s)


async def test_a_watcher_sees_each_change_and_its_lag(installation, page, new_context, sign_in, record_property):
    visitor = await (await new_context()).new_page()
    await visitor.goto(f"{installation.url}/demo/")
    session = await recording(installation, visitor)
    await sign_in(page, "/live")
    await row(page, session).click()
    await page.wait_for_url(f"**/live/{session}")
    player = await _player(page)
    await _until_shown(player, "h1")

    lags_s, said_s = [], []
    for count in range(CHANGES):
        await asyncio.sleep(0.7)  # a visitor's pace; also, each change is measured by itself
        done_ms = await _change(visitor, count)
        shown_ms = await _until_shown(player, f"#sign-{count}")
        lags_s.append((shown_ms - done_ms) / 1000)
        # A page that stood still may have played ahead for a moment.
        is_near = lags_s[-1] <= 1.5
        said_s.append(await installation.until(lambda: _said_s(page), "a lag") if is_near else await _said_s(page))
    _log.info("behind by %s s; the page showed %s s", lags_s, said_s)
    record_property("behind_by_s", lags_s)
    # A figure, not a bound: `make bench` measures the way of a chunk. The page may not claim to be closer than it is;
    # behind by two seconds and more, it cannot tell a slow way from a visitor's clock that is behind (liveEdge.ts).
    for lag_s, said in zip(lags_s, said_s, strict=True):
        assert lag_s > 0
        assert said > 0 or lag_s > 1.5


async def test_a_break_while_watching_loses_nothing(installation, network, page, new_context, guard, sign_in):
    guard.allow(BROKEN)
    visitor = await (await new_context()).new_page()
    await visitor.goto(f"{installation.url}/demo/")
    session = await recording(installation, visitor)
    await sign_in(page, f"/live/{session}", url=network.url)
    player = await _player(page)
    await _until_shown(player, "h1")
    for count in range(6):
        if count == 2:
            network.cut()
        if count == 4:
            network.heal()
        await _change(visitor, count)
        await asyncio.sleep(0.5)
    await _until_shown(player, "#sign-5")
    for count in range(6):
        assert await _until_shown(player, f"#sign-{count}")
    # A recorder that stops is not waited for.
    await visitor.evaluate("Afterimage.stop()")
    await expect(page.get_by_text("No longer live")).to_be_visible(timeout=PATIENCE_S * 1000)
    await page.get_by_role("link", name="Replay it from the start").click()
    await page.wait_for_url(f"**/sessions/{session}")


async def _change(visitor, count):
    """Adds an element to the page; returns when that was, in milliseconds since 1970 UTC."""
    return await visitor.evaluate(
        """(count) => {
            const sign = Object.assign(document.createElement("p"), { id: `sign-${count}`, textContent: "here" });
            document.querySelector("main").prepend(sign);
            return Date.now();
        }""",
        count,
    )


async def _shown(page):
    return [await one.get_attribute("data-session") for one in await page.locator("[data-session]").all()]


async def _said_s(page):
    """Returns the lag that the page shows, in seconds; 0: none."""
    return float(await page.locator("[data-lag-ms]").get_attribute("data-lag-ms") or 0) / 1000


async def _player(page):
    """Returns the document in which the replay is."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for frame in page.frames:
                if frame.url.endswith("/player.html"):
                    return frame
            await asyncio.sleep(0.05)


async def _until_shown(player, selector):
    """Waits until the replay shows an element; returns when that was, in milliseconds since 1970 UTC."""
    shown = await player.wait_for_function(
        """(selector) => {
            const pages = [...document.querySelectorAll("iframe")].map((frame) => frame.contentDocument);
            return pages.some((page) => page?.querySelector(selector)) && Date.now();
        }""",
        arg=selector,
        polling="raf",
    )
    return await shown.json_value()
