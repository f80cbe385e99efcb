r"""The scan: which JSON strings of a chunk may hold something that a rule finds.

One RE2 automaton with the hints of all rules runs over the raw bytes, at some 400 MB/s. Where it stops, the
string around is cut out exactly: whether a place lies in a string is told by the parity of the quotes
before it. An escaped printable character (`\\u0040` for @) is a hint itself, so that escapes hide nothing;
so are the words of selectors.
Patterns of a policy's own are scanned for separately, since they were not written with escapes in mind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from services.audit.linear import compile_pattern, compile_scan
from services.audit.policy import Method
from services.audit.policy_rules import URL_RULE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.audit.linear import Pattern
    from services.audit.policy import Policy

_ESCAPE_HINT = r"\\u00[2-7][0-9a-fA-F]"
_URL_HINT = r"[?#&;][^\s\"?#&;={}<>():,]+="

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
        self._hints = compile_scan("|".join(f"(?:{hint})" for hint in dict.fromkeys(hints)))
        self._custom: Pattern | None = None
        if custom:
            self._custom = compile_pattern("|".join(f"(?m:{pattern})" for pattern in custom))

    def strings(self, text: bytes) -> list[Span]:
        """Returns where the strings of JSON in UTF-8 lie that may need masking, quotes included, in order."""
        found = _hinted(self._hints, text)
        return found if self._custom is None else sorted({*found, *self._own(self._custom, text)})

    def _own(self, pattern: Pattern, text: bytes) -> Iterator[Span]:
        """Yields the strings that a policy's own patterns may match.

        With each quote turned into a line end, every string without escapes is a line of its own, at its
        place: `^` and `$` hold there as in the string. Strings with escapes are all taken.
        """
        lines = text.replace(b'"', b"\n")
        at = 0
        places = sorted(
            {place for match in pattern.finditer(lines) for place in _line_starts(lines, *match.span())}
            | set(_backslashes(text))
        )
        for place in places:
            if place < at:
                continue
            if _is_inside(text, at, place):
                span = _string_around(text, at, place)
                yield span
                at = span[1]
            else:
                at = place


def _hinted(hints: Pattern, text: bytes) -> list[Span]:
    found: list[Span] = []
    at = position = 0  # `at` lies outside of any string
    while (match := hints.search(text, position)) is not None:
        place = match.span()[1] - 1
        if _is_inside(text, at, place):
            span = _string_around(text, at, place)
            found.append(span)
            at = position = span[1]
        else:
            at = position = place + 1
    return found


def _is_inside(text: bytes, at: int, place: int) -> bool:
    """Returns whether `place` lies in a string; `at` does not."""
    before = text[at:place]
    if b"\\" in before:
        before = before.replace(b"\\\\", b"").replace(b'\\"', b"")
    return before.count(b'"') % 2 == 1


def _string_around(text: bytes, at: int, place: int) -> Span:
    """Returns the string that `place` lies in; `at` is outside, before it."""
    start = place
    while (start := text.rfind(b'"', at, start)) > at and text[start - 1] == 0x5C:
        pass  # an opening quote follows no backslash
    end = text.index(b'"', place)
    while _is_escaped(text, end):
        end = text.index(b'"', end + 1)
    return start, end + 1


def _is_escaped(text: bytes, place: int) -> bool:
    first = place
    while text[first - 1] == 0x5C:
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
