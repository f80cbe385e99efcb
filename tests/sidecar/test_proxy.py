"""The sidecar behind nginx, with the very configuration that docs/deployment.md shows."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shutil
import sys
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.ports import free_port, until_open
from support.require import missing
from support.wait import PATIENCE_S

from services.cli.doctor.checks_sidecar import check_sidecar
from services.cli.doctor.examination import Examination, State
from services.runtime.identity.peer import ADDRESS_HEADER
from sidecar.wire import delimited
from tests.sidecar.conftest import WindowMessages, rigged

DEPLOYMENT = Path(__file__).parents[2] / "docs" / "deployment.md"
VISITOR = "127.0.0.2"  # another address of this machine than nginx has, as a visitor has another than the proxy
AWAY = "redis://127.0.0.1:1"
PROXY = (ip_network("127.0.0.1/32"),)


def nginx_binary():
    """Returns where nginx is; skips where it is not, fails in CI."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        missing("nginx is not here: apt-get install nginx-light")
    return found


def documented(upstream_port, port):
    """Returns the http block's content in docs/deployment.md, with plain text and ports of this machine."""
    (text,) = re.findall(r"```nginx\n(.*?)```", DEPLOYMENT.read_text(), re.DOTALL)
    text = re.sub(r"(?m)^\s*ssl_certificate.*\n", "", text)
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream_port}"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


@asynccontextmanager
async def nginx(content, port, directory):
    """Runs nginx with `content` as its http block; gives its address."""
    paths = "".join(
        f"{name}_temp_path {directory}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    )
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log notice;\n"
        f"events {{ worker_connections 512; }}\nhttp {{\naccess_log {directory}/access.log;\n{paths}{content}}}\n"
    )
    process = await asyncio.create_subprocess_exec(
        nginx_binary(), "-p", str(directory), "-c", str(config), "-e", str(directory / "error.log")
    )
    try:
        await until_open(port, process, directory / "error.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def behind_nginx(settings, directory, **overrides):
    """A rig with a client that connects through nginx."""
    nginx_binary()
    port = free_port()
    async with rigged(settings, **{"trusted_proxies": PROXY, **overrides}) as rig:
        connector = aiohttp.TCPConnector(local_addr=(VISITOR, 0)) if sys.platform == "linux" else None
        async with (
            nginx(documented(rig.port, port), port, directory) as url,
            aiohttp.ClientSession(connector=connector) as visitor,
        ):
            rig.direct, rig.url, rig.http = rig.url, url, visitor
            yield rig


async def test_a_recorder_and_a_viewer_through_nginx(settings, tmp_path):
    recorder = WindowMessages()
    async with behind_nginx(settings, tmp_path) as rig, rig.socket("/ws/record", "record") as ws:
        assert ws.protocol == "afterimage.v1"
        await ws.send_bytes(recorder.start())
        assert pb.RecordSessionResponse.FromString(await ws.receive_bytes()).ready.next_seq == 1
        for seq in range(1, 6):
            await ws.send_bytes(recorder.chunk(seq, size_bytes=200_000))
            assert pb.RecordSessionResponse.FromString(await ws.receive_bytes()).ack.through_seq == seq
        async with rig.socket("/ws/replay", "view") as viewer:
            request = pb.ReplaySessionRequest(session_id=recorder.session_id, follow=True)
            await viewer.send_bytes(request.SerializeToString())
            seqs = []
            while len(seqs) < 6:
                if len(seqs) == 5:  # live: it must not wait in a buffer of nginx's until there is more
                    await ws.send_bytes(recorder.chunk(6))
                async with asyncio.timeout(PATIENCE_S):
                    message = pb.ReplaySessionResponse.FromString(await viewer.receive_bytes())
                if message.HasField("chunk"):
                    seqs.append(message.chunk.seq)
    assert seqs == [1, 2, 3, 4, 5, 6]


async def test_close_codes_pass(settings, tmp_path):
    async with behind_nginx(settings, tmp_path) as rig:
        async with rig.socket("/ws/record", "record") as ws:
            await ws.send_bytes(b"\xff not a message")
            assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
            assert ws.close_code == 4400
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with rig.socket("/ws/record", token="no.good.token"):
                pass
        assert refused.value.status == 401


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 as its own")
async def test_the_visitor_is_known_by_his_address_whatever_he_says_of_himself(settings, tmp_path):
    async with behind_nginx(settings, tmp_path) as rig:
        async with rig.socket("/ws/record", "record", headers={"X-Forwarded-For": "203.0.113.9"}) as ws:
            await ws.send_bytes(WindowMessages().start())
            await ws.receive_bytes()
            assert rig.audit.metadata[ADDRESS_HEADER] == VISITOR
    async with behind_nginx(settings, tmp_path, trusted_proxies=()) as rig, rig.socket("/ws/record", "record") as ws:
        await ws.send_bytes(WindowMessages().start())
        await ws.receive_bytes()
        assert rig.audit.metadata[ADDRESS_HEADER] == "127.0.0.1"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 as its own")
async def test_limits_are_the_visitors_and_not_the_proxys(settings, tmp_path):
    async with (
        behind_nginx(settings, tmp_path, max_connections_per_address=1) as rig,
        rig.socket("/ws/record", "record"),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with rig.socket("/ws/record", "record", token=rig.token("record", subject="second")):
                pass
        assert refused.value.status == 429
        assert refused.value.headers["Retry-After"]
        connector = aiohttp.TCPConnector(local_addr=("127.0.0.3", 0))
        async with aiohttp.ClientSession(connector=connector) as rig.http, rig.socket("/ws/record", "record") as other:
            await other.send_bytes(WindowMessages().start())
            await other.receive_bytes()


async def test_requests_of_the_largest_size_and_pages_of_the_own_origin(settings, tmp_path):
    recorder = WindowMessages()
    async with behind_nginx(settings, tmp_path) as rig:
        messages = [recorder.start(), recorder.chunk(1), recorder.chunk(2, size_bytes=3_500_000), recorder.end(2)]
        body = delimited.join(messages)
        assert len(body) > 1024**2  # nginx's own bound is lower
        headers = {"Accept": "application/json"}
        status, _, answer = await rig.post("/record", scopes=("record",), data=io.BytesIO(body), headers=headers)
        assert (status, json.loads(answer)["responses"][-1]) == (200, {"ack": {"throughSeq": "2"}})
        method = "/afterimage.audit.v1.AuditService/ListSessions"
        headers = {"Content-Type": "application/json", "Origin": rig.url}
        status, _, _ = await rig.post(method, scopes=("view",), data=b"{}", headers=headers)
        assert status == 200
        headers["Origin"] = "https://evil.example"
        status, _, _ = await rig.post(method, scopes=("view",), data=b"{}", headers=headers)
        assert status == 403


async def test_metrics_are_not_for_visitors(settings, tmp_path):
    networks = (ip_network("127.0.0.1/32"),)
    async with behind_nginx(settings, tmp_path, metrics_networks=networks) as rig:
        async with rig.http.get(f"{rig.url}/metrics") as answer:
            assert answer.status == (403 if sys.platform == "linux" else 200)
        async with aiohttp.ClientSession() as here, here.get(f"{rig.direct}/metrics") as answer:
            assert answer.status == 200


async def test_logs_of_the_proxy_have_no_secrets(settings, tmp_path):
    async with behind_nginx(settings, tmp_path) as rig:
        token = rig.token("record")
        async with rig.socket("/ws/record", token=token) as ws:
            await ws.send_bytes(WindowMessages().start())
            await ws.receive_bytes()
        async with rig.http.get(f"{rig.url}/s/a-share-token"):
            pass
        await rig.until(lambda: "/ws/record" in (tmp_path / "access.log").read_text())
    written = (tmp_path / "access.log").read_text()
    assert token not in written
    assert "a-share-token" not in written


async def examined(rig, url):
    """Returns the problems that `afterimage doctor --url` reports."""
    about = Examination(
        settings=rig.settings, running=None, address="", metrics_url="", token=rig.token("view"), url=url
    )
    return [(one.what, one.text) for one in await check_sidecar(about) if one.state is State.PROBLEM]


async def test_doctor_names_a_proxy_that_strips_the_upgrade_and_a_redis_that_is_away(settings, tmp_path):
    async with behind_nginx(settings, tmp_path) as rig:
        assert await examined(rig, rig.url) == []
        port = free_port()
        content = f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {rig.direct}; }} }}\n"
        (tmp_path / "bare").mkdir()
        async with nginx(content, port, tmp_path / "bare") as url:
            ((what, text),) = await examined(rig, url)
        away = rig.settings.model_copy(update={"redis": rig.settings.redis.model_copy(update={"url": AWAY})})
        rig.settings = away
        ((limits, _),) = await examined(rig, rig.url)
    assert limits == "ws redis"
    assert what == "ws upgrade"
    assert "a proxy strips Upgrade and Connection" in text
