"""Ports of this machine: finding a free one, and waiting until a process listens on it."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import socket
from pathlib import Path

from support.wait import PATIENCE_S

# The kernel picks ports from 32768 for requests of any port, also for outgoing connections: one of those may be
# taken again before the process that it is meant for listens on it. Each process of a test run has ports of its own
# below that.
_FIRST, _PER_WORKER, _WORKERS = 12_000, 1_000, 20
_START = random.randrange(_PER_WORKER)  # runs that share the machine have different ones, most likely
_numbers = itertools.count(_START)


def free_port() -> int:
    """Returns a TCP port of 127.0.0.1 that nothing else is given: no listener, and none that asks for any port."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    for number in itertools.islice(_numbers, _PER_WORKER):
        port = _FIRST + worker * _PER_WORKER + number % _PER_WORKER
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


async def until_open(port: int, process: asyncio.subprocess.Process, log: Path | None = None) -> None:
    """Returns when `process` listens on 127.0.0.1:`port`.

    Args:
        port: The port that it should listen on.
        process: The process; its end before that is an error.
        log: The file with its reason, if it writes one.

    Raises:
        TimeoutError: It does not listen within PATIENCE_S.
    """
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if process.returncode is not None:
                said = log.read_text() if log else ""  # noqa: ASYNC240 - nothing else runs
                raise AssertionError(f"the process ended with status {process.returncode} {said}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
