"""`afterimage import`: recordings of other tools, in any of the formats that `formats` reads."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from afterimage_client.audit.v1 import ListSessionsRequest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from services.cli.client import TIMEOUT_S, Client, connect
from services.cli.command import Address, ProjectName, invocation_of, run, spoken_size
from services.cli.transfer.formats import (
    MAX_NESTING,
    ImportedRecording,
    ImportNote,
    ImportProblem,
    read_recordings,
)
from services.cli.transfer.import_progress import Progress, progress_on
from services.cli.transfer.import_session import SessionSent, import_session
from services.runtime.identity.tokens import Scope

SESSIONS_AT_ONCE = 4
"""Enough to fill the inserts of one AuditService; each holds one recording in memory."""

SCOPES = (Scope.ADMIN, Scope.VIEW)
"""Importing needs admin; view is for the comparison with earlier stored data."""


@dataclass(slots=True)
class Summary:
    """Result of an import.

    Attributes:
        sessions: The recordings, in the order in which they finished.
        unreadable: Parts of the files that could not be read.
    """

    sessions: list[SessionSent] = field(default_factory=list)
    unreadable: list[ImportProblem] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether any part of the files is not stored as it is there."""
        return bool(self.unreadable or any(session.problems for session in self.sessions))

    def __str__(self) -> str:
        known = sum(session.is_known for session in self.sessions)
        problems = len(self.unreadable) + sum(len(session.problems) for session in self.sessions)
        parts = [
            f"{len(self.sessions)} session{'' if len(self.sessions) == 1 else 's'}",
            f"{sum(session.events for session in self.sessions):,} events",
            f"{spoken_size(sum(session.sent_bytes for session in self.sessions))} sent",
            f"{known} already here",
            f"{problems} problem{'' if problems == 1 else 's'}",
        ]
        return ", ".join(parts)


def import_command(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Files; gzip, zstd, zip or plain.", show_default=False)
    ],
    *,
    project: ProjectName = None,
    address: Address = None,
) -> None:
    """Imports recordings: rrweb JSON arrays, JSON lines, exports of PostHog and Sentry, gzip, zstd or zip of any.

    An interrupted import continues where it stopped, and a repeated one changes nothing. Unreadable or unstorable
    parts are reported, the import continues with the rest, and the exit status is 1. docs/importing.md has the formats.
    """

    async def main() -> int:
        settings = invocation_of(context).settings()
        async with connect(settings, SCOPES, address=address, project=project) as client:
            with progress_on(sys.stderr) as progress:
                summary = await import_files(client, files, progress, max_nesting=settings.ingest.max_nesting)
        sys.stdout.write(f"{summary}\n")
        return int(summary.failed)

    run(main())


async def import_files(
    client: Client,
    files: Sequence[Path],
    progress: Progress,
    redate: Callable[[Path, ImportedRecording], Awaitable[ImportedRecording]] | None = None,
    *,
    max_nesting: int = MAX_NESTING,
) -> Summary:
    """Imports files, a few sessions at a time.

    Args:
        client: With the scopes admin and view.
        files: The files.
        progress: Receives the progress.
        redate: Returns a recording with other timestamps; None: recordings keep theirs.
        max_nesting: Maximum nesting depth of JSON that is read; the service has its own limit, of the same name.

    Raises:
        GRPCError: The service does not accept the token; no data was sent. Other errors of the
            connection as `client.connect` turns them into sentences.
    """
    await _knock(client)
    summary = Summary()
    recordings = _read(files, summary, progress, max_nesting)
    # One reader for all workers: a file is read only when a worker is free for it.
    turn = asyncio.Lock()

    async def work() -> None:
        while True:
            async with turn:
                found = await anext(recordings, None)
            if found is None:
                return
            path, recording = found
            if redate is not None:
                recording = await redate(path, recording)
            sent = await import_session(client, path, recording, progress.advance)
            summary.sessions.append(sent)
            progress.tell_session(sent)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(SESSIONS_AT_ONCE):
            tasks.create_task(work())
    return summary


async def _knock(client: Client) -> None:
    """Makes one cheap call, so that an unavailable service is reported once and not once per session."""
    try:
        await client.audit.list_sessions(ListSessionsRequest(page_size=1), timeout=TIMEOUT_S)
    except GRPCError as error:
        if error.status is not Status.PERMISSION_DENIED:  # a token that may import but not view is enough
            raise


async def _read(
    files: Sequence[Path], summary: Summary, progress: Progress, max_nesting: int
) -> AsyncIterator[tuple[Path, ImportedRecording]]:
    for number, path in enumerate(files, start=1):
        progress.tell_file(path, number, len(files))
        found = read_recordings(path, max_nesting=max_nesting)
        while (item := await asyncio.to_thread(next, found, None)) is not None:
            if isinstance(item, ImportProblem):
                summary.unreadable.append(item)
                progress.tell_problem(str(item))
            elif isinstance(item, ImportNote):
                progress.tell_note(str(item))
            else:
                progress.expect(sum(len(window.events) for window in item.windows))
                yield path, item
