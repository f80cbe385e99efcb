"""Upkeep of the records: dispatches exports, gives those of dead workers another attempt, deletes files in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from services.export.attempts import Attempts
from services.export.metrics import ExportMetrics
from services.export.model import ExportState, Failure
from services.export.queue import ExportQueue
from services.export.results.store import ResultStore
from services.export.storage.store import ExportStore
from services.runtime.errors import Unavailable
from services.runtime.settings import ExportSettings

_log = structlog.get_logger("afterimage.export")

EVERY_S = 0.5
RECOVER_EVERY_S = 2.0
"""Time between two dispatches: the maximum that a worker waits for the next export of a project."""

SLOW_EVERY_S = 30.0
"""Time between two looks at queue entries and unwanted files."""

SWEEP_EVERY_S = 3600.0
"""Time between two looks at all files."""

_ENTRY_GONE_MS = 3_000
"""Age of a dispatch from which its queue entry is looked for."""

_TOMBSTONE_MS = 3_600_000
"""Time for which a deleted export is kept, for watchers."""

_DAY_MS = 86_400_000


class Upkeep:
    """Runs in ExportService; several may run at once.

    Args:
        store: The records.
        queue: The queue.
        results: The files.
        attempts: Ends attempts of dead workers.
        limits: The settings.
        created: Set when there is something to dispatch.
        on_change: Called after records were changed.
        metrics: The metrics to update.
        now_ms: The clock, milliseconds since 1970.
    """

    def __init__(
        self,
        store: ExportStore,
        queue: ExportQueue,
        results: ResultStore,
        attempts: Attempts,
        limits: ExportSettings,
        created: asyncio.Event,
        on_change: Callable[[], None],
        metrics: ExportMetrics,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._queue = queue
        self._results = results
        self._attempts = attempts
        self._limits = limits
        self._created = created
        self._on_change = on_change
        self._metrics = metrics
        self._now_ms = now_ms

    async def run(self) -> None:
        """Works until it is cancelled; failures are logged, and tried again."""
        async with asyncio.TaskGroup() as tasks:
            for work, every_s in (
                (self.dispatch, EVERY_S),
                (self.recover, RECOVER_EVERY_S),
                (self.tidy, SLOW_EVERY_S),
                (self.sweep_files, SWEEP_EVERY_S),
            ):
                tasks.create_task(self._regularly(work, every_s))

    async def dispatch(self) -> None:
        """Puts the exports that are next into the queue, and again those that have lost their entry."""
        self._created.clear()
        now_ms = self._now_ms()
        for export in await self._store.dispatched(now_ms - _ENTRY_GONE_MS):
            if not await self._queue.has(export) and await self._store.undispatch(export):
                _log.warning("an export was not in the queue any more", export=export.export_id)
        for export in await self._store.dispatch(self._limits.concurrency_per_project, now_ms):
            await self._queue.put(export)

    async def recover(self) -> None:
        """Ends attempts of workers that show no sign of life, and exports that no worker takes."""
        now_ms = self._now_ms()
        for export in await self._store.lost(now_ms):
            _log.warning("a worker was lost", export=export.export_id, attempt=export.attempt)
            await self._attempts.failed(export, Failure("WORKER_LOST", "the worker ended before the export did"))
            self._on_change()
        for export in await self._store.unclaimed(now_ms - round(self._limits.max_wait_s * 1000)):
            await self._store.fail(export, Failure("NO_WORKER", "no worker has taken the export"), now_ms)
            self._on_change()
        if await self._store.expire(now_ms):
            self._on_change()

    async def tidy(self) -> None:
        """Deletes files that are no longer to be downloaded, and old records."""
        now_ms = self._now_ms()
        for place in await self._store.unwanted_files():
            await self._results.delete(place.key)
            await self._store.file_deleted(place)
        await self._store.purge(now_ms - _TOMBSTONE_MS, now_ms - self._limits.record_days * _DAY_MS)
        self._metrics.count(await self._store.counts())

    async def sweep_files(self) -> None:
        """Deletes files without a record: of attempts that were lost after they had stored theirs."""
        older_s = self._limits.max_time_s + self._limits.lease_s
        await self._results.drop_unfinished(older_s)
        async for keys in self._results.keys(older_s):
            of_export = {key: parts[1] for key in keys if len(parts := key.split("/")) == 3}
            records = await self._store.with_files(list(set(of_export.values())))
            for key, export_id in of_export.items():
                state, held = records.get(export_id, (ExportState.DELETED, ""))
                if held != key and state is not ExportState.RUNNING:
                    _log.info("a file without a record is deleted", key=key)
                    await self._results.delete(key)

    async def _regularly(self, work: Callable[[], object], every_s: float) -> None:
        while True:
            try:
                await work()  # type: ignore[misc]
            except Unavailable as error:
                _log.warning("the upkeep of exports waits", error=error.message)
                await asyncio.sleep(1.0)
            except Exception:  # noqa: BLE001 - the upkeep goes on after any error
                _log.exception("the upkeep of exports failed")
                await asyncio.sleep(1.0)
            try:
                async with asyncio.timeout(every_s):
                    if work == self.dispatch:
                        await self._created.wait()
                    else:
                        await asyncio.Event().wait()
            except TimeoutError:
                continue
