"""The first sessions by duration, errors or rage clicks, found without summing up all of them.

Rows of `sessions` have the figures of a rank as plain columns (`schema.tables.RANKS`; on old servers they are computed
from the states). A column of ten million rows is read in some ten milliseconds, while merging their states takes
seconds.

No row has the rank of its session: a session has a row for each window, and more until they are merged. But rows give
an upper bound of it, for all sessions with one start time. So starts are taken in the order of their bounds, the exact
ranks of their sessions are computed, and more are taken until no further session can be among the first. (This is the
threshold algorithm: R. Fagin, A. Lotem, M. Naor, Optimal aggregation algorithms for middleware, 2003.) The bounds:

- **Totals** (errors, rage clicks): the sum over all rows. The total is the sum over windows of the largest.
- **Durations**, from the first event of any window to the last one of any: the largest `length_ms`, if no event is
  before the start of the session. Sessions with such an event (the clock of the visitor was set back) are always
  computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from services.audit.storage.engine.engine import Engine
from services.audit.storage.schema.dialect import MODERN
from services.audit.storage.schema.tables import RANKS

SUMMED_MOST = 4_000_000
"""Rows with errors or rage clicks that one statement sums up, with 16 to 32 bytes each."""

BOUNDED_MOST = 2_000
"""Starts of which the exact ranks are computed for one page. If they do not suffice, all ranks are computed."""

BOUNDED_MORE = 16
"""Starts at first, besides one for each session of the page, since a session may have several rows."""

BOUNDED_GROWTH = 4
"""Factor of the number of starts when they did not suffice."""

_FIRST = 1 << 62
"""Bound of rows that come first: more than any duration in milliseconds."""


_LATEST = (1 << 63) - 1


class Bounds(NamedTuple):
    """The starts with the highest bounds, the highest first.

    Attributes:
        starts: Start times, in milliseconds since 1970 UTC.
        rest: Rank and start that no session with another start time exceeds; None: these are all starts.
    """

    starts: list[int]
    rest: tuple[int, int] | None


class SessionRanks:
    """Reads the ranks of sessions.

    Args:
        engine: An open engine with a migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        is_modern = engine.version >= MODERN
        self._figures = {rank.name: rank.name if is_modern else f"({rank.computed})" for rank in RANKS}

    def summed(self, name: str, where: str) -> str:
        """Returns a SELECT of start_ms, session and rank: a figure, summed up over each session's windows, if above 0.

        Args:
            name: Name in `RANKS`.
            where: Conditions of the rows.
        """
        figure = self._figures[name]
        return (
            "SELECT start_ms, session, toInt64(sum(most)) AS rank FROM ("
            f"SELECT start_ms, session, window, max({figure}) AS most FROM sessions "
            f"WHERE {where} AND {figure} > 0 GROUP BY start_ms, session, window"
            ") GROUP BY start_ms, session"
        )

    def durations(self, where: str) -> str:
        """Returns a SELECT of start_ms, session and rank: the duration, in milliseconds.

        Args:
            where: Conditions of the rows.
        """
        length, offset = self._figures["length_ms"], self._figures["offset_ms"]
        return (
            f"SELECT start_ms, session, toInt64(max({length}) - min({offset})) AS rank FROM sessions "
            f"WHERE {where} GROUP BY start_ms, session"
        )

    async def bounds_of_sums(
        self, name: str, where: str, params: Mapping[str, object], count: int, after: tuple[int, int] | None
    ) -> Bounds | None:
        """Returns the starts with the highest sums of a total above 0.

        Args:
            name: Name in `RANKS`.
            where: Conditions of the rows.
            params: Values of the parameters in it.
            count: Maximum number of starts.
            after: Rank and start after which sessions are wanted; None: from the first.

        Returns:
            The starts; None: there are too many rows.
        """
        figure = self._figures[name]
        [(rows,)] = await self._engine.query(f"SELECT count() FROM sessions WHERE {figure} > 0")
        if rows > SUMMED_MOST:
            return None
        having = ""
        if after is not None:
            # One row: the bound is the rank, and the session was listed before.
            having = (
                "HAVING count() > 1 OR bound < {after_rank:Int64} "
                "OR (bound = {after_rank:Int64} AND start_ms <= {after_start:Int64}) "
            )
            params = {**params, "after_rank": after[0], "after_start": after[1]}
        found = await self._engine.query(
            f"SELECT start_ms, toInt64(sum({figure})) AS bound FROM sessions WHERE {where} AND {figure} > 0 "
            f"GROUP BY start_ms {having}ORDER BY bound DESC, start_ms DESC LIMIT {count}",
            params,
        )
        rest = (found[-1][1], found[-1][0]) if len(found) == count else None
        return Bounds([start_ms for start_ms, _ in found], rest)

    async def bounds_of_durations(
        self, where: str, params: Mapping[str, object], count: int, after: tuple[int, int] | None
    ) -> Bounds:
        """Returns the starts with the longest durations, as `bounds_of_sums` does.

        Equal ones come in any order: to sort by the start too, a third more time is needed.
        """
        length, offset = self._figures["length_ms"], self._figures["offset_ms"]
        if after is not None:
            # A window is not longer than its session.
            where += f" AND {length} - {offset} <= {{after_rank:Int64}}"
            params = {**params, "after_rank": after[0]}
        found = await self._engine.query(
            f"SELECT start_ms, if({offset} < 0, toInt64({_FIRST}), {length}) AS bound FROM sessions "
            f"WHERE {where} ORDER BY bound DESC LIMIT {count}",
            params,
        )
        rest = (found[-1][1], _LATEST) if len(found) == count else None
        return Bounds(list(dict.fromkeys(start_ms for start_ms, _ in found)), rest)
