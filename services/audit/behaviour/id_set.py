"""A set of node ids, small enough to be stored with every chunk."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Borders = tuple[int, ...]
"""A set as stored: pairs of borders, each a range of ids from the first border up to the second, exclusive.

rrweb numbers nodes in the document's order, so a subtree is one run of ids.
"""

MAX_ID = 2**53 - 1
"""The largest integer that JavaScript counts exactly; rrweb's ids start at 1."""


class IdSet:
    """A set of ids as sorted borders.

    Attributes:
        borders: The borders as a list, for loops that cannot afford a call per lookup.
    """

    __slots__ = ("_max_runs", "borders")

    def __init__(self, borders: Borders, max_runs: int) -> None:
        self.borders = list(borders)
        self._max_runs = max_runs

    def __contains__(self, node_id: int) -> bool:
        return bisect_right(self.borders, node_id) & 1 == 1

    def update(self, ids: Iterable[int]) -> None:
        """Adds ids, except those that rrweb cannot assign.

        Beyond `max_runs` runs, the lowest ids (the oldest nodes) are dropped immediately: the result must not depend
        on when the set is stored.
        """
        start = end = -1
        for node_id in sorted(ids):
            if not 0 <= node_id < MAX_ID:
                continue
            if node_id == end:
                end += 1
            elif node_id > end:
                if end >= 0:
                    self._add(start, end)
                start, end = node_id, node_id + 1
        if end >= 0:
            self._add(start, end)
        del self.borders[: -2 * self._max_runs]

    def _add(self, start: int, end: int) -> None:
        borders = self.borders
        if not borders or start > borders[-1]:  # new nodes have new ids
            borders += (start, end)
            return
        first, after = bisect_left(borders, start), bisect_right(borders, end)
        edges = [] if first & 1 else [start]
        if not after & 1:
            edges.append(end)
        borders[first:after] = edges

    def dump(self) -> Borders:
        """Returns the set as stored."""
        return tuple(self.borders)
