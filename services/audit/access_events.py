"""Entries of the access trail: every access to recorded content, with its subject, time and outcome."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.runtime.access_actions import AccessAction

MAX_SUBJECT_CHARS = 1024
MAX_TEXT_CHARS = 256
MAX_DETAIL_CHARS = 512


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """One entry of the trail.

    Attributes:
        event: UUIDv7; storing an event again changes nothing.
        project: The project that the entry belongs to.
        time_ms: Time of the access, in milliseconds since 1970 UTC by the server's clock.
        subject: The token's `sub`; "" for a visitor without a token.
        link_id: The share link that granted the access; "" without one.
        session: The session; None if the access was to several sessions or named none.
        rpc: Full name of the method.
        detail: The rest of the request, as text.
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
class RequestedAccess:
    """A request as the trail records it.

    Attributes:
        action: The action; a request's fields may change its method's default action.
        sessions: The sessions it names.
        detail: The rest of the request, as text.
    """

    action: AccessAction
    sessions: tuple[UUID, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Filter of a trail listing; None and "" match any. Times are milliseconds since 1970 UTC; the end is exclusive."""

    session: UUID | None = None
    subject: str = ""
    link_id: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    actions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TrailPosition:
    """Position at which a page of the trail ended."""

    time_ms: int
    event: UUID
