"""The access trail: who did what with recorded content (nobody reads a recording unseen)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
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
class Recorded:
    """How a method is recorded.

    Attributes:
        action: What it is.
        first: Whether the entry is written before the method runs, since the method changes something; else it is
            written when the answer is known, and before the answer is given out.
    """

    action: Action
    first: bool = False


METHODS: Mapping[str, Recorded | None] = MappingProxyType(
    {
        "RecordSession": None,  # writes content, gives none out
        "ListSessions": Recorded(Action.LIST),
        "GetSession": Recorded(Action.GET),
        "ReplaySession": Recorded(Action.REPLAY),  # WATCH with follow, EXPORT with for_export
        "WatchSessions": Recorded(Action.LIST),
        "GetHeatmap": Recorded(Action.HEATMAP),
        "ListPages": Recorded(Action.HEATMAP),
        "ListInteractions": Recorded(Action.GET),
        "DeleteSessions": Recorded(Action.DELETE, first=True),
        "ListAccessEvents": Recorded(Action.TRAIL),
        "RecordAccessEvents": None,  # is the trail
        "GetPrivacyPolicy": None,  # settings, no content
    }
)
"""Every method of AuditService; None: it needs no entry. A method that is not here is refused, and fails a test."""


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
