"""Reports: a document of the built console, filled with recorded data and printed as PDF.

The document (sidecar/web/console/src/report) reads the data as the console does; pictures of recorded pages are drawn
beside it, in tabs of the same browser. ADR 30 has the reasons.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from services.export.rendering.browser import Browser, browser
from services.export.rendering.errors import Reason, RenderingError
from services.export.rendering.model import NO_OVERLAY, Chunk, Limits, MissingFiles, Overlay, Recording
from services.export.rendering.page import RenderPage, given, render_page
from services.export.rendering.page_files import PageFiles
from services.export.rendering.renderer import draw_moment, scratch_in, within
from services.export.rendering.spool import Spool, spooled
from services.export.rendering.tab import call, send, tab
from services.export.rendering.tools import Tools

LONGEST_PX = 1_280
"""Longest side of a picture of a window."""
WIDEST_PAGE_PX, HIGHEST_PAGE_PX = 1_000, 8_000
"""Width and height of the picture of a whole page at most."""
_USUAL_VIEWPORT = (1280, 720)
_COLUMN_PX = (688, 971)
"""Width and height of the printed area of an A4 page in CSS pixels."""
_PART_BYTES = 1 << 20
_GATHER_MS = 1_000
"""Time by the frames' clock in which the page gathers missing files (missingFiles.ts), and some more."""
_FIRST_TICK_MS, _TICK_MS = 1e12, 100.0

_MARKS = Overlay(pointer=True, clicks=True, address=False, clock=False, captions=False)
_DATES = re.compile(rb"/(CreationDate|ModDate) \(D:[0-9]{14}[+-][0-9]{2}'[0-9]{2}'\)")
_FOOT = (
    '<div style="font: 8px Liberation Sans, Noto Sans, sans-serif; color: #626b7b; display: flex; width: 100%; '
    'padding: 0 14mm; justify-content: space-between"><span>{}</span>'
    '<span>Page <span class="pageNumber"></span> of <span class="totalPages"></span></span></div>'
)


@dataclass(frozen=True, slots=True)
class ReportLook:
    """How a report is printed.

    Attributes:
        is_letter: Whether it is on North American letter; else on A4.
        time_zone: IANA name of the zone of all dates.
        language: BCP 47 tag of the language of all dates.
        foot: Text at the foot of each page, left of the page's number.
        created_ms: Date in the document's properties, milliseconds since 1970 UTC.
    """

    is_letter: bool
    time_zone: str
    language: str
    foot: str
    created_ms: int


class Reporting:
    """A report that is being made. Each method raises RenderingError if the browser fails."""

    def __init__(
        self, running: Browser, files: PageFiles, session: str, spool: Spool, look: ReportLook, limits: Limits
    ) -> None:
        self._browser = running
        self._files = files
        self._session = session
        self._spool = spool
        self._look = look
        self._limits = limits
        self._viewports: dict[str, tuple[int, int]] = {}
        self._drawing = AsyncExitStack()
        self._page: RenderPage | None = None
        self._shown: tuple[str, tuple[int, int]] | None = None
        self._at_ms = 0
        self._ticks = 0
        self.missing = MissingFiles()

    async def call(self, method: str, /, *arguments: Any) -> Any:
        """Calls a function of the document, such as "session.begin", and returns its value."""
        return await call(self._browser, self._session, f"afterimageReport.{method}", *arguments)

    async def read(self, chunk: Chunk, method: str, *arguments: Any) -> None:
        """Keeps a chunk for pictures, and hands it to a function of the document, which returns a viewport or null."""
        if not await self._spool.add(chunk):
            return
        size = await self.call(method, given(self._spool.last_of(chunk.window_id), chunk.payload), *arguments)
        if size is not None:
            self._viewports.setdefault(chunk.window_id, (int(size["width"]), int(size["height"])))

    async def keep(self, chunk: Chunk) -> None:
        """Keeps a chunk for pictures only."""
        await self._spool.add(chunk)

    def has_picture(self, window_id: str, at_ms: int) -> bool:
        """Returns whether a window can be shown at a moment."""
        return bool(self._spool.chunks_from(window_id, at_ms))

    async def picture(
        self, recording: Recording, window_id: str, at_ms: int, whole: tuple[int, int] | None = None
    ) -> bytes:
        """Returns the picture of a window at a moment, as JPEG.

        Args:
            recording: The session.
            window_id: The window; pictures of the same window one after the other take one tab.
            at_ms: The moment.
            whole: Width and height of the whole page in CSS pixels, which is then shown without pointer and clicks;
                None: the visitor's viewport.
        """
        size = _scaled(self._viewports.get(window_id, _USUAL_VIEWPORT)) if whole is None else _narrowed(whole)
        if self._page is None or self._shown != (window_id, size):
            await self.close_pictures()
            self._page = await self._drawing.enter_async_context(
                render_page(self._browser, self._files, size, _TICK_MS)
            )
            self._shown = (window_id, size)
            overlay = _MARKS if whole is None else NO_OVERLAY
            bounds = (recording.start_ms, recording.end_ms)
            await self._page.lay(overlay, *bounds, recording.pages, (), (), is_pointer_apart=False)
            if whole is not None:
                await self._page.show_whole(whole)
        self._at_ms = at_ms
        return await draw_moment(self._page, self._spool, window_id, at_ms, "jpeg")

    async def close_pictures(self) -> None:
        """Closes the tab of the pictures, and counts the files that were missing in it."""
        if self._page is not None:
            await self._page.step(self._at_ms + _GATHER_MS)
            missing, _ = await self._page.report()
            self.missing = _most(self.missing, missing)
            self._page = None
        await self._drawing.aclose()

    async def print(self, path: Path, method: str, *arguments: Any) -> None:
        """Has a function of the document lay the report out, and writes it as PDF."""
        await self.close_pictures()
        if not self._browser.can_step:
            # A tab in the background has no frames.
            await send(self._browser, self._session, "Page.bringToFront")
        laying = asyncio.create_task(self.call(method, *arguments))
        try:
            while self._browser.can_step and not laying.done():
                # Canvases are drawn, and pictures decoded, in frames.
                tick_ms = _FIRST_TICK_MS + self._ticks * _TICK_MS
                self._ticks += 1
                frame = {"frameTimeTicks": tick_ms, "interval": _TICK_MS}
                await send(self._browser, self._session, "HeadlessExperimental.beginFrame", **frame)
            await laying
        finally:
            laying.cancel()
            await asyncio.gather(laying, return_exceptions=True)
        width_in, height_in = (8.5, 11) if self._look.is_letter else (210 / 25.4, 297 / 25.4)
        printed = await send(
            self._browser,
            self._session,
            "Page.printToPDF",
            paperWidth=width_in,
            paperHeight=height_in,
            preferCSSPageSize=False,
            marginTop=14 / 25.4,
            marginBottom=16 / 25.4,
            marginLeft=14 / 25.4,
            marginRight=14 / 25.4,
            printBackground=True,
            generateTaggedPDF=True,
            generateDocumentOutline=True,
            displayHeaderFooter=True,
            headerTemplate="<span></span>",
            footerTemplate=_FOOT.format(escape(self._look.foot)),
            transferMode="ReturnAsStream",
        )
        data = await self._stream(printed["stream"])
        await asyncio.to_thread(path.write_bytes, _dated(data, self._look.created_ms))

    async def _stream(self, handle: str) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            part = await send(self._browser, self._session, "IO.read", handle=handle, size=_PART_BYTES)
            parts.append(base64.b64decode(part["data"]) if part.get("base64Encoded") else part["data"].encode())
            size += len(parts[-1])
            if size > self._limits.file_bytes:
                raise RenderingError(Reason.FILE_LIMIT, "the report would be too large")
            if part["eof"]:
                return b"".join(parts)


@asynccontextmanager
async def reporting(look: ReportLook, directory: Path, tools: Tools, limits: Limits) -> AsyncIterator[Reporting]:
    """Opens the document of a report in a browser of its own while the block runs.

    Args:
        look: How it is printed.
        directory: An existing directory for files of the rendering.
        tools: Programs (`find_tools`).
        limits: Bounds.

    Raises:
        RenderingError: It has failed.
    """
    program = tools.need_browser()
    emulated = {
        "Emulation.setTimezoneOverride": {"timezoneId": look.time_zone},
        "Emulation.setLocaleOverride": {"locale": look.language},
    }
    files = PageFiles(tools.pages)
    async with (
        within(limits),
        scratch_in(directory) as scratch,
        browser(program, scratch, limits, can_step=tools.can_step) as running,
        spooled(scratch / "chunks") as spool,
        tab(running, files, "report.html", _COLUMN_PX, emulated) as session,
    ):
        yield Reporting(running, files, session, spool, look, limits)


def _scaled(viewport: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, LONGEST_PX / max(viewport))
    width, height = viewport
    return max(64, round(width * scale)), max(64, round(height * scale))


def _narrowed(page: tuple[int, int]) -> tuple[int, int]:
    width, height = page
    scale = min(1.0, WIDEST_PAGE_PX / width, HIGHEST_PAGE_PX / height)
    return max(64, round(width * scale)), max(64, round(height * scale))


def _most(one: MissingFiles, other: MissingFiles) -> MissingFiles:
    """Returns the larger of the numbers: tabs of one session miss the same files."""
    return MissingFiles(
        max(one.pictures, other.pictures),
        max(one.fonts, other.fonts),
        max(one.sheets, other.sheets),
        max(one.media, other.media),
    )


def _dated(data: bytes, created_ms: int) -> bytes:
    """Returns a document with another date, of the same length: each attempt makes the same file.

    Chromium names version 1.4, and writes the order of the tab key (`/Tabs`), which is of a later one.
    """
    date = datetime.fromtimestamp(created_ms / 1000, UTC)
    data = data.replace(b"%PDF-1.4", b"%PDF-1.7", 1) if data.startswith(b"%PDF-1.4") else data
    return _DATES.sub(lambda found: f"/{found[1].decode()} (D:{date:%Y%m%d%H%M%S}+00'00')".encode(), data)
