"""Lets the Nth change of files below a directory fail, or be the last one: a library loaded with LD_PRELOAD."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from support.require import missing

_SOURCE = Path(__file__).with_suffix(".c")


class FaultShim:
    """The compiled library.

    Args:
        scratch: A directory outside of the counted one.
    """

    def __init__(self, scratch: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            missing("no C compiler here (apt-get install gcc libc6-dev): faults of single operations are NOT tested")
        self._library = scratch / "fault_shim.so"
        self._count = scratch / "fault_count"
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", self._library, _SOURCE, "-ldl"], check=True)

    def environment(self, directory: Path, kind: str, at: int, *, within: str = "") -> dict[str, str]:
        """Variables of a process: its change number `at` below `directory` ends it ("kill") or fails ("eio").

        "tear": a write ends the process when it is half done. With `at` 0 nothing fails, and changes are counted.
        Only changes of files with `within` in their paths count.
        """
        self._count.unlink(missing_ok=True)
        return {
            "LD_PRELOAD": str(self._library),
            "FAULT_DIRECTORY": str(directory),
            "FAULT_KIND": kind,
            "FAULT_AT": str(at),
            "FAULT_COUNT": str(self._count),
            **({"FAULT_WITHIN": within} if within else {}),
        }

    @property
    def count(self) -> int:
        """Number of changes in the last process."""
        [found] = struct.unpack("l", self._count.read_bytes())
        return found
