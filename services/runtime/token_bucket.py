"""A rate with bursts, for one caller."""

from __future__ import annotations

_BURST_S = 5.0


class TokenBucket:
    """Admits `rate` per second on average, with bursts of five seconds' worth. A rate of 0 means no limit."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, now: float, burst: float | None = None) -> None:
        self._rate = rate
        self._burst = rate * _BURST_S if burst is None else burst
        self._level = self._burst
        self._at = now

    def take(self, amount: float, now: float) -> bool:
        """Returns whether `amount` may pass at the time `now`, and counts it if so."""
        if not self._rate:
            return True
        self._refill(now)
        if self._level < amount:
            return False
        self._level -= amount
        return True

    def charge(self, amount: float, now: float) -> None:
        """Counts `amount`, which has passed already; the bucket may be in debt afterwards."""
        if self._rate:
            self._refill(now)
            self._level -= amount

    def debt_s(self, now: float) -> float:
        """Returns the time until the bucket is no longer in debt, in seconds; 0.0: it is not."""
        if not self._rate:
            return 0.0
        self._refill(now)
        return max(0.0, -self._level / self._rate)

    def wait_s(self, amount: float) -> float:
        """Returns the time until `amount` may pass, in seconds."""
        return max(0.0, (amount - self._level) / self._rate) if self._rate else 0.0

    def _refill(self, now: float) -> None:
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
