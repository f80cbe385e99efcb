"""A session's rrweb events as JSON: an array of one window, or an object with an array per window."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from services.export.formats.making import Made, Making, session_gone
from services.export.formats.sessions import opened_session, windows_of
from services.export.model import ExportError, SessionContent
from services.export.recordings import RecordedChunk
from services.export.rrweb_json.joining import ChunkError, events_of, text_of
from services.runtime.errors import NotFound

CONTENT_TYPE = "application/json"
FULL_SNAPSHOT, META = 2, 4
"""rrweb's EventType.FullSnapshot and EventType.Meta."""


async def make_rrweb_json(making: Making) -> Made:
    """Writes the events as they were stored, window by window."""
    content = making.export.content
    assert isinstance(content, SessionContent)  # noqa: S101 - the formats of each content
    session, keep_until_ms = await opened_session(making, content)
    windows = windows_of(session, content)
    making.plan(sum(window.chunk_count for window in windows))
    is_array = bool(content.window_id) or len(windows) == 1
    write = making.spool.write
    if not is_array:
        write(b'{"session_id":' + msgspec.json.encode(session.session_id) + b',"events":{')
    for number, window in enumerate(windows):
        if not is_array:
            write((b"," if number else b"") + msgspec.json.encode(window.window_id) + b":")
        await _write_window(making, content, window.window_id, session.start_ms)
    if not is_array:
        write(b"}}")
    name = f"session-{session.session_id}"
    return Made(f"{name}{f'-{content.window_id}' if content.window_id else ''}.json", CONTENT_TYPE, keep_until_ms)


async def _write_window(making: Making, content: SessionContent, window_id: str, session_ms: int) -> None:
    write = making.spool.write
    write(b"[")
    is_first = True
    async for text in _texts(making, content, window_id, session_ms):
        if text:
            write(text if is_first else b"," + text)
            is_first = False
    write(b"]")


async def _texts(making: Making, content: SessionContent, window_id: str, session_ms: int) -> AsyncIterator[bytes]:
    """Yields the events of each chunk, separated by commas; those at the ends of the range are cut to it."""
    start_ms = None if content.start_ms is None else session_ms + content.start_ms
    end_ms = None if content.end_ms is None else session_ms + content.end_ms
    number = 0
    is_begun = start_ms is None
    try:
        async for chunk in making.recordings.chunks(content.session_id, window_id, content.start_ms):
            if end_ms is not None and chunk.first_ms >= end_ms:
                return
            number += 1
            reaches_end = end_ms is not None and chunk.last_ms >= end_ms
            if is_begun and not reaches_end:
                yield await asyncio.to_thread(text_of, chunk.payload, window_id, number)
            else:
                yield await asyncio.to_thread(_cut, chunk, number, None if is_begun else start_ms, end_ms)
                is_begun = True
            making.step()
    except NotFound:
        # A window with all of its chunks after the range, or the session.
        if number:
            raise session_gone() from None
    except ChunkError as error:
        raise ExportError("DAMAGED", str(error)) from error


def _cut(chunk: RecordedChunk, number: int, start_ms: int | None, end_ms: int | None) -> bytes:
    """Returns the chunk's events from the last full snapshot at or before the start, until before the end."""
    found = list(events_of(chunk.payload, chunk.window_id, number))
    first = 0
    if start_ms is not None:
        for place, (head, _) in enumerate(found):
            if head.timestamp > start_ms:
                break
            if head.type == FULL_SNAPSHOT:
                first = place - 1 if place and found[place - 1][0].type == META else place
    return b",".join(event for head, event in found[first:] if end_ms is None or head.timestamp < end_ms)
