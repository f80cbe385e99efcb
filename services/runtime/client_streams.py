"""Client-side request streams that end with the status sent by the server.

grpc.aio overwrites the status of a call with INTERNAL when a write fails because the server has ended the stream
(grpc/grpc#36066; grpc/grpc#43486 explains why): a recorder refused with UNAUTHENTICATED or ABORTED reports
"Internal error from Core" instead, and more often so on a busy machine. `status_kept` returns a channel with
streams that wait for the server's status after a failed write. Remove this module once grpcio has the fix:
tests/runtime/test_client_streams.py then reports it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

# Private, like everything that this module replaces.
from grpc._cython import cygrpc
from grpc.aio._call import StreamStreamCall, StreamUnaryCall, _StreamRequestMixin

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc

STATUS_WAIT_S = 5.0
"""Maximum wait for the status after a failed write: it is either in transit, or the connection is lost, which is a
status too. Reached only by an error of gRPC itself, which is reported as INTERNAL."""


def status_kept(channel: grpc.aio.Channel, *, wait_s: float = STATUS_WAIT_S) -> grpc.aio.Channel:
    """Returns `channel`; its calls with request streams end with the status sent by the server.

    Unary requests, metadata, deadlines and cancellation are unchanged. A write to an ended stream raises that status
    as AioRpcError, or InvalidStateError when the status is OK; reads report the end as usual. Idempotent: a second
    call with the same channel has no effect.

    Args:
        channel: A channel of grpc.aio.
        wait_s: Maximum wait for the server's status after a failed write; INTERNAL after that.
    """
    unwrapped: Any = channel
    if not getattr(unwrapped, "keeps_status", False):
        unwrapped.stream_stream = _keeping(channel.stream_stream, wait_s)
        unwrapped.stream_unary = _keeping(channel.stream_unary, wait_s)
        unwrapped.keeps_status = True
    return channel


def _keeping(method: Callable[..., Any], wait_s: float) -> Callable[..., Any]:
    """Returns a channel's `stream_stream` or `stream_unary` with calls that keep the status."""

    def multi_callable(*args: Any, **options: Any) -> Callable[..., Any]:
        start: Callable[..., Any] = method(*args, **options)

        def call(*args: Any, **options: Any) -> Any:
            started = start(*args, **options)
            # Before its tasks run: they start in the next iteration of the event loop and then use this call.
            if kept := _KEPT.get(type(started)):
                started.__class__, reads_ahead = kept
                started._cython_call = _StatusKept(started._cython_call, wait_s, reads_ahead=reads_ahead)  # noqa: SLF001 - no public place
            return started

        return call

    return multi_callable


async def _write(self: Any, request: Any) -> None:
    """Writes; after the end of the stream raises the status instead of grpc.aio's InvalidStateError."""
    try:
        await _StreamRequestMixin._write(self, request)  # noqa: SLF001 - the replaced method
    except asyncio.InvalidStateError:
        if self.done():
            await self._raise_for_status()
        raise


# These replace the class of a call, so the layout must stay the same.
class _StreamStreamCall(StreamStreamCall[Any, Any]):
    __slots__ = ()
    _write = _write


class _StreamUnaryCall(StreamUnaryCall[Any, Any]):
    __slots__ = ()
    _write = _write


# By class of grpc.aio: the class here, and whether the caller reads: a call with one answer is read by grpc.aio itself.
_KEPT: dict[type, tuple[type, bool]] = {
    StreamStreamCall: (_StreamStreamCall, True),
    StreamUnaryCall: (_StreamUnaryCall, False),
}


class _StatusKept:
    """A gRPC core call that waits for the server's status before it reports a failed write.

    The core delivers the status after the last message. After a failed write, the answers that the caller has not
    read yet are therefore read ahead and kept for the caller: all of them precede the status.
    """

    __slots__ = ("_ahead", "_ended", "_inner", "_turn", "_wait_s")

    def __init__(self, inner: Any, wait_s: float, *, reads_ahead: bool) -> None:
        self._inner = inner
        self._wait_s = wait_s
        self._ahead: deque[bytes] = deque()
        self._ended = not reads_ahead
        self._turn = asyncio.Lock()  # the core allows one read at a time

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def done(self) -> bool:
        """Returns whether the status has arrived and the caller has read every answer before it."""
        return not self._ahead and self._inner.done()

    def cancel(self, details: str) -> None:
        """Cancels the call; the status of an ended call stays."""
        self._ahead.clear()
        if not self._inner.done():
            self._inner.cancel(details)

    async def receive_serialized_message(self) -> Any:
        """Returns the next answer, or EOF."""
        async with self._turn:
            if self._ahead:
                return self._ahead.popleft()
            return cygrpc.EOF if self._ended else await self._inner.receive_serialized_message()

    async def send_serialized_message(self, message: bytes) -> None:
        """Sends; raises the core's errors, but only after the status has arrived."""
        try:
            await self._inner.send_serialized_message(message)
        except cygrpc.InternalError:
            await self._await_status()
            raise

    async def send_receive_close(self) -> None:
        """Half-closes. A failure appears only in the status: grpc.aio would expose the core's own error."""
        try:
            await self._inner.send_receive_close()
        except cygrpc.InternalError as error:
            await self._await_status()
            self.set_internal_error(str(error))

    def set_internal_error(self, description: str) -> None:
        """Sets INTERNAL, unless there is a status."""
        if not self._inner.done():
            self._inner.set_internal_error(description)

    async def _read_ahead(self) -> None:
        try:
            message = await self._inner.receive_serialized_message()
        except cygrpc.InternalError:
            message = cygrpc.EOF
        if message is cygrpc.EOF:
            self._ended = True
        else:
            self._ahead.append(message)

    async def _await_status(self) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                while not self._ended and not self._inner.done():
                    async with self._turn:
                        await self._read_ahead()
                await self._inner.status()
        except TimeoutError:
            pass
