"""Exported videos beside the console's player: the same pictures, and playable."""

from __future__ import annotations

import base64
import io

import pytest
from export.rendering import videos
from export.rendering.sessions import Session, recorded, tools
from PIL import Image

from services.export.rendering.model import NO_OVERLAY, Finding, Overlay, PictureOptions, VideoOptions
from services.export.rendering.renderer import render_picture, render_video

from .player_frame import player_frame
from .rrweb_events import click, element, opened

OF_THE_PAGES = r"Blocked (script execution|autofocusing)|violates the following Content|net::ERR_|play\(\)"
ALIKE = 0.98
NAMES = [
    "shop-checkout",
    "shop-errors",
    "shop-mobile",
    "docsify-mobile-touch",
    "idle-then-active",
    "shop-account-errors",
    "rrwebtest-rrweb-io-iframe-shadowdom-hover",
    "rrwebtest-rrweb-io-style-sheet-rule-events",
    "sbadmin-multipage",
    "todomvc-backbone",
]


@pytest.mark.catalogue("shop-checkout", "shop-mobile")
@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
async def test_frames_look_like_the_player(name, installation, new_context, guard, tmp_path, campaign_rounds):
    guard.allow(OF_THE_PAGES)
    session = recorded(name)
    found = tools()
    (tmp_path / "video").mkdir()
    options = VideoOptions(overlay=NO_OVERLAY, skip_pauses=False)
    made = await render_video(session.recording, session.stream(), options, tmp_path / "video", found)
    meta = next(event for event in session.events if event["type"] == 4)["data"]
    size = meta["width"], meta["height"]  # that of the video is even
    context = await new_context(viewport={"width": size[0], "height": size[1]})
    count = campaign_rounds(5, 20)
    unlike = {}
    async with player_frame(installation, context) as player:
        moments = [round(made.frames * (number + 0.5) / count) * 100 for number in range(count)]
        moments = sorted({min(at_ms, (made.frames - 1) * 100) for at_ms in moments})
        for number, at_ms in enumerate(moments):
            session_ms = session.recording.start_ms + at_ms
            if number == 0:
                await player.build([chunk.payload for chunk in session.chunks], session_ms)
            else:
                await player.seek(session_ms)
            shown = Image.open(io.BytesIO(await player.picture())).convert("RGB")
            drawn = videos.picture_at(found.ffmpeg, made.video, at_ms, tmp_path)
            likeness = videos.ssim(found.ffmpeg, shown, drawn.crop((0, 0, *size)), tmp_path)
            if likeness < ALIKE:
                unlike[at_ms] = likeness
    assert unlike == {}


async def test_a_picture_looks_like_the_player(installation, new_context, guard, tmp_path):
    guard.allow(OF_THE_PAGES)
    session = recorded("shop-checkout")
    at_ms = session.recording.start_ms + 20_000
    made = await render_picture(session.recording, session.stream(), PictureOptions(at_ms), tmp_path, tools())
    context = await new_context(viewport={"width": made.width, "height": made.height})
    async with player_frame(installation, context) as player:
        await player.build([chunk.payload for chunk in session.chunks], at_ms)
        shown = Image.open(io.BytesIO(await player.picture())).convert("RGB")
    assert videos.ssim(tools().ffmpeg, shown, Image.open(made.picture).convert("RGB"), tmp_path) >= 0.995


LOAD = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const video = document.createElement("video");
  video.muted = true;
  video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  document.body.append(video);
  await new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = () => reject(new Error(video.error.message));
  });
  window.video = video;
  return { duration: video.duration, width: video.videoWidth, height: video.videoHeight };
}"""

COLOR_AT = """async (seconds) => {
  await new Promise((resolve) => { video.onseeked = resolve; video.currentTime = seconds; });
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  return [...context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data].slice(0, 3);
}"""

PLAY = """() => new Promise((resolve, reject) => {
  video.onended = () => resolve(video.currentTime);
  video.currentTime = 0;
  video.playbackRate = 4;
  video.play().catch(reject);
})"""


async def test_a_video_plays_and_goes_to_its_chapters(page, tmp_path):
    colors = [(200, 0, 0), (0, 160, 0), (0, 0, 200)]
    start_ms = 1_750_000_000_000
    events = []
    for number, color in enumerate(colors):
        style = f"position: fixed; inset: 0; background: rgb{color}"
        page_ms = start_ms + 3_000 * number
        events += opened(page_ms, f"https://shop.example/{number}", [element(10, "div", {"style": style})])
    session = Session([*events, click(start_ms + 9_000)], findings=[Finding(start_ms + 4_000, "Dead click")])
    found = tools()
    made = await render_video(
        session.recording, session.stream(), VideoOptions(overlay=Overlay(clock=False)), tmp_path, found
    )
    chapters = videos.chapters(found.ffmpeg, made.video)
    assert [title for _, title in chapters] == [f"https://shop.example/{number}" for number in range(3)]
    await page.goto("about:blank")
    loaded = await page.evaluate(LOAD, base64.b64encode(made.video.read_bytes()).decode())
    assert abs(loaded["duration"] * 1000 - made.duration_ms) <= 100
    assert (loaded["width"], loaded["height"]) == (made.width, made.height)
    for at_ms, expected in [
        *zip((ms for ms, _ in chapters), colors, strict=True),
        (8_500, colors[2]),
        (500, colors[0]),
    ]:
        color = await page.evaluate(COLOR_AT, at_ms / 1000 + 0.15)
        assert max(abs(one - other) for one, other in zip(color, expected, strict=True)) < 16, at_ms
    assert await page.evaluate(PLAY) == pytest.approx(loaded["duration"], abs=0.2)
