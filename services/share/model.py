"""The values of share links. Times: milliseconds since 1970 UTC by the server's clock; offsets: into the session."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from services.runtime.identity.peer import Caller

MIN_TTL_S = 60
MAX_VIEWS = 1_000_000
MIN_PASSCODE_CHARS = 4
MAX_PASSCODE_CHARS = 128
MAX_LABEL_CHARS = 200


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a session.

    Attributes:
        start_ms: Where it begins; None: with the session.
        end_ms: Where it ends, after `start_ms`; None: with the session.
    """

    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class NewLink:
    """What somebody asks for.

    Attributes:
        passcode: What a visitor must enter; "": nothing.
        max_views: How often it can be redeemed; None: as often as one likes.
    """

    session_id: str
    ttl_s: float
    span: Span = Span()
    max_views: int | None = None
    passcode: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that stands.

    Attributes:
        link_id: Names the link and opens nothing.
        passcode_hash: argon2 in its usual text form; "": no passcode.
    """

    link_id: str
    project: str
    session_id: str
    created_by: str
    created_ms: int
    expires_ms: int
    span: Span = Span()
    max_views: int | None = None
    view_count: int = 0
    passcode_hash: str = ""
    label: str = ""

    @property
    def views_left(self) -> int | None:
        """How often it can still be redeemed; None: as often as one likes."""
        return None if self.max_views is None else max(self.max_views - self.view_count, 0)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a link led to; known for a while after its end."""

    project: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A redeemed link.

    Attributes:
        token: Opens the session, or the link's part of it, for a while.
        expires_ms: When the token ends.
        renewal_handle: Gets the next grant without counting a view.
    """

    token: str
    expires_ms: int
    renewal_handle: str
    link: Link


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of a list ended."""

    created_ms: int
    link_id: str


class Act(StrEnum):
    """What somebody does with a link's token."""

    LOOK = "look"
    REDEEM = "redeem"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class Opened:
    """The link stands, and the act was done (a view counted, a handle stored)."""

    link: Link


@dataclass(frozen=True, slots=True)
class Locked:
    """The link stands and wants its passcode first; nothing was done."""

    link: Link


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such link, or not any more, or it has no views left. `origin` is for the trail only."""

    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Limited:
    """The address asks too fast; nothing was looked at."""

    wait_ms: int


class Action(IntEnum):
    """What was done with a link: the contract's AccessAction."""

    CREATE = 8
    REDEEM = 9
    REVOKE = 10


class Outcome(IntEnum):
    """How it ended: the contract's AccessOutcome."""

    ALLOWED = 1
    DENIED = 2
    NOT_FOUND = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that somebody did with a link, or tried, for the access trail.

    Attributes:
        project: Whose trail. "": of a token that never was one; counted, and in nobody's trail.
        subject: The `sub` of the caller's token; "" for a visitor.
        detail: What was asked for, in words.
    """

    action: Action
    project: str
    caller: Caller
    link_id: str = ""
    session_id: str = ""
    subject: str = ""
    detail: str = ""
