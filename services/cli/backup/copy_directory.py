"""The directory of a backup: it appears whole or not at all, and is verified by the checksums in it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.command import CommandError

CHECKSUMS = "SHA256SUMS"
"""As `sha256sum` writes it, so that `sha256sum --check SHA256SUMS` verifies a backup too."""

_READ_BYTES = 1 << 20


class Draft:
    """A backup that is being written.

    Attributes:
        path: Its directory for now.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checksums: dict[str, str] = {}

    @contextmanager
    def file(self, name: str) -> Iterator[DraftFile]:
        """Opens a new file; it is on the disk when the block ends."""
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        with path.open("xb") as file:
            draft = DraftFile(file.fileno())
            yield draft
            os.fsync(file.fileno())
        self._checksums[name] = draft.checksum

    def write(self, name: str, data: bytes) -> None:
        """Writes a whole file."""
        with self.file(name) as file:
            file.write(data)

    def seal(self) -> None:
        """Writes the checksums, the last file."""
        lines = [f"{checksum}  {name}\n" for name, checksum in self._checksums.items()]
        self.write(CHECKSUMS, "".join(lines).encode())
        for directory in {self.path, *(path.parent for path in self.path.rglob("*"))}:
            _sync(directory)


class DraftFile:
    """A file of a draft.

    Attributes:
        size: Bytes written up to now.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Appends to the file."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        self._hash.update(data)
        self.size += len(data)

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return self._hash.hexdigest()


@contextmanager
def new_copy(directory: Path) -> Iterator[Draft]:
    """Yields the draft of a backup, which becomes `directory` when the block ends without an error.

    It is a hidden directory beside `directory`, which is removed after an error. Remains of a killed backup are
    removed by the next one.

    Raises:
        CommandError: `directory` exists and is not empty, or cannot be created.
    """
    parent = directory.parent
    if not parent.is_dir():
        raise CommandError(f"{parent} is not a directory: create it first")
    _require_vacant(directory)
    prefix = f".{directory.name}.incomplete-"
    path = parent / f"{prefix}{secrets.token_hex(4)}"
    try:
        _remove_abandoned(parent, prefix)
        path.mkdir(mode=0o700)
        lock = _locked(path)
    except OSError as error:
        raise CommandError(f"cannot write in {parent}: {error.strerror}") from error
    try:
        draft = Draft(path)
        yield draft
        draft.seal()
        _require_vacant(directory)
        path.rename(directory)  # onto nothing, or an empty directory; fails onto any other
        _sync(parent)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _require_vacant(directory: Path) -> None:
    if directory.is_symlink() or directory.exists():
        if directory.is_dir() and not directory.is_symlink() and not any(directory.iterdir()):
            return
        raise CommandError(f"{directory} exists already: a backup is written to a new directory")


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for path in parent.glob(f"{prefix}*"):
        try:
            lock = _locked(path)
        except OSError:  # another backup is writing it
            continue
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _locked(path: Path) -> int:
    """Locks a directory, which the kernel unlocks when the process dies."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def verify(directory: Path) -> int:
    """Verifies the checksums of a backup; returns the size of its files in bytes.

    Raises:
        CommandError: A file is missing or damaged, or the directory is not a backup.
    """
    if not directory.is_dir():
        raise CommandError(f"{directory} is not a directory")
    try:
        lines = (directory / CHECKSUMS).read_text().splitlines()
    except FileNotFoundError:
        raise CommandError(f"{directory} is not a complete backup: it has no {CHECKSUMS}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{directory / CHECKSUMS} cannot be read: {error}") from error
    size = 0
    for line in lines:
        checksum, _, name = line.partition("  ")
        path = directory / name
        if not name or not path.resolve().is_relative_to(directory.resolve()):
            raise CommandError(f"{directory / CHECKSUMS} is damaged: {line[:100]!r} is not a checksum of a file")
        try:
            found = _checksum(path)
        except FileNotFoundError:
            raise CommandError(f"{directory} is not complete: {name} is missing") from None
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from error
        if found != checksum:
            raise CommandError(f"{path} is damaged: its checksum differs from the one in {CHECKSUMS}")
        size += path.stat().st_size
    if not lines:
        raise CommandError(f"{directory / CHECKSUMS} is damaged: it is empty")
    return size


def _checksum(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            found.update(data)
    return found.hexdigest()


@contextmanager
def full_disks(directory: Path) -> Iterator[None]:
    """Turns errors of writing files into a sentence."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"{directory}: {error.strerror or error}") from error


@contextmanager
def private_files() -> Iterator[None]:
    """Lets only this user read the files that the block creates."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
