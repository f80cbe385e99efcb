"""From a recording to files: a video, or a picture of a moment."""

from __future__ import annotations

import asyncio
import errno
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from services.export.rendering.browser import Browser, browser
from services.export.rendering.encoder import Encoder, encoder, texts_of
from services.export.rendering.errors import Reason, RenderingError
from services.export.rendering.model import (
    Chunk,
    Limits,
    OnProgress,
    Overlay,
    PictureOptions,
    Progress,
    Recording,
    RenderedPicture,
    RenderedVideo,
    VideoOptions,
)
from services.export.rendering.page import Plan, RenderPage, Stepped, render_page
from services.export.rendering.page_files import PageFiles
from services.export.rendering.pictures import Sprite
from services.export.rendering.spool import Spool, Spooled, spooled
from services.export.rendering.timeline import Timeline
from services.export.rendering.tools import Tools

BAR_PX = 36
"""Height of the overlay's bar in pixels (overlay.ts)."""
LONGEST_PX = 1_920
"""Longest side of a video in the size of the visitor's viewport; larger viewports are scaled down."""
_USUAL_VIEWPORT = (1280, 720)
_LEAST_PX, _MOST_PX = 64, 3_840
_AHEAD_MS = 10_000
"""Events are handed to the page this long before their moment."""
_STAGE_BYTES = 48 << 20
"""JSON of events that the page holds, above which it begins anew at the next full snapshot."""
_TELL_S = 0.2
_SPRITES = 16
"""Looks of the pointer that are kept: one for each size of the visitor's viewport."""
DEFAULT_LIMITS = Limits()


def _ignored(_progress: Progress) -> None:
    pass


async def render_video(
    recording: Recording,
    chunks: AsyncIterator[Chunk],
    options: VideoOptions,
    directory: Path,
    tools: Tools,
    *,
    limits: Limits = DEFAULT_LIMITS,
    on_progress: OnProgress = _ignored,
    title: str = "",
) -> RenderedVideo:
    """Renders a video into `directory`: `video.mp4` (or .webm, .gif) and `captions.vtt`.

    May be cancelled at any time: within a second no process and no file of it is left. The same recording and options
    give the same bytes on machines with the same browser, fonts and ffmpeg.

    Args:
        recording: The session.
        chunks: All of its chunks up to `options.to_ms`, those of a window in the order of `seq`.
        options: How.
        directory: An existing directory; files are there only when they are whole.
        tools: Programs (`find_tools`).
        limits: Bounds.
        on_progress: Called some times per second.
        title: Of the video; empty: none.

    Raises:
        RenderingError: It has failed.
    """
    program, ffmpeg = tools.need_browser(), tools.need_ffmpeg()
    first_ms, last_ms = _range_of(recording, options)
    async with (
        within(limits),
        scratch_in(directory) as scratch,
        browser(program, scratch, limits, can_step=tools.can_step) as running,
        spooled(scratch / "chunks") as spool,
    ):
        files = PageFiles(tools.pages)
        wanted = (first_ms, last_ms)
        read = await _read(recording, chunks, running, files, spool, wanted, skip_pauses=options.skip_pauses)
        frame_ms = 1000 / options.fps
        spans = read.plan.spans or [(next(iter(read.spool.windows())), first_ms, max(last_ms, first_ms + 1))]
        timeline = Timeline(spans, read.plan.pauses, frame_ms)
        frames = max(1, round(timeline.duration_ms / frame_ms))
        if frames > limits.frames:
            raise RenderingError(
                Reason.TOO_LONG, f"the video would have {frames} frames; at most {limits.frames} are made"
            )
        size = video_size(read.viewport, options.width, options.height, options.overlay)
        captions = timeline.captions(recording.findings)
        texts = texts_of(
            title,
            timeline.chapters(recording.pages),
            timeline.in_video(sorted([*captions, *timeline.notes], key=lambda each: each.from_ms)),
        )
        async with (
            render_page(running, files, size, frame_ms) as page,
            encoder(ffmpeg, scratch, options.format, size, options.fps, texts, limits) as encoding,
        ):
            await page.lay(
                options.overlay,
                recording.start_ms,
                recording.end_ms,
                recording.pages,
                captions,
                timeline.notes,
                is_pointer_apart=True,
                watermark=options.watermark,
            )
            drawing = _Drawing(page, encoding, read.spool, timeline, frames, frame_ms, on_progress)
            await drawing.all()
            missing, left_out = await page.report()
            duration_ms = round(frames * frame_ms)
            video = await encoding.finish(duration_ms)
        beside = scratch / "captions.vtt"
        await asyncio.to_thread(beside.write_text, texts.captions)
        handed_over = _hand_over((video, beside), directory)
        return RenderedVideo(
            video=handed_over[0],
            captions=handed_over[1],
            width=size[0],
            height=size[1],
            duration_ms=duration_ms,
            frames=frames,
            drawn=drawing.drawn,
            skipped_ms=timeline.skipped_ms,
            missing=missing,
            left_out=read.left_out + left_out,
        )


async def render_picture(
    recording: Recording,
    chunks: AsyncIterator[Chunk],
    options: PictureOptions,
    directory: Path,
    tools: Tools,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> RenderedPicture:
    """Renders `picture.png` into `directory`: a moment, as the player shows it.

    Args:
        recording: The session.
        chunks: As for `render_video`; those after the moment are not needed.
        options: Which moment, and how.
        directory: An existing directory; the file is there only when it is whole.
        tools: Programs (`find_tools`).
        limits: Bounds.

    Raises:
        RenderingError: It has failed.
    """
    program = tools.need_browser()
    at_ms = options.at_ms
    if not recording.start_ms <= at_ms <= recording.end_ms:
        raise RenderingError(Reason.OUT_OF_RANGE, "the moment is not in the session")
    async with (
        within(limits),
        scratch_in(directory) as scratch,
        browser(program, scratch, limits, can_step=tools.can_step) as running,
        spooled(scratch / "chunks") as spool,
    ):
        files = PageFiles(tools.pages)
        whole = (recording.start_ms, recording.end_ms + 1)
        read = await _read(recording, chunks, running, files, spool, whole, skip_pauses=False)
        window_id = options.window_id or _window_at(read, at_ms)
        size = picture_size(read.viewports.get(window_id, read.viewport), options)
        async with render_page(running, files, size, 100.0) as page:
            captions = Timeline([(window_id, *whole)], (), 1).captions(recording.findings)
            await page.lay(
                options.overlay,
                recording.start_ms,
                recording.end_ms,
                recording.pages,
                captions,
                (),
                is_pointer_apart=False,
            )
            png = scratch / "picture.png"
            await asyncio.to_thread(png.write_bytes, await draw_moment(page, read.spool, window_id, at_ms, "png"))
            missing, left_out = await page.report()
        (picture,) = _hand_over((png,), directory)
        return RenderedPicture(picture, *size, missing, read.left_out + left_out)


async def draw_moment(page: RenderPage, spool: Spool, window_id: str, at_ms: int, image_format: str) -> bytes:
    """Returns the picture of a window at a moment: "jpeg" or "png". Raises RenderingError."""
    chosen = [chunk for chunk in spool.chunks_from(window_id, at_ms) if chunk.first_ms <= at_ms]
    first = chosen or spool.chunks_from(window_id, at_ms)[:2]
    await page.enter(window_id, [(chunk, spool.read(chunk)) for chunk in first], at_ms)
    await page.step(at_ms)
    await page.shot(image_format)  # transitions and pictures begin with a first frame
    await page.step(at_ms)
    return await page.shot(image_format)


def video_size(viewport: tuple[int, int], width: int | None, height: int | None, overlay: Overlay) -> tuple[int, int]:
    """Returns the size of a video: even, as H.264 with 4:2:0 needs it."""
    wide, high = _size(viewport, width, height, overlay)
    return wide + wide % 2, high + high % 2


def picture_size(viewport: tuple[int, int], options: PictureOptions) -> tuple[int, int]:
    """Returns the size of a picture."""
    return _size(viewport, options.width, options.height, options.overlay)


def _size(viewport: tuple[int, int], width: int | None, height: int | None, overlay: Overlay) -> tuple[int, int]:
    bar = BAR_PX if overlay.has_bar else 0
    page_width, page_height = viewport
    if width is not None:
        scale = width / page_width
    elif height is not None:
        scale = max(1, height - bar) / page_height
    else:
        scale = min(1.0, LONGEST_PX / max(viewport))
    return (
        _bounded(width or round(page_width * scale)),
        _bounded(height or round(page_height * scale) + bar),
    )


def _bounded(pixels: int) -> int:
    return min(max(pixels, _LEAST_PX), _MOST_PX)


@dataclass(frozen=True, slots=True)
class _Read:
    spool: Spool
    plan: Plan
    viewport: tuple[int, int]
    viewports: dict[str, tuple[int, int]]
    left_out: int


async def _read(
    recording: Recording,
    chunks: AsyncIterator[Chunk],
    running: Browser,
    files: PageFiles,
    spool: Spool,
    span: tuple[int, int],
    *,
    skip_pauses: bool,
) -> _Read:
    """Puts all chunks on disk, and plans the video: in a tab of its own, which frees its memory."""
    viewports: dict[str, tuple[int, int]] = {}
    async with render_page(running, files, _USUAL_VIEWPORT, 100.0) as page:
        async for chunk in chunks:
            if not await spool.add(chunk):
                continue
            added = spool.last_of(chunk.window_id)
            if (size := await page.read(added, chunk.payload, recording.start_ms)) is not None:
                viewports.setdefault(chunk.window_id, size)
        if not spool.has_full_snapshot:
            raise RenderingError(Reason.NO_PICTURE, "the recording has no full snapshot: there is nothing to show")
        opened = {window.window_id: window.start_ms for window in recording.windows}
        windows = {window_id: opened.get(window_id, at_ms) for window_id, at_ms in spool.windows().items()}
        plan = await page.plan(windows, *span, skip_pauses=skip_pauses)
        _, left_out = await page.report()
    shown = (viewports[window_id] for window_id, *_ in plan.spans if window_id in viewports)
    viewport = next(shown, next(iter(viewports.values()), _USUAL_VIEWPORT))
    return _Read(spool, plan, viewport, viewports, left_out)


class _Drawing:
    """Draws the frames of a video in their order."""

    def __init__(
        self,
        page: RenderPage,
        encoding: Encoder,
        spool: Spool,
        timeline: Timeline,
        frames: int,
        frame_ms: float,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._page = page
        self._encoding = encoding
        self._spool = spool
        self._timeline = timeline
        self._frames = frames
        self._frame_ms = frame_ms
        self._on_progress = on_progress
        self._began = self._told = time.monotonic()
        self._window_id = ""
        self._coming: list[Spooled] = []
        self._json_bytes = 0
        self._last = b""
        self._pointer: tuple[Sprite, float, float] | None = None
        self._sprites: dict[float, Sprite] = {}
        self.drawn = 0

    async def all(self) -> None:
        """Draws all frames."""
        is_animating, next_ms = True, 0.0
        for number in range(self._frames):
            video_ms = number * self._frame_ms
            span = self._timeline.span_at(video_ms)
            at_ms = self._timeline.session_ms(video_ms)
            if span.window_id != self._window_id:
                await self._enter(span.window_id, at_ms)
                next_ms = 0
            elif fed_ms := await self._feed(at_ms):
                next_ms = min(next_ms, fed_ms)
            if is_animating or at_ms >= next_ms:
                stepped = await self._page.step(at_ms)
                is_animating, next_ms = stepped.is_animating, stepped.next_ms
                await self._show(stepped, round(video_ms))
            self._tell(number + 1)

    async def _show(self, stepped: Stepped, video_ms: int) -> None:
        pointer = None
        if stepped.pointer is not None:
            x, y, scale = stepped.pointer
            if scale not in self._sprites:
                if len(self._sprites) >= _SPRITES:
                    self._sprites.clear()
                self._sprites[scale] = await self._page.sprite(scale)
            pointer = (self._sprites[scale], x, y)
        jpeg = await self._page.shot() if stepped.is_changed or await self._page.moves() else self._last
        if (jpeg, pointer) != (self._last, self._pointer):
            await self._encoding.show(None if jpeg is self._last else jpeg, pointer, video_ms)
            self._last, self._pointer = jpeg, pointer
            self.drawn += 1

    async def _enter(self, window_id: str, at_ms: int) -> None:
        self._window_id = window_id
        chunks = self._spool.chunks_from(window_id, at_ms)
        # The snapshot itself may be in the second one.
        first = [chunk for number, chunk in enumerate(chunks) if number < 2 or chunk.first_ms <= at_ms + _AHEAD_MS]
        self._coming = chunks[len(first) :]
        given = [(chunk, self._spool.read(chunk)) for chunk in first]
        self._json_bytes = await self._page.enter(window_id, given, at_ms)

    async def _feed(self, at_ms: int) -> int | None:
        """Hands over the chunks that come soon; returns the first moment of them."""
        first_ms = None
        while self._coming and self._coming[0].first_ms <= at_ms + _AHEAD_MS:
            chunk = self._coming[0]
            if chunk.has_full_snapshot and self._json_bytes > _STAGE_BYTES:
                if chunk.last_ms > at_ms:
                    break  # begun anew when the snapshot is surely there
                await self._enter(self._window_id, at_ms)
                return at_ms
            self._coming.pop(0)
            self._json_bytes += await self._page.append(chunk, self._spool.read(chunk))
            first_ms = chunk.first_ms if first_ms is None else first_ms
        return first_ms

    def _tell(self, done: int) -> None:
        now = time.monotonic()
        if now - self._told < _TELL_S and done < self._frames:
            return
        self._told = now
        left_s = (now - self._began) / done * (self._frames - done)
        self._on_progress(Progress(done, self._frames, left_s))


def _range_of(recording: Recording, options: VideoOptions) -> tuple[int, int]:
    first_ms = max(recording.start_ms, recording.start_ms if options.from_ms is None else options.from_ms)
    last_ms = min(recording.end_ms, recording.end_ms if options.to_ms is None else options.to_ms)
    if first_ms > last_ms:
        raise RenderingError(Reason.OUT_OF_RANGE, "the range is not in the session")
    return first_ms, last_ms


def _window_at(read: _Read, at_ms: int) -> str:
    for window_id, from_ms, to_ms in read.plan.spans:
        if from_ms <= at_ms < to_ms:
            return window_id
    return read.plan.spans[-1][0] if read.plan.spans else next(iter(read.spool.windows()))


def _hand_over(paths: Sequence[Path], directory: Path) -> list[Path]:
    """Moves finished files to where they are wanted."""
    return [path.rename(directory / path.name) for path in paths]


@asynccontextmanager
async def within(limits: Limits) -> AsyncIterator[None]:
    """Bounds the time of the block; raises a full disk as that."""
    try:
        async with asyncio.timeout(limits.time_s):
            yield
    except TimeoutError as error:
        raise RenderingError(Reason.TIME_LIMIT, f"the rendering took longer than {limits.time_s:.0f} s") from error
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        raise RenderingError(Reason.DISK_FULL, "no space is left on the disk for the rendering") from error


@asynccontextmanager
async def scratch_in(directory: Path) -> AsyncIterator[Path]:
    """Yields a new directory, which is deleted after the block."""
    scratch = Path(tempfile.mkdtemp(prefix=".rendering-", dir=directory))
    try:
        yield scratch
    finally:
        with suppress(OSError):
            shutil.rmtree(scratch)
