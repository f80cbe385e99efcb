"""Edits of a chunk: values that are replaced where they stand, so that all other bytes stay as they were.

The decoder hands out parts of the text as views (msgspec.Raw). Where such a part lies in the text is told by
its address: exact also where the same bytes stand many times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from services.audit.privacy.scan import Span


def _address(part: bytes | msgspec.Raw) -> int:
    address: int = np.frombuffer(part, np.uint8).__array_interface__["data"][0]
    return address


class Edits:
    """Replacements in one text."""

    def __init__(self, text: bytes) -> None:
        """Begins without any; `text` is what the parts were decoded from."""
        self._text = text
        self._base = _address(text)
        self._edits: dict[int, tuple[int, bytes]] = {}
        self.covered: list[Span] = []

    def span(self, part: msgspec.Raw) -> Span:
        """Returns where a part lies.

        Raises:
            ValueError: If it is no part of the text.
        """
        start = _address(part) - self._base
        if not 0 <= start <= len(self._text) - len(part):
            raise ValueError("is no part of the text")
        return start, start + len(part)

    def replace(self, part: msgspec.Raw, value: bytes) -> None:
        """Puts JSON in place of a part."""
        start, end = self.span(part)
        self._edits[start] = (end, value)

    def put(self, span: Span, value: bytes) -> None:
        """Puts JSON in place of what lies at `span`."""
        self._edits[span[0]] = (span[1], value)

    def cover(self, part: msgspec.Raw) -> None:
        """Notes that a part has been dealt with, whether it was replaced or not."""
        self.covered.append(self.span(part))

    def covers(self) -> list[Span]:
        """Returns all that has been dealt with, in order and without overlaps."""
        spans = sorted({*self.covered, *((start, end) for start, (end, _) in self._edits.items())})
        outer: list[Span] = []
        for span in spans:
            if not outer or span[0] >= outer[-1][1]:
                outer.append(span)
            elif span[1] > outer[-1][1]:
                outer[-1] = (outer[-1][0], span[1])
        return outer

    def apply(self, text: bytes) -> bytes:
        """Returns `text` with the replacements made; the same object if there are none.

        Args:
            text: The text, or one of equal length whose parts lie at the same places.
        """
        if not self._edits:
            return text
        parts: list[bytes] = []
        at = 0
        for start, (end, value) in sorted(self._edits.items()):
            if start < at:
                continue  # inside one that was replaced as a whole
            parts += (text[at:start], value)
            at = end
        parts.append(text[at:])
        return b"".join(parts)
