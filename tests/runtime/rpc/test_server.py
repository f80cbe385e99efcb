from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import grpc
import pytest
from afterimage.share.v1 import share_service_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from runtime.calls import SERVICE, call, method, register
from support.wait import PATIENCE_S

from services.runtime.rpc.server import MESSAGE_OVERHEAD_BYTES, serve_grpc
from services.runtime.settings.loader import SettingsError, load_settings

ROOT = Path(__file__).parents[3]
States = health_pb2.HealthCheckResponse


async def echo(request, _context):
    return request


def serving(settings, service=None, **options):
    return serve_grpc(
        settings,
        service or settings.audit,
        registrars=options.pop("registrars", [register(UnaryUnary=echo)]),
        service_names=options.pop("service_names", [SERVICE]),
        **options,
    )


async def test_it_serves_on_any_free_port_and_says_so(settings):
    async with serving(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        assert server.port > 0
        assert await call(channel, "UnaryUnary", b"hello") == [b"hello"]


async def test_health_follows_and_says_not_serving_when_it_stops(settings):
    seen = []

    async def watch(stub):
        async for answer in stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE)):
            seen.append(answer.status)  # noqa: PERF401 - the answers count although the stream ends with an error

    async def told(state):
        async with asyncio.timeout(PATIENCE_S):
            while seen[-1:] != [state]:  # noqa: ASYNC110 - the watch sets no event
                await asyncio.sleep(0.01)

    async with serving(settings, grace_s=0.3, before_stop=lambda: told(States.NOT_SERVING)) as server:
        channel = grpc.aio.insecure_channel(server.address)
        stub = health_pb2_grpc.HealthStub(channel)
        watcher = asyncio.create_task(watch(stub))
        for serving_now, state in ((True, States.SERVING), (False, States.NOT_SERVING), (True, States.SERVING)):
            await server.set_serving(serving_now)
            await told(state)
            for name in ("", SERVICE):
                assert (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status == state
    with pytest.raises(grpc.aio.AioRpcError):
        await watcher
    await channel.close()
    assert seen[0] == States.SERVING
    assert seen[-1] == States.NOT_SERVING


async def test_reflection_lists_what_is_served(settings):
    name = "afterimage.share.v1.ShareService"

    def add(server):
        share_service_pb2_grpc.add_ShareServiceServicer_to_server(share_service_pb2_grpc.ShareServiceServicer(), server)

    async with (
        serving(settings, registrars=[add], service_names=[name]) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=name),
        ]
        services, file = [answer async for answer in stub.ServerReflectionInfo(iter(asked))]
        assert {service.name for service in services.list_services_response.service} == {
            name,
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }
        assert b"CreateShareLink" in file.file_descriptor_response.file_descriptor_proto[0]


async def test_a_used_port_is_one_clear_error(settings, capfd):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service = settings.audit.model_copy(update={"port": port})
        with pytest.raises(SettingsError) as caught:
            async with serving(settings, service):
                pass
        assert str(caught.value) == f"cannot listen on 127.0.0.1:{port}: Address already in use"


async def test_two_servers_do_not_share_a_port(settings):
    async with serving(settings) as first:
        with pytest.raises(SettingsError, match="Address already in use"):
            async with serving(settings, settings.audit.model_copy(update={"port": first.port})):
                pass


async def test_a_host_that_does_not_exist_is_named(settings):
    service = settings.audit.model_copy(update={"host": "no-such-host.invalid"})
    with pytest.raises(SettingsError, match=r"^cannot listen on no-such-host\.invalid:0: "):
        async with serving(settings, service):
            pass


async def test_a_message_may_be_a_chunk_and_not_much_more(tmp_path):
    settings = load_settings(data_dir=tmp_path, audit={"port": 0}, ingest={"max_chunk_bytes": 1024 * 1024})
    async with serving(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        largest = 1024 * 1024 + MESSAGE_OVERHEAD_BYTES
        (answer,) = await call(channel, "UnaryUnary", b"x" * largest)
        assert len(answer) == largest
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, "UnaryUnary", b"x" * (largest + 1))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_more_calls_than_allowed_are_refused(settings):
    entered = asyncio.Event()

    async def wait(_request, _context):
        entered.set()
        await asyncio.sleep(60)

    async with (
        serving(settings, registrars=[register(Wait_UnaryUnary=wait)], max_concurrent_rpcs=1, grace_s=0) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        first = channel.unary_unary(method("Wait_UnaryUnary"))(b"x")
        await asyncio.wait_for(entered.wait(), PATIENCE_S)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, "Wait_UnaryUnary")
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        first.cancel()


async def test_stopping_lets_calls_finish_and_cancels_what_is_left(settings):
    happened = []
    entered = {name: asyncio.Event() for name in ("short", "long")}
    stopping = asyncio.Event()

    async def short(request, _context):
        entered["short"].set()
        await stopping.wait()
        await asyncio.sleep(0.2)
        happened.append("short finished")
        return request

    async def long(_request, _context):
        entered["long"].set()
        try:
            await asyncio.sleep(60)
        finally:
            happened.append("long cancelled")

    async def before_stop():
        happened.append("before_stop")
        stopping.set()

    async with serving(
        settings,
        registrars=[register(Short_UnaryUnary=short, Long_UnaryUnary=long)],
        before_stop=before_stop,
        grace_s=2.0,
    ) as server:
        channel = grpc.aio.insecure_channel(server.address)
        calls = [asyncio.create_task(call(channel, name, b"x")) for name in ("Short_UnaryUnary", "Long_UnaryUnary")]
        async with asyncio.timeout(PATIENCE_S):
            for event in entered.values():
                await event.wait()
    results = await asyncio.gather(*calls, return_exceptions=True)
    await channel.close()
    assert results[0] == [b"x"]
    assert isinstance(results[1], grpc.aio.AioRpcError)
    assert happened == ["before_stop", "short finished", "long cancelled"]
