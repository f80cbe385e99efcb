"""The player makes no statement before it has the data, and counts missing files."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from playwright.async_api import expect

from services.runtime.uuid7 import uuid7

from .player_page import PlayerPage
from .rrweb_events import click, element, now_ms, opened, text

pytestmark = pytest.mark.used_browser


async def test_nothing_is_said_about_what_is_not_loaded_yet(installation, page, sign_in):
    start_ms = now_ms() - 60_000
    session = await installation.record([*opened(start_ms), *(click(start_ms + at) for at in (1_000, 40_000))])
    details, chunks, actions = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def held(route, until):
        await until.wait()
        await route.continue_()

    def slow(viewer):
        server = viewer.connect_to_server()

        async def forward(message):
            await chunks.wait()
            viewer.send(message)

        async def close(code, reason):
            await chunks.wait()
            await viewer.close(code=code, reason=reason)

        server.on_message(forward)
        server.on_close(close)

    await sign_in(page, None)
    await page.route("**/GetSession", lambda route: held(route, details))
    await page.route("**/ListInteractions", lambda route: held(route, actions))
    await page.route_web_socket("**/ws/replay", slow)
    await page.goto(f"{installation.url}/sessions/{session}")

    panel = page.get_by_role("tabpanel")
    await expect(panel.get_by_text("Loading the actions")).to_be_visible()
    await expect(page.get_by_text("\N{EN DASH} / \N{EN DASH}")).to_be_visible()
    await expect(page.get_by_role("slider", name="Position")).to_have_attribute("aria-valuetext", "Loading")
    details.set()
    await expect(page.get_by_text("/ 0:40")).to_be_visible()
    await expect(panel.get_by_text("Loading the actions")).to_be_visible()
    await expect(page.get_by_text("Nothing was found")).to_have_count(0)
    for tab in ("Console", "Network"):
        await page.get_by_role("tab", name=tab).click()
        await expect(panel.get_by_text("Reading the recording")).to_be_visible()
    chunks.set()
    await expect(panel.get_by_text("No requests were recorded")).to_be_visible()
    await page.get_by_role("tab", name="Console").click()
    await expect(panel.get_by_text("The page wrote nothing to its console")).to_be_visible()
    await page.get_by_role("tab", name="Activity").click()
    await expect(panel.get_by_text("Loading the actions")).to_be_visible()
    actions.set()
    await expect(page.get_by_role("list", name="Actions of the visitor").get_by_role("button")).not_to_have_count(0)


async def test_actions_that_no_filter_matches_are_not_denied(installation, page, sign_in):
    start_ms = now_ms() - 60_000
    body = [element(10, "button", {}, text(11, "Buy")), element(12, "p", {}, text(13, ""))]
    events = opened(start_ms, body=body)
    for second in (2, 4, 6):
        events.append(click(start_ms + second * 1_000, node=10))
        mutation = {
            "source": 0,
            "texts": [{"id": 13, "value": str(second)}],
            "attributes": [],
            "removes": [],
            "adds": [],
        }
        events.append({"type": 3, "timestamp": start_ms + second * 1_000 + 50, "data": mutation})
    session = await installation.record(events)
    await sign_in(page, f"/sessions/{session}")
    await PlayerPage(page).until_ready()
    rows = page.get_by_role("list", name="Actions of the visitor").get_by_role("button")
    await expect(rows).not_to_have_count(0)
    await page.get_by_label("Only pages, errors and frustration").check()
    await expect(page.get_by_text("Nothing was found in this session")).to_have_count(0)


async def test_missing_files_are_counted_and_the_setting_is_named(installation, page, sign_in, guard):
    guard.allow("Content Security Policy|violates|Refused")
    start_ms = now_ms() - 60_000
    font = "@font-face { font-family: F; src: url(https://fonts.example/f.woff2) } p { font-family: F }"
    body = [
        element(10, "img", {"src": "https://pictures.example/one.png"}),
        element(11, "img", {"src": "https://pictures.example/two.png"}),
        element(12, "img", {"src": "https://pictures.example/two.png"}),
        element(13, "link", {"rel": "stylesheet", "href": "https://pictures.example/sheet.css"}),
        element(14, "style", {}, text(15, font)),
        element(16, "p", {}, text(17, "In a font")),
    ]
    session = await installation.record([*opened(start_ms, body=body), click(start_ms + 8_000)])
    await sign_in(page, f"/sessions/{session}")
    await PlayerPage(page).until_ready()
    line = page.get_by_role("note")
    await expect(line).to_contain_text("2 pictures, 1 font and 1 style sheet are not shown")
    await expect(line).to_contain_text("pictures.example")
    await expect(line).to_contain_text("fonts.example")
    await expect(line).to_contain_text("sidecar.replay_sources")


async def test_a_page_with_all_its_files_has_no_such_line(installation, page, sign_in):
    start_ms = now_ms() - 60_000
    pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
    body = [element(10, "img", {"src": pixel})]
    session = await installation.record([*opened(start_ms, body=body), click(start_ms + 8_000)])
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    await page.keyboard.press("End")
    await expect(page.get_by_role("button", name="Play again")).to_be_visible()
    await expect(page.get_by_role("note")).to_have_count(0)


async def test_the_panel_of_a_live_session_keeps_up_with_the_picture(installation, page, sign_in):
    """New actions come with their chunk, not with the next look every ten seconds."""
    start_ms = now_ms() - 5_000
    session, window = uuid7(start_ms), uuid.uuid4()
    chunks = [[*opened(start_ms, body=[element(10, "h1", {}, text(11, "Before"))])]]
    await installation.record(*chunks, session=session, window=window, finish=False)
    await sign_in(page, None)
    fetched = []
    page.on("request", lambda request: fetched.append(request) if "GetSession" in request.url else None)
    await page.goto(f"{installation.url}/live/{session}")
    await PlayerPage(page).until_ready()
    rows = page.get_by_role("list", name="Actions of the visitor").get_by_role("button", name="Click")
    for count in (1, 2, 3):
        chunks.append([click(now_ms())])
        await installation.record(*chunks, session=session, window=window, finish=False)
        await expect(rows).to_have_count(count)
    # Each row came by a look of its own: a look every ten seconds would have brought several at once, or later.
    assert len(fetched) >= 4


@pytest.mark.catalogue("360")
@pytest.mark.parametrize("width", [360, 414, 768, 1024, 1280, 1920])
async def test_the_panels_tabs_stay_on_one_line(width, installation, new_context, sign_in):
    context = await new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()
    start_ms = now_ms() - 60_000
    session = await installation.record([*opened(start_ms), *(click(start_ms + at * 50) for at in range(400))])
    await sign_in(page, f"/sessions/{session}")
    await PlayerPage(page).until_ready()
    tabs = page.get_by_role("tab")
    if not await tabs.count():
        await page.keyboard.press("p")
    await expect(tabs).to_have_count(4)
    boxes = [await tabs.nth(number).bounding_box() for number in range(4)]
    assert len({round(box["y"]) for box in boxes}) == 1
    assert boxes[-1]["x"] + boxes[-1]["width"] <= width
