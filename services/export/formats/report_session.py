"""The report of a session: its facts, findings, pages, errors and losses, with pictures."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict
from uuid import UUID

from services.export.formats.making import Made, Making, session_gone
from services.export.formats.report import CONTENT_TYPE, context_of, handed, opened_report, printed
from services.export.model import ReportOptions, SessionContent
from services.export.recordings import RecordedSession
from services.export.rendering.model import Chunk, PageView, Recording, Window
from services.export.rendering.reports import Reporting
from services.runtime.errors import NotFound

MAX_INTERACTION_PAGES = 5
"""Pages of interactions, 10,000 each, that are counted at most: as many as the player takes."""


async def make_session_report(making: Making, content: SessionContent) -> Made:
    """Writes the report of a session."""
    options = content.options if isinstance(content.options, ReportOptions) else ReportOptions()
    try:
        session, answer = await making.recordings.session_answer(content.session_id)
        async with opened_report(making, options, f"Session {session.session_id}") as report:
            await report.call("session.begin", context_of(making), handed(answer))
            await _read(making, report, session)
            has_pictures = await _draw(making, report, session)
            missing = asdict(report.missing) if has_pictures else None
            await printed(making, report, "session.show", missing)
    except NotFound:
        raise session_gone() from None
    making.step()
    keep_until_ms = making.recordings.keep_until_ms(session)
    return Made(f"session-{session.session_id}.pdf", CONTENT_TYPE, keep_until_ms)


async def _read(making: Making, report: Reporting, session: RecordedSession) -> None:
    """Hands the interactions and the chunks over."""
    making.plan(sum(window.chunk_count for window in session.windows) + 1)
    count = 0
    async for page in making.recordings.interaction_answers(UUID(session.session_id), ()):
        if count == MAX_INTERACTION_PAGES:
            await report.call("session.cutShort")
            break
        await report.call("session.interactions", handed(page))
        count += 1
    for window in session.windows:
        async for chunk in making.recordings.chunks(session.session_id, window.window_id, None):
            await report.read(
                Chunk(
                    chunk.window_id, chunk.seq, chunk.first_ms, chunk.last_ms, chunk.payload, chunk.has_full_snapshot
                ),
                "session.read",
            )
            making.step()


async def _draw(making: Making, report: Reporting, session: RecordedSession) -> bool:
    """Draws the pictures that the document names, as far as there are any; returns whether there is one."""
    recording = Recording(
        start_ms=session.start_ms,
        end_ms=session.start_ms + session.duration_ms,
        windows=[Window(window.window_id, window.start_ms) for window in session.windows],
        pages=[PageView(page.window_id, page.url, page.open_ms) for page in session.pages],
    )
    moments = [
        moment
        for moment in await report.call("session.moments")
        if report.has_picture(moment["windowId"], int(moment["atMs"]))
    ]
    making.plan(making.progress.done + len(moments) + 1)
    for moment in moments:
        jpeg = await report.picture(recording, moment["windowId"], int(moment["atMs"]))
        await report.call("session.picture", moment["number"], b64encode(jpeg).decode())
        making.step()
    await report.close_pictures()
    return bool(moments)
