"""Every route with every caller to refuse: refused as documented, counted, and not passed on to a service."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import aiohttp
import pytest
from support.wait import PATIENCE_S, opened_before_expiry

from services.runtime.identity.tokens import TokenMinter
from services.runtime.rpc.scopes import AUDIT, GRANT_METHODS
from sidecar.wire import delimited, methods
from tests.sidecar.conftest import ORIGIN, WindowMessages

STREAMS = {stream.path: stream.rpc for stream in methods.STREAMS}
UNARY = {rpc.method: rpc for rpc in methods.UNARY if rpc.scopes}
OPEN = {rpc.method: rpc for rpc in methods.UNARY if not rpc.scopes}
ALL = {**STREAMS, "/record": methods.RECORD, **UNARY}
RECORDING = ("/ws/record", "/record")
FOREIGN = "https://evil.example"

# HTTP status and reason, by fault.
REFUSED = {
    "no token": (401, "TOKEN_MISSING"),
    "garbage": (401, "TOKEN_INVALID"),
    "other signature": (401, "TOKEN_INVALID"),
    "expired": (401, "TOKEN_EXPIRED"),
    "unknown project": (401, "PROJECT_UNKNOWN"),
    "wrong scope": (403, "SCOPE_MISSING"),
    "internal": (403, "SCOPE_INTERNAL"),
    "grant too narrow": (403, "GRANT_TOO_NARROW"),
    "foreign origin": (403, "ORIGIN_NOT_ALLOWED"),
    "null origin": (403, "ORIGIN_NOT_ALLOWED"),
    "token in the URL": (401, "TOKEN_IN_URL"),
    "token in the URL besides": (401, "TOKEN_IN_URL"),
}


async def ask(rig, path, token, *, origin=None, query="", in_header=False):
    """Requests `path` as its clients do; returns status and body."""
    headers = {"Origin": origin} if origin else {}
    if in_header or not path.startswith("/ws/"):
        headers |= {"Authorization": f"Bearer {token}"} if token is not None else {}
    if path.startswith("/ws/"):
        protocols = ("afterimage.v1",) if token is None or in_header else ("afterimage.v1", f"bearer.{token}")
        try:
            async with rig.http.ws_connect(rig.url + path + query, protocols=protocols, headers=headers):
                return 101, b""
        except aiohttp.WSServerHandshakeError as error:
            async with rig.http.get(rig.url + path + query, headers=handshake(headers, protocols)) as response:
                return response.status if response.status == error.status else 0, await response.read()
    body = {"data": delimited.join([WindowMessages().start()])} if path == "/record" else {"json": {}}
    status, _, answer = await rig.post(path + query, headers=headers, **body)
    return status, answer


def handshake(headers, protocols):
    """The headers of an upgrade, for reading answers that a WebSocket client hides."""
    return {
        **headers,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": ", ".join(protocols),
    }


def scope_for(path):
    return min(ALL[path].scopes)


# On routes that a grant opens it cannot be too narrow: test_grants covers its view there.
WRONG = [
    (path, wrong)
    for path in ALL
    for wrong in REFUSED
    if wrong != "grant too narrow" or ALL[path].method not in GRANT_METHODS
]


@pytest.mark.parametrize(("path", "wrong"), WRONG)
async def test_refused(rig, path, wrong):
    scope = scope_for(path)
    good = rig.token(scope)
    others = {"record", "view", "share"} - ALL[path].scopes
    asked = {
        "no token": {"token": None},
        "garbage": {"token": "not.a.token"},
        "other signature": {"token": signed_elsewhere(rig, scope)},
        "expired": {"token": expired(rig, scope)},
        "unknown project": {"token": rig.token(scope, project="nobody")},
        "wrong scope": {"token": rig.token(*others)},
        "internal": {"token": rig.token(scope, "internal")},
        "grant too narrow": {"token": rig.token(scope, session_id="s", link_id="l")},
        "foreign origin": {"token": good, "origin": FOREIGN},
        "null origin": {"token": good, "origin": "null"},
        "token in the URL": {"token": None, "query": f"?token={good}"},
        "token in the URL besides": {"token": good, "query": f"?x={good}"},
    }[wrong]
    status, reason = REFUSED[wrong]
    label = ALL[path].method if path in UNARY else path
    before = rig.metric("refused_total", route=label, reason=reason.lower())
    got, body = await ask(rig, path, **asked)
    assert got == status, body
    answer = json.loads(body)
    assert answer["code"] == {401: "unauthenticated", 403: "permission_denied"}[status]
    assert answer["details"][0]["debug"]["reason"] == reason
    assert rig.metric("refused_total", route=label, reason=reason.lower()) > before
    assert rig.audit.metadata == {}
    if path.startswith("/ws/"):
        assert (await ask(rig, path, **asked, in_header=True))[0] == status


@pytest.mark.parametrize("path", ALL)
async def test_let_in(rig, path):
    for in_header in (False, True):
        status, _ = await ask(rig, path, rig.token(scope_for(path)), in_header=in_header)
        assert status not in {401, 403, 429}


@pytest.mark.parametrize("path", ALL)
async def test_the_pages_that_may(rig, path):
    own = rig.url
    for origin, allowed in ((ORIGIN, path in RECORDING), (own, path not in RECORDING)):
        status, _ = await ask(rig, path, rig.token("view", "share", "export", "admin"), origin=origin)
        assert (status not in {401, 403}) is allowed, origin


@pytest.mark.parametrize("path", RECORDING)
async def test_a_token_of_another_project_does_not_record_on_this_page(rig, path):
    status, body = await ask(rig, path, rig.token("record", project="other"), origin=ORIGIN)
    assert (status, json.loads(body)["details"][0]["debug"]["reason"]) == (403, "ORIGIN_NOT_ALLOWED")
    assert (await ask(rig, path, rig.token("record", project="other"), origin="https://other.example"))[0] in {101, 200}


async def test_another_projects_sessions_are_not_found(rig):
    recorder = WindowMessages()
    async with rig.socket("/ws/record", "record") as ws:
        await ws.send_bytes(recorder.start())
        await ws.send_bytes(recorder.chunk(1))
        await ws.receive_bytes()
        await ws.receive_bytes()
    for project, code in (("other", 4404), ("demo", 1000)):
        token = rig.token("view", project=project)
        async with rig.socket("/ws/replay", json_frames=True, token=token) as ws:
            await ws.send_json({"sessionId": recorder.session_id})
            async for _ in ws:
                pass
            assert ws.close_code == code
    status, _, body = await rig.post(f"/{AUDIT}/GetSession", scopes=["view"], json={"sessionId": "x"})
    assert (status, json.loads(body)["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", OPEN)
async def test_open_methods_take_no_foreign_page_and_no_token_in_the_url(rig, path):
    assert (await rig.post(path, json={}, headers={"Origin": FOREIGN}))[0] == 403
    assert (await rig.post(f"{path}?token=x", json={}))[0] == 401
    assert (await rig.post(path, json={}))[0] == 503  # no ShareService here


async def test_what_is_internal_has_no_route(rig):
    path = f"/{AUDIT}/RecordAccessEvents"
    assert (await rig.post(path, scopes=["internal", "admin"], json={}))[0] == 404


def test_every_rpc_of_the_contract_has_a_row_or_is_internal():
    listed = {rpc.method for rpc in (*methods.UNARY, *(stream.rpc for stream in methods.STREAMS))}
    for service in (methods._AUDIT, methods._SHARE, methods._EXPORT):
        served = {f"/{service.full_name}/{method.name}" for method in service.methods}
        assert served - listed <= {f"/{AUDIT}/RecordAccessEvents", f"/{AUDIT}/ListDeletions"}
    assert listed <= set(methods.scopes())


async def test_a_socket_ends_with_its_token(rig):
    async def close_code(ttl_s):
        with suppress(aiohttp.WSServerHandshakeError):
            async with rig.socket("/ws/sessions", token=rig.token("view", ttl_s=ttl_s)) as ws:
                await ws.send_bytes(b"")
                async with asyncio.timeout(PATIENCE_S):
                    async for _ in ws:
                        pass
                return ws.close_code
        return None

    assert await opened_before_expiry(close_code) == 4401


async def test_the_subprotocol_answers_without_the_token(rig):
    async with rig.socket("/ws/record", "record") as ws:
        assert ws.protocol == "afterimage.v1"
        assert ws._response.headers["Sec-WebSocket-Protocol"] == "afterimage.v1"
    async with rig.socket("/ws/record", "record", json_frames=True) as ws:
        assert ws.protocol == "afterimage.v1+json"


async def test_what_goes_on_to_the_service(rig):
    async with rig.socket("/ws/sessions", "view", headers={"User-Agent": "Browser/1"}) as ws:
        await ws.send_bytes(b"")
        await ws.receive_bytes()
    seen = rig.audit.metadata
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-user-agent"] == "Browser/1"
    assert seen["authorization"].startswith("Bearer eyJ")
    assert len(seen["x-request-id"]) == 16


async def test_a_plain_get_says_what_a_browser_cannot_see(rig):
    async with rig.http.get(
        f"{rig.url}/ws/record", headers={"Authorization": f"Bearer {rig.token('record')}"}
    ) as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")
    async with rig.http.get(f"{rig.url}/ws/record") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_no_token_is_ever_logged(rig, logged):
    token = rig.token("view")
    await ask(rig, "/ws/replay", token, query=f"?token={token}")
    await ask(rig, "/ws/replay", token)
    async with rig.http.get(f"{rig.url}/s/secret-link-token") as response:
        assert response.status in {200, 503}  # the share page, built or not
    assert token not in logged.getvalue()
    assert "secret-link-token" not in logged.getvalue()
    assert "/ws/replay" in logged.getvalue()


def signed_elsewhere(rig, scope):
    changed = rig.settings.auth.model_copy(update={"secret": type(rig.settings.auth.secret)("y" * 40)})
    return TokenMinter(rig.settings.model_copy(update={"auth": changed})).mint("me", "demo", [scope], 60)


def expired(rig, scope):
    import time

    return TokenMinter(rig.settings, now=lambda: time.time() - 3600).mint("me", "demo", [scope], 60)
