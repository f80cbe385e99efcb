"""Streams by a holder of a record token, with the ids of another visitor's session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import is_one_sentence, problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.audit_server import AuditServer, RpcProblem

SECRET = "visitors-own-0123456789abcdef"
INTRUDERS = {"without a secret": {}, "with another secret": {"session_secret": "intruders-0123456789abcdef"}}


async def refusal(
    audit: AuditServer,
    session: str,
    window: str,
    messages: Iterable[dict[str, Any]] = (),
    *,
    token: str | None = None,
    **start: Any,
) -> RpcProblem | None:
    """Records into a window and returns the error that the stream ends with; None: it ended well.

    Args:
        audit: The server.
        session: The session.
        window: The window.
        messages: Messages after the start, such as {"end": {}}.
        token: Token of the stream; None: one that may record.
        start: Further fields of the start.
    """
    requests = [{"start": {"session_id": session, "window_id": window, **start}}, *messages]
    call = audit.stub.RecordSession(
        iter([pb.RecordSessionRequest(**message) for message in requests]),
        metadata=[("authorization", f"Bearer {token or audit.token('record')}")],
    )
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return problem(error)
    return None


def is_secret_wrong(error: RpcProblem | None) -> None:
    """Checks that a stream was refused for want of the session's secret."""
    assert error is not None, "the stream was admitted"
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SESSION_SECRET_WRONG")
    is_one_sentence(error)
