"""The demo shop, recorded by /recorder.js: the stored events are those of the visit."""

from __future__ import annotations

import json

from .recorded import (
    CLICK,
    FULL_SNAPSHOT,
    INPUT,
    META,
    MOUSE_INTERACTION,
    SCROLL,
    recording,
    settled,
    stored,
    window_of,
)
from .replayed import OUTLINE, replayed


async def test_a_visit(installation, page, guard):
    guard.allow("Cannot read properties of undefined")  # the bug of the shop's account page
    guard.allow("500")
    await page.goto(f"{installation.url}/demo/")
    session = await recording(installation, page)
    await page.mouse.move(640, 400)
    await page.mouse.wheel(0, 100)
    await page.wait_for_function("scrollY === 100")
    await page.click('[data-kind="lamp"]')
    await page.goto(f"{installation.url}/demo/checkout.html")
    assert await recording(installation, page) == session
    await page.fill("#full-name", "Grace Murray")
    await page.type("#card", "4111 1111 1111 1111")
    await page.fill("#note", "second door")
    await page.goto(f"{installation.url}/demo/account.html")
    await recording(installation, page)
    await page.click('[data-invoice="LL-2077"]')
    await page.click("#refresh")
    await stored(installation, session, _has_met_the_bugs)
    await settled(installation, page)

    window = await window_of(installation, session)
    assert window.is_whole
    assert [event["data"]["href"] for event in window.of_type(META)] == [
        f"{installation.url}/demo/{name}" for name in ("", "checkout.html", "account.html")
    ]
    clicks = [one for one in window.of_source(MOUSE_INTERACTION) if one["type"] == CLICK]
    assert len(clicks) == 3
    assert any(one["y"] == 100 for one in window.of_source(SCROLL))
    typed = {one["text"] for one in window.of_source(INPUT)}
    assert typed <= {"***", ""}
    assert typed
    assert not any(one["name"].endswith(("/token", "/record")) for one in _requests(window))
    sizes = window.customs("afterimage.page")
    assert sizes
    assert all(one["height"] >= 800 and one["width"] == 1280 for one in sizes)
    for text in ("Grace Murray", "4111", "second door", "ada.lindqvist@example.com"):
        assert text not in json.dumps(window.events)
    got = await installation.audit.session(session)
    assert got.session.recorder_name == "afterimage-web"
    assert got.session.totals.click_count == 3
    assert window.of_type(FULL_SNAPSHOT)
    assert await window_of(installation, session) == window


def _has_met_the_bugs(window):
    """Whether the last page is recorded with its error, and with its request that fails."""
    errors = [one for one in window.plugin("rrweb/console@1") if one["level"] == "error"]
    return (
        len(window.of_type(META)) >= 3
        and any("Cannot read properties of undefined" in json.dumps(one) for one in errors)
        and any(one["status"] == 500 and "/demo/api/orders" in one["name"] for one in _requests(window))
    )


def _requests(window):
    return [one for batch in window.plugin("rrweb/network@1") for one in batch["requests"]]


async def test_the_replay_ends_as_the_page_did(installation, page, new_context):
    await page.goto(f"{installation.url}/demo/product.html?id=harbour")
    session = await recording(installation, page)
    await page.select_option("#quantity", "2")
    await page.click("#add")
    await page.wait_for_selector(".toast")
    await page.click('nav a[href="cart.html"]')
    await recording(installation, page)
    await page.click('[data-step="1"]')
    await page.click('[data-step="1"]')
    await page.click('[data-step="-1"]')
    await settled(installation, page)
    shown = await page.evaluate(f"JSON.stringify(({OUTLINE})(document))")
    assert "Harbour table lamp" in shown

    window = await window_of(installation, session)
    assert await replayed(await new_context(), window.events) == json.loads(shown)
