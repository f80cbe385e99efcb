"""Calls that admission refuses, told to whoever keeps a trail.

What is around a method inside of admission never hears of them: this interceptor stands outside of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc
import structlog

from services.runtime.errors import AfterimageError
from services.runtime.identity.tokens import Identity, TokenVerifier

_log = structlog.get_logger("afterimage.refusals")
_BEARER = "Bearer "


@dataclass(slots=True)
class _Call:
    admitted: bool = False


_call: ContextVar[_Call] = ContextVar("afterimage_refusals_call")

Refused = Callable[[str, Identity, Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[None]]
"""Is told the method, the caller, the request (None where requests are a stream) and the context."""


def note_admitted() -> None:
    """Says that the call that is being served has passed admission: what refuses it now tells the trail itself."""
    if call := _call.get(None):
        call.admitted = True


class RefusalInterceptor(grpc.aio.ServerInterceptor):
    """Tells of calls whose token holds and does not allow the method.

    A call whose token does not hold has no project, so no trail: the log and the metrics have it.

    Args:
        verifier: Says who the token speaks for.
        methods: Full names of the methods that are watched.
        refused: Is told; the status is on its way to the caller by then.
    """

    def __init__(self, verifier: TokenVerifier, methods: frozenset[str], refused: Refused) -> None:
        self._verifier = verifier
        self._methods = methods
        self._refused = refused

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Returns the method's handler, watched."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method not in self._methods or handler.request_streaming:
            return handler  # type: ignore[no-any-return]
        behaviour = handler.unary_stream if handler.response_streaming else handler.unary_unary

        async def watched(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = _Call()
            _call.set(call)
            try:
                return await behaviour(request, context)
            except grpc.aio.AbortError:
                if not call.admitted and context.code() in _DENIED:
                    await self._tell(method, request, context)
                raise

        make = (
            grpc.unary_stream_rpc_method_handler if handler.response_streaming else grpc.unary_unary_rpc_method_handler
        )
        result: grpc.RpcMethodHandler[Any, Any] = make(
            watched, handler.request_deserializer, handler.response_serializer
        )
        return result

    async def _tell(self, method: str, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        metadata = dict(context.invocation_metadata() or ())
        token = str(metadata.get("authorization", ""))[len(_BEARER) :].strip()
        try:
            identity = await self._verifier.verify(token)
            await self._refused(method, identity, request, context)
        except AfterimageError as error:
            _log.warning("a refusal is not in the trail", method=method, error=error.message)


_DENIED = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.PERMISSION_DENIED.value[0])
