"""Masked recordings still play: in rrweb's own Replayer in Chromium, and with their layout as it was."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest
from support import recordings, require

from services.audit.privacy.masking.addresses import is_pseudonym
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.policy.parser import load_policy
from services.cli.transfer.formats import to_chunks

PRESETS = ("default", "strict")
SAMPLES = [path for path in recordings.paths() if path.parent == recordings.SAMPLES]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def masked(events: list[dict[str, Any]], preset: str) -> list[dict[str, Any]]:
    masker = Masker(load_policy({"preset": preset}, None, "test"), b"k" * 32)
    state, found = MaskState(), []
    for chunk in to_chunks(json.dumps(event).encode() for event in events):
        after = masker.mask(state, chunk)
        state = after.state
        found += json.loads(after.text)
    return found


def missing() -> str:
    """Returns the missing requirements for playing recordings; "": none are missing."""
    if shutil.which("node") is None:
        return "no Node on PATH"
    if not (os.environ.get("CHROMIUM") or any(map(shutil.which, BROWSERS))):
        return f"no Chromium on PATH ({', '.join(BROWSERS)})"
    if not (recordings.SAMPLES / "node_modules" / "rrweb").exists():
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(install, cwd=recordings.SAMPLES, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"npm ci failed in {recordings.SAMPLES.relative_to(recordings.ROOT)}: {done.stderr[-500:]}"
    return ""


@pytest.mark.timeout(900)
def test_masked_samples_play_in_a_browser_without_a_complaint(tmp_path):
    if lacking := missing():
        require.missing(lacking)
    for path in SAMPLES:
        events = recordings.events(path)
        after = masked(events, "default")
        assert after != events
        (tmp_path / path.name).write_bytes(gzip.compress(json.dumps(after).encode()))
    command = ["node", str(recordings.SAMPLES / "check.mjs"), "--play", str(tmp_path)]
    played = subprocess.run(command, capture_output=True, text=True, timeout=840, check=False)
    assert sorted(played.stdout.splitlines()) == sorted(f"{path.name}: plays" for path in SAMPLES), played.stderr
    assert played.returncode == 0


LAYOUT = (
    "class",
    "style",
    "width",
    "height",
    "rr_width",
    "rr_height",
    "d",
    "viewBox",
    "transform",
    "points",
    "type",
    "id",
)
LOADS = ("src", "srcset", "href")
HIDDEN_IN_STRICT = ("id", *LOADS)
"""Attributes that may name people: ids get pseudonyms, addresses lose their paths."""


def laid_out(value: Any, tag: str = "") -> list[tuple[str, Any]]:
    """Returns everything in an event that lays a page out, in order; of addresses those without a query."""
    found: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        tag = value.get("tagName", tag)
        attributes = value.get("attributes")
        if isinstance(attributes, dict):
            loads = LOADS if tag in {"img", "link", "image", "source", "video", "use"} else ()
            found += [
                (name, its)
                for name, its in attributes.items()
                if name in LAYOUT or (name in loads and isinstance(its, str) and "?" not in its and "#" not in its)
            ]
        for its in value.values():
            found += laid_out(its, tag)
    elif isinstance(value, list):
        for its in value:
            found += laid_out(its, tag)
    return found


@pytest.mark.campaign
@pytest.mark.parametrize("preset", PRESETS)
@recordings.catalogue()
@pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.name.partition(".")[0])
def test_what_lays_a_page_out_is_untouched(path, preset):
    """Large recordings are shortened; with --campaign they are not."""
    events = recordings.shortened(path)
    pages = [event for event in events if event["type"] == 2 or (event["type"] == 3 and event["data"]["source"] == 0)]
    after = masked(pages, preset)
    kept, expected = ([laid_out(event) for event in some] for some in (after, pages))
    if preset == "strict":
        kept, expected = ([plain(event) for event in some] for some in (kept, expected))
    else:
        expected = [with_pseudonyms(*both) for both in zip(kept, expected, strict=True)]
    assert kept == expected


def with_pseudonyms(kept: list[tuple[str, Any]], expected: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Returns the expected layout with the pseudonyms that names of masked elements got."""
    assert len(kept) == len(expected)
    return [
        (name, its if name in {"id", "for", "name"} and is_pseudonym(its) else was)
        for (name, its), (_, was) in zip(kept, expected, strict=True)
    ]


def plain(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Returns the layout without names and addresses, and with CSS as it is written by hand."""
    return [
        (name, re.sub(r"url\([^)]*\)|[\"'].*?[\"']", "", its) if name == "style" and isinstance(its, str) else its)
        for name, its in found
        if name not in HIDDEN_IN_STRICT and not (name == "style" and isinstance(its, dict))
    ]


@pytest.mark.campaign
@recordings.catalogue()
@pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.name.partition(".")[0])
def test_ids_stay_distinct_in_strict(path):
    """Large recordings are shortened; with --campaign they are not."""
    pages = [event for event in recordings.shortened(path) if event["type"] == 2]
    before, after = (
        [value for event in some for name, value in laid_out(event) if name == "id"]
        for some in (pages, masked(pages, "strict"))
    )
    assert len(before) == len(after)
    assert len(set(before)) == len(set(after))


def test_the_look_at_layout_sees_layout():
    counts = [len(laid_out(recordings.events(path))) for path in SAMPLES]
    assert min(counts) > 100, counts
