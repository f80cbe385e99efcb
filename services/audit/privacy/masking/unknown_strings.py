"""Strings in places that are not known to be free of text: hidden if the policy masks all text.

Elements, fields and payloads are masked by their own rules before. Of the rest, only known fields of rrweb's events
stay; CSS loses its text, addresses lose their paths, and everything else is replaced: unknown types and sources of
events, unknown fields of known ones, and array elements.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from services.audit.json_tape.tape import StringRow
from services.audit.privacy.masking.counts import VALUE_WORK
from services.audit.privacy.masking.payload_names import KNOWN_WORDS
from services.audit.privacy.masking.string_context import place_of
from services.audit.privacy.masking.strings import MASK, is_masked
from services.audit.rrweb import EventType, IncrementalSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from services.audit.json_tape.tape import Walk
    from services.audit.privacy.masking.counts import Counts
    from services.audit.privacy.masking.edits import Span
    from services.audit.privacy.masking.nodes import NodeMasker
    from services.audit.privacy.masking.strings import TextMasker

_TREE = frozenset({"tagName", "compatMode", "publicId", "systemId", "textContent", "value", "name"})
_KEPT_OF_TYPES: dict[int, frozenset[str]] = {
    EventType.FULL_SNAPSHOT: _TREE,
    EventType.META: frozenset({"href"}),
    EventType.CUSTOM: frozenset({"tag"}),
    EventType.PLUGIN: frozenset({"plugin"}),
}
_KEPT_OF_SOURCES: dict[int, frozenset[str]] = {
    IncrementalSource.MUTATION: _TREE,
    IncrementalSource.INPUT: frozenset({"text"}),
    IncrementalSource.STYLE_SHEET_RULE: frozenset({"rule", "replace", "replaceSync"}),
    IncrementalSource.CANVAS_MUTATION: frozenset({"property", "rr_type", "base64", "src", ""}),
    IncrementalSource.FONT: frozenset(
        ["family", "fontSource", "style", "weight", "stretch", "unicodeRange", "variant", "featureSettings", "display"]
    ),
    IncrementalSource.STYLE_DECLARATION: frozenset({"property", "value", "priority"}),
    IncrementalSource.ADOPTED_STYLE_SHEET: frozenset({"rule", "replace"}),
    IncrementalSource.CUSTOM_ELEMENT: frozenset({"name"}),
}
"""Fields of known events that may be strings; those with a meaning of their own are treated in `_hidden`."""

_DOCTYPE_NAMES = frozenset({"html", "svg", "math", "xml"})
_CSS = frozenset({"rule", "replace", "replaceSync"})
_CANVAS_VALUE = re.compile(
    r"#[0-9A-Fa-f]{3,8}|(?:rgb|hsl)a?\([\d\s.,%/deg]+\)|source-(?:over|in|out|atop)|destination-(?:over|in|out|atop)"
    r"|lighter|copy|xor|multiply|screen|overlay|butt|round|square|bevel|miter|left|right|center|start|end|top|middle"
    r"|bottom|hanging|alphabetic|ideographic|nonzero|evenodd|low|medium|high|repeat|repeat-[xy]|no-repeat|ltr|rtl"
    r"|inherit|none|auto|normal|transparent|black|white|red|green|blue|gr[ae]y|image/(?:png|jpeg|webp)"
    r"|(?:(?:normal|italic|oblique|bold|bolder|lighter|small-caps|\d{3}) )*\d[\d.]*(?:px|pt|em|rem)(?:/\S+)? "
    r"(?:\"[\w ]+\"|[\w-]+)(?:, *(?:\"[\w ]+\"|[\w-]+)){0,5}"
)
"""Arguments of drawing that are colours, fonts, and modes."""

_MAX_CANVAS_VALUE = 128

_COLON = 0x3A


def hide_unknown(
    walk: Walk, covers: Sequence[Span], rules: TextMasker, nodes: NodeMasker, counts: Counts
) -> list[tuple[StringRow, bytes]]:
    """Returns the strings to replace, with their replacements as JSON.

    Args:
        walk: The chunk, with all strings listed.
        covers: The spans that are masked already.
        rules: The rules.
        nodes: Masks CSS.
        counts: Receives the counts.
    """
    strings = _uncovered(walk, covers)
    counts.spend(VALUE_WORK * len(strings))
    found: list[tuple[StringRow, bytes]] = []
    property_, event = "", -1
    for each in strings.tolist():
        string = StringRow._make(each)
        if string.event != event:
            property_, event = "", string.event
        value = msgspec.json.decode(walk.text[string.start : string.end])
        key = walk.text[string.key : string.key_end].decode() if string.key >= 0 else ""
        if key == "property":
            property_ = value[:64]
        if string.key < 0 and walk.text[string.end : string.end + 8].lstrip()[:1] == b":":
            hidden = hidden_key(value)
        else:
            hidden = _hidden(string, key, value, property_, walk, rules, nodes, counts)
        if hidden != value:
            found.append((string, msgspec.json.encode(hidden)))
    return found


def hidden_key(key: str) -> str:
    """Returns a key as it is stored if all text is masked: attributes and programs have words, others are text."""
    return MASK if re.search(r"\s|[^\x00-\x7f]", key) else key


def _uncovered(walk: Walk, covers: Sequence[Span]) -> npt.NDArray[np.int64]:
    """Returns the strings without masked ones, attributes, tags, and names of attributes."""
    strings = walk.strings
    starts = np.array([start for start, _ in covers] or [len(walk.text) + 1], np.int64)
    ends = np.array([end for _, end in covers] or [0], np.int64)
    before = starts.searchsorted(strings[:, 0], "right") - 1
    is_covered = (before >= 0) & (strings[:, 0] < ends[before])
    strings = strings[~is_covered & (strings[:, 5] < 0) & (strings[:, 1] - strings[:, 0] > 2)]
    if not len(strings):
        return strings
    kinds = walk.events[strings[:, 2]] if len(walk.events) else walk.events
    is_tree = (strings[:, 2] >= 0) & (
        (kinds[:, 2] == EventType.FULL_SNAPSHOT)
        | ((kinds[:, 2] == EventType.INCREMENTAL_SNAPSHOT) & (kinds[:, 3] == IncrementalSource.MUTATION))
    )
    marks = walk.marks
    is_key = (strings[:, 3] < 0) & (marks[np.minimum(strings[:, 1], len(marks) - 1)] == _COLON)
    is_tag = (strings[:, 4] - strings[:, 3] == len("tagName")) & (marks[strings[:, 3]] == ord("t"))
    found: npt.NDArray[np.int64] = strings[~(is_tree & (is_key | is_tag))]
    return found


def _hidden(
    string: StringRow,
    key: str,
    value: str,
    property_: str,
    walk: Walk,
    rules: TextMasker,
    nodes: NodeMasker,
    counts: Counts,
) -> str:
    """Returns the replacement of a value; the rules are applied later."""
    kind, source = walk.kind_of(string.event) if string.event >= 0 else (-1, -1)
    if kind == EventType.INCREMENTAL_SNAPSHOT:
        kept = _KEPT_OF_SOURCES.get(source, frozenset())
    else:
        kept = _KEPT_OF_TYPES.get(kind, frozenset())
    if key in kept and _is_known(kind, source, key, value):
        if key in _CSS:
            return nodes.hide_css(value, counts)
        if key == "value" and source == IncrementalSource.STYLE_DECLARATION:
            return nodes.hide_css(f"{property_}:{value}", counts, inline=True)[len(property_) + 1 :]
        if key in {"href", "src"}:
            return rules.hide_path(rules.mask(value, place_of(string, walk).field, counts, key="href"), counts)
        return value
    if is_masked(value) or rules.is_kept(value) or (key == "level" and value.lower() in KNOWN_WORDS):
        return value
    what = "text_mode", place_of(string, walk).field
    counts[what] = counts.get(what, 0) + 1
    return MASK


def _is_known(kind: int, source: int, key: str, value: str) -> bool:
    """Returns whether the value of a known field has the form that it should have."""
    if kind == EventType.INCREMENTAL_SNAPSHOT and source == IncrementalSource.CANVAS_MUTATION:
        return bool(key) or (len(value) <= _MAX_CANVAS_VALUE and _CANVAS_VALUE.fullmatch(value) is not None)
    if key == "name" and source != IncrementalSource.CUSTOM_ELEMENT:
        return value.lower() in _DOCTYPE_NAMES
    if key == "compatMode":
        return value in {"CSS1Compat", "BackCompat"}
    if key in {"publicId", "systemId"}:
        return value.startswith(("-//", "http://www.w3.org/", "about:"))
    return True
