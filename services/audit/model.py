"""The domain's values, passed between the parts of the audit service.

This module is independent of protobuf and SQL. Times are milliseconds since 1970 UTC (Int64), by the
visitor's clock unless the name states otherwise; ids are UUIDs; enums are the contract's numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.runtime.uuid7 import uuid7_ms


class Total(IntEnum):
    """Index of each running total in `totals`. Indexes are permanent: add at the end only."""

    CHUNKS = 0
    EVENTS = 1
    CLICKS = 2
    INPUTS = 3
    PAGES = 4
    ERRORS = 5
    WARNINGS = 6
    FAILED_REQUESTS = 7
    FULL_SNAPSHOTS = 8
    RAGE_CLICKS = 9
    DEAD_CLICKS = 10
    QUICK_BACKS = 11
    ERROR_CLICKS = 12
    MASKED = 13
    RAW_BYTES = 14
    STORED_BYTES = 15
    ACTIVE_MS = 16
    MOUSE_THRASHES = 17


Totals = tuple[int, ...]
"""Running totals by index; a shorter tuple was written by an older version, and the missing ones count as 0."""


class InteractionKind(IntEnum):
    """Kinds of interaction: the contract's InteractionKind."""

    CLICK = 1
    DOUBLE_CLICK = 2
    CONTEXT_MENU = 3
    TOUCH = 4
    MOVE = 5
    SCROLL = 6
    INPUT = 7
    RESIZE = 8
    RAGE_CLICK = 9
    DEAD_CLICK = 10
    QUICK_BACK = 11
    ERROR_CLICK = 12
    MOUSE_THRASH = 13
    ERROR = 14
    PAGE = 15
    ATTENTION = 16
    FAILED_REQUEST = 17


class SessionStatus(IntEnum):
    """Session lifecycle state: the contract's SessionStatus."""

    LIVE = 1
    ENDED = 2
    TIMED_OUT = 3
    LEFT = 4


@dataclass(frozen=True, slots=True)
class SessionKey:
    """A session in its project. The id contains the start time, so the key determines the partition."""

    project: str
    session: UUID

    @property
    def start_ms(self) -> int:
        """Milliseconds since 1970 UTC, the first 48 bits of a UUIDv7."""
        return uuid7_ms(self.session)


@dataclass(frozen=True, slots=True)
class WindowKey:
    """A window (browser tab) of a session."""

    project: str
    session: UUID
    window: UUID

    @property
    def session_key(self) -> SessionKey:
        """The session that the window belongs to."""
        return SessionKey(self.project, self.session)


@dataclass(frozen=True, slots=True)
class WindowHead:
    """A recorder's description of itself and its visitor, sent at the start and stored with the first chunk."""

    key: WindowKey
    kept_from: date
    """Retention counts from here: the session's day, or the day of the import."""
    actor_id: str = ""
    actor_type: int = 0
    device_type: int = 0
    browser: str = ""
    system: str = ""
    user_agent: str = ""
    language: str = ""
    viewport: tuple[int, int] = (0, 0)
    screen: tuple[int, int] = (0, 0)
    first_url: str = ""
    recorder_name: str = ""
    recorder_version: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    imported: bool = False
    ended: bool = False
    secret_hash: bytes = field(default=b"", repr=False)
    """SHA-256 of the session's secret; empty: the stream that began the window sent none."""
    begun_ms: int = 0
    """Start of the window's first stream, by the server's clock; 0: the window was stored before this was kept."""
    first_ms: int = 0
    """Time of the earliest event of the window's first chunk; 0: the window was stored before this was kept."""
    left_ms: int = 0
    """Time at which the window was found to be left, by the server's clock; 0: it was not, or has come back."""
    server: str = ""
    """Id of the AuditService process that has the window's stream, or had it last; "": stored before this was kept."""


class Target(NamedTuple):
    """The element that a visitor acted on, as a person knows it; all parts come from masked events.

    A tuple, since it is stored with findings and marks.

    Attributes:
        name: Accessible name, at most 80 characters; "": it has no name.
        role: ARIA role; "": it has no role.
        tag: Name of the element in lower case.
        selector: CSS selector that is the same in other visits, at most 256 characters.
    """

    name: str = ""
    role: str = ""
    tag: str = ""
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment shown on the timeline: a page, an error, a failed request or a detector's finding."""

    kind: int
    time_ms: int
    detail: str = ""
    width: int = 0
    height: int = 0
    count: int = 1
    target: Target | None = None
    """Of findings about clicks: the element; None: it is not known, or the row was written before it was kept."""


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk as it is stored, with the running totals and the folded state after it."""

    key: WindowKey
    seq: int
    kept_from: date
    order_ms: int
    """Never decreases within a window: chunks sorted by (order_ms, window, seq) play in order."""
    first_ms: int
    last_ms: int
    event_count: int
    snapshot_ms: int
    """Time of the first full snapshot in the chunk; 0: none."""
    snapshot_seq: int
    """First chunk to replay so that the snapshot's Meta event is included; 0: no snapshot."""
    marks: tuple[Mark, ...]
    totals: Totals
    state: bytes
    payload: bytes
    """gzip of the JSON array of events, after masking."""
    interactions: bytes = b""
    """Rows of the interactions that the chunk decides, packed by `storage.codecs.interaction_rows`."""
    stored_ms: int = 0
    """Time of storing, by the server's clock; 0: that of the insert."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Pages opened in the chunk, without duplicates."""
        return tuple({mark.detail: None for mark in self.marks if mark.kind == InteractionKind.PAGE and mark.detail})


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The stored end of a window's recording, from which it resumes."""

    seq: int
    state: bytes
    kept_from: date


class StoredWindow(NamedTuple):
    """A stored window: aggregates over its chunks."""

    window: UUID
    first_ms: int
    last_ms: int
    seq: int
    totals: Totals
    stored_ms: int


@dataclass(frozen=True, slots=True)
class WindowSummary:
    """A window as read from storage: its totals are the largest in any of its rows."""

    window: UUID
    first_ms: int
    last_ms: int
    last_seq: int
    totals: Totals
    ended: bool
    left: bool = False


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session as read from storage, over all its windows."""

    key: SessionKey
    head: WindowHead
    first_ms: int
    last_ms: int
    stored_ms: int
    """Time at which the last chunk was stored, by the server's clock."""
    totals: Totals
    window_count: int
    status: int


class ChunkIndex(NamedTuple):
    """A stored chunk's position in its session: all that a replay plan needs, without the payload.

    A tuple, since a long session reads thousands of them before it can send its first chunk.
    """

    window: UUID
    seq: int
    order_ms: int
    first_ms: int
    last_ms: int
    snapshot_ms: int
    snapshot_seq: int
    payload_bytes: int


def total(totals: Totals, place: Total) -> int:
    """Returns one running total; 0 if the row was written before this total was counted."""
    return totals[place] if place < len(totals) else 0


@dataclass(frozen=True, slots=True)
class DeletionCursor:
    """A deleted session: its position in a list of deletions."""

    deleted_ms: int
    session: UUID


@dataclass(frozen=True, slots=True)
class Times:
    """A time range of a session, in milliseconds since 1970 UTC, both ends inclusive. None: no bound."""

    start_ms: int | None = None
    end_ms: int | None = None

    def holds(self, time_ms: int) -> bool:
        """Returns whether a moment is in the range."""
        return self.touches(time_ms, time_ms)

    def touches(self, first_ms: int, last_ms: int) -> bool:
        """Returns whether an interval overlaps the range."""
        return (self.end_ms is None or first_ms <= self.end_ms) and (self.start_ms is None or last_ms >= self.start_ms)

    def clamp(self, time_ms: int) -> int:
        """Returns the moment of the range that is nearest to a given one."""
        if self.end_ms is not None:
            time_ms = min(time_ms, self.end_ms)
        return time_ms if self.start_ms is None else max(time_ms, self.start_ms)

    def is_over(self, time_ms: int) -> bool:
        """Returns whether a moment is after the range."""
        return self.end_ms is not None and time_ms > self.end_ms

    def begin(self, from_ms: int | None) -> int | None:
        """Returns the start of a replay requested from `from_ms` on."""
        if self.start_ms is None or from_ms is None:
            return from_ms if self.start_ms is None else self.start_ms
        return max(from_ms, self.start_ms)
