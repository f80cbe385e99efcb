"""The one place that writes the access trail, for every RPC of AuditService.

It runs inside the authorization interceptor, so it knows the caller. A read is done first and recorded then, so that
the entry has its outcome; the answer is sent only after the entry is stored. A stream is recorded when its first
message is ready, and sent from there on. Calls that change data are recorded before they run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc
import structlog
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry, Counter

from services.audit.access.methods import METHODS, RecordedMethod
from services.audit.access.revocation import Revocations
from services.audit.access_events import AccessEvent, RequestedAccess
from services.audit.storage.access_event_store import AccessEventStore
from services.runtime.access_actions import AccessAction, AccessOutcome
from services.runtime.errors import AfterimageError, NotFound, PermissionDenied
from services.runtime.identity.peer import PeerReader
from services.runtime.identity.tokens import Identity, current_identity
from services.runtime.uuid7 import uuid7

_log = structlog.get_logger("afterimage.trail")

Context = grpc.aio.ServicerContext[Any, Any]


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Writes the trail, and ends the calls of a share link when the link ends.

    Args:
        service: Full name of AuditService.
        asked: Converts a request, given the action of its method.
        store: The store of entries.
        revocations: Checks whether a grant's link is still valid.
        callers: Reads a caller's address and user agent.
        required: Whether a read is refused if its entry cannot be stored; else the loss is logged and counted.
        now_ms: The server's clock, milliseconds since 1970 UTC.
        registry: For the metrics.
    """

    def __init__(
        self,
        *,
        service: str,
        asked: Callable[[AccessAction, Message], RequestedAccess],
        store: AccessEventStore,
        revocations: Revocations,
        callers: PeerReader,
        required: bool,
        now_ms: Callable[[], int],
        registry: CollectorRegistry,
    ) -> None:
        self._prefix = f"/{service}/"
        self._asked = asked
        self._store = store
        self._revocations = revocations
        self._callers = callers
        self._required = required
        self._now_ms = now_ms
        self._lost = Counter("afterimage_access_events_lost", "Access trail entries not stored.", registry=registry)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Returns the method's handler with the trail around it."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(self._prefix):
            return handler  # type: ignore[no-any-return]
        recorded = METHODS[method.removeprefix(self._prefix)]
        if recorded is None:
            return handler  # type: ignore[no-any-return]
        if handler.response_streaming:
            make, wrapped = grpc.unary_stream_rpc_method_handler, self._streaming(method, recorded, handler)
        else:
            make, wrapped = grpc.unary_unary_rpc_method_handler, self._unary(method, recorded, handler)
        result: grpc.RpcMethodHandler[Any, Any] = make(
            wrapped, handler.request_deserializer, handler.response_serializer
        )
        return result

    async def denied(self, method: str, identity: Identity, request: Any, context: Context) -> None:
        """Records a call that the caller's token does not allow, as far as possible."""
        recorded = METHODS[method.removeprefix(self._prefix)]
        if recorded is not None:
            access = _Access(self, method, recorded, request, context, identity)
            await access.try_record(AccessOutcome.DENIED)

    def _unary(self, method: str, recorded: RecordedMethod, handler: Any) -> Any:
        async def answer(request: Any, context: Context) -> Any:
            access = _Access(self, method, recorded, request, context, current_identity())
            async with access.accounted():
                if recorded.first:
                    await access.record()
                response = await handler.unary_unary(request, context)
                if not recorded.first:
                    await access.record()
                return response

        return answer

    def _streaming(self, method: str, recorded: RecordedMethod, handler: Any) -> Any:
        # A coroutine that writes: a generator here would slow the replay down with every message.
        async def answer(request: Any, context: Context) -> None:
            access = _Access(self, method, recorded, request, context, current_identity())
            async with access.accounted(), aclosing(handler.unary_stream(request, context)) as messages:
                first = await anext(messages, None)
                await access.record()
                if first is None:
                    return
                await context.write(first)
                async for message in messages:
                    await context.write(message)

        return answer


class _Access:
    """One access, from the call to its entry."""

    def __init__(
        self,
        owner: AccessInterceptor,
        method: str,
        recorded: RecordedMethod,
        request: Any,
        context: Context,
        identity: Identity,
    ) -> None:
        self._owner = owner
        self._method = method
        self._asked = owner._asked(recorded.action, request)  # noqa: SLF001 - a part of it
        self._identity = identity
        self._caller = owner._callers.read(context)  # noqa: SLF001 - a part of it
        self._is_recorded = False

    @asynccontextmanager
    async def accounted(self) -> AsyncIterator[None]:
        """Records the outcome if the block fails before its entry is written, and ends it when its link ends."""
        try:
            if self._identity.link_id is None:
                yield
            else:
                async with self._owner._revocations.standing(self._identity.link_id):  # noqa: SLF001
                    yield
        except Exception as error:
            if not self._is_recorded:
                await self.try_record(_outcome(error))
            raise

    async def record(self) -> None:
        """Stores the entry of an access that is allowed.

        Raises:
            Unavailable: The entry is required and cannot be stored (TRAIL_UNAVAILABLE).
        """
        self._is_recorded = True
        if self._owner._required:  # noqa: SLF001
            await self._owner._store.add(self._events(AccessOutcome.ALLOWED))  # noqa: SLF001
        else:
            await self.try_record(AccessOutcome.ALLOWED)

    async def try_record(self, outcome: AccessOutcome) -> None:
        """Stores an entry if possible; a failure is logged and counted."""
        try:
            await self._owner._store.add(self._events(outcome))  # noqa: SLF001
        except AfterimageError as error:
            self._owner._lost.inc()  # noqa: SLF001
            _log.warning("the access trail has lost an entry", method=self._method, error=error.message)

    def _events(self, outcome: AccessOutcome) -> Sequence[AccessEvent]:
        now_ms = self._owner._now_ms()  # noqa: SLF001
        return [
            AccessEvent(
                event=uuid7(now_ms),
                project=self._identity.project,
                time_ms=now_ms,
                action=self._asked.action,
                outcome=outcome,
                subject=self._identity.subject,
                link_id=self._identity.link_id or "",
                session=session,
                rpc=self._method,
                address=self._caller.address,
                user_agent=self._caller.user_agent,
                detail=self._asked.detail,
            )
            for session in self._asked.sessions or (None,)
        ]


def _outcome(error: Exception) -> AccessOutcome:
    if isinstance(error, PermissionDenied):
        return AccessOutcome.DENIED
    return AccessOutcome.NOT_FOUND if isinstance(error, NotFound) else AccessOutcome.FAILED
