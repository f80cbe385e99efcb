"""`python -m sidecar`: runs the sidecar until SIGTERM or SIGINT."""

from __future__ import annotations

import gc
import resource
import sys

if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and collections take a tenth of their time; enabled once serving

from services.runtime import process
from sidecar.app import serve


def _allow_open_files() -> None:
    """Raises the limit of open files to the system's maximum: each socket is one, and the usual 1,024 are too few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    _allow_open_files()
    sys.exit(process.main(serve, name="sidecar"))
