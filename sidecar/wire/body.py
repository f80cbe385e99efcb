"""Request bodies, read with a maximum size and a timeout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import ClientError

from services.runtime.errors import InvalidArgument, ResourceExhausted

if TYPE_CHECKING:
    from aiohttp import web

    from sidecar.wire.held_bytes import Held


class Body:
    """Reads the body of a request on demand.

    Args:
        request: The request.
        max_bytes: Maximum size of the body.
        timeout_s: Timeout for the whole body, in seconds.
        held: Counts the bytes that have arrived; None: a small body.
    """

    def __init__(self, request: web.BaseRequest, *, max_bytes: int, timeout_s: float, held: Held | None = None) -> None:
        self._held = held
        self._request = request
        self._max_bytes = max_bytes
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        self._read = bytearray()

    async def line(self, prefix: bytes, max_bytes: int) -> bytes | None:
        """Consumes the first line if it begins with `prefix`, and returns the rest of that line.

        Returns None if the body does not begin with `prefix`, or if its first line is longer than `max_bytes`.
        """
        while len(self._read) < max_bytes and b"\n" not in self._read:
            if not prefix.startswith(bytes(self._read[: len(prefix)])) and not self._read.startswith(prefix):
                return None
            if not await self._more():
                break
        end = self._read.find(b"\n", 0, max_bytes)
        if end < 0 or not self._read.startswith(prefix):
            return None
        line = bytes(self._read[len(prefix) : end])
        del self._read[: end + 1]
        return line

    async def rest(self) -> bytes:
        """Returns the rest of the body.

        Raises:
            ResourceExhausted: REQUEST_TOO_LARGE.
            InvalidArgument: BODY_INCOMPLETE: it did not arrive completely within the timeout.
        """
        if (self._request.content_length or 0) > self._max_bytes:
            raise self._too_large()
        while await self._more():
            if len(self._read) > self._max_bytes:
                raise self._too_large()
        return bytes(self._read)

    async def _more(self) -> bool:
        try:
            async with asyncio.timeout_at(self._deadline):
                chunk = await self._request.content.readany()
        except (TimeoutError, ClientError, ConnectionError):
            raise InvalidArgument.of(
                "body", "did not arrive completely within the timeout", reason="BODY_INCOMPLETE"
            ) from None
        if self._held is not None:
            self._held.add(len(chunk))
            if self._held.is_dropped:
                await asyncio.sleep(0)  # raises: this task was cancelled
        self._read += chunk
        return bool(chunk)

    def _too_large(self) -> ResourceExhausted:
        return ResourceExhausted(
            f"the body must not be larger than {self._max_bytes} bytes",
            reason="REQUEST_TOO_LARGE",
            metadata={"max_bytes": str(self._max_bytes)},
        )
