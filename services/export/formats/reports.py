"""Reports by their content."""

from __future__ import annotations

from services.export.formats.making import Made, Making
from services.export.model import HeatmapContent, SessionContent, TableContent


async def make_report(making: Making) -> Made:
    """Writes the report of an export's content, which becomes the file as it is."""
    # numpy and Pillow, with the first report only
    from services.export.formats.report_heatmaps import make_heatmaps_report
    from services.export.formats.report_session import make_session_report
    from services.export.formats.report_sessions import make_sessions_report

    match making.export.content:
        case SessionContent() as content:
            return await make_session_report(making, content)
        case TableContent() as content:
            return await make_sessions_report(making, content)
        case HeatmapContent() as content:
            return await make_heatmaps_report(making, content)
