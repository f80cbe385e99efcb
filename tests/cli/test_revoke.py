"""`afterimage revoke` against an AuditService and a sidecar: calls are refused, and open streams end."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import aiohttp
import grpc
import jwt
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import audit_settings, problem, refused, running
from support.wait import PATIENCE_S

from sidecar.app import serve as serve_sidecar

from .commands import SECRET, run

METHOD = "/afterimage.audit.v1.AuditService/ListSessions"


@asynccontextmanager
async def installed(tmp_path, redis_url):
    settings = audit_settings(tmp_path, redis={"url": redis_url, "timeout_s": PATIENCE_S})
    async with running(settings) as audit:
        sidecar = settings.sidecar.model_copy(update={"audit_address": audit.address})
        async with serve_sidecar(settings.model_copy(update={"sidecar": sidecar})) as door:
            audit.door = door.url
            yield audit


async def revoke(redis_url, *words):
    """Runs the command as an operator does, in a process's place: beside the services."""
    environment = {"AFTERIMAGE_REDIS__URL": redis_url, "AFTERIMAGE_AUTH__SECRET": SECRET}
    return await asyncio.to_thread(run, "revoke", *words, **environment)


async def until_refused(call):
    """Returns the reason once the call is refused: other processes learn of a revocation a moment later."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await call()
            except grpc.aio.AioRpcError as error:
                return problem(error).reason
            await asyncio.sleep(0.01)


def calling(audit, token):
    metadata = [("authorization", f"Bearer {token}")]
    return lambda: audit.stub.ListSessions(pb.ListSessionsRequest(), metadata=metadata)


async def status_at_the_door(audit, token):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession() as http, http.post(audit.door + METHOD, data=b"{}", headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_token_its_streams_and_sockets_end(tmp_path, redis_url):
    async with installed(tmp_path, redis_url) as audit, aiohttp.ClientSession() as http:
        token, other = audit.token("view"), audit.token("view")
        mine, others = (
            audit.stub.WatchSessions(pb.WatchSessionsRequest(), metadata=[("authorization", f"Bearer {one}")])
            for one in (token, other)
        )
        for stream in (mine, others):
            await anext(aiter(stream))
        protocols = ("afterimage.v1", f"bearer.{token}")
        async with http.ws_connect(f"{audit.door}/ws/sessions", protocols=protocols) as socket:
            await socket.send_bytes(b"")
            await socket.receive()
            answer = await revoke(redis_url, token)
            assert answer.status == 0, answer.err
            assert f"the token {jwt.decode(token, options={'verify_signature': False})['jti']} is revoked" in answer.err
            assert (await refused(mine)).reason == "TOKEN_REVOKED"
            async with asyncio.timeout(PATIENCE_S):
                while (message := await socket.receive()).type is aiohttp.WSMsgType.BINARY:
                    pass
            assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4401, "token_revoked")
        assert await until_refused(calling(audit, token)) == "TOKEN_REVOKED"
        assert not others.done()
        await calling(audit, other)()
        async with asyncio.timeout(PATIENCE_S):
            while (await status_at_the_door(audit, token))[0] != 401:  # noqa: ASYNC110 - another process's list
                await asyncio.sleep(0.01)
        assert (await status_at_the_door(audit, other))[0] == 200
        others.cancel()


async def test_all_tokens_of_a_subject_end_and_later_ones_hold(tmp_path, redis_url):
    async with installed(tmp_path, redis_url) as audit:
        claims = {"project": "demo", "scope": "view", "aud": "afterimage", "exp": time.time() + 600}
        without_a_time = jwt.encode({**claims, "sub": "alice"}, SECRET, algorithm="HS256")
        later = jwt.encode({**claims, "sub": "alice", "iat": time.time() + 60}, SECRET, algorithm="HS256")
        earlier = audit.token("view", subject="alice")
        assert (await revoke(redis_url, "--subject", "alice")).status == 0
        for token in (earlier, without_a_time):
            assert await until_refused(calling(audit, token)) == "TOKEN_REVOKED"
        await calling(audit, later)()
        await calling(audit, audit.token("view", subject="bob"))()


async def test_a_token_without_an_id_is_revoked_by_its_content(tmp_path, redis_url):
    async with installed(tmp_path, redis_url) as audit:
        claims = {"sub": "a", "project": "demo", "scope": "view", "aud": "afterimage", "exp": time.time() + 600}
        token = jwt.encode(claims, SECRET, algorithm="HS256")
        await calling(audit, token)()
        assert (await revoke(redis_url, token)).status == 0
        assert await until_refused(calling(audit, token)) == "TOKEN_REVOKED"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name one of: a token, --jti, --subject"),
        (["--jti", "a", "--subject", "b"], "name one of"),
        (["nonsense"], "this is not a token"),
        ([jwt.encode({"exp": 1}, SECRET)], "this token has expired"),
        ([jwt.encode({"sub": "a"}, SECRET)], "this token does not expire"),
    ],
)
async def test_what_cannot_be_revoked_is_one_sentence(redis_url, words, said):
    answer = await revoke(redis_url, *words)
    assert answer.status == 1
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1


async def test_without_redis_nothing_is_revoked_and_that_is_said(tmp_path):
    answer = await revoke("", "--jti", "a")
    assert (answer.status, "no redis.url is set" in answer.err) == (1, True)
    answer = await revoke(f"unix://{tmp_path / 'none.sock'}", "--jti", "a")
    assert (answer.status, answer.err) == (1, "nothing is revoked: Redis does not answer\n")


def test_a_token_that_would_live_too_long_is_not_made():
    answer = run("token", "--scope", "record", "--ttl", "365d", AFTERIMAGE_AUTH__SECRET=SECRET)
    assert answer.status == 1
    assert answer.err == (
        "--ttl: at most 7 d 0 h (auth.max_token_life_s); programs that run longer get a new token in time\n"
    )
    answer = run("token", "--scope", "record", "--ttl", "7d", AFTERIMAGE_AUTH__SECRET=SECRET)
    assert answer.status == 0
    assert jwt.decode(answer.out.strip(), options={"verify_signature": False})["jti"] in answer.err
