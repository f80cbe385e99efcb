"""Bridge between one socket and its gRPC stream.

Two loops: one reads frames and awaits the forwarding of each, which is the backpressure; the other reads the stream and
awaits the socket, where a bounded buffer is the queue of the connection. The end of either loop ends the other. No call
outlives its socket, except for the seconds in which AuditService stores the last chunks of a disconnected recorder.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from aiohttp import WSMsgType

from services.runtime.token_bucket import TokenBucket
from sidecar.streams.ack_lag import AckLag
from sidecar.wire import close_codes, frames
from sidecar.wire.close_codes import Verdict
from sidecar.wire.frames import BadFrame

if TYPE_CHECKING:
    from services.runtime.settings import SidecarSettings
    from sidecar.gate.gate import Caller
    from sidecar.metrics import SidecarMetrics
    from sidecar.streams.connection import BrowserConnection
    from sidecar.wire.methods import StreamRoute

_log = structlog.get_logger("afterimage.sidecar")

_LONGEST_S = 30 * 86_400.0
_ENDS = frozenset({WSMsgType.CLOSING, WSMsgType.CLOSED})


class Bridge:
    """Forwards messages between `socket` and the stream of `route` until either ends.

    Args:
        socket: The open socket.
        route: The socket's route, with the RPC to call.
        is_json: Whether frames are text (JSON) instead of binary.
        channel: The channel to the service.
        caller: The admitted caller.
        remaining_s: Time until the caller's token expires, in seconds.
        max_frame_bytes: Maximum size of a frame.
        settings: Limits and timeouts.
        metrics: The metrics to update.
    """

    def __init__(
        self,
        *,
        socket: BrowserConnection,
        route: StreamRoute,
        is_json: bool,
        channel: grpc.aio.Channel,
        caller: Caller,
        remaining_s: float,
        max_frame_bytes: int,
        settings: SidecarSettings,
        metrics: SidecarMetrics,
    ) -> None:
        self._socket = socket
        self._route = route
        self._is_json = is_json
        self._channel = channel
        self._caller = caller
        self._remaining_s = min(max(remaining_s, 0.0), _LONGEST_S)
        self._settings = settings
        self._traffic = metrics.traffic[route.path]
        self._clock = asyncio.get_running_loop().time
        self._excess = metrics.excess
        socket.on_excess = self._exceeded
        now = self._clock()
        rate = settings.bytes_per_s
        self._messages = TokenBucket(settings.messages_per_s, now)
        self._bytes = TokenBucket(rate, now, max(rate * 5.0, float(max_frame_bytes)))
        self._acks = AckLag(metrics.ack_lag) if route.is_recording else None
        self._call: Any = None
        self._writer: asyncio.Task[None] | None = None
        self._deadline: asyncio.Timeout | None = None
        self._verdict: Verdict | None = None
        self._is_gone = False
        # For `check`: times of the peer's last frame and of its last progress in reading.
        self._heard_at = self._progress_at = now
        self._pinged_at = math.inf
        self._forwarding_since = math.inf
        self._written = self._taken = 0

    async def run(self) -> int:
        """Forwards until either side ends, closes the other side, and returns the close code."""
        try:
            peer_code = await self._read_until_ended()
            if self._verdict is None:
                self._is_gone = True
                await self._let_the_service_finish()
                return peer_code
            if self._verdict is close_codes.GOING_AWAY:
                await self._let_the_service_finish()
            await self._socket.shut(self._verdict)
            return int(self._verdict.code)
        finally:
            self._is_gone = True
            if self._call is not None:
                self._call.cancel()
            if self._writer is not None:
                self._writer.cancel()
                await asyncio.wait([self._writer])
            self._socket.release()

    def end(self, verdict: Verdict) -> None:
        """Ends the bridge soon, with `verdict` unless another one was set before."""
        if self._verdict is None:
            self._verdict = verdict
            if self._deadline is not None:
                self._deadline.reschedule(self._clock())

    def leave(self) -> None:
        """Ends the bridge because this server stops, and lets a frame that is being sent reach the service."""
        deadline = self._deadline
        if self._verdict is None and deadline is not None and self._forwarding_since < math.inf:
            # Cancelling a write would cancel the call with all that was written before.
            self._verdict = close_codes.GOING_AWAY
            deadline.reschedule(self._clock() + self._settings.drain_timeout_s)
        else:
            self.end(close_codes.GOING_AWAY)

    def _exceeded(self, verdict: Verdict) -> None:
        self._excess.labels(verdict.word).inc()
        self.end(verdict)

    async def check(self, now: float, late_s: float = 0.0) -> None:
        """Checks the peer, periodically: pings a silent one, and ends the bridge if it is dead or does not read.

        Args:
            now: The current time of the event loop.
            late_s: Delay of this check, in seconds. In that time this process stood still: the peer's frames may be
                unread and its output unsent, so its timeouts are extended by as much.
        """
        settings = self._settings
        self._progress_at = min(now, self._progress_at + late_s)
        # While the service does not read, neither are frames read.
        is_unread = self._forwarding_since < math.inf
        self._socket.delay_unfinished(now if is_unread else min(now, self._socket.unfinished_since + late_s))
        if now - self._socket.unfinished_since > settings.body_timeout_s and self._verdict is None:
            self._exceeded(close_codes.UNFINISHED)
        if self._pinged_at < math.inf:
            self._pinged_at = min(now, self._pinged_at + late_s)
        if self._forwarding_since < math.inf:
            # The service does not read, so frames are not read either: the peer's pong may be in the buffer.
            self._heard_at, self._pinged_at = now, math.inf
            if self._socket.is_lost and now - self._forwarding_since > settings.drain_timeout_s:
                self.end(close_codes.GOING_AWAY)
        elif now - self._pinged_at > settings.pong_timeout_s:
            self._socket.abort()
        waiting = self._socket.waiting_bytes
        taken = self._written - waiting
        if not waiting or taken != self._taken:
            self._taken, self._progress_at = taken, now
        elif now - self._progress_at > settings.slow_timeout_s:
            self.end(close_codes.SLOW)
        # Only with an empty buffer: a ping must not wait for the peer.
        if not waiting and self._pinged_at == math.inf and now - self._heard_at >= settings.ping_interval_s:
            self._pinged_at = now
            try:
                await self._socket.ping()
            except ConnectionError:
                self._pinged_at = math.inf

    async def _read_until_ended(self) -> int:
        """Forwards frames until the peer closes or a verdict is set; returns the peer's close code or 1006."""
        try:
            async with asyncio.timeout(0.0 if self._verdict else self._remaining_s) as deadline:
                self._deadline = deadline
                try:
                    return await self._read_frames()
                finally:
                    self._deadline = None
        except TimeoutError:
            if not deadline.expired():
                raise
            self._verdict = self._verdict or close_codes.EXPIRED
        except BadFrame as bad:
            self._verdict = self._verdict or bad.verdict
        return 1006

    async def _read_frames(self) -> int:
        """Forwards frames until the peer closes and returns its close code. Raises BadFrame."""
        while True:
            frame = await self._socket.receive()
            now = self._heard_at = self._clock()
            self._pinged_at = math.inf
            kind = frame.type
            if kind is WSMsgType.CLOSE:
                return frame.data or 1005
            if kind in _ENDS:
                return 1006
            if kind is WSMsgType.ERROR:
                raise BadFrame(close_codes.of_parser(getattr(frame.data, "code", 0)) or close_codes.BAD_FRAME)
            size = len(frame.data)
            if not (self._messages.take(1.0, now) and self._bytes.take(size, now)):
                raise BadFrame(close_codes.RATE_LIMITED)
            if kind is WSMsgType.PING:
                await self._pong(frame.data)
            elif kind is not WSMsgType.PONG:
                self._traffic.frames_in += 1
                self._traffic.bytes_in += size
                if (kind is WSMsgType.TEXT) is not self._is_json:
                    raise BadFrame(close_codes.BINARY_FRAME if self._is_json else close_codes.TEXT_FRAME)
                data = await self._transcoded(frame.data, now) if self._is_json else self._checked(frame.data, now)
                await self._forward(data, now)
                self._socket.passed_on()
                if self._verdict is not None:
                    return 1006

    async def _pong(self, data: bytes) -> None:
        try:
            await self._socket.pong(data)
        except ConnectionError:
            self._is_gone = True

    def _checked(self, data: bytes, now: float) -> bytes:
        """Returns `data` unchanged after checking that it is a message of the route."""
        message = frames.parse(self._route.rpc.request_type, data)
        if self._acks is not None:
            self._acks.sent(message, now)
        return data

    async def _transcoded(self, text: str, now: float) -> bytes:
        """Returns the serialised message of the JSON form `text`."""
        try:
            message = await frames.from_json(self._route.rpc.request_type, text)
        except ValueError:
            raise BadFrame(close_codes.BAD_JSON) from None
        if self._acks is not None:
            self._acks.sent(message, now)
        return message.SerializeToString()

    async def _forward(self, data: bytes, now: float) -> None:
        if not self._route.is_bidi and self._call is not None:
            raise BadFrame(close_codes.EXTRA_FRAME)
        if self._call is None:
            self._open(data)
            if not self._route.is_bidi:
                return
        self._forwarding_since = now
        try:
            await self._call.write(data)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await self._stream_ended()
        except asyncio.CancelledError:
            # Either the stream or this task was cancelled.
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            await self._stream_ended()
        finally:
            self._forwarding_since = math.inf

    async def _stream_ended(self) -> None:
        """Waits for the other loop, which sets the verdict."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    def _open(self, first: bytes) -> None:
        """Calls the service. Called with the first frame, so that a silent socket costs the service nothing."""
        rpc, metadata = self._route.rpc, self._caller.metadata
        if self._route.is_bidi:
            self._call = self._channel.stream_stream(rpc.method)(metadata=metadata)
        else:
            request: Any = first
            self._call = self._channel.unary_stream(rpc.method)(request, metadata=metadata)
        self._writer = asyncio.create_task(self._write_frames())

    async def _write_frames(self) -> None:
        """Forwards the service's messages until its stream ends, then ends the socket with the matching verdict."""
        read = self._call.read
        try:
            while (message := await read()) is not grpc.aio.EOF:
                if not self._is_gone:
                    await self._send(message)
        except grpc.aio.AioRpcError as error:
            self.end(close_codes.of_error(error))
        except asyncio.CancelledError:
            self.end(
                close_codes.UNAVAILABLE
            )  # no effect if this task was cancelled by `run`: the verdict is set by then
            raise
        except Exception:  # noqa: BLE001 - any error must still close the socket
            _log.exception("unforeseen error", route=self._route.path, request_id=self._caller.request_id)
            self.end(close_codes.INTERNAL)
        else:
            self.end(close_codes.DONE)

    async def _send(self, message: bytes) -> None:
        if self._acks is not None:
            self._acks.received(message, self._clock())
        try:
            if self._is_json:
                text = await frames.to_json(self._route.rpc.response_type, message)
                self._count_out(len(text))
                await self._socket.send_str(text)
            else:
                self._count_out(len(message))
                await self._socket.send_bytes(message)
        except ConnectionError:
            self._is_gone = True  # chunks that it sent before are still stored

    def _count_out(self, size: int) -> None:
        self._written += size
        self._traffic.frames_out += 1
        self._traffic.bytes_out += size

    async def _let_the_service_finish(self) -> None:
        """Waits until the recorder's chunks are stored; a peer that is still connected gets the acks."""
        if self._writer is None or not self._route.is_bidi or self._writer.done():
            return
        try:
            async with asyncio.timeout(self._settings.drain_timeout_s):
                await self._call.done_writing()
                await asyncio.wait([self._writer])
        except (TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
