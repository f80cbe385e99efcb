"""Programs of the machine that renderings and reports need: a headless Chromium and ffmpeg."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.export.rendering.errors import Reason, RenderingError

_BROWSERS = ("chromium-headless-shell", "chrome-headless-shell", "headless_shell")
_FULL_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

NO_BROWSER = "videos, pictures and reports need a headless Chromium: install the package chromium-headless-shell"
NO_PAGES = "videos, pictures and reports need the built console: run `make web`, or install Afterimage from a wheel"
NO_FFMPEG = "videos need ffmpeg: install the package ffmpeg, or `pip install imageio-ffmpeg`"


@dataclass(frozen=True, slots=True)
class Tools:
    """Programs that were found.

    Attributes:
        browser: Path of a Chromium; None: not found.
        can_step: Whether the browser draws frames on command (the headless shell does); others are slower, and their
            pictures of moving pages are not the same in each run.
        ffmpeg: Path of ffmpeg; None: not found.
        pages: Folder of the built console, with render.html and report.html.
    """

    browser: Path | None
    can_step: bool
    ffmpeg: Path | None
    pages: Path

    def why_no_picture(self) -> str | None:
        """Returns the missing installation for pictures and reports; None: they can be made."""
        if not all((self.pages / name).is_file() for name in ("render.html", "report.html")):
            return NO_PAGES
        return NO_BROWSER if self.browser is None else None

    def why_no_video(self) -> str | None:
        """Returns the missing installation for videos; None: they can be made."""
        return self.why_no_picture() or (NO_FFMPEG if self.ffmpeg is None else None)

    def need_browser(self) -> Path:
        """Returns the browser's path.

        Raises:
            RenderingError: UNAVAILABLE.
        """
        if (why := self.why_no_picture()) is not None or self.browser is None:
            raise RenderingError(Reason.UNAVAILABLE, why or NO_BROWSER)
        return self.browser

    def need_ffmpeg(self) -> Path:
        """Returns ffmpeg's path.

        Raises:
            RenderingError: UNAVAILABLE.
        """
        if self.ffmpeg is None:
            raise RenderingError(Reason.UNAVAILABLE, NO_FFMPEG)
        return self.ffmpeg


def find_tools(pages: Path, *, browser: str = "", ffmpeg: str = "") -> Tools:
    """Looks for the programs on PATH, and for ffmpeg also in the package imageio-ffmpeg.

    Args:
        pages: Folder of the built console.
        browser: Name or path of the browser; empty: the first one found.
        ffmpeg: Name or path of ffmpeg; empty: the first one found.
    """
    stepping = _first([browser] if browser else _BROWSERS)
    found = stepping or (None if browser else _first(_FULL_BROWSERS))
    # A named browser is asked by its name: only the headless shell draws frames on command.
    can_step = stepping is not None and stepping.name in _BROWSERS
    return Tools(found, can_step, _first([ffmpeg or "ffmpeg"]) or (None if ffmpeg else _packaged_ffmpeg()), pages)


def built_console() -> Path:
    """Returns the folder of the built console, which the sidecar serves, too; it need not exist."""
    spec = importlib.util.find_spec("sidecar")  # not imported: nothing of it runs here
    folders = (spec.submodule_search_locations if spec is not None else None) or ["sidecar"]
    return Path(next(iter(folders))) / "web" / "dist" / "console"


def _first(names: Sequence[str]) -> Path | None:
    return next((Path(path) for name in names if (path := shutil.which(name)) is not None), None)


def _packaged_ffmpeg() -> Path | None:
    """Returns the binary that the package brings; the package itself is not run, since it looks in further places."""
    spec = importlib.util.find_spec("imageio_ffmpeg")
    for folder in (spec.submodule_search_locations if spec is not None else None) or ():
        for path in sorted((Path(folder) / "binaries").glob("ffmpeg-*")):
            if shutil.which(path) is not None:
                return path
    return None
