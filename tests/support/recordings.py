"""Real recordings for tests: those beside the repository where they are, and the samples that ship."""

from __future__ import annotations

import gzip
import json
import os
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Read at import: the fixture that cleans the environment comes later.
SHARED = Path(os.environ.get("AFTERIMAGE_TEST_RECORDINGS", ROOT.parent / "shared" / "recordings"))
SAMPLES = ROOT / "services" / "cli" / "samples"
_NOT_RECORDINGS = {"manifest", "pii_truth"}


@cache
def paths() -> tuple[Path, ...]:
    """The files: the samples always, the shared recordings where there are any."""
    shared = [path for path in sorted(SHARED.glob("*.json")) if path.stem not in _NOT_RECORDINGS]
    return (*sorted(SAMPLES.glob("*.json.gz")), *shared)


@cache
def text(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def events(path: Path) -> list[dict]:
    return json.loads(text(path))
