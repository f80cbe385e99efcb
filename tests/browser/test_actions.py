"""The list of actions: one row per action, with failed requests, at any width of the panel."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import expect

from .player_page import PlayerPage
from .rrweb_events import click, element, now_ms, opened, text

pytestmark = pytest.mark.used_browser

LONG = "Download all invoices of all customers in all countries of the last ten years now"
UNCAUGHT = "Uncaught TypeError: x is not a function"


def plugin(at_ms, name, payload):
    return {"type": 6, "timestamp": at_ms, "data": {"plugin": name, "payload": payload}}


def failure(at_ms, message):
    return plugin(at_ms, "rrweb/console@1", {"level": "error", "trace": [], "payload": [json.dumps(message)]})


def request(at_ms, **about):
    entry = {"name": "https://shop.example/api/invoices?page=2", "initiatorType": "fetch", "duration": 12, **about}
    return plugin(at_ms, "rrweb/network@1", {"requests": [entry]})


def visit(start_ms):
    """A visit with one of everything, on one button."""
    body = [element(10, "button", {"id": "download"}, text(11, LONG)), element(12, "p", {}, text(13, ""))]
    answer = {"source": 0, "texts": [{"id": 13, "value": "!"}], "attributes": [], "removes": [], "adds": []}

    def press(at_ms, kind=2):
        return {"type": 3, "timestamp": at_ms, "data": {"source": 2, "type": kind, "id": 10, "x": 60, "y": 20}}

    def answered(at_ms):
        return {"type": 3, "timestamp": at_ms, "data": answer}

    at = start_ms
    return [
        *opened(at, body=body),
        *(press(at + 2_000 + 100 * number) for number in range(8)),
        press(at + 2_101, 4),  # the browser's double clicks in the run
        answered(at + 2_900),
        press(at + 6_000, 7),  # a tap: touch and click
        press(at + 6_090),
        answered(at + 6_100),
        request(at + 7_000, status=500, method="GET"),
        request(at + 7_500, status=500, method="GET"),
        request(at + 8_000, status=200),
        request(at + 8_500, status=0),
        request(at + 9_000, status=0, initiatorType="img", name="https://pictures.example/a.png"),
        press(at + 12_000),
        failure(at + 12_200, UNCAUGHT.removeprefix("Uncaught ")),
        failure(at + 12_201, UNCAUGHT),
        answered(at + 12_300),
        click(at + 20_000),
        answered(at + 20_050),
        click(at + 26_000, x=400),
    ]


async def test_what_belongs_together_is_one_row_and_failed_requests_are_among_them(installation, page, sign_in):
    session = await installation.record(sorted(visit(now_ms() - 60_000), key=lambda event: event["timestamp"]))
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    rows = page.get_by_role("list", name="Actions of the visitor").get_by_role("button")
    await expect(rows.filter(has_text="Request failed: /api/invoices")).to_have_count(1)
    found = [" ".join(row.split()) for row in await rows.all_inner_texts()]
    expected = [
        "Opened /checkout",
        "Rage click: 8 ",
        "Tap",
        r"Request failed: GET /api/invoices 500 \(2 times\)",
        "Request failed: /api/invoices no answer",
        "Click",
        "Error after .*: TypeError: x is not a function",
        "Click",
        "Click",
    ]
    assert len(found) == len(expected), found
    assert [(row, words) for row, words in zip(found, expected, strict=True) if not re.search(words, row)] == []

    # The timeline has the same words.
    await page.get_by_label("Only pages, errors and frustration").check()
    await expect(rows).to_have_count(5)
    mark = await page.locator("[data-mark=error]").first.bounding_box()
    await page.mouse.move(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    await expect(page.get_by_text("500 (2 times)")).to_have_count(2)

    await page.get_by_role("searchbox", name="Contains").fill("failed: GET")
    await expect(rows).to_have_count(1)
    await page.get_by_role("searchbox", name="Contains").fill("SHOP.example/api/inv")
    await expect(rows).to_have_count(2)
    await page.get_by_role("searchbox", name="Contains").fill("nothing of the kind")
    await expect(page.get_by_text("No action matches.")).to_be_visible()
    await expect(page.get_by_text("Nothing was found in this session")).to_have_count(0)


# The panel is the narrowest beside the picture of a small screen, and the widest below it.
@pytest.mark.catalogue("320", "1024")
@pytest.mark.parametrize("width", [320, 414, 768, 1024, 1280, 1920])
async def test_a_row_is_one_line_and_nothing_overlaps(width, installation, new_context, sign_in):
    context = await new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()
    events = visit(now_ms() - 60_000)
    events += [failure(events[0]["timestamp"] + 30_000, "A message without an end. " * 40)]
    session = await installation.record(sorted(events, key=lambda event: event["timestamp"]))
    await sign_in(page, f"/sessions/{session}")
    await PlayerPage(page).until_ready()
    if not await page.get_by_role("tab").count():
        await page.keyboard.press("p")
    rows = page.get_by_role("list", name="Actions of the visitor").get_by_role("button")
    await expect(rows.filter(has_text="Request failed: /api/invoices")).to_have_count(1)
    parts = await rows.evaluate_all(PARTS)
    assert len(parts) >= 9
    for row in parts:
        assert row["height"] == 32, row
        edges = [edge for part in row["parts"] for edge in part]
        assert edges == sorted(edges), row
        assert edges[-1] <= row["right"] + 1, row
        assert edges[-1] <= width, row


PARTS = """(rows) => rows.map((row) => {
    const boxes = [...row.querySelectorAll("span")].filter((part) => part.querySelector("span") === null);
    const shown = boxes.map((part) => part.getBoundingClientRect()).filter(({ width }) => width > 0);
    return {
        words: row.innerText,
        height: row.getBoundingClientRect().height,
        right: row.getBoundingClientRect().right,
        parts: shown.map(({ left, right }) => [Math.round(left), Math.round(right)]),
    };
})"""
