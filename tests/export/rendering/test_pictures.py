"""The pointer that is laid over pictures, beside Pillow's own composition."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from services.export.rendering.pictures import Sprite, planes_of

APART = 20


def png(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def jpeg(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=100, subsampling=0)
    return file.getvalue()


def pointer():
    image = Image.new("RGBA", (2 * APART, 2 * APART))
    draw = ImageDraw.Draw(image)
    draw.ellipse((4, 4, 30, 30), fill=(70, 80, 250, 77))
    draw.polygon([(20, 20), (36, 26), (26, 36)], fill=(0, 0, 0, 255))
    return image


def on(background, size=(2 * APART, 2 * APART)):
    below = Image.new("RGBA", size, background)
    below.alpha_composite(pointer())
    return png(below.convert("RGB"))


def picture():
    rows, columns = np.mgrid[0:120, 0:160]
    return Image.fromarray(np.stack([columns, rows * 2, 255 - columns], axis=2).astype(np.uint8), "RGB")


def rgb(planes):
    size = planes.luma.shape[::-1]
    chroma = [Image.fromarray(plane).resize(size, Image.Resampling.NEAREST) for plane in (planes.blue, planes.red)]
    return np.asarray(Image.merge("YCbCr", [Image.fromarray(planes.luma), *chroma]).convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "place", [(80, 60), (81, 61), (80, 61), (2, 3), (158, 118), (-10, 50), (500, 500), (80.4, 60.6)]
)
def test_it_is_composed_as_by_pillow(place):
    sprite = Sprite(on("white"), on("black"), APART)
    made = sprite.laid_over(planes_of(jpeg(picture())), *place)
    expected = picture().convert("RGBA")
    layer = Image.new("RGBA", expected.size)
    layer.paste(pointer(), (round(place[0]) - APART, round(place[1]) - APART))
    expected.alpha_composite(layer)
    reference = planes_of(jpeg(expected.convert("RGB")))
    difference = np.abs(rgb(made) - rgb(reference))
    # Of edges, chroma of half the size is a mean of both sides.
    assert np.percentile(difference, 99.5) <= 12
    assert np.abs(made.luma.astype(int) - reference.luma).max() <= 6


def test_the_picture_below_is_left_as_it_is():
    below = planes_of(jpeg(picture()))
    before = below.luma.copy()
    Sprite(on("white"), on("black"), APART).laid_over(below, 80, 60)
    assert (below.luma == before).all()


def test_what_is_clear_changes_nothing():
    clear = [png(Image.new("RGB", (2 * APART, 2 * APART), color)) for color in ("white", "black")]
    below = planes_of(jpeg(picture()))
    made = Sprite(*clear, APART).laid_over(below, 81, 60)
    assert (made.luma == below.luma).all()
    assert (made.red == below.red).all()
