"""Masking by element: form fields, and nodes selected by selectors or by the policy's text mode.

Examines nodes of full snapshots and mutations one by one, returns the flags to remember of each, and replaces values
in place. Nodes inside a blocked element are emptied but kept, since later events refer to them by id.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from services.audit.json_tape.tape import Look
from services.audit.privacy.masking.counts import ATTRIBUTES_WORK
from services.audit.privacy.masking.node_flags import Flag
from services.audit.privacy.masking.strings import is_masked
from services.audit.privacy.policy.policy import BodyMode, Policy, TextMode

if TYPE_CHECKING:
    from services.audit.json_tape.tape import Row, Walk
    from services.audit.privacy.masking.counts import Counts
    from services.audit.privacy.masking.edits import Edits, Span

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
_STARRED_ONCE = "data-rr-is-password"
"""Set by rrweb on a field that once had the type password (rrweb-snapshot utils.ts)."""

MAX_CACHED_FIELD = 256
"""Maximum characters of a field's `type` and `autocomplete`; the longest autocomplete of HTML has about 60. The result
for shorter ones is cached."""

_TEXT_NODE, _CDATA, _COMMENT = 3, 4, 5


WATCHED_ATTRIBUTES = frozenset({"value", "type", "autocomplete", _STARRED_ONCE})
"""Attributes of an ordinary element with relevant changes, besides those used by selectors."""


class NodeMasker:
    """Masks nodes by one policy. Stateless: the caller keeps the remembered nodes."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._masks_inputs = policy.inputs is BodyMode.MASK
        self._base = Flag.MASK if policy.text_mode is TextMode.ALL else Flag.NONE
        kinds = ((policy.block, Flag.BLOCK), (policy.mask, Flag.MASK), (policy.unmask, Flag.KEEP))
        self._selectors = tuple((each, flag) for some, flag in (*kinds, (policy.ignore, Flag.REMOVE)) for each in some)
        selectors = policy.selectors
        self._asks_tags = any(each.tag for each in selectors)
        self._asked = frozenset(each.attribute for each in selectors if each.attribute)
        self._classes = tuple({each.cls for each in selectors if each.cls})
        self._blocks = lru_cache(maxsize=1024)(policy.blocks_input)

    @property
    def walks_all(self) -> bool:
        """Whether every node must be examined, since all text is masked by default."""
        return self._base is not Flag.NONE

    def _blocked(self, kind: str, autocomplete: str) -> bool:
        """Returns whether the value of a field is removed; also if its attributes are longer than any valid ones."""
        return len(kind) + len(autocomplete) > MAX_CACHED_FIELD or self._blocks(kind, autocomplete)

    def is_ordinary(self, flags: int) -> bool:
        """Returns whether a node with these flags need not be remembered."""
        return (flags if self._base or flags & _TREATED else flags & ~Flag.STYLE) == self._base

    @staticmethod
    def below(flags: int) -> int:
        """Returns the flags that child nodes inherit."""
        return flags if flags & (Flag.FIELD | Flag.STYLE) else flags & (_INHERITED | Flag.SELECT)

    def judge(self, row: Row, above: int, walk: Walk, edits: Edits, counts: Counts, *, select: bool = False) -> int:
        """Masks a node of a tree, and returns its flags.

        Args:
            row: The node.
            above: The inherited flags.
            walk: The chunk.
            edits: Receives the replacements.
            counts: Receives their counts.
            select: Whether to try the selectors even if the walk found none that may match the node.
        """
        if row.tag >= 0:
            tag = _decoded(walk.text[row.tag : row.tag_end]).lower()
            return self._element(row, tag, above, walk, edits, counts, select=select or row.look & Look.SELECT != 0)
        if row.type in {_TEXT_NODE, _CDATA, _COMMENT} and row.text >= 0:
            self.replace_text(row, above, walk, edits, counts)
        return above

    def change_attributes(self, row: Row, flags: int, walk: Walk, edits: Edits, counts: Counts) -> int:
        """Masks new attributes of an element, and returns its new flags.

        Protection never decreases: a password field switched to visible text is still a password field.
        """
        plain = _plain(walk.text[row.attributes : row.attributes_end])
        became = _settled(flags | self._selected("", plain), flags)
        kind, autocomplete = _text(plain.get("type")), _text(plain.get("autocomplete"))
        if self._blocked(kind, autocomplete) or _STARRED_ONCE in plain:
            became = (became | Flag.REMOVE | Flag.FIELD) & ~Flag.OPEN
        is_field = self._masks_inputs and not became & Flag.STYLE
        self._attributes(row, plain, became | (Flag.FIELD if is_field else 0), walk, edits, counts)
        return became

    def input_value(self, flags: int | None) -> bytes | None:
        """Returns the replacement of a field's value as JSON, or None if only rules apply to it."""
        flags = flags or 0
        if flags & (Flag.REMOVE | Flag.BLOCK):
            return _EMPTY
        if flags & Flag.OPEN or not (self._masks_inputs or flags & Flag.MASK):
            return None
        return _MASKED

    def _element(
        self, row: Row, tag: str, above: int, walk: Walk, edits: Edits, counts: Counts, *, select: bool
    ) -> int:
        flags = above & (_INHERITED | Flag.SELECT)
        plain: dict[str, object] = {}
        if row.attributes >= 0 and (tag in FIELD_TAGS or select or flags & (Flag.MASK | Flag.BLOCK)):
            plain = _plain(walk.text[row.attributes : row.attributes_end])
        if select:
            flags = _settled(flags | self._selected(tag, plain), above)
        if tag in _STYLE_TAGS:
            return flags | Flag.STYLE
        its = flags | self._field(tag, plain)
        if plain:
            self._attributes(row, plain, its, walk, edits, counts)
        if tag == "select":
            return its & ~Flag.FIELD  # its options are not fields
        if tag == "textarea" or its & (Flag.REMOVE | Flag.OPEN):
            return its
        return its & ~Flag.FIELD  # not remembered: values of unknown fields are masked

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
        """Returns the flags from the selectors that match an element."""
        if not self._asks_tags and self._asked.isdisjoint(plain):
            classes = plain.get("class")
            if not isinstance(classes, str) or not any(cls in classes for cls in self._classes):
                return 0
        found = 0
        for selector, flag in self._selectors:
            if not found & flag and selector.matches(tag, plain):
                found |= flag
        return found & ~Flag.KEEP if found & Flag.MASK else found

    def _attributes(
        self, row: Row, plain: dict[str, object], flags: int, walk: Walk, edits: Edits, counts: Counts
    ) -> None:
        hides = flags & (Flag.MASK | Flag.BLOCK) and not flags & Flag.STYLE
        is_chosen = flags & Flag.SELECT and plain.get("selected") is True
        is_filled = flags & Flag.FIELD and plain.get("value") not in (None, "")
        if not hides and not is_chosen and not is_filled:
            return
        counts.spend(ATTRIBUTES_WORK + 2 * len(plain))
        places = walk.members(row.attributes, row.attributes_end)
        if is_chosen:
            edits.put(places["selected"], b"false")
        if is_filled:
            instead = self.input_value(flags)
            if instead is not None:
                self._put(walk, places["value"], plain["value"], instead, ("input", "attribute"), edits, counts)
        if not hides:
            return
        instead = _EMPTY if flags & Flag.BLOCK else _MASKED
        for name, place in places.items():
            is_own = (name == "value" and flags & Flag.FIELD) or (name == "selected" and flags & Flag.SELECT)
            if not is_own and self._hides(name, plain[name], flags, plain):
                self._put(walk, place, plain[name], instead, (self._why(flags), "attribute"), edits, counts)

    @staticmethod
    def _hides(name: str, value: object, flags: int, plain: dict[str, object]) -> bool:
        """Returns whether an attribute of a masked or blocked element must be hidden."""
        if name in _TEXT_ATTRIBUTES:
            return name != "content" or _text(plain.get("name")).lower() != "viewport"
        if name.startswith("aria-"):
            return value not in _STATES
        if name.startswith("data-"):
            return not name.startswith("data-rr") and name != "data-afterimage"
        return bool(flags & Flag.BLOCK) and name in _CONTENT_ATTRIBUTES

    def _why(self, flags: int) -> str:
        return "text_mode" if self.walks_all and not flags & Flag.BLOCK else "selector"

    def replace_text(self, row: Row, flags: int, walk: Walk, edits: Edits, counts: Counts) -> None:
        """Masks the text of a node with these flags."""
        if row.text < 0 or flags & Flag.STYLE or not flags & (Flag.MASK | Flag.BLOCK | Flag.FIELD):
            return
        if flags & Flag.FIELD:
            instead = self.input_value(flags)
            if instead is None:
                return
            why = "input"
        else:
            instead, why = (_EMPTY if flags & Flag.BLOCK else _MASKED), self._why(flags)
        place = row.text, row.text_end
        value = msgspec.json.decode(walk.text[row.text : row.text_end])
        if isinstance(value, str) and value.isspace():
            edits.cover(place)
            return
        self._put(walk, place, value, instead, (why, "text"), edits, counts)

    @staticmethod
    def _put(
        walk: Walk, place: Span, value: object, instead: bytes, count: tuple[str, str], edits: Edits, counts: Counts
    ) -> None:
        if value is None or value == "" or isinstance(value, bool):
            return
        if walk.text[place[0] : place[1]] != instead:
            edits.put(place, instead)
            if not (isinstance(value, str) and is_masked(value)):
                counts[count] = counts.get(count, 0) + 1
        else:
            edits.cover(place)


_STATES = frozenset({"true", "false", "mixed", "page", "step", "polite", "assertive", "off", "horizontal", "vertical"})
"""Values of aria attributes that are states, not text (WAI-ARIA 1.2)."""


def _settled(flags: int, above: int) -> int:
    """Returns the flags with at most one treatment of text: BLOCK first, else that of the nearest element."""
    if flags & Flag.BLOCK:
        return flags & ~(Flag.MASK | Flag.KEEP)
    if flags & Flag.MASK and flags & Flag.KEEP:
        return flags & ~(Flag.MASK if above & Flag.MASK else Flag.KEEP)
    return flags


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_plain = msgspec.json.Decoder(dict[str, object]).decode
"""Decodes the values of attributes; objects (style changes) stay objects."""

_decoded = msgspec.json.Decoder(str).decode
