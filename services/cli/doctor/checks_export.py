"""Check of the programs that workers of exports need for videos, pictures and reports."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from services.cli.doctor.examination import Examination, Finding, note, ok
from services.export.rendering.browser import browser
from services.export.rendering.errors import RenderingError
from services.export.rendering.model import Limits
from services.export.rendering.tools import built_console, find_tools

TIMEOUT_S = 20.0


async def check_rendering(about: Examination, /) -> list[Finding]:
    """Starts the browser, and ends it: reports whether a worker here could make videos, pictures and reports."""
    settings = about.settings.export
    tools = find_tools(built_console(), browser=settings.browser, ffmpeg=settings.ffmpeg)
    if (why := tools.why_no_picture()) is not None:
        return [note("rendering", "workers here make no videos, pictures and reports; the other formats work", why)]
    program = tools.need_browser()
    limits = Limits(time_s=TIMEOUT_S, answer_s=TIMEOUT_S, memory_bytes=settings.max_render_memory_bytes)
    try:
        with tempfile.TemporaryDirectory(prefix="afterimage-doctor-") as scratch:
            async with (
                asyncio.timeout(TIMEOUT_S),
                browser(program, Path(scratch), limits, can_step=tools.can_step) as running,
            ):
                answer = await running.devtools.send("Browser.getVersion")
    except (RenderingError, TimeoutError) as error:
        text = f"{program} does not start here: {error or f'no answer within {TIMEOUT_S:.0f} s'}"
        return [note("rendering", text, "its sandbox needs user namespaces (docs/exports.md)")]
    found = f"{answer['product']} at {program}"
    if (why := tools.why_no_video()) is not None:
        return [note("rendering", f"{found} draws pictures and reports; videos cannot be made", why)]
    return [ok("rendering", f"{found} draws videos, pictures and reports, with {tools.ffmpeg}")]
