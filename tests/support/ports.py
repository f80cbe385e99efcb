"""Ports of this machine: finding a free one, and waiting until a process listens on it."""

from __future__ import annotations

import asyncio
import functools
import itertools
import random
import socket
from pathlib import Path

from support.wait import PATIENCE_S

# The kernel picks ports from 32768 for requests of any port, also for outgoing connections: one of those may be
# taken again before the process that it is meant for listens on it. So these are below that.
_FIRST, _LAST, _PER_PROCESS = 12_000, 32_000, 400


class _Block:
    """Ports that are given to this test process only, among all test processes of the machine.

    The first one is kept bound for that: a process that takes seconds to start may else find that its port was given to
    a process of another run, and a client would talk to that one.
    """

    def __init__(self) -> None:
        blocks = list(range(_FIRST, _LAST, _PER_PROCESS))
        random.shuffle(blocks)
        for first in blocks:
            self._held = socket.socket()
            try:
                self._held.bind(("127.0.0.1", first))
            except OSError:
                self._held.close()
                continue
            self.numbers = itertools.cycle(range(first + 1, first + _PER_PROCESS))
            return
        raise AssertionError("no block of ports is free")


_block = functools.cache(_Block)


def free_port() -> int:
    """Returns a TCP port of 127.0.0.1 that nothing else is given: no listener, and none that asks for any port."""
    for port in itertools.islice(_block().numbers, _PER_PROCESS):
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
