"""Retention of recordings, and the days by which they are partitioned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import lru_cache

FOREVER = date(1970, 1, 1)

NowMs = Callable[[], int]
"""A clock: milliseconds since 1970 UTC."""

_LAST_DAY = date(2149, 6, 6)
"""The last day that ClickHouse's Date holds (older servers: schema.dialect.last_day); an id's 48 bits reach the year
10889."""

_LAST_DAY_MS = (_LAST_DAY - FOREVER).days * 86_400_000


@lru_cache(maxsize=8192)
def day_of(start_ms: int) -> date:
    """Returns the day, in UTC, that partitions every table; later times get the last day that a Date holds."""
    if start_ms >= _LAST_DAY_MS:
        return _LAST_DAY
    return dt.datetime.fromtimestamp(start_ms / 1000, dt.UTC).date()


class Retention:
    """Retention of each project's recordings.

    Args:
        days: Retention in days by project; 0, or a missing project: for ever.
        now_ms: The server's clock.
    """

    def __init__(self, days: Mapping[str, int], now_ms: NowMs) -> None:
        self._days = days
        self._now_ms = now_ms

    def kept_since(self, project: str) -> date:
        """Returns the first day still within the project's retention; older recordings are not shown."""
        days = self._days.get(project, 0)
        return day_of(self._now_ms()) - dt.timedelta(days=days) if days else FOREVER

    def bounded(self) -> Iterator[tuple[str, date]]:
        """Yields each project with limited retention, with the first day still within it."""
        return ((project, self.kept_since(project)) for project, days in self._days.items() if days > 0)
