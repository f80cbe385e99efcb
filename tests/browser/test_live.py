"""The Live page: sessions in progress, over connections that really break."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from support.wait import opened_before_expiry

from services.runtime.uuid7 import uuid7

from .installation import follow_sign_in
from .rrweb_events import click, now_ms, opened, rage

pytestmark = pytest.mark.used_browser

BROKEN = r"WebSocket connection to|ERR_|Failed to load resource"
"""Messages that a browser itself prints when a connection breaks."""


def row(page, session):
    return page.locator(f'[data-session="{session}"]')


async def is_connection(page, kind):
    await expect(page.locator("[data-connection]")).to_have_attribute("data-connection", kind)


class Visit:
    """A session that is recorded over gRPC, a chunk at a time."""

    def __init__(self, installation, **start):
        self.id = uuid7(now_ms())
        self._installation = installation
        self._start = start
        self._window = uuid7(now_ms())  # any UUID
        self._chunks = []

    async def record(self, *events, finish=False):
        if events:
            self._chunks.append(list(events))
        await self._installation.record(
            *self._chunks, session=self.id, window=self._window, finish=finish, **self._start
        )

    async def end(self):
        await self.record(finish=True)


async def test_a_visit_appears_changes_and_leaves(installation, page, sign_in):
    await sign_in(page, "/live")
    await is_connection(page, "live")
    visit = Visit(installation, actor_id="ada", first_url="https://shop.example/checkout?step=2")
    await visit.record(*opened(now_ms()))
    ours = row(page, visit.id)
    await expect(ours).to_contain_text("ada")
    await expect(ours).to_contain_text("/checkout")
    await expect(ours).to_contain_text("shop.example")
    await expect(ours).to_contain_text("0 clicks")
    await installation.until(lambda: _is_active(ours, visit), "it is active")
    # Whether the clicks were of rage is known once something else follows.
    await visit.record(*rage(now_ms()), click(now_ms() + 5_000, x=900))
    await expect(ours).to_contain_text("11 clicks")
    await expect(ours).to_contain_text("1 rage click")
    # Its duration increases while no data arrives.
    shown = await ours.locator("time").text_content()
    await expect(ours.locator("time")).not_to_have_text(shown)
    await expect(ours).to_have_count(1)
    await visit.end()
    await expect(ours).to_have_count(0)


async def _is_active(ours, visit):
    """Whether a visit is shown as active; if it is not any more, something else happens in it."""
    if "Active now" in await ours.text_content():
        return True
    await visit.record({"type": 5, "timestamp": now_ms(), "data": {"tag": "note", "payload": {}}})
    return False


async def test_a_lost_connection_is_said_and_the_list_is_right_afterwards(installation, network, page, guard, sign_in):
    guard.allow(BROKEN)
    stays, ends, comes = (Visit(installation) for _ in range(3))
    for visit in (stays, ends):
        await visit.record(*opened(now_ms()))
    await sign_in(page, "/live", url=network.url)
    await is_connection(page, "live")
    await expect(row(page, stays.id)).to_have_count(1)
    await expect(row(page, ends.id)).to_have_count(1)

    network.cut()
    await is_connection(page, "reconnecting")
    await expect(page.get_by_text("This is the state at")).to_be_visible()
    await expect(row(page, ends.id)).to_have_count(1)
    await ends.end()
    await comes.record(*opened(now_ms()))
    await stays.record(click(now_ms()))

    network.heal()
    await is_connection(page, "live")
    await expect(row(page, ends.id)).to_have_count(0)
    for visit in (stays, comes):
        await expect(row(page, visit.id)).to_have_count(1)
    await expect(row(page, stays.id)).to_contain_text("1 click")
    await expect(page.get_by_text("This is the state at")).to_have_count(0)
    # And it goes on from there.
    await comes.end()
    await expect(row(page, comes.id)).to_have_count(0)
    await stays.end()


async def test_no_network_is_said(network, context, page, guard, sign_in):
    guard.allow(BROKEN)
    await sign_in(page, "/live", url=network.url)
    await is_connection(page, "live")
    await context.set_offline(True)
    network.cut()
    await is_connection(page, "offline")
    network.heal()
    await context.set_offline(False)  # notifies the page, which does not wait for its next attempt
    await is_connection(page, "live")


@pytest.mark.parametrize("processes", [("sidecar",), ("audit",)])
async def test_a_server_that_restarts(installation, page, guard, sign_in, processes):
    guard.allow(BROKEN)
    visit = Visit(installation)
    await visit.record(*opened(now_ms()))
    await sign_in(page, "/live")
    await expect(row(page, visit.id)).to_have_count(1)
    states = await _states(page)
    await installation.restart(*processes)
    await installation.until(lambda: _has(states, "reconnecting", "live"), "it reconnects")
    await expect(row(page, visit.id)).to_have_count(1)
    await visit.record(click(now_ms()))
    await expect(row(page, visit.id)).to_contain_text("1 click")
    await visit.end()
    await expect(row(page, visit.id)).to_have_count(0)


async def _states(page):
    """Collects the connection's states from now on."""
    seen = []
    await page.expose_function("sawState", lambda state: seen.append(state))  # noqa: PLW0108 - it looks at signatures
    await page.evaluate("""() => {
        const state = document.querySelector("[data-connection]");
        new MutationObserver(() => sawState(state.dataset.connection)).observe(state, { attributes: true });
    }""")
    return seen


def _has(seen, *wanted):
    """Whether the states were there, in that order."""
    found = iter(seen)
    return all(state in found for state in wanted)


async def test_a_token_that_ends_asks_to_sign_in_again(installation, page, guard):
    guard.allow("WebSocket connection to|401")

    async def is_open(ttl_s):
        await page.goto("about:blank")
        token = installation.token(ttl_s=ttl_s)
        await follow_sign_in(page, f"{installation.url}/signin?next=%2Flive#token={token}")
        # It may have expired before the page has looked at it, or before the socket was open.
        known = page.locator('[data-connection="live"], [data-connection="refused"], [role=alert]').first
        kind = await known.get_attribute("data-connection")
        return kind if kind == "live" else None

    assert await opened_before_expiry(is_open) == "live"
    await is_connection(page, "refused")
    link = page.get_by_role("link", name="Sign in again")
    await link.click()
    assert "next=%2Flive" in page.url


async def test_nobody_there_says_what_to_do(page, sign_in):
    await sign_in(page, "/live", project="empty")
    await is_connection(page, "live")
    await expect(page.get_by_role("heading", name="No session is being recorded right now")).to_be_visible()
    await expect(page.get_by_text("as soon as a page with the recorder is opened")).to_be_visible()
