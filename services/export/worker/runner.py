"""One attempt to make a file: from the queue's entry to the record's next state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from services.export.attempts import Attempts
from services.export.audit_client import AuditClient
from services.export.formats.making import Made, Maker, Making, session_gone
from services.export.metrics import WorkerMetrics
from services.export.model import (
    Export,
    ExportError,
    ExportFile,
    ExportFormat,
    ExportState,
    Failure,
    Progress,
    SessionContent,
)
from services.export.rendering.model import Limits
from services.export.rendering.tools import Tools
from services.export.results.scratch import Scratch
from services.export.results.store import ResultStore
from services.export.storage.store import ExportStore
from services.runtime.errors import AfterimageError, Unavailable
from services.runtime.settings import ExportSettings

_log = structlog.get_logger("afterimage.export")

RENEW_S = 0.5
"""Time between two signs of life of an attempt; a cancelled one stops at the next."""

_SPARE_S = 60.0
"""Time after an attempt's limit until a rendering ends by itself."""

_SPARE_MS = 60_000
"""Clocks of AuditService and of workers differ by less."""


class Runner:
    """Makes files.

    Args:
        store: The records.
        attempts: Ends failed attempts.
        audit: Client of AuditService.
        results: The store of complete files.
        scratch: The worker's scratch directory.
        makers: Maker of each format.
        limits: The settings.
        metrics: The metrics to update.
        tools: Looks for the machine's programs, at each attempt: one installed meanwhile is used.
        console_url: Address of the console, for links in reports; "": not configured.
        now_ms: The clock, milliseconds since 1970.
    """

    def __init__(
        self,
        *,
        store: ExportStore,
        attempts: Attempts,
        audit: AuditClient,
        results: ResultStore,
        scratch: Scratch,
        makers: Mapping[ExportFormat, Maker],
        limits: ExportSettings,
        metrics: WorkerMetrics,
        tools: Callable[[], Tools],
        console_url: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._audit = audit
        self._results = results
        self._scratch = scratch
        self._makers = makers
        self._limits = limits
        self._metrics = metrics
        self._tools = tools
        self._console_url = console_url
        self._now_ms = now_ms

    async def take(self, export_id: str, attempt: int) -> None:
        """Makes an attempt, if it is that export's turn; returns when it has ended in the records.

        A database that does not answer leaves the record as it is: the lease ends, and another attempt follows.
        """
        try:
            export = await self._store.begin(export_id, attempt, self._lease_ms(), self._now_ms())
            if export is None:
                _log.info("an entry of the queue is out of date", export=export_id, attempt=attempt)
                return
            await self._run(export)
        except Unavailable as error:
            _log.warning("an attempt was left to another worker", export=export_id, error=error.message)

    async def _run(self, export: Export) -> None:
        started = time.monotonic()
        outcome, size_bytes = "stopped", 0
        with self._metrics.running.track_inprogress():
            try:
                size_bytes = await self._make(export)
                outcome = "done" if size_bytes >= 0 else "stopped"
            except ExportError as error:
                outcome = error.failure.reason.lower()
                await self._attempts.failed(export, error.failure, is_final=error.is_final)
            except AfterimageError as error:
                outcome = error.reason.lower()
                await self._attempts.failed(export, Failure(error.reason, error.message))
            except asyncio.CancelledError:
                # This worker stops: shielded, so that the record is changed before the process ends.
                await asyncio.shield(self._attempts.given_back(export))
                raise
            except Exception:  # noqa: BLE001 - the record has the failure, and the worker goes on
                outcome = "internal"
                _log.exception("an export failed", export=export.export_id)
                await self._attempts.failed(
                    export, Failure("INTERNAL", f"internal error; its log names the export {export.export_id}")
                )
            finally:
                took_s = time.monotonic() - started
                self._metrics.ended(export.format, outcome, took_s, max(size_bytes, 0))
                _log.info("attempt", export=export.export_id, outcome=outcome, ms=round(took_s * 1000))

    async def _make(self, export: Export) -> int:
        """Makes and stores the file; returns its size, -1: the attempt counts no more."""
        name = f"{export.export_id}.{export.attempt}"
        with (
            self._scratch.spool(name, self._limits.max_file_bytes) as spool,
            self._scratch.folder(f"{name}.files") as folder,
        ):
            making = Making(
                export=export,
                recordings=self._audit.recordings(export.project, export.content),
                spool=spool,
                folder=folder,
                tools=self._tools(),
                limits=Limits(
                    time_s=self._limits.max_time_s + _SPARE_S,
                    memory_bytes=self._limits.max_render_memory_bytes,
                    file_bytes=self._limits.max_file_bytes,
                    frames=self._limits.max_video_frames,
                ),
                note_sessions=partial(self._store.add_sessions, export),
                max_rows=self._limits.max_rows,
                max_sessions=self._limits.max_table_sessions,
                console_url=self._console_url,
            )
            work = asyncio.create_task(self._made(making))
            sign = asyncio.create_task(self._renewed(making))
            try:
                async with asyncio.timeout(self._limits.max_time_s) as limit:
                    await asyncio.wait({work, sign}, return_when=asyncio.FIRST_COMPLETED)
            except TimeoutError:
                if not limit.expired():
                    raise
                raise ExportError(
                    "TIME_LIMIT", f"the export took more than {self._limits.max_time_s:g} s (export.max_time_s)"
                ) from None
            finally:
                # The spool must not go before its writer has ended.
                for task in (work, sign):
                    task.cancel()
                await asyncio.wait({work, sign})
            if work.cancelled():  # the record has another attempt, or was cancelled, or cannot be read
                if sign.done() and not sign.cancelled():
                    sign.result()
                return -1
            made, file = work.result()
            return await self._finished(export, made, file, making.progress)

    async def _made(self, making: Making) -> tuple[Made, ExportFile]:
        export, spool = making.export, making.spool
        if not isinstance(export.content, SessionContent):
            await self._store.clear_sessions(export)
        made = await self._makers[export.format](making)
        digest = await asyncio.to_thread(spool.complete)
        key = f"{export.project}/{export.export_id}/{digest}"
        await self._results.put(key, spool.path)
        return made, ExportFile(key, made.name, made.content_type, spool.size_bytes, digest)

    async def _finished(self, export: Export, made: Made, file: ExportFile, progress: Progress) -> int:
        """Ends the export with its file, unless a session in it was deleted meanwhile."""
        since_ms = (export.started_ms or export.created_ms) - _SPARE_MS
        deleted = await self._audit.deletions(export.project, since_ms)
        if deleted and await self._store.holds_any(export, deleted):
            await self._results.delete(file.key)
            raise session_gone()
        planned = progress.planned or progress.done
        await self._store.renew(export, Progress(planned, planned), self._lease_ms(), self._now_ms())
        now_ms = self._now_ms()
        ends = [now_ms + export.ttl_ms, made.keep_until_ms, None if export.link is None else export.link.expires_ms]
        expires_ms = min(end for end in ends if end is not None)
        if await self._store.finish(export, file, expires_ms, now_ms):
            return file.size_bytes
        await self._drop(export, file)
        return -1

    async def _drop(self, export: Export, file: ExportFile) -> None:
        """Deletes the file of an attempt that counts no more, unless another attempt may have stored the same one."""
        state, _ = (await self._store.with_files([export.export_id])).get(export.export_id, (ExportState.DELETED, ""))
        if not state.is_open and state is not ExportState.DONE:
            await self._results.delete(file.key)

    async def _renewed(self, making: Making) -> None:
        """Shows signs of life; returns when the attempt counts no more.

        Raises:
            Unavailable: The database has not answered until the end of the lease.
        """
        renewed_at = time.monotonic()
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                if not await self._store.renew(making.export, making.progress, self._lease_ms(), self._now_ms()):
                    return
                renewed_at = time.monotonic()
            except Unavailable:
                if time.monotonic() - renewed_at > self._limits.lease_s:
                    raise

    def _lease_ms(self) -> int:
        return self._now_ms() + round(self._limits.lease_s * 1000)
