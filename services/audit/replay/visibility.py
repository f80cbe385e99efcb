"""The part of a session that a share grant may see. Pure: the identity holds the part, `plan` leaves out the rest.

A grant opens one session, or a part of it. For any other session it gets the error of a session that does not exist.
Each method that a grant opens (`GRANT_METHODS`) calls `visible_to`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from services.audit.model import SessionSummary, Times
from services.runtime.errors import NotFound
from services.runtime.identity.tokens import Identity


@dataclass(frozen=True, slots=True)
class Visible:
    """The part of a session that a caller may see, as offsets from the session's first event; None: no bound."""

    start_ms: int | None = None
    end_ms: int | None = None
    by_grant: bool = False
    """The caller holds a link, not an account: the visitor's identity is hidden from link holders."""

    def session(self, summary: SessionSummary) -> SessionSummary:
        """Returns a session without the fields hidden from link holders: actor, tags, user agent, first page."""
        if not self.by_grant:
            return summary
        return replace(summary, head=replace(summary.head, actor_id="", tags={}, user_agent="", first_url=""))

    def within(self, first_ms: int) -> Times:
        """Returns the part as times, given the time of the session's first event."""
        return Times(
            None if self.start_ms is None else first_ms + self.start_ms,
            None if self.end_ms is None else first_ms + self.end_ms,
        )


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
    return Visible(identity.range_start_ms, identity.range_end_ms, by_grant=True)
