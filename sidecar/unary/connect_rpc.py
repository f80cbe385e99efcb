"""Connect protocol: every unary RPC as POST /package.Service/Method, with proto or JSON bodies.

Specification: https://connectrpc.com/docs/protocol. Clients are connect-web, connect-node and curl. Proto messages are
forwarded unchanged; errors carry their details. Not supported: GET requests, compressed requests, streams (see the
WebSocket routes).
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import grpc
from aiohttp import web
from google.rpc import code_pb2, status_pb2

from services.runtime.errors import AfterimageError, InvalidArgument, Unimplemented
from sidecar.gate.client_address import limit_key
from sidecar.gate.gate import Quota
from sidecar.wire import frames
from sidecar.wire.body import Body
from sidecar.wire.close_codes import status_of
from sidecar.wire.frames import BadFrame
from sidecar.wire.http_errors import error_response, status_response

if TYPE_CHECKING:
    from services.runtime.settings import SidecarSettings
    from sidecar.gate.gate import Caller, Gate
    from sidecar.upstreams import Upstreams
    from sidecar.wire.held_bytes import HeldBytes
    from sidecar.wire.methods import Rpc

PROTO = "application/proto"
JSON = "application/json"

_TIMEOUT_MS = re.compile(r"[0-9]{1,10}")
_GZIP_FROM_BYTES = 2048


class Connect:
    """Handles the unary RPCs of the route table."""

    def __init__(self, *, settings: SidecarSettings, door: Gate, upstreams: Upstreams, held_bytes: HeldBytes) -> None:
        self._settings = settings
        self._held_bytes = held_bytes
        self._door = door
        self._upstreams = upstreams
        self._quota = Quota("request", settings.requests_per_minute_per_address)

    def add_routes(self, router: web.UrlDispatcher, unary: tuple[Rpc, ...]) -> None:
        """Adds a route for every RPC; its path is the full name of the method."""
        for rpc in unary:

            async def handle(request: web.Request, rpc: Rpc = rpc) -> web.StreamResponse:
                return await self._handle(request, rpc)

            router.add_post(rpc.method, handle)

    async def _handle(self, request: web.Request, rpc: Rpc) -> web.StreamResponse:
        if request.content_type not in {PROTO, JSON}:
            return web.Response(status=415, headers={"Accept-Post": f"{PROTO}, {JSON}"})
        is_json = request.content_type == JSON
        try:
            caller = await self._door.admit(request, rpc, self._quota)
        except AfterimageError as error:
            self._door.refused(rpc.method, error)
            return error_response(error)
        try:
            timeout_s = self._timeout_s(request)
            with self._held_bytes.request(limit_key(caller.address)) as held:
                body = Body(
                    request,
                    max_bytes=self._settings.max_request_bytes,
                    timeout_s=self._settings.body_timeout_s,
                    held=held,
                )
                message = await _message(rpc, await body.rest(), is_json=is_json)
        except AfterimageError as error:
            return error_response(error)
        answer = await self._called(rpc, message, caller, timeout_s)
        if isinstance(answer, status_pb2.Status):
            response = status_response(answer)
        else:
            response = await _response(request, rpc, answer, is_json=is_json)
        response.headers["x-request-id"] = caller.request_id
        return response

    async def _called(self, rpc: Rpc, message: bytes, caller: Caller, timeout_s: float) -> bytes | status_pb2.Status:
        call: Any = self._upstreams.channel(rpc.service).unary_unary(rpc.method)
        try:
            answer: bytes = await call(message, metadata=caller.metadata, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            return status_of(error)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return status_pb2.Status(code=code_pb2.UNAVAILABLE, message="the service ended the call")
        return answer

    def _timeout_s(self, request: web.BaseRequest) -> float:
        """Returns the timeout of the call in seconds; also checks the other headers of the protocol."""
        version = request.headers.get("Connect-Protocol-Version", "1")
        if version != "1":
            raise InvalidArgument.of("Connect-Protocol-Version", 'must be "1"', reason="PROTOCOL_VERSION")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Unimplemented('compressed requests: supported is "identity"', reason="ENCODING_UNKNOWN")
        given = request.headers.get("Connect-Timeout-Ms")
        if given is None:
            return self._settings.request_timeout_s
        if not _TIMEOUT_MS.fullmatch(given):
            raise InvalidArgument.of("Connect-Timeout-Ms", "must be 1 to 10 digits", reason="TIMEOUT_MALFORMED")
        return min(int(given) / 1000, self._settings.request_timeout_s)


async def _message(rpc: Rpc, body: bytes, *, is_json: bool) -> bytes:
    """Returns the serialised request message.

    Raises:
        InvalidArgument: MESSAGE_MALFORMED.
    """
    try:
        if not is_json:
            frames.parse(rpc.request_type, body)
            return body
        # Like other Connect servers: a newer client may send unknown fields.
        parsed = await frames.from_json(rpc.request_type, body, lenient=True)
        return parsed.SerializeToString()
    except (ValueError, BadFrame):
        form = "the JSON form of" if is_json else "a serialised"
        raise InvalidArgument.of(
            "body", f"not {form} {rpc.request_type.DESCRIPTOR.name}", reason="MESSAGE_MALFORMED"
        ) from None


async def _response(request: web.BaseRequest, rpc: Rpc, answer: bytes, *, is_json: bool) -> web.Response:
    body = (await frames.to_json(rpc.response_type, answer)).encode() if is_json else answer
    response = web.Response(body=body, content_type=JSON if is_json else PROTO, headers={"Cache-Control": "no-store"})
    if len(body) >= _GZIP_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response
