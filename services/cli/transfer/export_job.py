"""An export of ExportService: created, followed with a progress bar, downloaded, and deleted on the server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from afterimage_client.audit.v1 import SessionFilter
from afterimage_client.export.v1 import (
    CancelExportRequest,
    CreateExportRequest,
    DeleteExportRequest,
    DownloadExportRequest,
    Export,
    ExportFormat,
    ExportsSnapshot,
    ExportState,
    ExportTable,
    SessionContent,
    TableContent,
    WatchExportsRequest,
)
from afterimage_client.recording.v1 import InteractionKind
from betterproto import which_one_of
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.cli.client import NETWORK_ERRORS, TIMEOUT_S, Client, connect, export_address
from services.cli.command import CommandError, complain, duration_s, spoken_size
from services.cli.session_filter import numbers
from services.runtime.identity.tokens import Scope
from services.runtime.settings.loader import Settings

MAX_BREAKS = 20
"""Number of times in a row that a connection may break without any progress."""

_PAUSE_S = 0.5
_PASSING = {Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.CANCELLED, Status.RESOURCE_EXHAUSTED}
_FINAL = {ExportState.DONE, ExportState.FAILED, ExportState.CANCELLED, ExportState.EXPIRED}


def session_request(
    wanted: str, session: str, window: str | None, start: str | None, end: str | None
) -> CreateExportRequest:
    """Returns the request for an export of one session. Raises CommandError."""
    content = SessionContent(session_id=session, window_id=window or "")
    if start is not None:
        content.start_offset = timedelta(seconds=duration_s(start))
    if end is not None:
        content.end_offset = timedelta(seconds=duration_s(end))
    (found,) = numbers(ExportFormat, [wanted], "--format")
    return CreateExportRequest(session=content, format=found, request_id=str(uuid4()))


def list_request(wanted: str, table: str, kinds: list[str] | None, sessions: SessionFilter) -> CreateExportRequest:
    """Returns the request for an export of a list. Raises CommandError."""
    (found,) = numbers(ExportFormat, [wanted], "--format")
    (rows,) = numbers(ExportTable, [table], "--table")
    content = TableContent(table=rows, filter=sessions, kinds=numbers(InteractionKind, kinds, "--kind"))
    return CreateExportRequest(table=content, format=found, request_id=str(uuid4()))


async def export_job(
    settings: Settings,
    request: CreateExportRequest,
    output: Path | None,
    *,
    project: str | None,
    address: str | None,
    keep: bool,
    quiet: bool,
) -> None:
    """Has a file made, and writes it.

    Args:
        settings: For the connection.
        request: The export.
        output: The file, which appears whole or not at all; None: standard output.
        project: Project of the minted token; None: the only configured one.
        address: Address of ExportService; None: the settings'.
        keep: Whether the export stays on the server.
        quiet: Whether no progress is shown.
    """
    address = address or export_address(settings)
    async with connect(settings, [Scope.EXPORT], address=address, project=project, service="ExportService") as client:
        created = (await client.export.create_export(request, timeout=TIMEOUT_S)).export
        async with _left_tidy(client, created.export_id, keep=keep):
            with _shown(quiet=quiet) as show:
                done = await _until_done(client, created, show)
                with _target(output) as file:
                    await _download(client, done, file, show)
        if output is not None:
            complain(f"{output}: {spoken_size(done.file.size_bytes)}")


@asynccontextmanager
async def _left_tidy(client: Client, export_id: str, *, keep: bool) -> AsyncIterator[None]:
    """Cancels the export if the block is interrupted, and deletes it after the block."""
    try:
        yield
    except BaseException:
        with suppress(*NETWORK_ERRORS):
            await client.export.cancel_export(CancelExportRequest(export_id=export_id), timeout=TIMEOUT_S)
        raise
    finally:
        if not keep:
            with suppress(*NETWORK_ERRORS):
                await client.export.delete_export(DeleteExportRequest(export_id=export_id), timeout=TIMEOUT_S)


Show = Callable[[str, int, int], None]
"""Shows progress: the activity, its finished steps, and all of its steps (0: unknown)."""


async def _until_done(client: Client, created: Export, show: Show) -> Export:
    """Returns the export once it is done.

    Raises:
        CommandError: It has failed, or was cancelled or deleted.
    """
    found = created
    breaks = _Breaks()
    while found.state not in _FINAL:
        try:
            async for message in client.export.watch_exports(WatchExportsRequest(export_id=created.export_id)):
                match which_one_of(message, "message"):
                    case ("snapshot", ExportsSnapshot() as snapshot):
                        found = snapshot.exports[0]
                    case ("upsert", Export() as changed):
                        found = changed
                    case _:
                        raise CommandError("the export was deleted: a session in it may have been")
                breaks.progress()
                what = "waiting" if found.state == ExportState.QUEUED else "exporting"
                show(what, found.progress.done_count, found.progress.planned_count)
        except NETWORK_ERRORS as error:
            await breaks.wait(error)
    if found.state != ExportState.DONE:
        raise CommandError(
            f"the export failed: {found.failure.message} ({found.failure.reason})"
            if found.state == ExportState.FAILED
            else f"the export was {str(found.state.name).lower()}"
        )
    return found


async def _download(client: Client, done: Export, file: IO[bytes], show: Show) -> None:
    """Writes the file; a broken download goes on where it broke."""
    digest = hashlib.sha256()
    received = 0
    breaks = _Breaks()
    while received < done.file.size_bytes:
        try:
            request = DownloadExportRequest(export_id=done.export_id, offset=received)
            async for message in client.export.download_export(request):
                _, data = which_one_of(message, "message")
                if not isinstance(data, bytes):
                    continue
                file.write(data)
                digest.update(data)
                received += len(data)
                breaks.progress()
                show("downloading", received, done.file.size_bytes)
        except NETWORK_ERRORS as error:
            await breaks.wait(error)
    file.flush()
    if digest.hexdigest() != done.file.sha256:
        raise CommandError("the file was damaged on the way: its SHA-256 is not the server's")


class _Breaks:
    """Breaks of a connection in a row."""

    def __init__(self) -> None:
        self._count = 0

    def progress(self) -> None:
        """The connection works."""
        self._count = 0

    async def wait(self, error: BaseException) -> None:
        """Waits before the next attempt; raises the error if it does not pass, or came too often.

        Raises:
            CancelledError: The call was cancelled, and the client reported a network error in place of that.
        """
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError from error
        passes = not isinstance(error, GRPCError) or error.status in _PASSING
        self._count += 1
        if not passes or isinstance(error, BrokenPipeError) or self._count > MAX_BREAKS:
            raise error
        await asyncio.sleep(_PAUSE_S)


@contextmanager
def _target(output: Path | None) -> Iterator[IO[bytes]]:
    """Yields the file to write to, which appears complete or not at all."""
    if output is None:
        yield sys.stdout.buffer
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(output)
    except CommandError:
        raise
    except NETWORK_ERRORS as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise CommandError(f"{output}: cannot be written: {error.strerror or error}") from error
        raise
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def _shown(*, quiet: bool) -> Iterator[Show]:
    """Yields a function that shows progress on standard error: a bar on a terminal, else nothing."""
    console = Console(file=sys.stderr, soft_wrap=True, highlight=False)
    if quiet or not console.is_terminal:
        yield lambda *_: None
        return
    columns: tuple[Any, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("waiting", total=None)
        yield lambda what, done, planned: bar.update(task, description=what, completed=done, total=planned or None)
