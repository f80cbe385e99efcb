"""From the session's time to the video's, and back. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from services.export.rendering.model import Finding, PageView

CAPTION_MS = 3_000
"""How long the words of a finding are shown, in the session's time."""
NOTE_MS = 1_500
"""How long it is shown that a pause was skipped."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the session in which one window is shown, and when it is shown in the video."""

    window_id: str
    from_ms: int
    to_ms: int
    video_ms: int


@dataclass(frozen=True, slots=True)
class Caption:
    """A text with the span in which it is shown."""

    from_ms: int
    to_ms: int
    text: str


class Timeline:
    """The spans of a video, in the order of time.

    Args:
        spans: (window, from, to) in the session's time; not empty.
        pauses: Skipped pauses, (from, to).
        frame_ms: Shortest duration of a video.
    """

    def __init__(
        self, spans: Sequence[tuple[str, int, int]], pauses: Sequence[tuple[int, int]], frame_ms: float
    ) -> None:
        found: list[Span] = []
        video_ms = 0
        for window_id, from_ms, to_ms in spans:
            found.append(Span(window_id, from_ms, to_ms, video_ms))
            video_ms += to_ms - from_ms
        self.spans = tuple(found)
        self.duration_ms = max(video_ms, round(frame_ms))
        self.skipped_ms = sum(to_ms - from_ms for from_ms, to_ms in pauses)
        self._pauses = tuple(pauses)
        self._begins = [span.video_ms for span in found]

    def span_at(self, video_ms: float) -> Span:
        """Returns the span that is shown at a moment of the video."""
        return self.spans[max(0, bisect_right(self._begins, video_ms) - 1)]

    def session_ms(self, video_ms: float) -> int:
        """Returns the moment of the session that is shown at a moment of the video."""
        span = self.span_at(video_ms)
        return min(span.to_ms, span.from_ms + int(video_ms) - span.video_ms)

    def video_ms(self, session_ms: int) -> int:
        """Returns when a moment of the session is shown; for a skipped one, when its pause is passed."""
        for span in self.spans:
            if session_ms < span.to_ms:
                return span.video_ms + max(0, session_ms - span.from_ms)
        return self.duration_ms

    @property
    def notes(self) -> list[Caption]:
        """Returns the texts about skipped pauses, in the session's time: each right after its pause."""
        return [
            Caption(to_ms, to_ms + NOTE_MS, f"{_words(to_ms - from_ms)} without activity skipped")
            for from_ms, to_ms in self._pauses
        ]

    def captions(self, findings: Sequence[Finding]) -> list[Caption]:
        """Returns the texts of findings, in the session's time."""
        first, last = self.spans[0].from_ms, self.spans[-1].to_ms
        return [
            Caption(finding.time_ms, finding.time_ms + CAPTION_MS, finding.text)
            for finding in findings
            if first <= finding.time_ms <= last
        ]

    def in_video(self, captions: Sequence[Caption]) -> list[Caption]:
        """Returns texts with the times at which they are shown in the video."""
        found = []
        for caption in captions:
            from_ms = self.video_ms(caption.from_ms)
            to_ms = min(from_ms + caption.to_ms - caption.from_ms, self.duration_ms)
            if to_ms > from_ms:
                found.append(Caption(from_ms, to_ms, caption.text))
        return sorted(found, key=lambda caption: caption.from_ms)

    def chapters(self, pages: Sequence[PageView]) -> list[Caption]:
        """Returns the pages that are seen, in the video's time: from the moment at which each is seen first."""
        found: list[Caption] = []
        for span in self.spans:
            before = [page for page in pages if page.window_id == span.window_id and page.open_ms <= span.from_ms]
            within = [
                page for page in pages if page.window_id == span.window_id and span.from_ms < page.open_ms < span.to_ms
            ]
            for page in (*before[-1:], *within):
                at_ms = span.video_ms + max(0, page.open_ms - span.from_ms)
                if found and found[-1].text == page.url:
                    continue
                if found and found[-1].from_ms == at_ms:
                    found.pop()
                found.append(Caption(at_ms, self.duration_ms, page.url))
        ends = [chapter.from_ms for chapter in found[1:]] + [self.duration_ms]
        begins = [0, *(chapter.from_ms for chapter in found[1:])]
        return [Caption(begin, end, chapter.text) for begin, end, chapter in zip(begins, ends, found, strict=False)]


def _words(duration_ms: int) -> str:
    seconds = round(duration_ms / 1000)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
