"""Reports by their content."""

from __future__ import annotations

from services.export.formats.making import Made, Making
from services.export.formats.report_session import make_session_report
from services.export.model import ExportError, SessionContent


async def make_report(making: Making) -> Made:
    """Writes the report of an export's content, which becomes the file as it is."""
    content = making.export.content
    if not isinstance(content, SessionContent):
        raise ExportError("UNAVAILABLE", "there are no reports of this content yet")
    return await make_session_report(making, content)
