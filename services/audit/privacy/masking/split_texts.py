"""Personal data that extends over several text nodes, such as `4111 1111 <b>1111 1111</b>`.

Frameworks split texts at every variable, and pages mark parts of them. The texts that a reader sees as one
(json_tape) are joined, searched, and masked in each node. Across elements only rules with a sure form
count: figures in neighbouring cells of a grid look like a phone number.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import msgspec

from services.audit.json_tape.tape import Part, TapeKind
from services.audit.privacy.masking.counts import BYTES_PER_WORK, NODE_WORK, STRING_WORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.audit.json_tape.tape import Row, Walk
    from services.audit.privacy.masking.counts import Counts
    from services.audit.privacy.masking.edits import Edits, Span
    from services.audit.privacy.masking.strings import TextMasker

_SURE_RULES = frozenset({"payment_card", "iban", "email", "jwt", "api_key", "us_ssn", "url_credentials"})
"""Rules with a check digit or an unmistakable form."""

_OPEN_ENDED = frozenset({"jwt", "api_key", "url_credentials"})
"""Rules of which a part of a match matches, too: the rest is in the next text."""

_EDGE = Part.EDGE_BYTES


class _Piece:
    """Part of a node's text that is joined with others."""

    __slots__ = ("offset", "place", "row", "start", "text", "whole")

    def __init__(self, place: int, row: Row, whole: str, part: int, start: int) -> None:
        self.place = place
        self.row = row
        self.whole = whole
        self.text = whole if part == Part.WHOLE else whole[:_EDGE] if part == Part.HEAD else whole[-_EDGE:]
        self.offset = len(whole) - len(self.text) if part == Part.TAIL else 0
        self.start = start
        """Offset in the joined text."""


def mask_joined(walk: Walk, edits: Edits, rules: TextMasker, counts: Counts) -> Iterator[tuple[Row, bytes]]:
    """Yields the text nodes with parts of such matches, and their masked text as JSON.

    Args:
        walk: The chunk.
        edits: The replacements until now: masked texts are not joined.
        rules: The rules.
        counts: Receives the counts.
    """
    masks: dict[int, tuple[Row, str, list[tuple[int, int, str]]]] = {}
    texts = walk.joined()
    covers = edits.covers() if texts else []
    for nodes in texts:
        for joined in _orders(walk, nodes):
            counts.spend(STRING_WORK + NODE_WORK * len(joined))
            for pieces in _readable(walk, joined, covers):
                _search(pieces, rules, counts, masks)
    for row, whole, spans in masks.values():
        text, at = whole, 0
        parts: list[str] = []
        for start, end, instead in sorted(spans):
            if start >= at:
                parts += (text[at:start], instead)
                at = end
        parts.append(text[at:])
        # Matches within the node, as for all other strings.
        masked = rules.mask("".join(parts), "text", counts)
        yield row, msgspec.json.encode(masked)


def _orders(walk: Walk, nodes: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Returns the orders in which nodes may be read: rrweb lists added siblings from the last to the first."""
    roots: list[list[tuple[int, int]]] = []
    for place, part in nodes:
        row = walk.row(place)
        if row.kind == TapeKind.NODE and row.up < 0:
            roots.append([(place, part)])
        elif roots:
            roots[-1].append((place, part))
        else:
            return [nodes]
    if len(roots) < 2:
        return [nodes]
    return [nodes, [each for root in reversed(roots) for each in root]]


def _readable(walk: Walk, nodes: list[tuple[int, int]], covers: list[Span]) -> Iterator[list[_Piece]]:
    """Yields the neighbouring texts that are not masked yet; at least two."""
    pieces: list[_Piece] = []
    length = 0
    for place, part in nodes:
        row = walk.row(place)
        before = bisect_right(covers, (row.text, len(walk.text))) - 1
        if before >= 0 and row.text < covers[before][1]:
            if len(pieces) > 1:
                yield pieces
            pieces, length = [], 0
            continue
        text = msgspec.json.decode(walk.text[row.text : row.text_end])
        pieces.append(_Piece(place, row, text, part, length))
        length += len(pieces[-1].text)
    if len(pieces) > 1:
        yield pieces


def _search(
    pieces: list[_Piece],
    rules: TextMasker,
    counts: Counts,
    masks: dict[int, tuple[Row, str, list[tuple[int, int, str]]]],
) -> None:
    """Adds the parts of the matches that extend over several pieces to `masks`, by the start of the node's text."""
    text, starts = "".join(piece.text for piece in pieces), [piece.start for piece in pieces]
    counts.spend(len(text) // BYTES_PER_WORK)
    for rule, start, end, instead in rules.find(text, counts):
        touched = pieces[bisect_right(starts, start) - 1 : bisect_left(starts, end)]
        parts = [each for each in touched if each.text]
        if len(parts) < 2 or (rule not in _SURE_RULES and not _are_siblings(parts)):
            continue
        counts.spend(STRING_WORK * len(parts))
        if rule not in _OPEN_ENDED and any(
            found[0] == rule for each in parts for found in rules.find(each.text, counts)
        ):
            continue  # a whole match beside a label
        counts[rule, "text"] = counts.get((rule, "text"), 0) + 1
        for each in parts:
            first, last = max(start - each.start, 0), min(end - each.start, len(each.text))
            _, _, spans = masks.setdefault(each.row.text, (each.row, each.whole, []))
            spans.append((each.offset + first, each.offset + last, instead))


def _are_siblings(parts: list[_Piece]) -> bool:
    """Returns whether texts are children of one element, or changed texts with consecutive ids."""
    return len({(each.row.kind, each.row.up) for each in parts}) == 1
