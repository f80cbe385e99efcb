"""How recordings become durable: composition of the log, or of a database without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from services.audit.ingest.batch_writer import BatchWriter
from services.audit.ingest.log.logging_first import Durable, logging_first, sync_file_system
from services.audit.ingest.log.recording_log import FOLDER, has_segments
from services.audit.ingest.set_aside import FOLDER as SET_ASIDE_FOLDER
from services.audit.ingest.set_aside import SetAside
from services.audit.storage.engine.engine import Engine
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import NowMs, Retention
from services.audit.storage.schema.dialect import Dialect
from services.runtime.settings import Settings


@asynccontextmanager
async def made_durable(
    settings: Settings,
    engine: Engine,
    store: RecordingStore,
    space: FreeSpace,
    set_aside: SetAside,
    load: Callable[[], float],
    now_ms: NowMs,
) -> AsyncIterator[Durable]:
    """Yields the way of `ingest.durability`.

    Raises:
        LogError: The log cannot be used.
        StorageAway: There is a log of a time with another setting, and the database does not take it.
    """
    writer = _writer(settings, store, space, set_aside, load, now_ms)
    if (settings.ingest.durability or ("log" if _is_embedded(settings) else "database")) == "log":
        async with _logging_first(settings, engine, writer, store, space, now_ms) as durable:
            yield durable
        return
    if has_segments(settings.data_dir / FOLDER):
        await _empty_log(settings, engine, writer, store, space, now_ms)
    yield Durable(writer, writer, engine)


async def take_over_log(settings: Settings, engine: Engine, dialect: Dialect, now_ms: NowMs) -> None:
    """Stores the entries in the log of a killed AuditService, as its next start would.

    Args:
        settings: Where the log is. No AuditService may run there.
        engine: The database, with the current schema.
        dialect: Its dialect.
        now_ms: The clock, milliseconds since 1970 UTC.

    Raises:
        LogError: The log cannot be used.
        StorageAway: The database does not take it.
    """
    if not has_segments(settings.data_dir / FOLDER):
        return
    store = RecordingStore(engine, dialect, Retention(dialect.retention_days, now_ms), now_ms)
    space = FreeSpace(engine.disk_usage, settings.storage.min_free_bytes)
    set_aside = SetAside(settings.data_dir / SET_ASIDE_FOLDER, settings.storage.max_set_aside_bytes)
    writer = _writer(settings, store, space, set_aside, lambda: 0.0, now_ms)
    await _empty_log(settings, engine, writer, store, space, now_ms)


def _is_embedded(settings: Settings) -> bool:
    return settings.clickhouse.engine == "chdb"


def _writer(
    settings: Settings,
    store: RecordingStore,
    space: FreeSpace,
    set_aside: SetAside,
    load: Callable[[], float],
    now_ms: NowMs,
) -> BatchWriter:
    return BatchWriter(
        store,
        space,
        set_aside=set_aside,
        now_ms=now_ms,
        max_batch_bytes=settings.ingest.max_batch_bytes,
        max_batch_rows=settings.ingest.max_batch_rows,
        load=load,
    )


def _logging_first(
    settings: Settings, engine: Engine, writer: BatchWriter, store: RecordingStore, space: FreeSpace, now_ms: NowMs
) -> AbstractAsyncContextManager[Durable]:
    return logging_first(
        settings.data_dir / FOLDER,
        engine,
        writer,
        store,
        space,
        sync=partial(sync_file_system, settings.chdb_path) if _is_embedded(settings) else lambda: None,
        now_ms=now_ms,
        max_waiting_bytes=settings.ingest.max_batch_bytes,
        max_waiting_rows=settings.ingest.max_batch_rows,
        max_log_bytes=settings.ingest.max_log_bytes,
    )


async def _empty_log(
    settings: Settings, engine: Engine, writer: BatchWriter, store: RecordingStore, space: FreeSpace, now_ms: NowMs
) -> None:
    async with _logging_first(settings, engine, writer, store, space, now_ms) as durable:
        if durable.filler is not None:
            await durable.filler.empty()
