"""`python -m services.audit`: runs AuditService until SIGTERM or SIGINT."""

from __future__ import annotations

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and collections take a tenth of their time; enabled once serving

from services.runtime import process  # first: its log keeps rich out of structlog

# isort: split
from services.audit.app import serve
from services.audit.ingest.log.segment import LogError
from services.audit.storage.engine.engine import DataDirectoryInUse, StorageError


def explain(error: BaseException) -> tuple[str, int] | None:
    """Returns the message for a storage that cannot be used, and the exit status; None for other errors."""
    match error:
        case DataDirectoryInUse() | LogError():
            return str(error), process.BAD_SETTINGS
        case StorageError(detail=detail):
            return f"clickhouse: {detail}", 1
        case _:
            return None


if __name__ == "__main__":
    sys.exit(process.main(serve, explain, name="audit"))
