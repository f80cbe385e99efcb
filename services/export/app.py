"""The process of ExportService: start-up order, dependencies and shutdown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import redis.asyncio
import structlog
from afterimage.export.v1 import export_service_pb2_grpc

from services.export.attempts import Attempts
from services.export.audit_client import AuditClient, audit_address
from services.export.deleted_sessions import DeletedSessions
from services.export.exports import Exports
from services.export.metrics import ExportMetrics
from services.export.queue import ExportQueue
from services.export.results.store import ResultStore
from services.export.servicer import SERVICE, ExportServicer
from services.export.share_links import ShareLinks
from services.export.storage.store import ExportStore
from services.export.storage.tables import HEAD, MIGRATIONS, VERSION_TABLE
from services.export.trail import Trail
from services.export.upkeep import Upkeep
from services.export.watcher import Watcher
from services.runtime import redis_client, tls
from services.runtime.errors import Unavailable
from services.runtime.identity.peer import PeerReader
from services.runtime.identity.revoked import RevokedTokens
from services.runtime.identity.tokens import TokenMinter, TokenVerifier
from services.runtime.link_keys import LinkKeys
from services.runtime.metrics import new_registry, serve_metrics
from services.runtime.relational import open_database
from services.runtime.rpc.interceptors import server_interceptors
from services.runtime.rpc.scopes import GRANT_METHODS, scopes_of
from services.runtime.rpc.server import GrpcServer, serve_grpc
from services.runtime.session_deletions import DeletionNotices
from services.runtime.settings import Settings

_log = structlog.get_logger("afterimage.export")

HEALTH_EVERY_S = 2.0
"""Time between two looks at the database, for the health status."""

DATABASE = "export"
"""Name of the SQLite file in the data directory."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Dependencies of ExportService and of its workers."""

    client: redis.asyncio.Redis | None
    store: ExportStore
    queue: ExportQueue
    results: ResultStore
    audit: AuditClient
    attempts: Attempts
    now_ms: Callable[[], int]


@asynccontextmanager
async def open_shared(settings: Settings, now: Callable[[], float]) -> AsyncIterator[Shared]:
    """Yields the dependencies that ExportService and its workers have in common.

    Raises:
        Unavailable: The database does not answer.
    """

    def now_ms() -> int:
        return round(now() * 1000)

    async with AsyncExitStack() as stack:
        client = redis_client.connect(settings)
        if client is not None:
            stack.push_async_callback(client.aclose)
        database = await stack.enter_async_context(open_database(settings, DATABASE))
        await database.migrate(MIGRATIONS, VERSION_TABLE, HEAD)
        store = ExportStore(database)
        channel = await stack.enter_async_context(tls.channel(settings.tls, audit_address(settings)))
        retention_days = {project.id: project.retention_days for project in settings.projects}
        yield Shared(
            client=client,
            store=store,
            queue=ExportQueue(client, settings),
            results=ResultStore.of(settings, now),
            audit=AuditClient(channel, TokenMinter(settings, now), retention_days, now),
            attempts=Attempts(store, settings.export, now_ms),
            now_ms=now_ms,
        )


@asynccontextmanager
async def serve(settings: Settings, *, now: Callable[[], float] = time.time) -> AsyncIterator[GrpcServer]:
    """Serves ExportService while the block runs.

    Args:
        settings: Settings of the process.
        now: The clock, in seconds since 1970.

    Raises:
        Unavailable: The database does not answer.
    """
    own = settings.export
    registry = new_registry()
    async with open_shared(settings, now) as shared:
        created = asyncio.Event()
        revoked = RevokedTokens(shared.client, settings)
        watcher = Watcher(shared.store, shared.now_ms)
        trail = Trail(
            shared.audit, required=settings.audit.require_access_trail, now_ms=shared.now_ms, registry=registry
        )
        notices = DeletionNotices(shared.client, settings)
        deleted = DeletedSessions(shared.store, shared.audit, notices, shared.now_ms, watcher.look)
        links = ShareLinks(shared.client, LinkKeys(settings), shared.store, shared.results, shared.now_ms, watcher.look)
        upkeep = Upkeep(
            shared.store,
            shared.queue,
            shared.results,
            shared.attempts,
            own,
            created,
            watcher.look,
            ExportMetrics(registry),
            shared.now_ms,
        )
        exports = Exports(
            store=shared.store,
            queue=shared.queue,
            results=shared.results,
            audit=shared.audit,
            trail=trail,
            deleted=deleted,
            links=links,
            watcher=watcher,
            limits=own,
            created=created,
            now_ms=shared.now_ms,
        )
        servicer = ExportServicer(exports, PeerReader(own), max_ttl_s=own.max_ttl_s)
        verifier = TokenVerifier(settings, now, revoked=revoked)
        async with (
            running(revoked.run(), watcher.run(), trail.run(), deleted.run(), links.run(), upkeep.run()),
            serve_metrics(own.metrics_host, own.metrics_port, registry),
            serve_grpc(
                settings,
                own,
                registrars=[lambda s: export_service_pb2_grpc.add_ExportServiceServicer_to_server(servicer, s)],
                service_names=[SERVICE],
                interceptors=server_interceptors(
                    verifier=verifier,
                    scopes=scopes_of(SERVICE),
                    registry=registry,
                    grant_methods=GRANT_METHODS,
                    on_denied=servicer.denied,
                ),
            ) as server,
            running(_health(server, shared.store)),
        ):
            yield server


async def _health(server: GrpcServer, store: ExportStore) -> None:
    """Sets the health status: NOT_SERVING while the database does not answer."""
    is_serving = True
    while True:
        await asyncio.sleep(HEALTH_EVERY_S)
        try:
            await store.counts()
        except Unavailable as error:
            if is_serving:
                _log.warning("not serving", error=error.message)
            is_serving = False
        else:
            is_serving = True
        await server.set_serving(is_serving)


@asynccontextmanager
async def running(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs jobs while the block runs, and cancels them after it. A job that raises ends the block."""
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(job) for job in jobs]
        try:
            yield
        finally:
            for job in started:
                job.cancel()


def explain(error: BaseException) -> tuple[str, int] | None:
    """Returns the message for an operator and the exit status of an error at the start; None: a defect."""
    if isinstance(error, Unavailable):
        return f"{error.message} ({error.reason})", 1
    return None
