"""The first sessions by duration, errors or rage clicks, found without summing up all of them.

Rows of `sessions` have the figures of a rank as plain columns (`schema.tables.RANKS`; on old servers they are computed
from the states). A column of ten million rows is read in some ten milliseconds, while merging their states takes
seconds.

- **Totals** (errors, rage clicks) are the sum over a session's windows. Only rows that have any are summed up.
- **Durations** last from the first event of any window to the last one of any. No row knows both. But none of a session
  ends later than `length_ms` after the session's start, and if no event is before that start, the duration is at most
  the largest `length_ms`. So rows are taken in the order of this bound, the exact durations of their sessions are
  computed, and rows are added until no further session can be among the first (the threshold algorithm: R. Fagin,
  A. Lotem, M. Naor, Optimal aggregation algorithms for middleware, 2003). Sessions with an event before their start,
  whose visitor's clock was set back, are always computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.audit.storage.engine.engine import Engine, Row
from services.audit.storage.schema.dialect import MODERN
from services.audit.storage.schema.tables import RANKS

SUMMED_MOST = 1_000_000
"""Rows with errors or rage clicks that one statement sums up."""

BOUNDED_MOST = 4_000
"""Rows of which the exact durations are computed for one page. If they do not suffice, all durations are computed."""

BOUNDED_STEP = 4
"""Rows at first, as a multiple of the page's sessions, since some are of one session; and factor of each step."""


class SessionRanks:
    """Reads the ranks of sessions.

    Args:
        engine: An open engine with a migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        is_modern = engine.version >= MODERN
        self._figures = {rank.name: rank.name if is_modern else f"({rank.computed})" for rank in RANKS}

    def figure(self, name: str) -> str:
        """Returns the expression of a rank's figure in a statement over `sessions`.

        Args:
            name: Name in `RANKS`.
        """
        return self._figures[name]

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

    async def is_summable(self, name: str, where: str, params: Mapping[str, object]) -> bool:
        """Returns whether one statement can sum up a figure."""
        [(count,)] = await self._engine.query(
            f"SELECT count() FROM sessions WHERE {where} AND {self._figures[name]} > 0", params
        )
        return bool(count <= SUMMED_MOST)

    async def longest(
        self, where: str, params: Mapping[str, object], count: int, at_most: int | None
    ) -> tuple[list[UUID], int | None]:
        """Returns sessions among which the next ones by duration are.

        Args:
            where: Conditions of the rows.
            params: Values of the parameters in it.
            count: Number of rows; those of sessions with an event before their start come first.
            at_most: Longest duration that is wanted, in milliseconds; None: any.

        Returns:
            The sessions, and the longest duration that another one may have, in milliseconds; None: these are all.
        """
        length, offset = self._figures["length_ms"], self._figures["offset_ms"]
        bound = f"if({offset} < 0, toInt64({_FIRST}), {length})"
        if at_most is not None:
            # A window is not longer than its session.
            where += f" AND {length} - {offset} <= {{at_most:Int64}}"
            params = {**params, "at_most": at_most}
        rows: Sequence[Row] = await self._engine.query(
            f"SELECT session, {bound} AS bound FROM sessions WHERE {where} ORDER BY bound DESC LIMIT {count}", params
        )
        sessions = list(dict.fromkeys(session for session, _ in rows))
        return sessions, rows[-1][1] if len(rows) == count else None


_FIRST = 1 << 62
"""Bound of rows that come first: more than any duration in milliseconds."""
