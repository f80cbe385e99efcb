"""Regular expressions that take linear time: RE2, with types.

A pattern may come from a configuration file, so it must not be able to hang the server: RE2 refuses what
it cannot match in linear time (backreferences, look-around, huge repetitions). All patterns work on UTF-8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import re2  # type: ignore[import-untyped, unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Match(Protocol):
    """What of a match is used here."""

    def span(self, group: int = 0) -> tuple[int, int]:
        """Returns where a group lies; (-1, -1) if it took no part."""
        ...


class Pattern(Protocol):
    """A compiled pattern."""

    groups: int

    def search(self, text: bytes, pos: int = 0) -> Match | None:
        """Returns the first match from `pos` on."""
        ...

    def finditer(self, text: bytes) -> Iterator[Match]:
        """Yields all matches that do not overlap, from the left."""
        ...


_SCAN_MEMORY_BYTES = 64 << 20
"""Most memory of the automaton for scans. With RE2's usual 8 MiB it is thrown away and built anew all the time: 280
instead of 450 MB/s over the hints of all rules."""


def compile_scan(pattern: str) -> Pattern:
    """Returns the compiled ASCII pattern for scans over bytes: it takes each byte for a character."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    options.max_mem = _SCAN_MEMORY_BYTES
    return cast("Pattern", re2.compile(pattern.encode("ascii"), options))


def compile_pattern(pattern: str) -> Pattern:
    """Returns the compiled pattern.

    Raises:
        ValueError: If RE2 refuses it; the text is RE2's reason.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return cast("Pattern", re2.compile(pattern.encode(), options))
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown"
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


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
        self._all = list(range(len(patterns)))

    def matching(self, text: bytes) -> list[int]:
        """Returns the places of the patterns that match, or of all if RE2 could not tell."""
        found: list[int] = self._set.Match(text)
        if not found:
            return self._all
        return sorted(place for place in found if place < len(self._all))
