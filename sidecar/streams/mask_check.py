"""Finds unmasked frames of a client: RFC 6455 section 5.1 requires a server to close the connection of such a client.

aiohttp's reader accepts them. A client that does not mask is not a browser, and its bytes on the wire may be chosen to
look like another protocol to a proxy in between; masks prevent that (section 10.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import WebSocketError, WSCloseCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp._websocket.reader import WebSocketReader

UNMASKED = WSCloseCode.POLICY_VIOLATION
"""Code of the error; aiohttp's own parser never uses it."""

_MASK_BIT, _LENGTH_BITS, _MASK_BYTES = 0x80, 0x7F, 4
_EXTENDED_BYTES = {126: 2, 127: 8}


class MaskCheck:
    """Follows the frames of one connection by their headers; payloads are skipped, not looked at."""

    __slots__ = ("_header", "_skip")

    def __init__(self) -> None:
        self._header = bytearray()
        self._skip = 0  # bytes of the mask and the payload that are still to come

    def unmasked_at(self, data: bytes) -> int | None:
        """Returns the offset at which the header of an unmasked frame begins; None: `data` has no such frame.

        A header may be spread over several calls; the offset is then 0.
        """
        place, size = 0, len(data)
        while place < size:
            if self._skip:
                step = min(self._skip, size - place)
                self._skip -= step
                place += step
                continue
            begins = place
            place += self._read_header(data, place)
            if len(self._header) >= 2 and not self._header[1] & _MASK_BIT:
                return begins
        return None

    def _read_header(self, data: bytes, place: int) -> int:
        """Takes the bytes of the header; returns their number. A whole header sets the number of bytes to skip."""
        header = self._header
        before = len(header)
        header += data[place : place + 2 - before] if before < 2 else b""
        if len(header) >= 2:
            length = header[1] & _LENGTH_BITS
            whole = 2 + _EXTENDED_BYTES.get(length, 0)
            start = place + len(header) - before
            header += data[start : start + whole - len(header)]
            if len(header) == whole and header[1] & _MASK_BIT:
                self._skip = _MASK_BYTES + (int.from_bytes(header[2:]) if whole > 2 else length)
                taken = len(header) - before
                header.clear()
                return taken
        return len(header) - before


class MaskedReader:
    """aiohttp's reader behind the check: it gets everything in front of the first unmasked frame, and nothing after.

    Args:
        reader: aiohttp's reader of the connection.
        fail: Called once with the error, for the reader of messages.
    """

    def __init__(self, reader: WebSocketReader, fail: Callable[[WebSocketError], None]) -> None:
        self._reader = reader
        self._fail = fail
        self._check = MaskCheck()
        self._is_over = False

    def feed_eof(self) -> None:
        """Passes the end of the connection on."""
        self._reader.feed_eof()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Passes data on; returns whether the connection must be closed, and unread bytes, as aiohttp's reader does."""
        if self._is_over:
            return True, b""
        found = self._check.unmasked_at(data)
        if found is None:
            return self._reader.feed_data(data)
        self._is_over = True
        if found:
            self._reader.feed_data(data[:found])
        self._fail(WebSocketError(UNMASKED, "a frame of the client is not masked"))
        return True, b""
