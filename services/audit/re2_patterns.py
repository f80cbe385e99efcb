"""Linear-time regular expressions: a typed wrapper of RE2.

A pattern may come from a configuration file and must not be able to hang the server: RE2 rejects constructs
that it cannot match in linear time (backreferences, look-around, huge repetitions). All text is UTF-8 bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import re2  # type: ignore[import-untyped, unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Spans: TypeAlias = "Sequence[tuple[int, int]]"
"""Span of a match, followed by those of its groups; (-1, -1): the group did not participate."""

SCAN_MEMORY_BYTES = 64 << 20
"""Memory limit of an automaton for scans. With RE2's default of 8 MiB the automaton of all hints is constantly
discarded and rebuilt: 280 instead of 450 MB/s."""


class Pattern:
    """A compiled pattern.

    Calls RE2 directly, without the generator and the match objects of the binding's own search: most strings are
    short, and those objects would cost three times as much as the matching.
    """

    __slots__ = ("_match", "groups")

    def __init__(self, pattern: str, options: re2.Options) -> None:
        regexp = re2._re2.RE2(pattern.encode(), options)  # noqa: SLF001 - see above
        if not regexp.ok():
            reason = regexp.error()
            raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason))
        self._match: Any = regexp.Match
        self.groups: int = regexp.NumberOfCapturingGroups()

    def search(self, text: bytes, start: int = 0) -> Spans | None:
        """Returns the first match at or after `start`."""
        spans: Spans = self._match(_UNANCHORED, text, start, len(text))
        return None if spans[0][0] < 0 else spans

    def finditer(self, text: bytes) -> Iterator[Spans]:
        """Yields all non-empty, non-overlapping matches, from left to right."""
        match, length, start = self._match, len(text), 0
        while start <= length:
            spans: Spans = match(_UNANCHORED, text, start, length)
            first, last = spans[0]
            if first < 0:
                return
            if first < last:
                yield spans
            start = max(last, start + 1) if first < last else last + 1


_UNANCHORED = re2._re2.RE2.Anchor.UNANCHORED  # noqa: SLF001


def compile_pattern(pattern: str) -> Pattern:
    """Returns the compiled pattern.

    Raises:
        ValueError: If RE2 rejects it; the text is RE2's reason.
    """
    options = re2.Options()
    options.log_errors = False
    return Pattern(pattern, options)


def compile_scan(pattern: str) -> Pattern:
    """Returns the compiled ASCII pattern for scans over bytes: each byte counts as one character."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.max_mem = SCAN_MEMORY_BYTES
    return Pattern(pattern, options)


class PatternSet:
    """Finds which of many patterns match anywhere in a short text, in one pass."""

    def __init__(self, patterns: Sequence[str]) -> None:
        options = re2.Options()
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern.encode())
        # RE2::Set reports no match when its automaton runs out of memory. This pattern matches every non-empty text,
        # which makes that case detectable.
        self._set.Add(b"(?s:^.)")
        self._set.Compile()
        self._size = len(patterns)

    def matching(self, text: bytes) -> Sequence[int]:
        """Returns the indexes of the patterns that match, or all indexes if RE2 ran out of memory."""
        found: list[int] = self._set.Match(text)
        if len(found) == 1 and found[0] == self._size:
            return ()
        if not found:
            return range(self._size)
        return sorted(place for place in found if place < self._size)
