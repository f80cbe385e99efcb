"""Masking by element: form fields, and what selectors or the policy's text mode say of nodes.

Walks full snapshots and added nodes, notes in `nodes` which ids are not ordinary, and replaces values where
they stand. What a blocked element holds is emptied but its nodes stay: later events name them by id.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw, UnsetType

from services.audit.linear import compile_scan
from services.audit.privacy.events import Node, object_decoder
from services.audit.privacy.policy import BodyMode, Policy, TextMode
from services.audit.privacy.state import Flag
from services.audit.privacy.text import Counts, is_masked

if TYPE_CHECKING:
    from services.audit.privacy.edits import Edits
    from services.audit.privacy.events import AttributeChange, TextChange

_MASKED = b'"***"'
_EMPTY = b'""'
_BUTTONS = frozenset({"submit", "button", "reset", "image"})
FIELD_TAGS = frozenset({"input", "textarea", "select", "option", "optgroup"})
_STYLE_TAGS = frozenset({"style", "script"})
_TEXT_ATTRIBUTES = frozenset(
    {"value", "placeholder", "title", "alt", "label", "summary", "content", "srcdoc", "download"}
)
_CONTENT_ATTRIBUTES = frozenset(
    {"src", "srcset", "href", "xlink:href", "poster", "action", "data", "background", "d", "rr_dataURL", "rr_src"}
)
_INHERITED = Flag.KEEP | Flag.MASK | Flag.BLOCK | Flag.REMOVE | Flag.OPEN
_TREATED = Flag.KEEP | Flag.MASK | Flag.BLOCK
_WATCHED = (r'"value"', r'"type"', r'"autocomplete"', r"is-password", r"\\u00")
"""What the attributes of an ordinary element must hold to matter, besides words of selectors."""

_STARRED_ONCE = "data-rr-is-password"
"""Set by rrweb on a field that was of type password once (rrweb-snapshot utils.ts)."""

_TEXT_NODE, _CDATA, _COMMENT = 3, 4, 5


class NodeMasker:
    """Masks nodes of one policy. Holds no state of its own: `nodes` (flags by id) is the caller's."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._masks_inputs = policy.inputs is BodyMode.MASK
        self._base = Flag.MASK if policy.text_mode is TextMode.ALL else Flag.NONE
        self._selective = policy.selectors
        words = sorted({re.escape(each.json_word.decode()) for each in self._selective})
        self._words = compile_scan("|".join((r"\\u00", *words)))
        self._watched = compile_scan("|".join((*_WATCHED, *words)))
        kinds = ((policy.block, Flag.BLOCK), (policy.mask, Flag.MASK), (policy.unmask, Flag.KEEP))
        self._selectors = tuple((each, flag) for some, flag in (*kinds, (policy.ignore, Flag.REMOVE)) for each in some)
        self._asks_tags = any(each.tag for each in self._selective)
        self._asked = frozenset(each.attribute for each in self._selective if each.attribute)
        self._classes = tuple({each.cls for each in self._selective if each.cls})
        self._blocked = lru_cache(maxsize=1024)(policy.blocks_input)

    @property
    def walks_all(self) -> bool:
        """Whether every node must be looked at, since text is masked unless something keeps it."""
        return self._base is not Flag.NONE

    def may_change(self, attributes: Raw) -> bool:
        """Returns whether new attributes, as JSON, may make an element one that matters or hold a field's value."""
        return self._watched.search(attributes) is not None

    def _may_select(self, text: Raw) -> bool:
        """Returns whether JSON may hold an element that a selector means."""
        return self._words.search(text) is not None

    def walk(
        self, node: Node, above: int, nodes: dict[int, int], edits: Edits, counts: Counts, *, select: bool
    ) -> None:
        """Masks a node and all below it.

        Args:
            node: The node.
            above: Flags of the node that it hangs under.
            nodes: Flags by id; those of the nodes walked are set.
            edits: Takes the replacements.
            counts: Where they are counted.
            select: Whether selectors must be tried.
        """
        if select or above or self._base:
            self._walk(node, above, nodes, edits, counts)
            return
        stack = [node]
        while stack:
            node = stack.pop()
            tag = node.tag
            if tag is not UNSET and (tag in FIELD_TAGS or not tag.islower()):
                self._walk(node, above, nodes, edits, counts)
                continue
            if nodes:
                nodes.pop(node.id, None)
            if node.children:
                stack += node.children

    def _walk(self, node: Node, above: int, nodes: dict[int, int], edits: Edits, counts: Counts) -> None:
        stack = [(node, above)]
        while stack:
            node, above = stack.pop()
            if node.tag is UNSET:
                flags = above
                if node.type in {_TEXT_NODE, _CDATA, _COMMENT} and node.text is not UNSET:
                    self._replace_text(node.text, flags, edits, counts)
            else:
                flags = self._element(node, node.tag.lower(), above, edits, counts)
            if (flags if self._base or flags & _TREATED else flags & ~Flag.STYLE) != self._base:
                nodes[node.id] = flags
            elif nodes:
                nodes.pop(node.id, None)
            if node.children:
                below = flags if flags & (Flag.FIELD | Flag.STYLE) else flags & (_INHERITED | Flag.SELECT)
                stack += [(child, below) for child in node.children]

    def change_text(self, change: TextChange, flags: int, edits: Edits, counts: Counts) -> None:
        """Masks new text of a node with these flags."""
        if change.value is not UNSET:
            self._replace_text(change.value, flags, edits, counts)

    def change_attributes(self, change: AttributeChange, flags: int, edits: Edits, counts: Counts) -> int:
        """Masks new attributes of an element, and returns the flags that it has with them.

        They are never less than they were: a field that shows its password stays a password.
        """
        raw = change.attributes
        marked = flags & (_TREATED | Flag.FIELD)
        if not marked and not self.may_change(raw):
            return flags
        plain = _plain(raw)
        became = _settled(flags | self._selected("", plain), flags)
        kind, autocomplete = _text(plain.get("type")), _text(plain.get("autocomplete"))
        if self._blocked(kind, autocomplete) or _STARRED_ONCE in plain:
            became = (became | Flag.REMOVE | Flag.FIELD) & ~Flag.OPEN
        is_field = self._masks_inputs and not became & Flag.STYLE
        self._attributes(raw, plain, became | (Flag.FIELD if is_field else 0), edits, counts)
        return became

    def input_value(self, flags: int | None) -> bytes | None:
        """Returns what stands in place of a field's value: JSON, or None if only rules are applied to it."""
        flags = flags or 0
        if flags & (Flag.REMOVE | Flag.BLOCK):
            return _EMPTY
        if flags & Flag.OPEN or not (self._masks_inputs or flags & Flag.MASK):
            return None
        return _MASKED

    def _element(self, node: Node, tag: str, above: int, edits: Edits, counts: Counts) -> int:
        flags = above & (_INHERITED | Flag.SELECT)
        plain = self._read(node.attributes, tag, flags)
        flags = _settled(flags | self._selected(tag, plain), above)
        if tag in _STYLE_TAGS:
            return flags | Flag.STYLE
        its = flags | self._field(tag, plain)
        if plain and node.attributes is not UNSET:
            self._attributes(node.attributes, plain, its, edits, counts)
        if tag == "select":
            return its & ~Flag.FIELD  # its options are no fields
        if tag == "textarea" or its & (Flag.REMOVE | Flag.OPEN):
            return its
        return its & ~Flag.FIELD  # nothing to remember: the value of an unknown field is masked

    def _read(self, raw: Raw | UnsetType, tag: str, flags: int) -> dict[str, object]:
        """Returns the attributes of an element if any of them may matter."""
        if raw is UNSET or len(raw) <= 2:
            return {}
        if tag in FIELD_TAGS or flags & (Flag.MASK | Flag.BLOCK) or self._may_select(raw):
            return _plain(raw)
        return {}

    def _field(self, tag: str, plain: dict[str, object]) -> int:
        match tag:
            case "select":
                return Flag.FIELD | (Flag.SELECT if self._masks_inputs else 0)
            case "textarea" | "option":
                return Flag.FIELD
            case "input":
                return self._input(plain)
            case _:
                return 0

    def _input(self, plain: dict[str, object]) -> int:
        kind = _text(plain.get("type")).lower() or "text"
        if self._blocked(kind, _text(plain.get("autocomplete"))) or _STARRED_ONCE in plain:
            return Flag.FIELD | Flag.REMOVE
        if kind in _BUTTONS:
            return 0
        return Flag.FIELD | (Flag.OPEN if kind in self._policy.kept_inputs else 0)

    def _selected(self, tag: str, plain: dict[str, object]) -> int:
        """Returns the flags that selectors give an element."""
        if not self._asks_tags and self._asked.isdisjoint(plain):
            classes = plain.get("class")
            if not isinstance(classes, str) or not any(cls in classes for cls in self._classes):
                return 0
        found = 0
        for selector, flag in self._selectors:
            if not found & flag and selector.matches(tag, plain):
                found |= flag
        return found & ~Flag.KEEP if found & Flag.MASK else found

    def _attributes(self, raw: Raw, plain: dict[str, object], flags: int, edits: Edits, counts: Counts) -> None:
        hides = flags & (Flag.MASK | Flag.BLOCK) and not flags & Flag.STYLE
        if not hides and "value" not in plain and "selected" not in plain:
            return
        attributes = object_decoder.decode(raw)
        if flags & Flag.SELECT and plain.get("selected") is True:
            edits.replace(attributes["selected"], b"false")
        if flags & Flag.FIELD and "value" in attributes:
            instead = self.input_value(flags)
            if instead is not None:
                self._put(attributes["value"], plain["value"], instead, ("input", "attribute"), edits, counts)
        if not hides:
            return
        instead = _EMPTY if flags & Flag.BLOCK else _MASKED
        for name, its in attributes.items():
            is_own = (name == "value" and flags & Flag.FIELD) or (name == "selected" and flags & Flag.SELECT)
            if not is_own and self._hides(name, plain[name], flags, plain):
                self._put(its, plain[name], instead, (self._why(flags), "attribute"), edits, counts)

    @staticmethod
    def _hides(name: str, value: object, flags: int, plain: dict[str, object]) -> bool:
        """Returns whether an attribute of a masked or blocked element must not be seen."""
        if name in _TEXT_ATTRIBUTES:
            return name != "content" or _text(plain.get("name")).lower() != "viewport"
        if name.startswith("aria-"):
            return value not in _STATES
        if name.startswith("data-"):
            return not name.startswith("data-rr") and name != "data-afterimage"
        return bool(flags & Flag.BLOCK) and name in _CONTENT_ATTRIBUTES

    def _why(self, flags: int) -> str:
        return "text_mode" if self.walks_all and not flags & Flag.BLOCK else "selector"

    def _replace_text(self, raw: Raw, flags: int, edits: Edits, counts: Counts) -> None:
        if flags & Flag.STYLE or not flags & (Flag.MASK | Flag.BLOCK | Flag.FIELD):
            return
        if flags & Flag.FIELD:
            instead = self.input_value(flags)
            if instead is None:
                return
            why = "input"
        else:
            instead, why = (_EMPTY if flags & Flag.BLOCK else _MASKED), self._why(flags)
        value = msgspec.json.decode(raw)
        if isinstance(value, str) and value.isspace():
            edits.cover(raw)
            return
        self._put(raw, value, instead, (why, "text"), edits, counts)

    @staticmethod
    def _put(raw: Raw, value: object, instead: bytes, count: tuple[str, str], edits: Edits, counts: Counts) -> None:
        if value is None or value == "" or isinstance(value, bool):
            return
        if bytes(raw) != instead:
            edits.replace(raw, instead)
            if not (isinstance(value, str) and is_masked(value)):
                counts[count] = counts.get(count, 0) + 1
        else:
            edits.cover(raw)


_STATES = frozenset({"true", "false", "mixed", "page", "step", "polite", "assertive", "off", "horizontal", "vertical"})
"""Values of aria attributes that say how something is, not what it says (WAI-ARIA 1.2)."""


def _settled(flags: int, above: int) -> int:
    """Returns flags of which at most one says how text is treated: block over all, else the nearest."""
    if flags & Flag.BLOCK:
        return flags & ~(Flag.MASK | Flag.KEEP)
    if flags & Flag.MASK and flags & Flag.KEEP:
        return flags & ~(Flag.MASK if above & Flag.MASK else Flag.KEEP)
    return flags


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_plain = msgspec.json.Decoder(dict[str, object]).decode
"""Returns the values of attributes; objects (changes of style) as they are."""
