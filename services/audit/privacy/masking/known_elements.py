"""Results of masking for elements that come again and again: the same fields with every page and every visitor.

Cached under a digest of everything that a result depends on, never under an attribute's text.
"""

from __future__ import annotations

import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from services.audit.privacy.masking.counts import MAX_WORK, Counts
from services.audit.privacy.masking.edits import Edits

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.audit.json_tape.tape import Row, Walk

MAX_CACHED_ATTRIBUTES: Final = 512
"""Maximum length of the JSON of an element's attributes, in bytes, for which the result is cached."""

_MOST_KNOWN = 2048


class _Known(NamedTuple):
    """Result for an element; places are relative to the start of its attributes.

    Attributes:
        flags: The element's flags.
        edits: Start, end and new JSON of each replaced value.
        covered: Values that were examined and stay.
        counts: The counts.
        work: Work of the examination, paid with each use: a chunk must not cost less because of an earlier one.
    """

    flags: int
    edits: tuple[tuple[int, int, bytes], ...]
    covered: tuple[tuple[int, int], ...]
    counts: tuple[tuple[tuple[str, str], int], ...]
    work: int


class KnownElements:
    """Cached results for elements, under one policy."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Known] = {}
        self._salt = secrets.token_bytes(32)

    def recall(
        self,
        given: bytes,
        row: Row,
        walk: Walk,
        edits: Edits,
        counts: Counts,
        examine: Callable[[Row, Walk, Edits, Counts], int],
    ) -> int:
        """Returns the flags of an element, with its attributes masked.

        Args:
            given: Everything else that the result depends on.
            row: The element, or a change of its attributes; it has attributes.
            walk: The chunk.
            edits: Receives the replacements.
            counts: Receives the counts.
            examine: Masks the attributes, and returns the flags.
        """
        start = row.attributes
        digest = blake2b(given + walk.text[start : row.attributes_end], digest_size=16, key=self._salt).digest()
        known = self._known.get(digest)
        if known is None:
            known = _examined(start, row, walk, examine)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[digest] = known
        flags, replaced, covered, counted, work = known
        if work:
            counts.spend(work)
        for first, last, value in replaced:
            edits.put((start + first, start + last), value)
        for first, last in covered:
            edits.cover((start + first, start + last))
        for what, count in counted:
            counts[what] = counts.get(what, 0) + count
        return flags


def _examined(start: int, row: Row, walk: Walk, examine: Callable[[Row, Walk, Edits, Counts], int]) -> _Known:
    edits, counts = Edits(), Counts()
    flags = examine(row, walk, edits, counts)
    replaced = tuple((first - start, last - start, value) for first, (last, value) in edits.places.items())
    covered = tuple((first - start, last - start) for first, last in edits.covered)
    return _Known(flags, replaced, covered, tuple(counts.items()), MAX_WORK - counts.work)
