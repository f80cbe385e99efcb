"""A session as one HTML file that plays without a server: the console's player, with the session in it.

`make web` builds the player (sidecar/web/console/offlineFile.ts). The session follows it in parts, which are elements
that browsers neither run nor show: each chunk, tables of interactions, and the facts of the session. A part is gzip in
base64, so no text of a recording is read as HTML; sidecar/web/console/src/offline reads them.
"""

from __future__ import annotations

import asyncio
import gzip
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from typing import Any
from uuid import UUID

import msgspec

from services.export.built_console import built_console
from services.export.formats.chunks import FULL_SNAPSHOT, ChunkPart, parts_of
from services.export.formats.columns import INTERACTION_COLUMNS
from services.export.formats.making import Made, Making, session_gone
from services.export.formats.sessions import opened_session, windows_of
from services.export.model import ExportError, SessionContent
from services.export.recordings import Cells, RecordedChunk, RecordedPage, RecordedSession
from services.export.rrweb_json.joining import ChunkError
from services.runtime.errors import NotFound

CONTENT_TYPE = "text/html"
TEMPLATE = "offline.html"
VERSION = 1
"""Version of the parts: VERSION of sessionFile.ts."""

MAX_BYTES = 192 * 1024**2
"""Maximum size of a file: browsers hold the whole of it in memory, most of it twice."""

_TITLE, _RECORDING = "%title%", "%recording%"
_GZIP = b"\x1f\x8b"
_COLUMNS = [column.name for column in INTERACTION_COLUMNS]
_LISTED = [place for place, name in enumerate(_COLUMNS) if name not in {"session_id", "offset_s"}]
_COUNTED = [_COLUMNS.index(name) for name in ("window_id", "number", "time", "kind", "seq")]
_MOVEMENTS = (5, 6)
"""The contract's InteractionKind: MOVE and SCROLL, which lists leave out."""

_WINDOW, _TIME = _COLUMNS.index("window_id"), _COLUMNS.index("time")


async def make_html(making: Making) -> Made:
    """Writes the player and the session."""
    content = making.export.content
    assert isinstance(content, SessionContent)  # noqa: S101 - the formats of each content
    before, after = await asyncio.to_thread(_player)
    session, keep_until_ms = await opened_session(making, content)
    windows = [window.window_id for window in windows_of(session, content)]
    making.plan(sum(window.chunk_count for window in session.windows if window.window_id in windows))
    pages = _pages(session, content, windows)
    file = _File(making.spool.write)
    file.write(before.replace(_TITLE, escape(_title(session, pages))).encode())
    opened = [
        {"windowId": window_id, "startMs": start_ms}
        for window_id in windows
        if (start_ms := await _write_window(making, file, content, window_id, session.start_ms)) is not None
    ]
    await _write_interactions(making, file, content, windows, session.start_ms)
    file.write_part("session", _packed(_facts(making, content, session, opened, pages)))
    file.write(after.encode())
    name = f"session-{session.session_id}"
    return Made(f"{name}{f'-{content.window_id}' if content.window_id else ''}.html", CONTENT_TYPE, keep_until_ms)


def _player() -> tuple[str, str]:
    """Returns the player's text before and after the place for the session."""
    path = built_console() / TEMPLATE
    try:
        before, place, after = path.read_text(encoding="utf-8").partition(_RECORDING)
    except OSError:
        place = ""
    if not place:
        raise ExportError(
            "UNAVAILABLE", "HTML files need the built console: run `make web`, or install Afterimage from a wheel"
        )
    return before, after


class _File:
    """Writes into the file, up to its largest size."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write
        self._size_bytes = 0

    def write(self, data: bytes) -> None:
        self._size_bytes += len(data)
        if self._size_bytes > MAX_BYTES:
            raise ExportError(
                "SIZE_LIMIT",
                f"the file would have more than {MAX_BYTES:,} bytes, which browsers do not open: export a part of the "
                "session, or another format",
            )
        self._write(data)

    def write_part(self, kind: str, payload: bytes, **attributes: object) -> None:
        """Writes a part.

        Args:
            kind: Its kind.
            payload: Its content, gzip.
            attributes: Values of data attributes.
        """
        data = "".join(f' data-{name}="{escape(str(value))}"' for name, value in attributes.items())
        self.write(f'<script type="application/octet-stream" data-part="{kind}"{data}>'.encode())
        self.write(b64encode(payload))
        self.write(b"</script>\n")


async def _write_window(
    making: Making, file: _File, content: SessionContent, window_id: str, session_ms: int
) -> int | None:
    """Writes the chunks of a window. Returns the time of its first event; None: there are no events in the range."""
    first_ms: int | None = None
    try:
        async for part in parts_of(making, content, window_id, session_ms):
            if (chunk := await asyncio.to_thread(_chunk, part)) is None:
                continue
            first_ms = chunk.first_ms if first_ms is None else first_ms
            times = {"first": chunk.first_ms, "last": chunk.last_ms}
            snapshot = {"snapshot": ""} if chunk.has_full_snapshot else {}
            file.write_part("chunk", chunk.payload, window=window_id, **times, **snapshot)
    except ChunkError as error:
        raise ExportError("DAMAGED", str(error)) from error
    return first_ms


def _chunk(part: ChunkPart) -> RecordedChunk | None:
    """Returns the chunk to write, its payload gzip; None: it has no events. Raises ChunkError."""
    chunk = part.chunk
    if part.is_whole:
        text = part.text()  # also of gzip: a damaged chunk fails here, and not in a browser
        payload = chunk.payload if chunk.payload.startswith(_GZIP) else gzip.compress(b"[" + text + b"]", mtime=0)
        return replace(chunk, payload=payload) if text else None
    events = part.events()
    if not events:
        return None
    return RecordedChunk(
        window_id=chunk.window_id,
        seq=chunk.seq,
        payload=gzip.compress(b"[" + b",".join(event.text for event in events) + b"]", mtime=0),
        first_ms=events[0].played_ms,
        last_ms=events[-1].played_ms,
        has_full_snapshot=any(event.head.type == FULL_SNAPSHOT for event in events),
    )


async def _write_interactions(
    making: Making, file: _File, content: SessionContent, windows: list[str], session_ms: int
) -> None:
    """Writes the interactions that are in the range, as tables; of movements only when and where they were."""
    from_ms = session_ms + (content.start_ms or 0)
    to_ms = float("inf") if content.end_ms is None else session_ms + content.end_ms

    def is_wanted(row: Cells) -> bool:
        at_ms = row[_TIME]
        return row[_WINDOW] in windows and isinstance(at_ms, int) and from_ms <= at_ms < to_ms

    for kind, kinds, places in (("interactions", (), _LISTED), ("movements", _MOVEMENTS, _COUNTED)):
        columns = [_COLUMNS[place] for place in places]
        try:
            async for page in making.recordings.interactions(UUID(content.session_id), kinds):
                rows = [[row[place] for place in places] for row in page if is_wanted(row)]
                if rows:
                    file.write_part(kind, await asyncio.to_thread(_packed, {"columns": columns, "rows": rows}))
        except NotFound:
            raise session_gone() from None


def _facts(
    making: Making,
    content: SessionContent,
    session: RecordedSession,
    windows: list[dict[str, Any]],
    pages: list[RecordedPage],
) -> dict[str, Any]:
    """Returns the part `session`: FileSession of sessionFile.ts."""
    return {
        "version": VERSION,
        "sessionId": session.session_id,
        "startMs": session.start_ms,
        "durationMs": session.duration_ms,
        "range": {"startMs": content.start_ms, "endMs": content.end_ms},
        # Not the time of the attempt: each attempt makes the same file.
        "exportedMs": making.export.created_ms,
        **({} if content.link is None else {"watermark": content.link.watermark}),
        "windows": windows,
        "pages": [{"windowId": page.window_id, "url": page.url, "openMs": page.open_ms} for page in pages],
    }


def _pages(session: RecordedSession, content: SessionContent, windows: list[str]) -> list[RecordedPage]:
    """Returns the page views in the range, and of each window the one that was open at its start."""
    start_ms = session.start_ms + (content.start_ms or 0)
    end_ms = float("inf") if content.end_ms is None else session.start_ms + content.end_ms
    shown = [page for page in session.pages if page.window_id in windows and page.open_ms < end_ms]
    open_at_start = {page.window_id: page for page in shown if page.open_ms <= start_ms}
    return [page for page in shown if page.open_ms > start_ms or open_at_start[page.window_id] is page]


def _title(session: RecordedSession, pages: list[RecordedPage]) -> str:
    at = datetime.fromtimestamp(session.start_ms / 1000, UTC)
    of = f" of {pages[0].url}" if pages else ""
    return f"Recording{of}, {at:%Y-%m-%d %H:%M} UTC"


def _packed(value: object) -> bytes:
    return gzip.compress(msgspec.json.encode(value), mtime=0)
