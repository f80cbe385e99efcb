"""Callers without a token, with an invalid token, and with a token for another purpose."""

from __future__ import annotations

import time
from uuid import uuid4

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import is_one_sentence, new_session, refused

from services.runtime.identity.tokens import TokenMinter

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _token(audit, kind: str) -> str | None:
    long_ago = TokenMinter(audit.settings, now=lambda: time.time() - 3600)
    match kind:
        case "none":
            return None
        case "not a token":
            return "Bearer nonsense"
        case "not a bearer":
            return "Basic dGVzdGVyOnRlc3Rlcg=="
        case "another secret":
            head, claims, _ = audit.token("view", "record", "admin").split(".")
            return f"Bearer {head}.{claims}.{'A' * 43}"
        case "expired":
            return f"Bearer {long_ago.mint('tester', 'demo', ['view', 'record', 'admin'], 60)}"
        case "unknown project":
            return f"Bearer {audit.token('view', 'record', 'admin', project='nobody')}"
    raise AssertionError(kind)


CALLS = {
    "ListSessions": lambda stub, metadata: stub.ListSessions(pb.ListSessionsRequest(), metadata=metadata),
    "GetSession": lambda stub, metadata: stub.GetSession(
        pb.GetSessionRequest(session_id=new_session()), metadata=metadata
    ),
    "ReplaySession": lambda stub, metadata: stub.ReplaySession(
        pb.ReplaySessionRequest(session_id=new_session()), metadata=metadata
    ),
    "WatchSessions": lambda stub, metadata: stub.WatchSessions(pb.WatchSessionsRequest(), metadata=metadata),
    "DeleteSessions": lambda stub, metadata: stub.DeleteSessions(
        pb.DeleteSessionsRequest(session_ids=[new_session()]), metadata=metadata
    ),
    "RecordSession": lambda stub, metadata: stub.RecordSession(
        iter([pb.RecordSessionRequest(start=pb.RecordingStart(session_id=new_session(), window_id=str(uuid4())))]),
        metadata=metadata,
    ),
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("none", "TOKEN_MISSING"),
        ("not a token", "TOKEN_INVALID"),
        ("not a bearer", "TOKEN_INVALID"),
        ("another secret", "TOKEN_INVALID"),
        ("expired", "TOKEN_EXPIRED"),
        ("unknown project", "PROJECT_UNKNOWN"),
    ],
)
async def test_a_token_that_does_not_hold(shared_audit, method, kind, reason):
    value = _token(shared_audit, kind)
    metadata = [] if value is None else [("authorization", value)]
    error = await refused(CALLS[method](shared_audit.stub, metadata))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)
    is_one_sentence(error)


@pytest.mark.parametrize(
    ("method", "scopes"),
    [
        ("ListSessions", ("record", "share", "admin")),
        ("GetSession", ("record",)),
        ("ReplaySession", ("record", "share")),
        ("WatchSessions", ("record",)),
        ("DeleteSessions", ("view", "record", "share")),
        ("RecordSession", ("view", "share")),
        ("RecordSession", ("admin",)),  # admin is for imports only
        ("ListSessions", ()),
    ],
)
async def test_a_token_of_another_scope(shared_audit, method, scopes):
    error = await refused(CALLS[method](shared_audit.stub, shared_audit.auth(*scopes)))
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert "scope" in error.message
    is_one_sentence(error)
