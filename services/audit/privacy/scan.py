r"""The scan: which JSON strings of a chunk may hold something that a rule finds.

One RE2 automaton with the hints of all rules runs over the raw bytes, at some 400 MB/s. Where it stops, the
string around is cut out exactly: whether a place lies in a string is told by the quotes
before it. An escaped printable character (`\\u0040` for @) is a hint itself, so that escapes hide nothing;
so are the words of selectors.
Patterns of a policy's own are scanned for separately, since they were not written with escapes in mind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from services.audit.linear import compile_pattern, compile_scan
from services.audit.privacy.policy import Method
from services.audit.privacy.rules import URL_RULE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.audit.linear import Pattern
    from services.audit.privacy.policy import Policy

_ESCAPE_HINT = r"\\u00[2-7][0-9a-fA-F]"
_URL_HINT = r"[?#&;][^\s\"?#&;={}<>():,]+="

_SPACE = b" \t\r\n"
_QUOTE, _BACKSLASH = 0x22, 0x5C

Span = tuple[int, int]


class Scanner:
    """Finds the strings that may need masking."""

    def __init__(self, policy: Policy) -> None:
        hints = [_ESCAPE_HINT, *(re.escape(each.word) for each in policy.selectors)]
        custom = []
        for rule in policy.rules:
            if rule.method is Method.KEEP:
                continue
            if rule.custom:
                custom.append(rule.pattern)
            elif rule.name == URL_RULE:
                hints.append(_URL_HINT)
            else:
                hints += [hint for finder in policy.finders(rule.name) for hint in finder.hints]
        self._select = (*(each.word.encode() for each in policy.selectors), rb"\u00")
        self._hints = compile_scan("|".join(f"(?:{hint})" for hint in dict.fromkeys(hints)))
        self._custom: Pattern | None = None
        if custom:
            self._custom = compile_pattern("|".join(f"(?m:{pattern})" for pattern in custom))

    def strings(self, text: bytes) -> list[Span]:
        """Returns where the strings of JSON in UTF-8 lie that may need masking, quotes included, in order."""
        found = _hinted(self._hints, text)
        return found if self._custom is None else sorted({*found, *self._own(self._custom, text)})

    def may_select(self, text: bytes, strings: list[Span]) -> bool:
        """Returns whether a selector may mean an element, given the strings found; escapes may hide its word."""
        return any(text.find(word, start, end) >= 0 for start, end in strings for word in self._select)

    def _own(self, pattern: Pattern, text: bytes) -> Iterator[Span]:
        """Yields the strings that a policy's own patterns may match.

        With each quote turned into a line end, every string without escapes is a line of its own, at its
        place: `^` and `$` hold there as in the string. Strings with escapes are all taken.
        """
        lines = text.replace(b'"', b"\n")
        found = {place for match in pattern.finditer(lines) for place in _line_starts(lines, *match[0])}
        quotes = Quotes(text)
        end = 0
        for place in sorted(found | set(_backslashes(text))):
            if place >= end and (span := quotes.around(place)) is not None:
                yield span
                end = span[1]


def _hinted(hints: Pattern, text: bytes) -> list[Span]:
    found: list[Span] = []
    quotes: Quotes | None = None
    last = 0
    while (match := hints.search(text, last)) is not None:
        last = match[0][1]
        start, sure = _string_before(text, last - 1)
        if start < 0:
            continue
        if not sure:
            quotes = quotes or Quotes(text)
            span = quotes.around(last - 1)
            if span is None:
                continue
            start = span[0]
        end = text.index(b'"', last - 1)
        while _is_escaped(text, end):
            end = text.index(b'"', end + 1)
        last = end + 1
        found.append((start, last))
    return found


def _string_before(text: bytes, place: int) -> tuple[int, bool]:
    """Returns where the string around a place begins, and whether that is sure; -1: it is in no string.

    The quote before it opens a string only behind one of `:,[{`, and closes one only before one of `,:}]`. Only
    if both is so must all quotes be counted; an escaped one stands inside of a string anyhow.
    """
    start = text.rfind(b'"', 0, place)
    inside = False
    while start > 0 and _is_escaped(text, start):
        inside = True
        start = text.rfind(b'"', 0, start)
    if inside or start < 0:
        return start, True
    before, after = start - 1, start + 1
    while text[before] in _SPACE:
        before -= 1
    if text[before] not in b":,[{":
        return -1, True
    while text[after] in _SPACE:
        after += 1
    return start, text[after] not in b",:}]"


class Quotes:
    """The quotes that begin and end the strings of a JSON text."""

    def __init__(self, text: bytes) -> None:
        marks = np.frombuffer(text, np.uint8)
        is_quote = marks == _QUOTE
        escaped = np.flatnonzero(is_quote[1:] & (marks[:-1] == _BACKSLASH)) + 1
        if b'\\\\"' in text:
            escaped = escaped[[_is_escaped(text, place) for place in escaped.tolist()]]
        is_quote[escaped] = False
        self._places = np.flatnonzero(is_quote)

    def around(self, place: int) -> Span | None:
        """Returns the string that a place lies in, quotes included; None if it lies in none.

        A place is in a string if the number of quotes before it is odd; the closing quote counts as inside.
        """
        after = int(self._places.searchsorted(place))
        return (int(self._places[after - 1]), int(self._places[after]) + 1) if after % 2 else None


def _is_escaped(text: bytes, place: int) -> bool:
    first = place
    while text[first - 1] == _BACKSLASH:
        first -= 1
    return (place - first) % 2 == 1


def _line_starts(lines: bytes, start: int, end: int) -> Iterator[int]:
    """Yields the start of a match, and of each further line that it runs over."""
    yield start
    while (start := lines.find(b"\n", start, end) + 1) and start < end:
        yield start


def _backslashes(text: bytes) -> Iterator[int]:
    place = text.find(b"\\")
    while place >= 0:
        yield place
        place = text.find(b"\\", place + 2)
