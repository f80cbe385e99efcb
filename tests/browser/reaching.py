"""Everything in a recorded page that can make a browser connect to another machine, each thing with a host of its own.

The hosts do not exist: `Listener.rules` are an argument for Chromium that leads them to a server of this machine, which
learns the host of each connection from its first bytes. A connection that is opened in advance has them too: a TLS
client sends the host's name first.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, suppress
from html import escape

from support.wait import PATIENCE_S

from .rrweb_events import click, element, opened, text

DOMAIN = "reach.test"
_HOST = re.compile(rb"([a-z0-9-]+)\.reach\.test")
_FIRST_BYTES = 4096


class Listener:
    """A server under all hosts of DOMAIN.

    Attributes:
        connected: Names of the hosts that were connected to, without DOMAIN; "?" for a connection without any bytes.
        rules: Chromium's argument that leads the hosts here, and all others nowhere.
    """

    def __init__(self):
        self.connected = set()
        self._writers = set()

    async def open(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.rules = (
            f"--host-resolver-rules=MAP *.{DOMAIN} 127.0.0.1:{port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, "
            "EXCLUDE localhost"
        )

    async def until_connected(self, names):
        """Waits until all of `names` were connected to.

        Raises:
            TimeoutError: Some were not.
        """
        async with asyncio.timeout(PATIENCE_S):
            while not set(names) <= self.connected:  # noqa: ASYNC110 - it asks a browser
                await asyncio.sleep(0.05)

    async def close(self):
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _accept(self, reader, writer):
        self._writers.add(writer)
        with suppress(OSError):
            first = await reader.read(_FIRST_BYTES)
            found = _HOST.search(first.lower())
            self.connected.add(found[1].decode() if found else "?")
        writer.close()
        self._writers.discard(writer)


@asynccontextmanager
async def listening():
    """Yields a Listener."""
    listener = Listener()
    await listener.open()
    try:
        yield listener
    finally:
        await listener.close()


def address(name):
    return f"https://{name}.{DOMAIN}/{name}"


RELS = {
    "stylesheet": {},
    "preload": {"as": "image"},
    "preload-fetch": {"rel": "preload", "as": "fetch", "crossorigin": ""},
    "preload-style": {"rel": "preload", "as": "style"},
    "preload-script": {"rel": "preload", "as": "script"},
    "preload-font": {"rel": "preload", "as": "font", "crossorigin": ""},
    "modulepreload": {},
    "prefetch": {},
    "preconnect": {},
    "preconnect-cors": {"rel": "preconnect", "crossorigin": ""},
    "dns-prefetch": {},
    "prerender": {},
    "icon": {},
    "shortcut": {"rel": "shortcut icon"},
    "apple-touch-icon": {},
    "mask-icon": {},
    "manifest": {},
    "search": {"type": "application/opensearchdescription+xml"},
    "alternate-style": {"rel": "alternate stylesheet", "title": "other"},
    "pingback": {},
    "import": {},
    "next": {},
    "compression-dictionary": {},
    "many": {"rel": "noreferrer PRECONNECT"},
}
"""Kinds of <link>, with their attributes beside href and, where it is not the name, rel."""


def elements(where, first):
    """Serialised nodes for a page's body.

    Args:
        where: Beginning of their hosts' names.
        first: The lowest node id; 200 ids are used.
    """
    ids = iter(range(first, first + 200))

    def to(name):
        return address(f"{where}-{name}")

    def node(tag, attributes=None, *children, **more):
        return {**element(next(ids), tag, attributes, *children), **more}

    def words(content):
        return text(next(ids), content)

    def svg(tag, attributes=None, *children):
        return node(tag, attributes, *children, isSVG=True)

    return [
        node("iframe", {"src": to("iframe")}),
        node("iframe", {"src": to("iframe-eager"), "loading": "eager", "sandbox": "allow-scripts"}),
        node("iframe", {"srcdoc": f"<img src='{to('srcdoc')}'><link rel=preconnect href='{to('srcdoc-link')}'>"}),
        node("iframe", {"src": f"data:text/html,<img src='{to('data-frame')}'>"}),
        node("iframe", {"src": f"javascript:fetch('{to('script-frame')}')"}),
        node("frame", {"src": to("frame")}),
        node("frameset", {}, node("frame", {"src": to("frameset")})),
        node("object", {"data": to("object"), "type": "text/html"}),
        node("object", {"data": to("object-any")}),
        node("object", {"data": to("object-pdf"), "type": "application/pdf"}),
        node("object", {"classid": to("classid"), "codebase": to("codebase")}),
        node("object", {}, node("param", {"name": "movie", "value": to("param")})),
        node("embed", {"src": to("embed"), "type": "text/html"}),
        node("embed", {"src": to("embed-any")}),
        node("applet", {"codebase": to("applet"), "archive": to("applet-archive")}),
        node("portal", {"src": to("portal")}),
        node("fencedframe", {"src": to("fencedframe")}),
        node("webview", {"src": to("webview")}),
        *[node("link", {"rel": name, "href": to(f"link-{name}"), **more}) for name, more in RELS.items()],
        node("link", {"rel": "preload", "as": "image", "imagesrcset": f"{to('imagesrcset')} 1x"}),
        node("meta", {"http-equiv": "Link", "content": f"<{to('meta-link')}>; rel=preconnect"}),
        node("meta", {"http-equiv": "X-DNS-Prefetch-Control", "content": "on"}),
        node("meta", {"http-equiv": "refresh", "content": f"0; url={to('refresh')}"}),
        node("script", {"src": to("script")}),
        node("script", {"type": "speculationrules"}, words(_speculation(to("speculation-text")))),
        node("script", {"type": "importmap"}, words(f'{{"imports": {{"a": "{to("importmap")}"}}}}')),
        node("img", {"src": to("img")}),
        node("img", {"srcset": f"{to('srcset')} 1x, {to('srcset-2x')} 2x"}),
        node("img", {"src": to("lazy"), "loading": "lazy"}),
        node("img", {"rr_dataURL": to("rr-data-url"), "src": ""}),
        node("img", {"src": to("attribution"), "attributionsrc": to("attributionsrc")}),
        node("image", {"src": to("image")}),
        node("picture", {}, node("source", {"srcset": to("source-srcset")}), node("img", {"src": to("picture")})),
        node("input", {"type": "image", "src": to("input")}),
        node("video", {"src": to("video"), "poster": to("poster"), "preload": "auto", "autoplay": "", "muted": ""}),
        node("video", {"rr_mediaState": "played"}, node("source", {"src": to("video-source")})),
        node("audio", {"src": to("audio"), "autoplay": "", "preload": "auto"}),
        node(
            "video",
            {"src": "data:video/mp4,"},
            node("track", {"src": to("track"), "default": "", "kind": "captions"}),
        ),
        node("bgsound", {"src": to("bgsound")}),
        node("canvas", {"rr_dataURL": to("canvas"), "width": "9", "height": "9"}),
        node(
            "table",
            {"background": to("table-background")},
            node("tbody", {}, node("tr", {}, node("td", {"background": to("td-background")}))),
        ),
        node("a", {"href": to("a"), "ping": to("ping"), "id": f"{where}-a"}, words("a link")),
        node("a", {"href": to("a-top"), "target": "_top", "id": f"{where}-a-top"}, words("a link")),
        node("map", {}, node("area", {"href": to("area"), "shape": "default", "ping": to("area-ping")})),
        node(
            "form",
            {"action": to("form"), "id": f"{where}-form"},
            node("button", {"formaction": to("formaction"), "type": "submit"}, words("send")),
        ),
        node("details", {"open": "", "name": "x"}, words("details")),
        node("blockquote", {"cite": to("cite")}, words("cited")),
        node("base", {"href": to("base")}),
        node("img", {"src": f"relative-of-{where}.png"}),
        svg(
            "svg",
            {"width": "20", "height": "20"},
            svg("image", {"href": to("svg-image"), "width": "9", "height": "9"}),
            svg("image", {"xlink:href": to("svg-xlink"), "width": "9", "height": "9"}),
            svg("use", {"href": f"{to('svg-use')}#a"}),
            svg("filter", {"id": f"{where}-filter"}, svg("feImage", {"href": to("svg-feimage")})),
            svg("rect", {"filter": f"url(#{where}-filter)", "width": "9", "height": "9"}),
            svg("rect", {"fill": f"url({to('svg-fill')}#p)", "width": "9", "height": "9"}),
            svg("rect", {"filter": f"url({to('svg-filter')}#p)", "width": "9", "height": "9"}),
            svg("rect", {"mask": f"url({to('svg-mask')}#p)", "width": "9", "height": "9"}),
            svg("rect", {"clip-path": f"url({to('svg-clip')}#p)", "width": "9", "height": "9"}),
            svg("path", {"marker-start": f"url({to('svg-marker')}#p)", "d": "M0 0L9 9"}),
            svg("rect", {"cursor": f"url({to('svg-cursor')}), auto", "width": "9", "height": "9"}),
            svg("a", {"href": to("svg-a")}, svg("text", {"y": "9"}, words("svg"))),
            svg("script", {"href": to("svg-script")}),
            svg("foreignObject", {"width": "9", "height": "9"}, node("img", {"src": to("svg-foreign")})),
            svg("style", {}, words(f"rect {{ stroke: red; background-image: url({to('svg-style')}) }}")),
            svg("linearGradient", {"href": f"{to('svg-gradient')}#g"}),
            svg("mpath", {"href": f"{to('svg-mpath')}#g"}),
            svg("set", {"href": "#x", "attributeName": "href", "to": to("svg-set")}),
            svg(
                "image",
                {"width": "9", "height": "9"},
                svg("set", {"attributeName": "href", "to": to("svg-animated"), "begin": "0s"}),
            ),
        ),
        node("math", {"href": to("math")}, words("x"), xmlns="http://www.w3.org/1998/Math/MathML"),
        node("div", {"style": f"background: url({to('style')}); height: 9px"}),
        node("div", {"style": f"background: image-set(url('{to('image-set')}') 1x); height: 9px"}),
        node("div", {"style": f"background: image-set('{to('image-set-text')}' 1x); height: 9px"}),
        node("div", {"style": f"--u: url({to('variable')}); background: var(--u); height: 9px"}),
        node("div", {"style": f"background: \\75rl({to('escaped')}); height: 9px"}),
        node("ul", {"style": f"list-style: url({to('list-style')})"}, node("li", {}, words("item"))),
        node("div", {"style": f"border-image: url({to('border-image')}) 1; border: 3px solid"}),
        node("div", {"style": f"mask-image: url({to('mask-image')}); height: 9px; background: red"}),
        node("div", {"style": f"filter: url({to('css-filter')}#f); height: 9px; background: red"}),
        node("div", {"style": f"shape-outside: url({to('shape')}); float: left; width: 9px; height: 9px"}),
        node("div", {"style": f"cursor: url({to('cursor')}), auto; height: 9px"}),
        node("div", {"style": f"content: url({to('content')})"}),
        node("style", {"_cssText": _sheet(to, "sheet")}),
        node("style", {}, words(_sheet(to, "sheet-text"))),
        node("link", {"rel": "stylesheet", "href": "#", "_cssText": _sheet(to, "sheet-link")}),
        node("p", {"class": f"{where}-font"}, words("words in fonts from elsewhere")),
        node(
            "div",
            {},
            node("img", {"src": to("shadow-img")}, isShadow=True),
            node("link", {"rel": "preconnect", "href": to("shadow-link")}, isShadow=True),
            node("iframe", {"src": to("shadow-iframe")}, isShadow=True),
            node("style", {"_cssText": f":host {{ background: url({to('shadow-style')}) }}"}, isShadow=True),
            isShadowHost=True,
        ),
        node("template", {"shadowrootmode": "open"}, node("img", {"src": to("template")})),
        node("noscript", {}, node("img", {"src": to("noscript")}), node("iframe", {"src": to("noscript-iframe")})),
        node("x-frame", {"src": to("custom")}, isCustom=True),
        node("IFRAME", {"SRC": to("upper-case")}),
        node("iframe", {"src": to("is-svg")}, isSVG=True),
    ]


def later(at_ms, where, targets):
    """Later events that lead elsewhere.

    Args:
        at_ms: Time of the first one.
        where: Beginning of their hosts' names.
        targets: Node ids by tag, for changes of attributes; "style" is that of a style sheet.
    """

    def to(name):
        return address(f"{where}-{name}")

    def change(offset_ms, source, **data):
        return {"type": 3, "timestamp": at_ms + offset_ms, "data": {"source": source, **data}}

    def attributes(offset_ms, tag, **values):
        one = {"id": targets[tag], "attributes": values}
        return change(offset_ms, 0, adds=[], removes=[], texts=[], attributes=[one])

    style = targets["style"]
    declared = {"property": "background-image", "value": f"url({to('declared')})", "priority": ""}
    return [
        attributes(10, "iframe", src=to("iframe")),
        attributes(20, "iframe", srcdoc=f"<img src='{to('srcdoc')}'>"),
        attributes(30, "object", data=to("object")),
        attributes(40, "embed", src=to("embed")),
        attributes(50, "link", href=to("link"), rel="preconnect"),
        attributes(60, "link", rel="prefetch"),
        attributes(70, "link", rel="dns-prefetch"),
        attributes(80, "link", rel="stylesheet"),
        attributes(90, "img", src=to("img"), srcset=f"{to('srcset')} 1x"),
        attributes(100, "video", src=to("video"), poster=to("poster")),
        attributes(110, "div", style=f"background: url({to('style')})"),
        attributes(120, "div", style={"background-image": f"url({to('style-om')})"}),
        attributes(130, "div", style={"border-image": [f"url({to('style-om-priority')}) 1", "important"]}),
        attributes(140, "div", background=to("background")),
        attributes(150, "style", _cssText=_sheet(to, "css-text")),
        attributes(155, "svg", href=to("svg-image")),
        change(160, 8, id=style, adds=[{"rule": f"p {{ background: url({to('rule')}) }}", "index": 0}]),
        change(165, 8, id=style, adds=[{"rule": f"@import url({to('rule-import')})", "index": 0}]),
        change(170, 8, id=style, replace=f"p {{ background: url({to('replaced')}) }}"),
        change(175, 8, id=style, replaceSync=f"p {{ background: url({to('replaced-sync')}) }}"),
        change(180, 13, id=style, index=[0], set=declared),
        change(190, 10, family="Reach", fontSource=f"url({to('font-face')})", buffer=False),
        change(
            200,
            15,
            id=1,
            styleIds=[1],
            styles=[{"styleId": 1, "rules": [{"rule": f"p {{ background: url({to('adopted')}) }}", "index": 0}]}],
        ),
        change(
            210,
            9,
            id=targets["canvas"],
            type=0,
            commands=[{"property": "drawImage", "args": [{"rr_type": "HTMLImageElement", "src": to("draw")}, 0, 0]}],
        ),
        change(220, 7, type=0, id=targets["video"], currentTime=0),
        change(
            230,
            0,
            adds=[],
            removes=[],
            attributes=[],
            texts=[{"id": targets["style-text"], "value": _sheet(to, "sheet")}],
        ),
    ]


def recording(at_ms, url="https://shop.example/reach"):
    """Events of a page that reaches out in its snapshot, in additions and in changes.

    Its last element has the id "end"; it is there when all else is, and its text is "Everything" after all changes.
    """
    targets = {"iframe": 900, "object": 901, "embed": 902, "link": 903, "img": 904, "video": 905, "div": 906}
    changed = [element(number, tag) for tag, number in targets.items()]
    changed += [
        element(907, "style", {"_cssText": "p { color: red }"}),
        {**element(908, "image"), "isSVG": True},
        element(909, "canvas"),
        element(910, "style", {}, text(911, "p { color: blue }")),
        element(920, "p", {"id": "end"}, text(921, "Something")),
    ]
    targets |= {"style": 907, "svg": 908, "canvas": 909, "style-text": 911}
    meta, snapshot = opened(at_ms, url, [*elements("full", 100), *changed])
    root = snapshot["data"]["node"]["childNodes"][0]
    root["attributes"]["manifest"] = address("full-html-manifest")
    root["childNodes"][1]["attributes"]["background"] = address("full-body-background")
    inner = {"type": 0, "id": 800, "childNodes": [_framed(801)]}
    return [
        meta,
        snapshot,
        _mutation(at_ms + 50, adds=_added(elements("added", 300), 4)),
        # A frame with a recorded document, which is rebuilt in a window of its own.
        _mutation(at_ms + 60, adds=[{"parentId": 4, "nextId": None, "node": element(799, "iframe")}]),
        _mutation(at_ms + 70, adds=[{"parentId": 799, "nextId": None, "node": inner}]),
        *later(at_ms + 100, "later", targets),
        _mutation(at_ms + 400, texts=[{"id": 921, "value": "Everything"}]),
        click(at_ms + 1_000),
        {"type": 3, "timestamp": at_ms + 3_000, "data": {"source": 3, "id": 1, "x": 0, "y": 0}},
    ]


def _framed(first):
    """A recorded document of a frame."""
    reaching = [
        element(first + 3, "iframe", {"src": address("framed-iframe")}),
        element(first + 4, "link", {"rel": "preconnect", "href": address("framed-link")}),
        element(first + 5, "img", {"src": address("framed-img")}),
        element(first + 6, "a", {"href": address("framed-a"), "id": "framed"}, text(first + 7, "a link")),
    ]
    return element(first, "html", {}, element(first + 1, "head"), element(first + 2, "body", {}, *reaching))


def _mutation(at_ms, **changes):
    nothing = {"adds": [], "removes": [], "texts": [], "attributes": []}
    return {"type": 3, "timestamp": at_ms, "data": {"source": 0, **nothing, **changes}}


def _added(nodes, parent):
    """The nodes as additions of a mutation, each without its children, which follow it."""
    adds = []
    for node in nodes:
        own = {**node, "childNodes": []} if "childNodes" in node else node
        adds += [{"parentId": parent, "nextId": None, "node": own}, *_added(node.get("childNodes", []), node["id"])]
    return adds


def _speculation(url):
    return f'{{"prefetch": [{{"urls": ["{url}"]}}], "prerender": [{{"urls": ["{url}"]}}]}}'


def _sheet(to, name):
    return (
        f"@import url({to(f'{name}-import')}); @import '{to(f'{name}-import-text')}';"
        f"@font-face {{ font-family: Reach-{name}; src: url({to(f'{name}-font')}) }}"
        f"p {{ font-family: Reach-{name}; background: url({to(f'{name}-rule')}) }}"
        f"p::before {{ content: url({to(f'{name}-before')}) }}"
        f"body {{ cursor: url({to(f'{name}-cursor')}), auto }}"
        f"@media all {{ div {{ background: url({to(f'{name}-media')}) }} }}"
        f"@namespace url({to(f'{name}-namespace')});"
    )


def as_page(nodes):
    """The nodes as HTML, as the browser got the page when it was recorded."""
    return f"<!doctype html><html><body>{''.join(map(_html, nodes))}</body></html>"


def _html(node):
    if node["type"] == 3:
        return node["textContent"]
    attributes = {name: value for name, value in node["attributes"].items() if name != "_cssText"}
    words = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    inside = node["attributes"].get("_cssText", "") + "".join(map(_html, node["childNodes"]))
    return f"<{node['tagName']}{words}>{inside}</{node['tagName']}>"
