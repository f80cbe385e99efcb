"""Connect unary, POST /record, POST /token, CORS and the operators' routes, over plain HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import ssl
import subprocess
import time

import aiohttp
import jwt
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from google.rpc import error_details_pb2
from support.wait import PATIENCE_S

from services.runtime.rpc.scopes import AUDIT
from sidecar.wire import delimited
from tests.sidecar.conftest import ORIGIN, WindowMessages, rigged
from tests.sidecar.processes import audit_process, in_front_of

LIST = f"/{AUDIT}/ListSessions"
GET = f"/{AUDIT}/GetSession"
PROTO = {"Content-Type": "application/proto"}
JSON = {"Content-Type": "application/json"}


async def test_unary_in_both_forms(rig):
    status, headers, body = await rig.post(LIST, scopes=["view"], headers=PROTO, data=b"")
    assert (status, headers["Content-Type"]) == (200, "application/proto")
    assert pb.ListSessionsResponse.FromString(body).next_page_token.startswith("page of demo")
    status, headers, body = await rig.post(LIST, scopes=["view"], json={"pageSize": 5, "newerThanThisServer": 1})
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "application/json")
    assert json.loads(body)["nextPageToken"].startswith("page of demo")
    assert rig.audit.metadata["x-request-id"] == headers["x-request-id"]
    async with rig.http.post(
        rig.url + LIST, json={}, headers={"Authorization": f"Bearer {rig.token('view')}"}
    ) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"


async def test_errors_carry_their_details(rig):
    status, _, body = await rig.post(GET, scopes=["view"], json={})
    error = json.loads(body)
    assert (status, error["code"], error["message"]) == (400, "invalid_argument", "session_id: is not a UUID")
    info, bad = error["details"]
    assert info["type"] == "google.rpc.ErrorInfo"
    assert bad["debug"] == {"fieldViolations": [{"field": "session_id", "description": "is not a UUID"}]}
    assert "=" not in bad["value"]
    request = error_details_pb2.BadRequest.FromString(base64.b64decode(bad["value"] + "=="))
    assert request.field_violations[0].field == "session_id"


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        (PROTO, b"\xff\xff", 400, "invalid_argument"),
        (JSON, b"{", 400, "invalid_argument"),
        (JSON, b"[]", 400, "invalid_argument"),
        (JSON, b"", 400, "invalid_argument"),
        (JSON, b"\xff\xfe", 400, "invalid_argument"),
        (JSON, b'{"pageSize":"many"}', 400, "invalid_argument"),
        (JSON, b'{"filter":' * 2000, 400, "invalid_argument"),
        (JSON | {"Connect-Protocol-Version": "2"}, b"{}", 400, "invalid_argument"),
        (JSON | {"Connect-Timeout-Ms": "soon"}, b"{}", 400, "invalid_argument"),
        (JSON | {"Connect-Timeout-Ms": "12345678901"}, b"{}", 400, "invalid_argument"),
        (JSON | {"Content-Encoding": "gzip"}, b"{}", 501, "unimplemented"),
        (JSON, b"x" * (1024**2 + 1), 413, "resource_exhausted"),
        (JSON | {"Authorization": "Basic eDp5"}, b"{}", 401, "unauthenticated"),
    ],
)
async def test_requests_that_are_wrong(rig, headers, body, status, code):
    headers = {"Authorization": f"Bearer {rig.token('view')}", **headers}
    got, _, answer = await rig.post(
        LIST, headers=headers, data=io.BytesIO(body), skip_auto_headers=["Content-Encoding"]
    )
    assert (got, json.loads(answer)["code"]) == (status, code)


async def test_content_types_and_methods(rig):
    status, headers, _ = await rig.post(LIST, scopes=["view"], headers={"Content-Type": "application/grpc"}, data=b"")
    assert (status, headers["Accept-Post"]) == (415, "application/proto, application/json")
    async with rig.http.get(rig.url + LIST) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_timeouts(rig):
    for given in ("200", "0"):
        headers = {"Connect-Timeout-Ms": given}
        status, _, body = await rig.post(GET, scopes=["view"], headers=headers, json={"sessionId": "slow"})
        assert (status, json.loads(body)["code"]) == (504, "deadline_exceeded")


async def test_a_service_that_is_away(settings):
    async with rigged(settings) as rig:
        status, _, body = await rig.post("/afterimage.share.v1.ShareService/GetShareLink", json={"token": "t"})
        assert (status, json.loads(body)["code"]) == (503, "unavailable")
        assert "127.0.0.1" not in json.loads(body)["message"]


async def test_cors(rig):
    own = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    async with rig.http.options(f"{rig.url}/record", headers=own) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        assert response.headers["Vary"] == "Origin"
    async with rig.http.options(f"{rig.url}{LIST}", headers=own | {"Origin": "https://evil.example"}) as response:
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers
    _, headers, _ = await rig.post(LIST, json={}, headers={"Origin": rig.url})
    assert headers["Access-Control-Allow-Origin"] == rig.url  # errors, too, can be read
    _, headers, _ = await rig.post(LIST, json={}, headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("preamble", [False, True])
async def test_record_by_post(rig, preamble):
    recorder = WindowMessages()
    token = rig.token("record")
    body = delimited.join([recorder.start(), recorder.chunk(1), recorder.chunk(2, 100_000), recorder.end(2)])
    headers = {"Origin": ORIGIN, "Content-Type": "text/plain"}
    if preamble:
        body = f"Bearer {token}\n".encode() + body
    else:
        headers["Authorization"] = f"Bearer {token}"
    status, _, answer = await rig.post("/record", headers=headers, data=body)
    assert status == 200
    ready, *acks = [pb.RecordSessionResponse.FromString(message) for message in delimited.split(answer)]
    assert ready.ready.next_seq == 1
    assert acks[-1].ack.through_seq == 2
    status, _, answer = await rig.post("/record", headers=headers | {"Accept": "application/json"}, data=body)
    assert json.loads(answer)["responses"][0]["ready"]["nextSeq"] == "3"
    assert len(rig.audit.chunks["demo", recorder.session_id, recorder.window_id]) == 2


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 401, "TOKEN_MISSING"),
        (b"Bearer ", 401, "TOKEN_MISSING"),
        (b"Bearer x\n", 401, "TOKEN_INVALID"),
        (b"Bearer " + b"x" * 20_000, 401, "TOKEN_MISSING"),
        (b"Bearer \xff\xff\n", 401, "TOKEN_INVALID"),
        (b"B", 401, "TOKEN_MISSING"),
        (delimited.join([WindowMessages().start()]), 401, "TOKEN_MISSING"),
        (b"%T\n\x80\x80\x80\x80\x80\x80", 400, "MESSAGE_MALFORMED"),
        (b"%T\n\x05abc", 400, "MESSAGE_MALFORMED"),
        (b"%T\n\x03abc", 400, "MESSAGE_MALFORMED"),
        (b"%T\n" + delimited.join([WindowMessages().chunk(1)]), 400, "START_MISSING"),
        (b"%T\n" + bytes(5 * 1024**2), 413, "REQUEST_TOO_LARGE"),
    ],
)
async def test_beacons_that_are_wrong(rig, body, status, reason):
    body = body.replace(b"%T", f"Bearer {rig.token('record')}".encode())
    got, _, answer = await rig.post("/record", data=io.BytesIO(body))
    assert (got, json.loads(answer)["details"][0]["debug"]["reason"]) == (status, reason)


async def test_the_preamble_is_read_however_it_is_cut(rig):
    recorder = WindowMessages()
    body = f"Bearer {rig.token('record')}\n".encode() + delimited.join([recorder.start(), recorder.chunk(1)])

    async def parts():
        for at in range(0, len(body), 7):
            yield body[at : at + 7]
            await asyncio.sleep(0)

    status, _, _ = await rig.post("/record", data=parts())
    assert status == 200
    assert len(rig.audit.chunks) == 1


async def test_a_key_becomes_a_token_that_records(rig):
    asked_s = int(time.time())
    status, headers, body = await rig.post("/token", json={"key": "pk_demo"}, headers={"Origin": ORIGIN})
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    answer = json.loads(body)
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert (claims["scope"], claims["project"], answer["expiresInSeconds"]) == ("record", "demo", 600)
    assert asked_s <= claims["exp"] - 600 <= time.time() + 1
    _, _, other = await rig.post("/token", data='{"key": "pk_demo"}', headers={"Origin": ORIGIN})
    assert jwt.decode(json.loads(other)["token"], options={"verify_signature": False})["sub"] != claims["sub"]
    async with rig.socket("/ws/record", token=answer["token"], headers={"Origin": ORIGIN}) as ws:
        await ws.send_bytes(WindowMessages().start())
        await ws.receive_bytes()


@pytest.mark.parametrize(
    ("body", "origin", "status", "reason"),
    [
        ('{"key": "pk_demo"}', None, 403, "ORIGIN_MISSING"),
        ('{"key": "pk_demo"}', "https://evil.example", 403, "ORIGIN_NOT_ALLOWED"),
        ('{"key": "pk_other"}', ORIGIN, 403, "ORIGIN_NOT_ALLOWED"),
        ('{"key": "pk_none"}', ORIGIN, 401, "KEY_UNKNOWN"),
        ('{"key": 5}', ORIGIN, 400, "MESSAGE_MALFORMED"),
        ("[" * 1000, ORIGIN, 400, "MESSAGE_MALFORMED"),
        ("pk_demo", ORIGIN, 400, "MESSAGE_MALFORMED"),
        ("x" * 2000, ORIGIN, 413, "REQUEST_TOO_LARGE"),
    ],
)
async def test_keys_that_become_none(rig, body, origin, status, reason):
    got, _, answer = await rig.post("/token", data=body, headers={"Origin": origin} if origin else {})
    assert (got, json.loads(answer)["details"][0]["debug"]["reason"]) == (status, reason)
    assert rig.metric("refused_total", route="/token", reason=reason.lower()) == 1


async def test_requests_are_limited_by_address(settings):
    async with rigged(settings, requests_per_minute_per_address=3, tokens_per_minute_per_address=2) as rig:
        for path, allowed in ((LIST, 3), ("/token", 2)):
            statuses = [(await rig.post(path, scopes=["view"], json={}))[:2] for _ in range(5)]
            assert [status for status, _ in statuses].count(429) == 5 - allowed
            assert int(statuses[-1][1]["Retry-After"]) >= 1


async def test_what_operators_ask(settings):
    async with rigged(settings, metrics_networks=["127.0.0.0/8"]) as rig:

        async def get(path, **headers):
            async with rig.http.get(rig.url + path, headers=headers) as response:
                return response.status, await response.text()

        assert await get("/healthz") == (200, "ok\n")
        status, text = await get("/readyz")
        assert status == 200
        assert json.loads(text)["recording"] == "unknown", "this service has no such health"
        assert json.loads(text)["upstreams"] == {
            AUDIT: "serving",
            "afterimage.share.v1.ShareService": "unreachable",
            "afterimage.export.v1.ExportService": "unreachable",
        }
        status, text = await get("/metrics")
        assert status == 200
        assert 'afterimage_sidecar_messages_total{direction="in",route="/ws/record"}' in text
        assert "afterimage_sidecar_limits_shared 0.0" in text
        assert (await get("/metrics", **{"X-Forwarded-For": "1.2.3.4"}))[0] == 403
        for path in ("/x", "/y", "/z/1"):
            assert (await get(path))[0] == 404
        _, text = await get("/metrics")
        assert 'requests_total{route="unmatched",status="404"} 3.0' in text
    async with rigged(settings, metrics_networks=[]) as rig, rig.http.get(f"{rig.url}/metrics") as response:
        assert response.status == 403


async def test_a_full_disk_is_reported_and_recorders_are_asked_to_come_back(settings, tmp_path):
    floor = {"AFTERIMAGE_STORAGE__MIN_FREE_BYTES": str(1 << 60)}
    async with audit_process(tmp_path / "audit", **floor) as process, in_front_of(process, settings) as rig:

        async def readiness():
            async with rig.http.get(f"{rig.url}/readyz") as response:
                return response.status, (await response.json())["recording"]

        async with asyncio.timeout(PATIENCE_S):
            while await readiness() != (200, "not_serving"):  # noqa: ASYNC110 - it waits for another process
                await asyncio.sleep(0.1)
        recorder = WindowMessages()
        body = delimited.join([recorder.start(), recorder.chunk(1)])
        status, headers, answer = await rig.post("/record", scopes=["record"], data=body)
        assert (status, headers["Retry-After"]) == (429, "30")
        assert b"STORAGE_FULL" in answer
        async with rig.socket("/ws/record", "record") as ws:
            await ws.send_bytes(recorder.start())
            message = await ws.receive(PATIENCE_S)
            assert (message.data, message.extra) == (4429, "storage_full")


async def test_a_used_up_quota_has_its_delay_by_post_and_by_websocket(settings, tmp_path):
    quotas = {
        "AFTERIMAGE_QUOTAS__BYTES_PER_DAY_PER_ADDRESS": "300",
        "AFTERIMAGE_QUOTAS__SESSIONS_PER_MINUTE_PER_PROJECT": "0",
        "AFTERIMAGE_QUOTAS__WINDOWS_PER_SESSION": "1",
    }
    async with (
        audit_process(tmp_path / "audit", **quotas) as process,
        in_front_of(process, settings, trusted_proxies=["127.0.0.1/32"]) as rig,
    ):
        first, second = WindowMessages(), WindowMessages()
        one = {"X-Forwarded-For": "198.51.100.1"}
        body = delimited.join([first.start(), first.chunk(1), first.chunk(2), first.chunk(3)])
        status, headers, answer = await rig.post("/record", scopes=["record"], data=body, headers=one)
        assert status == 429, answer
        assert 1 <= int(headers["Retry-After"]) <= 3600
        assert b"QUOTA_EXCEEDED" in answer
        assert b"bytes_per_day_per_address" in answer
        async with rig.socket("/ws/record", "record", headers={"X-Forwarded-For": "198.51.100.1"}) as ws:
            await ws.send_bytes(first.start())
            for seq in (1, 2, 3):
                await ws.send_bytes(first.chunk(seq))
            while not isinstance((message := await ws.receive(PATIENCE_S)).data, int):
                pass
            assert message.data == 4429
            assert re.fullmatch(r"quota_exceeded; retry_after_s=\d+", message.extra)
        async with rig.socket("/ws/record", "record", headers={"X-Forwarded-For": "203.0.113.1"}) as ws:
            await ws.send_bytes(second.start())
            await ws.receive(PATIENCE_S)
            await ws.send_bytes(second.chunk(1))
            assert (await ws.receive(PATIENCE_S)).type is aiohttp.WSMsgType.BINARY, "another address has its own"


async def test_not_ready_without_audit(settings):
    async with rigged(settings) as rig:
        dead = rig.settings.model_copy(
            update={"sidecar": rig.settings.sidecar.model_copy(update={"audit_address": "127.0.0.1:1"})}
        )
        from sidecar.app import serve

        async with serve(dead) as running:
            async with rig.http.get(f"{running.url}/readyz") as response:
                assert response.status == 503
            async with rig.http.ws_connect(
                f"{running.url}/ws/sessions", protocols=("afterimage.v1", f"bearer.{rig.token('view')}")
            ) as ws:
                await ws.send_bytes(b"")
                message = await ws.receive()
                assert (message.data, message.extra) == (4503, "unavailable")


@pytest.fixture
def certificate(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", cert, *names], check=True, capture_output=True)
    return cert, key


async def test_tls(settings, certificate):
    cert, key = certificate
    trust = ssl.create_default_context(cafile=cert)
    async with rigged(settings, cert_file=cert, key_file=key) as rig:
        assert rig.url.startswith("https://")
        async with rig.socket("/ws/sessions", "view", ssl=trust) as ws:
            await ws.send_bytes(b"")
            await ws.receive_bytes()
        with pytest.raises(aiohttp.ClientError):
            await rig.http.get(f"http://127.0.0.1:{rig.port}/healthz")
