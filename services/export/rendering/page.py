"""The page that draws a recording (sidecar/web/console/src/render), in a browser."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from services.export.rendering.browser import Browser
from services.export.rendering.errors import Reason, RenderingError
from services.export.rendering.model import MissingFiles, Overlay, PageView
from services.export.rendering.page_files import PageFiles
from services.export.rendering.pictures import SPRITE_PX, Sprite
from services.export.rendering.spool import Spooled
from services.export.rendering.tab import call, send, tab
from services.export.rendering.timeline import Caption

JPEG_QUALITY = 95
_FIRST_TICK_MS = 1e12
_LEAST_TICK_MS = 0.01
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Stepped:
    """State of the page after a step: see renderPage.ts."""

    is_changed: bool
    is_animating: bool
    pointer: tuple[float, float, float] | None
    next_ms: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Spans to be shown, (window, from, to), and skipped pauses, (from, to)."""

    spans: list[tuple[str, int, int]]
    pauses: list[tuple[int, int]]


class RenderPage:
    """An open page. Each method raises RenderingError if the browser fails."""

    def __init__(self, browser: Browser, session: str, size: tuple[int, int], frame_ms: float) -> None:
        self._browser = browser
        self._session = session
        self._size = size
        self._frame_ms = frame_ms
        self._origin_ms: int | None = None
        self._tick_ms = _FIRST_TICK_MS
        self._is_after_shot = False

    async def read(self, chunk: Spooled, payload: bytes, start_ms: int) -> tuple[int, int] | None:
        """Reads the content of a chunk for the plan; returns the first viewport in it."""
        size = await self._call("read", given(chunk, payload), start_ms)
        return None if size is None else (int(size["width"]), int(size["height"]))

    async def plan(self, windows: dict[str, int], from_ms: int, to_ms: int, *, skip_pauses: bool) -> Plan:
        """Returns the spans to show, by the chunks that were read."""
        request = {
            "fromMs": from_ms,
            "toMs": to_ms,
            "windows": [{"windowId": window_id, "fromMs": at_ms} for window_id, at_ms in windows.items()],
            "skipsPauses": skip_pauses,
        }
        found = await self._call("plan", request)
        return Plan(
            [(span["windowId"], int(span["fromMs"]), int(span["toMs"])) for span in found["spans"]],
            [(int(pause["fromMs"]), int(pause["toMs"])) for pause in found["pauses"]],
        )

    async def lay(
        self,
        overlay: Overlay,
        start_ms: int,
        end_ms: int,
        pages: Sequence[PageView],
        captions: Sequence[Caption],
        notes: Sequence[Caption],
        *,
        is_pointer_apart: bool,
        watermark: str = "",
    ) -> None:
        """Sets the contents of the overlay.

        Args:
            overlay: The parts of it.
            start_ms: The session's first moment.
            end_ms: Its last one.
            pages: Addresses, in the order of time.
            captions: Texts of findings, in the session's time.
            notes: Texts about skipped pauses.
            is_pointer_apart: Whether the pointer is laid over the pictures later, while it only moves.
            watermark: Text over the whole picture; "": none.
        """
        contents = {
            "parts": asdict(overlay),
            "startMs": start_ms,
            "endMs": end_ms,
            "pages": [{"windowId": page.window_id, "fromMs": page.open_ms, "url": page.url} for page in pages],
            "captions": [_caption(each) for each in captions],
            "notes": [_caption(each) for each in notes],
            "watermark": watermark,
        }
        await self._call("lay", contents, is_pointer_apart)

    async def show_whole(self, size: tuple[int, int]) -> None:
        """Shows the whole page of this size, in CSS pixels of it, instead of the visitor's viewport."""
        await self._call("showWhole", *size)

    async def sprite(self, scale: float) -> Sprite:
        """Returns how the pointer looks where a CSS pixel of the recorded page is `scale` pixels of the picture."""
        apart = math.ceil(SPRITE_PX * scale)
        on_white, on_black = [await self._pointer_on(color, scale, apart) for color in ("white", "black")]
        await self._call("showPointer", None, scale, apart)
        return await asyncio.to_thread(Sprite, on_white, on_black, apart)

    async def _pointer_on(self, color: str, scale: float, apart: int) -> bytes:
        await self._call("showPointer", color, scale, apart)
        return await self.shot("png")

    async def enter(self, window_id: str, chunks: Sequence[tuple[Spooled, bytes]], at_ms: int) -> int:
        """Shows a window from a moment on; returns the bytes of JSON of the chunks."""
        handed = [given(chunk, payload) for chunk, payload in chunks]
        return int(await self._call("enter", window_id, handed, at_ms))

    async def append(self, chunk: Spooled, payload: bytes) -> int:
        """Adds a chunk to the window that is shown; returns its bytes of JSON."""
        return int(await self._call("append", given(chunk, payload)))

    async def step(self, at_ms: int) -> Stepped:
        """Goes on to a moment."""
        if self._is_after_shot:
            # The frame after one with a picture counts as different from it.
            await self._send("HeadlessExperimental.beginFrame", **self._frame())
            self._is_after_shot = False
        if self._origin_ms is None:
            self._origin_ms = at_ms
        self._tick_ms = max(self._tick_ms + _LEAST_TICK_MS, _FIRST_TICK_MS + at_ms - self._origin_ms)
        found = await self._call("step", at_ms)
        next_ms = float("inf") if found["nextMs"] is None else float(found["nextMs"])
        place = found["pointer"]
        pointer = None if place is None else (float(place["x"]), float(place["y"]), float(place["scale"]))
        return Stepped(found["isChanged"], found["isAnimating"], pointer, next_ms)

    async def moves(self) -> bool:
        """Draws a frame; returns whether it differs from the one before."""
        if not self._browser.can_step:
            return True
        drawn = await self._send("HeadlessExperimental.beginFrame", **self._frame())
        self._tick_ms += _LEAST_TICK_MS
        return bool(drawn["hasDamage"])

    async def shot(self, image_format: str = "jpeg") -> bytes:
        """Draws a frame and returns its picture: "jpeg" or "png"."""
        how: dict[str, Any] = {"format": image_format, "optimizeForSpeed": image_format == "jpeg"}
        if image_format == "jpeg":
            how["quality"] = JPEG_QUALITY
        if not self._browser.can_step:
            return base64.b64decode((await self._send("Page.captureScreenshot", **how))["data"])
        for _ in range(_TRIES):
            drawn = await self._send("HeadlessExperimental.beginFrame", **self._frame(), screenshot=how)
            self._tick_ms += _LEAST_TICK_MS
            self._is_after_shot = True
            # The first frames of a page may have no picture yet.
            if data := drawn.get("screenshotData"):
                return base64.b64decode(data)
        raise RenderingError(Reason.BROWSER_FAILED, "the browser gave no picture of the page")

    async def report(self) -> tuple[MissingFiles, int]:
        """Returns the files that are missing up to now, and the number of events and chunks that were left out."""
        found = await self._call("report")
        missing = {name: int(found["missing"][name]) for name in ("pictures", "fonts", "sheets", "media")}
        return MissingFiles(**missing), int(found["leftOut"])

    def _frame(self) -> dict[str, float]:
        return {"frameTimeTicks": self._tick_ms, "interval": self._frame_ms}

    async def _call(self, method: str, /, *arguments: Any) -> Any:
        return await call(self._browser, self._session, f"afterimageRender.{method}", *arguments)

    async def _send(self, method: str, /, **params: Any) -> dict[str, Any]:
        return await send(self._browser, self._session, method, **params)


@asynccontextmanager
async def render_page(
    browser: Browser, files: PageFiles, size: tuple[int, int], frame_ms: float
) -> AsyncIterator[RenderPage]:
    """Opens a page of the given size in a tab of its own.

    Args:
        browser: A running browser.
        files: The page's files.
        size: Width and height in pixels.
        frame_ms: Time between two frames.
    """
    async with tab(browser, files, "render.html", size) as session:
        yield RenderPage(browser, session, size, frame_ms)


def given(chunk: Spooled, payload: bytes) -> dict[str, Any]:
    """Returns a chunk as the pages take it: GivenChunk of renderPage.ts."""
    return {
        "windowId": chunk.window_id,
        "seq": chunk.seq,
        "firstMs": chunk.first_ms,
        "lastMs": chunk.last_ms,
        "isGzip": chunk.is_gzip,
        "payload": base64.b64encode(payload).decode(),
    }


def _caption(caption: Caption) -> dict[str, Any]:
    return {"fromMs": caption.from_ms, "toMs": caption.to_ms, "text": caption.text}
