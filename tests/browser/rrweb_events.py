"""rrweb events as small as they can be, for sessions that are recorded over gRPC."""

from __future__ import annotations

import time


def now_ms():
    return int(time.time() * 1000)


def opened(at_ms, url="https://shop.example/checkout", body=()):
    """Opening of a page: Meta and FullSnapshot; `body` has serialised nodes, with ids from 10 on."""
    head = {"type": 2, "tagName": "head", "attributes": {}, "childNodes": [], "id": 3}
    page = {"type": 2, "tagName": "body", "attributes": {}, "childNodes": list(body), "id": 4}
    root = {"type": 2, "tagName": "html", "attributes": {"lang": "en"}, "childNodes": [head, page], "id": 2}
    node = {"type": 0, "childNodes": [root], "id": 1}
    return [
        {"type": 4, "timestamp": at_ms, "data": {"href": url, "width": 1280, "height": 720}},
        {"type": 2, "timestamp": at_ms + 1, "data": {"node": node, "initialOffset": {"top": 0, "left": 0}}},
    ]


def element(number, tag, attributes=None, *children):
    return {
        "type": 2,
        "id": number,
        "tagName": tag,
        "attributes": dict(attributes or {}),
        "childNodes": list(children),
    }


def text(number, words):
    return {"type": 3, "id": number, "textContent": words}


def click(at_ms, x=100, y=100, node=4):
    return {"type": 3, "timestamp": at_ms, "data": {"source": 2, "type": 2, "id": node, "x": x, "y": y}}


def rage(at_ms):
    """Ten clicks on one place within half a second."""
    return [click(at_ms + 50 * count) for count in range(10)]
