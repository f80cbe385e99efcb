"""An export of ExportService: created, followed with a progress bar, downloaded, and deleted on the server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from afterimage_client.audit.v1 import HeatmapKind, SessionFilter
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
    HeatmapContent,
    OverlayPart,
    PaperSize,
    PictureOptions,
    ReportOptions,
    SessionContent,
    TableContent,
    VideoOptions,
    WatchExportsRequest,
)
from afterimage_client.recording.v1 import InteractionKind
from betterproto import which_one_of
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.cli.client import NETWORK_ERRORS, TIMEOUT_S, Client, connect, export_address
from services.cli.command import CommandError, complain, duration_s, spoken_duration, spoken_size
from services.cli.session_filter import numbers, session_filter
from services.runtime.identity.tokens import Scope
from services.runtime.settings.loader import Settings

MAX_BREAKS = 20
"""Number of times in a row that a connection may break without any progress."""

_PAUSE_S = 0.5
_SIZE = re.compile(r"(?=\d|x\d)(\d{0,6})x(\d{0,6})")
_SECONDS = re.compile(r"\d{1,9}(\.\d+)?")
_PASSING = {Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.CANCELLED, Status.RESOURCE_EXHAUSTED}
_FINAL = {ExportState.DONE, ExportState.FAILED, ExportState.CANCELLED, ExportState.EXPIRED}


_OF_HEATMAPS = {"since", "until", "device", "actor_type"}
"""Options that select sessions and apply to heatmaps."""

VIDEOS = (ExportFormat.MP4, ExportFormat.WEBM, ExportFormat.GIF)


@dataclass(frozen=True, slots=True)
class Rendering:
    """Options of videos and pictures, as given to the command; None: not given.

    Attributes:
        at: Moment of a picture.
        size: WIDTHxHEIGHT, WIDTHx or xHEIGHT.
        fps: Frames per second of a video.
        keep_pauses: Whether a video has the pauses.
        hide: Parts that a video lacks.
        show: Parts that a picture has.
    """

    at: str | None = None
    size: str | None = None
    fps: int | None = None
    keep_pauses: bool = False
    hide: list[str] | None = None
    show: list[str] | None = None

    def given(self) -> list[str]:
        """Returns the names of the options that were given."""
        named = (("at", self.at), ("size", self.size), ("fps", self.fps), ("keep-pauses", self.keep_pauses))
        return [f"--{name}" for name, value in (*named, ("hide", self.hide), ("show", self.show)) if value]

    def video(self) -> VideoOptions:
        """Returns the options of a video. Raises CommandError."""
        self._refuse(("--at", self.at), ("--show", self.show), of="png")
        width, height = self._sizes()
        return VideoOptions(
            width=width,
            height=height,
            frames_per_second=self.fps or 0,
            keep_pauses=self.keep_pauses,
            hidden_parts=numbers(OverlayPart, self.hide, "--hide"),
        )

    def picture(self) -> PictureOptions:
        """Returns the options of a picture. Raises CommandError."""
        self._refuse(
            ("--fps", self.fps), ("--keep-pauses", self.keep_pauses), ("--hide", self.hide), of="mp4, webm and gif"
        )
        if self.at is None:
            raise CommandError("--format png needs --at, the moment in the session, such as 1m30s or 12.5")
        width, height = self._sizes()
        seconds = float(self.at) if _SECONDS.fullmatch(self.at) else duration_s(self.at)
        return PictureOptions(
            offset=timedelta(seconds=seconds),
            width=width,
            height=height,
            shown_parts=numbers(OverlayPart, self.show, "--show"),
        )

    def _sizes(self) -> tuple[int, int]:
        if self.size is None:
            return 0, 0
        found = _SIZE.fullmatch(self.size)
        if found is None:
            raise CommandError(f"--size: {self.size!r} is not WIDTHxHEIGHT, WIDTHx or xHEIGHT, such as 1280x720")
        return int(found[1] or 0), int(found[2] or 0)

    def _refuse(self, *options: tuple[str, object], of: str) -> None:
        for name, value in options:
            if value:
                raise CommandError(f"{name} applies to {of} only")


@dataclass(frozen=True, slots=True)
class ReportForm:
    """Options of a report, as given to the command; None: not given.

    Attributes:
        paper: Name of the paper.
        time_zone: IANA name of the zone of its dates.
        language: Language of its dates.
    """

    paper: str | None = None
    time_zone: str | None = None
    language: str | None = None

    def given(self) -> list[str]:
        """Returns the names of the options that were given."""
        named = (("paper", self.paper), ("time-zone", self.time_zone), ("language", self.language))
        return [f"--{name}" for name, value in named if value]

    def options(self) -> ReportOptions:
        """Returns the options of a report. Raises CommandError."""
        (paper,) = numbers(PaperSize, [self.paper], "--paper") if self.paper else (PaperSize.UNSPECIFIED,)
        return ReportOptions(paper=PaperSize(paper), time_zone=self.time_zone or "", language=self.language or "")

    def refuse(self, wanted: str) -> None:
        """Raises CommandError if an option was given for another format."""
        if given := self.given():
            raise CommandError(f"{given[0]} applies to reports only: --format pdf, not {wanted}")


def session_request(
    wanted: str,
    session: str,
    window: str | None,
    start: str | None,
    end: str | None,
    rendering: Rendering | None = None,
    report: ReportForm | None = None,
) -> CreateExportRequest:
    """Returns the request for an export of one session. Raises CommandError."""
    rendering = rendering or Rendering()
    report = report or ReportForm()
    content = SessionContent(session_id=session, window_id=window or "")
    if start is not None:
        content.start_offset = timedelta(seconds=duration_s(start))
    if end is not None:
        content.end_offset = timedelta(seconds=duration_s(end))
    (found,) = numbers(ExportFormat, [wanted], "--format")
    if found in VIDEOS:
        content.video = rendering.video()
    elif found == ExportFormat.PNG:
        if start is not None or end is not None:
            raise CommandError("--format png is of one moment: --at")
        content.picture = rendering.picture()
    elif found == ExportFormat.PDF:
        if window is not None or start is not None or end is not None or rendering.given():
            raise CommandError("--format pdf is a report of the whole session: only --paper, --time-zone, --language")
        content.report = report.options()
    elif given := rendering.given():
        raise CommandError(f"{given[0]} applies to videos and pictures only: mp4, webm, gif, png")
    if found != ExportFormat.PDF:
        report.refuse(wanted)
    return CreateExportRequest(session=content, format=found, request_id=str(uuid4()))


def list_request(
    wanted: str, table: str, kinds: list[str] | None, sessions: SessionFilter, report: ReportForm | None = None
) -> CreateExportRequest:
    """Returns the request for an export of a list. Raises CommandError."""
    report = report or ReportForm()
    (found,) = numbers(ExportFormat, [wanted], "--format")
    (rows,) = numbers(ExportTable, [table], "--table")
    content = TableContent(table=rows, filter=sessions, kinds=numbers(InteractionKind, kinds, "--kind"))
    if found == ExportFormat.PDF:
        content.report = report.options()
    else:
        report.refuse(wanted)
    return CreateExportRequest(table=content, format=found, request_id=str(uuid4()))


def heatmap_request(
    wanted: str,
    page: str,
    kinds: list[str] | None,
    selected: Mapping[str, Any],
    report: ReportForm,
    others: Iterable[object],
) -> CreateExportRequest:
    """Returns the request for a report of a page's heatmaps.

    Args:
        wanted: Name of the format.
        page: Normalised URL of the page.
        kinds: Names of kinds of heatmap.
        selected: Options that select sessions.
        report: Options of the report.
        others: Values of options that do not apply.

    Raises:
        CommandError: An option does not apply, or is not valid.
    """
    (found,) = numbers(ExportFormat, [wanted], "--format")
    beside = [name for name, value in selected.items() if value is not None and name not in _OF_HEATMAPS]
    if found != ExportFormat.PDF or beside or any(others):
        raise CommandError(
            "--heatmap is a report of a page: --format pdf, with --kind, --since, --until, --device, --actor-type, "
            "--paper, --time-zone and --language only"
        )
    sessions = session_filter(**selected)
    content = HeatmapContent(
        page=page,
        kinds=numbers(HeatmapKind, kinds, "--kind"),
        start_time=sessions.start_time,
        end_time=sessions.end_time,
        device_types=sessions.device_types,
        actor_types=sessions.actor_types,
        report=report.options(),
    )
    return CreateExportRequest(heatmap=content, format=found, request_id=str(uuid4()))


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


Show = Callable[[str, int, int, float], None]
"""Shows progress: the activity, its finished steps, all of its steps, and the seconds left; 0: unknown."""


async def _until_done(client: Client, created: Export, show: Show) -> Export:
    """Returns the export once it is done.

    Raises:
        CommandError: It has failed, or was cancelled or deleted.
    """
    found = created
    breaks = _Breaks()
    while found.state not in _FINAL:
        _go_on()
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
                progress = found.progress
                left_s = (progress.remaining_duration or timedelta()).total_seconds()
                show(what, progress.done_count, progress.planned_count, left_s)
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
        _go_on()
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
                show("downloading", received, done.file.size_bytes, 0.0)
        except NETWORK_ERRORS as error:
            await breaks.wait(error)
    file.flush()
    if digest.hexdigest() != done.file.sha256:
        raise CommandError("the file was damaged on the way: its SHA-256 is not the server's")


def _go_on() -> None:
    """Raises CancelledError if the command was interrupted.

    The client may have ended a stream without an error then, or with one of the network.
    """
    if (task := asyncio.current_task()) is not None and task.cancelling():
        raise asyncio.CancelledError


class _Breaks:
    """Breaks of a connection in a row."""

    def __init__(self) -> None:
        self._count = 0

    def progress(self) -> None:
        """The connection works."""
        self._count = 0

    async def wait(self, error: BaseException) -> None:
        """Waits before the next attempt; raises the error if it does not pass, or came too often."""
        _go_on()
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
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("waiting", total=None, left="")

        def show(what: str, done: int, planned: int, left_s: float) -> None:
            left = f"{spoken_duration(left_s)} left" if left_s else ""
            bar.update(task, description=what, completed=done, total=planned or None, left=left)

        yield show
