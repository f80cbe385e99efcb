"""One odd event never ends the picture: the player leaves out events that it cannot show, and plays the others."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from support.wait import PATIENCE_S

from .player_page import PlayerPage
from .rrweb_events import click, element, now_ms, opened, text

pytestmark = pytest.mark.used_browser

BODY = [
    element(10, "p", {"id": "p"}, text(11, "first")),
    element(12, "iframe", {"id": "frame"}),
    element(13, "style", {}, text(14, "p { color: red }")),
    element(15, "div", {"id": "box"}),
]
DOCUMENT = {"type": 0, "id": 50, "childNodes": [element(51, "html", {}, element(52, "body", {}, text(53, "inner")))]}


def change(at_ms, source=0, **data):
    return {"type": 3, "timestamp": at_ms, "data": {"source": source, **data}}


def mutation(at_ms, **lists):
    return change(at_ms, **{"texts": [], "attributes": [], "removes": [], "adds": [], **lists})


def words(at_ms, value):
    return mutation(at_ms, texts=[{"id": 11, "value": value}])


def add(parent, node):
    return {"adds": [{"parentId": parent, "nextId": None, "node": node}]}


def event(kind, **fields):
    return lambda at_ms: {"type": kind, "timestamp": at_ms, **fields}


def changed(source=0, **data):
    return lambda at_ms: change(at_ms, source, **data)


def mutated(**lists):
    return lambda at_ms: mutation(at_ms, **lists)


LEFT_OUT = {
    "data that is null": (event(3, data=None), "without data"),
    "no data": (event(3), "without data"),
    "a snapshot that is null": (event(2, data=None), "without data"),
    "a snapshot without a page": (event(2, data={"node": {"type": 0, "id": 1, "childNodes": []}}), "without a page"),
    "an unknown type": (event(99, data={"x": 1}), "does not know"),
    "an unknown source": (changed(77, foo=[1]), "does not know"),
    "an unknown action": (changed(2, type=99, id=10), "wrong type"),
    "lists that are objects": (changed(0, texts={}, adds={}), "wrong type"),
    "a viewport of no size": (changed(4, width=0, height=0), "without a size"),
    "a document on a paragraph": (mutated(**add(10, DOCUMENT), isAttachIframe=True), "outside of a frame"),
    "a document in an element": (mutated(**add(15, element(60, "div", {}, DOCUMENT))), "cannot be built"),
    "a node of an unknown type": (mutated(**add(15, {"type": 17, "id": 60})), "cannot be built"),
    "an element of an unknown parent": (mutated(**add(999, element(60, "div"))), "cannot be in its parent"),
    "an element next to <html>": (mutated(**add(1, element(60, "div"))), "cannot be in its parent"),
    "an element in a text": (mutated(**add(11, element(60, "div"))), "cannot be in its parent"),
    "an attribute by no name": (
        mutated(attributes=[{"id": 10, "attributes": {"a b": "c", "": "d", "title": "e"}}]),
        "cannot be built",
    ),
    "a sheet of another document, at which the Replayer throws": (
        lambda at_ms: [
            mutation(at_ms, **add(12, DOCUMENT)),
            change(at_ms + 1, 15, id=1, styles=[{"styleId": 1, "rules": [{"rule": "b {}"}]}], styleIds=[1]),
            change(at_ms + 2, 15, id=50, styleIds=[1]),
        ],
        "could not be shown",
    ),
}
SHOWN = {
    "missing lists": (changed(0, **add(15, element(60, "b", {"id": "new"}))), "#box > #new"),
    "a tag that cannot be": (mutated(**add(15, element(60, "a<b>", {"id": "new"}))), "#box > div#new"),
    "a custom element by no such name": (
        mutated(**add(15, {**element(60, "section", {"id": "new"}), "isCustom": True})),
        "#box > section#new",
    ),
    "a shadow root where none can be": (
        mutated(**add(15, {**element(60, "a", {"id": "new"}), "isShadowHost": True})),
        "#box > a#new",
    ),
    "an attribute that Chromium does not set": (
        mutated(**add(15, element(60, "b", {"id": "new", "1st": "x", "@click": "y"}))),
        "#box > #new",
    ),
    "a Meta without a snapshot": (
        event(4, data={"width": 1280, "height": 720}),
        "#box",
    ),
}


async def _shown(installation, page, sign_in, odd):
    at = now_ms() - 60_000
    found = odd(at + 400)
    session = await installation.record(
        [
            *opened(at, body=BODY),
            click(at + 100),
            words(at + 200, "before"),
            *(found if isinstance(found, list) else [found]),
            words(at + 500, "still going"),
        ],
        [words(at + 1_000, "the end"), click(at + 1_500)],
    )
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await expect(page.get_by_role("button", name="Play again")).to_be_visible(timeout=PATIENCE_S * 1000)
    return player


async def _is_right(page, player):
    """The page shows its end: as it was played, and after seeks back and forth."""
    await expect(player.recorded.locator("#p")).to_have_text("the end")
    await player.seek_to_part(0.5)
    await expect(player.recorded.locator("#p")).to_have_text("still going")
    await page.keyboard.press("End")
    await expect(player.recorded.locator("#p")).to_have_text("the end")


# Data, wrong types, an element at a wrong place, and an error of the Replayer.
@pytest.mark.catalogue(
    "a snapshot without a page",
    "lists that are objects",
    "an element next to <html>",
    "a sheet of another document, at which the Replayer throws",
)
@pytest.mark.parametrize("name", LEFT_OUT)
async def test_what_cannot_be_shown_is_left_out_and_said(name, installation, page, sign_in):
    odd, reason = LEFT_OUT[name]
    player = await _shown(installation, page, sign_in, odd)
    await _is_right(page, player)
    await page.get_by_role("tab", name="Facts").click()
    facts = page.get_by_role("region", name="Facts")
    await expect(facts.get_by_text(re.compile(f"left out: .*{reason}", re.IGNORECASE))).to_have_count(1)
    await expect(page.locator("[data-mark=odd]")).to_have_count(1)


@pytest.mark.catalogue("missing lists", "a shadow root where none can be")
@pytest.mark.parametrize("name", SHOWN)
async def test_what_can_be_repaired_is_shown(name, installation, page, sign_in):
    odd, selector = SHOWN[name]
    player = await _shown(installation, page, sign_in, odd)
    await _is_right(page, player)
    await expect(player.recorded.locator(selector)).to_have_count(1)
    await expect(page.locator("[data-mark=odd]")).to_have_count(0)


@pytest.mark.catalogue("('wide', 720)")
@pytest.mark.parametrize("size", [(0, 0), (-5, 720), ("wide", 720), (10**9, 720)], ids=str)
async def test_a_page_of_no_size_is_shown_at_a_usual_one(size, installation, page, sign_in):
    at = now_ms() - 60_000
    meta, snapshot = opened(at, body=BODY)
    meta["data"] |= {"width": size[0], "height": size[1]}
    session = await installation.record([meta, snapshot, click(at + 100), words(at + 500, "the end")])
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await expect(player.recorded.locator("#p")).to_have_text("the end", timeout=PATIENCE_S * 1000)
    await expect(player.recorded.locator("#p")).to_be_visible()
    box = await player.recorded.locator("html").bounding_box()
    assert box["width"] > 100
    assert await player.recorded.locator("html").evaluate("() => [innerWidth, innerHeight]") == [1280, 720]


STEPS_BACK = {
    "set back by ten minutes": (-600_000,),
    "set forward by a minute and back": (60_000, -60_000),
    "set back twice": (-600_000, -300_000),
}


@pytest.mark.catalogue("set back twice")
@pytest.mark.parametrize("name", STEPS_BACK)
async def test_a_clock_that_is_set_plays_in_the_order_of_recording(name, installation, page, sign_in):
    at = now_ms() - 1_800_000
    chunks, clock = [opened(at, body=BODY)], at + 500
    for number, step in enumerate((0, *STEPS_BACK[name])):
        clock += step
        steps = [(clock + 200 * n, f"step {number} {n}") for n in range(3)]
        chunks.append([one for at_ms, value in steps for one in (click(at_ms), words(at_ms + 50, value))])
        clock += 600
    session = await installation.record(*chunks)
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await expect(page.get_by_role("button", name="Play again")).to_be_visible(timeout=PATIENCE_S * 1000)
    assert await player.length() <= 5 + 60 * ("forward" in name)
    await page.keyboard.press("End")
    await expect(player.recorded.locator("#p")).to_have_text(f"step {len(STEPS_BACK[name])} 2")
    if "forward" not in name:  # otherwise half of it is a pause of a minute
        await player.seek_to_part(0.5)
        await expect(player.recorded.locator("#p")).to_have_text(re.compile("step [01] [0-2]"))
