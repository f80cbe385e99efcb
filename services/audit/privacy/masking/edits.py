"""Edits of a chunk: values that are replaced where they stand, so that all other bytes stay as they were."""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""Where something begins, and behind what byte it ends."""


class Edits:
    """Replacements in one text."""

    def __init__(self) -> None:
        self.places: dict[int, tuple[int, bytes]] = {}
        """What is replaced: where it begins, where it ends, and the JSON that stands there instead."""
        self._covered: list[Span] = []

    def put(self, span: Span, value: bytes) -> None:
        """Puts JSON in place of what lies at `span`."""
        self.places[span[0]] = (span[1], value)

    def cover(self, span: Span) -> None:
        """Notes that a part has been dealt with, whether it was replaced or not."""
        self._covered.append(span)

    def covers(self) -> list[Span]:
        """Returns all that has been dealt with, in order and without overlaps."""
        spans = sorted({*self._covered, *((start, end) for start, (end, _) in self.places.items())})
        outer: list[Span] = []
        for span in spans:
            if not outer or span[0] >= outer[-1][1]:
                outer.append(span)
            elif span[1] > outer[-1][1]:
                outer[-1] = (outer[-1][0], span[1])
        return outer

    def made(self) -> Made:
        """Returns the replacements so far."""
        return Made(sorted(self.places.items()))


class Made:
    """Replacements, in order."""

    def __init__(self, edits: list[tuple[int, tuple[int, bytes]]]) -> None:
        self._edits = edits
        self.starts = [start for start, _ in edits]
        """Where they begin."""

    def apply(self, text: bytes, start: int = 0, end: int | None = None) -> bytes:
        """Returns what stands from `start` to `end` with the replacements made.

        Args:
            text: The text, or one of equal length in which all lies at the same places.
            start: Where to begin.
            end: Where to end; None: where the text ends. Nothing that is replaced lies across these two.
        """
        parts: list[bytes | memoryview] = []
        view = memoryview(text)  # what stays is copied once, when all is joined
        at = start
        for place in range(bisect_left(self.starts, start), len(self._edits)):
            first, (last, value) = self._edits[place]
            if end is not None and first >= end:
                break
            if first < at:
                continue  # inside one that was replaced as a whole
            parts += (view[at:first], value)
            at = last
        parts.append(view[at:end])
        return b"".join(parts)
