"""Processing around every RPC: admission, errors as statuses, metrics, one log line.

One interceptor does all four, in one frame around the call: nested interceptors would each add a generator between
the servicer and the wire, at a cost per message of a stream. Here a message has no overhead.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.runtime.errors import (
    DOMAIN,
    AfterimageError,
    InvalidArgument,
    PermissionDenied,
    Unimplemented,
)
from services.runtime.identity.tokens import acting_as
from services.runtime.rpc.authorization import OPEN_SERVICES, Authorizer
from services.runtime.rpc.rpc_metrics import RpcMetrics
from services.runtime.rpc.status import to_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from prometheus_client import CollectorRegistry

    from services.runtime.identity.tokens import Identity, Scope, TokenVerifier

    Behaviour = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Any]
    Body = Callable[[], Awaitable[Any]]
    OnDenied = Callable[[str, Identity, Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[None]]

_log = structlog.get_logger("afterimage.rpc")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_CODES = {code.value[0]: code for code in grpc.StatusCode}
# Clients refuse trailers over 8 KiB, and details are sent twice: as the message and inside the status.
_MAX_MESSAGE_CHARS = 1024
_MAX_STATUS_BYTES = 4096
READ_ON_S = 0.1
"""Maximum time that the server reads on before it ends a stream of requests that it refuses. A write that fails because
the stream has ended makes grpc.aio's client lose the status (docs/adr/0010); clients that send a few messages and
half-close no longer run into that."""


def server_interceptors(
    *,
    verifier: TokenVerifier,
    scopes: Mapping[str, frozenset[Scope] | None],
    registry: CollectorRegistry,
    grant_methods: frozenset[str] = frozenset(),
    on_denied: OnDenied | None = None,
) -> list[grpc.aio.ServerInterceptor]:
    """Returns the interceptors of an Afterimage server.

    Args:
        verifier: Verifies tokens and returns their identity.
        scopes: By full method name ("/package.Service/Method"), the scopes of which a caller needs one; None: the
            method needs no token. A method that is not listed is refused; health and reflection are open.
        registry: Registry of the metrics; one server per registry.
        grant_methods: The methods open to a token for one session.
        on_denied: Called after a call with a valid token that does not allow its method has ended, with the full name
            of the method, the caller, the request (an iterator if the method reads a stream) and the context. Errors
            of this tree that it raises are logged. A call with an invalid token has no project, and is not reported.
    """
    return [RpcInterceptor(Authorizer(verifier, scopes, grant_methods), RpcMetrics(registry), on_denied)]


async def read_on(requests: AsyncIterator[Any], most_s: float = READ_ON_S) -> None:
    """Reads the requests that are on their way and drops them, until the half-close or for `most_s` seconds."""
    try:
        async with asyncio.timeout(most_s):
            async for _ in requests:
                pass
    except Exception:  # noqa: BLE001 - the stream ends in any case, by the refusal
        return


class RpcInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every call: authorizes it, maps its errors, counts it and logs it."""

    def __init__(self, admission: Authorizer, metrics: RpcMetrics, on_denied: OnDenied | None = None) -> None:
        self._admission = admission
        self._metrics = metrics
        self._on_denied = on_denied

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Returns the method's wrapped handler."""
        method = handler_call_details.method
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return grpc.unary_unary_rpc_method_handler(self._unary("unknown", _unknown_method, streams=False))
        label = method if self._admission.knows(method) else "unknown"
        make: Any = _MAKERS[handler.request_streaming, handler.response_streaming]
        behaviour: Behaviour = _behaviour(handler)
        if handler.response_streaming:
            wrapped = self._streaming(label, behaviour, method, reads=handler.request_streaming)
        else:
            wrapped = self._unary(label, behaviour, streams=handler.request_streaming, method=method)
        result: grpc.RpcMethodHandler[Any, Any] = make(
            wrapped, _forgiving(handler.request_deserializer), _unless_done(handler.response_serializer)
        )
        return result

    def _unary(self, label: str, behaviour: Behaviour, *, streams: bool, method: str | None = None) -> Behaviour:
        async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = _Call(self, label, method, request, context, reads=streams)
            return await call.run(lambda: behaviour(request, context), streams=streams)

        return answer

    def _streaming(self, label: str, behaviour: Behaviour, method: str, *, reads: bool) -> Behaviour:
        # A coroutine that writes, not a generator: gRPC would write a generator's items in the same way, and
        # this leaves one generator fewer between the servicer and the wire.
        async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            async def body() -> None:
                messages = behaviour(request, context)
                if not hasattr(messages, "__aiter__"):
                    await messages  # the servicer writes its messages itself
                    return
                # Closed immediately: left to the garbage collector, its `finally` would run at an arbitrary time.
                async with aclosing(messages):
                    async for message in messages:
                        await context.write(message)

            await _Call(self, label, method, request, context, reads=reads).run(body, streams=True)

        return answer


class _Call:
    """One RPC from admission to the log line."""

    def __init__(
        self,
        owner: RpcInterceptor,
        label: str,
        method: str | None,
        request: Any,
        context: grpc.aio.ServicerContext[Any, Any],
        *,
        reads: bool,
    ) -> None:
        self._request = request
        self._reads = reads
        self._on_denied = owner._on_denied  # noqa: SLF001 - a part of it
        self._admission = owner._admission  # noqa: SLF001
        self._metrics = owner._metrics  # noqa: SLF001
        self._label = label
        self._method = method
        self._context = context
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        self._authorization = metadata.get("authorization", "")
        given = metadata.get("x-request-id", "")
        self._request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self._identity: Identity | None = None
        self._denied: Identity | None = None

    async def run(self, body: Body, *, streams: bool) -> Any:
        """Returns the result of `body`; any failure ends in a status."""
        started = time.monotonic()
        code = grpc.StatusCode.CANCELLED
        self._metrics.began(self._label)
        try:
            answer = await self._guarded(body, streams=streams)
            if streams:
                # A servicer that reads cannot tell a disconnected caller from the end of the stream; the disconnect
                # is known one iteration of the event loop later.
                await asyncio.sleep(0)
            if not self._context.cancelled():
                code = self._code(grpc.StatusCode.OK)
        except grpc.aio.AbortError:
            code = self._code(grpc.StatusCode.UNKNOWN)
            raise
        else:
            return answer
        finally:
            took_s = time.monotonic() - started
            self._metrics.ended(self._label, code.name, took_s)
            self._write_line(code, took_s)
            if self._denied is not None:
                await self._report_denied(self._denied)

    async def _guarded(self, body: Body, *, streams: bool) -> Any:
        try:
            return await self._admitted(body, streams=streams)
        except Exception as error:  # noqa: BLE001 - every failure becomes a status; abort raises again
            status = self._status_of(error)
        if self._reads:
            await read_on(self._request)
        # Outside of `except`: the exception raised by abort must reach gRPC unchanged.
        return await self._context.abort_with_status(rpc_status.to_status(status))

    async def _admitted(self, body: Body, *, streams: bool) -> Any:
        if self._method is None:
            return await body()
        identity = await self._admission.authenticate(self._method, self._authorization)
        self._authorization = ""
        if identity is None:
            return await body()
        try:
            self._admission.check(self._method, identity)
        except PermissionDenied:
            self._denied = identity
            raise
        self._identity = identity
        with acting_as(identity):
            if not streams:
                return await body()
            deadline = asyncio.timeout(self._admission.remaining_s(identity))
            try:
                async with deadline:
                    with self._admission.standing(identity, deadline):
                        return await body()
            except Exception as error:
                if deadline.expired() and not isinstance(error, grpc.aio.AbortError):
                    raise self._admission.ended(identity) from error
                raise

    async def _report_denied(self, identity: Identity) -> None:
        if self._on_denied is None or self._method is None:
            return
        try:
            await self._on_denied(self._method, identity, self._request, self._context)
        except AfterimageError as error:
            _log.warning("a refusal is not in the trail", method=self._method, error=error.message)

    def _status_of(self, error: Exception) -> status_pb2.Status:
        """Returns the status for `error`; raises the error again when gRPC has to handle it."""
        leaf = _one_of(error)
        if isinstance(leaf, grpc.aio.AbortError):
            raise leaf  # the servicer has already set its own status
        if isinstance(leaf, AfterimageError):
            if leaf.code is grpc.StatusCode.INTERNAL:
                _log.error("internal error", method=self._label, request_id=self._request_id, exc_info=error)
            return _bounded(to_status(leaf))
        if isinstance(leaf, grpc.aio.BaseError) and self._context.cancelled():
            raise leaf  # a read or write after the caller disconnected
        _log.error("unforeseen error", method=self._label, request_id=self._request_id, exc_info=error)
        return _internal(self._request_id)

    def _code(self, otherwise: grpc.StatusCode) -> grpc.StatusCode:
        code: Any = self._context.code()
        if isinstance(code, grpc.StatusCode):
            return code
        return _CODES.get(code, otherwise) if code else otherwise

    def _write_line(self, code: grpc.StatusCode, took_s: float) -> None:
        write = _log.debug if (self._method or "").startswith(OPEN_SERVICES) else _log.info
        identity = self._identity
        write(
            "rpc",
            method=self._label,
            code=code.name,
            ms=round(took_s * 1000, 1),
            subject=identity.subject if identity else None,
            project=identity.project if identity else None,
            request_id=self._request_id,
            peer=self._context.peer(),
        )


_MAKERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class _Malformed:
    """Placeholder for an unreadable message, until its content is accessed.

    gRPC itself answers a deserialiser's error with UNKNOWN and the exception's text; here the servicer's
    first access to the message raises an error that the caller may see.
    """

    def __getattr__(self, name: str) -> Any:
        raise InvalidArgument.of("message", "is not a protobuf message of this method", reason="MESSAGE_MALFORMED")


def _forgiving(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    if deserialize is None:
        return None

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except Exception:  # noqa: BLE001 - any error of the generated code is due to the sender's message
            return _Malformed()

    return read


def _unless_done(serialize: Callable[[Any], bytes] | None) -> Callable[[Any], bytes] | None:
    """Returns `serialize` for messages and passes bytes through: a message for many receivers is serialised once."""
    if serialize is None:
        return None

    def write(message: Any) -> bytes:
        return message if isinstance(message, bytes) else serialize(message)

    return write


def _behaviour(handler: Any) -> Behaviour:
    """Returns the single function of a handler."""
    behaviour: Behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    return behaviour


async def _unknown_method(_request: Any, _context: Any) -> Any:
    raise Unimplemented("this server has no such method", reason="METHOD_UNKNOWN")


def _one_of(error: BaseException) -> BaseException:
    """Returns the error wrapped by a TaskGroup: an abort first, then unexpected errors, then Afterimage's own."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_one_of(inner) for inner in error.exceptions]

    def rank(leaf: BaseException) -> int:
        return 0 if isinstance(leaf, grpc.aio.AbortError) else 2 if isinstance(leaf, AfterimageError) else 1

    return min(leaves, key=rank)


def _internal(request_id: str) -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.INTERNAL, message=f"internal error; request id {request_id}")
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"request_id": request_id})
    status.details.add().Pack(info)
    return status


def _bounded(status: status_pb2.Status) -> status_pb2.Status:
    """Returns `status` small enough for any client: message truncated, and only the first detail if necessary."""
    if len(status.message) > _MAX_MESSAGE_CHARS:
        status.message = status.message[: _MAX_MESSAGE_CHARS - 1] + "…"
    if status.ByteSize() > _MAX_STATUS_BYTES:
        del status.details[1:]
    return status
