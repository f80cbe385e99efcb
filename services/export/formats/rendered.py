"""Sessions as recordings for the renderer, and its failures as those of exports."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from services.export.formats.making import Making, session_gone
from services.export.formats.sessions import opened_session, windows_of
from services.export.model import ExportError, OverlayPart, SessionContent
from services.export.recordings import RecordedFinding, RecordedSession, RecordedWindow
from services.export.rendering.errors import Reason, RenderingError
from services.export.rendering.model import Chunk, Finding, Overlay, PageView, Recording, Window
from services.export.results.scratch import too_large
from services.runtime.errors import NotFound

_REASONS = {
    Reason.UNAVAILABLE: "TOOL_MISSING",
    Reason.NO_PICTURE: "NO_SNAPSHOT",
    Reason.DISK_FULL: "STORAGE_FULL",
}
"""The others have the same name."""

_LABELS = {
    "rage_click": "Rage click",
    "dead_click": "Dead click",
    "quick_back": "Quick back",
    "error_click": "Error after a click",
    "mouse_thrash": "Mouse thrash",
    "error": "Error",
    "failed_request": "Failed request",
}
"""As the player has them (format/enums.ts)."""

# An argument that is a string, whole or cut off at the end; lines of a stack, in the form of any browser (the same
# as in the player's errorMessages.ts).
_STRINGS = re.compile(r'(^|\s)"((?:[^"\\]|\\.)*)("(?=\s|$)|$)')
_CALL = re.compile(r"^\s*at\s|^\S*@\S+:\d+:\d+$|^End of stack for Error object$")


@dataclass(frozen=True, slots=True)
class Opened:
    """A session to render.

    Attributes:
        windows: The windows to show.
        keep_until_ms: End of its retention, in milliseconds since 1970 UTC; None: no limit.
    """

    session: RecordedSession
    windows: Sequence[RecordedWindow]
    recording: Recording
    keep_until_ms: int | None


async def opened(making: Making, content: SessionContent) -> Opened:
    """Returns the session of an export as the renderer takes it.

    Raises:
        ExportError: It does not exist (SESSION_DELETED), or has no such window (WINDOW_NOT_FOUND).
    """
    session, keep_until_ms = await opened_session(making, content)
    windows = windows_of(session, content)
    shown = {window.window_id for window in windows}
    recording = Recording(
        start_ms=session.start_ms,
        end_ms=session.start_ms + session.duration_ms,
        windows=[Window(window.window_id, window.start_ms) for window in windows],
        pages=[PageView(page.window_id, page.url, page.open_ms) for page in session.pages if page.window_id in shown],
        findings=[
            Finding(finding.time_ms, words_of(finding)) for finding in session.findings if finding.window_id in shown
        ],
    )
    return Opened(session, windows, recording, keep_until_ms)


async def chunks_of(making: Making, session: Opened, until_ms: int) -> AsyncIterator[Chunk]:
    """Yields the chunks of the windows, one window after the other, up to a moment.

    All of them from the session's start: the window in use, and its page, follow from those before.

    Raises:
        ExportError: The session was deleted (SESSION_DELETED), or chunks are missing (INCOMPLETE).
    """
    try:
        for window in session.windows:
            async for chunk in making.recordings.chunks(session.session.session_id, window.window_id, None):
                if chunk.first_ms > until_ms:
                    break
                yield Chunk(
                    chunk.window_id, chunk.seq, chunk.first_ms, chunk.last_ms, chunk.payload, chunk.has_full_snapshot
                )
    except NotFound:
        raise session_gone() from None


@contextmanager
def rendering_errors(making: Making) -> Iterator[None]:
    """Raises failures of the renderer as those of exports."""
    try:
        yield
    except RenderingError as error:
        if error.reason is Reason.FILE_LIMIT:
            raise too_large(making.limits.file_bytes) from error
        reason = _REASONS.get(error.reason, error.reason.value)
        raise ExportError(reason, error.message, is_final=not error.may_retry) from error


def overlay_of(parts: Collection[OverlayPart]) -> Overlay:
    """Returns the overlay with some parts only."""
    return Overlay(**{part.name.lower(): part in parts for part in OverlayPart})


def words_of(finding: RecordedFinding) -> str:
    """Returns the caption of a finding, such as "Rage click on Pay" or "Error: x is not defined"."""
    label = _LABELS.get(finding.kind, finding.kind.replace("_", " ").capitalize())
    if finding.kind in {"rage_click", "dead_click"} and finding.target:
        return f"{label} on {finding.target}"
    detail = plain_message(finding.detail) if finding.kind in {"error", "error_click"} else finding.detail
    if not detail:
        return label
    return detail if detail.startswith(f"{label}: ") else f"{label}: {detail}"


def plain_message(detail: str) -> str:
    """Returns the message of an error without JSON's quotes and without its stack, as the player shows it."""

    def unquoted(found: re.Match[str]) -> str:
        try:
            return found[1] + str(json.loads(f'"{found[2]}"'))
        except ValueError:
            return found[1] + found[2]

    lines = _STRINGS.sub(unquoted, detail).splitlines()
    return " ".join(line for line in lines if not _CALL.match(line)).strip()
