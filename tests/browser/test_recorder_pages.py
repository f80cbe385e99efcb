"""Pages that are hard to record: each problem is reported once in the console and by status(); no page breaks."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager

from . import sites
from .recorded import FULL_SNAPSHOT, META, notices, recording, settled, status, stored, windows


def _warnings(page):
    """Collects the recorder's console messages."""
    found = []
    page.on("console", lambda message: found.append(message.text) if message.type == "warning" else None)
    return found


def _ours(warnings):
    return [text for text in warnings if text.startswith("Afterimage: ")]


async def _stopped(installation, page, state="stopped"):
    async def look():
        return (await status(page))["state"] == state

    await installation.until(look, f"the recorder is {state}")


async def test_a_strict_policy_that_names_the_installation(installation, page, serve):
    host = installation.url.removeprefix("http://")
    policy = (
        f"default-src 'none'; img-src data:; script-src http://{host}; connect-src http://{host} ws://{host}; "
        "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; form-action 'none'"
    )
    url = await serve({"/": sites.document(sites.tag(installation.url))}, Content_Security_Policy=policy)
    warnings = _warnings(page)
    await page.goto(url)
    session = await recording(installation, page)
    await page.click("h1")
    await settled(installation, page)
    window = await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    assert window.is_whole
    assert (await status(page))["transport"] == "websocket"
    assert _ours(warnings) == []


async def test_a_strict_policy_without_websockets(installation, page, serve, guard):
    guard.allow("Content Security Policy")
    host = installation.url.removeprefix("http://")
    policy = f"script-src http://{host}; connect-src http://{host}"
    url = await serve({"/": sites.document(sites.tag(installation.url))}, Content_Security_Policy=policy)
    warnings = _warnings(page)
    await page.goto(url)
    session = await recording(installation, page)
    await page.click("h1")
    await settled(installation, page)
    assert (await status(page))["transport"] == "http"
    assert f'add "http://{host} ws://{host}" to connect-src' in (await notices(page))["csp"]
    assert len(_ours(warnings)) == 1
    window = await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    assert window.is_whole


async def test_a_strict_policy_that_forbids_everything(installation, page, serve, guard):
    guard.allow("Content Security Policy|Failed to fetch|violates")
    host = installation.url.removeprefix("http://")
    policy = f"script-src http://{host}; connect-src 'self'"
    url = await serve({"/": sites.document(sites.tag(installation.url))}, Content_Security_Policy=policy)
    warnings = _warnings(page)
    await page.goto(url)
    await _stopped(installation, page)
    words = (await notices(page))["csp"]
    assert "nothing is recorded" in words
    assert f"ws://{host}" in words
    assert f"Afterimage: {words}" in warnings


async def test_no_websocket(installation, page, context):
    await context.add_init_script("delete window.WebSocket")
    await page.goto(f"{installation.url}/demo/")
    session = await recording(installation, page)
    await page.click('[data-kind="lamp"]')
    await settled(installation, page)
    assert (await status(page))["transport"] == "http"
    assert "no WebSocket" in (await notices(page))["no_websocket"]
    await page.goto(f"{installation.url}/demo/journal.html")
    await recording(installation, page)
    await settled(installation, page)
    window = await stored(installation, session, lambda one: len(one.of_type(META)) == 2)
    assert window.is_whole


async def test_a_proxy_that_strips_the_upgrade(installation, page, serve, guard):
    guard.allow("426|WebSocket")
    async with _stripping(installation.port) as url:
        await page.goto(await serve({"/": sites.document(sites.tag(installation.url, endpoint=url))}))
        session = await recording(installation, page)
        await settled(installation, page)
        assert (await status(page))["transport"] == "http"
        assert "a proxy that strips the upgrade" in (await notices(page))["no_upgrade"]
    assert (await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))).is_whole


async def test_no_storage(installation, page, context, serve):
    await context.add_init_script(
        """for (const name of ["localStorage", "sessionStorage"]) {
          Object.defineProperty(window, name, {get() { throw new DOMException("denied", "SecurityError"); }});
        }"""
    )
    url = await serve({"/": sites.document(sites.tag(installation.url))})
    warnings = _warnings(page)
    await page.goto(url)
    session = await recording(installation, page)
    await settled(installation, page)
    assert "each page is a separate session" in (await notices(page))["no_storage"]
    assert len(_ours(warnings)) == 1
    await page.reload()
    again = await recording(installation, page)
    assert again != session
    await settled(installation, page)
    for each in (session, again):
        assert (await stored(installation, each, lambda one: one.of_type(FULL_SNAPSHOT))).is_whole


async def test_a_page_within_a_page_of_another_origin(installation, page, serve):
    inner = (await serve({"/": sites.document(sites.tag(installation.url))})).replace("localhost", "127.0.0.1")
    await page.goto(
        await serve({"/": sites.document(body=f'<iframe src="{inner}/" width="400" height="300"></iframe>')})
    )
    frame = next(each for each in page.frames if each.url.startswith(inner))
    session = await recording(installation, frame)
    await settled(installation, frame)
    window = await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    assert window.of_type(META)[0]["data"]["href"] == f"{inner}/"


async def test_a_page_within_a_recorded_page(installation, page, serve):
    script = sites.tag(installation.url)
    body = '<h1>Around</h1><iframe src="/inner" width="400" height="300"></iframe>'
    pages = {"/": sites.document(script, body), "/inner": sites.document(script, "<h1>Within</h1>")}
    url = await serve(pages)
    await page.goto(url)
    session = await recording(installation, page)
    frame = page.frames[1]
    await _stopped(installation, frame, "framed")
    await frame.click("h1")
    await settled(installation, page)
    window = await stored(installation, session, lambda one: one.customs("afterimage.page"))
    assert any(size["frames"] for size in window.customs("afterimage.page"))
    assert len(await windows(installation, session)) == 1


async def test_a_sandboxed_page(installation, page, serve, guard):
    guard.allow("CORS|ERR_|Access-Control|403")
    inner = sites.document(sites.tag(installation.url))
    outer = sites.document(body='<iframe src="/inner" sandbox="allow-scripts"></iframe>')
    url = await serve({"/": outer, "/inner": inner})
    await page.goto(url)
    frame = page.frames[1]
    await installation.until(lambda: _says(frame, "unreachable"), "the notice")
    assert "is this origin among" in (await notices(frame))["unreachable"]


async def _says(page, code):
    return code in await notices(page)


FILLING = """
const filling = document.createElement("div");
filling.hidden = true;
for (let part = 0; part < PARTS; part += 1) {
  const text = TEXT;
  filling.append(Object.assign(document.createElement("p"), {textContent: text}));
}
document.body.append(filling);
"""
LOREM = FILLING.replace("PARTS", "20").replace("TEXT", "String(part).padEnd(1_048_576, 'lorem ipsum ')")
NOISE = FILLING.replace("PARTS", "90").replace(
    "TEXT", "String.fromCharCode(...crypto.getRandomValues(new Uint16Array(32_768)))"
)


async def test_a_snapshot_of_20_mb(installation, page, serve):
    body = f"<h1>Large</h1><script>{LOREM}</script>"
    url = await serve({"/": sites.document(sites.tag(installation.url), body)})
    await page.goto(url)
    session = await recording(installation, page)
    await settled(installation, page)
    window = await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    assert len(str(window.of_type(FULL_SNAPSHOT)[0])) > 20_000_000
    assert window.is_whole
    assert window.losses == []


async def test_a_snapshot_that_is_larger_than_is_taken(installation, page, serve):
    body = f"<h1>Noisy</h1><script>{NOISE}</script><button>Go on</button>"
    url = await serve({"/": sites.document(sites.tag(installation.url), body)})
    warnings = _warnings(page)
    await page.goto(url)
    session = await recording(installation, page)
    await page.click("button")
    await settled(installation, page)
    window = await stored(installation, session, lambda one: one.losses)
    # It is tried as it is, then with boxes for inlined contents, of which the limit falls after some seconds each.
    assert {loss["reason"] for loss in window.losses} == {"too_large"}
    assert len(window.losses) <= 4
    assert all("exceeds the limit of the installation" in loss["detail"] for loss in window.losses)
    assert window.of_type(FULL_SNAPSHOT) == []
    assert window.is_whole
    assert window.of_type(META)
    assert len(_ours(warnings)) == 1
    assert "a part of this page is missing" in (await notices(page))["too_large"]


async def test_100_000_elements(installation, page, serve):
    script = """
    for (let row = 0; row < 1000; row += 1) {
      const line = document.createElement("div");
      for (let cell = 0; cell < 99; cell += 1) line.append(document.createElement("i"));
      document.body.append(line);
    }
    """
    body = f"<h1>Many</h1><script>{script}</script><button>Go on</button>"
    url = await serve({"/": sites.document(sites.tag(installation.url), body)})
    await page.goto(url)
    session = await recording(installation, page)
    await page.click("button")
    await settled(installation, page)
    assert re.search(r"this page has 1000\d\d elements; .* took \d+ ms", (await notices(page))["many_elements"])
    window = await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    assert window.is_whole
    assert str(window.of_type(FULL_SNAPSHOT)[0]).count("'tagName': 'i'") == 99_000


async def test_more_elements_than_are_recorded(installation, page, serve):
    body = "<h1>Some</h1>" + "<i></i>" * 300
    url = await serve({"/": sites.document(body=body + sites.starter(installation.url, maxElements=250))})
    await page.goto(url)
    await _stopped(installation, page)
    assert "more than 250, and is not recorded" in (await notices(page))["too_many_elements"]


async def test_a_key_that_there_is_not(installation, page, serve, guard):
    guard.allow("401")
    url = await serve({"/": sites.document(sites.tag(installation.url, key="pk_wrong"))})
    await page.goto(url)
    await _stopped(installation, page)
    assert 'knows no project with the key "pk_wrong"' in (await notices(page))["refused"]


async def test_options_that_are_wrong(installation, page, serve):
    script = sites.starter(installation.url, sampleRate=7, tags="none", maxQueueBytes="much")
    url = await serve({"/": sites.document(body=script)})
    warnings = _warnings(page)
    await page.goto(url)
    await recording(installation, page)
    said = await notices(page)
    assert said["option_sampleRate"] == "sampleRate must be a number from 0 to 1"
    assert {"option_tags", "option_maxQueueBytes"} <= set(said)
    assert len(_ours(warnings)) == 3


@asynccontextmanager
async def _stripping(port):
    """Yields the address of a proxy that passes everything on except the Upgrade header."""

    async def link(reader, writer):
        back, there = await asyncio.open_connection("127.0.0.1", port)

        async def forth():
            while data := await reader.read(65_536):
                there.write(re.sub(rb"(?i)\r\nupgrade: websocket", b"", data))
                await there.drain()
            there.close()

        async def answers():
            while data := await back.read(65_536):
                writer.write(data)
                await writer.drain()
            writer.close()

        try:
            await asyncio.gather(forth(), answers())
        except OSError:
            pass
        finally:
            there.transport.abort()
            writer.transport.abort()

    server = await asyncio.start_server(link, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
