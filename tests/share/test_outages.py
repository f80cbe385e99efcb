from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import grpc
import pytest
import redis
from afterimage.audit.v1 import audit_service_pb2 as audit_pb
from share.conftest import check_leftovers
from support.ports import free_port
from support.share import (
    AuditCalls,
    ShareCalls,
    audit_process,
    bearer,
    random_token,
    redis_executables,
    redis_process,
    refusal,
    with_share,
)

from services.runtime.settings.loader import Settings
from services.share.app import serve

Code = grpc.StatusCode


def with_redis(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": url})})


@pytest.mark.parametrize("executable", list(redis_executables().values()))
async def test_links_outlive_a_restart_of_redis(share_settings, audit, mint, executable):
    session = await audit.record()
    with tempfile.TemporaryDirectory(prefix="ai-redis-") as name:
        directory = Path(name)
        with redis_process(executable, directory, "--appendonly", "yes", "--appendfsync", "always") as url:
            settings = with_redis(share_settings, url)
            async with serve(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
                share = ShareCalls(channel, mint)
                began = time.time()
                made = await share.create(session, 600, max_views=2)
                created_in_s = time.time() - began
                got = await share.redeem(made.token)
        with (
            redis_process(executable, directory, "--appendonly", "yes") as url,
            redis.Redis.from_url(url) as client,
        ):
            before = time.time()
            rest_s = client.pttl(f"afterimage:test:share:link:{made.share_link.share_link_id}") / 1000
            ends = made.share_link.expire_time.seconds
            assert ends - time.time() - 1 <= rest_s <= ends - before + created_in_s + 1
            async with serve(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
                again = ShareCalls(channel, mint)
                assert (await again.redeem(renewal_handle=got.renewal_handle)).views_left == 1
                assert (await again.redeem(made.token)).views_left == 0
                assert (await refusal(again.redeem(made.token))).code is Code.NOT_FOUND
            assert check_leftovers(client, share.secrets | again.secrets) > 5


async def test_the_service_finds_redis_again(share_settings, audit, mint):
    executable = next(iter(redis_executables().values()))
    session = await audit.record()
    with tempfile.TemporaryDirectory(prefix="ai-redis-") as name:
        directory = Path(name)
        settings = with_redis(share_settings, f"unix://{directory / 'redis.sock'}")
        async with serve(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
            share = ShareCalls(channel, mint)
            for call in (share.create(session), share.redeem(random_token()), share.look(random_token()), share.list()):
                told = await refusal(call)
                assert (told.code, told.reason) == (Code.UNAVAILABLE, "REDIS_UNAVAILABLE")
                assert told.retry_after_s > 0
            with redis_process(executable, directory):
                made = await share.create(session)
                await share.redeem(made.token)
            assert (await refusal(share.redeem(made.token))).code is Code.UNAVAILABLE


async def test_without_redis_there_are_no_links(share_settings, mint):
    async with serve(with_redis(share_settings, "")) as server, grpc.aio.insecure_channel(server.address) as channel:
        told = await refusal(ShareCalls(channel, mint).redeem(random_token()))
        assert (told.code, told.reason) == (Code.UNAVAILABLE, "REDIS_UNAVAILABLE")


def test_replay_for_members_goes_on_without_redis(tmp_path, mint):
    nowhere = f"unix://{tmp_path / 'none.sock'}"
    with audit_process(tmp_path / "audit", nowhere) as address:
        asyncio.run(_replay_without_redis(address, mint))


async def _replay_without_redis(address, mint):
    async with grpc.aio.insecure_channel(address) as channel:
        audit = AuditCalls(channel, mint)
        session = await audit.record()
        request = audit_pb.ReplaySessionRequest(session_id=session)
        parts = [part async for part in audit.stub.ReplaySession(request, metadata=bearer(mint("view")))]
        assert parts[-1].end.reason == audit_pb.REPLAY_END_REASON_COMPLETE
        # The link's state is unknown: its grant has to wait.
        grant = mint("view", session_id=session, link_id="11111111-1111-4111-8111-111111111111")
        call = audit.stub.GetSession(audit_pb.GetSessionRequest(session_id=session), metadata=bearer(grant))
        assert (await refusal(call)).code is Code.UNAVAILABLE


async def test_without_audit_nothing_is_given_out(share_settings, audit, mint):
    session = await audit.record()
    async with serve(share_settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        made = await ShareCalls(channel, mint).create(session, max_views=1)
    alone = with_share(share_settings, audit_address=f"127.0.0.1:{free_port()}")
    async with serve(alone) as server, grpc.aio.insecure_channel(server.address) as channel:
        share = ShareCalls(channel, mint)
        for call, reason in (
            (share.create(session), "AUDIT_UNAVAILABLE"),
            (share.redeem(made.token), "TRAIL_UNAVAILABLE"),
            (share.revoke(made.share_link.share_link_id), "TRAIL_UNAVAILABLE"),
        ):
            told = await refusal(call)
            assert (told.code, told.reason) == (Code.UNAVAILABLE, reason)
            assert told.retry_after_s > 0
        [link] = (await share.list()).share_links
        assert link.view_count == 0  # a grant that was not issued is not counted

    careless = alone.model_copy(update={"audit": alone.audit.model_copy(update={"require_access_trail": False})})
    async with serve(careless) as server, grpc.aio.insecure_channel(server.address) as channel:
        share = ShareCalls(channel, mint)
        await share.redeem(made.token)
        await share.revoke(made.share_link.share_link_id)
