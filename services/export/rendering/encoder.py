"""ffmpeg as a child process that turns pictures into a video."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.export.rendering import guardian, matroska
from services.export.rendering.captions import ffmetadata, web_vtt
from services.export.rendering.errors import Reason, RenderingError
from services.export.rendering.model import Limits, VideoFormat
from services.export.rendering.pictures import Planes, Sprite, planes_of
from services.export.rendering.processes import GuardedProcess, guarded
from services.export.rendering.timeline import Caption

_REPEAT_MS = 2_000
"""A picture is sent again after this time, so that the video can be cut and searched anywhere."""
_KEY_S = 10
_AT_ONCE = 3
"""Pictures that wait for ffmpeg; above it, drawing waits."""
_CPU_S = 24 * 3_600
# From a JPEG's full range to a video's, and to the colours that players expect of HD video. The number of threads is
# part of the result.
_COLOURS = "scale=in_range=pc:in_color_matrix=bt601:out_range=tv:out_color_matrix=bt709,format=yuv420p"
_TAGS = ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
_KEYS = ["-force_key_frames", f"expr:gte(t,n_forced*{_KEY_S})"]
_CODECS = {
    VideoFormat.MP4: [
        *["-vf", _COLOURS, *_TAGS, *_KEYS],
        *["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-threads", "2", "-c:s", "mov_text"],
        *["-movflags", "+faststart", "-video_track_timescale", "1000"],
    ],
    VideoFormat.WEBM: [
        *["-vf", _COLOURS, *_TAGS, *_KEYS],
        *["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "6", "-crf", "30", "-b:v", "0"],
        *["-threads", "2", "-c:s", "webvtt"],
    ],
    # A palette per picture: one for all would have to hold all pictures in memory first.
    VideoFormat.GIF: ["-vf", "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=none"],
}


@dataclass(frozen=True, slots=True)
class _Shown:
    jpeg: bytes | None
    pointer: tuple[Sprite, float, float] | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of a video, in its own time.

    Attributes:
        title: Of the video.
        chapters: One after the other.
        captions: WebVTT.
    """

    title: str
    chapters: str
    captions: str
    has_captions: bool


class Encoder:
    """A running encoder. Pictures are decoded and sent beside the caller's own work, a few at most.

    Args:
        process: ffmpeg.
        output: Its file.
        frame_ms: Duration of the last picture, in milliseconds.
        file_bytes: Maximum size of the file.
    """

    def __init__(self, process: GuardedProcess, output: Path, frame_ms: float, file_bytes: int) -> None:
        self._process = process
        self._output = output
        self._file_bytes = file_bytes
        self._frame_ms = frame_ms
        self._waiting: asyncio.Queue[_Shown | None] = asyncio.Queue(_AT_ONCE)
        self._page: Planes | None = None
        self._last: Planes | None = None
        self._last_ms = -1
        self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def show(self, jpeg: bytes | None, pointer: tuple[Sprite, float, float] | None, at_ms: int) -> None:
        """Shows a picture from a moment of the video on, in milliseconds; those before it last until then.

        Args:
            jpeg: The picture; None: the one before.
            pointer: Laid over the picture: how it looks, and its place.
            at_ms: The moment, later than those before.

        Raises:
            RenderingError: ffmpeg has failed.
        """
        await self._put(_Shown(jpeg, pointer, at_ms))

    async def finish(self, duration_ms: int) -> Path:
        """Ends the video after `duration_ms`; returns its path.

        Raises:
            RenderingError: ffmpeg has failed.
        """
        await self._put(None)
        await self._sending
        end_ms = round(duration_ms - self._frame_ms)
        await self._repeat_until(end_ms)
        # The last picture lasts as long as the one before it.
        for at_ms in (round(duration_ms - 2 * self._frame_ms), end_ms):
            if self._last_ms < at_ms:
                await self._send(at_ms)
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it was started with one
        stdin.close()
        status = await self._process.wait()
        if status != 0 or not self._output.is_file():
            raise self._error()
        return self._output

    async def close(self) -> None:
        """Sends nothing more."""
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)

    async def _put(self, shown: _Shown | None) -> None:
        putting = asyncio.ensure_future(self._waiting.put(shown))
        try:
            await asyncio.wait((putting, self._sending), return_when=asyncio.FIRST_COMPLETED)
            if self._sending.done():
                await self._sending  # raises why it has ended
        finally:
            putting.cancel()

    async def _send_all(self) -> None:
        while (shown := await self._waiting.get()) is not None:
            await self._repeat_until(shown.at_ms)
            if shown.jpeg is not None:
                self._page = await asyncio.to_thread(planes_of, shown.jpeg)
            assert self._page is not None  # noqa: S101 - the first picture is one of the page
            self._last = self._page
            if shown.pointer is not None:
                sprite, x, y = shown.pointer
                self._last = sprite.laid_over(self._page, x, y)
            await self._send(shown.at_ms)

    async def _repeat_until(self, at_ms: int) -> None:
        while self._last is not None and at_ms - self._last_ms > _REPEAT_MS:
            await self._send(self._last_ms + _REPEAT_MS)

    async def _send(self, at_ms: int) -> None:
        stdin, picture = self._process.stdin, self._last
        assert stdin is not None and picture is not None  # noqa: S101, PT018 - it was started with one
        self._last_ms = at_ms
        try:
            stdin.write(matroska.picture_header(picture.size_bytes, at_ms))
            for plane in (picture.luma, picture.blue, picture.red):
                stdin.write(plane.tobytes())
            await stdin.drain()
        except (OSError, RuntimeError):
            # It has closed its input: its message about the reason comes first.
            await self._process.wait()
            raise self._error() from None

    def _error(self) -> RenderingError:
        said = self._process.stderr
        if "File too large" in said:
            return RenderingError(Reason.FILE_LIMIT, f"the video would have more than {self._file_bytes:,} bytes")
        if "No space left on device" in said:
            return RenderingError(Reason.DISK_FULL, "no space is left on the disk for the video")
        if self._process.returncode == guardian.OUT_OF_MEMORY:
            return RenderingError(Reason.MEMORY_LIMIT, "ffmpeg needs more memory than a rendering may use")
        last = said.splitlines()[-1] if said else "without a message"
        return RenderingError(Reason.ENCODER_FAILED, f"ffmpeg ended with status {self._process.returncode}: {last}")


@asynccontextmanager
async def encoder(
    ffmpeg: Path,
    scratch: Path,
    video_format: VideoFormat,
    size: tuple[int, int],
    fps: int,
    texts: Texts,
    limits: Limits,
) -> AsyncIterator[Encoder]:
    """Runs ffmpeg while the block runs; it writes into `scratch`."""
    output = scratch / f"video.{video_format}"
    argv = [str(ffmpeg), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-f", "matroska", "-i", "pipe:0"]
    mapped = ["-map", "0:v"]
    if video_format is not VideoFormat.GIF:
        chapters, captions = scratch / "chapters.txt", scratch / "captions.vtt"
        await asyncio.to_thread(chapters.write_text, texts.chapters)
        await asyncio.to_thread(captions.write_text, texts.captions)
        argv += ["-f", "ffmetadata", "-i", str(chapters)]
        mapped += ["-map_metadata:g", "1:g", "-map_chapters", "1"]
        if texts.has_captions:
            argv += ["-f", "webvtt", "-i", str(captions)]
            mapped += ["-map", "2:s", "-metadata:s:s:0", "language=eng", "-disposition:s:0", "0"]
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-fps_mode", "passthrough"]
    argv += [*mapped, *_CODECS[video_format], *exact, str(output)]
    async with guarded(
        argv,
        environment={"PATH": "/usr/bin:/bin", "HOME": str(scratch), "TMPDIR": str(scratch)},
        memory_bytes=limits.memory_bytes,
        file_bytes=limits.file_bytes,
        cpu_s=_CPU_S,
        has_stdin=True,
    ) as process:
        running = Encoder(process, output, 1000 / fps, limits.file_bytes)
        assert process.stdin is not None  # noqa: S101 - it was started with one
        process.stdin.write(matroska.stream_header(*size, 1000 / fps))
        try:
            yield running
        finally:
            await running.close()


def texts_of(title: str, chapters: Sequence[Caption], captions: Sequence[Caption]) -> Texts:
    """Returns the texts of a video in the forms that ffmpeg reads."""
    return Texts(title, ffmetadata(chapters, title), web_vtt(captions), bool(captions))
