"""Arguments and results of the makers of formats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from services.export.model import Export, ExportError, Progress
from services.export.recordings import Recordings
from services.export.rendering.model import Limits
from services.export.rendering.tools import Tools
from services.export.results.scratch import Spool


@dataclass(slots=True)
class Making:
    """One attempt to make a file.

    Attributes:
        export: The export.
        recordings: Reads the project's recorded data.
        spool: The file.
        folder: An empty directory for further files of the attempt; it goes with the attempt.
        tools: The machine's programs for videos, pictures and reports.
        limits: Bounds of a rendering.
        note_sessions: Notes sessions that the file contains.
        max_rows: Maximum number of rows of a table.
        max_sessions: Maximum number of sessions of a table.
        console_url: Address of the console, for links back; "": not configured.
        progress: Progress of the attempt, read by the worker.
    """

    export: Export
    recordings: Recordings
    spool: Spool
    folder: Path
    tools: Tools
    limits: Limits
    note_sessions: Callable[[Sequence[UUID]], Awaitable[None]]
    max_rows: int
    max_sessions: int
    console_url: str = ""
    progress: Progress = field(default_factory=Progress)

    def plan(self, steps: int) -> None:
        """Sets the number of steps."""
        self.progress = Progress(self.progress.done, steps)

    def step(self, count: int = 1) -> None:
        """Counts finished steps."""
        self.progress = Progress(self.progress.done + count, max(self.progress.planned, 0))


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made.

    Attributes:
        name: Suggested name.
        content_type: Media type.
        keep_until_ms: End of the retention of the session in it; None: no limit.
    """

    name: str
    content_type: str
    keep_until_ms: int | None = None


Maker = Callable[[Making], Awaitable[Made]]
"""Writes the file of an export into the spool. Raises ExportError or Unavailable."""


def window_missing(window_id: str) -> ExportError:
    """Returns the failure of an export of a window that does not exist."""
    return ExportError("WINDOW_NOT_FOUND", f"the session has no window {window_id}")


def session_gone() -> ExportError:
    """Returns the failure of an export of a session that does not exist, or does no longer."""
    return ExportError("SESSION_DELETED", "the session was deleted, or its retention has ended")
