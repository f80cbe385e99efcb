"""While a replay plays, scrolled elements are at the places that they had in the page, also when it changes."""

from __future__ import annotations

import gzip
import json

import pytest
import pytest_asyncio

from .player_frame import player_frame
from .rrweb_events import element, opened, text

START_MS = 1_800_000_000_000
CHANGE_MS = START_MS + 500
END_MS = START_MS + 5_000

HTML = 2
BOX = 10
PLACE = "(page) => page.getElementById('box').scrollLeft"


def incremental(at_ms, source, **data):
    return {"type": 3, "timestamp": at_ms, "data": {"source": source, **data}}


def changed(target, attributes):
    return {
        "source": 0,
        "texts": [],
        "attributes": [{"id": target, "attributes": attributes}],
        "removes": [],
        "adds": [],
    }


CHANGES = {
    "an attribute": changed(HTML, {"dir": "ltr"}),
    "a style": {"source": 8, "id": 12, "adds": [{"rule": "html { direction: ltr !important }", "index": 0}]},
}
"""Changes after which the box scrolls from left to right: it is at its beginning then.

Chromium hands over the new position, too. While it scrolls smoothly, it may ignore it: the last place is another one.
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def player(installation, browser):
    context = await browser.new_context(viewport={"width": 800, "height": 600})
    async with player_frame(installation, context) as frame:
        yield frame
    await context.close()


@pytest.mark.parametrize("delay_ms", [0, 40, 200, 400])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_of_the_page_finds_elements_where_they_were(player, change, delay_ms):
    box = element(
        BOX,
        "div",
        {"id": "box", "style": "width: 200px; overflow: auto"},
        element(11, "div", {"style": "width: 600px"}, text(13, "wide")),
        element(12, "style"),
    )
    events = [
        *opened(START_MS, body=[box]),
        incremental(CHANGE_MS, 3, id=BOX, x=-120, y=0),
        {"type": 3, "timestamp": CHANGE_MS + delay_ms, "data": CHANGES[change]},
        {"type": 5, "timestamp": END_MS, "data": {"tag": "end", "payload": {}}},
    ]
    events[1]["data"]["node"]["childNodes"][0]["attributes"]["dir"] = "rtl"
    payload = gzip.compress(json.dumps(events).encode())

    await player.build([payload], START_MS, is_playing=True)
    await player.play_until(END_MS - 200)

    assert await player.evaluate(PLACE) == 0
    assert await player.odd() == []
