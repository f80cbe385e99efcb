"""Counts the frames of a socket before aiohttp's parser gathers them into messages, and ends it at an unmasked one.

The parser shows complete messages only: the bytes of an unfinished one, its fragments and its age are seen here. The
format of frames is RFC 6455 section 5.2; whether they are valid is left to the parser, except that it accepts unmasked
frames. Section 5.1 requires a server to close the connection of a client that sends one: it is not a browser, and its
bytes on the wire may be chosen to look like another protocol to a proxy in between, which masks prevent (section 10.3).
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.runtime.token_bucket import TokenBucket
    from sidecar.wire.held_bytes import Held

SMALL_FRAGMENT_BYTES = 4096
"""Fragments of fewer bytes count as messages. Browsers split large messages into larger ones."""

_LAST_DATA_OPCODE = 2
_FIN, _MASKED = 0x80, 0x80
_LENGTH_16, _LENGTH_64 = 126, 127
_MASK_BYTES = 4
_UNMASKED = -1


class FrameMeter:
    """Stands in for the parser of a socket, and passes on data within the limits.

    Args:
        parser: aiohttp's parser.
        held: Counts the bytes of messages until they are passed on.
        fragments: Rate of small fragments.
        clock: The event loop's clock, in seconds.
        on_fragments: Called when there are too many fragments; nothing is passed on from then on.
        on_unmasked: Called at the first unmasked frame, after everything in front of it was passed on.

    Attributes:
        since: Time at which the unfinished message began; infinity: no such message.
    """

    def __init__(
        self,
        parser: Any,
        held: Held,
        fragments: TokenBucket,
        clock: Callable[[], float],
        on_fragments: Callable[[], None],
        on_unmasked: Callable[[], None],
    ) -> None:
        self._parser = parser
        self._held = held
        self._fragments = fragments
        self._clock = clock
        self._on_fragments = on_fragments
        self._on_unmasked = on_unmasked
        self._is_over = self._is_unmasked = False
        self._header = b""
        """Beginning of a header that has not arrived completely."""
        self._left = 0
        """Bytes of the frame's payload that have not arrived."""
        self._is_data = self._is_final = False
        self._message_bytes = 0
        self._finished: deque[int] = deque()
        """Sizes of messages that are complete, and not passed on."""
        self.since = math.inf

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Counts the data and passes it to the parser.

        Returns:
            Whether the connection must be closed, and the bytes that were not read, as aiohttp's parser does.
        """
        if self._is_unmasked:
            return True, b""
        end = 0 if self._is_over or self._held.is_dropped else self._count(data)
        if self._is_over or self._held.is_dropped:
            return False, b""
        if end < len(data):
            self._is_unmasked = True
            if end:
                self._parser.feed_data(data[:end])
            self._on_unmasked()
            return True, b""
        answer: tuple[bool, bytes] = self._parser.feed_data(data)
        return answer

    def feed_eof(self) -> None:
        """Passes the end to the parser."""
        self._parser.feed_eof()

    def passed_on(self) -> None:
        """Notes that the oldest complete message was passed on."""
        if self._finished:
            self._held.add(-self._finished.popleft())

    def _count(self, data: bytes) -> int:
        """Counts the data; returns the number of its bytes in front of an unmasked frame."""
        earlier = len(self._header)
        data = self._header + data if self._header else data
        at, size = 0, len(data)
        while at < size:
            if not self._left:
                header_bytes = self._begin(data, at)
                if header_bytes == _UNMASKED:
                    return max(at - earlier, 0)
                if not header_bytes:
                    break
                at += header_bytes
                if self._is_over:
                    return 0
            step = min(self._left, size - at)
            at += step
            self._left -= step
            if self._is_data and step:
                self._message_bytes += step
                self._held.add(step)
            if not self._left and self._is_data and self._is_final:
                self._finished.append(self._message_bytes)
                self._message_bytes, self.since = 0, math.inf
        self._header = data[at:]
        return size - earlier

    def _begin(self, data: bytes, at: int) -> int:
        """Reads a frame's header; returns its size. 0: its rest has not arrived; `_UNMASKED`."""
        if len(data) - at < 2:
            return 0
        first, second = data[at], data[at + 1]
        if not second & _MASKED:
            return _UNMASKED
        length = second & 0x7F
        extended = {_LENGTH_16: 2, _LENGTH_64: 8}.get(length, 0)
        header_bytes = 2 + extended + _MASK_BYTES
        if len(data) - at < header_bytes:
            return 0
        self._left = int.from_bytes(data[at + 2 : at + 2 + extended], "big") if extended else length
        self._is_data, self._is_final = first & 0xF <= _LAST_DATA_OPCODE, bool(first & _FIN)
        if self._is_data:
            now = self._clock()
            self.since = min(self.since, now)
            if not self._is_final and self._left < SMALL_FRAGMENT_BYTES and not self._fragments.take(1.0, now):
                self._is_over = True
                self._on_fragments()
        return header_bytes
