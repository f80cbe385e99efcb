"""A recorded page that does everything a page can do to reach out or to run, and the server that it reaches for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from html import escape

from playwright.async_api import expect
from support.wait import PATIENCE_S

from .rrweb_events import element, text


class HostileServer:
    """A foreign server.

    Attributes:
        url: Its address.
        reached: Requested paths; "connection" for a connection without a request.
        pages: Its answers, by path; every other path gets an empty 200.
    """

    def __init__(self):
        self.reached = []
        self.pages = {}
        self._changed = asyncio.Condition()

    async def open(self):
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def until_reached(self, paths):
        """Waits until all of `paths` were asked for.

        Raises:
            TimeoutError: They were not.
        """
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: set(paths) <= set(self.reached))

    async def close(self):
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader, writer):
        place = len(self.reached)
        self.reached.append("connection")
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            async with self._changed:
                self.reached[place] = path
                self._changed.notify_all()
            kind, body = self.pages.get(path, ("text/plain", ""))
            content = body.encode()
            lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(content)}", "Connection: close"]
            writer.write("\r\n".join([*lines, "", ""]).encode() + content)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def elsewhere():
    """Yields a foreign server."""
    server = HostileServer()
    await server.open()
    try:
        yield server
    finally:
        await server.close()


RAN = "top.__ran = (top.__ran || []).concat"
"""Script that leaves a trace, if it can."""


def ran(what):
    return f"try {{ {RAN}('{what}') }} catch (e) {{}} try {{ fetch(window.HOME + '/ran-{what}') }} catch (e) {{}}"


def nodes(home):
    """The page's body: serialised rrweb nodes that name files of `home` and carry scripts."""

    def here(name):
        return f"{home}/{name}"

    inner = f"<script>top.__ran=['srcdoc']</script><img src='{here('srcdoc.png')}'>"
    return [
        element(10, "script", {}, text(11, f"window.HOME = '{home}'; {ran('script')}")),
        element(12, "script", {"src": here("script.js")}),
        element(13, "script", {"type": "module", "src": here("module.js")}),
        element(14, "img", {"src": here("img.png"), "onerror": ran("onerror"), "onload": ran("onload")}),
        element(15, "img", {"srcset": f"{here('srcset.png')} 1x", "onerror": ran("srcset")}),
        element(
            16, "a", {"href": f"javascript:{ran('link')}", "id": "script-link"}, text(17, "A link that is a script")
        ),
        element(
            18, "a", {"href": here("page.html"), "target": "_top", "id": "link", "ping": here("ping")}, text(19, "Out")
        ),
        element(
            20,
            "form",
            {"action": here("form"), "method": "post", "target": "_top", "onsubmit": ran("onsubmit")},
            element(21, "input", {"name": "card", "value": "4111", "autofocus": "", "onfocus": ran("onfocus")}),
            element(
                22, "button", {"type": "submit", "id": "submit", "formaction": here("formaction")}, text(23, "Pay")
            ),
            element(24, "input", {"type": "image", "src": here("input.png")}),
        ),
        element(25, "iframe", {"src": here("frame.html")}),
        element(26, "iframe", {"srcdoc": inner}),
        element(27, "iframe", {"src": f"javascript:{ran('frame')}"}),
        element(28, "object", {"data": here("object.swf"), "type": "application/x-shockwave-flash"}),
        element(29, "object", {"data": here("object.html")}),
        element(30, "embed", {"src": here("embed.html")}),
        element(31, "video", {"src": here("video.mp4"), "poster": here("poster.png"), "autoplay": "", "muted": ""}),
        element(32, "audio", {"autoplay": ""}, element(33, "source", {"src": here("audio.mp3")})),
        element(34, "div", {"style": f"background: url({here('style.png')}); height: 10px"}),
        element(
            35,
            "style",
            {
                "_cssText": f"@import url({here('import.css')});"
                f"@font-face {{ font-family: X; src: url({here('font.woff2')}) }}"
                f"p {{ font-family: X; background: url({here('rule.png')}) }}"
            },
        ),
        element(36, "p", {}, text(37, "Words in a font from elsewhere")),
        *[
            element(40 + count, "link", {"rel": rel, "href": here(rel), **extra})
            for count, (rel, extra) in enumerate(
                [
                    ("stylesheet", {}),
                    ("prefetch", {}),
                    ("preconnect", {}),
                    ("dns-prefetch", {}),
                    ("preload", {"as": "image"}),
                    ("modulepreload", {}),
                    ("prerender", {}),
                    ("icon", {}),
                    ("manifest", {}),
                ]
            )
        ],
        {
            **element(50, "svg", {"onload": ran("svg"), "width": "20", "height": "20"}),
            "isSVG": True,
            "childNodes": [
                {**element(51, "image", {"href": here("svg-image.png"), "width": "9", "height": "9"}), "isSVG": True},
                {**element(52, "use", {"href": f"{here('use.svg')}#a"}), "isSVG": True},
                {**element(53, "script", {}, text(54, ran("svg-script"))), "isSVG": True},
            ],
        },
        {
            **element(55, "div", {}),
            "isShadowHost": True,
            "childNodes": [
                {**element(56, "img", {"src": here("shadow.png"), "onerror": ran("shadow")}), "isShadow": True}
            ],
        },
        element(57, "canvas", {"rr_dataURL": here("canvas.png"), "width": "9", "height": "9"}),
        element(58, "details", {"open": "", "ontoggle": ran("ontoggle")}, text(59, "details")),
        element(60, "meta", {"http-equiv": "refresh", "content": f"0; url={here('refresh')}"}),
        element(61, "base", {"href": here("base/")}),
        element(62, "img", {"src": "relative.png"}),
        element(63, "marquee", {"onstart": ran("marquee")}, text(64, "m")),
    ]


def later(at_ms, home):
    """Returns later events: changes that reference more of `home`."""

    def change(offset_ms, source, **data):
        return {"type": 3, "timestamp": at_ms + offset_ms, "data": {"source": source, **data}}

    def mutation(offset_ms, *, adds=(), attributes=()):
        return change(offset_ms, 0, adds=list(adds), removes=[], texts=[], attributes=list(attributes))

    added = element(80, "img", {"src": f"{home}/added.png", "onerror": ran("added")})
    script = element(81, "script", {"src": f"{home}/added.js"})
    frame = element(82, "iframe", {"src": f"{home}/added.html"})
    rule = {"rule": f"p {{ border-image: url({home}/inserted.png) 1 }}", "index": 0}
    background = {"background": f"url({home}/changed-style.png)"}
    picture = {"rr_type": "HTMLImageElement", "src": f"{home}/draw.png"}
    sheet = {"rule": f"@import url({home}/adopted.css)"}
    return [
        mutation(100, adds=[{"parentId": 4, "nextId": None, "node": node} for node in (added, script, frame)]),
        mutation(200, attributes=[{"id": 14, "attributes": {"src": f"{home}/changed.png", "onerror": ran("changed")}}]),
        mutation(250, attributes=[{"id": 16, "attributes": {"onclick": ran("onclick")}}]),
        mutation(300, attributes=[{"id": 25, "attributes": {"src": f"{home}/changed.html"}}]),
        mutation(350, attributes=[{"id": 34, "attributes": {"style": background}}]),
        change(400, 8, id=35, adds=[rule]),
        change(450, 10, family="Y", fontSource=f"url({home}/fontface.woff2)", buffer=False),
        change(500, 15, id=1, styleIds=[1], styles=[{"styleId": 1, "rules": [sheet]}]),
        change(
            550,
            9,
            id=57,
            type=0,
            commands=[{"property": "drawImage", "args": [picture, 0, 0]}],
        ),
        change(600, 7, type=0, id=31, currentTime=0),
        change(700, 2, type=2, id=22, x=50, y=50),
        change(3_000, 3, id=1, x=0, y=0),
    ]


def as_page(home):
    """The same page as HTML, as the browser got it when it was recorded."""
    return f"<!doctype html><html><body>{''.join(map(_html, nodes(home)))}</body></html>"


def _html(node):
    if node["type"] == 3:
        return node["textContent"]
    attributes = {name: value for name, value in node["attributes"].items() if name not in {"_cssText", "rr_dataURL"}}
    words = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    inside = node["attributes"].get("_cssText", "") + "".join(map(_html, node["childNodes"]))
    return f"<{node['tagName']}{words}>{inside}</{node['tagName']}>"


class Recorded:
    """The frame that shows the recorded page."""

    def __init__(self, owner):
        self.owner = owner

    def locator(self, selector):
        return self.owner.locator(selector)


async def recorded_page(page):
    """Waits for the frame inside the replay's document; the recorded page's own frames are inside that one."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for frame in page.frames:
                parent = frame.parent_frame
                if parent is not None and parent.url.endswith("/player.html"):
                    return Recorded(frame)
            await asyncio.sleep(0.05)


async def until_shown(recorded):
    """Waits until the last change of the recording is in the page."""
    added = recorded.locator("img[src*='added.png'], img[rr_src*='added.png']")
    await expect(added).to_have_count(1, timeout=PATIENCE_S * 1000)


async def use(page, recorded):
    """Acts like a curious viewer: clicks, and presses Enter, on everything that leads somewhere."""
    for selector in ("#script-link", "#link", "#submit", "img", "details"):
        for kind in ("click", "auxclick", "mouseover", "error", "load", "submit"):
            await recorded.locator(selector).first.dispatch_event(kind)
    for selector in ("#script-link", "#link", "#submit"):
        box = await recorded.locator(selector).bounding_box()
        if box is not None:
            await page.mouse.click(box["x"] + 2, box["y"] + 2)
            await page.keyboard.press("Enter")
