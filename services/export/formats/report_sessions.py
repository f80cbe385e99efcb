"""The report of the sessions under a filter: counts by day, page and finding, worst pages and elements."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from services.export.formats.making import Made, Making
from services.export.formats.report import CONTENT_TYPE, context_of, handed, opened_report, printed
from services.export.model import ReportOptions, TableContent
from services.export.rendering.reports import Reporting
from services.runtime.errors import NotFound

MAX_SESSIONS = 5_000
"""Sessions that are counted at most, the newest."""

MAX_READ_SESSIONS = 500
"""Sessions of which the interactions are read at most, the newest: the pages and elements of the report are theirs."""

MAX_PAGES = 5
"""Pages of interactions of one session, 10,000 each, that are read at most."""

# The contract's InteractionKind: RAGE_CLICK, DEAD_CLICK, QUICK_BACK, ERROR_CLICK, ERROR, PAGE, FAILED_REQUEST.
_KINDS = (9, 10, 11, 12, 14, 15, 17)


async def make_sessions_report(making: Making, content: TableContent) -> Made:
    """Writes the report of the sessions under a filter."""
    async with opened_report(making, content.report or ReportOptions(), "Report of sessions") as report:
        await report.call("sessions.begin", context_of(making), handed(content.filter))
        found, is_cut_short = await _take(making, report, content)
        read = found[:MAX_READ_SESSIONS]
        making.plan(len(read) + 1)
        for session in read:
            await _read(making, report, session)
            making.step()
        await printed(making, report, "sessions.show", len(read), is_cut_short)
    making.step()
    at = datetime.fromtimestamp(making.export.created_ms / 1000, UTC)
    return Made(f"sessions-{at:%Y%m%d-%H%M%S}.pdf", CONTENT_TYPE)


async def _take(making: Making, report: Reporting, content: TableContent) -> tuple[list[UUID], bool]:
    """Hands the sessions over and notes them first; returns them, and whether there are more."""
    found: dict[UUID, None] = {}
    async for ids, answer in making.recordings.session_answers(content.filter):
        fresh = [session for session in dict.fromkeys(ids) if session not in found]
        taken = fresh[: MAX_SESSIONS - len(found)]
        await making.note_sessions(taken)
        await report.call("sessions.take", handed(answer), MAX_SESSIONS)
        found |= dict.fromkeys(taken)
        if len(taken) < len(fresh):
            return list(found), True
    return list(found), False


async def _read(making: Making, report: Reporting, session: UUID) -> None:
    try:
        count = 0
        async for page in making.recordings.interaction_answers(session, _KINDS):
            await report.call("sessions.interactions", handed(page))
            count += 1
            if count == MAX_PAGES:
                return
    except NotFound:  # deleted meanwhile
        return
