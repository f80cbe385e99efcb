"""Edits of a chunk: values are replaced in place, and all other bytes stay unchanged."""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Start and end, as byte offsets; the end is exclusive."""


class Edits:
    """Replacements in one text."""

    def __init__(self) -> None:
        self.places: dict[int, tuple[int, bytes]] = {}
        """Replacements, by start: the end, and the new JSON."""
        self.covered: list[Span] = []
        """Values that were handled and stay."""

    def put(self, span: Span, value: bytes) -> None:
        """Replaces the value at `span` with JSON."""
        self.places[span[0]] = (span[1], value)

    def cover(self, span: Span) -> None:
        """Marks a span as handled, without replacing it."""
        self.covered.append(span)

    def covers(self) -> list[Span]:
        """Returns all handled spans, in order and without overlaps."""
        spans = sorted({*self.covered, *((start, end) for start, (end, _) in self.places.items())})
        outer: list[Span] = []
        for span in spans:
            if not outer or span[0] >= outer[-1][1]:
                outer.append(span)
            elif span[1] > outer[-1][1]:
                outer[-1] = (outer[-1][0], span[1])
        return outer

    def made(self) -> Made:
        """Returns a snapshot of the replacements."""
        return Made(sorted(self.places.items()))


class Made:
    """Replacements, in order of their starts."""

    def __init__(self, edits: list[tuple[int, tuple[int, bytes]]]) -> None:
        self._edits = edits
        self.starts = [start for start, _ in edits]
        """Starts of the replacements."""

    def outer(self, first: int, last: int) -> list[tuple[int, int, bytes]]:
        """Returns start, end and new JSON of the replacements in a part of the text, without those inside of others."""
        found: list[tuple[int, int, bytes]] = []
        at = first
        for start, (end, value) in self._edits[bisect_left(self.starts, first) : bisect_left(self.starts, last)]:
            if start >= at:
                found.append((start, end, value))
                at = end
        return found

    def count(self, start: int, end: int) -> int:
        """Returns the number of replacements that begin in a part of the text."""
        starts = self.starts
        first = bisect_left(starts, start)
        return bisect_left(starts, end, first) - first

    def apply(self, text: bytes, start: int = 0, end: int | None = None) -> bytes:
        """Returns the part of the text from `start` to `end`, with the replacements made.

        Args:
            text: The text, or one of equal length with all values at the same offsets.
            start: Start of the part.
            end: End of the part; None: end of the text. No replacement may cross `start` or `end`.
        """
        parts: list[bytes | memoryview] = []
        view = memoryview(text)  # unchanged parts are copied once, by the join
        at = start
        for place in range(bisect_left(self.starts, start), len(self._edits)):
            first, (last, value) = self._edits[place]
            if end is not None and first >= end:
                break
            if first < at:
                continue  # inside a larger replacement
            parts += (view[at:first], value)
            at = last
        parts.append(view[at:end])
        return b"".join(parts)
