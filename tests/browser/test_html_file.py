"""Exported HTML files, opened from disk without a network: they play as the console does, and load nothing."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re

import pytest
import pytest_asyncio
from export.rendering.sessions import recorded
from playwright.async_api import expect
from support.html_file import HtmlFile

from . import hostile
from .file_page import file_page
from .firefox import firefox_tab
from .page_looks import differences, pictures_differ
from .player_frame import player_frame
from .player_page import PlayerPage
from .rrweb_events import click, element, now_ms, opened, rage, text

OF_THE_PAGES = r"Blocked (script execution|autofocusing)|violates the following Content|net::ERR_|play\(\)"
NAMES = [
    "shop-checkout",
    "shop-errors",
    "shop-mobile",
    "docsify-mobile-touch",
    "idle-then-active",
    "shop-account-errors",
    "rrwebtest-rrweb-io-iframe-shadowdom-hover",
    "rrwebtest-rrweb-io-style-sheet-rule-events",
    "sbadmin-multipage",
    "todomvc-backbone",
]


STILL = """(document) => {
  for (const animation of document.getAnimations()) {
    if (animation.effect.getComputedTiming().endTime === Infinity) animation.cancel();
    else animation.finish();
  }
}"""
"""Ends transitions, which take their time in each player."""


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere():
    async with hostile.elsewhere() as server:
        yield server


async def exported(installation, path, *chunks, **content):
    return await installation.export(await installation.record(*chunks), path / "session.html", **content)


def recent(chunks):
    """Returns chunks as of an hour ago: sessions before the project's retention are refused."""
    moved_ms = now_ms() - 3_600_000 - chunks[0][0]["timestamp"]
    return [[{**event, "timestamp": event["timestamp"] + moved_ms} for event in events] for events in chunks]


@pytest.mark.catalogue("shop-checkout", "shop-mobile")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
async def test_a_file_shows_the_frames_of_the_player(name, installation, new_context, guard, tmp_path):
    guard.allow(OF_THE_PAGES)
    chunks = recent([json.loads(gzip.decompress(chunk.payload)) for chunk in recorded(name).chunks])
    path = await exported(installation, tmp_path, *chunks)
    file = HtmlFile(path.read_bytes())
    start_ms, duration_ms = file.session["startMs"], file.session["durationMs"]
    payloads = [payload for _, payload in file.chunks(file.session["windows"][0]["windowId"])]
    size = next(event["data"] for events in chunks for event in events if event["type"] == 4)
    unlike = {}
    async with file_page(await new_context(), path) as shown:
        await shown.until_ready()
        await shown.fit(size["width"], size["height"])
        context = await new_context(viewport={"width": size["width"], "height": size["height"]})
        async with player_frame(installation, context) as player:
            await player.build(payloads, start_ms)
            # Forward, and back over a page, too.
            for part in (1, 3, 5, 7, 9, 2, 0):
                await shown.seek_by_key(str(part))
                await player.seek(start_ms + part / 10 * duration_ms)
                await player.evaluate(STILL)
                await shown.evaluate(STILL)
                found = differences(json.loads(await player.look()), json.loads(await shown.look()))
                if found := found or pictures_differ(await player.picture(), await shown.picture()):
                    unlike[part] = found[:5]
        assert await shown.requested() == {}
    assert unlike == {}


async def test_a_file_plays_to_its_end_and_again(installation, new_context, tmp_path):
    start_ms = now_ms() - 60_000
    events = [*opened(start_ms, body=[element(10, "h1", {"id": "at"}, text(11, "Second 0"))])]
    for second in range(1, 5):
        texts = [{"id": 11, "value": f"Second {second}"}]
        data = {"source": 0, "texts": texts, "attributes": [], "removes": [], "adds": []}
        events.append({"type": 3, "timestamp": start_ms + second * 1000, "data": data})
    path = await exported(installation, tmp_path, events)
    async with file_page(await new_context(), path) as shown:
        heading = shown.recorded.locator("#at")
        await expect(heading).to_have_text("Second 0")
        await expect(shown.page.get_by_role("heading", level=1)).to_have_text("shop.example/checkout")
        await shown.page.get_by_label("Speed").select_option("2")
        await shown.page.keyboard.press(" ")
        await expect(heading).to_have_text("Second 2")
        again = shown.page.get_by_role("button", name="Play again")
        await expect(again).to_be_visible()
        await expect(heading).to_have_text("Second 4")
        assert await shown.seconds() == await shown.length() == 4
        await again.click()
        await expect(heading).to_have_text("Second 1")
        await shown.pause()
        await shown.seek_by_key("Home")
        await expect(heading).to_have_text("Second 0")
        await shown.seek_to_part(0.8)
        await expect(heading).to_have_text("Second 3")
        # A command to play that comes before the picture of the moment.
        await shown.page.keyboard.press("0")
        await shown.page.keyboard.press(" ")
        await expect(again).to_be_visible()
        assert await shown.requested() == {}


async def test_a_file_has_the_timeline_of_the_console(installation, page, new_context, sign_in, tmp_path):
    start_ms = now_ms() - 60_000
    moves = [
        {
            "type": 3,
            "timestamp": start_ms + 6_000 + 500 * number,
            "data": {"source": 1, "positions": [{"x": number, "y": number, "id": 4, "timeOffset": 0}]},
        }
        for number in range(6)
    ]
    events = [*opened(start_ms), *rage(start_ms + 2_000), *moves, click(start_ms + 30_000), *opened(start_ms + 31_000)]
    session = await installation.record(events)
    path = await installation.export(session, tmp_path / "session.html")
    timeline = """() => ({
      marks: [...document.querySelectorAll("[data-mark]")].map(({ dataset, style }) => [dataset.mark, style.left]),
      activity: document.querySelector("svg[preserveAspectRatio=none] path").getAttribute("d"),
      clock: document.querySelector("[role=slider]").ariaValueText,
      pauses: [...document.querySelectorAll("[class*=skipped]")].map(({ style }) => [style.left, style.width]),
    })"""

    async def read(shown):
        await shown.until_ready()
        await shown.pause()
        await shown.page.keyboard.press("End")
        await expect(shown.page.get_by_role("button", name="Play again")).to_be_visible()
        await expect(shown.page.locator("[class*=unknown]")).to_have_count(0)
        await expect(shown.page.locator("[data-mark=rage]")).to_have_count(1)
        return await shown.page.evaluate(timeline)

    await sign_in(page, f"/sessions/{session}")
    console = PlayerPage(page)
    await console.until_ready()
    await page.keyboard.press("p")
    expected = await read(console)
    async with file_page(await new_context(), path) as shown:
        found = await read(shown)
    assert found["pauses"] != []
    assert found == expected


async def test_windows_can_be_chosen(installation, new_context, tmp_path):
    start_ms = now_ms() - 60_000
    first = [*opened(start_ms, body=[text(10, "Window one")]), click(start_ms + 1_000), click(start_ms + 9_000)]
    second = [*opened(start_ms + 4_000, "https://shop.example/two", [text(10, "Window two")]), click(start_ms + 5_000)]
    session = await installation.record(first, finish=False)
    await installation.record(second, session=session)
    path = await installation.export(session, tmp_path / "session.html")
    async with file_page(await new_context(), path) as shown:
        body, heading = shown.recorded.locator("body"), shown.page.get_by_role("heading", level=1)
        await expect(body).to_have_text("Window one")
        await shown.seek_by_key("6")
        await expect(body).to_have_text("Window two")
        await expect(heading).to_have_text("shop.example/two")
        picker = shown.page.get_by_label("Window")
        await expect(picker.locator("option").first).to_have_text("Active tab (2 of 2)")
        await picker.select_option(index=1)
        await expect(body).to_have_text("Window one")
        await expect(heading).to_have_text("shop.example/checkout")


async def test_a_part_of_a_session_begins_and_ends_there(installation, new_context, tmp_path):
    start_ms = now_ms() - 60_000
    pages = [opened(start_ms + 10_000 * n, f"https://shop.example/{n}", [text(10, f"Page {n}")]) for n in range(4)]
    session = await installation.record(*pages)
    content = {"start_offset": {"seconds": 12}, "end_offset": {"seconds": 25}}
    path = await installation.export(session, tmp_path / "session.html", **content)
    async with file_page(await new_context(), path) as shown:
        body = shown.recorded.locator("body")
        await expect(body).to_have_text("Page 1")
        assert await shown.length() == 13
        await expect(shown.page.get_by_text("the part from 0:12 to 0:25")).to_be_visible()
        await shown.page.keyboard.press("End")
        await expect(body).to_have_text("Page 2")
    assert b"shop.example/3" not in b"".join(gzip.decompress(part) for *_, part in HtmlFile(path.read_bytes()).parts)


@pytest.mark.parametrize(
    "events",
    [
        [{"type": 5, "timestamp": 0, "data": {"tag": "only", "payload": {}}}],
        [
            {"type": 3, "timestamp": 1_000 * n, "data": {"source": 2, "type": 2, "id": 1, "x": 1, "y": 1}}
            for n in range(3)
        ],
    ],
    ids=["one event", "without a snapshot"],
)
async def test_a_file_without_a_picture_has_a_sentence_about_it(events, installation, new_context, tmp_path):
    start_ms = now_ms() - 60_000
    path = await exported(
        installation, tmp_path, [{**event, "timestamp": start_ms + event["timestamp"]} for event in events]
    )
    async with file_page(await new_context(), path) as shown:
        await expect(shown.page.get_by_text("There is no picture in this recording")).to_be_visible()
        await expect(shown.page.get_by_text("The panel has its counts")).to_have_count(0)


async def test_a_session_of_one_snapshot_is_a_picture(installation, new_context, tmp_path):
    path = await exported(installation, tmp_path, opened(now_ms() - 60_000, body=[text(10, "All there is")]))
    async with file_page(await new_context(), path) as shown:
        await expect(shown.recorded.locator("body")).to_have_text("All there is")


async def test_missing_files_are_named(installation, new_context, guard, tmp_path):
    guard.allow("Content Security Policy")
    body = [element(10, "img", {"src": "https://pictures.example/one.png"})]
    start_ms = now_ms() - 60_000
    path = await exported(installation, tmp_path, [*opened(start_ms, body=body), click(start_ms + 1_000)])
    async with file_page(await new_context(), path) as shown:
        line = shown.page.get_by_role("note")
        await expect(line).to_contain_text("1 picture is not shown: the recorded page named them (pictures.example)")
        await expect(line).not_to_contain_text("sidecar")


@pytest.mark.timeout(600)
async def test_a_session_of_50_mb_opens(installation, new_context, tmp_path):
    start_ms = now_ms() - 60_000
    path = await exported(installation, tmp_path, opened(start_ms, body=[text(10, "A")]), [click(start_ms + 9_000)])
    data = path.read_bytes()
    window = HtmlFile(data).session["windows"][0]["windowId"]
    # Between the two chunks.
    place = data.rindex(b'<script type="application/octet-stream" data-part="chunk"')
    size_bytes = 0
    with path.open("wb") as out:
        out.write(data[:place])
        for number in range(50):
            at_ms = start_ms + 1_000 + number
            noise = base64.b64encode(os.urandom(1024**2)).decode()
            change = {"source": 0, "texts": [{"id": 10, "value": f"Chunk {number}"}]}
            change |= {"attributes": [], "removes": [], "adds": []}
            events = [
                {"type": 5, "timestamp": at_ms, "data": {"tag": "noise", "payload": noise}},
                {"type": 3, "timestamp": at_ms, "data": change},
            ]
            payload = gzip.compress(json.dumps(events).encode(), 1)
            size_bytes += len(payload)
            head = f'data-part="chunk" data-window="{window}" data-first="{at_ms}" data-last="{at_ms}"'
            out.write(f'<script type="application/octet-stream" {head}>'.encode())
            out.write(base64.b64encode(payload) + b"</script>\n")
        out.write(data[place:])
    assert size_bytes > 50 * 1024**2
    async with file_page(await new_context(), path) as shown:
        body = shown.recorded.locator("body")
        await expect(body).to_have_text("A")
        await shown.page.keyboard.press("End")
        await expect(body).to_have_text("Chunk 49")
        await shown.seek_by_key("Home")
        await expect(body).to_have_text("A")


async def test_a_hostile_recording_runs_nothing_and_reaches_nothing(
    installation, elsewhere, new_context, guard, tmp_path
):
    guard.allow(r"Content Security Policy|sandboxed|Domains, protocols and ports must match|Unsafe attempt to load")
    guard.allow(r"play\(\)|supported source|net::ERR_")
    at_ms = now_ms() - 10_000
    page = opened(at_ms, f"{elsewhere.url}/", hostile.nodes(elsewhere.url))
    path = await exported(installation, tmp_path, [*page, *hostile.later(at_ms, elsewhere.url)])
    context = await new_context()
    tabs, dialogs = [], []
    async with file_page(context, path) as shown:
        context.on("page", lambda tab: tabs.append(tab.url))
        shown.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        # With a network: only the file itself holds it back.
        await context.set_offline(False)
        recorded_page = await hostile.recorded_page(shown.page)
        await shown.until_ready()
        await shown.page.keyboard.press("End")
        await hostile.until_shown(recorded_page)
        await hostile.use(shown.page, recorded_page)
        await installation.until(
            lambda: any("added.png" in url for url in shown.tried), "it has tried the last of them"
        )
        assert await shown.requested() == {}
        assert (elsewhere.reached, tabs, dialogs) == ([], [], [])
        assert shown.page.url == path.as_uri()
        for frame in (shown.page.main_frame, recorded_page.owner.parent_frame, recorded_page.owner):
            assert await frame.evaluate("typeof window.__ran + typeof window.HOME") == "undefinedundefined"


TRIES = """async () => {
  const tries = {
    parent: () => parent.document.title,
    storage: () => localStorage.length,
    file: () => fetch("file:///etc/hostname"),
    request: () => fetch("http://127.0.0.1:9/", { mode: "no-cors" }),
    worker: () => new Promise((done, fail) => { new Worker("data:text/javascript,0").onerror = fail; }),
    frame: () => new Promise((done, fail) => {
      document.addEventListener("securitypolicyviolation", fail, { once: true });
      const frame = document.createElement("iframe");
      frame.src = "data:text/html,frame";
      setTimeout(done, 3000);
      document.body.append(frame);
    }),
  };
  const found = { origin: self.origin };
  for (const [name, attempt] of Object.entries(tries)) {
    try {
      await attempt();
      found[name] = "reached";
    } catch {
      found[name] = "refused";
    }
  }
  const script = document.createElement("script");
  script.textContent = "globalThis.planted = true";
  document.body.append(script);
  found.script = globalThis.planted === true ? "ran" : "refused";
  return found;
}"""


async def test_the_replay_in_a_file_is_shut_in(installation, new_context, guard, tmp_path):
    guard.allow(".")
    path = await exported(installation, tmp_path, opened(now_ms() - 60_000))
    async with file_page(await new_context(), path) as shown:
        recorded_page = await hostile.recorded_page(shown.page)
        sandbox = await (await recorded_page.owner.frame_element()).get_attribute("sandbox")
        assert set(sandbox.split()) == {"allow-same-origin"}
        found = await recorded_page.owner.parent_frame.evaluate(TRIES)
        assert found.pop("origin") == "null"
        assert set(found.values()) == {"refused"}, found
        assert (
            await shown.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'stopped')") == "stopped"
        )


async def test_a_changed_player_does_not_run(installation, new_context, guard, tmp_path):
    guard.allow("Content Security Policy")
    path = await exported(installation, tmp_path, opened(now_ms() - 60_000))
    data = path.read_text()
    changed = base64.b64encode(gzip.compress(b"document.title = 'changed'")).decode()
    path.write_text(re.sub(r'(data-part="player">)[^<]*', rf"\1{changed}", data))
    async with file_page(await new_context(), path) as shown:
        await expect(shown.page.get_by_text("This recording cannot be opened here")).to_be_visible()
        assert await shown.page.title() != "changed"


async def test_a_file_that_is_cut_off_has_a_sentence_about_it(installation, new_context, tmp_path):
    path = await exported(installation, tmp_path, opened(now_ms() - 60_000))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b'data-part="session"')])
    async with file_page(await new_context(), path) as shown:
        await expect(shown.page.get_by_text("it is cut off")).to_be_visible()


async def test_a_file_plays_in_firefox_and_reaches_nothing(installation, elsewhere, tmp_path):
    at_ms = now_ms() - 10_000
    page = opened(
        at_ms, f"{elsewhere.url}/", [element(9, "h1", {"id": "at"}, text(8, "At first")), *hostile.nodes(elsewhere.url)]
    )
    change = {"source": 0, "texts": [{"id": 8, "value": "At last"}], "attributes": [], "removes": [], "adds": []}
    last = {"type": 3, "timestamp": at_ms + 4_000, "data": change}
    path = await exported(installation, tmp_path, [*page, *hostile.later(at_ms, elsewhere.url), last])
    heading = "document.querySelector('#at')?.textContent"
    button = "document.querySelector('[aria-label=Playback] button').ariaLabel"
    async with firefox_tab(tmp_path / "profile") as tab:
        await tab.open(path.as_uri())
        await tab.until(heading, "At first", depth=2)
        assert await tab.evaluate("self.origin", depth=1) == "null"
        await tab.press(" ")
        await tab.until(heading, "At last", depth=2)
        await tab.until(button, "Play again")
        await tab.press("0")
        await tab.until(heading, "At first", depth=2)
        await tab.until("document.querySelector('[role=slider]').ariaValueNow", "0")
        for depth in (0, 1, 2):
            assert await tab.evaluate("typeof window.__ran + typeof window.HOME", depth) == "undefinedundefined"
        assert [url for url in tab.requests if not url.startswith((path.as_uri(), "data:", "blob:", "about:"))] == []
        assert elsewhere.reached == []
        # The browser would reach the server.
        elsewhere.pages["/"] = ("text/html", "<!doctype html>There")
        await tab.open(f"{elsewhere.url}/")
        assert "/" in elsewhere.reached
        assert f"{elsewhere.url}/" in tab.requests
