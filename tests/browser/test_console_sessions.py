"""Signing in, and the list of sessions, in a real browser."""

from __future__ import annotations

import pytest
from audit.service import gather_bounded
from playwright.async_api import expect

from .installation import follow_sign_in
from .rrweb_events import click, now_ms, opened, rage

pytestmark = pytest.mark.used_browser


async def test_signing_in_by_hand(installation, page):
    await page.goto(f"{installation.url}/heatmap")
    await page.wait_for_url("**/signin?next=%2Fheatmap")
    await page.get_by_label("Token").fill(installation.token("view", subject="ana"))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/heatmap")
    await expect(page.get_by_text("ana", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url("**/signin**")
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_token_in_the_fragment_leaves_the_address(installation, page):
    token = installation.token()
    await page.goto(f"{installation.url}/signin#token={token}")
    await page.wait_for_url(f"{installation.url}/signin")
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{installation.url}/")
    await page.go_back()
    addresses = await page.evaluate("[location.href, document.referrer, history.length]")
    assert token not in str(addresses)
    # It is kept for this tab only.
    other = await page.context.new_page()
    await other.goto(f"{installation.url}/")
    await other.wait_for_url("**/signin")


async def test_a_link_signs_nobody_in_without_a_click(installation, page):
    await page.goto(installation.sign_in_url(subject="mallory"))
    asked = "This link signs you in as mallory in project demo. Continue only if you know its maker."
    await expect(page.get_by_role("status")).to_have_text(asked)
    assert await page.evaluate("sessionStorage.length") == 0
    assert "token" not in page.url
    await page.goto(f"{installation.url}/live")
    await page.wait_for_url("**/signin**")  # still signed out


async def test_a_link_opened_on_the_sign_in_page_itself_signs_in(installation, page):
    await page.goto(f"{installation.url}/signin")
    await expect(page.get_by_label("Token")).to_be_visible()
    await page.goto(installation.sign_in_url(subject="ana"))  # only the fragment differs: nothing is loaded
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{installation.url}/")
    await expect(page.get_by_text("ana", exact=True)).to_be_visible()


async def test_a_link_does_not_change_unseen_who_is_signed_in(installation, page, sign_in):
    await sign_in(page, subject="ana")
    await page.goto(installation.sign_in_url(subject="mallory"))
    await expect(page.get_by_role("status")).to_contain_text("You are signed in as ana in project demo")
    assert "token" not in page.url
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{installation.url}/")
    await expect(page.get_by_text("mallory", exact=True)).to_be_visible()


async def test_a_link_renews_the_account_that_is_signed_in(installation, page, sign_in):
    await sign_in(page, subject="ana")
    await page.goto(installation.sign_in_url(subject="ana"))
    await page.wait_for_url(f"{installation.url}/")
    await expect(page.get_by_text("ana", exact=True)).to_be_visible()


@pytest.mark.catalogue("publishable key", "does not accept")
@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("hello", "not a token"),
        ("pk_demo", "publishable key"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4IiwiZXhwIjoxfQ.c2ln", "expired"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4IiwiZXhwIjo5OTk5OTk5OTk5fQ.c2ln", "does not accept"),
    ],
)
async def test_a_token_that_does_not_hold_is_told_why(token, words, installation, page, guard):
    guard.allow("401")
    await page.goto(f"{installation.url}/signin")
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text(words)


async def test_a_token_that_may_not_look(installation, page, guard):
    guard.allow("403")
    await follow_sign_in(page, installation.sign_in_url("share"))
    await expect(page.get_by_role("alert")).to_contain_text("scope view")


async def test_the_list_is_filtered_by_the_address_and_by_hand(installation, page, sign_in):
    at_ms = now_ms() - 60_000
    mine = await installation.record(
        [*opened(at_ms, "https://filter.example/angry"), *rage(at_ms + 1_000), click(at_ms + 20_000, x=700)],
        actor_id="filter-ana",
    )
    calm = await installation.record(
        [*opened(at_ms, "https://filter.example/calm"), click(at_ms + 3_000)], actor_id="filter-ben"
    )
    await sign_in(page, "/?page=filter.example")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.filter(has_text="filter-ana")).to_contain_text("1 rage click")

    await page.get_by_label("Rage clicks").click()  # is checked once the address has changed
    await expect(page.get_by_label("Rage clicks")).to_be_checked()
    await expect(rows).to_have_count(1)
    await page.wait_for_url("**/?page=filter.example&rage=1")
    await expect(rows.get_by_role("link", name="filter-ana")).to_have_attribute("href", f"/sessions/{mine}")
    await page.reload()
    await expect(rows).to_have_count(1)

    await page.get_by_role("button", name="Clear").click()
    await page.get_by_label("Visitor").fill("filter-ben")
    await expect(rows).to_have_count(1)
    await expect(rows.get_by_role("link", name="filter-ben")).to_have_attribute("href", f"/sessions/{calm}")
    await page.get_by_label("Duration").select_option("1800")
    await expect(page.get_by_role("heading", name="No session matches")).to_be_visible()
    await page.get_by_role("button", name="Remove all filters").click()
    await expect(rows).not_to_have_count(0)
    assert page.url == f"{installation.url}/"


async def test_more_sessions_come_as_one_scrolls(installation, page, sign_in):
    at_ms = now_ms() - 600_000
    each = (opened(at_ms + number, "https://many.example/") for number in range(70))
    many = [installation.record(chunk, actor_id=f"many-{number}") for number, chunk in enumerate(each)]
    await gather_bounded(10, many)
    await sign_in(page, "/?page=many.example&order=oldest")
    rows = page.locator("tbody tr")
    await expect(rows.first).to_contain_text("many-0")
    await page.mouse.wheel(0, 20_000)
    await expect(rows).to_have_count(70)
    await expect(page.get_by_text("70 sessions in total")).to_be_visible()


async def test_a_live_session_is_shown_as_such(installation, page, sign_in):
    await installation.record(opened(now_ms() - 2_000, "https://live.example/"), actor_id="live-zoe", finish=False)
    await sign_in(page, "/?actor=live-zoe")
    await expect(page.locator("tbody tr")).to_contain_text("Live")


async def test_a_row_is_opened_by_keyboard(installation, page, sign_in):
    await sign_in(page)
    await page.locator("tbody tr a").first.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/sessions/*")


async def test_an_address_that_names_no_page(installation, page, sign_in):
    await sign_in(page)
    await page.evaluate("history.pushState(null, '', '/nowhere'); dispatchEvent(new PopStateEvent('popstate'))")
    await expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


async def test_both_themes_and_the_switch(installation, page, sign_in):
    await sign_in(page)
    ground = "getComputedStyle(document.body).backgroundColor"
    switch = page.get_by_role("button", name="Theme:")
    shades = set()
    for _ in ("light", "dark"):
        await switch.click()
        shades.add(await page.evaluate(ground))
    assert len(shades) == 2
    chosen = await page.evaluate(ground)
    await page.reload()
    await expect(switch).to_be_visible()
    assert await page.evaluate(ground) == chosen


async def test_an_empty_project_says_how_to_record(installation, page, sign_in):
    # The installation has sessions: the list is answered as that of a project without any, an empty message.
    await page.route("**/ListSessions", lambda route: route.fulfill(body=b"", content_type="application/proto"))
    await sign_in(page)
    await expect(page.get_by_role("heading", name="Nothing has been recorded yet")).to_be_visible()
    line = f'<script src="{installation.url}/recorder.js" data-key="pk_demo" async></script>'
    await expect(page.get_by_text(line)).to_be_visible()
    await expect(page.get_by_role("link", name="Open the demo shop")).to_have_attribute("href", "/demo/")


@pytest.mark.used_browser(False)  # the files are in no cache
async def test_a_page_whose_files_are_gone(installation, page, sign_in, guard):
    """As in a tab that was opened before Afterimage was updated."""
    guard.allow("ERR_FAILED|dynamically imported|PlayerPage")
    await page.route("**/assets/PlayerPage-*", lambda route: route.abort())
    await sign_in(page)
    await page.locator("tbody tr a").first.click()
    await expect(page.get_by_role("alert")).to_contain_text("was updated since this tab was opened")
    await page.unroute_all()
    await page.get_by_role("button", name="Reload the page").click()
    await expect(page.get_by_role("slider", name="Position")).to_be_visible()
