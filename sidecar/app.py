"""Composition root: creates and connects all parts of the sidecar."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from services.runtime import redis_client
from services.runtime.identity.revoked import RevokedTokens
from services.runtime.identity.tokens import TokenMinter, TokenVerifier
from services.runtime.metrics import new_registry
from services.runtime.plain_http import PlainRunner, quiet_log
from services.runtime.rpc.authorization import Authorizer
from services.runtime.rpc.scopes import GRANT_METHODS
from services.runtime.rpc.server import MESSAGE_OVERHEAD_BYTES
from services.runtime.settings.loader import SettingsError
from sidecar.gate.access_log import AccessLogger, measured
from sidecar.gate.gate import Gate
from sidecar.gate.hosts import Hosts
from sidecar.gate.limits import Attempts, Connections
from sidecar.gate.origins import Origins
from sidecar.gate.screen import screened
from sidecar.health import HealthRoutes
from sidecar.metrics import SidecarMetrics
from sidecar.pages.cors import Cors
from sidecar.pages.demo import Demo
from sidecar.pages.headers import strict_transport
from sidecar.pages.site import WEB, Site
from sidecar.streams.websocket import WebSockets
from sidecar.unary import record_http, token_exchange
from sidecar.unary.connect_rpc import Connect
from sidecar.unary.record_http import RecordHttp
from sidecar.unary.token_exchange import TokenExchange
from sidecar.upstreams import Upstreams
from sidecar.wire.held_bytes import HeldBytes
from sidecar.wire.methods import STREAMS, UNARY, scopes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.runtime.settings import Settings, SidecarSettings

_log = structlog.get_logger("afterimage.sidecar")

_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A running sidecar.

    Attributes:
        port: The TCP port that it listens on.
        url: Its address, such as http://127.0.0.1:8080.
        registry: Its metrics.
    """

    port: int
    url: str
    registry: CollectorRegistry


@asynccontextmanager
async def serve(settings: Settings, web_dir: Path = WEB) -> AsyncIterator[Sidecar]:
    """Serves while the block runs; the files of the pages are in `web_dir`.

    Order of the shutdown: /readyz fails, no new connections are accepted, sockets are closed with 1001 while recorders'
    last chunks are stored, requests finish, the gRPC channels and the Redis connection are closed.

    Raises:
        SettingsError: The address is not available, or a certificate cannot be used.
    """
    own = settings.sidecar
    async with AsyncExitStack() as stack:
        registry = new_registry()
        metrics = SidecarMetrics(registry, [stream.path for stream in STREAMS])
        upstreams = Upstreams(settings)
        stack.push_async_callback(upstreams.close)
        redis = redis_client.connect(settings)
        if redis is not None:
            stack.push_async_callback(redis.aclose)
        attempts = Attempts(redis, redis_client.key(settings, "limits"))
        revoked = RevokedTokens(redis, settings)
        await stack.enter_async_context(_running(revoked))
        verifier = TokenVerifier(settings, revoked=revoked)
        origins = Origins(settings)
        connections = Connections(
            total=own.max_connections,
            per_project=own.max_connections_per_project,
            per_subject=own.max_connections_per_subject,
            per_address=own.max_connections_per_address,
        )
        door = Gate(own, Authorizer(verifier, scopes(), GRANT_METHODS), origins, attempts, connections, metrics)
        largest = settings.ingest.max_chunk_bytes + MESSAGE_OVERHEAD_BYTES
        held_bytes = HeldBytes(own.max_held_bytes)
        metrics.held_bytes.set_function(lambda: held_bytes.total)
        sockets = WebSockets(
            settings=own,
            door=door,
            upstreams=upstreams,
            metrics=metrics,
            held_bytes=held_bytes,
            max_chunk_frame_bytes=largest,
        )
        ops = HealthRoutes(settings=own, upstreams=upstreams, registry=registry, metrics=metrics, attempts=attempts)
        recording = RecordHttp(
            settings=own, door=door, upstreams=upstreams, held_bytes=held_bytes, max_body_bytes=largest
        )
        exchange = TokenExchange(settings=settings, door=door, origins=origins, minter=_minter(settings))

        site = Site(web_dir, own.replay_sources)
        app = web.Application(
            middlewares=[measured(metrics), screened(Hosts(settings), metrics), site.no_such_page],
        )
        sockets.add_routes(app.router, STREAMS)
        Connect(settings=own, door=door, upstreams=upstreams, held_bytes=held_bytes).add_routes(app.router, UNARY)
        ops.add_routes(app.router)
        app.router.add_post(record_http.PATH, recording.handle)
        app.router.add_post(token_exchange.PATH, exchange.handle)
        site.add_routes(app.router)
        if settings.has_demo:
            Demo(web_dir).add_routes(app.router)
        Cors(origins).set_up(app)
        if own.cert_file is not None and own.hsts_max_age_s:
            app.on_response_prepare.append(strict_transport(own.hsts_max_age_s))

        runner = PlainRunner(
            app,
            handle_signals=False,
            logger=quiet_log("afterimage.sidecar.http"),
            access_log=logging.getLogger("afterimage.sidecar.access"),
            access_log_class=AccessLogger,
            # Also limits the time for the headers of a connection's first request.
            keepalive_timeout=own.headers_timeout_s,
            auto_decompress=False,
            shutdown_timeout=own.stop_timeout_s,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await stack.enter_async_context(sockets.watched())
        port = await _listen(stack, runner, own)
        scheme = "http" if own.cert_file is None else "https"
        host = f"[{own.host}]" if ":" in own.host else own.host
        _log.info("serving", address=f"{scheme}://{host}:{port}")
        try:
            yield Sidecar(port=port, url=f"{scheme}://{host}:{port}", registry=registry)
        finally:
            ops.is_stopping = True


@asynccontextmanager
async def _running(revoked: RevokedTokens) -> AsyncIterator[None]:
    """Keeps the list of revoked tokens current while the block runs."""
    # No TaskGroup: it would wrap exceptions of the block.
    running = asyncio.create_task(revoked.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _listen(stack: AsyncExitStack, runner: web.AppRunner, settings: SidecarSettings) -> int:
    """Starts listening until `stack` is closed; returns the port."""
    site = web.TCPSite(runner, settings.host, settings.port, backlog=_BACKLOG, ssl_context=_ssl_context(settings))
    try:
        await site.start()
    except OSError as error:
        raise SettingsError(
            f"sidecar.port: cannot listen on {settings.host}:{settings.port}: {error.strerror or error}"
        ) from error
    stack.push_async_callback(site.stop)
    port: int = runner.addresses[0][1]
    return port


def _ssl_context(settings: SidecarSettings) -> ssl.SSLContext | None:
    if settings.cert_file is None or settings.key_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.cert_file, settings.key_file, password=b"")
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(
            f"sidecar.cert_file: {settings.cert_file} and its key cannot be used: {error.strerror or error}"
        ) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _minter(settings: Settings) -> TokenMinter | None:
    try:
        return TokenMinter(settings)
    except SettingsError:
        return None
