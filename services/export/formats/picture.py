"""A moment of a session as a PNG picture."""

from __future__ import annotations

from services.export.formats.making import Made, Making
from services.export.formats.rendered import chunks_of, opened, overlay_of, rendering_errors
from services.export.model import PictureOptions, SessionContent
from services.export.rendering import model as rendering

CONTENT_TYPE = "image/png"


async def make_picture(making: Making) -> Made:
    """Renders the picture, which becomes the file as it is."""
    from services.export.rendering.renderer import render_picture  # numpy and Pillow, with the first picture only

    content = making.export.content
    assert isinstance(content, SessionContent)  # noqa: S101 - the formats of each content
    given = content.options
    assert isinstance(given, PictureOptions)  # noqa: S101 - the format requires them
    making.plan(1)
    session = await opened(making, content)
    at_ms = session.recording.start_ms + given.offset_ms
    options = rendering.PictureOptions(
        at_ms=at_ms,
        window_id=content.window_id or None,
        width=given.width or None,
        height=given.height or None,
        overlay=overlay_of(given.shown_parts),
    )
    with rendering_errors(making):
        made = await render_picture(
            session.recording,
            chunks_of(making, session, at_ms),
            options,
            making.folder,
            making.tools,
            limits=making.limits,
        )
    await making.spool.adopt(made.picture)
    making.step()
    return Made(f"session-{content.session_id}-{given.offset_ms}ms.png", CONTENT_TYPE, session.keep_until_ms)
