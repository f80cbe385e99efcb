"""Video export: a busy session and a long one with pauses, beside a bare BeginFrame loop over the same page."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from browser.long_session import MINUTES, long_session
from export.rendering.sessions import Session, recorded, tools

from services.export.rendering.browser import browser
from services.export.rendering.model import Limits, Overlay, VideoOptions
from services.export.rendering.page import render_page
from services.export.rendering.page_files import PageFiles
from services.export.rendering.renderer import render_video
from services.export.rendering.spool import spooled

START_MS = 1_750_000_000_000
WIDTH, HEIGHT = 1280, 720
FPS = 10
ACTIVE_S, EVERY_S = 30, 300
"""Of the long session: seconds of activity, and interval of their beginnings in seconds."""
BARE_FRAMES = 200


async def rows(*, quick: bool) -> list[tuple[str, float, str]]:
    """Returns the rows of the bench."""
    busy = recorded("shop-checkout")
    if quick:
        busy.recording = replace(busy.recording, end_ms=busy.recording.start_ms + 5_000)
    found = await _measured("busy session, 720p, 10 fps", busy)
    bare = await _bare_loop(busy, 20 if quick else BARE_FRAMES)
    found.append(("bare BeginFrame loop with pictures, same page", bare, "frames/s"))
    minutes = 5 if quick else MINUTES
    found += await _measured(f"{minutes} minutes with pauses, 720p, 10 fps", _with_pauses(minutes))
    return found


async def _measured(label: str, session: Session) -> list[tuple[str, float, str]]:
    options = VideoOptions(width=WIDTH, height=HEIGHT, fps=FPS)
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        made = await render_video(session.recording, session.stream(), options, Path(directory), tools())
        took_s = time.perf_counter() - began
        size = made.video.stat().st_size
    length_s = (session.recording.end_ms - session.recording.start_ms) / 1000
    return [
        (f"{label}: times real time", length_s / took_s, "x"),
        (f"{label}: frames of the video", made.frames / took_s, "frames/s"),
        (f"{label}: different frames", made.drawn / took_s, "frames/s"),
        (f"{label}: size", size / 1024, "KiB"),
    ]


async def _bare_loop(session: Session, frames: int) -> float:
    """Frames per second of a loop that does nothing but draw and take the picture, in the middle of the session."""
    found = tools()
    at_ms = (session.recording.start_ms + session.recording.end_ms) // 2
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with (
            browser(found.need_browser(), directory / "scratch", Limits(), can_step=found.can_step) as running,
            spooled(directory / "chunks") as spool,
            render_page(running, PageFiles(found.pages), (WIDTH, HEIGHT), 1000 / FPS) as page,
        ):
            for chunk in session.chunks:
                await spool.add(chunk)
            chosen = spool.chunks_from(session.chunks[0].window_id, at_ms)
            await page.lay(Overlay(), at_ms, at_ms, (), (), (), is_pointer_apart=True)
            await page.enter(session.chunks[0].window_id, [(one, spool.read(one)) for one in chosen], at_ms)
            await page.step(at_ms)
            await page.shot()
            began = time.perf_counter()
            for _ in range(frames):
                await page.shot()
            return frames / (time.perf_counter() - began)


def _with_pauses(minutes: int) -> Session:
    events = [event for chunk in long_session(START_MS) for event in chunk]
    ends_ms = START_MS + minutes * 60_000
    return Session(
        [
            event
            for event in events
            if event["timestamp"] < ends_ms
            and (event["type"] in {2, 4} or (event["timestamp"] - START_MS) % (EVERY_S * 1000) < ACTIVE_S * 1000)
        ]
        + [{"type": 5, "timestamp": ends_ms, "data": {"tag": "end", "payload": {}}}]
    )
