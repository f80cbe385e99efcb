"""Where recordings to test with lie, and small ones to craft files from."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = sorted((REPOSITORY / "services/cli/samples").glob("*.json.gz"))
SHARED_FOLDER = Path(os.environ.get("AFTERIMAGE_RECORDINGS", REPOSITORY.parent / "shared/recordings"))
SHARED = sorted(path for path in SHARED_FOLDER.glob("*.json") if path.stem not in {"manifest", "pii_truth"})

NO_SHARED = pytest.param(
    None, marks=pytest.mark.skip(reason=f"no recordings in {SHARED_FOLDER}: set AFTERIMAGE_RECORDINGS to their folder")
)
EVERY_RECORDING = [pytest.param(path, id=path.name) for path in SAMPLES] + (
    [pytest.param(path, id=path.name) for path in SHARED] or [NO_SHARED]
)

START_MS = 1_700_000_000_000


def event(offset_ms=0, kind=3, **data):
    return {"type": kind, "data": data or {"source": 3, "id": 1, "x": 0, "y": 7}, "timestamp": START_MS + offset_ms}


def events(count, step_ms=100):
    return [event(index * step_ms, number=index) for index in range(count)]


def packed(one):
    """As @rrweb/packer does it."""
    return zlib.compress(json.dumps({**one, "v": "v1"}).encode()).decode("latin-1")


def gzipped(value):
    """As PostHog's recorder does it for cv 2024-10."""
    return gzip.compress(json.dumps(value).encode()).decode("latin-1")


def load(path):
    text = path.read_bytes()
    return json.loads(gzip.decompress(text) if path.suffix == ".gz" else text)
