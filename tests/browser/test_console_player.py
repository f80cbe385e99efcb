"""The player in a real browser: it shows the same as rrweb, and is controlled by keyboard, pointer and server."""

from __future__ import annotations

import asyncio
import json
import re
import uuid

import pytest
import pytest_asyncio
from afterimage.audit.v1 import audit_service_pb2 as pb
from playwright.async_api import expect
from support import web
from support.wait import PATIENCE_S

from services.runtime.uuid7 import uuid7

from .long_session import MINUTES, long_session
from .player_page import LOOKS, PlayerPage
from .rrweb_events import click, element, now_ms, opened, text

pytestmark = pytest.mark.used_browser

SAMPLES = ("shop-checkout.json.gz", "shop-errors.json.gz", "shop-mobile.json.gz")
SOME_CHUNKS = 80  # more than from a full snapshot to the moments that are opened, and less than to the end
RRWEB = web.WEB / "node_modules" / "@rrweb" / "replay" / "dist" / "replay.umd.min.cjs"


@pytest.mark.catalogue("shop-mobile*")
@pytest.mark.parametrize("sample", SAMPLES)
async def test_the_end_looks_as_in_rrwebs_own_replayer(sample, installation, page, new_context, sign_in):
    session = await _sample(installation, sample)
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    await page.keyboard.press("End")
    await expect(page.get_by_role("button", name="Play again")).to_be_visible()

    expected = await _in_rrweb(await new_context(), await installation.audit.events(uuid.UUID(session)))
    assert len(expected["html"]) > 1_000
    await installation.until(lambda: _looks(player, expected), "both look the same")


async def test_played_to_the_end_it_looks_the_same(installation, page, new_context, sign_in):
    """Not by a seek: every event in its turn, at sixteen times the speed, stretches without activity skipped."""
    session = await _sample(installation, SAMPLES[1])
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await page.get_by_label("Speed").select_option("16")
    await expect(page.get_by_role("button", name="Play again")).to_be_visible(timeout=PATIENCE_S * 1000)
    expected = await _in_rrweb(await new_context(), await installation.audit.events(uuid.UUID(session)))
    await installation.until(lambda: _looks(player, expected, "html"), "both look the same")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def half_an_hour(installation):
    """The id of a session of MINUTES that has ended."""
    return await installation.record(*long_session(now_ms() - MINUTES * 60_000 - 60_000))


async def test_seek_into_half_an_hour(installation, half_an_hour, page, sign_in, record_property):
    await sign_in(page, f"/sessions/{half_an_hour}?t=1")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    assert await player.length() == pytest.approx(MINUTES * 60, abs=2)

    # Missing chunks are loaded from the last full snapshot before the target: far less than the whole.
    await page.goto(f"{installation.url}/sessions/{half_an_hour}?t={MINUTES * 60 / 2}")
    await player.until_ready()
    await player.pause()
    second = await player.seconds()
    assert second >= MINUTES * 30
    await expect(player.recorded.locator("#second")).to_have_text(_near(second))

    took = []
    for part in (0.1, 0.5, 0.9, 0.3):
        await player.seek_to_part(part)
        took.append((await player.seeks_ms())[-1])
        second = await player.seconds()
        assert second == pytest.approx(part * MINUTES * 60, abs=15)
        await expect(player.recorded.locator("#second")).to_have_text(_near(second))
    record_property("seek_ms", [round(value) for value in took])
    print(f"seeks into {MINUTES} minutes took {[round(value) for value in took]} ms")  # noqa: T201 - the figure
    # Figures, not bounds: docs/benchmarks.md has those of a quiet machine.


@pytest.mark.catalogue("100")
@pytest.mark.parametrize("start_s", [1, 100, MINUTES * 60 - 280])
async def test_what_is_not_loaded_is_not_skipped_as_a_pause(start_s, installation, half_an_hour, page, sign_in):
    """`?t=` opens at its moment, and stays there while the rest of the session is still on its way."""
    network = asyncio.Event()

    async def wait(route):
        await network.wait()
        await route.continue_()

    def slow(viewer):
        server = viewer.connect_to_server()
        count = 0

        async def forward(message):
            nonlocal count
            count += 1
            if count > SOME_CHUNKS:
                await network.wait()
            viewer.send(message)

        server.on_message(forward)

    await sign_in(page, None)
    await page.route("**/ListInteractions", wait)
    await page.route_web_socket("**/ws/replay", slow)
    await page.goto(f"{installation.url}/sessions/{half_an_hour}?t={start_s}")
    player = PlayerPage(page)
    await expect(page.locator("[data-phase=ready]")).to_be_visible(timeout=PATIENCE_S * 1000)
    await installation.until(lambda: _is_past(player, start_s + 2), "it plays")
    assert await player.seconds() < start_s + 300
    await expect(page.get_by_title("Activity not loaded yet").last).to_be_visible()
    await player.pause()
    second = await player.seconds()
    network.set()
    await expect(page.get_by_title("Activity not loaded yet")).to_have_count(0)
    assert await player.seconds() == second


async def _is_past(player, second):
    return await player.seconds() >= second


async def test_the_keyboard(installation, page, sign_in):
    session = await _sample(installation, SAMPLES[0])
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await page.keyboard.press("Space")
    await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    length = await player.length()

    await page.keyboard.press("5")
    await player.until_at(length / 2, within=1)
    middle = await player.seconds()
    await page.keyboard.press("ArrowRight")
    await player.until_at(middle + 5)
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("ArrowLeft")
    await player.until_at(middle - 5)
    await page.keyboard.press("Shift+ArrowLeft")
    await player.until_at(0)
    await page.keyboard.press("End")
    await player.until_at(length)

    await page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await page.keyboard.press(">")
    await expect(page.get_by_label("Speed")).to_have_value("2")
    panel = page.get_by_role("complementary", name="About the session")
    await expect(panel).to_be_visible()
    await page.keyboard.press("p")
    await expect(panel).to_have_count(0)


async def test_the_panel_tells_what_happened_and_leads_there(installation, page, sign_in):
    session = await _sample(installation, SAMPLES[1])
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    rage = page.get_by_role("button", name=re.compile("Rage click: 8 (times|clicks) on "))
    await rage.click()
    details = await installation.audit.session(uuid.UUID(session))
    marker = next(marker for marker in details.markers if marker.count == 8)
    await player.until_at(marker.offset.ToMilliseconds() / 1000, within=1.5)
    await page.get_by_role("tab", name="Console").click()
    messages = page.get_by_role("list", name="Console").get_by_role("button")
    await expect(messages).not_to_have_count(0)
    everything = await messages.count()
    await page.get_by_label("Only errors").check()
    await expect(messages.first).to_contain_text("Uncaught")
    assert 0 < await messages.count() < everything
    await page.get_by_role("tab", name="Network").click()
    await expect(page.get_by_role("list", name="Requests").get_by_role("button")).not_to_have_count(0)
    await page.get_by_role("tab", name="Facts").click()
    await expect(page.get_by_role("region", name="Facts")).to_contain_text(session)


async def test_the_window_in_use_is_the_one_that_is_shown(installation, page, sign_in):
    start_ms = now_ms() - 120_000
    session, first, second = uuid7(start_ms), uuid.uuid4(), uuid.uuid4()
    clicks = [click(start_ms + at_ms) for at_ms in (1_000, 3_000, 5_000, 30_000, 33_000)]
    await installation.record([*opened(start_ms, body=[_heading("First tab")]), *clicks], session=session, window=first)
    clicks = [click(start_ms + at_ms) for at_ms in (11_000, 14_000, 17_000, 20_000)]
    await installation.record(
        [*opened(start_ms + 10_000, body=[_heading("Second tab")]), *clicks], session=session, window=second
    )
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    heading = player.recorded.locator("h1")
    for part, words in ((0.1, "First tab"), (0.5, "Second tab"), (0.99, "First tab")):
        await player.seek_to_part(part)
        await expect(heading).to_have_text(words)
    # A chosen one stays.
    await page.get_by_label("Window").select_option(str(second))
    await expect(heading).to_have_text("Second tab")


async def test_a_session_still_recording_is_followed(installation, page, sign_in):
    start_ms = now_ms() - 5_000
    session, window = uuid7(start_ms), uuid.uuid4()
    chunks = [[*opened(start_ms, body=[_heading("Before")])]]
    await installation.record(*chunks, session=session, window=window, finish=False)
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await page.keyboard.press("l")
    await expect(page.get_by_text("behind the visitor")).to_be_visible()
    mutation = {"source": 0, "texts": [{"id": 11, "value": "Just now"}], "attributes": [], "removes": [], "adds": []}
    chunks.append([{"type": 3, "timestamp": now_ms(), "data": mutation}])
    await installation.record(*chunks, session=session, window=window, finish=False)
    await expect(player.recorded.locator("h1")).to_have_text("Just now")
    # It ends before one's eyes, in words.
    await installation.record(*chunks, session=session, window=window)
    await expect(page.get_by_text("the session has ended")).to_be_visible()


async def test_deleted_while_somebody_watches(installation, page, sign_in):
    start_ms = now_ms() - 5_000
    session = await installation.record(opened(start_ms, body=[_heading("Still here")]), finish=False)
    await sign_in(page, f"/sessions/{session}")
    await PlayerPage(page).until_ready()
    request = pb.DeleteSessionsRequest(session_ids=[session])
    await installation.audit.stub.DeleteSessions(request, metadata=installation.metadata)
    await expect(page.get_by_role("alert")).to_contain_text("deleted while you watched")


async def test_a_session_of_one_event(installation, page, sign_in):
    start_ms = now_ms() - 5_000
    session = await installation.record([click(start_ms)])
    await sign_in(page, f"/sessions/{session}")
    await expect(page.get_by_role("heading", name="There is no picture in this recording")).to_be_visible()


async def test_cdata_in_an_html_page_is_text(installation, page, sign_in):
    """A CDATA section cannot be made in an HTML document: rrweb's Replayer would stop at it."""
    start, section = now_ms() - 10_000, {"type": 4, "id": 12, "textContent": "a section, 1 < 2"}
    body = [element(10, "p", {}, text(11, "before")), element(13, "p", {}, section)]
    adds = [{"parentId": 4, "nextId": None, "node": {"type": 4, "id": 20, "textContent": "one more"}}]
    mutation = {"source": 0, "adds": adds, "removes": [], "texts": [], "attributes": []}
    events = [*opened(start, body=body), {"type": 3, "timestamp": start + 500, "data": mutation}, click(start + 1_000)]
    session = await installation.record(events)
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    await page.keyboard.press("End")
    await expect(player.recorded.get_by_text("a section, 1 < 2")).to_be_visible()
    await expect(player.recorded.get_by_text("one more")).to_be_visible()


async def test_no_such_session(installation, page, sign_in, guard):
    guard.allow("404|400")
    await sign_in(page, f"/sessions/{uuid7(now_ms())}")
    await expect(page.get_by_role("alert")).to_contain_text("There is no such session")
    await page.goto(f"{installation.url}/sessions/nonsense")
    await expect(page.get_by_role("alert")).to_contain_text("has no valid session id")


async def test_a_token_that_ends_leads_to_the_sign_in_page_and_back(installation, page, sign_in, guard):
    guard.allow("401")
    session = await _sample(installation, SAMPLES[0])
    await sign_in(page, None)
    await page.evaluate("sessionStorage.setItem('afterimage.token', sessionStorage.getItem('afterimage.token') + 'x')")
    await page.goto(f"{installation.url}/sessions/{session}")
    await expect(page.get_by_role("alert")).to_contain_text("You are signed out")
    await page.get_by_role("link", name="Sign in again").click()
    await expect(page.get_by_role("status")).to_contain_text("expired")
    await page.get_by_label("Token").fill(installation.token("view"))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{installation.url}/sessions/{session}")
    await PlayerPage(page).until_ready()


async def _looks(player, expected, *names):
    shown = await player.shown()
    return all(shown[name] == expected[name] for name in names or expected)


async def _sample(installation, name):
    request = pb.ListSessionsRequest(page_size=500)
    request.filter.tags["source_file"] = name
    listed = await installation.audit.stub.ListSessions(request, metadata=installation.metadata)
    return listed.sessions[0].session_id


async def _in_rrweb(context, events):
    """Returns how rrweb's own Replayer shows the end of a recording, in a page that has nothing else."""
    page = await context.new_page()
    await page.set_content("<!doctype html><html><body></body></html>")
    await page.add_script_tag(path=RRWEB)
    await page.evaluate(
        """(text) => {
          const events = JSON.parse(text);
          const replayer = new rrwebReplay.Replayer(events, { root: document.body, showWarning: false });
          replayer.pause(events.at(-1).timestamp - events[0].timestamp + 1);
        }""",
        json.dumps(events),  # as one text: Playwright checks each value of anything else
    )
    await page.evaluate("new Promise((done) => setTimeout(done, 1000))")
    return await page.frame_locator("iframe").locator("html").evaluate(LOOKS)


def _heading(words):
    return element(10, "h1", {}, text(11, words))


def _near(second):
    """The heading of a second, or of those beside it: a moment is not shown to the millisecond."""
    return re.compile("|".join(f"Second {one}$" for one in range(max(0, second - 2), second + 3)))
