"""Reports as PDF: the common part of all of them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.export.formats.making import Making
from services.export.formats.rendered import rendering_errors
from services.export.model import PaperSize, ReportOptions
from services.export.recordings import Answer
from services.export.rendering.reports import Reporting, ReportLook, reporting

CONTENT_TYPE = "application/pdf"

_DEFAULT_TIME_ZONE = "UTC"
_DEFAULT_LANGUAGE = "en"


@asynccontextmanager
async def opened_report(making: Making, options: ReportOptions, foot: str) -> AsyncIterator[Reporting]:
    """Opens the document of a report while the block runs.

    Args:
        making: The attempt.
        options: How the report is made.
        foot: Text at the foot of each page.

    Raises:
        ExportError: It cannot be made.
    """
    look = ReportLook(
        is_letter=options.paper is PaperSize.LETTER,
        time_zone=options.time_zone or _DEFAULT_TIME_ZONE,
        language=options.language or _DEFAULT_LANGUAGE,
        foot=foot,
        created_ms=making.export.created_ms,
    )
    with rendering_errors(making):
        async with reporting(look, making.folder, making.tools, making.limits) as report:
            yield report


async def printed(making: Making, report: Reporting, method: str, *arguments: Any) -> None:
    """Prints a report, which becomes the file as it is."""
    path = making.folder / "report.pdf"
    await report.print(path, method, *arguments)
    await making.spool.adopt(path)


def context_of(making: Making) -> dict[str, Any]:
    """Returns the installation's part of a report: ReportContext of sessionReportData.ts."""
    # Not the time of the attempt: each attempt makes the same file.
    return {"consoleUrl": making.console_url, "createdMs": making.export.created_ms}


def handed(answer: Answer) -> str:
    """Returns an answer as the document takes it."""
    return b64encode(answer).decode()
