"""A WebSocket client that costs next to nothing: benches measure the other end.

It masks with zeros (RFC 6455 requires a random key because of proxies; there is no proxy here), so frames are encoded
once and sent unchanged, and it parses incoming frames only as far as necessary.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Callable

_OPENED_IN_S = 60.0


def framed(message: bytes) -> bytes:
    """Returns a client's binary frame with `message`."""
    size = len(message)
    if size < 126:
        head = struct.pack("!BB", 0x82, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x82, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x82, 0x80 | 127, size)
    return head + bytes(4) + message


class LeanSocket(asyncio.Protocol):
    """A socket that is opened by `connect`; subclasses handle incoming messages in `received`."""

    transport: asyncio.Transport

    def __init__(self, path: str, token: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: afterimage.v1, bearer.{token}\r\n\r\n"
        ).encode()
        self._head = b""
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def connect(self, port: int) -> None:
        """Opens it; raises ConnectionError with the answer when that is no upgrade."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        async with asyncio.timeout(_OPENED_IN_S):
            await self._opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._opened.done():
            self.received(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        if b" 101 " in head.partition(b"\r\n")[0]:
            self._opened.set_result(None)
            if rest:
                self.received(rest)
        else:
            self._opened.set_exception(ConnectionError(head.decode()))

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._opened.done():
            self._opened.set_exception(ConnectionError("closed before it was open"))

    def send(self, message: bytes) -> None:
        self.transport.write(framed(message))

    def received(self, data: bytes) -> None:
        """Handles received bytes of frames."""


class Echoing(LeanSocket):
    """Keeps `window` frames of one size in flight and counts the echoes."""

    def __init__(self, path: str, token: str, message: bytes) -> None:
        super().__init__(path, token)
        self._frame = framed(message)
        self._size = len(self._frame) - 4  # a server does not mask
        self._rest = 0
        self.count = 0

    def begin(self, window: int) -> None:
        self.transport.write(self._frame * window)

    def received(self, data: bytes) -> None:
        if not self._rest and data[0] != self._frame[0]:
            raise ConnectionError(f"no echo but {data[:20]!r}")
        whole, self._rest = divmod(self._rest + len(data), self._size)
        self.count += whole
        self.transport.write(self._frame * whole)


class Listening(LeanSocket):
    """Hands every binary message to a callback."""

    def __init__(self, path: str, token: str, on_message: Callable[[bytes], None]) -> None:
        super().__init__(path, token)
        self._on_message = on_message
        self._buffer = b""

    def received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        begin = 0
        while len(buffer) - begin >= 2:
            size, head = buffer[begin + 1], begin + 2
            if size == 126:
                size, head = int.from_bytes(buffer[begin + 2 : begin + 4]), begin + 4
            elif size == 127:
                size, head = int.from_bytes(buffer[begin + 2 : begin + 10]), begin + 10
            if len(buffer) < head + size:
                break
            kind = buffer[begin] & 0xF
            if kind == 2:
                self._on_message(buffer[head : head + size])
            elif kind == 9:  # a ping: a peer that does not answer counts as dead
                self.transport.write(bytes([0x8A, 0x80 | size]) + bytes(4) + buffer[head : head + size])
            elif kind == 8:
                raise ConnectionError(f"closed: {buffer[head : head + size]!r}")
            begin = head + size
        self._buffer = buffer[begin:]
