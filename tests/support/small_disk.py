"""A disk of a few megabytes that can be filled: a tmpfs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support.require import missing


class SmallDisk:
    """A mounted tmpfs.

    Attributes:
        path: Its directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    @property
    def free_bytes(self) -> int:
        usage = os.statvfs(self.path)
        return usage.f_bavail * usage.f_frsize

    def fill(self, left_bytes: int) -> None:
        """Takes all space but `left_bytes`, unless others have taken it already."""
        with suppress(OSError), self._ballast.open("ab") as file:
            while (excess := self.free_bytes - left_bytes) > 0:
                file.write(b"\0" * min(excess, 1 << 20))
                file.flush()

    def empty(self) -> None:
        """Gives the space back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Yields a disk at `path`; where this user may not mount one, such as in a container, the test is `missing`."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "afterimage-test", path],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        missing(f"no tmpfs can be mounted here, full disks are NOT tested: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
