"""Real recordings for tests: those beside the repository where they are, and the samples that ship."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.campaign import is_campaign

ROOT = Path(__file__).resolve().parents[2]
# Read at import: the fixture that cleans the environment comes later.
SHARED = Path(os.environ.get("AFTERIMAGE_TEST_RECORDINGS", ROOT.parent / "shared" / "recordings"))
SAMPLES = ROOT / "services" / "cli" / "samples"
SHIPPED = tuple(sorted(SAMPLES.glob("*.json.gz")))
_NOT_RECORDINGS = {"manifest", "pii_truth"}


@cache
def paths() -> tuple[Path, ...]:
    """The files: the samples always, the shared recordings where there are any."""
    shared = [path for path in sorted(SHARED.glob("*.json")) if path.stem not in _NOT_RECORDINGS]
    return (*SHIPPED, *shared)


@cache
def text(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def events(path: Path) -> list[dict]:
    return json.loads(text(path))


_IN_SAMPLE = {
    "docsify-mobile-touch",
    "idle-then-active",
    "jsoneditor-edit",
    "posthog-mock-snapshots0",
    "rrweb-stats-recordings-1",
    "rrwebtest-rrweb-io-adopted-style-sheet",
    "rrwebtest-rrweb-io-canvas-in-iframe",
    "rrwebtest-rrweb-io-document-replacement",
    "rrwebtest-rrweb-io-iframe-shadowdom-hover",
    "rrwebtest-rrweb-io-input",
    "rrwebtest-rrweb-io-style-sheet-rule-events",
    "shop-checkout-pii",
    "todomvc-backbone",
}


def catalogue() -> pytest.MarkDecorator:
    """Returns the marker of a test with all recordings: of `make test` are the samples, and one or two of each kind."""
    return pytest.mark.catalogue(*(path.name for path in sample()))


def sample() -> tuple[Path, ...]:
    """Returns those of `catalogue()`, for a test that goes through the files itself."""
    return tuple(path for path in paths() if path.parent == SAMPLES or path.stem in _IN_SAMPLE)


_VARIED = {"docsify-mobile-touch", "rrwebtest-rrweb-io-iframe-shadowdom-hover", "shop-checkout-pii"}


@cache
def varied() -> tuple[Path, ...]:
    """The samples, a touch screen, frames with a shadow DOM, and a checkout; with --campaign all recordings.

    For steps that cost the same with each recording, as planting canaries.
    """
    return tuple(path for path in paths() if is_campaign() or path.parent == SAMPLES or path.stem in _VARIED)


LARGE = 200_000
"""Bytes of JSON beyond which a recording is shortened."""

_OF_A_KIND, _IN_A_LIST, _IN_A_TEXT = 40, 24, 4_000


@cache
def _shortened(path: Path) -> bytes:
    seen: Counter[tuple[Any, Any]] = Counter()
    kept = []
    for event in events(path):
        kind = event["type"], event["data"].get("source")
        seen[kind] += 1
        if seen[kind] <= _OF_A_KIND:
            kept.append(_thinned(event))
    return json.dumps(kept).encode()


def _thinned(value: Any) -> Any:
    """Returns a value with the first and the last items of long lists, and the beginnings of long texts."""
    match value:
        case dict():
            return {name: _thinned(each) for name, each in value.items()}
        case list():
            each_end = _IN_A_LIST // 2
            ends = value if len(value) <= _IN_A_LIST else value[:each_end] + value[-each_end:]
            return [_thinned(each) for each in ends]
        case str():
            return value[:_IN_A_TEXT]
    return value


def shortened(path: Path) -> list[dict]:
    """The events of a recording; of a large one some of each kind, with a part of their nodes: not with --campaign.

    The large ones differ from the others in size, not in content.
    """
    return events(path) if is_campaign() or len(text(path)) <= LARGE else json.loads(_shortened(path))
