"""Reports calls refused by admission, for the access trail.

Code around a method runs after admission and never sees these calls: this interceptor runs outside of admission.
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
class _RefusedCall:
    admitted: bool = False


_call: ContextVar[_RefusedCall] = ContextVar("afterimage_refusals_call")

Refused = Callable[[str, Identity, Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[None]]
"""Called with the method, the caller, the request (None for request streams) and the context."""


def note_admitted() -> None:
    """Marks the current call as admitted: code that refuses it later writes the trail itself."""
    if call := _call.get(None):
        call.admitted = True


class RefusalInterceptor(grpc.aio.ServerInterceptor):
    """Reports calls with a valid token that does not allow the method.

    A call with an invalid token has no project and therefore no trail: it appears in the log and the metrics.

    Args:
        verifier: Verifies tokens and returns their identity.
        methods: Full names of the watched methods.
        refused: Called for each refusal, after the status is set.
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
        """Returns the method's handler, wrapped if the method is watched."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method not in self._methods or handler.request_streaming:
            return handler  # type: ignore[no-any-return]
        behaviour = handler.unary_stream if handler.response_streaming else handler.unary_unary

        async def watched(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = _RefusedCall()
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
