"""A session as a video: MP4, WebM or GIF."""

from __future__ import annotations

import structlog

from services.export.formats.making import Made, Making
from services.export.formats.rendered import chunks_of, opened, overlay_of, rendering_errors
from services.export.model import OverlayPart, Progress, SessionContent, VideoOptions
from services.export.rendering import model as rendering

_log = structlog.get_logger("afterimage.export")

DEFAULT_FRAMES_PER_SECOND = 10
CONTENT_TYPES = {
    rendering.VideoFormat.MP4: "video/mp4",
    rendering.VideoFormat.WEBM: "video/webm",
    rendering.VideoFormat.GIF: "image/gif",
}


async def make_video(making: Making) -> Made:
    """Renders the video, which becomes the file as it is."""
    from services.export.rendering.renderer import render_video  # numpy and Pillow, with the first video only

    content = making.export.content
    assert isinstance(content, SessionContent)  # noqa: S101 - the formats of each content
    given = content.options if isinstance(content.options, VideoOptions) else VideoOptions()
    session = await opened(making, content)
    start_ms = session.recording.start_ms
    options = rendering.VideoOptions(
        format=rendering.VideoFormat[making.export.format.name],
        from_ms=start_ms + (content.start_ms or 0),
        to_ms=session.recording.end_ms if content.end_ms is None else start_ms + content.end_ms,
        width=given.width or None,
        height=given.height or None,
        fps=given.frames_per_second or DEFAULT_FRAMES_PER_SECOND,
        skip_pauses=not given.keep_pauses,
        overlay=overlay_of(set(OverlayPart) - set(given.hidden_parts)),
        watermark="" if content.link is None else content.link.watermark,
    )

    def note(progress: rendering.Progress) -> None:
        left_s = progress.seconds_left
        making.progress = Progress(
            progress.frames_done, progress.frames_planned, None if left_s is None else round(left_s * 1000)
        )

    with rendering_errors(making):
        made = await render_video(
            session.recording,
            chunks_of(making, session, options.to_ms or session.recording.end_ms),
            options,
            making.folder,
            making.tools,
            limits=making.limits,
            on_progress=note,
            title=f"Session {content.session_id}",
        )
    await making.spool.adopt(made.video)
    _log.info(
        "rendered",
        export=making.export.export_id,
        frames=made.frames,
        drawn=made.drawn,
        skipped_ms=made.skipped_ms,
        left_out=made.left_out,
    )
    name = f"session-{content.session_id}{f'-{content.window_id}' if content.window_id else ''}.{options.format}"
    return Made(name, CONTENT_TYPES[options.format], session.keep_until_ms)
