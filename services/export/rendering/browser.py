"""A headless Chromium of one rendering: without a network, without a profile that outlives it, bounded."""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from services.export.rendering import guardian
from services.export.rendering.cdp import DevTools, DevToolsError
from services.export.rendering.errors import Reason, RenderingError
from services.export.rendering.model import Limits
from services.export.rendering.processes import GuardedProcess, guarded

_log = structlog.get_logger("afterimage.rendering")

_CPU_S = 24 * 3_600
_NOBODY = "nobody"
PROFILE_PREFIX = "afterimage-render-"
_FLAGS = [
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-dev-shm-usage",
    "--disable-file-system",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-features=Translate,MediaRouter,OptimizationHints,DialMediaRouteProvider,SpareRendererForSitePerProcess",
    "--hide-scrollbars",
    "--mute-audio",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--lang=en-US",
    "--js-flags=--max-old-space-size=1536",
    "--disk-cache-size=1",
    # Also where the system gives no network namespace: no name and no address is ever looked for.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
]
_STEPPING = [
    "--enable-begin-frame-control",
    "--run-all-compositor-stages-before-draw",
    "--disable-new-content-rendering-timeout",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    "--disable-checker-imaging",
    "--disable-image-animation-resync",
]


class Browser:
    """A running browser.

    Attributes:
        devtools: Connection to it.
        can_step: Whether it draws frames on command.
    """

    def __init__(self, process: GuardedProcess, devtools: DevTools, limits: Limits, *, can_step: bool) -> None:
        self._process = process
        self._limits = limits
        self.devtools = devtools
        self.can_step = can_step

    @property
    def pid(self) -> int:
        """Process id of its guardian."""
        return self._process.pid

    @property
    def answer_s(self) -> float:
        """Time in which it must answer, in seconds."""
        return self._limits.answer_s

    async def explain(self, error: Exception) -> RenderingError:
        """Returns why a command has failed, for people."""
        if isinstance(error, TimeoutError):
            return RenderingError(Reason.BROWSER_FAILED, f"the browser gave no answer for {self.answer_s:.0f} s")
        status = self._process.returncode
        if status is None:
            status = await self._process.wait_a_moment()
        if status == guardian.OUT_OF_MEMORY:
            return RenderingError(Reason.MEMORY_LIMIT, "the page needs more memory than a rendering may use")
        if status is None:
            return RenderingError(Reason.BROWSER_FAILED, f"the browser refused to draw the page: {error}")
        said = self._process.stderr.splitlines()
        _log.warning("browser_ended", status=status, stderr=said[-3:])
        return RenderingError(Reason.BROWSER_FAILED, f"the browser ended with status {status}")


@asynccontextmanager
async def browser(path: Path, scratch: Path, limits: Limits, *, can_step: bool) -> AsyncIterator[Browser]:
    """Runs a browser while the block runs.

    Args:
        path: The program.
        scratch: Directory that is removed with it, also if this process is killed.
        limits: Its bounds.
        can_step: Whether the program draws frames on command.
    """
    user, flags, directory = _sandbox()
    profile = Path(tempfile.mkdtemp(prefix=PROFILE_PREFIX, dir=directory))
    from_browser, browser_out = os.pipe()
    browser_in, to_browser = os.pipe()
    devtools = DevTools(from_browser, to_browser)
    argv = [str(path), *_FLAGS, *(_STEPPING if can_step else []), *flags, f"--user-data-dir={profile}", "about:blank"]
    is_open = False
    try:
        async with guarded(
            argv,
            environment={"HOME": str(profile), "TMPDIR": str(profile), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            fds={3: browser_in, 4: browser_out},
            remove=[profile, scratch],
            owned=[profile],
            memory_bytes=limits.memory_bytes,
            file_bytes=256 << 20,
            cpu_s=_CPU_S,
            user=user,
        ) as process:
            os.close(browser_in)
            os.close(browser_out)
            browser_in = browser_out = -1
            for sentence in process.missing:
                _log.warning("rendering_less_isolated", missing=sentence, still="no host name is resolved")
            await devtools.open()
            is_open = True
            try:
                yield Browser(process, devtools, limits, can_step=can_step)
            finally:
                await devtools.close()
    except DevToolsError as error:
        raise RenderingError(Reason.BROWSER_FAILED, f"the browser failed: {error}") from error
    finally:
        for fd in (browser_in, browser_out, *(() if is_open else (from_browser, to_browser))):
            if fd >= 0:
                os.close(fd)


def _sandbox() -> tuple[int | None, list[str], Path]:
    """Returns the user that the browser runs as, flags, and where its profile may lie.

    Chromium has no sandbox for root, so it does not run as root. The user that it runs as then must reach its profile.
    """
    usual = Path(tempfile.gettempdir())
    if os.getuid() != 0:
        return None, [], usual
    try:
        user = pwd.getpwnam(_NOBODY).pw_uid
    except KeyError:
        return None, _without_sandbox(f"there is no user {_NOBODY}"), usual
    for directory in (usual, Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - mkdtemp makes a directory of its own in it
        if all(path.stat().st_mode & stat.S_IXOTH for path in (directory, *directory.parents) if path.exists()):
            return user, [], directory
    return None, _without_sandbox(f"the user {_NOBODY} can reach no directory for temporary files"), usual


def _without_sandbox(why: str) -> list[str]:
    _log.warning("rendering_without_sandbox", reason=f"this process is root, and {why}")
    return ["--no-sandbox"]
