"""Context of a string in a chunk: its key, its kind of event, and the resulting class of field."""

from __future__ import annotations

from typing import NamedTuple

from services.audit.json_tape.tape import ABSENT, StringRow, Walk
from services.audit.privacy.masking.attributes import (
    ANIMATION_ATTRIBUTES,
    ANIMATION_TAGS,
    LAYOUT_ATTRIBUTES,
    is_component,
)
from services.audit.privacy.rules.urls import RESOURCE_KEYS, RESOURCE_TAGS
from services.audit.rrweb import EventType, IncrementalSource

_INCREMENTAL = int(EventType.INCREMENTAL_SNAPSHOT)

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

_MAX_KEY = 128
"""Maximum length of a key that counts as the name of a field, in bytes."""


class StringContext(NamedTuple):
    """Context of a string.

    Attributes:
        field: The class of field, for the counts.
        key: The attribute or field that contains it; "": running text.
        is_layout: Whether it defines the page's layout and must not be changed.
        is_resource: Whether it is the address of a resource loaded by the page.
        is_node: Whether it is in a snapshot or a mutation.
    """

    field: str
    key: str
    is_layout: bool = False
    is_resource: bool = False
    is_node: bool = False


def place_of(string: StringRow, walk: Walk) -> StringContext:
    """Returns the context of a string."""
    key = ""
    if 0 < string.key_end - string.key <= _MAX_KEY:
        key = walk.text[string.key : string.key_end].decode(errors="replace")
    kind, source = walk.kind_of(string.event)
    is_node = kind == EventType.FULL_SNAPSHOT or (kind == _INCREMENTAL and source == IncrementalSource.MUTATION)
    field = _node_field(key) if is_node else _field(kind, source)
    if is_node and _is_layout(string, key, walk):
        return StringContext("attribute", key, is_layout=True, is_node=True)
    resource = field in {"style", "asset"} or key in RESOURCE_KEYS
    if key == "href" and string.row >= 0 and is_node:
        resource = walk.tag_of(string.row).lower() in RESOURCE_TAGS
    return StringContext(
        field, "" if key in _NODE_KEYS or field in {"style", "canvas"} else key, False, resource, is_node
    )


def _is_layout(string: StringRow, key: str, walk: Walk) -> bool:
    """Returns whether a string of a node defines the layout, and must not be changed: by its place and by its form."""
    is_tag = string.row < 0 and key == "tagName"
    return _is_in_layout(string, key, walk) and walk.is_plain(string.start + 1, string.end - 1, is_tag=is_tag)


def _is_in_layout(string: StringRow, key: str, walk: Walk) -> bool:
    if string.row < 0:
        return key == "tagName" or (key in LAYOUT_ATTRIBUTES and key != "class")  # of a style that changes
    if key in LAYOUT_ATTRIBUTES:
        return not is_component(walk.tag_of(string.row))
    return key in ANIMATION_ATTRIBUTES and walk.tag_of(string.row).lower() in ANIMATION_TAGS


def _node_field(key: str) -> str:
    if key in {"textContent", ""}:
        return "text"
    return "style" if key in _STYLE_KEYS else "attribute"


def _field(kind: int, source: int) -> str:
    if kind == _INCREMENTAL and source != ABSENT:
        return _SOURCE_FIELDS.get(source, "other")
    return _TYPE_FIELDS.get(kind, "other")
