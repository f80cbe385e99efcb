"""The entries of the access trail: who did what with recorded content. Nobody reads a recording unseen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID

MAX_SUBJECT_CHARS = 1024
MAX_TEXT_CHARS = 256
MAX_DETAIL_CHARS = 512


class Action(IntEnum):
    """What was done: the contract's AccessAction."""

    LIST = 1
    GET = 2
    REPLAY = 3
    WATCH = 4
    HEATMAP = 5
    EXPORT = 6
    DELETE = 7
    SHARE_CREATE = 8
    SHARE_REDEEM = 9
    SHARE_REVOKE = 10
    TRAIL = 11


class Outcome(IntEnum):
    """How it ended: the contract's AccessOutcome."""

    ALLOWED = 1
    DENIED = 2
    NOT_FOUND = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """One entry of the trail.

    Attributes:
        event: UUIDv7; storing an event again changes nothing.
        project: Whose trail.
        time_ms: When, milliseconds since 1970 UTC by the server's clock.
        subject: Who, the `sub` of the token; "" for a visitor without one.
        link_id: The share link that opened it; "" for none.
        session: The session; None where the access was to more than one, or named none.
        rpc: Full name of the method.
        detail: What was asked for beyond the session, in words.
    """

    event: UUID
    project: str
    time_ms: int
    action: int
    outcome: int
    subject: str = ""
    link_id: str = ""
    session: UUID | None = None
    rpc: str = ""
    address: str = ""
    user_agent: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, as the trail has it.

    Attributes:
        sessions: The sessions it names.
        action: What it is; a request may make another action of its method's.
    """

    action: Action
    sessions: tuple[UUID, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Which entries; None and "" mean any. Times are milliseconds since 1970 UTC, the end is not included."""

    session: UUID | None = None
    subject: str = ""
    link_id: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    actions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TrailPosition:
    """Where a page of the trail ended."""

    time_ms: int
    event: UUID
