"""Memory of a whole installation as `afterimage up` starts it: idle, recording, and idle again.

PSS is the memory that a process has alone, and its part of the memory that it shares with others; so the sum is the
memory of the machine that is in use. Only Linux has it.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_NAMES = {
    "services.cli.up.supervise": "up",
    "services.audit": "AuditService",
    "services.audit.ingest.workers.process": "workers of AuditService",
    "services.together": "ShareService and ExportService",
    "services.export.worker": "worker of exports",
    "sidecar": "sidecar",
}
"""By the module that a process runs; the other one is Redis."""

_COMMAND = [sys.executable, "-c", "from services.cli.app import main; main()"]
_SAMPLES = Path(__file__).resolve().parents[2] / "services/cli/samples"
SETTLED_S = 20.0
"""From the last start to the measurement: background jobs have then run once."""
IDLE_S = 5.0
PATIENCE_S = 120.0


async def rows(quick: bool = False) -> list[tuple[str, float, str]]:
    """Measures the default settings, but for a shorter time without chunks after which workers end."""
    settled_s = 2.0 if quick else SETTLED_S
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with _up(directory):
            pass  # Python has compiled all modules now: a process that compiles them itself keeps 20 MB more
        with _up(directory) as up:
            await asyncio.sleep(settled_s)
            idle = _pss_mb(up)
            _run(directory, "import", *map(str, sorted(_SAMPLES.glob("*.json.gz"))))
            await _until(lambda: "workers of AuditService" in _pss_mb(up))
            await asyncio.sleep(IDLE_S / 2)
            recording = _pss_mb(up)
            await _until(lambda: "workers of AuditService" not in _pss_mb(up))
            await asyncio.sleep(settled_s)
            after = _pss_mb(up)
    return [
        ("idle, whole stack, PSS", sum(idle.values()), "MB"),
        *((f"of these {name}", value, "MB") for name, value in sorted(idle.items(), key=lambda item: -item[1])),
        ("recording the samples, whole stack, PSS", sum(recording.values()), "MB"),
        ("of these workers of AuditService", recording["workers of AuditService"], "MB"),
        ("idle after that, whole stack, PSS", sum(after.values()), "MB"),
        ("of these AuditService", after["AuditService"], "MB"),
    ]


@contextmanager
def _up(directory: Path) -> Iterator[psutil.Process]:
    """Runs an installation in a directory, once it serves."""
    with (directory / "out").open("wb") as out:
        process = subprocess.Popen(
            [*_COMMAND, "up", "--port", "0"],
            cwd=directory,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
    try:
        while b"Ctrl-C" not in (directory / "out").read_bytes():
            if process.poll() is not None:
                raise AssertionError((directory / "out").read_text())
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _run(directory: Path, *words: str) -> None:
    subprocess.run([*_COMMAND, *words], cwd=directory, check=True, capture_output=True, env=_environment())


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "AFTERIMAGE_INGEST__WORKER_IDLE_S": str(IDLE_S)}


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - processes set no events
            await asyncio.sleep(0.1)


def _pss_mb(up: psutil.Process) -> Counter[str]:
    """Returns the PSS of an installation's processes by name, in MB."""
    found: Counter[str] = Counter()
    for process in [up, *up.children(recursive=True)]:
        try:
            name = next((_NAMES[word] for word in process.cmdline() if word in _NAMES), "Redis")
            shown = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except (OSError, psutil.Error):
            continue  # it has ended
        found[name] += int(re.search(r"^Pss:\s+(\d+)", shown, re.MULTILINE)[1]) / 1024
    return found
