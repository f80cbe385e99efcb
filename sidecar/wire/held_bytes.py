"""One budget for the bytes that this process holds: messages and bodies that are incomplete, or not passed on yet."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.runtime.errors import ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RETRY_S = 5.0


class Held:
    """The bytes held of one socket or request. Created by `HeldBytes.holder`.

    Attributes:
        count: Number of bytes.
        is_dropped: Whether it was ended because the budget was used up.
        on_excess: Called when it must end, and its bytes be dropped.
    """

    __slots__ = ("_address", "_owner", "count", "is_dropped", "on_excess")

    def __init__(self, owner: HeldBytes, address: str) -> None:
        self._owner = owner
        self._address = address
        self.count = 0
        self.is_dropped = False
        self.on_excess: Callable[[], object] = lambda: None

    def add(self, count: int) -> None:
        """Counts bytes that have arrived; negative: that were passed on."""
        if not self.is_dropped:
            self.count += count
            self._owner.changed(self, self._address, count)

    def drop(self) -> None:
        """Ends it: its bytes no longer count."""
        self.add(-self.count)
        self.is_dropped = True
        self.on_excess()


class HeldBytes:
    """The bytes held by this process.

    Beyond the maximum, the address with the most bytes loses its largest socket or request: many small holders are
    not affected by a few large ones.

    Args:
        most: Maximum number of bytes; 0: no limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._holders: dict[str, set[Held]] = {}
        self._counts: dict[str, int] = {}
        self.total = 0
        self.dropped = 0

    @contextmanager
    def holder(self, address: str) -> Iterator[Held]:
        """Yields a holder of an address; its bytes count while the block runs."""
        held = Held(self, address)
        holders = self._holders.setdefault(address, set())
        holders.add(held)
        try:
            yield held
        finally:
            held.add(-held.count)
            holders.discard(held)
            if not holders and self._holders.get(address) is holders:
                del self._holders[address]
                self._counts.pop(address, None)

    @contextmanager
    def request(self, address: str) -> Iterator[Held]:
        """Yields a holder for the request of the current task.

        Raises:
            ResourceExhausted: It must end, because too many bytes are held (NO_ROOM); the task was cancelled in the
                block, which drops them.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp handles requests in tasks
        with self.holder(address) as held:
            held.on_excess = task.cancel
            try:
                yield held
            except asyncio.CancelledError:
                if not held.is_dropped or task.uncancel():
                    raise
                raise ResourceExhausted(
                    "too many requests arrive at once", reason="NO_ROOM", retry_after_s=_RETRY_S
                ) from None

    def changed(self, held: Held, address: str, count: int) -> None:
        """Counts bytes of a holder, and ends the largest one while there are too many."""
        self.total += count
        self._counts[address] = self._counts.get(address, 0) + count
        while count > 0 and 0 < self._most < self.total:
            largest = max(self._counts, key=lambda each: self._counts[each])
            victim = max(self._holders[largest], key=lambda each: each.count)
            self.dropped += 1
            victim.drop()
            if victim is held:
                return
