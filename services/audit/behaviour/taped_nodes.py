"""The clickable elements of a chunk's snapshots and mutations, read from the tables of masking's walk.

Events that a decoder may understand otherwise (unusual values, contents of frames, written anew by masking) are left to
the decoder: NodeIndex goes on from there.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from typing import TYPE_CHECKING

import msgspec
import numpy as np

ELSEWHERE = ("mailto:", "tel:", "sms:", "geo:")
"""Schemes of links that open elsewhere."""

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import numpy.typing as npt

    from services.audit.json_tape.tape import Walk

    Table = npt.NDArray[np.int64]


_text = msgspec.json.Decoder(str).decode

_MASK = b'"***"'
"""The most frequent replacement."""

_ELSEWHERE = tuple(f'"{scheme}'.encode() for scheme in ELSEWHERE)


def _scheme(value: bytes) -> int:
    """Returns whether a JSON value is a string that leads elsewhere: 1 or 0; -1: it is not a plain string."""
    if value[:1] != b'"' or b"\\" in value:
        return -1
    return 1 if value.startswith(_ELSEWHERE) else 0


class PageElement(msgspec.Struct, frozen=True):
    """An element of a snapshot: its id, and the JSON of its attributes."""

    id: int
    attributes: bytes


class TapedNodes:
    """The nodes of a chunk, as the walk has located them and as masking has left them.

    Args:
        walk: The walk through the chunk.
        edits: Start, end and new JSON of each replacement that masking has made in its text.
        renewed: Numbers of the events that masking has written anew: their rows are no longer valid.
        read: Returns the JSON at a span of the text, after masking.

    Attributes:
        answers: For each event 1, if it is a MouseInteraction with a clickable element; filled by `follow`.
    """

    __slots__ = ("_edits", "_read", "_renewed", "_starts", "_text", "_walk", "answers")

    def __init__(
        self,
        walk: Walk,
        edits: Sequence[tuple[int, int, bytes]],
        renewed: Collection[int],
        read: Callable[[int, int], bytes],
    ) -> None:
        size = len(walk.events)
        self.answers = bytearray(size)
        self._walk = walk
        self._text = walk.text
        self._starts = [start for start, _, _ in edits]
        flat: list[int] = []
        shift = 0
        for start, end, new in edits:
            shift += len(new) - (end - start)
            flat += (start, end, 0 if new == _MASK else _scheme(new), shift)
        self._edits: Table = np.frombuffer(bytearray(struct.pack(f"{len(flat)}q", *flat)), np.int64).reshape(-1, 4)
        marks = bytearray(size)
        for number in renewed:
            marks[number] = 1
        self._renewed = np.frombuffer(marks, np.uint8)
        self._read = read

    def follow(
        self, first: int, borders: Sequence[int], most: int, words: npt.NDArray[np.int64]
    ) -> tuple[int, list[int] | None]:
        """Follows the clickable elements, from an event on, and sets `answers`.

        Args:
            first: Position of the first event.
            borders: Borders of the clickable ids before it.
            most: Maximum number of borders.
            words: The table of names and values that matter.

        Returns:
            Position of the next event that has to be decoded, and the borders before it; None: they are as before.
        """
        answers = np.frombuffer(self.answers, np.uint8)
        return self._walk.follow(self._renewed, self._edits, words, first, borders, most, answers)

    @property
    def tables(self) -> tuple[Table, Table, npt.NDArray[np.uint8], Table]:
        """The walk's events and rows, 1 for each event that masking has written anew, and its replacements."""
        return self._walk.events, self._walk.rows, self._renewed, self._edits

    def attributes(self, place: int) -> bytes:
        """Returns the JSON of the attributes in a row."""
        start, end = self._walk.attributes_of(place)
        starts = self._starts
        at = bisect_left(starts, start)
        if at == len(starts) or starts[at] >= end:  # nearly always
            return self._text[start:end]
        return self._read(start, end)

    def text(self, place: int) -> str | None:
        """Returns the text in a row."""
        row = self._walk.row(place)
        if row.text < 0:
            return None
        raw = self._read(row.text, row.text_end)
        return None if raw == b"null" else _text(raw)

    def tag(self, place: int) -> str:
        """Returns the tag in a row; "" for other nodes."""
        _, start, end = self._walk.end_and_tag_of(place)
        return "" if start < 0 else _text(self._read(start, end))

    def root_of(self, position: int) -> int:
        """Returns the id of the document of a full snapshot."""
        walk = self._walk
        return walk.row(walk.event(position).rows).id

    def page_of(self, position: int) -> tuple[PageElement | None, PageElement | None]:
        """Returns the elements `html` and `body` of a full snapshot; None: not in it."""
        walk = self._walk
        html = self._child(walk.event(position).rows, "html")
        body = None if html is None else self._child(html, "body")
        return self._element(html), self._element(body)

    def _child(self, place: int, tag: str) -> int | None:
        """Returns the row of the first child with a tag."""
        walk, read = self._walk, self._read
        last, at = walk.row(place).end, place + 1
        while at < last:
            end, start, tag_end = walk.end_and_tag_of(at)
            if start >= 0 and _text(read(start, tag_end)) == tag:
                return at
            at = end
        return None

    def _element(self, place: int | None) -> PageElement | None:
        if place is None:
            return None
        row = self._walk.row(place)
        return PageElement(row.id, self._read(row.attributes, row.attributes_end) if row.attributes >= 0 else b"null")
