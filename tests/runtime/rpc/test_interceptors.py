from __future__ import annotations

import asyncio
import io
import json
import time
from contextlib import asynccontextmanager, suppress
from functools import partial

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from runtime.calls import SERVICE, SHAPES, call, method, register
from support.wait import LIFETIMES_S, PATIENCE_S, opened_before_expiry

from services.runtime import log
from services.runtime.client_streams import status_kept
from services.runtime.errors import (
    Aborted,
    FieldViolation,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
)
from services.runtime.identity.tokens import Scope, TokenMinter, TokenVerifier, current_identity
from services.runtime.metrics import new_registry
from services.runtime.rpc import interceptors as module
from services.runtime.rpc.interceptors import read_on, server_interceptors
from services.runtime.rpc.server import serve_grpc

VIEW = frozenset({Scope.VIEW})
EXPIRIES_S = (0.3, *LIFETIMES_S)


@pytest.fixture
def lines():
    """The log lines, parsed."""
    import logging

    import structlog

    stream = io.StringIO()
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    from services.runtime.settings import LogSettings

    log.configure(LogSettings(format="json", level="debug"), stream)
    yield lambda event="rpc": [
        line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == event
    ]
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture
def serve(settings):
    """Starts a server with behaviours; yields its channel and registry.

    `keeps_status=False`: the channel is plain, and loses the status of a stream that ends while it writes.
    """

    @asynccontextmanager
    async def start(
        *, now=time.time, scopes=None, grant_methods=frozenset(), on_denied=None, keeps_status=True, **behaviours
    ):
        registry = new_registry()
        table = {method(name): VIEW for name in behaviours} if scopes is None else scopes
        interceptors = server_interceptors(
            verifier=TokenVerifier(settings, now),
            scopes=table,
            registry=registry,
            grant_methods=grant_methods,
            on_denied=on_denied,
        )
        async with (
            serve_grpc(
                settings,
                settings.audit,
                registrars=[register(**behaviours)],
                service_names=[SERVICE],
                interceptors=interceptors,
                grace_s=0.2,
            ) as server,
            grpc.aio.insecure_channel(server.address) as channel,
        ):
            yield status_kept(channel, wait_s=PATIENCE_S) if keeps_status else channel, registry

    return start


def doing(act):
    """Returns the four shapes of one behaviour: `act` runs in the middle of each."""

    async def unary_unary(request, context):
        await act(context)
        return request

    async def unary_stream(request, context):
        yield request
        await act(context)
        yield request

    async def stream_unary(requests, context):
        got = [request async for request in requests]
        await act(context)
        return b"".join(got)

    async def stream_stream(requests, context):
        async for request in requests:
            yield request
            await act(context)

    return dict(zip(SHAPES, (unary_unary, unary_stream, stream_unary, stream_stream), strict=True))


async def nothing(_context):
    pass


async def failure(awaitable):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return caught.value


def reason(error):
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert info.domain == "afterimage"
    return info.reason


async def becomes(expected, read):
    """Waits for the server's work after its answer is sent: counting, the line in the log."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while read() != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert read() == expected


async def counted(registry, name, expected, **labels):
    await becomes(expected, lambda: registry.get_sample_value(name, labels))


ALL = pytest.mark.parametrize("shape", SHAPES)


@ALL
async def test_a_call_that_holds_gets_through_and_is_counted_and_written_down(serve, mint, lines, shape):
    seen = []

    async def act(_context):
        seen.append(current_identity().subject)

    async with serve(**doing(act)) as (channel, registry):
        answers = await call(channel, shape, b"a", token=mint("view"), x_request_id="req-7")
        assert b"".join(answers) in {b"a", b"aa"}
        assert seen == ["tester"]
        await becomes(1, lambda: len(lines()))
        (line,) = lines()
        assert line["method"] == method(shape)
        assert (line["code"], line["subject"], line["project"]) == ("OK", "tester", "demo")
        assert line["request_id"] == "req-7"
        assert line["ms"] >= 0
        assert "127.0.0.1" in line["peer"]
        await counted(registry, "afterimage_rpc_total", 1, method=method(shape), code="OK")
        await counted(registry, "afterimage_rpc_in_flight", 0, method=method(shape))
        await counted(registry, "afterimage_rpc_seconds_count", 1, method=method(shape))


@ALL
async def test_an_error_of_ours_becomes_a_status_with_details(serve, mint, shape):
    async def act(_context):
        raise InvalidArgument([FieldViolation("page.size", "must be at least 0"), FieldViolation("b", "no")])

    async with serve(**doing(act)) as (channel, registry):
        error = await failure(call(channel, shape, token=mint("view")))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert error.details() == "page.size: must be at least 0; b: no"
        assert reason(error) == "INVALID_ARGUMENT"
        bad = error_details_pb2.BadRequest()
        assert rpc_status.from_call(error).details[1].Unpack(bad)
        assert [violation.field for violation in bad.field_violations] == ["page.size", "b"]
        await counted(registry, "afterimage_rpc_total", 1, method=method(shape), code="INVALID_ARGUMENT")


async def test_a_retry_hint_travels(serve, mint):
    async def act(_context):
        raise ResourceExhausted("slow down", retry_after_s=1.5)

    async with serve(**doing(act)) as (channel, _registry):
        error = await failure(call(channel, "UnaryUnary", token=mint("view")))
        hint = error_details_pb2.RetryInfo()
        assert rpc_status.from_call(error).details[1].Unpack(hint)
        assert hint.retry_delay.ToMilliseconds() == 1500


@ALL
async def test_what_nobody_foresaw_says_nothing_but_a_request_id(serve, mint, lines, shape):
    token = mint("view")

    async def act(_context):
        raise RuntimeError(f"password=hunter2 {token}")

    async with serve(**doing(act)) as (channel, _registry):
        error = await failure(call(channel, shape, b"payload-of-the-visitor", token=token, x_request_id="abc"))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert error.details() == "internal error; request id abc"
        assert reason(error) == "INTERNAL"
        assert "hunter2" not in repr(error)
        await becomes(1, lambda: len(lines()))
        (line,) = lines("unforeseen error")
        assert line["request_id"] == "abc"
        assert "RuntimeError" in line["exception"]
        everything = json.dumps([line, *lines()])
        assert token not in everything
        assert "payload-of-the-visitor" not in everything


@ALL
async def test_a_servicer_s_own_abort_stays_as_it_is(serve, mint, shape):
    async def act(context):
        await context.abort(grpc.StatusCode.DATA_LOSS, "mine")

    async with serve(**doing(act)) as (channel, registry):
        error = await failure(call(channel, shape, token=mint("view")))
        assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "mine")
        await counted(registry, "afterimage_rpc_total", 1, method=method(shape), code="DATA_LOSS")


async def test_errors_out_of_a_task_group_are_found(serve, mint):
    async def fail(error):
        raise error

    def group(*errors):
        async def act(context):
            async with asyncio.TaskGroup() as tasks:
                for error in errors:
                    tasks.create_task(
                        context.abort(grpc.StatusCode.DATA_LOSS, "mine") if error == "abort" else fail(error)
                    )

        return act

    for errors, code in (
        ([Aborted("superseded", reason="SUPERSEDED")], grpc.StatusCode.ABORTED),
        ([Aborted("superseded"), ValueError("x")], grpc.StatusCode.INTERNAL),
        (["abort"], grpc.StatusCode.DATA_LOSS),
    ):
        async with serve(**doing(group(*errors))) as (channel, _registry):
            error = await failure(call(channel, "StreamStream", token=mint("view")))
            assert error.code() is code


@ALL
@pytest.mark.parametrize(
    ("headers", "code", "expected"),
    [
        ({}, "UNAUTHENTICATED", "TOKEN_MISSING"),
        ({"authorization": "Basic eDp5"}, "UNAUTHENTICATED", "TOKEN_INVALID"),
        ({"authorization": "Bearer "}, "UNAUTHENTICATED", "TOKEN_MISSING"),
        ({"authorization": "Bearer nonsense"}, "UNAUTHENTICATED", "TOKEN_INVALID"),
    ],
)
async def test_without_a_token_that_holds_nobody_gets_in(serve, shape, headers, code, expected):
    ran = []

    async def act(_context):
        ran.append(1)

    async with serve(**doing(act)) as (channel, _registry):
        error = await failure(call(channel, shape, **headers))
        assert (error.code().name, reason(error)) == (code, expected)
        assert ran == []


@ALL
async def test_the_wrong_scope_is_refused(serve, mint, shape):
    async with serve(**doing(nothing)) as (channel, _registry):
        error = await failure(call(channel, shape, token=mint("record", "share")))
        assert (error.code(), reason(error)) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
        assert error.details() == "this needs the scope view"


async def test_the_table_decides(serve, mint):
    shapes = doing(nothing)
    behaviours = {f"{name}_UnaryUnary": shapes["UnaryUnary"] for name in ("Open", "Either", "Forgotten")}
    table = {method("Open_UnaryUnary"): None, method("Either_UnaryUnary"): frozenset({Scope.RECORD, Scope.VIEW})}
    async with serve(scopes=table, **behaviours) as (channel, registry):
        assert await call(channel, "Open_UnaryUnary", b"a") == [b"a"]
        assert await call(channel, "Open_UnaryUnary", b"a", token="not even looked at") == [b"a"]
        for scope in ("record", "view"):
            assert await call(channel, "Either_UnaryUnary", b"a", token=mint(scope)) == [b"a"]
        error = await failure(call(channel, "Forgotten_UnaryUnary", token=mint(*Scope)))
        assert (error.code(), reason(error)) == (grpc.StatusCode.PERMISSION_DENIED, "METHOD_CLOSED")
        for name in ("Nowhere_UnaryUnary", "Nowhere_UnaryStream", "Nowhere_StreamUnary", "Nowhere_StreamStream"):
            error = await failure(call(channel, name, token=mint(*Scope)))
            assert (error.code(), reason(error)) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNKNOWN")
        # A stranger cannot fill the metrics with names.
        await counted(registry, "afterimage_rpc_total", 4, method="unknown", code="UNIMPLEMENTED")


async def test_an_open_method_has_no_identity(serve):
    async def act(_context):
        current_identity()

    async with serve(scopes={method("UnaryUnary"): None}, **doing(act)) as (channel, _registry):
        error = await failure(call(channel, "UnaryUnary"))
        assert (error.code(), reason(error)) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


async def test_a_grant_opens_only_what_is_meant_for_grants(serve, mint):
    seen = []

    async def act(_context):
        seen.append(current_identity())

    async with serve(grant_methods=frozenset({method("UnaryStream")}), **doing(act)) as (channel, _registry):
        grant = mint("view", session_id="s-1", range_ms=(0, 5000), link_id="l-1")
        await call(channel, "UnaryStream", token=grant)
        assert (seen[0].session_id, seen[0].range_end_ms, seen[0].link_id) == ("s-1", 5000, "l-1")
        error = await failure(call(channel, "UnaryUnary", token=grant))
        assert (error.code(), reason(error)) == (grpc.StatusCode.PERMISSION_DENIED, "GRANT_TOO_NARROW")


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_valid_token_that_does_not_allow_the_method_is_reported_once(serve, mint, lines, shape):
    denied = asyncio.Queue()

    async def note(name, identity, _request, context):
        denied.put_nowait((name, identity.subject, context.peer().partition(":")[0]))
        raise InvalidArgument.of("session_id", "is not a UUID")

    async def refuse(_context):
        raise PermissionDenied("not this one")

    async with serve(on_denied=note, **doing(refuse)) as (channel, _registry):
        for token in (None, "no token", mint("view")):  # no caller, no caller, admitted and then refused
            await failure(call(channel, shape, token=token))
        error = await failure(call(channel, shape, token=mint("share", subject="bob")))
        assert (error.code(), reason(error)) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
        async with asyncio.timeout(PATIENCE_S):
            assert await denied.get() == (method(shape), "bob", "ipv4")
        assert denied.empty()
    assert len(lines("a refusal is not in the trail")) == 1


def endless(cleaned):
    async def silent(_request, _context):
        try:
            yield b"one"
            await asyncio.sleep(60)
        finally:
            cleaned.append("silent")

    async def reading(requests, _context):
        try:
            async for request in requests:
                yield request
        finally:
            cleaned.append("reading")

    async def gathering(requests, _context):
        try:
            return b"".join([request async for request in requests])
        finally:
            cleaned.append("gathering")

    async def writing(_request, context):
        try:
            await context.write(b"one")
            await asyncio.sleep(60)
        finally:
            cleaned.append("writing")

    return {
        "Silent_UnaryStream": silent,
        "Reading_StreamStream": reading,
        "Gathering_StreamUnary": gathering,
        "Writing_UnaryStream": writing,
    }


@pytest.mark.parametrize(
    "name", ["Silent_UnaryStream", "Reading_StreamStream", "Gathering_StreamUnary", "Writing_UnaryStream"]
)
async def test_an_open_stream_ends_with_its_token(serve, settings, name):
    start = 1_800_000_000.0
    token = TokenMinter(settings, lambda: start - 60).mint("me", "demo", ["view"], 60)

    async def expire(lifetime_s):
        cleaned = []
        async with serve(now=lambda: start - lifetime_s, **endless(cleaned)) as (channel, registry):
            metadata = [("authorization", f"Bearer {token}")]
            began = time.monotonic()
            shape = name.split("_")[1]
            try:
                if shape == "UnaryStream":
                    stream = channel.unary_stream(method(name))(b"x", metadata=metadata)
                elif shape == "StreamStream":
                    stream = channel.stream_stream(method(name))(metadata=metadata)
                    await stream.write(b"one")
                else:
                    stream = channel.stream_unary(method(name))(metadata=metadata)
                    await stream.write(b"one")
                if shape != "StreamUnary":
                    assert await stream.read() == b"one"
            except grpc.aio.AioRpcError as error:
                assert reason(error) == "TOKEN_EXPIRED"  # noqa: PT017
                return None
            error = await failure(stream if shape == "StreamUnary" else stream.read())
            assert time.monotonic() - began > lifetime_s - 0.1
            assert (error.code(), reason(error)) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
            await counted(registry, "afterimage_rpc_total", 1, method=method(name), code="UNAUTHENTICATED")
            return cleaned or None

    assert await opened_before_expiry(expire, EXPIRIES_S) == [name.split("_")[0].lower()]


async def test_a_stream_that_nobody_reads_ends_too(serve, settings):
    cleaned = asyncio.Event()
    start = 1_800_000_000.0
    token = TokenMinter(settings, lambda: start - 60).mint("me", "demo", ["view"], 60)

    async def flood(_request, _context):
        try:
            while True:
                yield b"x" * 65536
        finally:
            cleaned.set()

    async def expire(lifetime_s):
        cleaned.clear()
        async with serve(now=lambda: start - lifetime_s, Flood_UnaryStream=flood) as (channel, _registry):
            stream = channel.unary_stream(method("Flood_UnaryStream"))(
                b"x", metadata=[("authorization", f"Bearer {token}")]
            )
            try:
                assert len(await stream.read()) == 65536
            except grpc.aio.AioRpcError as error:
                assert reason(error) == "TOKEN_EXPIRED"  # noqa: PT017
                return None
            await asyncio.wait_for(cleaned.wait(), PATIENCE_S)
            stream.cancel()
            return True

    assert await opened_before_expiry(expire, EXPIRIES_S)


@pytest.mark.parametrize("name", ["Silent_UnaryStream", "Reading_StreamStream", "Writing_UnaryStream"])
async def test_a_caller_who_leaves_is_no_error_and_the_servicer_cleans_up(serve, mint, lines, name):
    cleaned = []
    async with serve(**endless(cleaned)) as (channel, registry):
        metadata = [("authorization", f"Bearer {mint('view')}")]
        if name.endswith("UnaryStream"):
            stream = channel.unary_stream(method(name))(b"x", metadata=metadata)
        else:
            stream = channel.stream_stream(method(name))(metadata=metadata)
            await stream.write(b"one")
        assert await stream.read() == b"one"
        stream.cancel()
        await becomes(1, lambda: len(lines()))
        (line,) = lines()
        # A handler that reads requests may notice by their end, and then ends normally before it is cancelled.
        assert line["code"] in ({"CANCELLED", "OK"} if name == "Reading_StreamStream" else {"CANCELLED"})
        assert lines("unforeseen error") == []
        assert len(cleaned) == 1
        await counted(registry, "afterimage_rpc_in_flight", 0, method=method(name))


async def test_a_request_id_that_could_be_anything_is_replaced(serve, mint, lines):
    async with serve(**doing(nothing)) as (channel, _registry):
        await call(channel, "UnaryUnary", token=mint("view"), x_request_id="a b")
        await call(channel, "UnaryUnary", token=mint("view"), x_request_id="a" * 65)
        await call(channel, "UnaryUnary", token=mint("view"))
        await becomes(3, lambda: len(lines()))
        ids = [line["request_id"] for line in lines()]
        assert len(set(ids)) == 3
        assert all(len(text) == 16 and text.isalnum() for text in ids)


async def test_health_is_open_and_quiet(serve, lines):
    async with serve(**doing(nothing)) as (channel, _registry):
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=SERVICE))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await becomes(["debug"], lambda: [line["level"] for line in lines()])


async def test_a_status_is_never_too_large_for_the_caller(serve, mint):
    async def act(_context):
        raise InvalidArgument([FieldViolation(f"field_{number}", "é" * 200) for number in range(500)])

    async with serve(**doing(act)) as (channel, _registry):
        error = await failure(call(channel, "UnaryUnary", token=mint("view")))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert error.details().startswith("field_0: é")
        assert reason(error) == "INVALID_ARGUMENT"


async def test_other_errors_of_grpc_s_own_are_internal(serve, mint):
    async def act(_context):
        raise grpc.aio.UsageError("a mistake of ours")

    async with serve(**doing(act)) as (channel, _registry):
        error = await failure(call(channel, "UnaryUnary", token=mint("view")))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert "mistake" not in error.details()


async def test_a_stream_that_is_refused_is_read_on_for_a_bounded_time():
    """A write under way as the server ends a stream costs grpc.aio's client the status."""
    read = []

    async def requests(count, *, then=None):
        for number in range(count):
            read.append(number)
            yield number
        if then is not None:
            await then

    await read_on(requests(5), 60.0)
    assert read == [0, 1, 2, 3, 4]
    await read_on(requests(1, then=asyncio.Event().wait()), 0.01)

    async def broken():
        yield 1
        raise ValueError("the connection is gone")

    await read_on(broken(), 60.0)


async def test_a_refused_stream_of_requests_has_its_status_after_the_half_close(serve, monkeypatch):
    monkeypatch.setattr(module, "read_on", partial(read_on, most_s=PATIENCE_S))

    async def never(requests, _context):
        yield [request async for request in requests]

    async with serve(Never_StreamStream=never, keeps_status=False) as (channel, _):
        for count in (1, 20):
            error = await failure(call(channel, "Never_StreamStream", *[b"x"] * count))
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED
