"""Visitors that leave without a word, with the default settings: a closed tab, a killed browser, a killed sidecar."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager, suppress

import psutil
import pytest_asyncio
from afterimage.recording.v1 import enums_pb2
from playwright.async_api import Error, async_playwright, expect
from support import web

from . import sites
from .chromium import ARGUMENTS, PATIENCE_MS, executable
from .installation import follow_sign_in, installed
from .recorded import recording, settled, status

LIVE, LEFT = enums_pb2.SESSION_STATUS_LIVE, enums_pb2.SESSION_STATUS_LEFT
RAGE = enums_pb2.INTERACTION_KIND_RAGE_CLICK
BROKEN = "ERR_|WebSocket|426|503"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alone(tmp_path_factory):
    """An installation with the default settings of sessions."""
    web.built()
    async with installed(tmp_path_factory.mktemp("alone"), AFTERIMAGE_INGEST__WORKERS="0") as running:
        yield running


async def site(serve, installation):
    """Serves three pages with a button that does nothing; returns the site's address."""
    head = sites.starter(installation.url)
    body = "<h1>Page</h1><button>Buy</button>"
    return await serve({f"/{name}": sites.document(head, body) for name in ("first", "second", "third")})


async def rage(page):
    """Clicks again and again, as the last thing on the page."""
    box = await page.locator("button").bounding_box()
    for _ in range(6):
        await page.mouse.click(box["x"] + 5, box["y"] + 5)


async def found(installation, session, *, is_left):
    """Waits until the rage click is found, and the visitor has left; returns the session."""

    async def look():
        got = await installation.audit.session(session)
        is_found = got.session.totals.rage_click_count == 1
        return got if is_found and (got.session.status == LEFT or not is_left) else None

    return await installation.until(look, "the rage click is found")


def rage_counts(got):
    return [one.count for one in got.markers if one.kind == RAGE]


@asynccontextmanager
async def killable(profile):
    """Yields a page of a browser of its own, and a function that kills the browser."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=executable(), args=ARGUMENTS, timeout=PATIENCE_MS
        )

        def kill():
            for process in psutil.process_iter(["cmdline"]):
                if f"--user-data-dir={profile}" in (process.info["cmdline"] or []):
                    process.kill()

        yield context.pages[0] if context.pages else await context.new_page(), kill
        with suppress(Error):
            await context.close()


async def test_a_closed_tab_is_noticed_and_shown(alone, new_context, serve):
    visitor = await (await new_context()).new_page()
    console = await (await new_context()).new_page()
    await follow_sign_in(console, alone.sign_in_url())
    await console.wait_for_url(lambda address: "/signin" not in address)
    await console.goto(f"{alone.url}/live")
    await visitor.goto(await site(serve, alone) + "/first")
    session = await recording(alone, visitor)
    row = console.locator(f'[data-session="{session}"]')
    await expect(row).to_be_visible()
    await rage(visitor)
    await visitor.close()
    got = await found(alone, session, is_left=True)
    assert rage_counts(got) == [6]
    await expect(row).to_have_count(0)
    await console.goto(f"{alone.url}/?status=left")
    listed = console.get_by_role("row").filter(has=console.locator(f'a[href="/sessions/{session}"]'))
    await expect(listed).to_contain_text("Left")
    await expect(listed).to_contain_text("rage", ignore_case=True)


async def test_a_viewer_learns_that_the_visitor_has_left(alone, new_context, serve):
    visitor = await (await new_context()).new_page()
    console = await (await new_context()).new_page()
    await visitor.goto(await site(serve, alone) + "/first")
    session = await recording(alone, visitor)
    await follow_sign_in(console, alone.sign_in_url())
    await console.wait_for_url(lambda address: "/signin" not in address)
    await console.goto(f"{alone.url}/live/{session}")
    await expect(console.get_by_text("Live", exact=True).last).to_be_visible()
    await visitor.close()
    await expect(console.get_by_text("The visitor has left")).to_be_visible()
    await expect(console.get_by_text("No longer live")).to_be_visible()


async def test_a_killed_browser_is_noticed(alone, serve, tmp_path):
    async with killable(tmp_path / "profile") as (page, kill):
        await page.goto(await site(serve, alone) + "/first")
        session = await recording(alone, page)
        await rage(page)
        await settled(alone, page)
        kill()
        assert rage_counts(await found(alone, session, is_left=True)) == [6]


async def test_a_killed_sidecar_costs_no_finding(alone, page, serve, guard):
    guard.allow(BROKEN)
    await page.goto(await site(serve, alone) + "/first")
    session = await recording(alone, page)
    await rage(page)
    await settled(alone, page)
    await alone.restart("sidecar", number=signal.SIGKILL)
    assert rage_counts(await found(alone, session, is_left=False)) == [6]
    await recording(alone, page)
    await alone.until(lambda: is_live(alone, session), "the visitor is still there")


async def is_live(installation, session):
    return (await installation.audit.session(session)).session.status == LIVE


async def test_pages_and_tabs_leave_the_first_page_and_are_not_departures(alone, context, page, serve):
    url = await site(serve, alone)
    await page.goto(f"{url}/first?from=mail")
    session = await recording(alone, page)
    for name in ("second", "third"):
        await page.goto(f"{url}/{name}")
        assert await recording(alone, page) == session
    other = await context.new_page()
    await other.goto(f"{url}/second")
    assert await recording(alone, other) == session
    await settled(alone, other)
    await page.close()
    await alone.until(lambda: has_left(alone, session), "the first tab is left")
    got = await alone.audit.session(session)
    assert (got.session.first_url, got.session.status, len(got.windows)) == (f"{url}/first", LIVE, 2)
    assert (await status(other))["state"] == "recording"


async def has_left(installation, session):
    return any(window.left for window in (await installation.audit.session(session)).windows)
