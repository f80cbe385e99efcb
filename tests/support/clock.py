"""A clock that tests hand in: real time, until it is stopped and set."""

from __future__ import annotations

import time


class Clock:
    """Returns seconds since 1970, as `time.time` does; from the start stopped at `stopped_at`, if that is given."""

    def __init__(self, stopped_at=None):
        self._stopped_at = stopped_at

    def __call__(self):
        return time.time() if self._stopped_at is None else self._stopped_at

    def stop(self):
        """Stops it now: only `advance` moves it from here on."""
        self._stopped_at = self()

    def advance(self, seconds):
        """Moves a stopped clock."""
        self._stopped_at += seconds
