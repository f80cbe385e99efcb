"""`python -m services.together`: runs ShareService and ExportService in one process until SIGTERM or SIGINT.

For one machine: interpreter, gRPC and the Redis client, two thirds of the memory of such a process, are loaded once.
The services know nothing of each other, and keep their own addresses, metrics, health and shutdown. The process ends
when one of them fails, with its name in the log, and is then started again with both.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and collections take a tenth of their time; enabled once serving

from services.runtime import process  # first: its log keeps rich out of structlog

# isort: split
import structlog

from services.export.app import explain
from services.export.app import serve as serve_export
from services.runtime.settings import Settings
from services.share.app import serve as serve_share

_log = structlog.get_logger("afterimage.together")


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[None]:
    """Serves both services while the block runs; they stop in reverse order."""
    async with _named("share", serve_share, settings), _named("export", serve_export, settings):
        yield


@asynccontextmanager
async def _named(
    name: str, serve_one: Callable[[Settings], AbstractAsyncContextManager[object]], settings: Settings
) -> AsyncIterator[None]:
    """Serves a service while the block runs. Its failure, which ends the block, is logged with its name."""
    has_failed = False
    try:
        async with serve_one(settings):
            has_failed = True  # unless an error is the block's
            try:
                yield
            except Exception:
                has_failed = False  # the other service has
                raise
    except Exception as error:
        if has_failed:
            _log.error("a service failed, its process ends", service=name, error=str(process.first_error(error)))
        raise


if __name__ == "__main__":
    sys.exit(process.main(serve, explain, name=("share", "export")))
