"""A network between the browser and the installation that can be cut, as by switches, tunnels and laptop lids."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress


class Network:
    """Passes TCP on to a port of this machine.

    Attributes:
        url: The address under which the installation is reached through it.
    """

    def __init__(self, port):
        self._target = port
        self._links = set()
        self._is_up = True

    async def open(self):
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self):
        """Ends every connection and lets no new one through."""
        self._is_up = False
        for writer in list(self._links):
            writer.transport.abort()

    def heal(self):
        """Lets connections through again."""
        self._is_up = True

    async def close(self):
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    async def _link(self, reader, writer):
        self._links.add(writer)
        try:
            if not self._is_up:
                return
            back, there = await asyncio.open_connection("127.0.0.1", self._target)
            self._links.add(there)
            try:
                await asyncio.gather(_pass(reader, there), _pass(back, writer))
            finally:
                self._links.discard(there)
                there.transport.abort()
        except OSError:
            pass
        finally:
            self._links.discard(writer)
            writer.transport.abort()


async def _pass(reader, writer):
    """Passes bytes on until one side is gone; then the other one is ended, too."""
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort() if writer.transport.is_closing() else writer.close()


@asynccontextmanager
async def network_to(port):
    """Yields a network to a port of this machine."""
    network = Network(port)
    await network.open()
    try:
        yield network
    finally:
        await network.close()
