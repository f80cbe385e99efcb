"""What `afterimage up` leaves in the data directory for other commands: which address is what.

The file is locked for as long as that `up` runs. The kernel lets go of the lock when the process dies, so a file
that nobody holds is a leftover, whatever it says.
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
    """An `afterimage up` that runs.

    Attributes:
        pid: Its process.
        audit: Address of AuditService, host:port.
        share: Address of ShareService; "": it is not there.
        sidecar: URL of the sidecar; "": it is not there.
        redis: URL of Redis; "": there is none.
        audit_metrics: URL of AuditService's metrics; "": none are served.
    """

    pid: int
    audit: str = ""
    share: str = ""
    sidecar: str = ""
    redis: str = ""
    audit_metrics: str = ""


@contextmanager
def the_only_one(data_dir: Path) -> Iterator[int]:
    """Holds the data directory for one `afterimage up`; yields the file to `announce` in.

    Raises:
        CommandError: If another one holds it, or the directory cannot be written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # recordings are nobody else's business
        # Close-on-exec: a child that held the lock would make this look alive after it died.
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
                "end that one, or give this one its own AFTERIMAGE_DATA_DIR"
            ) from None
        announce(handle, Running(os.getpid()))
        try:
            yield handle
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def announce(handle: int, running: Running) -> None:
    """Says which address is what."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, msgspec.json.encode(running), 0)


def find_running(data_dir: Path) -> Running | None:
    """Returns what runs on the data directory, or None."""
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
    """Returns who has the embedded engine's directory open, such as "process 4711"; None: nobody.

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
