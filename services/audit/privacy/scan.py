r"""The scan: which JSON strings of a chunk may hold something that a rule finds, and which may mean an element.

One RE2 automaton with the hints of all rules runs over the raw bytes, at some 500 MB/s: the one pass over a chunk
that masking cannot do without. Where it stops, the string around is cut out exactly: whether a place lies in a
string is told by the quotes before it. An escaped printable character (`\\u0040` for @) is a hint itself, so
that escapes hide nothing; so are the tags of form fields and the words of selectors: a mutation without any of
them brings no element that matters.
Patterns of a policy's own are scanned for separately, since they were not written with escapes in mind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from services.audit.linear import compile_pattern, compile_scan
from services.audit.privacy.nodes import FIELD_TAGS
from services.audit.privacy.policy import Method
from services.audit.privacy.rules import URL_RULE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.audit.linear import Pattern
    from services.audit.privacy.policy import Policy

_ESCAPE_HINT = r"\\u00[2-7][0-9a-fA-F]"
_URL_HINT = r"[?#&;][^\s\"?#&;={}<>():,]+="

_TAG_HINT = '"(?i:' + "|".join(sorted(FIELD_TAGS)) + ')"'
_ODD_HINTS = (
    r'd"\s*:\s*-?[0-9]+[.eE]',
    r'd"(?:\s+:|:\s)',
    r'(?:adds|texts|removes)"\s*:\s*[^\[\s]',
    r'attributes"\s*:\s*[^\[{\s]',
)
"""Numbers of nodes in a form that JSON.stringify does not give them, and parts of mutations that are no lists."""

_SPACE = b" \t\r\n"
_OPENERS, _CLOSERS = b":,[{", b":,}]"
"""What stands right before a quote that opens a string, and right behind one that closes one."""

_UNSURE = _CLOSERS + _SPACE
_QUOTE, _BACKSLASH = 0x22, 0x5C

Span = tuple[int, int]


class Scan(NamedTuple):
    """What a scan found.

    Attributes:
        strings: Where the strings lie that may need masking, quotes included, in order.
        elements: Where strings begin that may make an element one that matters.
        may_select: Whether a selector may mean an element; escapes may hide its words.
        is_odd: Whether parts of mutations may be written in a way in which nobody looks for them.
    """

    strings: list[Span]
    elements: list[int]
    may_select: bool
    is_odd: bool


class Scanner:
    """Finds the strings that may need masking."""

    def __init__(self, policy: Policy) -> None:
        self._words = tuple({each.json_word for each in policy.selectors})
        hints = [_TAG_HINT, _ESCAPE_HINT, *(re.escape(word.decode()) for word in self._words)]
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
        self._odd_hints = _any(_ODD_HINTS)
        self._hints = _any([*hints, *_ODD_HINTS])
        self._usual_hints = _any(hints)
        self._custom: Pattern | None = None
        if custom:
            self._custom = compile_pattern("|".join(f"(?m:{pattern})" for pattern in custom))

    def scan(self, text: bytes) -> Scan:
        """Returns what is found in JSON in UTF-8."""
        scan = self._hinted(text)
        if self._custom is not None:
            scan = scan._replace(strings=sorted({*scan.strings, *self._own(self._custom, text)}))
        return scan

    def _hinted(self, text: bytes) -> Scan:  # noqa: C901 - one loop: calls cost more than they tidy
        search, quotes = self._hints.search, None
        found: list[Span] = []
        elements: list[int] = []
        may_select = is_odd = False
        last = 0
        while (match := search(text, last)) is not None:
            first, last = match[0]
            if text[last - 1] == _QUOTE and text[first] == _QUOTE:
                elements.append(first)  # the tag of a form field
                continue
            start = text.rfind(b'"', 0, last - 1)
            if start <= 0 or text[start - 1] not in _OPENERS or text[start + 1] in _UNSURE:
                start, sure = _string_before(text, last - 1)
                if start >= 0 and not sure:
                    quotes = quotes or Quotes(text)
                    span = quotes.around(last - 1)
                    start = -1 if span is None else span[0]
                if start < 0:
                    if not is_odd and self._odd_hints.search(text[first:last]) is not None:
                        is_odd, search = True, self._usual_hints.search
                    continue
            end = text.index(b'"', last - 1)
            while text[end - 1] == _BACKSLASH and _is_escaped(text, end):
                end = text.index(b'"', end + 1)
            last = end + 1
            found.append((start, last))
            if text.find(rb"\u00", start, end) >= 0:
                may_select = is_odd = True
            for word in self._words:
                if text.find(word, start, end) >= 0:
                    elements.append(start)
                    may_select = True
                    break
        return Scan(found, elements, may_select, is_odd)

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


def _any(hints: Sequence[str]) -> Pattern:
    return compile_scan("|".join(f"(?:{hint})" for hint in dict.fromkeys(hints)))


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
    if text[before] not in _OPENERS:
        return -1, True
    while text[after] in _SPACE:
        after += 1
    return start, text[after] not in _CLOSERS


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

    def strings(self) -> list[Span]:
        """Returns all strings."""
        places = self._places.tolist()
        return [(start, end + 1) for start, end in zip(places[::2], places[1::2], strict=True)]

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
