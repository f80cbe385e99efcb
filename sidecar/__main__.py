"""`python -m sidecar` runs the sidecar until it is told to stop."""

from __future__ import annotations

import asyncio
import resource
import sys

from services.runtime import log
from services.runtime.config import SettingsError, load_settings
from services.runtime.server import run
from sidecar.app import serve


def main() -> int:
    """Runs it; returns the exit status."""
    try:
        settings = load_settings()
        log.configure(settings.log)
        _allow_open_files()

        async def serve_for_ever() -> None:
            async with serve(settings):
                await asyncio.Event().wait()

        run(serve_for_ever)
    except SettingsError as error:
        for problem in error.problems:
            sys.stderr.write(f"{problem}\n")
        return 2
    return 0


def _allow_open_files() -> None:
    """Takes all open files that the system allows: every socket is one, and the usual 1,024 are soon gone."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(main())
