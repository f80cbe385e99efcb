"""Child processes of a rendering, each under a guardian (guardian.py)."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from services.export.rendering import guardian

_log = structlog.get_logger("afterimage.rendering")

_GUARDIAN = Path(guardian.__file__)
_ENDS_WITHIN_S = 10.0
_MOMENT_S = 2.0
_STDERR_KEPT = 8_192


class GuardedProcess:
    """A running child.

    Attributes:
        stdin: Its standard input; None without `has_stdin`.
        missing: Sentences about protections that the system does not give.
    """

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int) -> None:
        self._process = process
        self._lifeline: int | None = lifeline
        self.stdin = process.stdin
        self.missing: tuple[str, ...] = ()
        self._stderr = b""
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @property
    def pid(self) -> int:
        """Process id of the guardian."""
        return self._process.pid

    @property
    def stderr(self) -> str:
        """The end of its output to standard error."""
        return self._stderr.decode(errors="replace").strip()

    @property
    def returncode(self) -> int | None:
        """Exit status as in guardian.py; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Waits for the end of the child, of all that it has started, and of its directories; returns the status."""
        await asyncio.wait((self._reading,))  # which ends with the loop's other tasks when the loop itself is ended
        return await self._process.wait()

    async def wait_a_moment(self) -> int | None:
        """Waits as `wait()` does, but not long; returns None if it still runs."""
        try:
            async with asyncio.timeout(_MOMENT_S):
                return await self._process.wait()
        except TimeoutError:
            return None

    async def end(self) -> None:
        """Kills it, if it still runs, and waits as `wait()` does."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await self.wait()
        except TimeoutError:
            _log.error("guardian_hangs", pid=self.pid)
            self._process.kill()
            await self._process.wait()
        finally:
            self._reading.cancel()

    async def _read(self) -> None:
        if self._process.stderr is None:
            return
        while part := await self._process.stderr.read(_STDERR_KEPT):
            self._stderr = (self._stderr + part)[-_STDERR_KEPT:]


@asynccontextmanager
async def guarded(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    fds: Mapping[int, int] | None = None,
    remove: Sequence[Path] = (),
    owned: Sequence[Path] = (),
    memory_bytes: int,
    file_bytes: int,
    cpu_s: int,
    user: int | None = None,
    has_stdin: bool = False,
    has_network: bool = False,
) -> AsyncIterator[GuardedProcess]:
    """Runs a program while the block runs; at its end nothing of it is left.

    Args:
        argv: Absolute path of the program, and its arguments.
        environment: Its whole environment.
        fds: Descriptors of this process that it gets, by their numbers in the child.
        remove: Directories that are removed at its end, also if this process is killed.
        owned: Those that are given to `user`.
        memory_bytes: Limit for all of its processes together; they are killed above it.
        file_bytes: Size of the largest file that it may write.
        cpu_s: Limit for each of its processes.
        user: Numeric user that it runs as; None: the current one.
        has_stdin: Whether it gets a pipe as standard input.
        has_network: Whether it may keep this process's network.
    """
    read_lifeline, lifeline = os.pipe()
    read_status, status = os.pipe()
    kept = dict(fds or {})
    task = {
        "argv": list(argv),
        "environment": dict(environment),
        "fds": {str(number): fd for number, fd in kept.items()},
        "lifeline": read_lifeline,
        "status": status,
        "remove": [str(path) for path in remove],
        "owned": [str(path) for path in owned],
        "memory_bytes": memory_bytes,
        "file_bytes": file_bytes,
        "cpu_s": cpu_s,
        "nice": 5,
        "user": user,
        "has_network": has_network,
    }
    running: GuardedProcess | None = None
    try:
        try:
            creating = asyncio.ensure_future(
                asyncio.create_subprocess_exec(
                    sys.executable,
                    "-I",
                    "-S",
                    str(_GUARDIAN),
                    json.dumps(task),
                    pass_fds=(read_lifeline, status, *kept.values()),
                    stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            )
            is_cancelled = await _settled(creating)
            running = GuardedProcess(creating.result(), lifeline)
            if is_cancelled:
                raise asyncio.CancelledError
        finally:
            os.close(read_lifeline)
            os.close(status)
            if running is None:
                os.close(lifeline)
        report = await _line_of(read_status)
        running.missing = tuple(line for line in report.splitlines() if line != guardian.READY.decode())
        yield running
    finally:
        os.close(read_status)
        if running is not None:
            ending = asyncio.ensure_future(running.end())
            is_cancelled = await _settled(ending)
            ending.result()
            if is_cancelled:
                raise asyncio.CancelledError


async def _settled(work: asyncio.Future[Any]) -> bool:
    """Waits for the end of a work, which takes a moment; returns whether this task was cancelled meanwhile.

    A cancellation may come twice: from a time limit, and from a caller.
    """
    is_cancelled = False
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError:
            is_cancelled = True
    return is_cancelled


async def _line_of(fd: int) -> str:
    """Returns all that is written to a pipe until its end, without blocking the loop."""

    def read() -> str:
        found = b""
        while part := os.read(fd, 4_096):
            found += part
        return found.decode(errors="replace")

    return await asyncio.to_thread(read)
