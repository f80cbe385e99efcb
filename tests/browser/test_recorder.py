"""The demo shop, recorded by /recorder.js: what is stored is what happened."""

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
    await settled(installation, page)

    window = await stored(installation, session, lambda one: len(one.of_type(META)) >= 3)
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
    errors = [one for one in window.plugin("rrweb/console@1") if one["level"] == "error"]
    assert any("Cannot read properties of undefined" in json.dumps(one) for one in errors)
    requests = [one for batch in window.plugin("rrweb/network@1") for one in batch["requests"]]
    assert any(one["status"] == 500 and "/demo/api/orders" in one["name"] for one in requests)
    assert not any(one["name"].endswith(("/token", "/record")) for one in requests)
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
