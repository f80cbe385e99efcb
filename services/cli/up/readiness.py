"""Checks that a started program serves."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

_PROBE_TIMEOUT_S = 1.0


async def accepts(host: str, port: int) -> bool:
    """Returns whether a port accepts connections; the services listen only once they can serve."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    await _closed(writer)
    return True


async def redis_answers(socket: Path) -> bool:
    """Returns whether a Redis answers at a Unix socket and has loaded its data; without a client, which takes 20 MB."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                await _closed(writer)
    except (OSError, TimeoutError):
        return False


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
