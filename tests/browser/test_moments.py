"""The player shows the moment that is asked for: by the address, and by seeks in any order."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
import uuid

import pytest
import pytest_asyncio
from playwright.async_api import expect
from support import recordings, web
from support.wait import PATIENCE_S

from .player_frame import player_frame
from .player_page import LOOKS, PlayerPage
from .rrweb_events import click, element, now_ms, opened, text

RRWEB = web.WEB / "node_modules" / "@rrweb" / "replay" / "dist" / "replay.umd.min.cjs"
NAMES = {
    "shop-checkout",
    "shop-errors",
    "shop-mobile",
    # Where the shared recordings are.
    "idle-then-active",
    "jsoneditor-edit",
    "sbadmin-multipage",
    "todomvc-backbone",
}
PATHS = {name: path for path in recordings.paths() if (name := path.name.split(".")[0]) in NAMES}
assert len(PATHS) >= 3
CHUNK_MS = 2_000
SLOWEST_MESSAGE_S = 0.05
CPU_RATE = 4
"""Slowdown of the page by Chromium, as that of a small phone."""
PAUSES = "performance.getEntriesByName('afterimage:pause')"
"""JavaScript: all pauses since the page was opened, with their moments."""
QUIET_S = 0.9
"""A pause is skipped a second after its beginning at the earliest, so in this time nothing is."""

# [milliseconds since the picture came, position in seconds], from the first picture on.
SAMPLE_POSITIONS = """
window.positions = [];
setInterval(() => {
  const [first] = performance.getEntriesByName("afterimage:seek");
  const knob = document.querySelector("[role=slider][aria-label=Position]");
  if (first !== undefined && knob !== null) {
    positions.push([performance.now() - first.startTime - first.duration, Number(knob.ariaValueNow)]);
  }
}, 20);
"""


OF_THE_PAGES = r"Blocked (script execution|autofocusing)|violates the following Content|net::ERR_"
"""Chromium prints these of recorded pages: they have no scripts and no servers."""


class Recorded:
    """A recording in the installation."""

    def __init__(self, session, events):
        self.session = session
        self.events = events  # as they are stored
        self.start_ms = min(event["timestamp"] for event in events)
        self.end_ms = max(event["timestamp"] for event in events)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def recorded(installation):
    """Records a sample, or a shared recording where there is any, once: `await recorded("shop-mobile")`."""
    found = {}

    async def record(name):
        if name not in found:
            session = await installation.record(*_chunks(recordings.events(PATHS[name])))
            found[name] = Recorded(session, await installation.audit.events(uuid.UUID(session)))
        return found[name]

    return record


@pytest.mark.campaign
@pytest.mark.timeout(3_600)
async def test_an_address_with_a_moment_opens_there(
    installation, recorded, new_context, sign_in, guard, campaign_rounds
):
    """With a slow network and a slow processor, too: the player stays at its moment while the rest is loaded."""
    guard.allow(OF_THE_PAGES)
    chance = random.Random(14)
    wrong = []
    for number in range(campaign_rounds(2, 200)):
        recording = await recorded(list(PATHS)[number % len(PATHS)])
        offset_s = round(chance.uniform(0, (recording.end_ms - recording.start_ms) / 1000), 1)
        page = await _slow_page(await new_context(), sign_in, chance)
        await page.goto(f"{installation.url}/sessions/{recording.session}?t={offset_s}")
        await installation.until(lambda page=page: _has_played(page), "it has shown its first second")
        [first_ms] = (await _seeks(page))[:1]
        jumped = [
            at_s
            for since_ms, at_s in await page.evaluate("positions")
            if since_ms < QUIET_S * 1000 and not offset_s - 1 <= at_s <= offset_s + 2
        ]
        if jumped or abs(first_ms - recording.start_ms - offset_s * 1000) > 1:
            wrong.append((recording.session, offset_s, first_ms - recording.start_ms, jumped[:3]))
        await page.context.close()
    assert wrong == []


async def _slow_page(context, sign_in, chance):
    def slow(viewer):
        server = viewer.connect_to_server()
        one_by_one = asyncio.Lock()  # which is fair: messages stay in their order

        async def forward(message):
            async with one_by_one:
                await asyncio.sleep(chance.uniform(0, SLOWEST_MESSAGE_S))
                viewer.send(message)

        async def close(code, reason):
            async with one_by_one:
                await viewer.close(code=code, reason=reason)

        server.on_message(forward)
        server.on_close(close)

    async def wait(route):
        await asyncio.sleep(chance.uniform(0, 20 * SLOWEST_MESSAGE_S))
        await route.continue_()

    page = await context.new_page()
    await sign_in(page)
    await page.route("**/ListInteractions", wait)
    await page.route_web_socket("**/ws/replay", slow)
    await page.add_init_script(SAMPLE_POSITIONS)
    devtools = await context.new_cdp_session(page)
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": CPU_RATE})
    return page


async def _has_played(page):
    return await page.evaluate("(ms) => (window.positions ?? []).some(([since]) => since > ms)", QUIET_S * 1000)


async def _seeks(page):
    """Returns the moments of all seeks, in milliseconds since 1970 UTC."""
    return await page.evaluate("performance.getEntriesByName('afterimage:seek').map((entry) => entry.detail)")


@pytest.mark.campaign
@pytest.mark.catalogue("shop-mobile", *({"sbadmin-multipage"} & PATHS.keys()))
@pytest.mark.parametrize("name", PATHS)
async def test_a_seek_shows_the_same_as_a_replay_from_the_start(
    name, installation, recorded, new_context, page, sign_in, guard, campaign_rounds
):
    """Forward and backward, to the start and the end, paused and playing."""
    guard.allow(OF_THE_PAGES)
    chance = random.Random(41)
    truth = await (await new_context()).new_page()
    await truth.add_script_tag(path=RRWEB)
    await sign_in(page)
    recording = await recorded(name)
    await page.goto(f"{installation.url}/sessions/{recording.session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    parts = [0.9, 0, *(chance.random() for _ in range(campaign_rounds(3, 47))), 0.999]
    for number, part in enumerate(parts):
        is_playing = number % 3 == 2 and part < 0.9  # at the end, the button for a pause plays again
        if is_playing:
            await page.keyboard.press("Space")
        await player.seek_to_part(part)
        at_ms = (await _seeks(page))[-1]
        if is_playing:
            pauses = await page.evaluate(f"{PAUSES}.length")
            await player.pause()
            await page.wait_for_function(f"(before) => {PAUSES}.length > before", arg=pauses)
            at_ms = await page.evaluate(f"{PAUSES}.at(-1).detail")
        what = f"at {at_ms - recording.start_ms} ms, after {parts[:number]}, {is_playing=}"
        await _until_shown(player, await _from_the_start(truth, recording, at_ms), what)


async def _until_shown(player, expected, what):
    shown = None
    try:
        async with asyncio.timeout(PATIENCE_S / 4):
            while (shown := _without_hover(await player.shown())) != expected:  # noqa: ASYNC110 - it asks a browser
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"{what}: {_difference(shown, expected)}")


def _without_hover(shown):
    """The pointer moves between events: the Replayer marks the elements below it, which also changes spaces."""
    return {**shown, "html": re.sub(r' class="([^"]*)"', _classes, shown["html"])}


def _classes(attribute):
    classes = [name for name in attribute[1].split() if name != ":hover"]
    return f' class="{" ".join(classes)}"' if classes else ""


def _difference(shown, expected):
    for name, value in shown.items():
        if value != expected[name]:
            one, other = str(value), str(expected[name])
            same = next(at for at in range(len(one) + 1) if one[: at + 1] != other[: at + 1] or at >= len(one))
            part = slice(max(0, same - 60), same + 100)
            return f"{name} is ...{one[part]!r}, and not ...{other[part]!r}"
    return "nothing"


async def _from_the_start(truth, recording, at_ms):
    """Returns the look of a page in rrweb's own Replayer after all events up to a moment, from the first on."""
    first = next(event for event in recording.events if event["type"] == 2)["timestamp"]
    events = [event for event in recording.events if event["timestamp"] <= max(at_ms, first)]
    events = [_resize(event) if event["type"] == 4 and number > 0 else event for number, event in enumerate(events)]
    end = {"type": 5, "timestamp": events[-1]["timestamp"] + 1, "data": {"tag": "end", "payload": {}}}
    await truth.evaluate(
        """(text) => {
          document.body.replaceChildren();
          const events = JSON.parse(text);
          const replayer = new rrwebReplay.Replayer(events, { root: document.body, showWarning: false });
          // It would take the scroll position of a page over into the next one.
          replayer.on("fullsnapshot-rebuilded", () => (replayer.virtualDom.scrollData = null));
          replayer.pause(events.at(-1).timestamp - events[0].timestamp);
        }""",
        json.dumps([*events, end]),
    )
    await truth.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))")
    return _without_hover(await truth.frame_locator("iframe").locator("html").evaluate(LOOKS))


def _resize(meta):
    """The Replayer begins at the last Meta event before a moment; without them it begins with the first event."""
    size = {"source": 4, "width": meta["data"]["width"], "height": meta["data"]["height"]}
    return {"type": 3, "timestamp": meta["timestamp"], "data": size}


async def test_the_start_is_shown_after_a_later_picture(installation, page, sign_in):
    start_ms = now_ms() - 60_000
    events = [*opened(start_ms, body=[element(10, "h1", {}, text(11, "At first"))])]
    # The page took its time from the Meta event to the snapshot.
    events[1]["timestamp"] = start_ms + 400
    events += [_texts(start_ms + 2_000, "Later"), click(start_ms + 8_000)]
    session = await installation.record(events)
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    heading = player.recorded.locator("h1")
    for key, words in (("End", "Later"), ("Home", "At first"), ("End", "Later"), ("0", "At first")):
        await page.keyboard.press(key)
        await expect(heading).to_have_text(words)


async def test_the_old_page_stays_until_the_new_one_has_sent_its_picture(installation, page, sign_in):
    start_ms = now_ms() - 60_000
    second = opened(start_ms + 5_000, body=[element(10, "h1", {}, text(11, "Second page"))])
    second[1]["timestamp"] = start_ms + 7_000
    events = [
        *opened(start_ms, body=[element(10, "h1", {}, text(11, "First page"))]),
        *second,
        click(start_ms + 10_000),
    ]
    session = await installation.record(events)
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    heading = player.recorded.locator("h1")
    for part, words in ((0.9, "Second page"), (0.6, "First page"), (0.2, "First page"), (0.6, "First page")):
        await player.seek_to_part(part)
        await expect(heading).to_have_text(words)


async def test_before_the_first_picture_there_is_none(installation, page, sign_in):
    start_ms = now_ms() - 60_000
    page_events = opened(start_ms + 20_000, body=[element(10, "h1", {}, text(11, "At last"))])
    clicks = [click(start_ms + second * 1_000) for second in range(0, 40, 4)]
    session = await installation.record(sorted([*clicks, *page_events], key=lambda event: event["timestamp"]))
    await sign_in(page, f"/sessions/{session}?t=4")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    none_yet = page.get_by_role("heading", name="No picture yet")
    await expect(none_yet).to_be_visible()
    await player.seek_to_part(0.9)
    await expect(player.recorded.locator("h1")).to_be_visible()
    await expect(none_yet).to_have_count(0)
    await player.seek_to_part(0.2)
    await expect(none_yet).to_be_visible()
    await expect(player.recorded.locator("h1")).not_to_be_visible()


async def test_a_pause_that_one_goes_into_is_played(installation, page, sign_in):
    start_ms = now_ms() - 120_000
    events = [*opened(start_ms), click(start_ms + 2_000), click(start_ms + 50_000), click(start_ms + 52_000)]
    session = await installation.record(events)
    await sign_in(page, f"/sessions/{session}?t=20")
    player = PlayerPage(page)
    await player.until_ready()
    await installation.until(lambda: _is_past(player, 22), "it plays")
    assert await player.seconds() < 45
    await expect(page.get_by_text("No activity until 0:49")).to_be_visible()
    await page.get_by_role("button", name="Skip", exact=True).click()
    await installation.until(lambda: _is_past(player, 49), "the pause is skipped")
    # Played from before it, it is skipped.
    await page.keyboard.press("Home")
    await expect(page.get_by_text("without activity", exact=False)).to_be_visible()


SPREAD_MS = 450
"""Time from the first position of a MouseMove to its event; rrweb sends them every half second."""


@pytest.mark.catalogue("forward-and-back")
@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param((900, 700), id="back-to-between-its-positions"),
        pytest.param((900, 650, 700, 800, 2_000, 700, 900, 600), id="forward-and-back"),
        pytest.param((700, 900, 901, 900, 899, 900), id="one-millisecond"),
    ],
)
async def test_seeks_around_a_late_movement_of_the_pointer(installation, new_context, offsets):
    """Changes between the first position of a MouseMove and the event itself are applied once, and taken back."""
    start_ms = now_ms() - 60_000
    moves = [{"x": 10 * step, "y": 10, "id": 4, "timeOffset": 50 * step - SPREAD_MS} for step in range(10)]
    events = [
        *opened(start_ms, body=[element(10, "ul")]),
        *(_added(start_ms + at, 100 + at) for at in (600, 700, 800, 899, 900, 901)),
        {"type": 3, "timestamp": start_ms + 900, "data": {"source": 1, "positions": moves}},
        _added(start_ms + 1_500, 200),
    ]
    events.sort(key=lambda event: event["timestamp"])
    payload = gzip.compress(json.dumps(events).encode())
    added_ms = sorted(event["timestamp"] - start_ms for event in events if event["data"].get("adds"))
    async with player_frame(installation, await new_context()) as player:
        await player.build([payload], start_ms + offsets[0])
        for number, offset in enumerate(offsets):
            if number > 0:
                await player.seek(start_ms + offset)
            items = await player.evaluate("(page) => page.querySelectorAll('li').length")
            assert items == sum(at <= offset for at in added_ms), f"at {offset}, after {offsets[:number]}"


async def test_a_seek_forward_to_the_next_page_shows_its_own_scroll_position(installation, new_context):
    start_ms = now_ms() - 60_000
    body = [element(10, "div", {"style": "height: 3000px"})]
    scroll = {"source": 3, "id": 1, "x": 0, "y": 300}
    events = [
        *opened(start_ms, body=body),
        _added(start_ms + 500, 101),
        {"type": 3, "timestamp": start_ms + 1_000, "data": scroll},
        *opened(start_ms + 4_000, body=body),
        _added(start_ms + 4_500, 100),
        {"type": 3, "timestamp": start_ms + 8_000, "data": {**scroll, "y": 500}},
        *opened(start_ms + 12_000, body=body),
    ]
    payload = gzip.compress(json.dumps(events).encode())
    async with player_frame(installation, await new_context()) as player:
        await player.build([payload], start_ms)
        for offset, top in ((2_000, 300), (5_000, 0), (9_000, 500), (13_000, 0), (2_000, 300), (13_000, 0), (0, 0)):
            await player.seek(start_ms + offset)
            assert await player.evaluate("(page) => page.documentElement.scrollTop") == top, offset


async def test_time_passes_from_the_picture_on(installation, new_context):
    """A moment that is reported before its picture would be taken for one that is played: the console may pause it."""
    start_ms = now_ms() - 60_000
    events = [*opened(start_ms, body=[element(10, "ul")]), *(_added(start_ms + 500 * n, 100 + n) for n in range(1, 40))]
    payload = gzip.compress(json.dumps(events).encode())
    async with player_frame(installation, await new_context()) as player:
        await player.build([payload], start_ms, is_playing=True)
        asked_ms = [start_ms]
        for offset in (8_000, 2_000, 2_100, 15_000, 0):
            asked_ms.append(start_ms + offset)
            await player.seek(asked_ms[-1], is_playing=True)
            await player.play_until(asked_ms[-1])
        reports = await player.ordered()
    for order, at_ms in enumerate(asked_ms, 1):
        first, *others = [report for report in reports if report["order"] == order]
        assert (first["type"], first["atMs"]) == ("shown", at_ms)
        assert "time" in {report["type"] for report in others}


def _added(at_ms, number):
    add = {"parentId": 10, "nextId": None, "node": element(number, "li")}
    return {
        "type": 3,
        "timestamp": at_ms,
        "data": {"source": 0, "texts": [], "attributes": [], "removes": [], "adds": [add]},
    }


async def _is_past(player, second):
    return await player.seconds() >= second


def _texts(at_ms, words):
    mutation = {"source": 0, "texts": [{"id": 11, "value": words}], "attributes": [], "removes": [], "adds": []}
    return {"type": 3, "timestamp": at_ms, "data": mutation}


def _chunks(events):
    """The events as a recorder sends them, of a visit that has ended a minute ago."""
    shift_ms = now_ms() - 60_000 - max(event["timestamp"] for event in events)
    chunks = []
    for event in events:
        moved = {**event, "timestamp": event["timestamp"] + shift_ms}
        if not chunks or moved["timestamp"] - chunks[-1][0]["timestamp"] >= CHUNK_MS:
            chunks.append([])
        chunks[-1].append(moved)
    return chunks
