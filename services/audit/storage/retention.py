"""How long recordings are kept, and the days by which they are partitioned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import lru_cache

FOREVER = date(1970, 1, 1)

NowMs = Callable[[], int]
"""A clock: milliseconds since 1970 UTC."""

_LAST_DAY = date(2149, 6, 6)
"""The last one that ClickHouse's Date holds; an id's 48 bits reach the year 10889."""

_LAST_DAY_MS = (_LAST_DAY - FOREVER).days * 86_400_000


@lru_cache(maxsize=8192)
def day_of(start_ms: int) -> date:
    """Returns the day, in UTC, that partitions every table; for all times after 2149 its last one."""
    if start_ms >= _LAST_DAY_MS:
        return _LAST_DAY
    return dt.datetime.fromtimestamp(start_ms / 1000, dt.UTC).date()


class Retention:
    """The days that each project's recordings are kept.

    Args:
        days: By project; 0, or a project that is not named: for ever.
        now_ms: The server's clock.
    """

    def __init__(self, days: Mapping[str, int], now_ms: NowMs) -> None:
        self._days = days
        self._now_ms = now_ms

    def kept_since(self, project: str) -> date:
        """Returns the first day whose recordings the project still keeps; older ones are not shown."""
        days = self._days.get(project, 0)
        return day_of(self._now_ms()) - dt.timedelta(days=days) if days else FOREVER

    def bounded(self) -> Iterator[tuple[str, date]]:
        """Yields each project that does not keep its recordings for ever, with the first day it still keeps."""
        return ((project, self.kept_since(project)) for project, days in self._days.items() if days > 0)
