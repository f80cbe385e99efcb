"""Videos: real Chromium, real ffmpeg, real recordings."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from browser.rrweb_events import click, element, opened
from export.rendering import videos
from export.rendering.sessions import WINDOW, Session, recorded, tools
from PIL import Image
from support.require import missing

from services.export.rendering.errors import Reason, RenderingError
from services.export.rendering.model import (
    NO_OVERLAY,
    Chunk,
    Finding,
    Limits,
    Overlay,
    PictureOptions,
    VideoFormat,
    VideoOptions,
)
from services.export.rendering.renderer import render_picture, render_video
from services.export.rendering.tools import find_tools

START_MS = 1_750_000_000_000
OTHER = "0190a000-0000-7000-8000-000000000002"
RED, GREEN, BLUE, WHITE = (200, 0, 0), (0, 160, 0), (0, 0, 200), (255, 255, 255)
NEAR = 12
"""Difference of a colour by JPEG and video compression."""


def colored(at_ms, color, *, url="https://shop.example/a", more=(), size=(1280, 720)):
    """A page of one colour."""
    style = f"position: fixed; inset: 0; background: rgb{color}"
    events = opened(at_ms, url, [element(10, "div", {"style": style}), *more])
    events[0]["data"] |= {"width": size[0], "height": size[1]}
    return events


def repainted(at_ms, color):
    style = {"id": 10, "attributes": {"style": f"position: fixed; inset: 0; background: rgb{color}"}}
    return {
        "type": 3,
        "timestamp": at_ms,
        "data": {"source": 0, "texts": [], "attributes": [style], "removes": [], "adds": []},
    }


async def render(session, into, **options):
    limits = options.pop("limits", Limits())
    progress = []
    options = VideoOptions(**{"overlay": NO_OVERLAY, "skip_pauses": False, **options})
    made = await render_video(
        session.recording, session.stream(), options, into, tools(), limits=limits, on_progress=progress.append
    )
    # Nothing but the files, and true progress to the end.
    assert sorted(path.name for path in into.iterdir()) == ["captions.vtt", made.video.name]
    assert [one.frames_done for one in progress] == sorted(one.frames_done for one in progress)
    assert progress[-1].frames_done == progress[-1].frames_planned == made.frames
    return made


def color_at(made, at_ms, into, place=(0.5, 0.5)):
    picture = videos.picture_at(tools().ffmpeg, made.video, at_ms, into)
    return picture.getpixel((int(picture.width * place[0]), int(picture.height * place[1])))


def is_near(color, expected):
    return max(abs(one - other) for one, other in zip(color, expected, strict=True)) <= NEAR


async def test_every_change_is_in_its_frame(tmp_path, tmp_path_factory):
    colors = {0: RED, 1_000: GREEN, 1_250: BLUE, 2_600: WHITE, 4_000: RED}
    events = [*colored(START_MS, RED), *(repainted(START_MS + at, color) for at, color in colors.items() if at)]
    made = await render(Session(events), tmp_path)

    assert (made.width, made.height, made.frames, made.duration_ms) == (1280, 720, 40, 4_000)
    starts, end_ms = videos.times_ms(tools().ffmpeg, made.video)
    assert abs(end_ms - 4_000) <= 100
    assert all(start % 100 == 0 for start in starts)
    scratch = tmp_path_factory.mktemp("frames")
    for frame_ms in range(100, 4_000, 100):
        expected = [color for at, color in colors.items() if at <= frame_ms][-1]
        assert is_near(color_at(made, frame_ms, scratch), expected), frame_ms


async def test_the_same_recording_gives_the_same_bytes(tmp_path):
    session = recorded("shop-mobile")
    files = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        made = await render(session, tmp_path / name, overlay=Overlay(), skip_pauses=True)
        files.append(made.video.read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("video_format", list(VideoFormat))
async def test_each_format_is_whole(video_format, tmp_path):
    findings = [Finding(START_MS + 1_500, "Rage click on <Pay> & more")]
    events = [
        *colored(START_MS, RED),
        *colored(START_MS + 1_000, GREEN, url="https://shop.example/b=1;#c\\d"),
        click(START_MS + 2_000),
        repainted(START_MS + 3_000, BLUE),
    ]
    made = await render(Session(events, findings=findings), tmp_path, format=video_format, overlay=Overlay())
    ffmpeg = tools().ffmpeg
    starts, end_ms = videos.times_ms(ffmpeg, made.video)
    assert starts[0] == 0
    assert abs(end_ms - made.duration_ms) <= 100
    assert (made.width, made.height) == (1280, 756)
    words = "Rage click on &lt;Pay&gt; &amp; more"
    assert f"00:00:01.500 --> 00:00:03.000\n{words}\n" in made.captions.read_text()
    if video_format is VideoFormat.GIF:
        return
    assert videos.chapters(ffmpeg, made.video) == [
        (0, "https://shop.example/a"),
        (1_000, "https://shop.example/b=1;#c\\d"),
    ]
    assert "Rage click on" in videos.subtitles(ffmpeg, made.video)
    if video_format is VideoFormat.MP4:
        data = made.video.read_bytes()
        assert 0 < data.index(b"moov") < data.index(b"mdat")
        assert "yuv420p" in videos.facts(ffmpeg, made.video)
        assert "h264" in videos.facts(ffmpeg, made.video)


async def test_the_window_in_use_is_shown(tmp_path, tmp_path_factory):
    one = [*colored(START_MS, RED), *(click(START_MS + at) for at in (500, 1_000, 6_100, 6_900, 8_000))]
    other = [*colored(START_MS + 3_000, GREEN), *(click(START_MS + at) for at in (3_500, 4_200, 5_000))]
    made = await render(Session({WINDOW: one, OTHER: other}), tmp_path)
    scratch = tmp_path_factory.mktemp("frames")
    shown = {at: color_at(made, at, scratch) for at in (500, 2_500, 3_500, 5_500, 6_500, 7_900)}
    expected = {500: RED, 2_500: RED, 3_500: GREEN, 5_500: GREEN, 6_500: RED, 7_900: RED}
    assert {at: is_near(color, expected[at]) for at, color in shown.items()} == dict.fromkeys(expected, True)


async def test_pauses_are_skipped_and_marked(tmp_path, tmp_path_factory):
    events = [
        *colored(START_MS, RED),
        click(START_MS + 1_000),
        repainted(START_MS + 20_000, GREEN),
        click(START_MS + 60_000),
        repainted(START_MS + 61_000, BLUE),
        click(START_MS + 62_000),
    ]
    made = await render(Session(events), tmp_path, skip_pauses=True, overlay=Overlay())
    # A second is shown before and after the pause between the second of the click and that of the next.
    assert made.skipped_ms == 56_000
    assert made.duration_ms == 6_000
    scratch = tmp_path_factory.mktemp("frames")
    assert is_near(color_at(made, 2_500, scratch), RED)
    assert is_near(color_at(made, 3_500, scratch), GREEN)
    assert is_near(color_at(made, 5_500, scratch), BLUE)
    assert "00:00:03.000 --> 00:00:04.500\n56 s without activity skipped" in made.captions.read_text()
    # The note is in the bar above the page.
    note = videos.picture_at(tools().ffmpeg, made.video, 3_500, scratch).crop((900, 2, 1220, 34))
    assert any(is_near(pixel, (245, 196, 81)) for _, pixel in note.getcolors(maxcolors=1 << 20))


async def test_a_range_is_a_part(tmp_path, tmp_path_factory):
    events = [
        *colored(START_MS, RED),
        *(repainted(START_MS + at, color) for at, color in ((2_000, GREEN), (9_000, BLUE))),
    ]
    made = await render(Session(events), tmp_path, from_ms=START_MS + 1_500, to_ms=START_MS + 4_000)
    assert made.duration_ms == 2_500
    scratch = tmp_path_factory.mktemp("frames")
    assert is_near(color_at(made, 300, scratch), RED)
    assert is_near(color_at(made, 600, scratch), GREEN)


async def test_a_range_outside_of_the_session_is_refused(tmp_path):
    with pytest.raises(RenderingError) as refused:
        await render(Session([*colored(START_MS, RED), click(START_MS + 500)]), tmp_path, from_ms=START_MS + 9_000)
    assert refused.value.reason is Reason.OUT_OF_RANGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "made"),
    [((None, None), (1002, 502)), ((333, None), (334, 168)), ((641, 481), (642, 482)), ((64, 2160), (64, 2160))],
)
async def test_sizes_are_even(asked, made, tmp_path):
    events = [*colored(START_MS, RED, size=(1001, 501)), repainted(START_MS + 500, GREEN)]
    video = await render(Session(events), tmp_path, width=asked[0], height=asked[1])
    assert (video.width, video.height) == made
    assert f"{made[0]}x{made[1]}" in videos.facts(tools().ffmpeg, video.video)


async def test_a_page_of_ten_thousand_pixels_is_scrolled(tmp_path, tmp_path_factory):
    stripes = [
        element(20 + row, "div", {"style": f"height: 1000px; background: rgb{(GREEN, BLUE)[row % 2]}"})
        for row in range(10)
    ]
    page = opened(START_MS, body=stripes)
    page[1]["data"]["node"]["childNodes"][0]["childNodes"][1]["attributes"] = {"style": "margin: 0"}
    scrolled = {"type": 3, "timestamp": START_MS + 1_000, "data": {"source": 3, "id": 1, "x": 0, "y": 9_200}}
    made = await render(Session([*page, scrolled, click(START_MS + 2_000)]), tmp_path)
    scratch = tmp_path_factory.mktemp("frames")
    assert is_near(color_at(made, 500, scratch), GREEN)
    # At once, as the visitor's page was at that moment.
    assert is_near(color_at(made, 1_000, scratch), BLUE)


@pytest.mark.parametrize("events", [[], [click(START_MS)], [click(START_MS), click(START_MS + 5_000)]])
async def test_a_session_without_a_snapshot_is_refused(events, tmp_path):
    session = Session([*events, {"type": 4, "timestamp": START_MS, "data": {"href": "x:", "width": 9, "height": 9}}])
    with pytest.raises(RenderingError) as refused:
        await render(session, tmp_path)
    assert refused.value.reason is Reason.NO_PICTURE
    assert list(tmp_path.iterdir()) == []


async def test_a_session_of_one_event_is_one_frame(tmp_path, tmp_path_factory):
    made = await render(Session(colored(START_MS, RED)[1:]), tmp_path)
    assert (made.frames, made.duration_ms) == (1, 100)
    assert is_near(color_at(made, 0, tmp_path_factory.mktemp("frames")), RED)


async def test_before_the_first_picture_there_is_none(tmp_path, tmp_path_factory):
    events = [click(START_MS), click(START_MS + 2_000), *colored(START_MS + 3_000, RED), click(START_MS + 5_000)]
    made = await render(Session(events), tmp_path)
    scratch = tmp_path_factory.mktemp("frames")
    assert not is_near(color_at(made, 1_000, scratch, (0.1, 0.1)), RED)
    assert is_near(color_at(made, 4_000, scratch, (0.1, 0.1)), RED)


async def test_what_moves_by_itself_moves(tmp_path, tmp_path_factory):
    """An endless animation, and one that is over: by the recording's clock."""
    rules = (
        "@keyframes turn { from { left: 0 } to { left: 1000px } }"
        "#a, #b { position: fixed; width: 200px; height: 200px; background: rgb(200, 0, 0) }"
        "#a { top: 0; animation: turn 2s linear infinite } #b { top: 300px; animation: turn 1s linear forwards }"
    )
    body = [
        element(30, "style", {"_cssText": rules}),
        element(31, "div", {"id": "a"}),
        element(32, "div", {"id": "b"}),
    ]
    made = await render(Session([*opened(START_MS, body=body), click(START_MS + 4_000)]), tmp_path)
    scratch = tmp_path_factory.mktemp("frames")

    def left_of(at_ms, row):
        pixels = np.asarray(videos.picture_at(tools().ffmpeg, made.video, at_ms, scratch))[row]
        return int(np.argmax(np.abs(pixels.astype(int) - RED).max(axis=1) <= 40))

    turning = [left_of(at, 100) for at in (500, 1_500, 2_500, 3_500)]
    assert turning == [pytest.approx(250, abs=5), pytest.approx(750, abs=5)] * 2
    assert [left_of(at, 400) for at in (500, 1_500, 3_500)] == [
        pytest.approx(500, abs=5),
        *[pytest.approx(1_000, abs=5)] * 2,
    ]


async def test_the_pointer_is_laid_over_as_the_page_shows_it(tmp_path, tmp_path_factory):
    """In a picture the browser draws it, in a video it is laid over: both look the same."""
    positions = [{"x": 100 + 40 * step, "y": 203, "id": 4, "timeOffset": -450 + 50 * step} for step in range(10)]
    moved = {"type": 3, "timestamp": START_MS + 1_500, "data": {"source": 1, "positions": positions}}
    session = Session([*colored(START_MS, (240, 230, 210)), moved, click(START_MS + 3_000)])
    overlay = Overlay(pointer=True, clicks=False, address=False, clock=False, captions=False)
    made = await render(session, tmp_path, overlay=overlay)
    scratch = tmp_path_factory.mktemp("frames")
    for at_ms in (1_100, 1_300, 1_500):
        options = PictureOptions(START_MS + at_ms, overlay=overlay)
        (scratch / str(at_ms)).mkdir()
        drawn = await render_picture(session.recording, session.stream(), options, scratch / str(at_ms), tools())
        of_page = Image.open(drawn.picture).convert("RGB")
        of_video = videos.picture_at(tools().ffmpeg, made.video, at_ms, scratch)
        box = (100 + 40 * ((at_ms - 1_050) // 50), 203)
        around = (box[0] - 30, box[1] - 30, box[0] + 50, box[1] + 50)
        assert videos.ssim(tools().ffmpeg, of_page.crop(around), of_video.crop(around), scratch) > 0.9
        assert len(of_page.crop(around).getcolors(maxcolors=1 << 16)) > 10  # it is there


async def test_a_tiny_viewport_has_a_pointer_too(tmp_path, tmp_path_factory):
    moved = {"source": 1, "positions": [{"x": 8, "y": 8, "id": 4, "timeOffset": 0}]}
    events = [
        *colored(START_MS, (240, 230, 210), size=(20, 20)),
        {"type": 3, "timestamp": START_MS + 500, "data": moved},
        click(START_MS + 1_000, 8, 8),
    ]
    overlay = Overlay(clicks=False, address=False, clock=False, captions=False)
    made = await render(Session(events), tmp_path, width=640, height=640, overlay=overlay)
    scratch = tmp_path_factory.mktemp("frames")
    assert is_near(color_at(made, 700, scratch, (0.9, 0.1)), (240, 230, 210))
    assert not is_near(color_at(made, 700, scratch, (0.45, 0.45)), (240, 230, 210))


async def test_the_pointer_of_a_finger_is_hidden(tmp_path):
    session = recorded("shop-mobile")
    quiet_ms = session.recording.start_ms + 500
    options = PictureOptions(quiet_ms, overlay=Overlay(clicks=False, address=False, clock=False, captions=False))
    with_pointer = await render_picture(session.recording, session.stream(), options, tmp_path, tools())
    first = with_pointer.picture.read_bytes()
    options = PictureOptions(quiet_ms)
    await render_picture(session.recording, session.stream(), options, tmp_path, tools())
    assert with_pointer.picture.read_bytes() == first


async def test_a_browser_that_does_not_step_draws_too(tmp_path, tmp_path_factory):
    found = find_tools(tools().pages, browser="chromium")
    if found.browser is None:
        missing("no full Chromium: the slower way is NOT tested")
    assert not found.can_step
    session = Session([*colored(START_MS, RED), repainted(START_MS + 1_000, GREEN), click(START_MS + 1_500)])
    options = VideoOptions(overlay=NO_OVERLAY)
    made = await render_video(session.recording, session.stream(), options, tmp_path, found)
    scratch = tmp_path_factory.mktemp("frames")
    assert is_near(color_at(made, 500, scratch), RED)
    assert is_near(color_at(made, 1_200, scratch), GREEN)


async def test_too_many_frames_are_refused(tmp_path):
    session = Session([*colored(START_MS, RED), click(START_MS + 100_000_000)])
    with pytest.raises(RenderingError) as refused:
        await render(session, tmp_path, limits=Limits(frames=10_000))
    assert refused.value.reason is Reason.TOO_LONG


async def test_a_chunk_that_cannot_be_read_is_left_out(tmp_path, tmp_path_factory):
    session = Session([*colored(START_MS, RED), click(START_MS + 2_500), repainted(START_MS + 5_000, GREEN)])
    broken = session.chunks[1]
    session.chunks[1] = Chunk(broken.window_id, broken.seq, broken.first_ms, broken.last_ms, b"no gzip", False)
    made = await render(session, tmp_path)
    assert made.left_out > 0
    assert is_near(color_at(made, 1_000, tmp_path_factory.mktemp("frames")), RED)


async def test_a_stream_that_fails_fails_the_rendering(tmp_path):
    """A stream that fails fails the rendering, with nothing left."""
    session = Session([*colored(START_MS, RED), click(START_MS + 2_500)])

    async def stream():
        yield session.chunks[0]
        await asyncio.sleep(0)
        raise ConnectionError("the server is gone")

    with pytest.raises(ConnectionError):
        await render_video(session.recording, stream(), VideoOptions(), tmp_path, tools())
    assert list(tmp_path.iterdir()) == []
