"""The share process: start-up order, dependencies and shutdown."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from afterimage.share.v1 import share_service_pb2_grpc
from prometheus_client import CollectorRegistry

from services.runtime import redis_client, tls
from services.runtime.identity.peer import PeerReader
from services.runtime.identity.revoked import RevokedTokens
from services.runtime.identity.tokens import TokenMinter, TokenVerifier
from services.runtime.link_keys import LinkKeys
from services.runtime.metrics import new_registry, serve_metrics
from services.runtime.rpc.interceptors import server_interceptors
from services.runtime.rpc.scopes import scopes_of
from services.runtime.rpc.server import GrpcServer, serve_grpc
from services.runtime.settings import Settings, reachable_host
from services.share.audit_client import AuditClient, audit_address
from services.share.grants import Grants
from services.share.links import Links
from services.share.passcode import Passcodes
from services.share.redis_batcher import RedisBatcher
from services.share.servicer import SERVICE, ShareServicer
from services.share.store import GuessLimit, LinkStore
from services.share.tokens import NewSecret
from services.share.trail import Trail


@asynccontextmanager
async def serve(
    settings: Settings, *, now: Callable[[], float] = time.time, new_secret: NewSecret = secrets.token_bytes
) -> AsyncIterator[GrpcServer]:
    """Serves ShareService while the block runs.

    Args:
        settings: Settings of the process.
        now: The clock, in seconds since 1970.
        new_secret: Source of random bytes.
    """
    share = settings.share
    registry = new_registry()
    async with (
        revoked_tokens(settings) as revoked,
        open_links(settings, registry, now=now, new_secret=new_secret) as links,
    ):
        verifier = TokenVerifier(settings, now, revoked=revoked)
        servicer = ShareServicer(links, PeerReader(share), max_ttl_s=share.max_ttl_s, public_url=public_url(settings))
        async with (
            serve_metrics(share.metrics_host, share.metrics_port, registry),
            serve_grpc(
                settings,
                share,
                registrars=[lambda s: share_service_pb2_grpc.add_ShareServiceServicer_to_server(servicer, s)],
                service_names=[SERVICE],
                interceptors=server_interceptors(
                    verifier=verifier, scopes=scopes_of(SERVICE), registry=registry, on_denied=servicer.denied
                ),
            ) as server,
        ):
            yield server


@asynccontextmanager
async def revoked_tokens(settings: Settings) -> AsyncIterator[RevokedTokens]:
    """Yields the list of revoked tokens, kept current."""
    client = redis_client.connect(settings)
    try:
        revoked = RevokedTokens(client, settings)
        async with _running(revoked):
            yield revoked
    finally:
        if client is not None:
            await client.aclose()


@asynccontextmanager
async def open_links(
    settings: Settings, registry: CollectorRegistry, *, now: Callable[[], float], new_secret: NewSecret
) -> AsyncIterator[Links]:
    """Yields the dependencies of ShareService, without its server."""
    share = settings.share

    def now_ms() -> int:
        return round(now() * 1000)

    async with AsyncExitStack() as stack:
        client = redis_client.connect(settings)
        if client is not None:
            stack.push_async_callback(client.aclose)
        channel = await stack.enter_async_context(tls.channel(settings.tls, audit_address(settings)))
        minter = TokenMinter(settings, now)
        audit = AuditClient(channel, minter, now)
        trail = Trail(audit, required=settings.audit.require_access_trail, now_ms=now_ms, registry=registry)
        passcodes = Passcodes()
        stack.callback(passcodes.close)
        await stack.enter_async_context(_running(trail))
        pipeline = RedisBatcher(client)
        await stack.enter_async_context(pipeline.running())
        yield Links(
            store=LinkStore(
                client,
                pipeline,
                LinkKeys(settings),
                requests_per_minute=share.requests_per_minute,
                renewal_ttl_ms=round(share.renewal_ttl_s * 1000),
                guesses_by_address=GuessLimit(
                    share.max_wrong_passcodes_by_address, round(share.wrong_passcode_by_address_forgiven_s * 1000)
                ),
                guesses_at_link=GuessLimit(share.max_wrong_passcodes, round(share.wrong_passcode_forgiven_s * 1000)),
            ),
            audit=audit,
            trail=trail,
            grants=Grants(minter, share.grant_ttl_s, now),
            passcodes=passcodes,
            now_ms=now_ms,
            new_secret=new_secret,
        )


def public_url(settings: Settings) -> str:
    """Returns the prefix of link addresses."""
    if settings.share.public_url:
        return settings.share.public_url.rstrip("/")
    sidecar = settings.sidecar
    host = sidecar.host if reachable_host(sidecar.host) == sidecar.host else "localhost"
    scheme = "https" if sidecar.cert_file else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{sidecar.port}"


@asynccontextmanager
async def _running(job: Trail | RevokedTokens) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(job.run())
        try:
            yield
        finally:
            running.cancel()
