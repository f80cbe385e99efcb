"""WebSocket routes: each socket from the upgrade to the close frame, and the set of open sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from services.runtime.errors import AfterimageError, InvalidArgument
from services.runtime.token_bucket import TokenBucket
from sidecar.gate.access_log import CLOSE_CODE
from sidecar.gate.client_address import limit_key
from sidecar.gate.gate import Quota
from sidecar.streams.bridge import Bridge
from sidecar.streams.connection import BrowserConnection
from sidecar.wire import close_codes
from sidecar.wire.frames import BINARY, JSON
from sidecar.wire.http_errors import error_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.runtime.settings import SidecarSettings
    from sidecar.gate.gate import Caller, Gate
    from sidecar.metrics import SidecarMetrics
    from sidecar.upstreams import Upstreams
    from sidecar.wire.held_bytes import Held, HeldBytes
    from sidecar.wire.methods import StreamRoute

_log = structlog.get_logger("afterimage.sidecar.access")

_BEARER = "bearer."
_SLICE = 200  # bridges to check before yielding to other tasks
_CONTRACT_CODES = frozenset(int(code) for code in close_codes.CloseCode) | {1005, 1006}


class WebSockets:
    """Handles the streams of the route table, and tracks all open sockets."""

    def __init__(
        self,
        *,
        settings: SidecarSettings,
        door: Gate,
        upstreams: Upstreams,
        metrics: SidecarMetrics,
        held_bytes: HeldBytes,
        max_chunk_frame_bytes: int,
    ) -> None:
        self._settings = settings
        self._door = door
        self._upstreams = upstreams
        self._metrics = metrics
        self._held_bytes = held_bytes
        self._max_chunk_frame_bytes = max_chunk_frame_bytes
        self._open: set[Bridge] = set()
        self._is_stopping = False
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        self._quota = Quota(
            "upgrade", settings.upgrades_per_minute_per_address, settings.upgrades_per_minute_per_subject
        )

    def add_routes(self, router: web.UrlDispatcher, streams: tuple[StreamRoute, ...]) -> None:
        """Adds the route of every stream."""
        for stream in streams:

            async def handle(request: web.Request, stream: StreamRoute = stream) -> web.StreamResponse:
                return await self._handle(request, stream)

            router.add_get(stream.path, handle, allow_head=False)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Checks the sockets periodically while the block runs; closes all of them with 1001 when it ends."""
        settings = self._settings
        every_s = min(settings.pong_timeout_s, settings.slow_timeout_s, settings.ping_interval_s) / 4
        # No TaskGroup: it would wrap exceptions of the block.
        watch = asyncio.create_task(self._watch(every_s))
        try:
            yield
        finally:
            await self._end_all()
            watch.cancel()
            await asyncio.wait([watch])

    async def _handle(self, request: web.Request, stream: StreamRoute) -> web.StreamResponse:
        try:
            is_json, token = _offer(request)

            async def offered() -> str:
                return token

            async with self._door.connected(
                request, stream.rpc, self._quota, offered, is_recording=stream.is_recording
            ) as caller:
                if is_json is None:
                    return _why_not_upgraded()
                largest = self._max_chunk_frame_bytes if stream.is_recording else self._settings.max_request_bytes
                # Base64 increases the size of payloads by a third.
                largest = largest if not is_json else largest * 4 // 3 + 1024
                with self._held_bytes.holder(limit_key(caller.address)) as held:
                    return await self._connect(request, stream, caller, held, is_json=is_json, largest=largest)
        except AfterimageError as error:
            self._door.refused(stream.path, error)
            return error_response(error)

    async def _connect(
        self, request: web.Request, stream: StreamRoute, caller: Caller, held: Held, *, is_json: bool, largest: int
    ) -> web.StreamResponse:
        socket = BrowserConnection(
            protocols=(BINARY, JSON),
            max_frame_bytes=largest,
            outgoing_bytes=self._settings.outgoing_bytes,
            close_timeout_s=self._settings.close_timeout_s,
            held=held,
            fragments=TokenBucket(self._settings.messages_per_s, asyncio.get_running_loop().time()),
        )
        await socket.open(request)
        bridge = Bridge(
            socket=socket,
            route=stream,
            is_json=is_json,
            channel=self._upstreams.channel(stream.rpc.service),
            caller=caller,
            remaining_s=self._door.remaining_s(caller),
            max_frame_bytes=largest,
            settings=self._settings,
            metrics=self._metrics,
        )
        request[CLOSE_CODE] = await self._run(bridge, stream)
        return socket

    async def _run(self, bridge: Bridge, stream: StreamRoute) -> int:
        path = stream.path
        self._open.add(bridge)
        self._all_closed.clear()
        self._metrics.opened.labels(path).inc()
        self._metrics.open.labels(path).inc()
        code = 1006
        try:
            if self._is_stopping:
                bridge.leave()
            code = await bridge.run()
        finally:
            self._open.discard(bridge)
            if not self._open:
                self._all_closed.set()
            self._metrics.open.labels(path).dec()
            self._metrics.closed.labels(path, str(code) if code in _CONTRACT_CODES else "other").inc()
        return code

    async def _watch(self, every_s: float) -> None:
        loop = asyncio.get_running_loop()
        checked_at = loop.time()
        while True:
            await asyncio.sleep(every_s)
            late_s, checked_at = max(0.0, loop.time() - checked_at - every_s), loop.time()
            for number, bridge in enumerate(list(self._open)):
                try:
                    await bridge.check(loop.time(), late_s)
                except Exception:  # noqa: BLE001 - an error of one socket must not stop the checks of others
                    _log.exception("unforeseen error", route="watch")
                if number % _SLICE == _SLICE - 1:
                    await asyncio.sleep(0)

    async def _end_all(self) -> None:
        self._is_stopping = True
        for bridge in self._open:
            bridge.leave()
        try:
            async with asyncio.timeout(self._settings.stop_timeout_s):
                await self._all_closed.wait()
        except TimeoutError:
            _log.warning("dropping sockets that did not close in time", count=len(self._open))


def _offer(request: web.BaseRequest) -> tuple[bool | None, str]:
    """Returns whether frames are JSON (None without an upgrade request) and the token in the subprotocols.

    Raises:
        InvalidArgument: SUBPROTOCOL_UNKNOWN: no supported subprotocol is offered.
    """
    offered = [
        name.strip() for value in request.headers.getall("Sec-WebSocket-Protocol", ()) for name in value.split(",")
    ]
    token = next((name.removeprefix(_BEARER) for name in offered if name.startswith(_BEARER)), "")
    if request.headers.get("Upgrade", "").strip().lower() != "websocket":
        return None, token
    agreed = next((name for name in offered if name in {BINARY, JSON}), None)
    if agreed is None:
        raise InvalidArgument.of(
            "Sec-WebSocket-Protocol", f"must include {BINARY} or {JSON}", reason="SUBPROTOCOL_UNKNOWN"
        )
    return agreed == JSON, token


def _why_not_upgraded() -> web.Response:
    """Answers a plain GET of an admitted caller: only the upgrade is missing."""
    text = (
        "This is a WebSocket endpoint, and the request would be admitted. If a WebSocket client gets this response, a\n"
    )
    text += "proxy strips the headers Upgrade and Connection.\n"
    return web.Response(status=426, text=text, headers={"Upgrade": "websocket", "Connection": "Upgrade"})
