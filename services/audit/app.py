"""The audit process: composition, start-up order and shutdown."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from afterimage.audit.v1 import audit_service_pb2_grpc
from prometheus_client import CollectorRegistry

from services.audit.access.interceptor import AccessInterceptor
from services.audit.access.revocation import Revocations
from services.audit.behaviour.definitions import BehaviourRules
from services.audit.convert.access import asked
from services.audit.convert.behaviour import pack_heatmap
from services.audit.deletion import Deletion
from services.audit.domain_settings import behaviour_rules, policies_in_force, reload_policies
from services.audit.durability import made_durable
from services.audit.heatmap_cache import HeatmapCache
from services.audit.ingest.batch_writer import EntrySink
from services.audit.ingest.departures import DepartureRules, Departures
from services.audit.ingest.log.logging_first import Durable
from services.audit.ingest.open_recordings import Recordings
from services.audit.ingest.process_chunk import ChunkProcessor, InlineProcessor
from services.audit.ingest.quotas import Quotas
from services.audit.ingest.recording import IngestRules
from services.audit.ingest.set_aside import FOLDER, SetAside
from services.audit.ingest.start import RecordingStarter
from services.audit.ingest.user_agent import recognise
from services.audit.ingest.workers.pool import default_count, workers
from services.audit.ingest.workers.protocol import WorkerSetup
from services.audit.live.hub import LiveHub
from services.audit.live.watch import Watcher
from services.audit.metrics import AuditMetrics
from services.audit.payload import Bounds
from services.audit.privacy.registry import Policies
from services.audit.replay.replayer import Replayer
from services.audit.servicer import SERVICE, AuditServicer
from services.audit.storage.access_event_store import AccessEventStore
from services.audit.storage.backup.loading import require_finished_restore
from services.audit.storage.backup.reader_socket import served_reads
from services.audit.storage.backup.source import EngineSource
from services.audit.storage.chunk_reader import ChunkReader
from services.audit.storage.departed_windows import DepartedWindows
from services.audit.storage.engine.engine import Engine, StorageError, StorageFull
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.heatmap_queries import HeatmapQueries
from services.audit.storage.interaction_queries import InteractionQueries
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import NowMs, Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate
from services.audit.storage.session_queries import SessionQueries
from services.runtime import redis_client
from services.runtime.identity.peer import PeerReader
from services.runtime.identity.revoked import RevokedTokens
from services.runtime.identity.tokens import TokenVerifier
from services.runtime.link_keys import LinkKeys
from services.runtime.log import LogOptions
from services.runtime.metrics import new_registry, serve_metrics
from services.runtime.rpc.interceptors import server_interceptors
from services.runtime.rpc.scopes import GRANT_METHODS, RECORDING, scopes_of
from services.runtime.rpc.server import GrpcServer, serve_grpc
from services.runtime.session_deletions import DeletionNotices
from services.runtime.settings import Settings
from services.runtime.settings.loader import load_settings
from services.runtime.shared_counters import SharedCounters

_log = structlog.get_logger("afterimage.audit")

FRAMES = 200
"""Python frames around the decoder: they count towards the recursion limit together with the levels of JSON."""

SWITCH_INTERVAL_S = 0.0005
"""Time for which a thread keeps the interpreter while another waits for it (Python's default is 5 ms). The insert
thread and gRPC's threads need it several times per batch: at half load this cut the ack from 32 to 18 ms."""

SWEEP_INTERVAL_S = 3_600.0
LOW_SWEEP_INTERVAL_S = 60.0
HEALTH_INTERVAL_S = 1.0
NOT_SERVING_AFTER_S = 10.0
"""Inserts that have been failing for this duration make the health check report NOT_SERVING."""


def now_ms() -> int:
    """Returns the server's clock in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def dialect_for(settings: Settings, version: tuple[int, int]) -> Dialect:
    """Returns the SQL dialect of the DDL for an engine of this version."""
    house = settings.clickhouse
    retention = {project.id: project.retention_days for project in settings.projects}
    return Dialect(version, house.cluster, house.fsync, retention)


async def open_engine(settings: Settings) -> Engine:
    """Opens the engine that the settings select.

    Raises:
        StorageError: If it cannot be reached.
        DataDirectoryInUse: If another process has the data directory open.
    """
    house = settings.clickhouse
    if house.engine == "chdb":
        from services.audit.storage.engine.chdb import ChdbEngine

        return await ChdbEngine.open(settings.chdb_path, house.connections, database=house.database)
    from services.audit.storage.engine.clickhouse import ClickHouseEngine

    assert house.url is not None  # noqa: S101 - the settings were checked
    return await ClickHouseEngine.open(
        house.url.get_secret_value(), house.connections, database=house.database, timeout_s=house.timeout_s
    )


@asynccontextmanager
async def serve(settings: Settings, *, now_ms: NowMs = now_ms) -> AsyncIterator[GrpcServer]:
    """Serves AuditService while the block runs.

    Args:
        settings: Settings of the process.
        now_ms: The clock of stored rows and of listings, milliseconds since 1970 UTC.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), settings.ingest.max_nesting + FRAMES))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    policies = Policies(policies_in_force(settings))  # before the engine: an invalid policy is reported at once
    engine = await open_engine(settings)
    try:
        recognise("Mozilla/5.0")  # compiles the patterns now, not in the first stream
        dialect = dialect_for(settings, engine.version)
        space = FreeSpace(engine.disk_usage, settings.storage.min_free_bytes)
        await space.refresh()
        await require_finished_restore(engine)
        for step in await migrate(engine, dialect, may_rewrite=not space.is_low):
            _log.info("migrated", number=step.number, name=step.name)
        retention = Retention(dialect.retention_days, now_ms)
        store = RecordingStore(engine, dialect, retention, now_ms)
        if not space.is_low:
            await _repair(store)
        trail = AccessEventStore(engine, dialect, settings.audit.access_retention_days, now_ms)
        behaviour = behaviour_rules(settings.pages) if settings.ingest.detectors else None
        set_aside = SetAside(settings.data_dir / FOLDER, settings.storage.max_set_aside_bytes)
        async with (
            _taking_in(settings, policies, behaviour) as intake,
            made_durable(settings, engine, store, space, set_aside, intake.load, now_ms) as durable,
            _served_backups(settings, durable.engine, dialect),
            _serving(
                settings,
                engine,
                durable,
                set_aside,
                space,
                retention,
                store,
                policies,
                behaviour,
                intake,
                trail,
                new_registry(),
                now_ms,
            ) as server,
        ):
            yield server
    finally:
        await engine.close()


@asynccontextmanager
async def _served_backups(settings: Settings, engine: Engine, dialect: Dialect) -> AsyncIterator[None]:
    """Lets backups read the embedded engine while the block runs; they read a server themselves."""
    if settings.clickhouse.engine != "chdb":
        yield
        return
    async with served_reads(EngineSource(engine, dialect), settings.chdb_path):
        yield


@asynccontextmanager
async def _taking_in(
    settings: Settings, policies: Policies, behaviour: BehaviourRules | None
) -> AsyncIterator[ChunkProcessor]:
    """Yields the chunk processor: a worker pool, or this process if the settings ask for no workers.

    With workers this process loads no compiled loops, unless workers cannot be started.
    """
    page_memory_bytes = settings.ingest.page_memory_bytes
    here = InlineProcessor(policies.chunk_masker, behaviour, page_memory_bytes)
    count = default_count() if settings.ingest.workers is None else settings.ingest.workers

    def setup() -> WorkerSetup:
        return WorkerSetup(
            policies={project: (one.policy, one.hash_key) for project, one in policies.all().items()},
            behaviour=behaviour,
            log=LogOptions(settings.log.level, settings.log.format),
            recursion_limit=sys.getrecursionlimit(),
            chunk_cpu_s=settings.ingest.chunk_cpu_s,
            memory_bytes=settings.ingest.worker_memory_bytes,
            page_memory_bytes=page_memory_bytes,
        )

    if not count:
        for project in policies.all():
            policies.chunk_masker(project)  # now, not in the first stream
        yield here
        return
    async with workers(count, here, setup, idle_s=settings.ingest.worker_idle_s) as pool:
        yield pool


@asynccontextmanager
async def _serving(
    settings: Settings,
    database: Engine,
    durable: Durable,
    set_aside: SetAside,
    space: FreeSpace,
    retention: Retention,
    store: RecordingStore,
    policies: Policies,
    behaviour: BehaviourRules | None,
    intake: ChunkProcessor,
    trail: AccessEventStore,
    registry: CollectorRegistry,
    now_ms: NowMs,
) -> AsyncIterator[GrpcServer]:
    alone = settings.clickhouse.engine == "chdb"
    idle_timeout_ms = round(settings.session.idle_timeout_s * 1000)
    hub = LiveHub()
    engine, committer = durable.engine, durable.sink
    redis = redis_client.connect(settings)
    counters = SharedCounters(redis, redis_client.key(settings, "quota"))
    quotas = Quotas(settings.quotas, counters, now_ms)
    recordings = Recordings(
        intake,
        store,
        committer,
        hub,
        space,
        quotas=quotas,
        server=secrets.token_hex(8),
        page_history_bytes=settings.ingest.page_history_bytes,
    )
    departures = Departures(
        recordings, DepartedWindows(database), _departure_rules(settings, behaviour), now_ms, alone=alone
    )
    space.on_low = recordings.no_space
    if durable.filler is not None:
        durable.filler.refused = recordings.give_up
    catalog = SessionQueries(engine, retention, idle_timeout_ms, now_ms)
    playback = ChunkReader(engine, retention)
    callers = PeerReader(settings.audit)
    revocations = Revocations(redis, LinkKeys(settings))
    fan_out = None
    if redis is not None and not alone:
        from services.audit.live.redis_fanout import RedisFanOut  # imports the Redis client

        hub.elsewhere = fan_out = RedisFanOut(redis, redis_client.key(settings, "live"), hub)
    servicer = AuditServicer(
        admission=RecordingStarter(settings, policies, behaviour, hub, now_ms),
        policies=policies,
        recordings=recordings,
        catalog=catalog,
        playback=playback,
        replayer=Replayer(catalog, playback, hub, alone=alone),
        watcher=Watcher(catalog, hub, idle_timeout_ms, now_ms, alone=alone),
        deletion=Deletion(
            store, recordings, hub, revocations, space, set_aside, durable, DeletionNotices(redis, settings)
        ),
        store=store,
        behaviour=InteractionQueries(engine, retention),
        heatmaps=HeatmapCache(
            HeatmapQueries(engine, retention),
            pack_heatmap,
            redis,
            redis_client.key(settings, "heatmap"),
            settings.audit.heatmap_cache_s,
        ),
        trail=trail,
        callers=callers,
        now_ms=now_ms,
    )
    AuditMetrics(registry, durable, recordings, hub, intake, space, quotas, set_aside)
    access = AccessInterceptor(
        service=SERVICE,
        asked=asked,
        store=trail,
        revocations=revocations,
        callers=callers,
        required=settings.audit.require_access_trail,
        now_ms=now_ms,
        registry=registry,
    )
    revoked = RevokedTokens(redis, settings)
    verifier = TokenVerifier(settings, revoked=revoked)

    def reload() -> None:
        if (fresh := reload_policies(policies, load_settings)) is not None:
            intake.policies_changed()
            quotas.limits = fresh.quotas

    async with asyncio.TaskGroup() as tasks:
        jobs = (
            durable.run(),
            trail.run(),
            revocations.run(),
            revoked.run(),
            space.run(),
            counters.run(),
            departures.run(),
            _sweep(store, trail, space),
            _sweep_set_aside(set_aside, retention),
        )
        background = [tasks.create_task(job) for job in jobs]
        if fan_out is not None:
            background.append(tasks.create_task(fan_out.run()))
        try:
            async with (
                serve_metrics(settings.audit.metrics_host, settings.audit.metrics_port, registry),
                serve_grpc(
                    settings,
                    settings.audit,
                    registrars=[lambda s: audit_service_pb2_grpc.add_AuditServiceServicer_to_server(servicer, s)],
                    service_names=[SERVICE],
                    interceptors=[
                        *server_interceptors(
                            verifier=verifier,
                            scopes=scopes_of(SERVICE),
                            registry=registry,
                            grant_methods=GRANT_METHODS,
                            on_denied=access.denied,
                        ),
                        access,
                    ],
                    before_stop=hub.close,
                ) as server,
            ):
                background.append(tasks.create_task(_watch_health(server, committer, space)))
                with _on_hangup(reload):
                    yield server
                background.pop().cancel()
            await durable.drain()
        finally:
            for task in background:
                task.cancel()
            if redis is not None:
                await redis.aclose()


def _departure_rules(settings: Settings, behaviour: BehaviourRules | None) -> DepartureRules:
    ingest = IngestRules(
        Bounds(settings.ingest.max_chunk_bytes, settings.ingest.max_inflated_bytes),
        settings.ingest.max_unacked_bytes,
        settings.ingest.flush_interval_s,
        settings.ingest.watched_flush_interval_s,
        behaviour,
    )
    session = settings.session
    return DepartureRules(round(session.left_after_s * 1000), round(session.idle_timeout_s * 1000), ingest)


@contextmanager
def _on_hangup(reload: Callable[[], object]) -> Iterator[None]:
    """Reloads the policies and quotas on SIGHUP while the block runs; only the main thread can handle signals."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGHUP, reload)
    except (ValueError, RuntimeError):
        yield  # not the main thread: it cannot handle signals
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


async def _watch_health(server: GrpcServer, committer: EntrySink, space: FreeSpace) -> None:
    """Reports whether the service serves, and whether recorders are admitted: reads need no space."""
    serving = True
    recording: bool | None = None
    while True:
        if (now_recording := not space.is_low) != recording:
            recording = now_recording
            await server.set_health(RECORDING, recording)
        await asyncio.sleep(HEALTH_INTERVAL_S)
        healthy = committer.failing_for_s < NOT_SERVING_AFTER_S
        if healthy != serving:
            serving = healthy
            await server.set_serving(serving)


async def _repair(store: RecordingStore) -> None:
    try:
        await store.repair()
    except StorageFull as error:
        _log.warning("the newest sessions are summed up again when there is space", error=error.detail[:300])


async def _sweep_set_aside(set_aside: SetAside, retention: Retention) -> None:
    while True:
        try:
            await set_aside.sweep(retention)
        except OSError as error:
            _log.warning("set aside chunks past their retention cannot be deleted", error=str(error))
        await asyncio.sleep(SWEEP_INTERVAL_S)


async def _sweep(store: RecordingStore, trail: AccessEventStore, space: FreeSpace) -> None:
    while True:
        pause_s = LOW_SWEEP_INTERVAL_S if space.is_low else SWEEP_INTERVAL_S
        try:
            if space.is_low:
                days = await store.drop_expired_days()
                _log.warning("dropped days past their retention: there is no space to sweep others", days=len(days))
            else:
                await store.sweep()
                await trail.sweep()
        except StorageError as error:
            _log.warning("the retention sweep failed", error=error.detail[:300])
            pause_s = LOW_SWEEP_INTERVAL_S
        await asyncio.sleep(pause_s)
