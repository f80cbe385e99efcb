"""The part of a session that a share grant may see. Pure: the identity holds the part, `plan` leaves out the rest.

A grant opens one session, or a part of it. For any other session it gets the error of a session that does not exist.
Each method that a grant opens (`GRANT_METHODS`) calls `visible_to`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from services.audit.model import SessionSummary, Times, WindowSummary
from services.audit.storage.session_queries import SessionDetails
from services.runtime.errors import NotFound
from services.runtime.identity.tokens import Identity


@dataclass(frozen=True, slots=True)
class Visible:
    """The part of a session that a caller may see, as offsets from `origin_ms`; None: no bound."""

    start_ms: int | None = None
    end_ms: int | None = None
    by_grant: bool = False
    """The caller holds a link, not an account: the visitor's identity is hidden from link holders."""
    origin_ms: int | None = None
    """The time that offsets count from, fixed when the link was made, so that the part stays where it is. None: the
    session's first event, which moves when earlier events are recorded."""

    @property
    def is_part(self) -> bool:
        """Whether the session has events that the caller may not see."""
        return self.start_ms is not None or self.end_ms is not None

    def origin(self, first_ms: int) -> int:
        """Returns the time that the caller's offsets count from, given the time of the session's first event."""
        return first_ms if self.origin_ms is None else self.origin_ms

    def within(self, first_ms: int) -> Times:
        """Returns the part as times, given the time of the session's first event."""
        origin_ms = self.origin(first_ms)
        return Times(
            None if self.start_ms is None else origin_ms + self.start_ms,
            None if self.end_ms is None else origin_ms + self.end_ms,
        )

    def session(self, summary: SessionSummary) -> SessionSummary:
        """Returns a session without the fields hidden from link holders: actor, tags, user agent, first page.

        A part of a session has no totals, since they count events outside of it, and it ends with the part: also the
        time of storing, from which one could see when the visitor left.
        """
        if not self.by_grant:
            return summary
        head = replace(summary.head, actor_id="", tags={}, user_agent="", first_url="")
        if not self.is_part:
            return replace(summary, head=head)
        origin_ms, times = self.origin(summary.first_ms), self.within(summary.first_ms)
        last_ms = max(times.clamp(summary.last_ms), origin_ms)
        return replace(summary, head=head, first_ms=origin_ms, last_ms=last_ms, stored_ms=last_ms, totals=())

    def details(self, details: SessionDetails) -> SessionDetails:
        """Returns a session and those of its windows that were open during the part, as far as the part goes."""
        times = self.within(details.session.first_ms)
        windows = [window for window in details.windows if times.touches(window.first_ms, window.last_ms)]
        if self.is_part:
            windows = [_limited(window, times) for window in windows]
        summary = self.session(details.session)
        return SessionDetails(replace(summary, window_count=len(windows)) if self.is_part else summary, windows)


EVERYTHING = Visible()


def visible_to(identity: Identity, session: UUID) -> Visible:
    """Returns the part of a session that the caller may see.

    Raises:
        NotFound: The grant is for another session; the message is that for a session that does not exist.
    """
    if identity.session_id is None:
        return EVERYTHING
    if identity.session_id != str(session):
        raise NotFound(f"session {session} was not found")
    return Visible(identity.range_start_ms, identity.range_end_ms, by_grant=True, origin_ms=identity.range_origin_ms)


def _limited(window: WindowSummary, times: Times) -> WindowSummary:
    return replace(window, first_ms=times.clamp(window.first_ms), last_ms=times.clamp(window.last_ms), totals=())
