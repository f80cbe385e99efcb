"""Reading sessions: the list by filter and order, and single sessions.

A listing does not sum up all sessions to show fifty. It walks: the newest N starts are read from the
`windows` table (a sorted key, with the filters on actor, device and tags applied there), only the totals
between those starts are summed up, and N grows until the page is full. Measured on chDB with 1M sessions:
the walk's step 12 ms, the sum over 5,000 sessions 14 ms, over all of them 1,045 ms (docs/adr/0002).

The orders by duration, errors and rage clicks look at the ranks of all sessions (`session_ranks`), and at the rest only
of those that are shown; filters are applied in slices of bounded size.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from uuid import UUID

from services.audit.model import (
    SessionKey,
    SessionStatus,
    SessionSummary,
    StoredWindow,
    Total,
    Totals,
    WindowHead,
    WindowKey,
    WindowSummary,
    total,
)
from services.audit.storage.engine.engine import POINT_READ, Engine, Row
from services.audit.storage.head_rows import SHOWN_COLUMNS, newest_heads, read_head
from services.audit.storage.retention import NowMs, Retention
from services.audit.storage.session_ranks import BOUNDED_GROWTH, BOUNDED_MORE, BOUNDED_MOST, SessionRanks
from services.runtime.uuid7 import uuid7_ms

WALK_GROWTH = 8
WALK_MOST = 200_000
RANK_STEP = 500_000
"""Number of windows that are ranked by one statement: 10 million take as much memory as these."""

CLOCK_SLACK_MS = 1_000
"""A window that begins earlier than this before its session began after the visitor's clock was set back."""


_HEAD_COLUMNS = ", ".join(SHOWN_COLUMNS)


class SessionOrder(IntEnum):
    """Order of listed sessions: the contract's SessionOrder."""

    NEWEST_FIRST = 1
    OLDEST_FIRST = 2
    LONGEST_FIRST = 3
    MOST_ERRORS_FIRST = 4
    MOST_RAGE_CLICKS_FIRST = 5


_COUNTED = {
    SessionOrder.MOST_ERRORS_FIRST: Total.ERRORS,
    SessionOrder.MOST_RAGE_CLICKS_FIRST: Total.RAGE_CLICKS,
}
_FIGURES = {Total.ERRORS: "errors", Total.RAGE_CLICKS: "rage_clicks"}
"""Orders by a total; most sessions have none of it, and follow the others by their start."""

_AFTER_RANK = (
    "(rank < {{after_rank:Int64}} OR (rank = {{after_rank:Int64}} AND "
    "({start} {ahead} {{after_start:Int64}} OR ({start} = {{after_start:Int64}} "
    "AND session {ahead} {{after_session:UUID}}))))"
)
"""Condition of the sessions after a cursor."""

TOTALS_AT_ONCE = 500
"""Start times of which one statement returns the sessions: they are in its text."""

NO_LIMIT = (1 << 63) - 1

_RANKS = {
    SessionOrder.LONGEST_FIRST: "toInt64(last_at - first_at)",
    SessionOrder.MOST_ERRORS_FIRST: f"toInt64(counted[{Total.ERRORS + 1}])",
    SessionOrder.MOST_RAGE_CLICKS_FIRST: f"toInt64(counted[{Total.RAGE_CLICKS + 1}])",
}


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Filter of sessions; None and empty match any. Times are milliseconds since 1970 UTC."""

    start_ms: int | None = None
    end_ms: int | None = None
    actor_id: str = ""
    """As the site knows it."""
    actor_ids: tuple[str, ...] = ()
    """The forms in which it may be stored; empty: only as it is."""
    actor_types: tuple[int, ...] = ()
    device_types: tuple[int, ...] = ()
    statuses: tuple[int, ...] = ()
    page: str = ""
    min_duration_ms: int | None = None
    max_duration_ms: int | None = None
    has: dict[Total, bool] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def by_head(self) -> bool:
        """Whether it filters by fields of a window's head."""
        return bool(self.actor_id or self.actor_types or self.device_types or self.tags)


@dataclass(frozen=True, slots=True)
class SessionCursor:
    """End of a page: the rank (0 in the orders by start), the start and the id of its last session."""

    rank: int
    start_ms: int
    session: UUID


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A listed session and its position in the order."""

    session: SessionSummary
    position: SessionCursor


@dataclass(frozen=True, slots=True)
class SessionDetails:
    """A session and its windows, in the order of their first events."""

    session: SessionSummary
    windows: list[WindowSummary]


class SessionQueries:
    """Reads the sessions of projects."""

    def __init__(self, engine: Engine, retention: Retention, idle_timeout_ms: int, now_ms: NowMs) -> None:
        self._engine = engine
        self._ranks = SessionRanks(engine)
        self._retention = retention
        self._idle_timeout_ms = idle_timeout_ms
        self._now_ms = now_ms

    async def list_sessions(
        self, project: str, wanted: SessionFilter, order: SessionOrder, count: int, after: SessionCursor | None = None
    ) -> list[ListedSession]:
        """Returns up to `count` sessions that follow `after` in the order."""
        if order in _RANKS:
            rows = await self._ranked(project, wanted, order, count, after)
        else:
            rows = await self._walk(project, wanted, order, count, after)
        summaries = await self._with_heads(project, rows)
        return [
            ListedSession(summary, SessionCursor(row[0], row[1], row[2]))
            for summary, row in zip(summaries, rows, strict=True)
        ]

    async def get_session(self, key: SessionKey) -> SessionSummary | None:
        """Returns one session; None: it does not exist or is past its retention."""
        details = await self.get_details(key)
        return details.session if details else None

    async def get_details(self, key: SessionKey) -> SessionDetails | None:
        """Returns one session with its windows; None: it does not exist or is past its retention."""
        params = {
            "project": key.project,
            "start": key.start_ms,
            "session": key.session,
            "since": self._retention.kept_since(key.project),
        }
        rows, heads = await asyncio.gather(
            self._engine.query(
                "SELECT window, minMerge(first_ms) AS first_at, maxMerge(last_ms) AS last_at, "
                "maxMerge(seq) AS last_seq, maxForEachMerge(totals) AS counted, maxMerge(stored_ms) AS stored_at "
                "FROM sessions WHERE project = {project:String} AND start_ms = {start:Int64} "
                "AND session = {session:UUID} AND kept_from >= {since:Date} GROUP BY window",
                params,
            ),
            self.heads(key),
        )
        return self.details(key, [StoredWindow(*row) for row in rows], heads)

    def details(
        self, key: SessionKey, stored: Sequence[StoredWindow], heads: Sequence[WindowHead]
    ) -> SessionDetails | None:
        """Returns a session built from its stored windows and heads; None: no window is stored.

        Args:
            key: The session.
            stored: Its windows.
            heads: Their heads, as returned by `heads`.
        """
        if not stored:
            return None
        ended = {head.key.window for head in heads if head.ended}
        left = {head.key.window for head in heads if head.left_ms}
        windows = [
            WindowSummary(
                one.window,
                one.first_ms,
                one.last_ms,
                one.seq,
                _full(one.totals),
                ended=one.window in ended,
                left=one.window in left,
            )
            for one in sorted(stored, key=lambda one: (one.first_ms, one.window))
        ]
        summed = tuple(sum(places) for places in zip(*(window.totals for window in windows), strict=True))
        first_ms, last_ms = min(window.first_ms for window in windows), max(window.last_ms for window in windows)
        stored_ms = max(one.stored_ms for one in stored)
        row = (0, key.start_ms, key.session, first_ms, last_ms, stored_ms, summed, len(windows))
        return SessionDetails(self._summary(key.project, row, heads), windows)

    async def heads(self, key: SessionKey) -> list[WindowHead]:
        """Returns the newest head of each window of a session, the newest first."""
        rows = await self._engine.query(
            f"SELECT {_HEAD_COLUMNS} FROM windows PREWHERE project = {{project:String}} "
            f"AND start_ms = {{start:Int64}} AND session = {{session:UUID}}{POINT_READ}",
            {"project": key.project, "start": key.start_ms, "session": key.session},
        )
        return newest_heads(rows)

    async def get_sessions(
        self, project: str, sessions: Sequence[UUID], wanted: SessionFilter | None = None
    ) -> list[SessionSummary]:
        """Returns those of the sessions that exist and match the filter, newest first."""
        if not sessions:
            return []
        rows = await self._totals(
            project, wanted or SessionFilter(), SessionOrder.NEWEST_FIRST, len(sessions), None, None, sessions
        )
        return await self._with_heads(project, rows)

    async def _walk(
        self, project: str, wanted: SessionFilter, order: SessionOrder, count: int, after: SessionCursor | None
    ) -> list[Row]:
        newest = order is SessionOrder.NEWEST_FIRST
        found: list[Row] = []
        step = 2 * (count + 1)
        low, high = wanted.start_ms, _last_ms(wanted)
        if after is not None:
            if newest:
                high = after.start_ms
            else:
                low = after.start_ms
        while True:
            edge, seen = await self._edge(project, wanted, newest, low, high, step)
            if not seen:
                return found
            span = (edge, high) if newest else (low, edge)
            found += await self._totals(project, wanted, order, count - len(found), after, span)
            if len(found) >= count or seen < step:
                return found
            if newest:
                high = edge - 1
            else:
                low = edge + 1
            step = min(step * WALK_GROWTH, WALK_MOST)

    async def _ranked(
        self, project: str, wanted: SessionFilter, order: SessionOrder, count: int, after: SessionCursor | None
    ) -> list[Row]:
        """Returns the first sessions of an order by rank."""
        found: list[Row] = []
        place = _COUNTED.get(order)
        if place is not None and wanted.has.get(place) is False:
            return await self._walk(project, wanted, SessionOrder.NEWEST_FIRST, count, after)
        if place is None or after is None or after.rank > 0:
            found = await self._top(project, wanted, order, count, after)
        if place is not None and len(found) < count and not wanted.has.get(place):
            last = after if after is not None and after.rank == 0 else None
            none = replace(wanted, has={**wanted.has, place: False})  # they follow one another by their start
            found += await self._walk(project, none, SessionOrder.NEWEST_FIRST, count - len(found), last)
        return found

    async def _top(
        self, project: str, wanted: SessionFilter, order: SessionOrder, count: int, after: SessionCursor | None
    ) -> list[Row]:
        """Returns the sessions of the highest ranks, those of totals above 0."""
        by_total = bool(wanted.has or wanted.page or wanted.statuses)
        by_total = by_total or wanted.min_duration_ms is not None or wanted.max_duration_ms is not None
        if by_total:
            return await self._top_of_slices(project, wanted, order, count, after, by_total=True)
        if not wanted.by_head:
            bounded = await self._top_by_bounds(project, wanted, order, count, after)
            if bounded is not None:
                return bounded
        found = await self._top_of_slices(project, wanted, order, count, after, by_total=False)
        shown = {row[2]: row for row in await self._totals_at(project, order, [row[1] for row in found])}
        return [shown[row[2]] for row in found if row[2] in shown]

    async def _top_by_bounds(
        self, project: str, wanted: SessionFilter, order: SessionOrder, count: int, after: SessionCursor | None
    ) -> list[Row] | None:
        """Returns the totals of the next sessions by rank; None: too many sessions may be among them."""
        place = _COUNTED.get(order)
        where, params = self._row_conditions(project, wanted.start_ms, _last_ms(wanted))
        begin = None if after is None else (after.rank, after.start_ms)
        known: dict[int, list[Row]] = {}
        asked = count + BOUNDED_MORE
        while asked <= BOUNDED_MOST:
            if place is None:
                bounds = await self._ranks.bounds_of_durations(where, params, asked, begin)
            else:
                of_sums = await self._ranks.bounds_of_sums(_FIGURES[place], where, params, asked, begin)
                if of_sums is None:
                    break
                bounds = of_sums
            new = [start_ms for start_ms in bounds.starts if start_ms not in known]
            known |= {start_ms: [] for start_ms in new}
            for row in await self._totals_at(project, order, new):
                if (place is None or row[0] > 0) and _follows(row, after):
                    known[row[1]].append(row)
            found = sorted((row for rows in known.values() for row in rows), key=_place, reverse=True)[:count]
            if bounds.rest is None or (len(found) == count and found[-1][:2] >= bounds.rest):
                return found
            asked *= BOUNDED_GROWTH
        return None

    async def _top_of_slices(
        self,
        project: str,
        wanted: SessionFilter,
        order: SessionOrder,
        count: int,
        after: SessionCursor | None,
        *,
        by_total: bool,
    ) -> list[Row]:
        """Returns the first ones of all slices by start, merged: their totals, or rank, start and id."""
        place = _COUNTED.get(order)
        if by_total and place is not None:
            wanted = replace(wanted, has={**wanted.has, place: True})
        found: list[Row] = []
        step = WALK_MOST if by_total else RANK_STEP
        low, high = wanted.start_ms, _last_ms(wanted)
        while True:
            edge, seen = await self._edge(project, wanted, True, low, high, step)
            if not seen:
                break
            if by_total:
                found += await self._totals(project, wanted, order, count, after, (edge, high))
            else:
                heads, params = self._head_conditions(project, wanted, edge, high)
                where, _ = self._row_conditions(project, edge, high)
                if wanted.by_head:
                    where += f" AND session IN (SELECT session FROM windows WHERE {heads})"
                ranks = self._ranks.durations(where) if place is None else self._ranks.summed(_FIGURES[place], where)
                found += await self._highest(ranks, params, count, after)
            # Stable: sessions of one start are in one slice, and in order there.
            found = sorted(found, key=_rank_and_start, reverse=True)[:count]
            if seen < step:
                break
            high = edge - 1
        return found

    async def _highest(
        self, ranks: str, params: dict[str, object], count: int, after: SessionCursor | None
    ) -> list[Row]:
        """Returns rank, start and id of the first sessions of a SELECT of start_ms, session and rank."""
        further = ""
        if after is not None:
            params = params | {"after_rank": after.rank, "after_start": after.start_ms, "after_session": after.session}
            further = f"WHERE {_AFTER_RANK.format(start='start_ms', ahead='<')} "
        return await self._engine.query(
            f"SELECT rank, start_ms, session FROM ({ranks}) {further}"
            f"ORDER BY rank DESC, start_ms DESC, session DESC LIMIT {count}",
            params,
        )

    async def _totals_at(self, project: str, order: SessionOrder, starts: Sequence[int]) -> list[Row]:
        """Returns the totals of all sessions with these start times, in any order."""
        found: list[Row] = []
        for begin in range(0, len(starts), TOTALS_AT_ONCE):
            some = starts[begin : begin + TOTALS_AT_ONCE]
            found += await self._totals(project, SessionFilter(), order, NO_LIMIT, None, None, starts=some)
        return found

    async def _edge(
        self, project: str, wanted: SessionFilter, newest: bool, low: int | None, high: int | None, step: int
    ) -> tuple[int, int]:
        """Returns the start time of the last of the next `step` windows, and the number of windows up to it."""
        where, params = self._head_conditions(project, wanted, low, high)
        way, pick = ("DESC", "min") if newest else ("ASC", "max")
        [(edge, seen)] = await self._engine.query(
            f"SELECT {pick}(start_ms), count() FROM (SELECT start_ms FROM windows WHERE {where} "
            f"ORDER BY start_ms {way} LIMIT {step})",
            params,
        )
        return edge, seen

    def _row_conditions(self, project: str, low: int | None, high: int | None) -> tuple[str, dict[str, object]]:
        """Returns the condition of rows between two start times, of `windows` and `sessions`, and its parameters."""
        conditions = ["project = {project:String}", "kept_from >= {since:Date}"]
        params: dict[str, object] = {"project": project, "since": self._retention.kept_since(project)}
        if low is not None:
            conditions.append("start_ms >= {low:Int64}")
            params["low"] = low
        if high is not None:
            conditions.append("start_ms <= {high:Int64}")
            params["high"] = high
        return " AND ".join(conditions), params

    def _head_conditions(
        self, project: str, wanted: SessionFilter, low: int | None, high: int | None
    ) -> tuple[str, dict[str, object]]:
        rows, params = self._row_conditions(project, low, high)
        conditions = [rows]
        if wanted.actor_id:
            conditions.append("actor_id IN {actors:Array(String)}")
            params["actors"] = list(wanted.actor_ids or (wanted.actor_id,))
        if wanted.actor_types:
            conditions.append("actor_type IN {actor_types:Array(UInt8)}")
            params["actor_types"] = list(wanted.actor_types)
        if wanted.device_types:
            conditions.append("device_type IN {device_types:Array(UInt8)}")
            params["device_types"] = list(wanted.device_types)
        for number, (name, value) in enumerate(wanted.tags.items()):
            conditions.append(
                f"tag_values[indexOf(tag_names, {{tag_name{number}:String}})] = {{tag_value{number}:String}}"
            )
            params |= {f"tag_name{number}": name, f"tag_value{number}": value}
        return " AND ".join(conditions), params

    async def _totals(
        self,
        project: str,
        wanted: SessionFilter,
        order: SessionOrder,
        count: int,
        after: SessionCursor | None,
        span: tuple[int | None, int | None] | None,
        sessions: Sequence[UUID] = (),
        starts: Sequence[int] = (),
    ) -> list[Row]:
        """Sums up the sessions between two start times and returns those that match the filter, in order."""
        low, high = span or (wanted.start_ms, _last_ms(wanted))
        heads, params = self._head_conditions(project, wanted, low, high)
        inner = [self._row_conditions(project, low, high)[0]]
        if sessions:
            inner.append("session IN {sessions:Array(UUID)}")
            params["sessions"] = list(sessions)
            starts = [uuid7_ms(session) for session in sessions]
        if starts:
            inner.append("start_ms IN {starts:Array(Int64)}")
            params["starts"] = list(starts)
        if wanted.by_head:
            inner.append(f"session IN (SELECT session FROM windows WHERE {heads})")
        outer = self._total_conditions(wanted, params)
        if wanted.statuses:
            of_windows = (
                "session IN (SELECT session FROM (SELECT session, argMax(ended, updated_ms) AS has_ended, "
                f"argMax(left_ms, updated_ms) > 0 AS is_left FROM windows WHERE {heads} GROUP BY session, window) "
                "GROUP BY session HAVING "
            )
            over = f"{of_windows}min(has_ended OR is_left) = 1)"
            states = {
                SessionStatus.ENDED: f"{of_windows}min(has_ended) = 1)",
                SessionStatus.LEFT: f"{of_windows}min(has_ended OR is_left) = 1 AND min(has_ended) = 0)",
                SessionStatus.LIVE: f"(NOT {over} AND stored_at >= {{alive:Int64}})",
                SessionStatus.TIMED_OUT: f"(NOT {over} AND stored_at < {{alive:Int64}})",
            }
            params["alive"] = self._now_ms() - self._idle_timeout_ms
            outer.append("(" + " OR ".join(states[SessionStatus(status)] for status in wanted.statuses) + ")")
        rank = _RANKS.get(order, "toInt64(0)")
        way, ahead = ("ASC", ">") if order is SessionOrder.OLDEST_FIRST else ("DESC", "<")
        if after is not None:
            params |= {"after_rank": after.rank, "after_start": after.start_ms, "after_session": after.session}
            outer.append(_AFTER_RANK.format(start="start_at", ahead=ahead))
        pages = ", groupUniqArrayArrayMerge(urls) AS w_urls" if wanted.page else ""
        return await self._engine.query(
            f"SELECT rank, start_at, session, first_at, last_at, stored_at, counted, window_count FROM ("
            f"SELECT *, {rank} AS rank FROM ("
            "SELECT start_ms AS start_at, session, min(w_first) AS first_at, max(w_last) AS last_at, "
            "max(w_stored) AS stored_at, sumForEach(w_totals) AS counted, count() AS window_count"
            f"{', groupUniqArrayArray(w_urls) AS visited' if wanted.page else ''} FROM ("
            "SELECT start_ms, session, window, minMerge(first_ms) AS w_first, maxMerge(last_ms) AS w_last, "
            f"maxMerge(stored_ms) AS w_stored, maxForEachMerge(totals) AS w_totals{pages} FROM sessions "
            f"WHERE {' AND '.join(inner)} GROUP BY start_ms, session, window"
            ") GROUP BY start_ms, session)) "
            f"{'WHERE ' + ' AND '.join(outer) if outer else ''} "
            f"ORDER BY rank DESC, start_at {way}, session {way} LIMIT {count}",
            params,
        )

    @staticmethod
    def _total_conditions(wanted: SessionFilter, params: dict[str, object]) -> list[str]:
        conditions = []
        if wanted.min_duration_ms is not None:
            conditions.append("last_at - first_at >= {min_duration:Int64}")
            params["min_duration"] = wanted.min_duration_ms
        if wanted.max_duration_ms is not None:
            conditions.append("last_at - first_at <= {max_duration:Int64}")
            params["max_duration"] = wanted.max_duration_ms
        for place, present in wanted.has.items():
            conditions.append(f"counted[{place + 1}] {'>' if present else '='} 0")
        if wanted.page:
            conditions.append("arrayExists(url -> position(url, {page:String}) > 0, visited)")
            params["page"] = wanted.page
        return conditions

    async def _with_heads(self, project: str, rows: Sequence[Row]) -> list[SessionSummary]:
        if not rows:
            return []
        heads: dict[UUID, list[WindowHead]] = {}
        for head in await self._heads(project, [row[2] for row in rows]):
            heads.setdefault(head.key.session, []).append(head)
        return [self._summary(project, row, heads.get(row[2], [])) for row in rows]

    def _summary(self, project: str, row: Row, heads: Sequence[WindowHead]) -> SessionSummary:
        _, _, session, first_ms, last_ms, stored_ms, counted, window_count = row
        key = SessionKey(project, session)
        unknown = WindowHead(WindowKey(project, session, session), self._retention.kept_since(project))
        head = _head_of_session(heads) if heads else unknown
        if heads and all(one.ended for one in heads):
            status = SessionStatus.ENDED
        elif heads and all(one.ended or one.left_ms for one in heads):
            status = SessionStatus.LEFT
        elif stored_ms >= self._now_ms() - self._idle_timeout_ms:
            status = SessionStatus.LIVE
        else:
            status = SessionStatus.TIMED_OUT
        return SessionSummary(key, head, first_ms, last_ms, stored_ms, _full(counted), int(window_count), status)

    async def _heads(self, project: str, sessions: Sequence[UUID]) -> list[WindowHead]:
        """Returns the newest head of each window of the sessions, the newest first."""
        rows = await self._engine.query(
            f"SELECT {_HEAD_COLUMNS} FROM windows WHERE project = {{project:String}} "
            "AND start_ms IN {starts:Array(Int64)} AND session IN {sessions:Array(UUID)} "
            "ORDER BY updated_ms DESC LIMIT 1 BY session, window",
            {"project": project, "sessions": list(sessions), "starts": [uuid7_ms(session) for session in sessions]},
        )
        return [read_head(row) for row in rows]


def _last_ms(wanted: SessionFilter) -> int | None:
    """Returns the last start time of a filter."""
    return None if wanted.end_ms is None else wanted.end_ms - 1


def _follows(row: Row, after: SessionCursor | None) -> bool:
    return after is None or _place(row) < _place((after.rank, after.start_ms, after.session))


def _place(row: Row) -> tuple[int, int, int, int]:
    """Returns a row's place in an order by rank. ClickHouse sorts UUIDs by their second half first."""
    rank, start_ms, session = row[:3]
    return rank, start_ms, session.int & 0xFFFF_FFFF_FFFF_FFFF, session.int >> 64


def _rank_and_start(row: Row) -> tuple[int, int]:
    return row[0], row[1]


def _head_of_session(heads: Sequence[WindowHead]) -> WindowHead:
    """Returns the head of a session's first window with the newest visitor and tags.

    The first window is that of the session's first event; windows may arrive in any order.

    Args:
        heads: The heads of its windows, the newest first.
    """
    first, newest = min(heads, key=_order_of_recording), heads[0]
    return replace(first, actor_id=newest.actor_id, actor_type=newest.actor_type, tags=newest.tags)


def _order_of_recording(head: WindowHead) -> tuple[bool, int, int, UUID]:
    """Returns the position of a window among those of its session.

    Recorders make a session's id before its first event, with the same clock: a window that begins before the time in
    the id began after the visitor's clock was set back. Windows that were stored before `first_ms` was kept come first,
    by the server's clock.
    """
    was_set_back = 0 < head.first_ms < head.key.session_key.start_ms - CLOCK_SLACK_MS
    return was_set_back, head.first_ms, head.begun_ms, head.key.window


def _full(totals: Totals) -> Totals:
    return tuple(int(total(totals, place)) for place in Total)
