"""The report of a page's heatmaps: pictures of all kinds with their legends, and the tables of elements."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.export.formats.making import Made, Making, session_gone
from services.export.formats.report import CONTENT_TYPE, context_of, handed, opened_report, printed
from services.export.model import HeatmapContent, ReportOptions
from services.export.rendering.model import Chunk, Recording
from services.export.rendering.reports import Reporting
from services.runtime.errors import NotFound

KINDS = (1, 2, 3, 4, 5, 6)
"""The contract's HeatmapKind, in the order of a report."""

MAX_TARGETS = 50
"""Elements of a table at most; the report notes that there are more."""

SEARCHED_SESSIONS = 8
"""Number of newest sessions in which the page is looked for."""

_MAX_POINTS = 10_000
_PAGE_KIND = 15
"""The contract's InteractionKind PAGE."""


async def make_heatmaps_report(making: Making, content: HeatmapContent) -> Made:
    """Writes the report of a page's heatmaps."""
    kinds = content.kinds or KINDS
    making.plan(len(kinds) + 2)
    async with opened_report(making, content.report or ReportOptions(), "Heatmaps of a page") as report:
        await report.call("heatmaps.begin", context_of(making), handed(content.request))
        device = await _device(making, report, content, kinds)
        for kind in kinds:
            await _take(making, report, content, kind, device)
            making.step()
        await _draw(making, report, content, device)
        making.step()
        await printed(making, report, "heatmaps.show")
    making.step()
    at = datetime.fromtimestamp(making.export.created_ms / 1000, UTC)
    return Made(f"heatmaps-{at:%Y%m%d-%H%M%S}.pdf", CONTENT_TYPE)


async def _device(making: Making, report: Reporting, content: HeatmapContent, kinds: tuple[int, ...]) -> dict[str, Any]:
    """Returns the choice of the device, as fields of the request: layouts are not mixed."""
    for kind in kinds:
        answer = await making.recordings.heatmap_answer(content.request, kind=kind, max_targets=0)
        if device := await report.call("heatmaps.choose", kind, handed(answer)):
            return {"device_types": [device]}
    return {}


async def _take(making: Making, report: Reporting, content: HeatmapContent, kind: int, device: dict[str, Any]) -> None:
    wanted = {"kind": kind, "max_points": _MAX_POINTS, "max_targets": MAX_TARGETS, **device}
    answer = await making.recordings.heatmap_answer(content.request, **wanted)
    # A tall page is asked for again, with cells that are small enough for it.
    if resolution := await report.call("heatmaps.take", kind, handed(answer)):
        answer = await making.recordings.heatmap_answer(content.request, resolution=resolution, **wanted)
        await report.call("heatmaps.take", kind, handed(answer))


async def _draw(making: Making, report: Reporting, content: HeatmapContent, device: dict[str, Any]) -> None:
    """Draws the page as a recording shows it, if one of the newest sessions does."""
    part = await report.call("heatmaps.literal")
    for session_id in await making.recordings.sessions_with_page(content.request, part, SEARCHED_SESSIONS, **device):
        if await _shows(making, report, session_id):
            break
    if (moment := await report.call("heatmaps.moment")) is None:
        return
    session, window_id, at_ms = moment["sessionId"], moment["windowId"], int(moment["timeMs"])
    await making.note_sessions([UUID(session)])
    try:
        found = await making.recordings.session(session)
        # The chunk with the last full snapshot before the moment comes first.
        async for chunk in making.recordings.chunks(session, window_id, max(0, at_ms - found.start_ms)):
            if chunk.first_ms > at_ms:
                break
            await report.keep(
                Chunk(chunk.window_id, chunk.seq, chunk.first_ms, chunk.last_ms, chunk.payload, chunk.has_full_snapshot)
            )
    except NotFound:
        raise session_gone() from None
    if report.has_picture(window_id, at_ms):
        recording = Recording(start_ms=found.start_ms, end_ms=found.start_ms + found.duration_ms, windows=())
        whole = (int(moment["page"]["width"]), int(moment["page"]["height"]))
        jpeg = await report.picture(recording, window_id, at_ms, whole)
        await report.call("heatmaps.drawn", b64encode(jpeg).decode())


async def _shows(making: Making, report: Reporting, session: UUID) -> bool:
    """Looks for the page in a session; returns whether it shows it as wanted, so that no other one is needed."""
    try:
        async for page in making.recordings.interaction_answers(session, (_PAGE_KIND,)):
            if await report.call("heatmaps.visits", handed(page)):
                return True
            break
    except NotFound:  # deleted meanwhile
        pass
    return False
