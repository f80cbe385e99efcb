"""A WebSocket that closes with our codes, and never waits for a peer without a bound."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from sidecar.wire import close_codes

if TYPE_CHECKING:
    from sidecar.wire.close_codes import Verdict

_POLL_S = 0.05
_LINGER_S = 1.0


class Socket(web.WebSocketResponse):
    """A WebSocket of ours; `open` it, then read and write, then `shut` it.

    Frames are not compressed (payloads are already), pings and pongs are handed to the reader, which counts them.

    Args:
        protocols: Subprotocols that may be agreed upon.
        max_frame_bytes: Most bytes of a message, all its fragments together.
        outgoing_bytes: Bytes that may wait for the peer before a write waits.
        close_timeout_s: Seconds for the closing handshake.
    """

    def __init__(
        self, *, protocols: tuple[str, ...], max_frame_bytes: int, outgoing_bytes: int, close_timeout_s: float
    ) -> None:
        super().__init__(
            timeout=close_timeout_s,
            protocols=protocols,
            # aiohttp refuses what is as long as its limit, ours is the longest that passes.
            max_msg_size=max_frame_bytes + 1,
            autoping=False,
            compress=False,
        )
        self._outgoing_bytes = outgoing_bytes
        self._close_timeout_s = close_timeout_s
        self._transport: asyncio.Transport | None = None

    async def open(self, request: web.Request) -> None:
        """Answers the upgrade.

        Raises:
            HTTPBadRequest: It is none that RFC 6455 knows.
        """
        await self.prepare(request)
        transport = self._transport = request.transport
        if transport is not None:
            # The transport's buffer is the queue of this socket: writes wait while it is fuller than this.
            transport.set_write_buffer_limits(high=self._outgoing_bytes)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone."""
        return self._transport is None or self._transport.is_closing()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the peer to take them."""
        return 0 if self._transport is None or self._transport.is_closing() else self._transport.get_write_buffer_size()

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """Closes; a code of aiohttp's parser becomes one of the contract."""
        verdict = close_codes.of_parser(code)
        if verdict is None:
            return await super().close(code=code, message=message, drain=drain)
        # The parser is of no use any more, so aiohttp would close at once, and what the peer is still sending would
        # come back to it as a reset that overtakes the close frame.
        await self.send_frame(struct.pack("!H", verdict.code) + verdict.message, WSMsgType.CLOSE)
        for _ in range(int(_LINGER_S / _POLL_S)):
            if self.is_lost:
                break
            await asyncio.sleep(_POLL_S)
        self.abort()
        return await super().close(code=verdict.code, message=verdict.message, drain=False)

    async def shut(self, verdict: Verdict) -> None:
        """Closes with `verdict`; a peer that does not answer in time is dropped."""
        try:
            async with asyncio.timeout(self._close_timeout_s):
                await self.close(code=verdict.code, message=verdict.message)
        except TimeoutError:
            self.abort()

    def release(self) -> None:
        """Sees to it that the connection ends: a closed one may still have bytes for a peer that takes none."""
        if self._transport is not None and self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(self._close_timeout_s, self.abort)

    def abort(self) -> None:
        """Drops the connection without a word."""
        if self._transport is not None:
            self._transport.abort()
