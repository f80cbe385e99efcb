"""Contents of a video file, as ffmpeg reads it."""

from __future__ import annotations

import re
import subprocess

from PIL import Image


def run(ffmpeg, *arguments):
    """Runs ffmpeg; any complaint fails the test."""
    made = subprocess.run([ffmpeg, "-hide_banner", "-nostdin", *map(str, arguments)], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr.decode()
    return made


def facts(ffmpeg, path):
    """Returns ffmpeg's description of a file."""
    return subprocess.run([ffmpeg, "-hide_banner", "-i", path], capture_output=True, text=True, check=False).stderr


def times_ms(ffmpeg, path):
    """Decodes the whole video; returns the time of each frame and the file's duration, in milliseconds."""
    made = run(
        ffmpeg, "-loglevel", "error", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framehash", "-"
    )
    assert made.stderr == b""
    text = made.stdout.decode()
    base = re.search(r"#tb 0: (\d+)/(\d+)", text)
    unit = 1000 * int(base[1]) / int(base[2])
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    starts = [int(row[2]) * unit for row in rows]
    hours, minutes, seconds = re.search(r"Duration: (\d+):(\d+):([\d.]+)", facts(ffmpeg, path)).groups()
    return starts, (int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000


def chapters(ffmpeg, path):
    """Returns the chapters: (begin in milliseconds, title)."""
    text = run(ffmpeg, "-loglevel", "error", "-i", path, "-f", "ffmetadata", "-").stdout.decode()
    found = []
    for part in text.split("[CHAPTER]")[1:]:
        values = dict(line.split("=", 1) for line in part.splitlines() if "=" in line)
        above, below = values["TIMEBASE"].split("/")
        title = re.sub(r"\\(.)", r"\1", values.get("title", ""))
        found.append((int(values["START"]) * 1000 * int(above) / int(below), title))
    return found


def subtitles(ffmpeg, path):
    """Returns the subtitle track as WebVTT."""
    return run(ffmpeg, "-loglevel", "error", "-i", path, "-map", "0:s", "-f", "webvtt", "-").stdout.decode()


def picture_at(ffmpeg, path, at_ms, into):
    """Returns the frame that is shown at a moment of the video."""
    file = into / f"frame-{at_ms}.png"
    # The frame that lasts over the moment begins before it.
    late = f"select=lte(t\\,{at_ms / 1000 + 0.0005})"
    run(ffmpeg, "-loglevel", "error", "-y", "-i", path, "-vf", late, "-fps_mode", "passthrough", "-update", "1", file)
    return Image.open(file).convert("RGB")


def ssim(ffmpeg, one, other, into):
    """Returns the structural similarity of two pictures, 0 to 1, in the form of videos: 4:2:0."""
    assert one.size == other.size
    one.save(into / "one.png")
    other.save(into / "other.png")
    both = "[0:v]format=yuv420p[one];[1:v]format=yuv420p[other];[one][other]ssim"
    made = run(ffmpeg, "-i", into / "one.png", "-i", into / "other.png", "-lavfi", both, "-f", "null", "-")
    return float(re.findall(r"All:([0-9.]+)", made.stderr.decode())[-1])
