"""A WebSocket that closes with the contract's codes and never waits for a peer without a timeout."""

from __future__ import annotations

import asyncio
import math
import struct
from typing import TYPE_CHECKING

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from sidecar.streams.frame_meter import FrameMeter
from sidecar.wire import close_codes

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp._websocket.writer import WebSocketWriter

    from services.runtime.token_bucket import TokenBucket
    from sidecar.wire.close_codes import Verdict
    from sidecar.wire.held_bytes import Held

UNMASKED = WSCloseCode.POLICY_VIOLATION
"""Code of the error at an unmasked frame; aiohttp's own parser never uses it (close_codes.py)."""

_POLL_S = 0.05
_LINGER_S = 1.0


class BrowserConnection(web.WebSocketResponse):
    """A server WebSocket: call `open`, then read and write, then `shut`.

    Frames are not compressed, because payloads are. Pings and pongs are passed to the reader, which counts them.

    Args:
        protocols: Supported subprotocols.
        max_frame_bytes: Maximum size of a message with all of its fragments.
        outgoing_bytes: Number of unsent bytes above which a write waits for the peer.
        close_timeout_s: Timeout of the closing handshake, in seconds.
        held: Counts the bytes of messages that have not been passed on.
        fragments: Rate of small fragments.

    Attributes:
        on_excess: Called with the verdict when the socket sends more than its limits.
    """

    def __init__(
        self,
        *,
        protocols: tuple[str, ...],
        max_frame_bytes: int,
        outgoing_bytes: int,
        close_timeout_s: float,
        held: Held,
        fragments: TokenBucket,
    ) -> None:
        super().__init__(
            timeout=close_timeout_s,
            protocols=protocols,
            # aiohttp refuses messages of exactly its limit; `max_frame_bytes` is inclusive.
            max_msg_size=max_frame_bytes + 1,
            autoping=False,
            compress=False,
        )
        self._outgoing_bytes = outgoing_bytes
        self._close_timeout_s = close_timeout_s
        self._transport: asyncio.Transport | None = None
        self._held = held
        self._fragments = fragments
        self._meter: FrameMeter | None = None
        self.on_excess: Callable[[Verdict], None] = lambda _: self.abort()
        held.on_excess = lambda: self.on_excess(close_codes.NO_ROOM)

    async def open(self, request: web.Request) -> None:
        """Answers the upgrade request.

        Raises:
            HTTPBadRequest: It is not a valid upgrade request of RFC 6455.
        """
        await self.prepare(request)
        transport = self._transport = request.transport
        if transport is not None:
            # The transport's buffer is the queue of this socket: writes wait while it exceeds this limit.
            transport.set_write_buffer_limits(high=self._outgoing_bytes)

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        """Puts the meter in front of aiohttp's parser.

        aiohttp calls this when the upgrade is answered, before it reads a frame; a later place would miss frames that
        came with the request.
        """
        http = request.protocol
        early, http._message_tail = http._message_tail, b""  # noqa: SLF001 - there is no public hook in front of a frame
        super()._post_start(request, protocol, writer)
        if self._parser is None or (reader := self._reader) is None:
            raise RuntimeError("aiohttp has made no reader")
        self._meter = http._payload_parser = FrameMeter(  # noqa: SLF001
            self._parser,
            self._held,
            self._fragments,
            asyncio.get_running_loop().time,
            lambda: self.on_excess(close_codes.FRAGMENTS),
            lambda: reader.set_exception(WebSocketError(UNMASKED, "a frame of the client is not masked")),
        )
        if early:
            self._meter.feed_data(early)

    @property
    def unfinished_since(self) -> float:
        """Time of the event loop at which an unfinished message began; infinity: no such message."""
        return math.inf if self._meter is None else self._meter.since

    def delay_unfinished(self, until: float) -> None:
        """Counts the time of an unfinished message from `until` on: the peer was not read before."""
        if self._meter is not None and self._meter.since < math.inf:
            self._meter.since = max(self._meter.since, until)

    def passed_on(self) -> None:
        """Notes that the oldest message was passed on."""
        if self._meter is not None:
            self._meter.passed_on()

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone."""
        return self._transport is None or self._transport.is_closing()

    @property
    def waiting_bytes(self) -> int:
        """Number of bytes in the buffer, not yet sent to the peer."""
        return 0 if self._transport is None or self._transport.is_closing() else self._transport.get_write_buffer_size()

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """Closes the socket; maps codes of aiohttp's parser to those of the contract."""
        verdict = close_codes.of_parser(code)
        if verdict is None or self.closed:
            return await super().close(code=code, message=message, drain=drain)
        # After a parser error aiohttp closes at once, and further data of the peer would cause a TCP reset that
        # overtakes the close frame.
        await self.send_frame(struct.pack("!H", verdict.code) + verdict.message, WSMsgType.CLOSE)
        for _ in range(int(_LINGER_S / _POLL_S)):
            if self.is_lost:
                break
            await asyncio.sleep(_POLL_S)
        self.abort()
        return await super().close(code=verdict.code, message=verdict.message, drain=False)

    async def shut(self, verdict: Verdict) -> None:
        """Closes with `verdict`; drops the connection if the peer does not answer in time."""
        try:
            async with asyncio.timeout(self._close_timeout_s):
                await self.close(code=verdict.code, message=verdict.message)
        except TimeoutError:
            self.abort()

    def release(self) -> None:
        """Ensures that the connection ends: after a close, unsent bytes may remain for a peer that does not read."""
        if self._transport is not None and self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(self._close_timeout_s, self.abort)

    def abort(self) -> None:
        """Drops the connection without a close frame."""
        if self._transport is not None:
            self._transport.abort()
