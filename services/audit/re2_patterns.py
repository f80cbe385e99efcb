"""Regular expressions that take linear time: RE2, with types.

A pattern may come from a configuration file, so it must not be able to hang the server: RE2 refuses what
it cannot match in linear time (backreferences, look-around, huge repetitions). All text is UTF-8 bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import re2  # type: ignore[import-untyped, unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Spans: TypeAlias = "Sequence[tuple[int, int]]"
"""Where a match lies, and behind it its groups; (-1, -1): the group took no part."""

SCAN_MEMORY_BYTES = 64 << 20
"""Most memory of an automaton for scans. With RE2's usual 8 MiB that of all hints is thrown away and built anew
all the time: 280 instead of 450 MB/s."""


class Pattern:
    """A compiled pattern.

    It calls RE2 itself, as the binding's own search does, without that one's generator and match objects: most
    strings are short, and those would cost three times what the matching does.
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
        """Returns the first match from `start` on."""
        spans: Spans = self._match(_UNANCHORED, text, start, len(text))
        return None if spans[0][0] < 0 else spans

    def finditer(self, text: bytes) -> Iterator[Spans]:
        """Yields all matches that do not overlap and are not empty, from the left."""
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
        ValueError: If RE2 refuses it; the text is RE2's reason.
    """
    options = re2.Options()
    options.log_errors = False
    return Pattern(pattern, options)


def compile_scan(pattern: str) -> Pattern:
    """Returns the compiled ASCII pattern for scans over bytes: it takes each byte for a character."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.max_mem = SCAN_MEMORY_BYTES
    return Pattern(pattern, options)


class PatternSet:
    """Tells in one pass over a short text which of many patterns match somewhere."""

    def __init__(self, patterns: Sequence[str]) -> None:
        options = re2.Options()
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern.encode())
        # RE2::Set answers "nothing" when its automaton outgrows its memory. This one matches whatever is not
        # empty, so that such an answer is known for what it is.
        self._set.Add(b"(?s:^.)")
        self._set.Compile()
        self._size = len(patterns)

    def matching(self, text: bytes) -> Sequence[int]:
        """Returns the places of the patterns that match, or of all if RE2 could not tell."""
        found: list[int] = self._set.Match(text)
        if len(found) == 1 and found[0] == self._size:
            return ()
        if not found:
            return range(self._size)
        return sorted(place for place in found if place < self._size)
