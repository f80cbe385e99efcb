"""The session of an export, and its windows."""

from __future__ import annotations

from services.export.formats.making import Making, session_gone, window_missing
from services.export.model import SessionContent
from services.export.recordings import RecordedSession, RecordedWindow
from services.runtime.errors import NotFound


async def opened_session(making: Making, content: SessionContent) -> tuple[RecordedSession, int | None]:
    """Returns the session, and the end of its retention in milliseconds since 1970; None: no limit.

    Raises:
        ExportError: It does not exist (SESSION_DELETED).
    """
    try:
        session = await making.recordings.session(content.session_id)
    except NotFound:
        raise session_gone() from None
    return session, making.recordings.keep_until_ms(session)


def windows_of(session: RecordedSession, content: SessionContent) -> list[RecordedWindow]:
    """Returns the windows to export, in the order in which they were opened.

    Raises:
        ExportError: The session has no such window (WINDOW_NOT_FOUND).
    """
    chosen = [window for window in session.windows if content.window_id in {"", window.window_id}]
    if not chosen:
        raise window_missing(content.window_id)
    return chosen
