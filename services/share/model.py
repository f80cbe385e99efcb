"""The values of share links. Times: milliseconds since 1970 UTC by the server's clock; offsets: into the session."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.runtime.access_actions import AccessAction
from services.runtime.identity.peer import Peer

MIN_TTL_S = 60
MAX_VIEWS = 1_000_000
MIN_PASSCODE_CHARS = 6
"""Of new passcodes; shorter ones of older versions remain valid. docs/adr/0016 has the odds of guessing one."""
MAX_PASSCODE_CHARS = 128
MAX_LABEL_CHARS = 200


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a session, as offsets from the session's start.

    Attributes:
        start_ms: Start of the span; None: the session's start.
        end_ms: End of the span, after `start_ms`; None: the session's end.
    """

    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class FixedSpan:
    """A part of a session that stays where it is, also when the session's start moves.

    Attributes:
        span: The part, as offsets from `origin_ms`.
        origin_ms: The session's start when the part was fixed, in milliseconds since 1970 UTC. None: the part is the
            whole session, or the link is of an older version and has not been opened since.
        requested_start_ms: Start of the part as its creator wished it, before it was moved to a full snapshot.
    """

    span: Span = Span()
    origin_ms: int | None = None
    requested_start_ms: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether the part is still to be fixed: the link is of an older version."""
        return self.origin_ms is None and self.span != Span()


@dataclass(frozen=True, slots=True)
class SharedSession:
    """The properties of a session that the ranges of links depend on.

    Attributes:
        start_ms: Time of the first event, in milliseconds since 1970 UTC.
        duration_ms: Time from the first event to the latest.
        is_live: Whether the session may still grow.
        next_ms: Offset of the first full snapshot at or after the range's start; None: no snapshot follows.
        previous_ms: Offset of the last full snapshot before it; None: no snapshot precedes it.
    """

    start_ms: int
    duration_ms: int
    is_live: bool
    next_ms: int | None = None
    previous_ms: int | None = None


@dataclass(frozen=True, slots=True)
class NewLink:
    """Specification of a link.

    Attributes:
        passcode: Passcode that a visitor must enter; "": none.
        max_views: Maximum number of redemptions; None: unlimited.
        allow_download: Whether visitors may export the part and download it.
    """

    session_id: str
    ttl_s: float
    span: Span = Span()
    max_views: int | None = None
    passcode: str = ""
    label: str = ""
    allow_download: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A valid link.

    Attributes:
        link_id: Identifies the link; grants no access.
        passcode_hash: argon2 in its usual text form; "": no passcode.
        wrong_passcodes: Number of wrong passcodes that were entered.
        locked_ms: Time at which too many of them locked the link; None: it is not locked.
    """

    link_id: str
    project: str
    session_id: str
    created_by: str
    created_ms: int
    expires_ms: int
    part: FixedSpan = FixedSpan()
    max_views: int | None = None
    view_count: int = 0
    passcode_hash: str = ""
    label: str = ""
    wrong_passcodes: int = 0
    locked_ms: int | None = None
    allow_download: bool = False

    @property
    def views_left(self) -> int | None:
        """Remaining number of redemptions; None: unlimited."""
        return None if self.max_views is None else max(self.max_views - self.view_count, 0)


@dataclass(frozen=True, slots=True)
class Origin:
    """Project and session of a link; kept for a while after its end."""

    project: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A redeemed link.

    Attributes:
        token: Opens the session, or the link's part of it, until `expires_ms`.
        expires_ms: Expiry of the token.
        renewal_handle: Exchanged for the next grant without counting a view.
    """

    token: str
    expires_ms: int
    renewal_handle: str
    link: Link


@dataclass(frozen=True, slots=True)
class LinkCursor:
    """Position at which a page of a list ends."""

    created_ms: int
    link_id: str


class Act(StrEnum):
    """Use of a link's token by a visitor."""

    LOOK = "look"
    REDEEM = "redeem"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class Opened:
    """The link is valid, and the act was done (a view counted, a handle stored)."""

    link: Link


@dataclass(frozen=True, slots=True)
class Locked:
    """The link is valid but requires its passcode first; no change was made."""

    link: Link


@dataclass(frozen=True, slots=True)
class Gone:
    """The link does not exist, has ended, is locked, or has no views left. `origin` is for the trail only."""

    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Limited:
    """The address exceeds its request rate; the link was not looked up."""

    wait_ms: int


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """An action or an attempt on a link, for the access trail.

    Attributes:
        action: One of the actions on links (SHARE_...).
        project: Project of the trail. "": the token was never valid; counted, but not part of a trail.
        subject: The `sub` of the caller's token; "" for a visitor.
        detail: Description of the requested action.
    """

    action: AccessAction
    project: str
    caller: Peer
    link_id: str = ""
    session_id: str = ""
    subject: str = ""
    detail: str = ""

    @property
    def verb(self) -> str:
        """The action's name without SHARE_: CREATE, REDEEM, REVOKE or LOCK."""
        return self.action.name.removeprefix("SHARE_")

    @property
    def method(self) -> str:
        """The method of ShareService that acted."""
        verb = AccessAction.SHARE_REDEEM.name if self.action is AccessAction.SHARE_LOCK else self.action.name
        return f"{verb.removeprefix('SHARE_').title()}ShareLink"
