"""Lock file of `afterimage up` in the data directory, which gives its addresses to other commands.

The file is locked as long as that `up` runs. The kernel releases the lock when the process dies, so an unlocked file
is a leftover, regardless of its content.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from services.cli.command import CommandError

FILE = "up.json"


class Running(msgspec.Struct, frozen=True):
    """A running `afterimage up`.

    Attributes:
        pid: Its process.
        audit: Address of AuditService, host:port.
        share: Address of ShareService; "": not running.
        export: Address of ExportService; "": not running.
        sidecar: URL of the sidecar; "": not running.
        redis: URL of Redis; "": no Redis.
        audit_metrics: URL of AuditService's metrics; "": not served.
    """

    pid: int
    audit: str = ""
    share: str = ""
    sidecar: str = ""
    redis: str = ""
    audit_metrics: str = ""
    export: str = ""


@contextmanager
def the_only_one(data_dir: Path) -> Iterator[int]:
    """Locks the data directory for one `afterimage up`; yields the file for `announce`.

    Raises:
        CommandError: Another process holds the lock, or the directory is not writable.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # recordings are private to this user
        # Close-on-exec: a child that kept the lock would make a dead `up` appear alive.
        handle = os.open(data_dir / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CommandError(f"data_dir: cannot write in {data_dir}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            other = _read(handle)
            who = f"process {other.pid}" if other else "another process"
            raise CommandError(
                f"the data directory {data_dir} is open already: `afterimage up` runs in {who}; "
                "stop it, or set another AFTERIMAGE_DATA_DIR here"
            ) from None
        announce(handle, Running(os.getpid()))
        try:
            yield handle
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def announce(handle: int, running: Running) -> None:
    """Writes the addresses into the lock file."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, msgspec.json.encode(running), 0)


def find_running(data_dir: Path) -> Running | None:
    """Returns the `up` that runs on the data directory, or None."""
    try:
        handle = os.open(data_dir / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read(handle)
    else:
        return None
    finally:
        os.close(handle)


def chdb_holder(directory: Path) -> str | None:
    """Returns the process that has the embedded engine's directory open, such as "process 4711"; None: no process.

    The engine locks `afterimage.lock` in it, and writes its process id there.
    """
    try:
        handle = os.open(directory / "afterimage.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pid = os.pread(handle, 32, 0).decode(errors="replace").strip()
        return f"process {pid}" if pid else "another process"
    else:
        return None
    finally:
        os.close(handle)


def _read(handle: int) -> Running | None:
    try:
        return msgspec.json.decode(os.pread(handle, 65_536, 0), type=Running)
    except (msgspec.DecodeError, OSError):
        return None
