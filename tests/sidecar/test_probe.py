from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from support.ports import free_port
from support.wait import PATIENCE_S

from sidecar.probe import check_redis, check_socket


def names(found):
    return [(finding.name, finding.is_good) for finding in found]


async def test_all_is_well(rig):
    found = await check_socket(rig.url.replace("http", "ws") + "/ws/record", rig.token("record"))
    assert names(found) == [(name, True) for name in ("url", "sidecar", "services", "token", "upgrade")]
    assert "AuditService serving" in found[2].text


@pytest.mark.parametrize("url", ["localhost:8080/ws/record", "ws://localhost", "ws:///ws/record", "wss://h/record", ""])
async def test_the_url_is_wrong(url):
    assert names(await check_socket(url, "x")) == [("url", False)]


async def test_nobody_is_there():
    found = await check_socket(f"ws://127.0.0.1:{free_port()}/ws/record", "x")
    assert names(found) == [("url", True), ("sidecar", False)]


async def test_the_token_is_not_accepted(rig):
    found = await check_socket(f"{rig.url}/ws/record", rig.token("view"))
    assert (found[-1].name, found[-1].is_good) == ("token", False)
    assert "403: this needs the scope" in found[-1].text


async def test_a_proxy_that_strips_the_upgrade_is_named(rig):
    async def pass_on(request):
        headers = {"Authorization": request.headers.get("Authorization", "")}
        if protocols := request.headers.get("Sec-WebSocket-Protocol"):
            headers["Sec-WebSocket-Protocol"] = protocols
        async with rig.http.get(rig.url + request.path, headers=headers) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                content_type=answer.content_type,
            )

    app = web.Application()
    app.router.add_get("/{path:.*}", pass_on)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    found = await check_socket(f"ws://127.0.0.1:{port}/ws/record", rig.token("record"))
    await runner.cleanup()
    await asyncio.sleep(0)
    assert (found[-1].name, found[-1].is_good) == ("upgrade", False)
    assert "strips Upgrade" in found[-1].text


async def test_redis(settings, redis_url):
    def with_url(url):
        return settings.model_copy(
            update={"redis": settings.redis.model_copy(update={"url": url, "timeout_s": PATIENCE_S})}
        )

    assert (await check_redis(with_url(""))).is_good
    assert (await check_redis(with_url(redis_url))).text == "Redis answers"
    assert not (await check_redis(with_url("redis://127.0.0.1:1"))).is_good
