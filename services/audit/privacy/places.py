"""Where in a chunk a string stands: under which key, in which kind of event, and what that makes of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from services.audit.privacy.events import raws_decoder
from services.audit.privacy.urls import RESOURCE_KEYS, RESOURCE_TAGS
from services.audit.rrweb import NOTHING, EventType, IncrementalSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.audit.payload import Decoded
    from services.audit.privacy.edits import Edits
    from services.audit.privacy.scan import Span
    from services.audit.rrweb import Data

# Plain numbers: an IntEnum's comparison costs more than all else that is done with most events.
_FULL_SNAPSHOT, _INCREMENTAL = int(EventType.FULL_SNAPSHOT), int(EventType.INCREMENTAL_SNAPSHOT)
_MUTATION = int(IncrementalSource.MUTATION)

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
_EMPTY = 2
"""Bytes of `[]`."""

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
        is_node: Whether it stands in a snapshot or a mutation.
    """

    field: str
    key: str
    is_layout: bool = False
    is_resource: bool = False
    is_node: bool = False


Tree: TypeAlias = "tuple[int, Data, str]"
"""The nodes that an event brings: number of the event from 0, its data, and the field that holds them."""


class Places:
    """Tells where the strings of one chunk stand.

    The decoder does not say where events begin, and to ask it costs as much as the scan. But the parts that it
    hands out raw have addresses, and nearly all strings that anybody looks for stand in those.
    """

    def __init__(self, decoded: Decoded, edits: Edits) -> None:
        """Takes a chunk; `edits` tells where raw parts lie."""
        self._events, self._text = decoded
        self._edits = edits
        self.sources: dict[int, int | None] = {}
        """Sources of incremental events that have no data, by the event's number."""

    @cached_property
    def _all_trees(self) -> tuple[list[Tree], list[int], list[int]]:
        """The trees in the chunk, in order; where they begin; and where they end."""
        trees: list[Tree] = []
        starts: list[int] = []
        ends: list[int] = []
        for number, event in enumerate(self._events):
            data = event.data
            if data is None:
                continue
            if event.type == _INCREMENTAL:
                if data.source != _MUTATION:
                    continue
                part, field = data.adds, "adds"
            elif event.type == _FULL_SNAPSHOT:
                part, field = data.node, "node"
            else:
                continue
            if part is not NOTHING:
                start, end = self._edits.span(part)
                trees.append((number, data, field))
                starts.append(start)
                ends.append(end)
        return trees, starts, ends

    def trees(self) -> Iterator[tuple[Data, str, Span]]:
        """Yields the data of events that bring nodes, the field that holds these, and where that lies."""
        for (_, data, field), start, end in zip(*self._all_trees, strict=True):
            yield data, field, (start, end)

    def events_around(self, place: int) -> tuple[int, ...]:
        """Returns the numbers of events one of which holds a place, if an event with a tree does.

        A place in such an event lies behind where its tree begins, or before that and behind where the tree before
        begins; so that the event is found without knowing where it begins or ends.
        """
        trees, starts, ends = self._all_trees
        at = bisect_right(starts, place)
        if at and place < ends[at - 1]:
            return (trees[at - 1][0],)
        return tuple(tree[0] for tree in trees[max(at - 1, 0) : at + 1])

    def of(self, start: int, end: int) -> Place:
        """Returns where the string from `start` to `end`, quotes included, stands."""
        text = self._text
        key = "" if _is_key(text, end) else _key_before(text, start)
        if self._is_in_tree(start):
            is_node, field = True, _node_field(key)
        else:
            kind, source = self._event_at(start)
            is_node = kind == _FULL_SNAPSHOT or source == _MUTATION
            field = _node_field(key) if is_node else _field(kind, source)
        if is_node and key in _LAYOUT_KEYS:
            return Place("attribute", key, is_layout=True, is_node=True)
        resource = field == "style" or key in RESOURCE_KEYS or field == "asset"
        if key == "href" and is_node:
            tags = _TAG_BEFORE.findall(text, max(0, start - _TAG_REACH), start)
            resource = bool(tags) and tags[-1].lower().decode(errors="replace") in RESOURCE_TAGS
        key = "" if key in _NODE_KEYS or field in {"style", "canvas"} else key
        return Place(field, key, is_resource=resource, is_node=is_node)

    def _is_in_tree(self, place: int) -> bool:
        _, starts, ends = self._all_trees
        at = bisect_right(starts, place)
        return at > 0 and place < ends[at - 1]

    def _event_at(self, place: int) -> tuple[int, int | None]:
        """Returns type and source of the event around a place in no tree."""
        for starts, ends in self._changes:
            at = bisect_right(starts, place)
            if at and place < ends[at - 1]:
                return _INCREMENTAL, _MUTATION
        number = max(bisect_right(self._event_starts, place) - 1, 0)
        event = self._events[number]
        if event.type != _INCREMENTAL:
            return event.type, None
        return event.type, self.sources.get(number) if event.data is None else event.data.source

    @cached_property
    def _changes(self) -> list[tuple[list[int], list[int]]]:
        """Where the changes of texts and of attributes begin and end, of mutations that have a tree."""
        found = []
        for field in ("texts", "attributes"):
            parts = (getattr(data, field) for _, data, _ in self._all_trees[0])
            spans = [self._edits.span(part) for part in parts if len(part) > _EMPTY and part is not NOTHING]
            found.append(([start for start, _ in spans], [end for _, end in spans]))
        return found

    @cached_property
    def _event_starts(self) -> list[int]:
        """Where the events begin."""
        starts: list[int] = []
        at = 0
        for raw in raws_decoder.decode(self._text):
            at = self._text.index(b"{", at)
            starts.append(at)
            at += len(raw)
        return starts


def _node_field(key: str) -> str:
    if key in {"textContent", ""}:
        return "text"
    return "style" if key in _STYLE_KEYS else "attribute"


def _field(kind: int, source: int | None) -> str:
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
