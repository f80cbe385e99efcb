"""Names of the sidecar: a page with a name of its own that leads here (DNS rebinding) is refused."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from support.wait import PATIENCE_S

from services.runtime.settings.loader import SettingsError, load_settings
from sidecar.gate.hosts import Hosts
from tests.sidecar.conftest import rigged


def hosts(public_url="https://replay.example", **sidecar):
    return Hosts(load_settings(share={"public_url": public_url}, sidecar=sidecar))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LOCALHOST",
        "demo.localhost:8080",
        "127.0.0.1:8080",
        "192.168.1.7",
        "[::1]:8080",
        "[fe80::1%25eth0]:8080",
        "sidecar:8080",
        "replay.example",
        "Replay.Example:443",
        "replay.example.",
        "",
    ],
)
def test_own_names(host):
    assert hosts().knows(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "replay.example.evil.example",
        "evilreplay.example",
        "localhost.evil.example",
        "a.replay.example",
        "evil.example:80:80",
        "[evil.example]",
        "1.2.3.4.5",
        ":8080",
        "..",
        "evil.example\x00",
    ],
)
def test_names_of_others(host):
    assert not hosts().knows(host)


def test_names_that_the_operator_gives():
    assert hosts(public_names=["console.example"]).knows("console.example:443")
    below = hosts(public_names=["*.shop.example"])
    assert below.knows("a.shop.example")
    assert not below.knows("shop.example")
    assert not below.knows("evilshop.example")
    assert hosts(public_names=["*"]).knows("evil.example")
    assert hosts(host="internal.example").knows("internal.example")
    for wrong in ("https://a.example", "a.example:80", "A.example", "", "*.", "a.*"):
        with pytest.raises(SettingsError, match=r"public_names"):
            hosts(public_names=[wrong])


@pytest.mark.parametrize(
    "path", ["/", "/signin", "/s/abc", "/recorder.js", "/metrics", "/demo/", "/nothing", "/ws/sessions", "/record"]
)
async def test_a_request_for_another_host_is_refused_everywhere(rig, path):
    async with rig.http.get(rig.url + path, headers={"Host": f"evil.example:{rig.port}"}) as response:
        assert response.status == 421
        body = await response.json()
    assert body["code"] == "permission_denied"
    assert "not known as evil.example" in body["message"]
    assert "sidecar.public_names" in body["message"]
    assert (
        sum(
            sample.value
            for family in rig.registry.collect()
            for sample in family.samples
            if sample.name == "afterimage_sidecar_refused_total" and sample.labels["reason"] == "host_unknown"
        )
        == 1
    )


async def test_a_rebound_page_reads_and_opens_nothing(rig):
    own = {"Host": f"evil.example:{rig.port}", "Origin": f"http://evil.example:{rig.port}"}
    status, headers, _ = await rig.post("/token", headers=own, data=b'{"key": "pk_demo"}')
    assert status == 421
    assert "Access-Control-Allow-Origin" not in headers or headers["Access-Control-Allow-Origin"] == own["Origin"]
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await rig.socket("/ws/sessions", "view", headers=own)
    assert caught.value.status == 421


async def test_load_balancers_may_use_any_name(rig):
    async with rig.http.get(rig.url + "/healthz", headers={"Host": "10-0-0-7.pods.example"}) as response:
        assert response.status == 200


async def test_two_hosts_are_none(rig):
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    assert answer.split(b" ")[1] in {b"400", b"421"}


async def test_the_configured_name_works_over_everything(settings):
    async with rigged(settings, public_names=["replay.example"]) as rig:
        host = {"Host": "replay.example"}
        async with rig.socket("/ws/sessions", "view", headers={**host, "Origin": "https://replay.example"}) as socket:
            await socket.close()
        status, _, body = await rig.post(
            "/afterimage.audit.v1.AuditService/ListSessions", scopes=["view"], headers=host, json={}
        )
        assert status != 421, json.loads(body)
