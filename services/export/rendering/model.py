"""Recordings, options and results of renderings. Times are milliseconds since 1970 UTC by the visitor's clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class VideoFormat(StrEnum):
    """Container and codec; the value is the file's suffix."""

    MP4 = "mp4"
    """H.264, 4:2:0, with the index first; chapters and a subtitle track."""
    WEBM = "webm"
    """VP9, with chapters and a subtitle track."""
    GIF = "gif"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stored chunk, as ReplaySession sends it; the times are play times."""

    window_id: str
    seq: int
    first_ms: int
    last_ms: int
    payload: bytes
    has_full_snapshot: bool
    is_gzip: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """A browser tab of the session."""

    window_id: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class PageView:
    """A page that was opened."""

    window_id: str
    url: str
    open_ms: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth a caption."""

    time_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A session without its events; the lists are in the order of time."""

    start_ms: int
    end_ms: int
    windows: Sequence[Window]
    pages: Sequence[PageView] = ()
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Overlay:
    """Parts that are drawn besides the recorded page."""

    pointer: bool = True
    clicks: bool = True
    address: bool = True
    clock: bool = True
    captions: bool = True

    @property
    def has_bar(self) -> bool:
        """Whether there is a bar above the page."""
        return self.address or self.clock


NO_OVERLAY = Overlay(pointer=False, clicks=False, address=False, clock=False, captions=False)


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """How a video is made.

    Attributes:
        from_ms: First moment; None: the session's.
        to_ms: Last moment; None: the session's.
        width: Of the picture in pixels, 64 to 3840, made even; None: from the visitor's first viewport.
        height: As `width`, 64 to 2160.
        fps: Pictures per second, 1 to 30.
        skip_pauses: Whether pauses of more than 10 s without activity are left out, as the player does.
        watermark: Text over the whole video; "": none.
    """

    format: VideoFormat = VideoFormat.MP4
    from_ms: int | None = None
    to_ms: int | None = None
    width: int | None = None
    height: int | None = None
    fps: int = 10
    skip_pauses: bool = True
    overlay: Overlay = Overlay()
    watermark: str = ""


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How a PNG of a moment is made; sizes as in VideoOptions, not made even.

    Attributes:
        window_id: The window to show; None: the one in use at the moment.
    """

    at_ms: int
    window_id: str | None = None
    width: int | None = None
    height: int | None = None
    overlay: Overlay = NO_OVERLAY


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one rendering.

    Attributes:
        time_s: From its start to its end.
        answer_s: For each answer of the browser; above it, the browser hangs.
        memory_bytes: Of all processes of the browser together, and again for the encoder.
        file_bytes: Of each file that is written.
        frames: Number of frames of a video, repeated ones included.
    """

    time_s: float = 3_600.0
    answer_s: float = 60.0
    memory_bytes: int = 3 << 30
    file_bytes: int = 4 << 30
    frames: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a running rendering: frames of the video that are done, of those that are planned."""

    frames_done: int
    frames_planned: int
    seconds_left: float | None


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class MissingFiles:
    """Numbers of files that the recorded page names and that are not shown."""

    pictures: int = 0
    fonts: int = 0
    sheets: int = 0
    media: int = 0


@dataclass(frozen=True, slots=True)
class RenderedVideo:
    """A finished video.

    Attributes:
        captions: WebVTT with the findings and the skipped pauses, beside the video.
        frames: Number of frames, repeated ones included; `drawn` is that of the different ones.
        left_out: Number of events and chunks that could not be shown, or not entirely.
    """

    video: Path
    captions: Path
    width: int
    height: int
    duration_ms: int
    frames: int
    drawn: int
    skipped_ms: int
    missing: MissingFiles = field(default=MissingFiles())
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class RenderedPicture:
    """A finished picture of a moment."""

    picture: Path
    width: int
    height: int
    missing: MissingFiles = field(default=MissingFiles())
    left_out: int = 0
