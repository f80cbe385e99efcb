"""Timeout of tests for expected events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 120.0
"""Maximum time for something that must happen. No test shows a time by it: a broken program ends in it, a busy machine
does not. Below the time limit of a test (pyproject.toml)."""

LIFETIMES_S = (2, 8, 32)
"""Lifetimes of tokens that must expire while something is open."""


async def opened_before_expiry(
    opening: Callable[[float], Awaitable[T | None]], lifetimes_s: Sequence[float] = LIFETIMES_S
) -> T:
    """Opens something with a token that expires soon, while it is open.

    Args:
        opening: Opens it with a token of a lifetime in seconds; returns None if the token expired before it was open.
        lifetimes_s: The lifetimes to try, in this order.

    Returns:
        The result of `opening` with the first lifetime that was long enough for this machine now.
    """
    for lifetime_s in lifetimes_s:
        if (opened := await opening(lifetime_s)) is not None:
            return opened
    raise AssertionError(f"not open within {lifetime_s} s")
