"""Pages that change the recorder's tools: the stored events are rrweb's, and the replay ends as the page does."""

from __future__ import annotations

import json

import pytest

from . import changed_realms as realms
from . import sites
from .recorded import CLICK, FULL_SNAPSHOT, INCREMENTAL, META, MOUSE_INTERACTION, MUTATION, stored, windows
from .replayed import OUTLINE, replayed

BODY = """
<h1>Shop</h1><ul id="list"><li class="a b">one<li>two</ul>
<button id="buy" style="position: fixed; left: 0; top: 0; width: 100px; height: 40px">Buy</button>
<script>
document.getElementById("buy").onclick = function () {
  var item = document.createElement("li");
  item.className = "added";
  item.textContent = "bought \\u00e9 \\"quoted\\"";
  document.getElementById("list").appendChild(item);
  document.getElementsByTagName("h1")[0].firstChild.data = "Bought";
  document.getElementById("list").setAttribute("data-state", "full");
  document.getElementById("list").removeChild(document.getElementById("list").children[0]);
};
</script>
"""


class HostileTab:
    """A tab with a page that has unreliable JavaScript: it is asked over the DevTools protocol."""

    def __init__(self, page, session):
        self.page = page
        self._session = session

    async def evaluate(self, expression, **options):
        answer = await self._session.send(
            "Runtime.evaluate", {"expression": expression, "returnByValue": True, **options}
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def status(self):
        """Returns the recorder's status, as V8 reads it: JSON.stringify may be anything here."""
        return await self.evaluate("window.Afterimage ? Afterimage.status() : {state: 'absent', notices: []}") or {}

    async def notices(self):
        return {each["code"]: each["message"] for each in (await self.status())["notices"]}

    async def outline(self):
        """Returns the page's outline, made in a world with JavaScript of its own."""
        frame = (await self._session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        world = await self._session.send("Page.createIsolatedWorld", {"frameId": frame})
        text = await self.evaluate(f"JSON.stringify(({OUTLINE})(document))", contextId=world["executionContextId"])
        return json.loads(text)

    async def recording(self, installation):
        async def is_recording():
            return (await self.status())["state"] == "recording"

        await installation.until(is_recording, "the recorder records")
        return (await self.status())["sessionId"]

    async def settled(self, installation):
        async def is_settled():
            now = await self.status()
            return now["state"] == "recording" and now["queuedEvents"] == 0

        await installation.until(is_settled, "everything is acknowledged")


@pytest.fixture
def opened(page, guard):
    async def open_page(url):
        guard.allow(".*")  # these pages break many scripts
        session = await page.context.new_cdp_session(page)
        await page.goto(url)
        return HostileTab(page, session)

    return open_page


def _site(installation, script, body=BODY, **tag):
    return {"/": sites.document(f"<script>{script}</script>" + sites.tag(installation.url, **tag), body)}


def _is_clicked(window):
    clicks = [one for one in window.of_source(MOUSE_INTERACTION) if one["type"] == CLICK]
    return clicks and any(one["adds"] for one in window.of_source(MUTATION))


def assert_rrweb(events):
    """Asserts that events have rrweb's types: lists are lists, and times are times."""
    for event in events:
        assert isinstance(event["type"], int)
        assert event["timestamp"] > 1_700_000_000_000
        assert isinstance(event["data"], dict)
    for event in events:
        if event["type"] == FULL_SNAPSHOT:
            assert isinstance(event["data"]["node"]["childNodes"], list)
        if event["type"] == INCREMENTAL and event["data"]["source"] == MUTATION:
            assert all(isinstance(event["data"][name], list) for name in ("adds", "removes", "texts", "attributes"))


async def _is_recorded(installation, tab, new_context):
    """Clicks, and asserts that the recording is rrweb's and whole; returns the session and the window."""
    session = await tab.recording(installation)
    await tab.page.mouse.click(50, 20)
    window = await stored(installation, session, _is_clicked, "the click and its effects")
    await tab.settled(installation)
    window = await stored(installation, session, _is_clicked)
    assert_rrweb(window.events)
    assert window.is_whole
    assert [event["type"] for event in window.events if event["type"] in (META, FULL_SNAPSHOT)][:2] == [
        META,
        FULL_SNAPSHOT,
    ]
    shown = await tab.outline()
    assert "Bought" in json.dumps(shown)
    assert await replayed(await new_context(), window.events) == shown
    return session, window


KINDS = {
    name: getattr(realms, name)
    for name in (
        "PROTOTYPE_1_6",
        "PROTOTYPE_1_7",
        "MOOTOOLS",
        "ZONE",
        "FROZEN",
        "POLLUTED",
        "OLD_COLLECTIONS",
        "CLOCKS",
        "A_FIXED_DATE",
        "NO_OBSERVER",
        "DEAF_OBSERVERS",
        "AN_OBSERVER_THAT_LOOKS_NATIVE",
        "DEAF_LISTENERS",
        "STUBBORN_HISTORY",
        "BROKEN_CONSOLE",
        "BROKEN_STORAGE",
    )
}


# A library that replaces methods, one that wraps callbacks, closed prototypes, clocks, and observers.
@pytest.mark.catalogue("PROTOTYPE_1_7", "ZONE", "FROZEN", "CLOCKS", "DEAF_OBSERVERS")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_that_changes_javascript_before(installation, serve, opened, new_context, kind):
    tab = await opened(await serve(_site(installation, KINDS[kind])))
    await _is_recorded(installation, tab, new_context)


@pytest.mark.catalogue("OLD_COLLECTIONS")
@pytest.mark.parametrize("kind", ["PROTOTYPE_1_6", "MOOTOOLS", "FROZEN", "OLD_COLLECTIONS", "DEAF_OBSERVERS"])
async def test_a_page_that_changes_javascript_after(installation, serve, opened, new_context, kind):
    head = f'<script src="{installation.url}/recorder.js" data-key="pk_demo"></script><script>{KINDS[kind]}</script>'
    tab = await opened(await serve({"/": sites.document(head, BODY)}))
    await _is_recorded(installation, tab, new_context)


@pytest.mark.catalogue("MOOTOOLS")
@pytest.mark.parametrize("kind", ["PROTOTYPE_1_6", "MOOTOOLS"])
async def test_a_page_without_frames(installation, serve, opened, new_context, kind):
    tab = await opened(
        await serve(_site(installation, KINDS[kind].replace("JSON = {", "JSON2 = {") + realms.NO_FRAMES))
    )
    await _is_recorded(installation, tab, new_context)


async def test_a_policy_without_frames(installation, serve, opened, new_context):
    policy = "frame-src 'none'; child-src 'none'; object-src 'none'; worker-src 'none'"
    url = await serve(_site(installation, realms.PROTOTYPE_1_6), Content_Security_Policy=policy)
    await _is_recorded(installation, await opened(url), new_context)


@pytest.mark.catalogue("ENDLESS_COMPRESSION", "BLOCKER")
@pytest.mark.parametrize(
    ("script", "part"),
    [
        ("THROWING_COMPRESSION", "compression"),
        ("ENDLESS_COMPRESSION", "compression"),
        ("FALSE_COMPRESSION", "compression"),
        ("THROWING_FETCH", "the page's fetch"),
        ("REJECTING_FETCH", "the page's fetch"),
        ("SILENT_FETCH", "the page's fetch"),
        ("EMPTY_FETCH", "the page's fetch"),
        ("BLOCKER", "the page's fetch"),
    ],
)
async def test_recording_goes_on_without_a_part(installation, serve, opened, new_context, script, part):
    tab = await opened(await serve(_site(installation, getattr(realms, script))))
    await _is_recorded(installation, tab, new_context)
    status = await tab.status()
    assert part in status["without"]
    assert any(f"recording without {part}" in message for message in (await tab.notices()).values())


@pytest.mark.catalogue("THROWING_SOCKET")
@pytest.mark.parametrize(
    ("script", "notice"),
    [
        ("THROWING_SOCKET", "websocket_failed"),
        ("SILENT_SOCKET", "websocket_silent"),
        ("A_SOCKET_THAT_OPENS", "websocket_silent"),
    ],
)
async def test_a_socket_that_does_not_work(installation, serve, opened, new_context, script, notice):
    tab = await opened(await serve(_site(installation, getattr(realms, script))))
    await _is_recorded(installation, tab, new_context)
    assert (await tab.status())["transport"] == "http"
    assert "by POST" in (await tab.notices())[notice]


@pytest.mark.catalogue("")
@pytest.mark.parametrize("end", ["document.close();", ""])
async def test_a_page_that_is_written_anew(installation, serve, opened, new_context, end):
    tab = await opened(await serve(_site(installation, "", "<h1>Before</h1><p>old</p>")))
    session = await tab.recording(installation)
    again = json.dumps(f"<!doctype html><title>Anew</title><body>{BODY}</body>")
    await tab.evaluate(f"document.open(); document.write({again}); {end}")

    def has_both(window):
        return len(window.of_type(FULL_SNAPSHOT)) == 2

    await stored(installation, session, has_both, "a second snapshot")
    assert (await _is_recorded(installation, tab, new_context))[0] == session
    assert "written anew" in (await tab.notices())["silenced"]
    # Its listeners are back as well: unsent events leave with the page.
    await tab.evaluate("document.body.append('last words'); location.href = 'about:blank'")
    await stored(installation, session, lambda window: "last words" in json.dumps(window.events), "the beacon")


async def test_a_page_that_replaces_its_root(installation, serve, opened, new_context):
    tab = await opened(await serve(_site(installation, "")))
    session = await tab.recording(installation)
    await tab.evaluate("document.replaceChild(document.documentElement.cloneNode(true), document.documentElement)")
    await tab.evaluate("document.body.append('after the clone')")
    await stored(installation, session, lambda window: "after the clone" in json.dumps(window.events), "the change")


FILLING = """
(function () {
  [localStorage, PLACES].forEach(function (storage) {
    if (!storage) return;
    for (var size = 1048576; size >= 1; size = size >> 1) {
      try { for (;;) storage.setItem("fill" + storage.length, "x".repeat(size)); } catch (error) {}
    }
    try { for (;;) storage.setItem("" + storage.length, ""); } catch (error) {}
  });
})();
"""


async def test_three_pages_of_a_tab_whose_local_storage_is_full(installation, page, serve):
    script = FILLING.replace("PLACES", "null")
    paths = ("/", "/two", "/three")
    pages = {path: sites.document(f"<script>{script}</script>{sites.tag(installation.url)}") for path in paths}
    url = await serve(pages)
    sessions = set()
    for path in paths:
        await page.goto(url + path)
        tab = HostileTab(page, await page.context.new_cdp_session(page))
        sessions.add(await tab.recording(installation))
        await tab.settled(installation)
        assert "each tab is a separate session" in (await tab.notices())["no_local_storage"]
    (session,) = sessions
    assert len(await windows(installation, session)) == 1


async def test_a_tab_whose_storage_is_all_full(installation, page, serve):
    script = FILLING.replace("PLACES", "sessionStorage")
    await page.goto(await serve({"/": sites.document(f"<script>{script}</script>{sites.tag(installation.url)}")}))
    tab = HostileTab(page, await page.context.new_cdp_session(page))
    await tab.recording(installation)
    assert "each page is a separate session" in (await tab.notices())["no_storage"]
