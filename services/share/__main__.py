"""`python -m services.share`: runs ShareService until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import sys

from services.runtime import log
from services.runtime.config import SettingsError, load_settings
from services.runtime.server import run
from services.share.app import serve


async def main() -> None:
    """Serves until cancelled."""
    settings = load_settings()
    log.configure(settings.log)
    async with serve(settings):
        await asyncio.Event().wait()


def start() -> int:
    """Runs the process; returns its exit status."""
    try:
        run(main)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(start())
