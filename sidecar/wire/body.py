"""The body of a request, read within a bound and a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import ClientError

from services.runtime.errors import InvalidArgument, ResourceExhausted

if TYPE_CHECKING:
    from aiohttp import web


class Body:
    """Reads what a request carries; nothing is read before it is asked for.

    Args:
        request: Whose body.
        max_bytes: Most bytes of it.
        timeout_s: Seconds for all of it.
    """

    def __init__(self, request: web.BaseRequest, *, max_bytes: int, timeout_s: float) -> None:
        self._request = request
        self._max_bytes = max_bytes
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        self._read = bytearray()

    async def line(self, prefix: bytes, max_bytes: int) -> bytes | None:
        """Takes the first line off, if it begins with `prefix`, and returns the rest of that line.

        None: the body does not begin so, or its first line is longer than `max_bytes`.
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
        """Returns what was not taken yet.

        Raises:
            ResourceExhausted: REQUEST_TOO_LARGE.
            InvalidArgument: BODY_INCOMPLETE: it did not arrive, or not in time.
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
                "body", "did not arrive in time, or not all of it", reason="BODY_INCOMPLETE"
            ) from None
        self._read += chunk
        return bool(chunk)

    def _too_large(self) -> ResourceExhausted:
        return ResourceExhausted(
            f"the body may have {self._max_bytes} bytes",
            reason="REQUEST_TOO_LARGE",
            metadata={"max_bytes": str(self._max_bytes)},
        )
