"""The access trail around AuditService: every read is in it, or does not happen."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import asynccontextmanager

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from audit.storage import MillisecondClock
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from prometheus_client import CollectorRegistry
from support.wait import PATIENCE_S

from services.audit.access.interceptor import AccessInterceptor
from services.audit.access.methods import METHODS
from services.audit.access.revocation import Revocations
from services.audit.convert.access import asked
from services.audit.servicer import SERVICE
from services.audit.storage.access_event_store import AccessEventStore
from services.audit.storage.schema.dialect import Dialect
from services.runtime.access_actions import AccessAction, AccessOutcome
from services.runtime.errors import InvalidArgument, NotFound, PermissionDenied
from services.runtime.identity.peer import PeerReader
from services.runtime.identity.tokens import Scope, TokenVerifier
from services.runtime.link_keys import LinkKeys
from services.runtime.rpc.interceptors import server_interceptors
from services.runtime.rpc.scopes import scopes_of
from services.runtime.rpc.server import serve_grpc
from services.runtime.uuid7 import uuid7

Code = grpc.StatusCode
SESSION = str(uuid7(1_780_000_000_000))
DESCRIPTOR = pb.DESCRIPTOR.services_by_name["AuditService"]


def test_every_method_says_how_it_is_recorded():
    assert set(METHODS) == {method.name for method in DESCRIPTOR.methods}


def test_every_method_that_a_viewer_or_an_admin_may_call_is_recorded():
    unrecorded = {name for name, recorded in METHODS.items() if recorded is None}
    opened = {
        name.rpartition("/")[2]
        for name, scopes in scopes_of(SERVICE).items()
        if scopes and scopes & {Scope.VIEW, Scope.ADMIN}
    }
    # RecordSession only brings content; GetPrivacyPolicy shows settings.
    assert opened & unrecorded == {"RecordSession", "GetPrivacyPolicy"}


class Servicer(audit_service_pb2_grpc.AuditServiceServicer):
    """Returns prepared answers and notes the content that it sent."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.happened: list[str] = []

    def _answer(self, name: str):
        async def unary(_request, _context):
            self.happened.append(name)
            if self.error:
                raise self.error
            return getattr(pb, f"{name}Response")()

        async def stream(_request, _context):
            self.happened.append(name)
            if self.error:
                raise self.error
            for _ in range(3):
                yield getattr(pb, f"{name}Response")()

        return stream if DESCRIPTOR.methods_by_name[name].server_streaming else unary

    def __getattribute__(self, name: str):
        if name in METHODS:
            return self._answer(name)
        return super().__getattribute__(name)


class Shelf:
    """An engine that keeps rows, or refuses them."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.error: Exception | None = None
        self.before: list[list[str]] = []

    async def insert(self, table, rows) -> None:
        if self.error:
            raise self.error
        self.rows += [dict(zip((name for name, _ in table.columns), row, strict=True)) for row in rows]


@asynccontextmanager
async def serving(settings, servicer, shelf, *, required=True):
    registry = CollectorRegistry()
    store = AccessEventStore(shelf, Dialect((26, 9)), 365, MillisecondClock())
    access = AccessInterceptor(
        service=SERVICE,
        asked=asked,
        store=store,
        revocations=Revocations(None, LinkKeys(settings)),
        callers=PeerReader(settings.audit),
        required=required,
        now_ms=MillisecondClock(),
        registry=registry,
    )
    verifier = TokenVerifier(settings)
    running = asyncio.create_task(store.run())
    async with (
        serve_grpc(
            settings,
            settings.audit,
            registrars=[lambda s: audit_service_pb2_grpc.add_AuditServiceServicer_to_server(servicer, s)],
            service_names=[SERVICE],
            interceptors=[
                *server_interceptors(
                    verifier=verifier, scopes=scopes_of(SERVICE), registry=registry, on_denied=access.denied
                ),
                access,
            ],
        ) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        yield audit_service_pb2_grpc.AuditServiceStub(channel)
    running.cancel()


@pytest.fixture
def servicer():
    return Servicer()


@pytest.fixture
def shelf():
    return Shelf()


def request_of(name):
    request = getattr(pb, f"{name}Request")()
    if "session_id" in request.DESCRIPTOR.fields_by_name:
        request.session_id = SESSION
    if name == "DeleteSessions":
        request.session_ids[:] = [SESSION]
    return request


async def call(stub, name, token, request=None, **metadata):
    sent = [("authorization", f"Bearer {token}"), *((key.replace("_", "-"), text) for key, text in metadata.items())]
    asked = getattr(stub, name)(request or request_of(name), metadata=sent)
    if DESCRIPTOR.methods_by_name[name].server_streaming:
        return [message async for message in asked]
    return [await asked]


RECORDED = sorted(name for name, recorded in METHODS.items() if recorded)


async def test_every_access_is_written_down(settings, servicer, shelf, mint):
    token = mint("view", "admin", subject="alice")
    async with serving(settings, servicer, shelf) as stub:
        for name in RECORDED:
            shelf.rows.clear()
            answers = await call(
                stub, name, token, x_forwarded_for="203.0.113.7", x_user_agent="Mozilla/5.0 " + "x" * 300
            )
            assert len(answers) in {1, 3}
            [row] = shelf.rows
            assert row["action"] == METHODS[name].action
            assert row["outcome"] == AccessOutcome.ALLOWED
            assert (row["project"], row["subject"], row["address"]) == ("demo", b"alice", "203.0.113.7")
            assert row["rpc"] == f"/{SERVICE}/{name}"
            assert len(row["user_agent"]) == 256
            names_one = "session_id" in request_of(name).DESCRIPTOR.fields_by_name or name == "DeleteSessions"
            assert row["session"] == (
                uuid.UUID(SESSION) if names_one and name != "ListAccessEvents" else row["session"]
            )


@pytest.mark.parametrize("name", RECORDED)
async def test_what_cannot_be_written_down_is_refused(settings, servicer, shelf, mint, name):
    shelf.error = RuntimeError("disk full")
    async with serving(settings, servicer, shelf) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(stub, name, mint("view", "admin"))
    assert caught.value.code() is Code.UNAVAILABLE
    details = rpc_status.from_call(caught.value).details
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert details[0].Unpack(info)
    assert details[1].Unpack(retry)
    assert info.reason == "TRAIL_UNAVAILABLE"
    if name == "DeleteSessions":
        assert servicer.happened == []  # nor did it happen


async def test_whoever_does_not_need_the_trail_says_so(settings, servicer, shelf, mint):
    shelf.error = RuntimeError("disk full")
    async with serving(settings, servicer, shelf, required=False) as stub:
        for name in RECORDED:
            assert await call(stub, name, mint("view", "admin"))


@pytest.mark.parametrize(
    ("error", "code", "outcome"),
    [
        (NotFound("there is none"), Code.NOT_FOUND, AccessOutcome.NOT_FOUND),
        (PermissionDenied("no"), Code.PERMISSION_DENIED, AccessOutcome.DENIED),
        (InvalidArgument.of("page", "no"), Code.INVALID_ARGUMENT, AccessOutcome.FAILED),
        (RuntimeError("a defect"), Code.INTERNAL, AccessOutcome.FAILED),
    ],
)
@pytest.mark.parametrize("name", ["GetSession", "ReplaySession"])
async def test_what_was_refused_is_written_down_once(settings, servicer, shelf, mint, name, error, code, outcome):
    servicer.error = error
    async with serving(settings, servicer, shelf) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(stub, name, mint("view"))
        assert caught.value.code() is code
        shelf_full = RuntimeError("disk full")
        [row] = shelf.rows
        assert row["outcome"] == outcome
        # The caller's answer does not depend on the trail: no content was sent.
        shelf.error = shelf_full
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(stub, name, mint("view"))
        assert caught.value.code() is code


async def test_what_admission_refused_is_written_down(settings, servicer, shelf, mint):
    async with serving(settings, servicer, shelf) as stub:
        for name, token in (
            ("ListSessions", mint("record", subject="bob")),
            ("ReplaySession", mint("share", subject="bob")),
            ("DeleteSessions", mint("view", subject="bob")),
            ("ListSessions", mint("view", subject="bob", session_id=SESSION)),
        ):
            shelf.rows.clear()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(stub, name, token)
            assert caught.value.code() is Code.PERMISSION_DENIED
            async with asyncio.timeout(PATIENCE_S):
                while not shelf.rows:  # noqa: ASYNC110 - after the answer
                    await asyncio.sleep(0.01)
            [row] = shelf.rows
            assert (row["outcome"], row["subject"], row["action"]) == (
                AccessOutcome.DENIED,
                b"bob",
                METHODS[name].action,
            )
        shelf.rows.clear()
        with pytest.raises(grpc.aio.AioRpcError):
            await call(stub, "ListSessions", "no token")  # no project, so no trail
        await asyncio.sleep(0.1)
        assert shelf.rows == []
    assert servicer.happened == []


async def test_the_request_makes_the_action(settings, servicer, shelf, mint):
    async with serving(settings, servicer, shelf) as stub:
        for fields, action in (
            ({}, AccessAction.REPLAY),
            ({"follow": True}, AccessAction.WATCH),
            ({"for_export": True}, AccessAction.EXPORT),
            ({"for_export": True, "follow": True}, AccessAction.EXPORT),
        ):
            request = pb.ReplaySessionRequest(session_id=SESSION, **fields)
            await call(stub, "ReplaySession", mint("view"), request)
            assert shelf.rows[-1]["action"] == action
        many = [str(uuid7(1_780_000_000_000 + number)) for number in range(5)]
        shelf.rows.clear()
        await call(stub, "DeleteSessions", mint("admin"), pb.DeleteSessionsRequest(session_ids=many))
        assert [str(row["session"]) for row in shelf.rows] == many


def test_the_detail_is_bounded_and_forgets_actors():
    filtered = pb.ListSessionsRequest(filter={"actor_id": "bob@example.org", "page": "/checkout"}, page_token="x" * 99)
    assert asked(AccessAction.LIST, filtered).detail == 'filter { page: "/checkout" }'
    assert filtered.filter.actor_id == "bob@example.org"  # the request itself is whole
    erased = asked(AccessAction.DELETE, pb.DeleteSessionsRequest(actor_id="bob@example.org"))
    assert (erased.sessions, erased.detail) == ((), "")
    long = pb.ReplaySessionRequest(
        session_id="nonsense", cursor={"positions": [{"window_id": str(uuid.uuid4()), "seq": 1}] * 1000}
    )
    assert len(asked(AccessAction.REPLAY, long).detail) == 512
    assert asked(AccessAction.REPLAY, long).sessions == ()
