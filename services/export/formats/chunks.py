"""A window's chunks, cut to the range of an export."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.export.formats.making import Making, session_gone
from services.export.model import SessionContent
from services.export.recordings import RecordedChunk
from services.export.rrweb_json.events import EventHead
from services.export.rrweb_json.joining import events_of, text_of
from services.runtime.errors import NotFound
from services.runtime.play_clock import play_times

FULL_SNAPSHOT, META = 2, 4
"""rrweb's EventType.FullSnapshot and EventType.Meta."""


@dataclass(frozen=True, slots=True)
class PlayedEvent:
    """An event: its head, its text as it was stored, and its play time."""

    head: EventHead
    text: bytes
    played_ms: int


@dataclass(frozen=True, slots=True)
class ChunkPart:
    """A chunk, or the part of it that is in the range; the times are play times.

    Attributes:
        number: Number of the chunk in its window from 1, as far as chunks were read.
        start_ms: The part begins with the last full snapshot at or before this time; None: with the chunk.
        end_ms: The part ends before this time; None: with the chunk.
    """

    chunk: RecordedChunk
    number: int
    start_ms: int | None
    end_ms: int | None

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole chunk."""
        return self.start_ms is None and self.end_ms is None

    def text(self) -> bytes:
        """Returns the events as they were stored, separated by commas; b"": there are no events.

        Raises:
            ChunkError: The chunk is damaged.
        """
        if self.is_whole:
            return text_of(self.chunk.payload, self.chunk.window_id, self.number)
        return b",".join(event.text for event in self.events())

    def events(self) -> list[PlayedEvent]:
        """Returns the events.

        Raises:
            ChunkError: The chunk is damaged.
        """
        chunk = self.chunk
        found = list(events_of(chunk.payload, chunk.window_id, self.number))
        times = play_times(chunk.first_ms, (head.timestamp for head, _ in found))
        events = [PlayedEvent(head, text, at_ms) for (head, text), at_ms in zip(found, times, strict=True)]
        first = 0 if self.start_ms is None else _beginning(events, self.start_ms)
        return [event for event in events[first:] if self.end_ms is None or event.played_ms < self.end_ms]


def _beginning(events: list[PlayedEvent], start_ms: int) -> int:
    """Returns the position of the last full snapshot at or before a time, or of the Meta event right before it."""
    first = 0
    for place, event in enumerate(events):
        if event.played_ms > start_ms:
            break
        if event.head.type == FULL_SNAPSHOT:
            first = place - 1 if place and events[place - 1].head.type == META else place
    return first


async def parts_of(
    making: Making, content: SessionContent, window_id: str, session_ms: int
) -> AsyncIterator[ChunkPart]:
    """Yields the parts of a window's chunks that are in the range, in order; each is a step of the making.

    Raises:
        ExportError: The session was deleted (SESSION_DELETED), or chunks are missing (INCOMPLETE).
    """
    start_ms = None if content.start_ms is None else session_ms + content.start_ms
    end_ms = None if content.end_ms is None else session_ms + content.end_ms
    number = 0
    try:
        async for chunk in making.recordings.chunks(content.session_id, window_id, content.start_ms):
            if end_ms is not None and chunk.first_ms >= end_ms:
                return
            number += 1
            reaches_end = end_ms is not None and chunk.last_ms >= end_ms
            yield ChunkPart(chunk, number, start_ms if number == 1 else None, end_ms if reaches_end else None)
            making.step()
    except NotFound:
        # A window with all of its chunks after the range, or the session.
        if number:
            raise session_gone() from None
