r"""POST /record: recording without a WebSocket, for the beacon of a page that unloads and for restricted networks.

The body consists of RecordSessionRequest messages (start, chunks, end), each prefixed with its length as a varint.
Every request is a separate stream: it begins with `start`, and chunks of the window that are stored already are
acknowledged again.

`navigator.sendBeacon` cannot set headers, and tokens must not appear in URLs. Therefore a body may begin with one line
of text, `Bearer <token>\n`, instead of the Authorization header. The line cannot be confused with a message: a message
of length "B" would have to begin with "e", a field that RecordSessionRequest will never have.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from aiohttp import web
from google.protobuf import json_format
from google.rpc import code_pb2, status_pb2

from services.runtime.errors import AfterimageError, InvalidArgument
from sidecar.gate.client_address import client_address, limit_key
from sidecar.gate.gate import Quota
from sidecar.wire import delimited, frames
from sidecar.wire.body import Body
from sidecar.wire.close_codes import status_of
from sidecar.wire.frames import BadFrame, json_bytes
from sidecar.wire.http_errors import error_response, status_response
from sidecar.wire.methods import RECORD

if TYPE_CHECKING:
    from services.runtime.settings import SidecarSettings
    from sidecar.gate.gate import Caller, Gate
    from sidecar.upstreams import Upstreams
    from sidecar.wire.held_bytes import Held, HeldBytes

PATH = "/record"
PREAMBLE = b"Bearer "
DELIMITED = "application/x-protobuf"

_MAX_PREAMBLE_BYTES = 9 * 1024  # a token has at most 8,192 characters


class RecordHttp:
    """Handles POST /record."""

    def __init__(
        self,
        *,
        settings: SidecarSettings,
        door: Gate,
        upstreams: Upstreams,
        held_bytes: HeldBytes,
        max_body_bytes: int,
    ) -> None:
        self._held_bytes = held_bytes
        self._settings = settings
        self._door = door
        self._upstreams = upstreams
        self._max_body_bytes = max_body_bytes
        self._quota = Quota("request", settings.requests_per_minute_per_address)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Returns the service's messages, length-delimited or (Accept: application/json) as JSON."""
        address = client_address(request, self._settings.trusted_proxies)
        try:
            with self._held_bytes.request(limit_key(address)) as held:
                answers = await self._answers(request, held)
        except AfterimageError as error:
            self._door.refused(PATH, error)
            return error_response(error)
        if isinstance(answers, status_pb2.Status):
            return status_response(answers)
        if "application/json" in request.headers.get("Accept", ""):
            shown = [json_format.MessageToDict(RECORD.response_type.FromString(answer)) for answer in answers]
            return web.Response(body=json_bytes({"responses": shown}), content_type="application/json")
        return web.Response(body=delimited.join(answers), content_type=DELIMITED)

    async def _answers(self, request: web.Request, held: Held) -> list[bytes] | status_pb2.Status:
        body = Body(request, max_bytes=self._max_body_bytes, timeout_s=self._settings.body_timeout_s, held=held)

        async def preamble() -> str:
            line = await body.line(PREAMBLE, _MAX_PREAMBLE_BYTES)
            return (line or b"").decode("ascii", "replace").strip()

        async with self._door.connected(request, RECORD, self._quota, preamble, is_recording=True) as caller:
            return await self._recorded(_messages(await body.rest()), caller)

    async def _recorded(self, messages: list[bytes], caller: Caller) -> list[bytes] | status_pb2.Status:
        channel = self._upstreams.channel(RECORD.service)
        call: Any = channel.stream_stream(RECORD.method)(
            metadata=caller.metadata, timeout=self._settings.request_timeout_s
        )
        answers: list[bytes] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_write(call, messages))
                while (answer := await call.read()) is not grpc.aio.EOF:
                    answers.append(answer)
        except* grpc.aio.AioRpcError as group:
            return_status = status_of(_leaf(group))
        except* asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return_status = status_pb2.Status(code=code_pb2.UNAVAILABLE, message="the service ended the call")
        else:
            return answers
        finally:
            call.cancel()
        return return_status


async def _write(call: Any, messages: list[bytes]) -> None:
    try:
        for message in messages:
            await call.write(message)
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        return  # the reader gets the reason for the end of the stream


def _messages(body: bytes) -> list[bytes]:
    try:
        messages = list(delimited.split(body))
        for message in messages:
            frames.parse(RECORD.request_type, message)
    except (ValueError, BadFrame):
        raise InvalidArgument.of(
            "body", "not length-delimited RecordSessionRequest messages", reason="MESSAGE_MALFORMED"
        ) from None
    return messages


def _leaf(group: BaseExceptionGroup[grpc.aio.AioRpcError]) -> grpc.aio.AioRpcError:
    first = group.exceptions[0]
    return _leaf(first) if isinstance(first, BaseExceptionGroup) else first
