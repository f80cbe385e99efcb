"""Ports of this machine: finding a free one, and waiting until a process listens on it."""

from __future__ import annotations

import asyncio
import secrets
import socket
from pathlib import Path

from support.wait import PATIENCE_S

PORTS = range(20_000, 32_000)
"""Below the ports that the kernel gives to outgoing connections and to servers on any free port (Linux: from 32768)."""


def free_port() -> int:
    """Returns a TCP port of 127.0.0.1 without a listener, which nobody is given before it is used, or between uses."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


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
