"""Results of the recorder: its notices in the page, and its chunks in storage."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from itertools import pairwise

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb

FULL_SNAPSHOT, INCREMENTAL, META, CUSTOM, PLUGIN = 2, 3, 4, 5, 6
MUTATION, MOUSE_INTERACTION, SCROLL, INPUT = 0, 2, 3, 5
CLICK = 2
DROPPED = "afterimage.dropped"


@dataclass(frozen=True)
class Window:
    """A stored window: its chunks in the order of their seq."""

    seqs: tuple[int, ...]
    chunks: tuple[tuple[dict, ...], ...]

    @property
    def events(self):
        return [event for chunk in self.chunks for event in chunk]

    def of_type(self, kind):
        return [event for event in self.events if event["type"] == kind]

    def of_source(self, source):
        return [event["data"] for event in self.of_type(INCREMENTAL) if event["data"]["source"] == source]

    def customs(self, tag):
        return [event["data"]["payload"] for event in self.of_type(CUSTOM) if event["data"]["tag"] == tag]

    @property
    def losses(self):
        return self.customs(DROPPED)

    def plugin(self, name):
        return [event["data"]["payload"] for event in self.of_type(PLUGIN) if event["data"]["plugin"] == name]

    @property
    def is_whole(self):
        """Whether there is no gap and nothing twice: seqs from 1, and times that do not fall back by a second."""
        times = [event["timestamp"] for event in self.events if event["type"] != CUSTOM]
        falls = [earlier for earlier, later in pairwise(times) if later < earlier - 1000]
        return self.seqs == tuple(range(1, len(self.seqs) + 1)) and not falls


async def status(page):
    """Returns what `Afterimage.status()` says."""
    return await page.evaluate("window.Afterimage?.status() ?? {state: 'absent', notices: []}")


async def notices(page):
    """Returns the recorder's notices, by code."""
    return {each["code"]: each["message"] for each in (await status(page))["notices"]}


async def recording(installation, page):
    """Waits until the page is recorded; returns the session's id."""
    await installation.until(lambda: _is_recording(page), "the recorder records")
    return (await status(page))["sessionId"]


async def _is_recording(page):
    return (await status(page))["state"] == "recording"


async def settled(installation, page):
    """Waits until all earlier events of the page are recorded and acknowledged."""
    # rrweb hands mouse moves over every 500 ms: by the page's own clock, which may stand still.
    await page.evaluate("new Promise((done) => setTimeout(done, 600))")
    await installation.until(lambda: _is_settled(page), "everything is acknowledged")


async def _is_settled(page):
    now = await status(page)
    return now["state"] == "recording" and now["queuedEvents"] == 0


async def windows(installation, session):
    """Returns the stored chunks of a session, by window; empty if there is no such session."""
    request = pb.ReplaySessionRequest(session_id=session)
    found = {}
    try:
        async for part in installation.audit.stub.ReplaySession(request, metadata=installation.metadata):
            if part.HasField("chunk"):
                chunk = part.chunk
                events = tuple(json.loads(gzip.decompress(chunk.payload)))
                assert len(events) == chunk.event_count
                found.setdefault(chunk.window_id, []).append((chunk.seq, events))
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
    return {
        window: Window(tuple(seq for seq, _ in sorted(chunks, key=_seq)), tuple(e for _, e in sorted(chunks, key=_seq)))
        for window, chunks in found.items()
    }


def _seq(chunk):
    return chunk[0]


async def window_of(installation, session):
    """Returns the only window of a session."""
    found = await windows(installation, session)
    assert len(found) == 1, {window: each.seqs for window, each in found.items()}
    return next(iter(found.values()))


async def stored(installation, session, condition, what="it is stored"):
    """Waits until `condition(window)` holds for the session's only window; returns the window."""

    async def look():
        found = await windows(installation, session)
        if len(found) != 1:
            return None
        window = next(iter(found.values()))
        return window if condition(window) else None

    return await installation.until(look, what)
