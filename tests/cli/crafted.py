"""Where recordings to test with lie, and small ones to craft files from."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from support.recordings import SAMPLES, SHARED, paths

SAMPLE_FILES = sorted(SAMPLES.glob("*.json.gz"))
SHARED_FILES = [path for path in paths() if path.parent == SHARED]

NO_SHARED = pytest.param(
    None, marks=pytest.mark.skip(reason=f"no recordings in {SHARED}: set AFTERIMAGE_TEST_RECORDINGS to their folder")
)
EVERY_RECORDING = [pytest.param(path, id=path.name) for path in SAMPLE_FILES] + (
    [pytest.param(path, id=path.name) for path in SHARED_FILES] or [NO_SHARED]
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
