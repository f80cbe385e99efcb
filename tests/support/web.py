"""The built console and recorder, for tests that serve them."""

from __future__ import annotations

import fcntl
import os
import subprocess
from functools import cache
from pathlib import Path

from support.require import missing

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "sidecar" / "web"


@cache
def built() -> Path:
    """The folder of the built files, made current; where they cannot be built the test is skipped, and fails in CI."""
    lock = os.open(WEB, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        made = subprocess.run(["make", "web"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    finally:
        os.close(lock)
    assert made.returncode == 0, made.stdout + made.stderr
    dist = WEB / "dist"
    if not (dist / "console" / "index.html").is_file():
        missing(f"the web part is NOT tested: {made.stdout.strip()}")
    return dist
