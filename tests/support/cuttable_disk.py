"""A disk that fails at once: an ext4 file system on a loop device, shut down by the ioctl that xfstests use.

`cut` is a power cut: data that the kernel has not written to the device is gone, including the journal's last
transactions. `fail` is a device that answers every request with EIO from then on. After both, `mount_again` gives the
file system as it is after a reboot.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support.require import missing

_SHUTDOWN = 0x8004587D
"""FS_IOC_SHUTDOWN: _IOR('X', 125, __u32)."""

_FLUSH_FIRST, _FLUSH_NOTHING = 0, 2

_OPTIONS = "loop,commit=300"
"""The journal is written when something is synced, and hardly ever by itself: a cut loses all else."""


class CuttableDisk:
    """A mounted file system.

    Attributes:
        path: Its directory.
    """

    def __init__(self, image: Path, path: Path) -> None:
        self.path = path
        self._image = image

    def cut(self) -> None:
        """Cuts the power: only synced data is still there, and everything fails until `mount_again`."""
        self._shut_down(_FLUSH_NOTHING)

    def fail(self) -> None:
        """Lets everything fail with EIO until `mount_again`; earlier writes are kept."""
        self._shut_down(_FLUSH_FIRST)

    def mount_again(self) -> None:
        """Repairs the file system as at a start of the machine. No process may have a file of it open."""
        subprocess.run(["umount", self.path], check=True)
        subprocess.run(["mount", "-o", _OPTIONS, self._image, self.path], check=True)

    def _shut_down(self, how: int) -> None:
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", how))
        finally:
            os.close(handle)


@contextmanager
def cuttable_disk(path: Path, size_bytes: int = 512 << 20) -> Iterator[CuttableDisk]:
    """Yields a disk at `path`; where this user may not mount one, such as in a container, the test is `missing`."""
    path.mkdir(parents=True)
    image = path.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(size_bytes)
    for command in (["mkfs.ext4", "-q", "-F", image], ["mount", "-o", _OPTIONS, image, path]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            missing(f"no file system can be mounted here, power cuts and EIO are NOT tested: {error}")
        if done.returncode:
            image.unlink()
            missing(f"no file system can be mounted here, power cuts and EIO are NOT tested: {done.stderr.strip()}")
    try:
        yield CuttableDisk(image, path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
        with suppress(FileNotFoundError):
            image.unlink()
