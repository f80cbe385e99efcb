"""`python -m services.audit`: runs AuditService until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import sys

from services.audit.app import serve
from services.audit.storage.engine import DataDirectoryInUse, StorageError
from services.runtime import log
from services.runtime.config import SettingsError, load_settings
from services.runtime.server import run


async def main() -> None:
    """Serves until cancelled."""
    settings = load_settings()
    log.configure(settings.log)
    async with serve(settings):
        await asyncio.Event().wait()


def start() -> int:
    """Runs the process; returns its exit status: 2 for settings that cannot be used, 1 for a storage that cannot."""
    try:
        run(main)
    except Exception as error:
        reason = _leaf(error)
        if isinstance(reason, SettingsError):
            return _say(str(reason), 2)
        if isinstance(reason, DataDirectoryInUse):
            return _say(str(reason), 2)
        if isinstance(reason, StorageError):
            return _say(f"clickhouse: {reason.detail}", 1)
        raise
    return 0


def _leaf(error: BaseException) -> BaseException:
    """Returns the first error in a group of errors: what happens inside a TaskGroup comes out as one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _say(text: str, status: int) -> int:
    sys.stderr.write(f"{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(start())
