"""Small pages for the tests of names and selectors: HTML as rrweb serialises it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import count
from typing import Any

import msgspec

from services.audit.behaviour.targets.page_mirror import PageMirror
from services.audit.model import Target
from services.audit.rrweb import Data

Json = dict[str, Any]
VOID = {"area", "br", "hr", "img", "input", "link", "meta", "track", "use", "path"}

_data = msgspec.json.Decoder(Data)


class _Builder(HTMLParser):
    """Builds a tree. `x` marks the node that is clicked; `template shadowrootmode` is the shadow root of its parent,
    and the contents of `iframe` are its document."""

    def __init__(self, first_id: int) -> None:
        super().__init__()
        self.ids = count(first_id)
        self.document: Json = {"type": 0, "childNodes": [], "id": next(self.ids)}
        self.stack: list[Json] = [self.document]
        self.marked = 0
        self.by_key: dict[str, int] = {}
        self.in_svg = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        top = self.stack[-1]
        if tag == "template" and "shadowrootmode" in given:
            self.stack.append({"shadow": True, "host": top, "childNodes": []})
            return
        node: Json = {"type": 2, "tagName": tag, "childNodes": [], "id": next(self.ids)}
        if "x" in given:
            self.marked = node["id"]
            del given["x"]
        if "key" in given:
            self.by_key[given.pop("key") or ""] = node["id"]
        node["attributes"] = {name: True if value is None else value for name, value in given.items()}
        self.in_svg += tag == "svg"
        if self.in_svg:
            node["isSVG"] = True
        self._append(node)
        if tag not in VOID:
            self.stack.append(node)
            if tag == "iframe":
                document: Json = {"type": 0, "childNodes": [], "id": next(self.ids)}
                node["childNodes"].append(document)
                self.stack.append(document)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        closed = self.stack.pop()
        if closed.get("type") == 0 and tag == "iframe":
            closed = self.stack.pop()
        self.in_svg -= closed.get("tagName") == "svg"

    def handle_data(self, data: str) -> None:
        self._append({"type": 3, "textContent": data, "id": next(self.ids)})

    def _append(self, node: Json) -> None:
        top = self.stack[-1]
        if top.get("shadow"):
            node["isShadow"] = True
            top["host"]["isShadowHost"] = True
            top["host"]["childNodes"].append(node)
        else:
            top["childNodes"].append(node)


class Page:
    """A mirror of a page, given as the HTML of its body."""

    def __init__(self, html: str, first_id: int = 1) -> None:
        builder = _Builder(first_id)
        builder.feed(html if "<html" in html else f"<html><head><title>Shop</title></head><body>{html}</body></html>")
        self.tree = builder.document
        self.marked = builder.marked
        self.ids = builder.by_key
        self.mirror = PageMirror()
        self.mirror.begin(msgspec.Raw(json.dumps(self.tree).encode()))

    def target(self, key: str = "") -> Target:
        """The target of a click on the node marked with `x`, or with `key="..."`."""
        found = self.mirror.target_of(self.ids[key] if key else self.marked)
        assert found is not None
        return found

    def change(self, **lists: Any) -> None:
        """A mutation."""
        self.mirror.changes.append((0, _data.decode(json.dumps({"source": 0, **lists})), None))


def added(html: str, first_id: int) -> tuple[Json, dict[str, int]]:
    """The first element of some HTML, for a mutation, with the ids of its keys."""
    builder = _Builder(first_id)
    builder.feed(html)
    return builder.document["childNodes"][0], builder.by_key
