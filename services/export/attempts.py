"""The end of a failed attempt: another one follows after a pause, or the export fails."""

from __future__ import annotations

from collections.abc import Callable

from services.export.model import Export, Failure
from services.export.storage.store import ExportStore
from services.runtime.settings import ExportSettings


class Attempts:
    """Ends attempts.

    Args:
        store: The records.
        limits: The settings.
        now_ms: The clock, milliseconds since 1970.
    """

    def __init__(self, store: ExportStore, limits: ExportSettings, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._limits = limits
        self._now_ms = now_ms

    async def failed(self, export: Export, failure: Failure, *, is_final: bool = False) -> bool:
        """Ends an attempt that failed; returns whether another one follows.

        Args:
            export: The export with its running attempt.
            failure: The reason.
            is_final: Whether another attempt would fail in the same way.
        """
        now_ms = self._now_ms()
        if is_final or export.started >= self._limits.max_attempts:
            await self._store.fail(export, failure, now_ms)
            return False
        pause_s = min(self._limits.retry_s * 2 ** (export.started - 1), self._limits.max_retry_s)
        return await self._store.retry(export, failure, now_ms + round(pause_s * 1000), now_ms)

    async def given_back(self, export: Export) -> None:
        """Lets another worker begin at once: this one stops."""
        now_ms = self._now_ms()
        await self._store.retry(export, None, now_ms, now_ms)
