"""`afterimage export`: writes a stored session as rrweb JSON for rrweb's own Replayer, or starts an export job."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from afterimage_client.audit.v1 import (
    GetSessionRequest,
    ReplayEnd,
    ReplayEndReason,
    ReplayHeader,
    ReplaySessionRequest,
)
from afterimage_client.recording.v1 import StoredChunk, Window
from betterproto import which_one_of

from services.cli.client import TIMEOUT_S, Client, connect
from services.cli.command import Address, CommandError, ProjectName, complain, invocation_of, run, spoken_size
from services.cli.session_filter import (
    Actor,
    ActorTypes,
    DeadClicks,
    Devices,
    Errors,
    MaxDuration,
    MinDuration,
    PageText,
    RageClicks,
    Since,
    Statuses,
    Tags,
    Until,
    session_filter,
)
from services.export.rrweb_json.joining import ChunkError, write_events
from services.runtime.identity.tokens import Scope
from services.runtime.settings.loader import Settings


def export(
    context: typer.Context,
    session: Annotated[
        str | None,
        typer.Argument(help="Id of the session, as `afterimage sessions` shows it.", show_default=False),
    ] = None,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file. Default: standard output.", show_default=False)
    ] = None,
    window: Annotated[str | None, typer.Option(help="Only this window (browser tab).")] = None,
    wanted: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Have ExportService make it: json, har, html, mp4, webm, gif, png, pdf (session); csv, parquet, pdf "
            "(lists); pdf (heatmaps).",
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="With --format, but of a png: start in the session, such as 90s.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="With --format, but of a png: end in the session.")] = None,
    at: Annotated[str | None, typer.Option(help="With --format png: the moment, such as 1m30s or 12.5.")] = None,
    size: Annotated[
        str | None,
        typer.Option(
            help="Size of a video or picture in pixels: 1280x720, or 1280x, x720 in the proportions of the visitor's "
            "viewport, which is the default."
        ),
    ] = None,
    fps: Annotated[
        int | None, typer.Option(min=1, max=30, help="Frames per second of a video, 1 to 30. Default: 10.")
    ] = None,
    keep_pauses: Annotated[
        bool, typer.Option("--keep-pauses", help="Show pauses of more than 10 s without activity in a video.")
    ] = False,
    hide: Annotated[
        list[str] | None, typer.Option(help="Leave out of a video: pointer, clicks, address, clock, captions.")
    ] = None,
    show: Annotated[
        list[str] | None, typer.Option(help="Draw on a picture: pointer, clicks, address, clock, captions.")
    ] = None,
    paper: Annotated[str | None, typer.Option(help="With --format pdf: a4 or letter. Default: a4.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="With --format pdf: zone of its dates, such as Europe/Berlin. Default: UTC.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="With --format pdf: language of its dates, such as de. Default: en.")
    ] = None,
    heatmap: Annotated[
        str | None, typer.Option(help="With --format pdf: report the heatmaps of this page, a normalised URL.")
    ] = None,
    table: Annotated[str, typer.Option(help="With --format csv or parquet: sessions or interactions.")] = "sessions",
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="Only such interactions: click, rage_click, error, move ...; with --heatmap only such kinds: click, "
            "move, scroll, rage, dead, attention."
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    actor: Actor = None,
    actor_type: ActorTypes = None,
    device: Devices = None,
    status: Statuses = None,
    page: PageText = None,
    tag: Tags = None,
    min_duration: MinDuration = None,
    max_duration: MaxDuration = None,
    errors: Errors = None,
    rage_clicks: RageClicks = None,
    dead_clicks: DeadClicks = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the file on the server, until it expires.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    project: ProjectName = None,
    address: Address = None,
) -> None:
    """Writes a session's rrweb events as a JSON array, or with --format a file of ExportService.

    rrweb numbers the nodes of each window separately, so two windows cannot be played as one: for a session with
    several, -o visit.json writes visit-1.json, visit-2.json ... in the order in which they were opened; standard
    output takes only one, named with --window.

    With --format the file is made by a worker (docs/exports.md): json, har, html, a video or a picture of a session,
    csv and parquet of the sessions, or of the interactions, that the other options select. A pdf is a report: of a
    session, of the sessions that the other options select, or with --heatmap of a page's heatmaps.
    --address is then that of ExportService.
    """
    selected = {
        "since": since,
        "until": until,
        "actor": actor,
        "actor_type": actor_type,
        "device": device,
        "status": status,
        "page": page,
        "tag": tag,
        "min_duration": min_duration,
        "max_duration": max_duration,
        "errors": errors,
        "rage_clicks": rage_clicks,
        "dead_clicks": dead_clicks,
    }
    settings = invocation_of(context).settings

    async def main() -> None:
        if wanted is None:
            of_jobs = {"kind": kind, "start": start, "end": end, "at": at, "size": size, "fps": fps}
            of_jobs |= {"keep_pauses": keep_pauses, "hide": hide, "show": show}
            of_jobs |= {"paper": paper, "time_zone": time_zone, "language": language, "heatmap": heatmap}
            given = [name for name, value in (selected | of_jobs).items() if value]
            if given:
                raise CommandError(f"--{given[0].replace('_', '-')} needs --format")
            if session is None:
                raise CommandError("name a session, or a list with --format csv or --format parquet")
            await _export_directly(settings(), session, window, output, project, address)
            return
        from services.cli.transfer.export_job import (
            Rendering,
            ReportForm,
            export_job,
            heatmap_request,
            list_request,
            session_request,
        )

        rendering = Rendering(at, size, fps, keep_pauses, hide, show)
        report = ReportForm(paper, time_zone, language)
        if heatmap is not None:
            others = (session, window, start, end, *rendering.given())
            request = heatmap_request(wanted, heatmap, kind, selected, report, others)
        elif wanted.lower() in {"csv", "parquet"} or (wanted.lower() == "pdf" and session is None):
            if session or window or start or end or rendering.given():
                raise CommandError(f"--format {wanted} is of a list: select sessions with --since and the like")
            request = list_request(wanted, table, kind, session_filter(**selected), report)  # type: ignore[arg-type]
        else:
            if any(value is not None for value in (*selected.values(), kind)):
                raise CommandError(f"--format {wanted} is of one session: lists are csv, parquet or pdf")
            if session is None:
                raise CommandError(f"--format {wanted} needs a session")
            request = session_request(wanted, session, window, start, end, rendering, report)
        await export_job(settings(), request, output, project=project, address=address, keep=keep, quiet=quiet)

    run(main())


async def _export_directly(
    settings: Settings, session: str, window: str | None, output: Path | None, project: str | None, address: str | None
) -> None:
    async with connect(settings, [Scope.VIEW], address=address, project=project) as client:
        windows = await _windows(client, session, window)
        if output is None and len(windows) > 1:
            names = "\n".join(f"  {one.window_id}  {one.totals.event_count:,} events" for one in windows)
            raise CommandError(
                f"the session has {len(windows)} windows, and standard output takes one: choose it with --window, "
                f"or give -o FILE to get a file for each\n{names}"
            )
        for number, one in enumerate(windows, start=1):
            payloads = await _payloads(client, session, one.window_id)
            path = output and (_numbered(output, number) if len(windows) > 1 else output)
            size_bytes = _write(payloads, one.window_id, path)
            if path:
                complain(f"{path}: {one.totals.event_count:,} events, {spoken_size(size_bytes)}")


async def _windows(client: Client, session: str, wanted: str | None) -> list[Window]:
    answer = await client.audit.get_session(GetSessionRequest(session_id=session), timeout=TIMEOUT_S)
    chosen = [one for one in answer.windows if wanted in (None, one.window_id)]
    if not chosen:
        raise CommandError(
            f"the session has no window {wanted}, only {', '.join(one.window_id for one in answer.windows) or 'none'}"
        )
    return chosen


async def _payloads(client: Client, session: str, window: str) -> list[bytes]:
    """Returns a window's payloads in order, compressed as stored."""
    request = ReplaySessionRequest(session_id=session, window_id=window, for_export=True)
    payloads: list[bytes] = []
    promised = 0
    async for part in client.audit.replay_session(request):
        match which_one_of(part, "message"):
            case ("header", ReplayHeader() as header):
                promised = header.chunk_count
            case ("chunk", StoredChunk() as chunk):
                payloads.append(chunk.payload)
            case ("end", ReplayEnd() as end) if end.reason == ReplayEndReason.DELETED:
                raise CommandError("the session was deleted while it was being exported")
            case _:
                pass
    if len(payloads) < promised:
        raise CommandError(f"the server sent {len(payloads)} of {promised} chunks")
    return payloads


def _write(payloads: list[bytes], window: str, path: Path | None) -> int:
    """Writes the events; the file appears complete or not at all."""
    chunks = ((window, payload) for payload in payloads)
    if path is None:
        try:
            size_bytes = write_events(chunks, sys.stdout.buffer, windows=1)
            sys.stdout.buffer.flush()
        except ChunkError as error:
            raise CommandError(f"{error}; the output is incomplete") from error
        return size_bytes
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            size_bytes = write_events(chunks, file, windows=1)
        draft.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror or error}") from error
    except ChunkError as error:
        raise CommandError(str(error)) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return size_bytes


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")
