"""Safe replay: a recorded page runs no script, sends no data and makes no requests, regardless of its content.

A first test shows that the page would do all of that if it were not prevented.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
import pytest_asyncio
from playwright.async_api import Error, expect

from . import hostile
from .rrweb_events import now_ms, opened

SETTLE_S = 1.5
"""Time in which forbidden effects could happen after the last picture; the page as HTML needs a tenth of it."""


SEES = """<script>
let title;
try { title = parent.document.title } catch { title = "refused" }
console.log(`sees ${self.origin} ${title}`);
</script>"""


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere():
    async with hostile.elsewhere() as server:
        yield server


async def test_the_page_would_reach_out_and_run(elsewhere, page, guard):
    """Without this the tests below might show only that the page is harmless."""
    guard.allow(".")
    elsewhere.pages["/"] = ("text/html", hostile.as_page(elsewhere.url))
    elsewhere.pages["/script.js"] = ("text/javascript", hostile.ran("script-file"))
    # Links and forms lead away: the foreign server sees their requests.
    await page.goto(f"{elsewhere.url}/", wait_until="commit")
    expected = {"/script.js", "/img.png", "/frame.html", "/stylesheet", "/import.css", "/style.png", "/poster.png"}
    expected |= {"/prefetch", "/preload", "/modulepreload", "/svg-image.png", "/input.png", "/object.html", "/refresh"}
    expected |= {f"/ran-{what}" for what in ("script", "onerror", "script-file", "ontoggle", "onfocus")}
    try:
        await elsewhere.until_reached(expected)
    except TimeoutError:
        pytest.fail(f"not tried: {expected - set(elsewhere.reached)}")


async def test_a_recording_runs_nothing_and_reaches_nobody(installation, elsewhere, context, page, guard, sign_in):
    # Chromium prints every request that it has stopped, as this test expects.
    guard.allow(r"Content Security Policy|sandboxed|Domains, protocols and ports must match")
    guard.allow(r"play\(\)|supported source")  # its video has nothing to play
    session = await _recorded(installation, elsewhere)
    requests, opened_pages, dialogs = [], [], []
    context.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - it looks at signatures
    context.on("page", lambda tab: opened_pages.append(tab.url))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await sign_in(page, f"/sessions/{session}")
    recorded = await hostile.recorded_page(page)
    await expect(recorded.locator("#submit")).to_have_count(1)
    # All of its changes have been applied, too.
    await expect(page.get_by_role("slider").first).to_be_visible()
    await hostile.until_shown(recorded)
    await hostile.use(page, recorded)
    await asyncio.sleep(SETTLE_S)

    # A Playwright request is an intention; the browser must have stopped each one that is not for the installation:
    # by the policy, or because images in images (SVG's use) are never from elsewhere.
    ours = (f"{installation.url}/", "data:", "blob:", "about:")

    def foreign():
        return {request.url: request.failure for request in requests if not request.url.startswith(ours)}

    # The browser may take its time to report the result of each.
    await installation.until(lambda: foreign() and all(foreign().values()), "all of them have failed")
    assert elsewhere.reached == []
    assert {url: why for url, why in foreign().items() if why not in {"csp", "origin"}} == {}
    assert (opened_pages, dialogs) == ([], [])
    assert page.url.startswith(f"{installation.url}/sessions/{session}")
    # The scripts write to the top window, and to their own.
    for frame in (page.main_frame, recorded.owner.parent_frame, recorded.owner):
        assert await frame.evaluate("typeof window.__ran + typeof window.HOME") == "undefinedundefined"


async def test_the_replay_is_shut_in(installation, elsewhere, page, guard, sign_in):
    """The permissions of the document around the recorded page, as the browser sees them."""
    guard.allow(".")
    session = await _recorded(installation, elsewhere)
    await sign_in(page, f"/sessions/{session}")
    recorded = await hostile.recorded_page(page)
    sandbox = await (await recorded.owner.frame_element()).get_attribute("sandbox")
    assert set(sandbox.split()) == {"allow-same-origin"}
    # It cannot request the installation either: a recording must not use the viewer's token.
    assert await recorded.owner.evaluate("fetch('/healthz').then(() => 'asked', () => 'stopped')") == "stopped"


PLANTED = """
;globalThis.stolen = (async () => {
  const home = new URL(import.meta.url).origin;
  const tries = {
    origin: () => self.origin,
    cookies: () => document.cookie,
    storage: () => localStorage.length,
    token: () => sessionStorage.getItem("afterimage.token"),
    database: () => new Promise((done, fail) => {
      const request = indexedDB.open("console");
      request.onsuccess = () => done("opened");
      request.onerror = () => fail(new Error("refused"));
    }),
    caches: () => caches.keys(),
    parent: () => parent.document.title,
    top: () => top.sessionStorage.length,
    window: () => open(home)?.document.title ?? Promise.reject(new Error("no window")),
    frame: async () => {
      const frame = document.body.appendChild(document.createElement("iframe"));
      await new Promise((done) => {
        frame.onload = done;
        frame.contentWindow.location.replace(home);
        setTimeout(done, 1000);
      });
      try {
        return frame.contentWindow.sessionStorage.length;
      } finally {
        frame.remove();
      }
    },
    answer: async () => (await fetch(`${home}/healthz?planted`, { credentials: "include" })).text(),
    request: async () => (await fetch(`${home}/healthz?blind`, { mode: "no-cors", credentials: "include" })).type,
  };
  const found = {};
  for (const [name, attempt] of Object.entries(tries)) {
    try {
      found[name] = await attempt();
    } catch (error) {
      found[name] = "refused";
    }
  }
  return found;
})();
"""
"""A script that gets into the replay's document, as through a hole in the rebuild, and takes all it can."""


@pytest.mark.parametrize("without_policy", [False, True])
async def test_a_script_in_the_replay_reaches_nothing_of_the_console(
    without_policy, installation, elsewhere, new_context, guard, sign_in
):
    """Its own origin holds it, also where no policy does."""
    guard.allow(".")
    context = await new_context(bypass_csp=without_policy)
    await context.add_cookies([{"name": "secret", "value": "of-the-console", "url": installation.url}])
    sent = []
    context.on("request", lambda request: sent.append(request))  # noqa: PLW0108 - it looks at signatures

    async def plant(route):
        answer = await route.fetch()
        await route.fulfill(response=answer, body=await answer.text() + PLANTED)

    await context.route("**/assets/frameController-*.js", plant)
    page = await context.new_page()
    session = await _recorded(installation, elsewhere)
    await sign_in(page, f"/sessions/{session}")
    player = (await hostile.recorded_page(page)).owner.parent_frame
    found = await player.evaluate("globalThis.stolen")
    blind = found.pop("request")
    assert blind == ("opaque" if without_policy else "refused")
    assert found.pop("origin") == "null"
    tried = "cookies storage token database caches parent top window frame answer"
    assert found == dict.fromkeys(tried.split(), "refused")
    # The request of which it cannot see the answer has no cookie; that of the console's page has.
    cookies = {
        request.url: (await request.all_headers()).get("cookie") for request in sent if "/assets/" not in request.url
    }
    assert cookies.get(f"{installation.url}/healthz?blind") is None
    assert cookies[f"{installation.url}/sessions/{session}"] == "secret=of-the-console"
    # In the console itself all of it would be there.
    assert await page.evaluate("sessionStorage.getItem('afterimage.token')")
    assert "secret" in await page.evaluate("document.cookie")


async def test_the_replay_cannot_return_to_the_origin_of_the_console(installation, elsewhere, page, guard, sign_in):
    guard.allow(".")
    session = await _recorded(installation, elsewhere)
    await sign_in(page, f"/sessions/{session}")
    player = (await hostile.recorded_page(page)).owner.parent_frame
    element = await player.frame_element()
    assert await element.get_attribute("sandbox") == "allow-scripts"
    sees = []
    page.on("console", lambda message: sees.append(message.text) if message.text.startswith("sees ") else None)
    await page.route("**/player.html?back", lambda route: route.fulfill(content_type="text/html", body=SEES))
    await player.evaluate(
        "(home) => { setTimeout(() => { location.href = `${home}/player.html?back`; }); }", installation.url
    )

    # The console soon loads its own page again.
    assert await installation.until(lambda: sees, "it has navigated") == ["sees null refused"]


async def test_a_replay_that_is_loaded_again_works_again(installation, elsewhere, page, guard, sign_in):
    """As by the browser's menu for frames."""
    guard.allow(".")
    session = await _recorded(installation, elsewhere)
    await sign_in(page, f"/sessions/{session}")
    player = (await hostile.recorded_page(page)).owner.parent_frame
    await player.evaluate("globalThis.isOld = true; setTimeout(() => { location.reload(); });")

    async def is_new():
        with suppress(Error):  # it navigates now
            frames = [frame for frame in page.frames if frame.url.endswith("/player.html")]
            return frames and not await frames[0].evaluate("globalThis.isOld") and frames[0].child_frames
        return False

    await installation.until(is_new, "it was loaded again")
    recorded = await hostile.recorded_page(page)
    await expect(recorded.locator("#submit")).to_have_count(1)


async def _recorded(installation, elsewhere):
    at_ms = now_ms() - 10_000
    page = opened(at_ms, f"{elsewhere.url}/", hostile.nodes(elsewhere.url))
    return await installation.record([*page, *hostile.later(at_ms, elsewhere.url)])
