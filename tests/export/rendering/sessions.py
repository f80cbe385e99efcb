"""Recordings as the renderer gets them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from support import recordings, web
from support.require import missing

from services.export.rendering.model import Chunk, PageView, Recording, Window
from services.export.rendering.tools import find_tools

WINDOW = "0190a000-0000-7000-8000-000000000001"


def tools():
    """The machine's programs; without them the test is skipped, and fails in CI."""
    web.built()
    found = find_tools(web.WEB / "dist" / "console")
    if why := found.why_no_video():
        missing(f"videos are NOT tested: {why}")
    return found


def chunks_of(events, *, window=WINDOW, chunk_ms=2_000):
    """The events of one window as stored chunks; their times are monotone."""
    parts = []
    for event in sorted(events, key=lambda event: event["timestamp"]):
        if not parts or event["timestamp"] - parts[-1][0]["timestamp"] >= chunk_ms:
            parts.append([])
        parts[-1].append(event)
    return [
        Chunk(
            window,
            number,
            part[0]["timestamp"],
            part[-1]["timestamp"],
            gzip.compress(json.dumps(part).encode(), mtime=0),
            any(event["type"] == 2 for event in part),
        )
        for number, part in enumerate(parts, 1)
    ]


class Session:
    """A session of some windows: {window: events}."""

    def __init__(self, windows, *, findings=(), chunk_ms=2_000):
        if not isinstance(windows, dict):
            windows = {WINDOW: windows}
        self.events = [event for events in windows.values() for event in events]
        stored = [
            chunk for name, events in windows.items() for chunk in chunks_of(events, window=name, chunk_ms=chunk_ms)
        ]
        self.chunks = sorted(stored, key=lambda chunk: chunk.first_ms)
        pages = [
            PageView(name, event["data"]["href"], event["timestamp"])
            for name, events in windows.items()
            for event in events
            if event["type"] == 4
        ]
        firsts = {name: min(event["timestamp"] for event in events) for name, events in windows.items()}
        self.recording = Recording(
            start_ms=min(firsts.values()),
            end_ms=max(chunk.last_ms for chunk in stored),
            windows=[Window(name, at_ms) for name, at_ms in firsts.items()],
            pages=sorted(pages, key=lambda page: page.open_ms),
            findings=findings,
        )

    async def stream(self):
        for chunk in self.chunks:
            yield chunk


def recorded(name, **options):
    """A recording of the samples, or of the shared ones where they are."""
    found = {path.name.split(".")[0]: path for path in recordings.paths()}
    if name not in found:
        missing(f"the recording {name} is not here")
    return Session(recordings.events(Path(found[name])), **options)
