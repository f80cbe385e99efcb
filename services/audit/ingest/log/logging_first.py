"""Where recordings are made durable: in the database, or in the recording log, which fills the database."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from services.audit.ingest.batch_writer import BatchWriter, EntrySink
from services.audit.ingest.log.database_filler import DatabaseFiller
from services.audit.ingest.log.log_writer import LogWriter
from services.audit.ingest.log.recording_log import RecordingLog
from services.audit.ingest.log.segment import LogError
from services.audit.storage.engine.engine import Engine
from services.audit.storage.engine.settled import SettledEngine
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore

_log = structlog.get_logger("afterimage.recording_log")


@dataclass(frozen=True, slots=True)
class Durable:
    """How recordings become durable.

    Attributes:
        sink: Takes entries, and makes them durable.
        writer: Writes it to the database.
        engine: For readers: finds all that is durable.
        log: The log; None: entries go straight into the database.
        filler: Fills the database from the log, if any.
    """

    sink: EntrySink
    writer: BatchWriter
    engine: Engine
    log: RecordingLog | None = None
    filler: DatabaseFiller | None = None
    sync_database: Callable[[], None] = lambda: None
    """Makes the database's files durable; blocks."""

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.sink.run())
            if self.filler is not None:
                tasks.create_task(self.filler.run())

    async def drain(self) -> None:
        """Waits until all submitted entries are durable, and in the database unless that takes nothing."""
        await self.sink.drain()
        if self.filler is not None:
            await self.filler.settle(patience_s=None)

    async def sync(self) -> None:
        """Makes changes of the database durable, where it is otherwise only the log that survives a power cut."""
        await asyncio.to_thread(self.sync_database)

    async def erase_log(self) -> None:
        """Moves the entries of the log into the database; raises StorageAway if that takes nothing."""
        if self.filler is not None:
            await self.filler.erase()


@asynccontextmanager
async def logging_first(
    directory: Path,
    engine: Engine,
    writer: BatchWriter,
    store: RecordingStore,
    space: FreeSpace,
    *,
    sync: Callable[[], None],
    now_ms: Callable[[], int],
    max_waiting_bytes: int,
    max_waiting_rows: int,
    max_log_bytes: int,
) -> AsyncIterator[Durable]:
    """Yields the way through a log in this directory, and takes over the entries of an earlier process.

    They are stored by `Durable.run`, or by `DatabaseFiller.empty` where nothing more is logged.

    Raises:
        LogError: The log cannot be used.
    """
    try:
        log = await asyncio.to_thread(RecordingLog.open, directory)
    except OSError as error:
        raise LogError(f"{directory} cannot be used: {error.strerror or error}") from error
    try:
        filler = DatabaseFiller(log, writer, store, sync)
        if count := await filler.recover():
            _log.info("takes over the log of an earlier process", entries=count)
        store.settle = filler.settle
        sink = LogWriter(
            log,
            filler,
            space,
            now_ms=now_ms,
            max_waiting_bytes=max_waiting_bytes,
            max_waiting_rows=max_waiting_rows,
            max_log_bytes=max_log_bytes,
        )
        yield Durable(sink, writer, SettledEngine(engine, filler.settle), log, filler, sync)
    finally:
        await asyncio.to_thread(log.close)


def sync_file_system(path: Path) -> None:
    """Makes everything on the file system of a path durable; blocks.

    Raises:
        OSError: The system reports that it is not.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):
            os.sync()
        elif libc.syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), f"{path} could not be synced")
    finally:
        os.close(handle)
