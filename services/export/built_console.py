"""The built console: exports are made with documents of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def built_console() -> Path:
    """Returns the folder into which `make web` builds the console, or in which a wheel has it; it may not exist."""
    spec = importlib.util.find_spec("sidecar")
    (folder, *_) = (spec.submodule_search_locations if spec is not None else None) or ["sidecar"]
    return Path(folder) / "web" / "dist" / "console"
