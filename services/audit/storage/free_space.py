"""Free space on the disk of the database: below a floor nothing new is recorded, and nothing is rewritten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.audit.storage.engine.engine import DiskUsage, StorageError, StorageFull

_log = structlog.get_logger("afterimage.storage")

CHECK_S = 1.0
"""Interval of the checks: a gigabyte lasts longer than that."""

FLOOR_BYTES = 2**30
FLOOR_SHARE = 0.05
"""The floor without a setting: FLOOR_BYTES, or FLOOR_SHARE of a small disk. A merge writes a new part before the old
ones are deleted: on a full disk a database can neither merge nor delete."""


def floor_of(usage: DiskUsage, min_free_bytes: int | None) -> int:
    """Returns the floor in bytes.

    Args:
        usage: The disk.
        min_free_bytes: The setting `storage.min_free_bytes`; None: FLOOR_BYTES or FLOOR_SHARE, the smaller one.
    """
    return round(min(FLOOR_BYTES, usage.total_bytes * FLOOR_SHARE)) if min_free_bytes is None else min_free_bytes


class FreeSpace:
    """Whether there is space to store something.

    Args:
        read: Returns the current usage of the disk; None: unknown, so that only failed inserts count.
        min_free_bytes: The floor; None: the default (`floor_of`). 0: none.
    """

    def __init__(self, read: Callable[[], Awaitable[DiskUsage | None]], min_free_bytes: int | None) -> None:
        self._read = read
        self._min_free_bytes = min_free_bytes
        self._usage: DiskUsage | None = None
        self._insert_failed = False
        self._was_low = False
        self._is_readable = True
        self.on_low: Callable[[], None] = lambda: None
        """Called when the space has become low."""

    @property
    def free_bytes(self) -> int | None:
        """Free space at the last check; None: unknown."""
        return self._usage.free_bytes if self._usage else None

    @property
    def is_low(self) -> bool:
        """Whether the free space is below the floor, or the last insert failed for want of space."""
        if self._insert_failed:
            return True
        return self._usage is not None and self._usage.free_bytes < floor_of(self._usage, self._min_free_bytes)

    def require(self, consequence: str = "nothing new is recorded") -> None:
        """Raises StorageFull, with `consequence` in its message, if `is_low`."""
        if self.is_low:
            raise StorageFull(self._description, consequence=consequence)

    def insert_failed(self) -> None:
        """Notes that the engine had no space for an insert."""
        self._insert_failed = True
        self._note()

    def insert_succeeded(self) -> None:
        """Notes that the engine had space for an insert."""
        if self._insert_failed:
            self._insert_failed = False
            self._note()

    async def refresh(self) -> None:
        """Checks the disk now. If that is impossible, the last known usage remains."""
        try:
            self._usage = await self._read()
        except (StorageError, OSError) as error:
            if self._is_readable:
                _log.warning("the free space cannot be read", error=str(error)[:300])
            self._is_readable = False
            return
        self._is_readable = True
        self._note()

    async def run(self) -> None:
        """Checks the disk every CHECK_S until it is cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(CHECK_S)

    @property
    def _description(self) -> str:
        if self._usage is None:
            return "the engine has no space for an insert"
        floor = floor_of(self._usage, self._min_free_bytes)
        return f"{self._usage.free_bytes} bytes are free of {self._usage.total_bytes}, the floor is {floor}"

    def _note(self) -> None:
        if self.is_low == self._was_low:
            return
        self._was_low = self.is_low
        if self._was_low:
            _log.error("the disk is almost full: nothing new is recorded, reads go on", detail=self._description)
            self.on_low()
        else:
            _log.warning("the disk has space again: recording goes on", detail=self._description)
