"""Scratch files of a worker: in a directory of its own, which goes when the worker has gone, however that was."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.export.model import ExportError
from services.export.results.store import storage_full

_LOCK = "lock"
_NEW = ".new-"
"""Prefix of a directory that its process has not locked yet, for at most the next time."""

_NEW_S = 60.0
_READ_BYTES = 1024**2


class Spool:
    """A file that is being written; its hash and size grow with it.

    Args:
        path: Where to write it.
        max_bytes: Maximum size.

    Attributes:
        size_bytes: Number of bytes written.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.size_bytes = 0
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        try:
            self._file = path.open("wb", buffering=1024**2)
        except OSError as error:
            raise storage_full(error) from error

    def write(self, data: bytes, /) -> int:
        """Writes bytes; returns their number.

        Raises:
            ExportError: The file is larger than the maximum (SIZE_LIMIT), or cannot be written (STORAGE_FULL).
        """
        self._count(len(data))
        self._hash.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise storage_full(error) from error
        return len(data)

    def flush(self) -> None:
        """Does nothing: `complete` writes the rest. Writers of formats call it."""

    async def adopt(self, path: Path) -> None:
        """Takes a complete file of the same file system as this one; nothing else may be written.

        Raises:
            ExportError: The file is larger than the maximum (SIZE_LIMIT), or cannot be read (STORAGE_FULL).
        """
        try:
            await asyncio.to_thread(self._read, path)
            # Not in the thread, which goes on when the export is cancelled.
            path.replace(self.path)  # noqa: ASYNC240 - at once: both are in one file system
        except OSError as error:
            raise storage_full(error) from error

    def complete(self) -> str:
        """Writes the rest and closes the file; returns its SHA-256 in hex.

        Raises:
            ExportError: It cannot be written (STORAGE_FULL).
        """
        try:
            self._file.close()
        except OSError as error:
            raise storage_full(error) from error
        return self._hash.hexdigest()

    def _read(self, path: Path) -> None:
        self._count(path.stat().st_size)
        with path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                self._hash.update(data)

    def _count(self, size_bytes: int) -> None:
        self.size_bytes += size_bytes
        if self.size_bytes > self._max_bytes:
            raise too_large(self._max_bytes)

    def discard(self) -> None:
        """Deletes the file."""
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)


class Scratch:
    """The scratch directory of a worker. Created by `scratch`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def spool(self, name: str, max_bytes: int) -> Iterator[Spool]:
        """Yields a new file, which is deleted after the block.

        Raises:
            ExportError: It cannot be written (STORAGE_FULL).
        """
        spool = Spool(self._directory / name, max_bytes)
        try:
            yield spool
        finally:
            spool.discard()

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """Yields a new directory, which is deleted after the block.

        Raises:
            ExportError: It cannot be made (STORAGE_FULL).
        """
        directory = self._directory / name
        try:
            directory.mkdir(mode=0o700)
        except OSError as error:
            raise storage_full(error) from error
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def too_large(max_bytes: int) -> ExportError:
    """Returns the failure of an export with a file above the limit."""
    return ExportError("SIZE_LIMIT", f"the file would have more than {max_bytes:,} bytes (export.max_file_bytes)")


@contextmanager
def scratch(root: Path) -> Iterator[Scratch]:
    """Yields a directory below `root` that no other process uses; deletes it after the block, and those of the dead."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{os.getpid()}-{secrets.token_hex(4)}"
    new, directory = root / f"{_NEW}{name}", root / name
    new.mkdir(mode=0o700)
    lock = os.open(new / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        new.rename(directory)  # only now: no other process finds it without its lock
        drop_abandoned(root)
        yield Scratch(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def drop_abandoned(root: Path) -> int:
    """Deletes the directories of processes that have ended: the kernel has released their locks. Returns how many."""
    count = 0
    for directory in root.iterdir():
        try:
            if directory.name.startswith(_NEW) and directory.stat().st_mtime > time.time() - _NEW_S:
                continue
            lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # another process deletes it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
            count += 1
        except OSError:
            continue
        finally:
            os.close(lock)
    return count
