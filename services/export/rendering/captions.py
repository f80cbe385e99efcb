"""WebVTT, and the chapters of a video as ffmpeg reads them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.export.rendering.timeline import Caption

_LONGEST = 500
"""Characters of a text that are kept."""


def web_vtt(captions: Sequence[Caption]) -> str:
    """Returns a WebVTT file (https://www.w3.org/TR/webvtt1/) with captions in the order of time."""
    cues = [f"{_time(each.from_ms)} --> {_time(each.to_ms)}\n{_escaped(each.text)}\n" for each in captions]
    return "\n".join(["WEBVTT\n", *cues])


def ffmetadata(chapters: Sequence[Caption], title: str) -> str:
    """Returns chapters in ffmpeg's own form (https://ffmpeg.org/ffmpeg-formats.html#Metadata-2)."""
    lines = [";FFMETADATA1", f"title={_in_metadata(title)}"]
    for each in chapters:
        times = ["[CHAPTER]", "TIMEBASE=1/1000", f"START={each.from_ms}", f"END={each.to_ms}"]
        lines += [*times, f"title={_in_metadata(each.text)}"]
    return "\n".join([*lines, ""])


def _time(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"


def _escaped(text: str) -> str:
    """A cue must hold neither an empty line nor an arrow."""
    lines = [line.strip() for line in _printable(text).splitlines() if line.strip()]
    return "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") or "-"


def _in_metadata(text: str) -> str:
    return re.sub(r"([=;#\\])", r"\\\1", " ".join(_printable(text).split()))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text[:_LONGEST])
