"""Reflection, health and metrics of AuditService, and buf curl as a caller without the schema."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

import aiohttp
import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.audit_server import audit_settings, move, new_session, running, start_of
from support.ports import free_port
from support.require import missing
from support.wait import PATIENCE_S

SERVICE = "afterimage.audit.v1.AuditService"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def buf() -> str:
    """The path of npm's buf."""
    found = shutil.which("buf", path=ROOT / "gen" / "ts" / "node_modules" / ".bin")
    if found is None:
        missing("buf is not installed: run npm ci in gen/ts")
    return found


async def curl(buf: str, *arguments: str) -> tuple[int, str, str]:
    """Runs `buf curl` without a schema; returns its status and its output."""
    process = await asyncio.create_subprocess_exec(
        buf,
        "curl",
        "--protocol",
        "grpc",
        "--http2-prior-knowledge",
        *arguments,
        cwd="/",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_buf_curl_lists_services_and_methods(audit, buf):
    status, out, err = await curl(buf, "--list-methods", f"http://{audit.address}")
    assert status == 0, err
    assert {f"{SERVICE}/ListSessions", f"{SERVICE}/RecordSession", f"{SERVICE}/ReplaySession"} <= set(out.split())


async def test_buf_curl_lists_sessions_with_a_token(audit, buf):
    session = new_session()
    await audit.record(session, [[move(start_of(session))]], actor_id="ann")
    url = f"http://{audit.address}/{SERVICE}/ListSessions"
    request = json.dumps({"pageSize": 10, "filter": {"actorId": "ann"}})
    header = f"authorization: Bearer {audit.token('view')}"
    status, out, err = await curl(buf, "--header", header, "--data", request, url)
    assert status == 0, err
    [listed] = json.loads(out)["sessions"]
    assert (listed["sessionId"], listed["actorId"], listed["status"]) == (session, "ann", "SESSION_STATUS_ENDED")


async def test_buf_curl_without_a_token_is_unauthenticated(audit, buf):
    status, out, err = await curl(buf, "--data", "{}", f"http://{audit.address}/{SERVICE}/ListSessions")
    assert status != 0
    assert out == ""
    answer = json.loads(err)
    assert (answer["code"], answer["message"]) == ("unauthenticated", "this needs a token")
    assert [detail["type"] for detail in answer["details"]] == ["google.rpc.ErrorInfo"]


async def test_reflection_gives_services_and_documented_files_without_a_token(audit):
    stub = reflection_pb2_grpc.ServerReflectionStub(audit.channel)

    async def ask(**request: str) -> reflection_pb2.ServerReflectionResponse:
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(**request)]))
        [answer] = [message async for message in call]
        return answer

    services = {service.name for service in (await ask(list_services="")).list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= services
    answer = await ask(file_containing_symbol=SERVICE)
    names = {FileDescriptorProto.FromString(f).name for f in answer.file_descriptor_response.file_descriptor_proto}
    assert "afterimage/audit/v1/audit_service.proto" in names


async def test_health_is_serving_without_a_token_and_ends_with_the_server(tmp_path):
    states = health_pb2.HealthCheckResponse
    async with running(audit_settings(tmp_path)) as audit:
        stub = health_pb2_grpc.HealthStub(audit.channel)
        for service in ("", SERVICE):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == states.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="afterimage.nothing"))
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert (await watch.read()).status == states.SERVING
        next_state = asyncio.create_task(watch.read())
    assert (await next_state).status == states.NOT_SERVING
    watch.cancel()


async def scrape(port: int) -> dict[str, float]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {re.sub(r"\s+", "", name): float(value) for name, _, value in lines}


async def test_metrics_count_what_happened(tmp_path):
    port = free_port()
    async with running(audit_settings(tmp_path, audit={"port": 0, "metrics_port": port})) as audit:
        empty = await scrape(port)
        assert empty["afterimage_chunks_stored_total"] == 0
        session = new_session()
        async with audit.recorder(session) as recorder:
            for seq in range(1, 6):
                await recorder.send(seq, [move(start_of(session))] * 3)
            await recorder.send(9, [move(start_of(session))])
            await recorder.send(6, "not an array")
            await recorder.ack(5)
            while len(recorder.rejections) < 2:
                await recorder.until("rejected")
            async with audit.view(session, follow=True) as viewer:
                await viewer.until("live_edge")
                during = await scrape(port)
            assert await recorder.end(5) is None
        with pytest.raises(grpc.aio.AioRpcError):
            await audit.session(new_session())
        not_found = f'afterimage_rpc_total{{code="NOT_FOUND",method="/{SERVICE}/GetSession"}}'
        async with asyncio.timeout(PATIENCE_S):  # the server's work after an answer, and after a viewer has left
            while (after := await scrape(port))["afterimage_followers"] or not_found not in after:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert during["afterimage_recordings_open"] == 1
    assert during["afterimage_followers"] == 1
    assert after["afterimage_recordings_open"] == 0
    assert after["afterimage_followers"] == 0
    assert after["afterimage_chunks_stored_total"] == 5
    assert after["afterimage_events_stored_total"] == 15
    assert after["afterimage_payload_bytes_stored_total"] > 0
    assert after["afterimage_inserts_total"] >= 2
    assert after["afterimage_insert_failures_total"] == 0
    assert after["afterimage_storage_failing_seconds"] == 0
    assert after['afterimage_chunks_rejected_total{reason="gap"}'] == 1
    assert after['afterimage_chunks_rejected_total{reason="invalid_payload"}'] == 1
    assert after[f'afterimage_rpc_total{{code="OK",method="/{SERVICE}/RecordSession"}}'] == 1
    assert after[not_found] == 1


async def test_metrics_and_logs_hold_no_token_and_no_payload(tmp_path, capsys):
    port = free_port()
    async with running(audit_settings(tmp_path, audit={"port": 0, "metrics_port": port})) as audit:
        session = new_session()
        token = audit.token("record")
        secret = {
            "type": 5,
            "data": {"tag": "t", "payload": {"x": "canary-of-payload"}},
            "timestamp": start_of(session),
        }
        async with audit.recorder(session, token=token, actor_id="canary-of-actor") as recorder:
            await recorder.send(1, [secret])
            await recorder.send(2, [{**secret, "timestamp": "canary-of-time"}])
            await recorder.until("rejected")
            assert await recorder.end(1) is None
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as answer:
            shown = await answer.text()
    printed = "".join(capsys.readouterr())
    assert "RecordSession" in printed
    for text in (shown, printed):
        assert "canary" not in text
        assert token not in text
        assert token.rpartition(".")[2] not in text
