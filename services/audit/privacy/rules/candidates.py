"""Selection of the strings in a chunk that a rule may match.

For the built-in rules each string is scanned once, in compiled loops (`prefilter`). A policy's custom patterns are
searched by RE2 in the raw bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from services.audit.re2_patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.audit.json_tape.tape import Walk
    from services.audit.re2_patterns import Pattern

_BACKSLASH = 0x5C


class Scanner:
    """Finds the strings that may need masking.

    Args:
        own: The patterns of the policy's custom rules.
    """

    def __init__(self, own: Sequence[str]) -> None:
        from services.audit.privacy.rules import prefilter

        self._sift = prefilter.sift
        self._own: Pattern | None = None
        if own:
            self._own = compile_pattern("|".join(f"(?m:{pattern})" for pattern in own))

    @property
    def lists_all(self) -> bool:
        """Whether the walk must list all strings, since custom patterns may match any of them."""
        return self._own is not None

    def choose(self, walk: Walk, *, every: bool = False) -> Sequence[Sequence[int]]:
        """Returns the strings that may need masking, in order, each as the numbers of a StringRow.

        Args:
            walk: The chunk. Its table of strings is reordered.
            every: Whether to return all listed strings.
        """
        strings = walk.strings
        if every:
            return strings.tolist()  # type: ignore[no-any-return]
        own = [] if self._own is None else self._matched(self._own, walk)
        few = strings[: self._sift(walk.marks, strings, len(strings))].tolist()
        return sorted({*map(tuple, few), *own}) if own else few

    @staticmethod
    def _matched(pattern: Pattern, walk: Walk) -> list[tuple[int, ...]]:
        """Returns the strings that the policy's custom patterns may match.

        With each quote replaced by a line feed, every string without escapes is a separate line at the same offset,
        and `^` and `$` match as in the string. All strings with escapes are returned.
        """
        strings = walk.strings
        lines = walk.text.replace(b'"', b"\n")
        found = {place for match in pattern.finditer(lines) for place in _line_starts(lines, *match[0])}
        places = np.concatenate((np.flatnonzero(walk.marks == _BACKSLASH), np.array(sorted(found), np.int64)))
        which = np.unique(strings[:, 0].searchsorted(places, "right") - 1)
        return [tuple(each) for each in strings[which[which >= 0]].tolist()]


def _line_starts(lines: bytes, start: int, end: int) -> Iterator[int]:
    """Yields the start of a match, and of each further line that it extends over."""
    yield start
    while (start := lines.find(b"\n", start, end) + 1) and start < end:
        yield start
