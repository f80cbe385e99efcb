"""Installs a lock file with pip and shows the progress: pip alone prints hundreds of lines, or none for a minute.

    python requirements/install.py requirements/run.txt

Installs only the packages in the file (`--no-deps`: it is complete), and only with the hashes in it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

_LOCKED = re.compile(r"^[A-Za-z0-9._-]+==", re.MULTILINE)
_SETTLED = re.compile(r"(?:Collecting|Requirement already satisfied:|Ignoring) (\S+?)(?:==|:|\s)")
_FILE = re.compile(r"\s+(?:Downloading|Using cached) (\S+) \(([\d.]+ [kM]B)\)")
_LINE_INTERVAL_S = 5.0
"""Interval between lines where the output is not a terminal."""


class _Progress:
    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._shown_at = 0.0

    def show(self, line: str, *, last: bool = False) -> None:
        if self._is_terminal:
            sys.stdout.write(f"\r\033[K  {line}" + ("\n" if last else ""))
        elif last or time.monotonic() - self._shown_at > _LINE_INTERVAL_S:
            sys.stdout.write(f"  {line}\n")
            self._shown_at = time.monotonic()
        sys.stdout.flush()


def install(lock: Path) -> int:
    """Installs the packages of `lock` into the interpreter's environment; returns pip's exit status."""
    count = len(_LOCKED.findall(lock.read_text()))
    progress = _Progress()
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    said: list[str] = []
    settled = 0
    with subprocess.Popen(  # noqa: S603 - pip, on a file of the repository
        [*pip, "-r", str(lock)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            said.append(line)
            if _SETTLED.match(line):
                settled += 1
            elif found := _FILE.match(line):
                progress.show(f"{settled} of {count}: {found[1].split('-')[0]}, {found[2]}")
            elif line.startswith("Installing collected packages"):
                _unpack(process, progress, line.count(",") + 1)
                said.append(process.stdout.read())
    if process.returncode:
        sys.stdout.write(f"\n{''.join(said)}")
    else:
        progress.show("all are installed", last=True)
    return process.returncode


def _unpack(process: subprocess.Popen[str], progress: _Progress, count: int) -> None:
    """Shows the number of unpacked packages until pip ends: pip prints nothing before that."""
    packages = Path(sysconfig.get_path("purelib"))
    before = len(list(packages.glob("*.dist-info")))
    while process.poll() is None:
        unpacked = min(max(len(list(packages.glob("*.dist-info"))) - before, 0), count)
        progress.show(f"unpacking: {unpacked} of {count}")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(install(Path(sys.argv[1])))
