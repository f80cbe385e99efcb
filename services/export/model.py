"""The values of exports. Times: milliseconds since 1970 UTC by the server's clock; offsets: into the session."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import msgspec

from services.runtime.access_actions import AccessAction
from services.runtime.errors import AfterimageError
from services.runtime.identity.peer import Peer

MIN_TTL_S = 60


class ExportFormat(IntEnum):
    """Format of the file: the contract's ExportFormat."""

    JSON = 1
    HAR = 2
    CSV = 3
    PARQUET = 4
    MP4 = 5
    WEBM = 6
    GIF = 7
    PNG = 8
    HTML = 9
    PDF = 10


LINK_FORMATS = (ExportFormat.MP4, ExportFormat.HTML)
"""Formats that visitors of share links may export: those that show the link's label."""

VIDEO_FORMATS = (ExportFormat.MP4, ExportFormat.WEBM, ExportFormat.GIF)


class OverlayPart(IntEnum):
    """Part that is drawn besides the recorded page: the contract's OverlayPart."""

    POINTER = 1
    CLICKS = 2
    ADDRESS = 3
    CLOCK = 4
    CAPTIONS = 5


class ExportTable(IntEnum):
    """Rows of a table: the contract's ExportTable."""

    SESSIONS = 1
    INTERACTIONS = 2


class PaperSize(IntEnum):
    """Paper of a report: the contract's PaperSize."""

    A4 = 1
    LETTER = 2


class ExportPriority(IntEnum):
    """Order within a project: the contract's ExportPriority."""

    LOW = 1
    NORMAL = 2
    HIGH = 3


class ExportState(IntEnum):
    """Lifecycle state: the contract's ExportState, and one that callers do not see.

    DELETED is kept for a while, so that watchers learn of it and the file is removed by all means.
    """

    QUEUED = 1
    RUNNING = 2
    DONE = 3
    FAILED = 4
    CANCELLED = 5
    EXPIRED = 6
    DELETED = 7

    @property
    def is_open(self) -> bool:
        """Whether another state follows by itself."""
        return self in OPEN_STATES


OPEN_STATES = (ExportState.QUEUED, ExportState.RUNNING)


class VideoOptions(msgspec.Struct, frozen=True, tag="video"):
    """How a video is made.

    Attributes:
        width: In pixels; 0: by the height, or else the visitor's first viewport.
        height: In pixels; 0: by the width.
        frames_per_second: 0: the default.
        keep_pauses: Whether pauses without activity are shown.
        hidden_parts: Parts that are left out.
    """

    width: int = 0
    height: int = 0
    frames_per_second: int = 0
    keep_pauses: bool = False
    hidden_parts: tuple[OverlayPart, ...] = ()


class PictureOptions(msgspec.Struct, frozen=True, tag="picture"):
    """How a picture of a moment is made.

    Attributes:
        offset_ms: The moment.
        width: As in VideoOptions.
        height: As in VideoOptions.
        shown_parts: Parts that are drawn besides the page.
    """

    offset_ms: int
    width: int = 0
    height: int = 0
    shown_parts: tuple[OverlayPart, ...] = ()


class LinkPart(msgspec.Struct, frozen=True):
    """The part that a share link opens, for the export of a visitor.

    Attributes:
        watermark: Text that the file shows.
        start_ms: Start of the shared range, as an offset from `origin_ms`; None: the session's start.
        end_ms: Its end; None: the session's end.
        origin_ms: The time that the range counts from; None: the session's first event.
        expires_ms: End of the link.
    """

    link_id: str
    watermark: str
    start_ms: int | None
    end_ms: int | None
    origin_ms: int | None
    expires_ms: int


class ReportOptions(msgspec.Struct, frozen=True, tag="report"):
    """How a report is made.

    Attributes:
        time_zone: IANA name; "": UTC.
        language: BCP 47 tag of the language of dates; "": English.
    """

    paper: PaperSize = PaperSize.A4
    time_zone: str = ""
    language: str = ""


class SessionContent(msgspec.Struct, frozen=True, tag="session"):
    """One session or a part of it.

    Attributes:
        window_id: The only window; "": all windows.
        start_ms: Start of the range as an offset; None: the session's start.
        end_ms: End of the range, exclusive; None: the session's end.
        options: Of videos, pictures and reports; None: defaults.
        link: The share link that it was created with; the range counts from the link's start of the session. None:
            its creator has an own token.
    """

    session_id: str
    window_id: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    options: VideoOptions | PictureOptions | ReportOptions | None = None
    link: LinkPart | None = None


class TableContent(msgspec.Struct, frozen=True, tag="table"):
    """Sessions under a filter.

    Attributes:
        filter: A serialised SessionFilter of the contract.
        kinds: Numbers of interaction kinds; empty: the default of ListInteractions.
        report: Options of a report; None: defaults.
    """

    table: ExportTable
    filter: bytes = b""
    kinds: tuple[int, ...] = ()
    report: ReportOptions | None = None


class HeatmapContent(msgspec.Struct, frozen=True, tag="heatmap"):
    """Heatmaps of one page.

    Attributes:
        page: Normalised URL.
        request: A serialised GetHeatmapRequest of the contract, without the kind.
        kinds: Numbers of heatmap kinds, in the order of the report.
    """

    page: str
    request: bytes = b""
    kinds: tuple[int, ...] = ()
    report: ReportOptions | None = None


Content = SessionContent | TableContent | HeatmapContent

FORMATS: dict[type[SessionContent | TableContent | HeatmapContent], tuple[ExportFormat, ...]] = {
    SessionContent: (
        *(ExportFormat.JSON, ExportFormat.HAR, *VIDEO_FORMATS, ExportFormat.PNG),
        *(ExportFormat.HTML, ExportFormat.PDF),
    ),
    TableContent: (ExportFormat.CSV, ExportFormat.PARQUET, ExportFormat.PDF),
    HeatmapContent: (ExportFormat.PDF,),
}
"""The formats of each content."""


@dataclass(frozen=True, slots=True)
class NewExport:
    """Specification of an export.

    Attributes:
        ttl_ms: Time for which the file is kept; None: the default.
        request_id: Makes a repeated call return the same export; "": none.
    """

    content: Content
    format: ExportFormat
    priority: ExportPriority = ExportPriority.NORMAL
    ttl_ms: int | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason of a failure.

    Attributes:
        reason: For programs, UPPER_SNAKE.
        message: One sentence for people.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A complete file.

    Attributes:
        key: Its name in the store of results.
        sha256: Its hash, in hex.
    """

    key: str
    name: str
    content_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Finished and planned steps; `planned` 0: unknown.

    Attributes:
        remaining_ms: Estimated time until all steps are finished; None: unknown.
    """

    done: int = 0
    planned: int = 0
    remaining_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """The record of an export.

    Attributes:
        attempt: Number of the current attempt from 1: a worker that was taken for dead cannot end a later one.
        started: Number of attempts that have begun.
        dispatched_ms: When the attempt was put into the queue; None: it waits for its project's turn.
        not_before_ms: Earliest time of the attempt.
        lease_ms: Time until which its worker is alive for certain; later it is taken for dead.
        ttl_ms: Time for which the file is kept.
    """

    export_id: str
    project: str
    created_by: str
    content: Content
    format: ExportFormat
    priority: ExportPriority
    state: ExportState
    ttl_ms: int
    created_ms: int
    updated_ms: int
    attempt: int = 1
    started: int = 0
    dispatched_ms: int | None = None
    not_before_ms: int = 0
    lease_ms: int = 0
    started_ms: int | None = None
    ended_ms: int | None = None
    expires_ms: int | None = None
    progress: Progress = Progress()
    failure: Failure | None = None
    file: ExportFile | None = None

    @property
    def session_id(self) -> str:
        """The exported session; "": a table."""
        return self.content.session_id if isinstance(self.content, SessionContent) else ""

    @property
    def link(self) -> LinkPart | None:
        """The share link that it was created with; None: its creator has an own token."""
        return self.content.link if isinstance(self.content, SessionContent) else None

    @property
    def link_id(self) -> str:
        """Id of that link; "": none."""
        return "" if self.link is None else self.link.link_id


@dataclass(frozen=True, slots=True)
class ExportCursor:
    """Position at which a page of a list ends."""

    created_ms: int
    export_id: str


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """Selected exports; empty fields select all."""

    session_id: str = ""
    created_by: str = ""
    states: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """An action or an attempt on an export, for the access trail.

    Attributes:
        action: One of the actions on exports (EXPORT_...).
        method: The method of ExportService that acted.
        detail: Description of the export.
        link_id: The share link of the caller; "": none.
    """

    action: AccessAction
    method: str
    project: str
    subject: str
    caller: Peer
    session_id: str = ""
    detail: str = ""
    link_id: str = ""


class ExportError(Exception):
    """An export cannot be made.

    Attributes:
        failure: Shown to the callers.
        is_final: Whether another attempt would fail in the same way.
    """

    def __init__(self, reason: str, message: str, *, is_final: bool = True) -> None:
        super().__init__(message)
        self.failure = Failure(reason, message)
        self.is_final = is_final

    @classmethod
    def of(cls, error: AfterimageError) -> ExportError:
        """Returns the failure of an attempt that an error of AuditService ended; another attempt may succeed."""
        return cls(error.reason, error.message, is_final=False)
