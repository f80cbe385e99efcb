"""Draws heatmaps as PNG files, for viewing without the web console."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from services.audit.behaviour.heatmap import BANDS, Heatmap, HeatmapKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from services.audit.behaviour.heatmap import HeatmapPoint

DEFAULT_WIDTH = 960
MIN_WIDTH, MAX_WIDTH = 320, 4_096
MAX_HEIGHT = 16_384
"""Maximum height in pixels; most image viewers have this limit."""

LEGEND_HEIGHT = 64
MARGIN = 16

_BLANK_PAGE = (1_280, 2_400)
"""Page size used if the real one is unknown."""

_PAPER, _INK, _FAINT, _RULE = (255, 255, 255), (32, 36, 44), (120, 126, 136), (222, 226, 232)
_SCALE = np.linspace(0.0, 1.0, 256)
_STOPS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
_COLOURS = np.array([(48, 72, 190), (36, 170, 200), (120, 200, 80), (250, 200, 40), (215, 48, 39)])
"""Cold to hot, each step lighter or warmer than the previous one: readable with red-green colour blindness."""


@dataclass(frozen=True, slots=True)
class PictureStyle:
    """Style of a drawn heatmap.

    Attributes:
        width: Width of the picture in pixels, clamped to MIN_WIDTH and MAX_WIDTH.
        background: A picture of the page; None: a blank page with a rule at every tenth of its height.
        title: First line of the legend.
    """

    width: int = DEFAULT_WIDTH
    background: Path | None = None
    title: str = ""


def draw_heatmap(heatmap: Heatmap, kind: HeatmapKind, style: PictureStyle) -> bytes:
    """Returns the heatmap over a page, with a legend above it, as PNG.

    Raises:
        OSError: If the background cannot be read or is not a picture.
    """
    page = _page(heatmap.counted.page_size, style)
    page = _blend(page, _intensities(heatmap.points, heatmap.resolution, kind, page.size))
    picture = Image.new("RGB", (page.width, page.height + LEGEND_HEIGHT), _PAPER)
    picture.paste(page, (0, LEGEND_HEIGHT))
    _draw_legend(ImageDraw.Draw(picture), heatmap, kind, style.title, page.width)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _page(page_size: tuple[int, int], style: PictureStyle) -> Image.Image:
    width = min(max(style.width, MIN_WIDTH), MAX_WIDTH)
    if style.background is not None:
        with Image.open(style.background) as file:
            background = file.convert("RGB")
        height = min(max(round(background.height * width / background.width), 1), MAX_HEIGHT)
        return background.resize((width, height), Image.Resampling.LANCZOS)
    page_width, page_height = page_size if all(page_size) else _BLANK_PAGE
    height = min(max(round(page_height * width / page_width), 1), MAX_HEIGHT)
    page = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    for tenth in range(10):
        y = height * tenth // 10
        draw.line([(0, y), (width, y)], fill=_RULE)
        draw.text((MARGIN, y + 2), f"{tenth * 10} %", fill=_FAINT, font=font)
    return page


def _intensities(
    points: Sequence[HeatmapPoint], resolution: int, kind: HeatmapKind, size: tuple[int, int]
) -> Image.Image:
    """Returns the points as a greyscale picture of the page's size, interpolated between cells."""
    grid = np.zeros((resolution, 1 if kind in BANDS else resolution), dtype=np.float32)
    for point in points:
        row = min(int(point.y_percent * resolution / 100), resolution - 1)
        column = 0 if kind in BANDS else min(int(point.x_percent * resolution / 100), resolution - 1)
        grid[row, column] = max(grid[row, column], point.intensity)
    smooth = Image.Resampling.NEAREST if kind in BANDS else Image.Resampling.BICUBIC
    # Enlarged before rounding: otherwise the cold fringes would show steps.
    enlarged = np.asarray(Image.fromarray(grid).resize(size, smooth))
    return Image.fromarray((np.clip(enlarged, 0.0, 1.0) * 255).astype(np.uint8))


def _blend(page: Image.Image, intensities: Image.Image) -> Image.Image:
    """Returns the page with the colours over it; colder colours are more transparent."""
    opacity = (0.5 + 0.35 * _SCALE) * np.minimum(_SCALE / 0.03, 1.0)
    mask = intensities.point([round(255 * part) for part in opacity.tolist()])
    intensities.putpalette(_palette().tobytes())
    return Image.composite(intensities.convert("RGB"), page, mask)


def _palette() -> npt.NDArray[np.uint8]:
    """Returns the colour of each of the 256 intensities."""
    channels = [np.interp(_SCALE, _STOPS, _COLOURS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _draw_legend(draw: ImageDraw.ImageDraw, heatmap: Heatmap, kind: HeatmapKind, title: str, width: int) -> None:
    font, small = ImageFont.load_default(16), ImageFont.load_default(12)
    bar = min(240, width // 3)
    left = width - MARGIN - bar
    room = left - 2 * MARGIN
    draw.text((MARGIN, 10), _fitted(title or kind.name.lower(), font, room), fill=_INK, font=font)
    draw.text((MARGIN, 36), _fitted(_summary(heatmap, kind), small, room), fill=_INK, font=small)
    palette = _palette().tolist()
    for x in range(bar):
        draw.line([(left + x, 14), (left + x, 30)], fill=tuple(palette[x * 255 // (bar - 1)]))
    cold, hot = _ends(heatmap, kind)
    draw.text((left, 36), cold, fill=_INK, font=small)
    draw.text((left + bar - small.getlength(hot), 36), hot, fill=_INK, font=small)
    draw.line([(0, LEGEND_HEIGHT - 1), (width, LEGEND_HEIGHT - 1)], fill=_RULE)


def _summary(heatmap: Heatmap, kind: HeatmapKind) -> str:
    counted = heatmap.counted
    if not heatmap.points:
        return "no samples"
    unit = "page views" if kind is HeatmapKind.SCROLL else "samples"
    samples = f"{counted.samples / 1000:,.1f} s" if kind is HeatmapKind.ATTENTION else f"{counted.samples:,} {unit}"
    width, height = counted.page_size
    words = f"{samples}, {counted.sessions:,} sessions, page {width} x {height}"
    if counted.estimated:
        words += f", {counted.estimated:,} of estimated size"
    return words


def _ends(heatmap: Heatmap, kind: HeatmapKind) -> tuple[str, str]:
    """Returns the labels of the cold and the hot end of the scale."""
    hottest = max((point.count for point in heatmap.points), default=0)
    if kind is HeatmapKind.SCROLL:
        return "0 %", "100 % of views"
    if kind is HeatmapKind.ATTENTION:
        return "0 s", f"{hottest / 1000:,.1f} s"
    return "0", f"{hottest:,} in a cell"


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    """Returns the text, truncated with an ellipsis if it does not fit."""
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "...") > room:
        text = text[:-1]
    return text + "..."
