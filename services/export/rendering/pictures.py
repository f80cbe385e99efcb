"""Pictures as ffmpeg takes them, and the pointer that is laid over them.

Most frames of a recording differ only in the place of the pointer. It is laid over the last picture of the page here,
which costs a fiftieth of another picture from the browser.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SPRITE_PX = 48
"""Space around the pointer's own place in its pictures, at scale 1."""

Plane = NDArray[np.uint8]
_Layer = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture: luma, and chroma of half the width and height, in the full range of JPEG (BT.601)."""

    luma: Plane
    blue: Plane
    red: Plane

    @property
    def size_bytes(self) -> int:
        """Bytes of all planes together."""
        return self.luma.size + self.blue.size + self.red.size


def planes_of(jpeg: bytes) -> Planes:
    """Returns a JPEG's picture; its width and height are even."""
    with Image.open(io.BytesIO(jpeg)) as image:
        image.draft("YCbCr", image.size)
        luma, blue, red = image.convert("YCbCr").split()
    return Planes(np.asarray(luma), np.asarray(blue.reduce(2)), np.asarray(red.reduce(2)))


@dataclass(frozen=True, slots=True)
class _Parts:
    """A sprite at one parity of its place: weights of the picture below, and the layers added to it."""

    kept: _Layer
    luma: _Layer
    kept_chroma: _Layer
    blue: _Layer
    red: _Layer


class Sprite:
    """The pointer with its transparency.

    Args:
        on_white: PNG of it on white; its own place is `apart` pixels from the left and the top edge.
        on_black: The same on black.
        apart: That distance.
    """

    def __init__(self, on_white: bytes, on_black: bytes, apart: int) -> None:
        white, black = (_corner(png, 2 * apart + 2 * apart % 2) for png in (on_white, on_black))
        opacity = 1 - np.clip((white - black).mean(axis=2) / 255, 0, 1)
        # The picture on black is colour times opacity.
        weights = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
        luma, blue, red = np.moveaxis(black @ weights.T, 2, 0)
        self._apart = apart
        self._parts = {
            (x, y): _parts(opacity, luma, blue + 128 * opacity, red + 128 * opacity, x, y)
            for x in (0, 1)
            for y in (0, 1)
        }

    def laid_over(self, picture: Planes, x: float, y: float) -> Planes:
        """Returns a picture with the pointer at a place, in pixels."""
        left, top = round(x) - self._apart, round(y) - self._apart
        parts = self._parts[left % 2, top % 2]
        left, top = left - left % 2, top - top % 2
        return Planes(
            _laid(picture.luma, parts.kept, parts.luma, left, top),
            _laid(picture.blue, parts.kept_chroma, parts.blue, left // 2, top // 2),
            _laid(picture.red, parts.kept_chroma, parts.red, left // 2, top // 2),
        )


def _corner(png: bytes, size: int) -> _Layer:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB").crop((0, 0, size, size)), dtype=np.float32)


def _parts(opacity: _Layer, luma: _Layer, blue: _Layer, red: _Layer, x: int, y: int) -> _Parts:
    """Returns the layers moved by x and y, so that they begin at an even place."""

    def moved(layer: _Layer) -> _Layer:
        height, width = layer.shape
        padded = np.pad(layer, ((y, 2 - y - height % 2), (x, 2 - x - width % 2)))
        return np.asarray(padded, dtype=np.float32)

    def halved(layer: _Layer) -> _Layer:
        wide = moved(layer)
        mean = wide.reshape(wide.shape[0] // 2, 2, wide.shape[1] // 2, 2).mean(axis=(1, 3))
        return np.asarray(mean, dtype=np.float32)

    return _Parts(1 - moved(opacity), moved(luma), 1 - halved(opacity), halved(blue), halved(red))


def _laid(plane: Plane, kept: _Layer, added: _Layer, left: int, top: int) -> Plane:
    height, width = plane.shape
    first_x, first_y = max(left, 0), max(top, 0)
    last_x, last_y = min(left + kept.shape[1], width), min(top + kept.shape[0], height)
    if first_x >= last_x or first_y >= last_y:
        return plane
    part = np.s_[first_y - top : last_y - top, first_x - left : last_x - left]
    result = plane.copy()
    below = plane[first_y:last_y, first_x:last_x]
    result[first_y:last_y, first_x:last_x] = np.clip(np.rint(below * kept[part] + added[part]), 0, 255).astype(np.uint8)
    return result
