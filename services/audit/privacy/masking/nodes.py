"""Masking by element: form fields, and nodes selected by selectors or by the policy's text mode.

Examines nodes of full snapshots and mutations one by one, returns the flags to remember of each, and replaces values
in place. Nodes inside a blocked element are emptied but kept, since later events refer to them by id.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import msgspec

from services.audit.json_tape.tape import Look
from services.audit.privacy.masking import attributes as known
from services.audit.privacy.masking.addresses import ADDRESS_ATTRIBUTES, is_pseudonym
from services.audit.privacy.masking.counts import ATTRIBUTES_WORK, BYTES_PER_WORK, MATCH_WORK
from services.audit.privacy.masking.known_elements import MAX_CACHED_ATTRIBUTES, KnownElements
from services.audit.privacy.masking.node_flags import Flag
from services.audit.privacy.masking.strings import is_masked
from services.audit.privacy.masking.stylesheets import hide_text
from services.audit.privacy.policy.policy import BodyMode, Policy, TextMode

if TYPE_CHECKING:
    from services.audit.json_tape.tape import Row, Walk
    from services.audit.privacy.masking.counts import Counts
    from services.audit.privacy.masking.edits import Edits, Span
    from services.audit.privacy.masking.payloads import PayloadMasker
    from services.audit.privacy.masking.strings import TextMasker

_MASKED = b'"***"'
_EMPTY = b'""'
_BUTTONS = frozenset({"submit", "button", "reset", "image"})
FIELD_TAGS = frozenset({"input", "textarea", "select", "option", "optgroup"})
_INHERITED = Flag.KEEP | Flag.MASK | Flag.BLOCK | Flag.REMOVE | Flag.OPEN | Flag.EDITED
_TREATED = Flag.KEEP | Flag.MASK | Flag.BLOCK | Flag.EDITED
_HIDING = Flag.MASK | Flag.BLOCK | Flag.EDITED
INLINE_TAGS = frozenset(
    """
    a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q s samp small span
    strike strong sub sup time tt u var wbr
    """.split()
)
"""Elements that stand within a text."""

MAX_CACHED_FIELD = 256
"""Maximum characters of a field's `type` and `autocomplete`; the longest autocomplete of HTML has about 60. The result
for shorter ones is cached."""


WATCHED_ATTRIBUTES = known.VALUE_ATTRIBUTES | {"type", "autocomplete", "selected", "aria-valuenow", known.STARRED_ONCE}
"""Attributes with relevant changes, besides those used by selectors, FIELD_ATTRIBUTES and KIND_ATTRIBUTES."""

FIELD_ATTRIBUTES = known.SURE_VALUES | {"contenteditable", known.STARRED_ONCE}
"""Attributes that make an element a field with any value."""

KIND_ATTRIBUTES = frozenset({*known.KIND_ATTRIBUTES, "autocomplete", "role"})
"""Attributes that make it one by their value."""

_KINDS = frozenset(known.KIND_ATTRIBUTES)
_JSON_OPENS = frozenset({"{", "["})

_LEAST_REPEATED = 3
"""Fewest characters of a value that is looked for in other attributes of its element."""


class NodeMasker:
    """Masks nodes by one policy. Keeps no nodes: the caller keeps the remembered ones."""

    def __init__(self, policy: Policy, text: TextMasker, payloads: PayloadMasker) -> None:
        self._policy = policy
        self._rules = text
        self._payloads = payloads
        self._masks_inputs = policy.inputs is BodyMode.MASK
        self._base = Flag.MASK if policy.text_mode is TextMode.ALL else Flag.NONE
        kinds = ((policy.block, Flag.BLOCK), (policy.mask, Flag.MASK), (policy.unmask, Flag.KEEP))
        self._selectors = tuple((each, flag) for some, flag in (*kinds, (policy.ignore, Flag.REMOVE)) for each in some)
        selectors = policy.selectors
        self._asks_tags = any(each.tag for each in selectors)
        self._asked = frozenset(each.attribute for each in selectors if each.attribute)
        self._classes = tuple({each.cls.lower() for each in selectors if each.cls})
        self._blocks = lru_cache(maxsize=1024)(policy.blocks_input)
        self._known = KnownElements()
        self._always = ~0 if self._blocks("", "") or self.walks_all else _HIDING | Flag.SELECT

    def kind_words(self) -> list[str]:
        """Returns the beginnings of values of `KIND_ATTRIBUTES` by which an element is a field."""
        return [*known.VALUE_ROLES, *(kind.rstrip("*") for kind in self._policy.blocked_inputs)]

    @property
    def walks_all(self) -> bool:
        """Whether every node must be examined, since all text is masked by default."""
        return self._base is not Flag.NONE

    def _blocked(self, plain: dict[str, object]) -> bool:
        """Returns whether the value of a field is removed; also if its attributes are longer than any valid ones."""
        if known.STARRED_ONCE in plain:
            return True
        if KIND_ATTRIBUTES.isdisjoint(plain):
            return self._blocks("", "")
        autocomplete = _text(plain.get("autocomplete"))
        kinds = [_text(value).strip() for name, value in plain.items() if name in _KINDS]
        for kind in kinds or ("",):
            if len(kind) + len(autocomplete) > MAX_CACHED_FIELD or self._blocks(kind, autocomplete):
                return True
        return False

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
            looks = select or row.look & (Look.TAG | Look.SELECT | Look.JSON) or above & _HIDING
            if looks and 0 < row.attributes_end - row.attributes <= MAX_CACHED_ATTRIBUTES:
                given = b"%b%d %d %d" % (walk.text[row.tag : row.tag_end], above, row.look, select)
                flags = self._known.recall(given, row, walk, edits, counts, partial(self._tagged, above, select))
            else:
                flags = self._tagged(above, select, row, walk, edits, counts)
            if row.text >= 0:  # not of rrweb
                self.replace_text(row, flags, walk, edits, counts)
            return flags
        if row.text >= 0:
            self.replace_text(row, above, walk, edits, counts)
        return above

    def _tagged(self, above: int, select: bool, row: Row, walk: Walk, edits: Edits, counts: Counts) -> int:
        tag = _decoded(walk.text[row.tag : row.tag_end]).lower()
        return self._element(row, tag, above, walk, edits, counts, select=select or row.look & Look.SELECT != 0)

    def needs_changes(self, flags: int) -> bool:
        """Returns whether changes of attributes matter for a node with these flags even if the walk has no reason."""
        return flags & self._always != 0

    def change_attributes(self, row: Row, flags: int, walk: Walk, edits: Edits, counts: Counts) -> int:
        """Masks new attributes of an element, and returns its new flags.

        Protection never decreases: a password field switched to visible text is still a password field.
        """
        if row.attributes_end - row.attributes > MAX_CACHED_ATTRIBUTES:
            return self._changed(flags, row, walk, edits, counts)
        return self._known.recall(b"%d %d" % (flags, row.look), row, walk, edits, counts, partial(self._changed, flags))

    def _changed(self, flags: int, row: Row, walk: Walk, edits: Edits, counts: Counts) -> int:
        plain = _plain(walk.text[row.attributes : row.attributes_end])
        became = _settled(flags | self._selected("", plain), flags)
        if self._blocked(plain):
            became = (became | Flag.REMOVE | Flag.FIELD) & ~Flag.OPEN
        if self._masks_inputs and _is_editable(plain):
            became |= Flag.EDITED
        is_field = (
            self._masks_inputs
            and not became & Flag.STYLE
            and (
                became & (Flag.REMOVE | Flag.OPEN | Flag.EDITED)
                or not known.SURE_VALUES.isdisjoint(plain)
                or _is_slider(plain)
            )
        )
        self._attributes(row, "", plain, became | (Flag.FIELD if is_field else 0), walk, edits, counts)
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
        looks = select or row.look & (Look.TAG | Look.JSON)
        if row.attributes >= 0 and (tag in FIELD_TAGS or looks or flags & _HIDING):
            plain = _plain(walk.text[row.attributes : row.attributes_end])
        if select:
            flags = _settled(flags | self._selected(tag, plain), above)
        if tag == "style":
            if plain:
                self._attributes(row, tag, plain, flags, walk, edits, counts)
            return flags | Flag.STYLE
        its = flags | self._field(tag, plain)
        if plain:
            self._attributes(row, tag, plain, its, walk, edits, counts)
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
                return Flag.FIELD | (Flag.REMOVE if tag == "textarea" and self._blocked(plain) else 0)
            case "input":
                return self._input(plain)
            case _:
                return self._component(tag, plain) if plain else 0

    def _component(self, tag: str, plain: dict[str, object]) -> int:
        """Returns the flags of an element that is no form field of HTML, but may be one of a library."""
        found = Flag.EDITED | Flag.FIELD if self._masks_inputs and _is_editable(plain) else 0
        if self._blocked(plain):
            return found | Flag.FIELD | Flag.REMOVE
        if found or _is_slider(plain):
            return found | Flag.FIELD
        if known.SURE_VALUES.isdisjoint(plain) or (tag in known.NUMBER_TAGS and _is_number(plain.get("value"))):
            return 0
        is_open = _text(plain.get("type")).strip().lower() in self._policy.kept_inputs
        return Flag.FIELD | (Flag.OPEN if is_open else 0)

    def _input(self, plain: dict[str, object]) -> int:
        kind = _text(plain.get("type")).strip().lower() or "text"
        if self._blocked(plain):
            return Flag.FIELD | Flag.REMOVE
        if kind in _BUTTONS:
            return 0
        return Flag.FIELD | (Flag.OPEN if kind in self._policy.kept_inputs else 0)

    def _selected(self, tag: str, plain: dict[str, object]) -> int:
        """Returns the flags from the selectors that match an element."""
        if not self._asks_tags and self._asked.isdisjoint(plain):
            classes = plain.get("class")
            if not isinstance(classes, str) or not any(map(classes.lower().__contains__, self._classes)):
                return 0
        found = 0
        for selector, flag in self._selectors:
            if not found & flag and selector.matches(tag, plain):
                found |= flag
        return found & ~Flag.KEEP if found & Flag.MASK else found

    def _attributes(
        self, row: Row, tag: str, plain: dict[str, object], flags: int, walk: Walk, edits: Edits, counts: Counts
    ) -> None:
        """Masks the attributes of an element; its tag is "" if it is unknown."""
        hides = flags & _HIDING
        is_chosen = flags & Flag.SELECT and plain.get("selected") is True
        values = self._values(tag, plain) if flags & Flag.FIELD else ()
        others = () if hides or not (row.look & Look.JSON or self.walks_all) else self._with_rules(plain)
        if not hides and not is_chosen and not values and not others:
            return
        counts.spend(ATTRIBUTES_WORK + 2 * len(plain))
        places = walk.members(row.attributes, row.attributes_end)
        if is_chosen:
            edits.put(places["selected"], b"false")
        instead = self.input_value(flags) if values else None
        done = {"selected"} if flags & Flag.SELECT else set()
        if instead is not None:
            repeated = _repeated(tag, plain, values)
            for name in (*values, *repeated):
                self._put(walk, places[name], plain[name], instead, ("input", "attribute"), edits, counts)
            done |= {*values, *repeated}
        if hides:
            for name, place in places.items():
                if name not in done:
                    self._hide(tag, name, place, plain, flags, walk, edits, counts)
            return
        for name in others:
            if name not in done:
                self._apply_rules(places[name], plain[name], edits, counts)

    def _with_rules(self, plain: dict[str, object]) -> list[str]:
        """Returns the attributes that may be JSON, and the style changes if all text is masked."""
        return [
            name
            for name, value in plain.items()
            if (_may_be_json(value) and name not in known.LAYOUT_ATTRIBUTES)
            or (isinstance(value, dict) and self.walks_all)
        ]

    @staticmethod
    def _values(tag: str, plain: dict[str, object]) -> tuple[str, ...]:
        """Returns the attributes of a field that have its value."""
        if known.VALUE_ATTRIBUTES.isdisjoint(plain) and "aria-valuenow" not in plain:
            return ()
        names = [name for name in plain if name in known.VALUE_ATTRIBUTES and plain[name] not in (None, "")]
        if tag in known.NUMBER_TAGS and _is_number(plain.get("value")):
            names.remove("value")
        if "aria-valuenow" in plain and _text(plain.get("role")).strip().lower() in known.VALUE_ROLES:
            names.append("aria-valuenow")
        return tuple(names)

    def _hide(
        self,
        tag: str,
        name: str,
        place: Span,
        plain: dict[str, object],
        flags: int,
        walk: Walk,
        edits: Edits,
        counts: Counts,
    ) -> None:
        """Hides an attribute of a masked or blocked element, unless it is on the list of those that stay."""
        value, blocks = plain[name], flags & Flag.BLOCK
        count = (self._why(flags), "attribute")
        if isinstance(value, str) and is_masked(value) and not blocks:
            pass
        elif name in known.STYLES:
            self._restyle(place, value, edits, counts)
            return
        elif isinstance(value, str) and name in known.REFERENCES and not (tag == "meta" and name == "name"):
            counts.spend(MATCH_WORK * (value.count(" ") + 1))
            masked = " ".join(each if is_pseudonym(each) else self._rules.pseudonym(each) for each in value.split())
            self._replace(place, value, masked, count, edits, counts)
            return
        elif blocks and name in {"rr_dataURL", "d"}:
            pass
        elif known.keeps(tag, name, value, plain):
            if isinstance(value, str) and "url(" in value.lower():
                self._restyle(place, value, edits, counts)
            return
        elif isinstance(value, str) and not blocks and name in known.DRAWN:
            self._restyle(place, value, edits, counts)
            return
        elif isinstance(value, str) and not blocks and name in ADDRESS_ATTRIBUTES:
            if not (value.startswith("data:") and self._rules.is_kept(value)):
                masked = self._rules.hide_path(self._rules.mask(value, "attribute", counts, key="href"), counts)
                self._replace(place, value, masked, count, edits, counts)
            return
        self._put(walk, place, value, _EMPTY if blocks else _MASKED, count, edits, counts)

    def _replace(
        self, place: Span, value: str, masked: str, count: tuple[str, str], edits: Edits, counts: Counts
    ) -> None:
        if masked == value:
            edits.cover(place)
            return
        edits.put(place, msgspec.json.encode(masked))
        counts[count] = counts.get(count, 0) + 1

    def _restyle(self, place: Span, value: object, edits: Edits, counts: Counts) -> None:
        """Hides text in the value of a `style` attribute, a style change, or a stylesheet."""
        if isinstance(value, dict):
            masked: object = {
                name: [self.hide_css(f"{name}:{each[0]}", counts, inline=True)[len(name) + 1 :], *each[1:]]
                if isinstance(each, list) and each and isinstance(each[0], str)
                else self.hide_css(f"{name}:{each}", counts, inline=True)[len(name) + 1 :]
                if isinstance(each, str)
                else each
                for name, each in value.items()
            }
        elif isinstance(value, str):
            masked = self.hide_css(value, counts, inline="{" not in value)
        else:
            return
        if masked == value:
            edits.cover(place)
        else:
            edits.put(place, msgspec.json.encode(masked))

    def _apply_rules(self, place: Span, value: object, edits: Edits, counts: Counts) -> None:
        """Applies rules and denied words to JSON in an attribute, or to a style change."""
        if isinstance(value, str):
            masked: object = self._payloads.mask_embedded(value, "attribute", counts)
            if masked is None:
                return  # no JSON
        else:
            masked = self._payloads.apply_rules(value, "style", counts)
        if masked == value:
            edits.cover(place)
        else:
            edits.put(place, msgspec.json.encode(masked))

    def hide_css(self, css: str, counts: Counts, *, inline: bool = False) -> str:
        """Returns CSS without its text, with the rules applied to the rest."""
        counts.spend(len(css) // BYTES_PER_WORK + css.count(";") + 2 * (css.count("}") + css.count("{")))
        counts.spend(
            3 * (css.count("#") + css.count("=") + css.count("(") + css.count("/*")) + css.count('"') + css.count("'")
        )
        hidden = hide_text(css, self._rules.pseudonym, known.KEPT_IN_SELECTORS, is_declarations=inline)
        if hidden != css:
            counts["text_mode", "style"] = counts.get(("text_mode", "style"), 0) + 1
        return self._rules.mask(hidden, "style", counts, resource=True)

    def _why(self, flags: int) -> str:
        if flags & Flag.EDITED and not flags & (Flag.MASK | Flag.BLOCK):
            return "input"
        return "text_mode" if self.walks_all and not flags & Flag.BLOCK else "selector"

    def replace_text(self, row: Row, flags: int, walk: Walk, edits: Edits, counts: Counts) -> None:
        """Masks the text of a node with these flags."""
        if row.text < 0 or not flags & (_HIDING | Flag.FIELD):
            return
        place = row.text, row.text_end
        value = msgspec.json.decode(walk.text[row.text : row.text_end])
        if flags & Flag.STYLE:
            if flags & _HIDING:
                self._restyle(place, value, edits, counts)
            return
        if flags & (Flag.FIELD | Flag.EDITED):
            instead = self.input_value(flags)
            if instead is None:
                return
            why = "input"
        else:
            instead, why = (_EMPTY if flags & Flag.BLOCK else _MASKED), self._why(flags)
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


def _is_editable(plain: dict[str, object]) -> bool:
    """Returns whether an element is edited in place, or has a role of one that is."""
    editable = plain.get("contenteditable")
    if isinstance(editable, str):
        editable = editable.strip().lower() in {"", "true", "plaintext-only"}
    roles = _text(plain.get("role")).lower().split()
    return editable is True or not known.ROLES.isdisjoint(roles)


def _is_slider(plain: dict[str, object]) -> bool:
    return _text(plain.get("role")).strip().lower() == "slider"


def _is_number(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"-?\d{0,9}(?:\.\d{0,9})?", value) is not None


def _may_be_json(value: object) -> bool:
    return isinstance(value, str) and value.lstrip(" \t\r\n")[:1] in _JSON_OPENS


def _repeated(tag: str, plain: dict[str, object], values: tuple[str, ...]) -> list[str]:
    """Returns the attributes of a field that repeat its value, such as a label for screen readers."""
    if _text(plain.get("type")).strip().lower() in {"radio", "checkbox"}:
        return []  # not entered
    secrets = [text for name in values if len(text := _text(plain[name])) >= _LEAST_REPEATED and not is_masked(text)]
    if not secrets:
        return []
    return [
        name
        for name, text in plain.items()
        if name not in values
        and isinstance(text, str)
        and name not in known.REFERENCES
        and name not in known.STYLES
        and (not known.keeps(tag, name, text, plain) or name.startswith("aria-"))
        and any(secret in text for secret in secrets)
    ]


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
