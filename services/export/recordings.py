"""Recorded data as makers of formats read it: values of the domain, from an AuditService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

Value = str | int | float | bool | None
"""Value of a cell: a time is its milliseconds since 1970 UTC."""

Cells = tuple[Value, ...]

Answer = bytes
"""A serialised message of the contract, for the document of a report, which reads it as the console does."""


@dataclass(frozen=True, slots=True)
class RecordedWindow:
    """A window of a session; `start_ms` is the time of its first event."""

    window_id: str
    chunk_count: int
    start_ms: int


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """A session.

    Attributes:
        start_ms: Time of the first event.
        pages: URL of each page view with its time and window, in order of time.
        findings: Errors, failed requests, rage clicks ..., in order of time.
    """

    session_id: str
    start_ms: int
    duration_ms: int
    is_live: bool
    user_agent: str
    browser: str
    windows: tuple[RecordedWindow, ...]
    pages: tuple[RecordedPage, ...]
    findings: tuple[RecordedFinding, ...]


@dataclass(frozen=True, slots=True)
class RecordedPage:
    """A page view."""

    window_id: str
    url: str
    open_ms: int


@dataclass(frozen=True, slots=True)
class RecordedFinding:
    """A marker of the timeline.

    Attributes:
        kind: Name of its interaction kind, such as "rage_click".
        count: Clicks of a rage click, turns of a mouse thrash.
        detail: Message of an error, method, address and status of a failed request, ...; "": none.
        target: Accessible name of the element; "": none.
    """

    window_id: str
    time_ms: int
    kind: str
    count: int = 1
    detail: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class RecordedChunk:
    """A chunk of a window.

    Attributes:
        seq: Position in the window, from 1.
        payload: JSON array of events, gzip.
        first_ms: Play time of its first event.
        last_ms: Play time of its last event.
        has_full_snapshot: Whether a page can be built from it.
    """

    window_id: str
    seq: int
    payload: bytes
    first_ms: int
    last_ms: int
    has_full_snapshot: bool


class Recordings(Protocol):
    """Reads one project.

    Methods raise Unavailable (AUDIT_UNAVAILABLE) when AuditService does not answer.
    """

    def keep_until_ms(self, session: RecordedSession) -> int | None:
        """Returns the end of a session's retention, in milliseconds since 1970 UTC; None: no limit."""
        ...

    async def session(self, session_id: str) -> RecordedSession:
        """Returns a session. Raises NotFound."""
        ...

    def chunks(self, session_id: str, window_id: str, from_ms: int | None) -> AsyncIterator[RecordedChunk]:
        """Yields a window's chunks in order.

        Args:
            session_id: The session.
            window_id: The window.
            from_ms: Offset from which to read: the chunk with the last full snapshot at or before it comes first.
                None: all.

        Raises:
            NotFound: The session or the window does not exist.
            ExportError: The session was deleted (SESSION_DELETED), or chunks are missing (INCOMPLETE).
        """
        ...

    async def session_answer(self, session_id: str) -> tuple[RecordedSession, Answer]:
        """Returns a session, and the answer that describes it (GetSessionResponse). Raises NotFound."""
        ...

    def interaction_answers(self, session: UUID, kinds: tuple[int, ...]) -> AsyncIterator[Answer]:
        """Yields pages of a session's interactions in chronological order (ListInteractionsResponse).

        Raises:
            NotFound: The session does not exist.
        """
        ...

    def session_answers(self, wanted: bytes) -> AsyncIterator[tuple[list[UUID], Answer]]:
        """Yields pages of the sessions under a filter, newest first: ids, and the answers (ListSessionsResponse).

        Args:
            wanted: A serialised SessionFilter of the contract.
        """
        ...

    async def heatmap_answer(self, wanted: bytes, **changes: object) -> Answer:
        """Returns a heatmap (GetHeatmapResponse).

        Args:
            wanted: A serialised GetHeatmapRequest of the contract.
            changes: Fields of the request with other values.
        """
        ...

    async def sessions_with_page(self, wanted: bytes, part: str, count: int, **changes: object) -> list[UUID]:
        """Returns the newest sessions that may show the page of a heatmap.

        Args:
            wanted: As for `heatmap_answer`.
            part: Part of the page's address.
            count: Maximum number.
            changes: As for `heatmap_answer`.
        """
        ...

    def sessions(self, wanted: bytes) -> AsyncIterator[list[tuple[UUID, Cells]]]:
        """Yields pages of the sessions under a filter, newest first: ids, and the cells of SESSION_COLUMNS.

        Args:
            wanted: A serialised SessionFilter of the contract.
        """
        ...

    def interactions(self, session: UUID, kinds: tuple[int, ...]) -> AsyncIterator[list[Cells]]:
        """Yields pages of a session's interactions in chronological order: the cells of INTERACTION_COLUMNS.

        Raises:
            NotFound: The session does not exist.
        """
        ...
