"""Parts of an import: a foreign recording, its ids in Afterimage, and its chunks.

Everything is a pure function of the recording, so that importing a file again yields the same session,
the same windows and the same chunks, and an interrupted import continues where it stopped.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from services.export.rrweb_json.events import event_head
from services.runtime.uuid7 import uuid7_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAX_CHUNK_BYTES = 900_000
"""JSON bytes per chunk; PostHog's recorder splits at 0.9 MB too."""

MAX_CHUNK_EVENTS = 2_000

CHUNK_SPAN_MS = 10_000
"""Recorded time per chunk, so that a seek does not fetch minutes for seconds."""


@dataclass(frozen=True, slots=True)
class RecordedWindow:
    """One window (tab) of a recording: `events` are the raw JSON texts of its rrweb events, in file order."""

    foreign_id: str
    events: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ImportedRecording:
    """One session of a file.

    Attributes:
        foreign_id: Its id in the other tool, or the file's name and content hash if it has no id.
        windows: In the order in which the file first names them; none is empty.
        first_ms: The earliest timestamp of its events, in milliseconds since 1970 UTC.
    """

    foreign_id: str
    windows: tuple[RecordedWindow, ...]
    first_ms: int


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """An unreadable part of a file; reading continues after it.

    Attributes:
        path: The file.
        line: Counted from 1; None if the file does not consist of lines.
        byte: Counted from 0, in the inflated text; None if unknown.
        message: One sentence for people.
    """

    path: Path
    line: int | None
    byte: int | None
    message: str

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        byte = "" if self.byte is None else f", byte {self.byte}"
        return f"{self.path}{line}{byte}: {self.message}"


@dataclass(frozen=True, slots=True)
class ImportNote:
    """Something that was understood in a file, of which nothing is lost.

    Attributes:
        path: The file.
        message: One sentence for people.
    """

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def session_id_for(foreign_id: str, first_ms: int) -> UUID:
    """Returns the session id of a foreign recording: a UUIDv7 with the time of the session's start.

    Args:
        foreign_id: The recording's id in the other tool.
        first_ms: Its earliest timestamp; times outside the range of UUIDv7 become the nearest one inside.
    """
    return _uuid7(first_ms, b"session\0" + foreign_id.encode("utf-8", "surrogatepass"))


def window_id_for(session_id: UUID, foreign_window_id: str) -> UUID:
    """Returns the id of a session's window: a UUIDv7 with the session's time."""
    name = b"window\0" + session_id.bytes + foreign_window_id.encode("utf-8", "surrogatepass")
    return _uuid7(uuid7_ms(session_id), name)


def _uuid7(unix_ms: int, name: bytes) -> UUID:
    """RFC 9562, section 5.7, with a SHA-256 of `name` in place of the random bits."""
    time = min(max(unix_ms, 0), (1 << 48) - 1)
    bits = int.from_bytes(hashlib.sha256(name).digest()[:10], "big")
    rand_a, rand_b = bits >> 68, bits & ((1 << 62) - 1)
    return UUID(int=time << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def to_chunks(
    events: Iterable[bytes],
    max_bytes: int = MAX_CHUNK_BYTES,
    max_events: int = MAX_CHUNK_EVENTS,
    span_ms: int = CHUNK_SPAN_MS,
) -> Iterator[bytes]:
    """Packs one window's events into JSON arrays, in order; equal events give equal chunks.

    A chunk ends before the event that would exceed a limit: `max_bytes` of JSON, `max_events`, or
    a timestamp `span_ms` or more away from the chunk's first (before or after: recordings may be unsorted).
    An event larger than `max_bytes` is a chunk of its own.

    Raises:
        msgspec.DecodeError: An item is not an event.
    """
    chunk: list[bytes] = []
    size_bytes, first_ms = 1, 0.0
    for event in events:
        timestamp = event_head(event).timestamp
        full = size_bytes + len(event) + 1 > max_bytes or len(chunk) >= max_events
        if chunk and (full or abs(timestamp - first_ms) >= span_ms):
            yield _array(chunk)
            chunk, size_bytes = [], 1
        if not chunk:
            first_ms = timestamp
        chunk.append(event)
        size_bytes += len(event) + 1
    if chunk:
        yield _array(chunk)


def _array(events: list[bytes]) -> bytes:
    return b"[" + b",".join(events) + b"]"
