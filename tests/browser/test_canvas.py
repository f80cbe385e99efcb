"""Canvases of recorded pages keep their size and show their recorded content."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image
from playwright.async_api import expect

from .player_page import PlayerPage
from .rrweb_events import click, element, now_ms, opened, text

pytestmark = pytest.mark.used_browser

WIDTH, HEIGHT = 300, 120
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
CANVAS = 20


def _png(colour):
    out = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), colour).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def _page(at_ms, style="", **attributes):
    size = {"width": str(WIDTH), "height": str(HEIGHT)}
    canvas = element(CANVAS, "canvas", {**size, "style": style, **attributes}, text(21, "No canvas here"))
    reset = element(31, "style", {}, text(32, "body { margin: 0 } canvas { display: block }"))
    below = element(22, "p", {"id": "below", "style": "margin: 0"}, text(23, "Below"))
    return opened(at_ms, body=[reset, canvas, below])


def _drawn(at_ms, kind, *commands):
    commands = [{"property": name, "args": list(args)} for name, *args in commands]
    return {"type": 3, "timestamp": at_ms, "data": {"source": 9, "id": CANVAS, "type": kind, "commands": commands}}


def _set(at_ms, name, value):
    command = {"property": name, "args": [value], "setter": True}
    return {"type": 3, "timestamp": at_ms, "data": {"source": 9, "id": CANVAS, "type": 0, "commands": [command]}}


def _frame(at_ms, colour):
    blob = {"rr_type": "Blob", "type": "image/png", "data": [{"rr_type": "ArrayBuffer", "base64": _png(colour)}]}
    bitmap = {"rr_type": "ImageBitmap", "args": [blob]}
    return _drawn(at_ms, 0, ("clearRect", 0, 0, WIDTH, HEIGHT), ("drawImage", bitmap, 0, 0))


async def _shown(installation, page, sign_in, events):
    session = await installation.record([*events, click(events[0]["timestamp"] + 8_000)])
    await sign_in(page, f"/sessions/{session}")
    player = PlayerPage(page)
    await player.until_ready()
    await player.pause()
    return player


async def _has_colour(player, colour, part=0.5):
    """Whether the middle of the canvas has a colour, in a picture of the screen."""
    picture = await player.recorded.locator("canvas").screenshot()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    seen = image.getpixel((int(image.width * part), image.height // 2))
    return all(abs(one - other) < 8 for one, other in zip(seen, colour, strict=True))


async def _until_colour(installation, player, colour, part=0.5):
    await installation.until(lambda: _has_colour(player, colour, part), f"the canvas is {colour}")


@pytest.mark.catalogue("height: 60px", "max-width: 90px")
@pytest.mark.parametrize(
    ("style", "size"),
    [
        ("", (WIDTH, HEIGHT)),
        ("width: 50%", (640, 640 * HEIGHT / WIDTH)),
        ("height: 60px", (150, 60)),
        ("max-width: 90px", (90, 36)),
        ("width: 200px; height: 200px", (200, 200)),
        ("border: 5px solid; box-sizing: content-box", (WIDTH + 10, HEIGHT + 10)),
    ],
)
async def test_without_data_it_keeps_its_box(style, size, installation, page, sign_in):
    player = await _shown(installation, page, sign_in, _page(now_ms() - 60_000, style))
    boxes = await player.recorded.locator("html").evaluate(
        """(root) => ["canvas", "#below"].map((name) => {
          const { width, height, top } = root.querySelector(name).getBoundingClientRect();
          return [width, height, top];
        })"""
    )
    assert boxes[0][:2] == pytest.approx(size, abs=0.5)
    assert boxes[1][2] == pytest.approx(size[1], abs=0.5)


async def test_the_picture_of_a_snapshot_is_shown(installation, page, sign_in):
    url = f"data:image/png;base64,{_png(RED)}"
    player = await _shown(installation, page, sign_in, _page(now_ms() - 60_000, rr_dataURL=url))
    await _until_colour(installation, player, RED)


async def test_recorded_frames_follow_each_other_forward_and_backward(installation, page, sign_in):
    start = now_ms() - 60_000
    events = [*_page(start), _frame(start + 2_000, GREEN), _frame(start + 5_000, BLUE)]
    player = await _shown(installation, page, sign_in, events)
    for part, colour in ((0.4, GREEN), (0.9, BLUE), (0.4, GREEN)):
        await player.seek_to_part(part)
        await _until_colour(installation, player, colour)


async def test_commands_are_drawn_over_the_picture_of_the_snapshot(installation, page, sign_in):
    start = now_ms() - 60_000
    url = f"data:image/png;base64,{_png(RED)}"
    half = _drawn(start + 2_010, 0, ("fillRect", 0, 0, WIDTH / 2, HEIGHT))
    events = [*_page(start, rr_dataURL=url), _set(start + 2_000, "fillStyle", "#00ff00"), half]
    player = await _shown(installation, page, sign_in, events)
    await player.seek_to_part(0.9)
    await _until_colour(installation, player, GREEN, 0.25)
    await _until_colour(installation, player, RED, 0.75)


async def test_a_change_of_style_or_size_does_not_take_it_away(installation, page, sign_in):
    start = now_ms() - 60_000
    attributes = [{"id": CANVAS, "attributes": {"style": "opacity: 1", "height": "60"}}]
    mutation = {"source": 0, "texts": [], "attributes": attributes, "removes": [], "adds": []}
    fill = _drawn(start + 3_010, 0, ("fillRect", 0, 0, WIDTH, HEIGHT))
    changed = {"type": 3, "timestamp": start + 2_000, "data": mutation}
    events = [*_page(start), changed, _set(start + 3_000, "fillStyle", "rgb(0, 0, 255)"), fill]
    player = await _shown(installation, page, sign_in, events)
    await player.seek_to_part(0.9)
    await _until_colour(installation, player, BLUE)
    assert (await player.recorded.locator("canvas").evaluate("(one) => one.getBoundingClientRect().height")) == 60


@pytest.mark.catalogue("2")
@pytest.mark.parametrize("kind", [1, 2])
async def test_webgl(kind, installation, page, sign_in):
    start = now_ms() - 60_000
    clear = _drawn(start + 2_000, kind, ("clearColor", 0, 1, 0, 1), ("clear", 0x4000))
    player = await _shown(installation, page, sign_in, [*_page(start), clear])
    await player.seek_to_part(0.9)
    await _until_colour(installation, player, GREEN)


async def test_what_is_not_drawing_is_left_out(installation, page, sign_in):
    """A recording names objects, addresses and members that no drawing has; the rest is drawn."""
    start = now_ms() - 60_000
    made = {"rr_type": "Function", "args": ["parent.hacked = true"]}
    address = {"rr_type": "HTMLImageElement", "src": "https://elsewhere.example/a.png"}
    odd = [
        ("constructor",),
        ("__defineGetter__", "fillStyle", made),
        ("drawImage", made, 0, 0),
        ("drawImage", address, 0, 0),
        ("drawImage", {"rr_type": "WebSocket", "args": ["wss://elsewhere.example"]}, 0, 0),
        ("nothing", None),
        ("fillRect", {"rr_type": "Float32Array", "args": [[1, 2]]}, 0),
    ]
    events = [
        *_page(start),
        _drawn(start + 1_000, 0, *odd),
        _set(start + 1_010, "canvas", made),
        _set(start + 1_020, "filter", "url(https://elsewhere.example/filter.svg#one)"),
        _set(start + 2_000, "fillStyle", "#ff0000"),
        _drawn(start + 2_010, 0, ("fillRect", 0, 0, WIDTH, HEIGHT)),
    ]
    player = await _shown(installation, page, sign_in, events)
    await player.seek_to_part(0.9)
    await _until_colour(installation, player, RED)
    await expect(player.recorded.locator("#below")).to_be_visible()
