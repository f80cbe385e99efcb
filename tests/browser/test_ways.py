"""Ways through the console: back to the list as it was, filters that stay, addresses without a page."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.async_api import expect

from .player_page import PlayerPage
from .rrweb_events import click, now_ms, opened

pytestmark = pytest.mark.used_browser


async def test_back_from_a_session_keeps_filters_and_place(installation, new_context, sign_in):
    context = await new_context(viewport={"width": 1280, "height": 500})
    page = await context.new_page()
    host = f"back-{uuid.uuid4().hex[:8]}.example"
    for number in range(60):  # more than a page of the list
        start_ms = now_ms() - 3_600_000 + number
        await installation.record([*opened(start_ms, f"https://{host}/"), click(start_ms + 500)])
    await sign_in(page, f"/?page={host}")
    rows = page.get_by_role("row").filter(has=page.get_by_role("link"))
    await expect(rows).to_have_count(50)
    await rows.nth(49).scroll_into_view_if_needed()
    await expect(rows).to_have_count(60)
    chosen = rows.nth(45)
    await chosen.scroll_into_view_if_needed()
    place = await page.evaluate("scrollY")
    assert place > 0
    for go_back in (_by_the_arrow, _by_the_browser):
        await chosen.get_by_role("link").click()
        await PlayerPage(page).until_ready()
        await go_back(page)
        await expect(rows).to_have_count(60)
        await expect(page.get_by_label("Page contains")).to_have_value(host)
        await installation.until(lambda: _is_at(page, place), "the list is where it was")


async def _by_the_arrow(page):
    await page.get_by_role("link", name="All sessions", exact=True).click()


async def _by_the_browser(page):
    await page.go_back()


async def _is_at(page, place):
    return abs(await page.evaluate("scrollY") - place) < 20


async def test_the_arrow_of_a_session_opened_by_its_address_leads_to_all(installation, page, sign_in):
    start_ms = now_ms() - 60_000
    session = await installation.record([*opened(start_ms), click(start_ms + 500)])
    await sign_in(page, f"/sessions/{session}")
    await PlayerPage(page).until_ready()
    await _by_the_arrow(page)
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()


async def test_a_filter_toggled_while_typing_is_kept(installation, page, sign_in):
    await sign_in(page, "/")
    field = page.get_by_label("Page contains")
    await field.press_sequentially("shop")
    await page.get_by_label("Errors").check()
    await page.get_by_label("Rage clicks").check()
    await expect(page).to_have_url(re.compile("page=shop"))
    await expect(page.get_by_label("Errors")).to_be_checked()
    await expect(page.get_by_label("Rage clicks")).to_be_checked()
    await expect(field).to_have_value("shop")
    # A space at the end is kept: more may be typed.
    await field.press("End")
    await field.press_sequentially(" ex")
    await expect(page).to_have_url(re.compile(r"page=shop(\+|%20)ex"))
    await expect(field).to_have_value("shop ex")


async def test_hover_texts_of_the_list_are_on_top(installation, page, sign_in):
    start_ms = now_ms() - 60_000
    session = await installation.record([*opened(start_ms), click(start_ms + 500)])
    await sign_in(page, "/")
    row = page.get_by_role("row").filter(has=page.locator(f"a[href='/sessions/{session}']"))
    cell = row.locator("td[title*='active']")
    titled = await cell.evaluate(
        """(cell) => {
          const { left, top, width, height } = cell.getBoundingClientRect();
          return document.elementFromPoint(left + width / 2, top + height / 2).closest("[title]")?.title ?? "";
        }"""
    )
    assert "active" in titled
    # It is still a part of the row, which leads to the session.
    await cell.click()
    await page.wait_for_url(f"**/sessions/{session}")


async def test_an_address_without_a_page(installation, page, context, sign_in, guard):
    guard.allow("404")
    for path in ("/nonsense", "/sessions/a/b", "/live/a/b/c"):
        response = await page.goto(f"{installation.url}{path}")
        assert response.status == 404
        await expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        await expect(page.get_by_text("Afterimage").first).to_be_visible()
    await sign_in(page, "/nonsense")
    await expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    await expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    # Programs get the plain answer.
    answer = await context.request.get(f"{installation.url}/nonsense", headers={"Accept": "application/json"})
    assert answer.status == 404
    assert "<html" not in await answer.text()


@pytest.mark.used_browser(False)  # the page is in no cache
async def test_a_page_that_cannot_be_loaded_without_a_network(installation, page, context, sign_in, guard):
    guard.allow("ERR_|[Ff]ailed|offline|network|preload CSS")
    await sign_in(page, "/")
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    await context.set_offline(True)
    await page.get_by_role("link", name="Heatmap").click()
    await expect(page.get_by_role("alert")).to_contain_text("You are offline")
    await expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
