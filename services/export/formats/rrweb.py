"""A session's rrweb events as JSON: an array of one window, or an object with an array per window."""

from __future__ import annotations

import asyncio

import msgspec

from services.export.formats.chunks import parts_of
from services.export.formats.making import Made, Making
from services.export.formats.sessions import opened_session, windows_of
from services.export.model import ExportError, SessionContent
from services.export.rrweb_json.joining import ChunkError

CONTENT_TYPE = "application/json"


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
    try:
        async for part in parts_of(making, content, window_id, session_ms):
            if text := await asyncio.to_thread(part.text):
                write(text if is_first else b"," + text)
                is_first = False
    except ChunkError as error:
        raise ExportError("DAMAGED", str(error)) from error
    write(b"]")
