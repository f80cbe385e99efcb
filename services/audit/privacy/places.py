"""Where in a chunk a string stands: under which key, in which kind of event, and what that makes of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from services.audit.privacy.events import raws_decoder
from services.audit.privacy.urls import RESOURCE_KEYS, RESOURCE_TAGS
from services.audit.rrweb import EventType, IncrementalSource

if TYPE_CHECKING:
    from services.audit.privacy.events import Event

_LAYOUT_KEYS = frozenset(
    [
        "class",
        "d",
        "points",
        "transform",
        "gradientTransform",
        "patternTransform",
        "viewBox",
        "width",
        "height",
        "tagName",
        "type",
        "rel",
        "sizes",
        "media",
        "rr_width",
        "rr_height",
        "rr_scrollTop",
        "rr_scrollLeft",
        "offset",
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
        "cx",
        "cy",
        "r",
        "rx",
        "ry",
        "keyTimes",
        "values",
    ]
)
"""Attributes that lay a page out: never touched by rules."""

_STYLE_KEYS = frozenset({"_cssText", "style", "rule", "replace", "cssText", "replaceSync"})
_SOURCE_FIELDS: dict[int, str] = {
    IncrementalSource.INPUT: "input",
    IncrementalSource.STYLE_SHEET_RULE: "style",
    IncrementalSource.CANVAS_MUTATION: "canvas",
    IncrementalSource.FONT: "font",
    IncrementalSource.LOG: "console",
    IncrementalSource.STYLE_DECLARATION: "style",
    IncrementalSource.ADOPTED_STYLE_SHEET: "style",
}
_TYPE_FIELDS: dict[int, str] = {
    EventType.META: "url",
    EventType.CUSTOM: "custom",
    EventType.PLUGIN: "plugin",
    7: "asset",
}
_NODE_KEYS = frozenset({"textContent", "value"})
_TAG_BEFORE = re.compile(rb'"tagName"\s*:\s*"([^"]{1,64})"')
_SPACE = b" \t\r\n"
_MAX_KEY = 128
_TAG_REACH = 4096
"""Bytes before an `href` in which its element's tag is looked for: rrweb writes the tag right before the attributes."""


class Place(NamedTuple):
    """Where a string stands.

    Attributes:
        field: The class of field, for the counts.
        key: The attribute or field that it is the value of; "": running text.
        is_layout: Whether it lays the page out and is not to be touched.
        is_resource: Whether it names something that the page loads.
    """

    field: str
    key: str
    is_layout: bool = False
    is_resource: bool = False


class Places:
    """Tells where the strings of one chunk stand."""

    def __init__(self, text: bytes, events: list[Event]) -> None:
        """Finds the events in the text of a chunk."""
        self._text = text
        self._events = events
        self._starts: list[int] = []
        at = 0
        for raw in raws_decoder.decode(text):
            at = text.index(b"{", at)
            self._starts.append(at)
            at += len(raw)

    def of(self, start: int, end: int) -> Place:
        """Returns where the string from `start` to `end`, quotes included, stands."""
        text = self._text
        index = max(bisect_right(self._starts, start) - 1, 0)
        event = self._events[index]
        kind, source = event.type, None
        if kind == EventType.INCREMENTAL_SNAPSHOT and event.data is not UNSET:
            source = event.data.source
        is_node = kind == EventType.FULL_SNAPSHOT or source == IncrementalSource.MUTATION
        key = "" if _is_key(text, end) else _key_before(text, start)
        if is_node and key in _LAYOUT_KEYS:
            return Place("attribute", key, is_layout=True)
        field = _field(key, kind, source, is_node=is_node)
        resource = field == "style" or key in RESOURCE_KEYS or field == "asset"
        if key == "href" and is_node:
            tags = _TAG_BEFORE.findall(text, max(self._starts[index], start - _TAG_REACH), start)
            resource = bool(tags) and tags[-1].lower().decode(errors="replace") in RESOURCE_TAGS
        return Place(field, "" if key in _NODE_KEYS or field in {"style", "canvas"} else key, is_resource=resource)


def _field(key: str, kind: int, source: int | None, *, is_node: bool) -> str:
    if is_node:
        if key in _STYLE_KEYS:
            return "style"
        return "text" if key in {"textContent", ""} else "attribute"
    if source is not None:
        return _SOURCE_FIELDS.get(source, "other")
    return _TYPE_FIELDS.get(kind, "other")


def _is_key(text: bytes, end: int) -> bool:
    while text[end] in _SPACE:
        end += 1
    return text[end] == 0x3A


def _key_before(text: bytes, start: int) -> str:
    """Returns the key that the value at a place stands under; "" in an array, or if it is longer than a name."""
    at = start - 1
    while text[at] in _SPACE:
        at -= 1
    if text[at] != 0x3A:
        return ""
    at -= 1
    while text[at] in _SPACE:
        at -= 1
    first = text.rfind(b'"', max(0, at - _MAX_KEY), at)
    return text[first + 1 : at].decode(errors="replace") if first >= 0 else ""
