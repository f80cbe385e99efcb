"""A program that logs, fills the database, deletes sessions and segments, and prints each promise: as storage_steps.py.

STEPS_ENGINE is a directory, for the embedded engine and the log before it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

from audit.storage import NOW_MS, chunk, head, numbered_uuid7

from services.audit.ingest import batch_writer
from services.audit.ingest.batch_writer import BatchEntry, BatchWriter
from services.audit.ingest.log import database_filler, recording_log
from services.audit.ingest.log.logging_first import Durable, logging_first, sync_file_system
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate

from .storage_steps import CHUNKS, SESSIONS, key_of, promise

recording_log.SEGMENT_BYTES = 8_192  # type: ignore[misc]
database_filler.CUT_INTERVAL_S = 0.0  # type: ignore[misc]
database_filler.LINGER_S = 0.01  # type: ignore[misc]
batch_writer.FIRST_RETRY_S = 0.01  # type: ignore[misc]


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Durable, RecordingStore]]:
    directory = Path(os.environ["STEPS_ENGINE"])
    engine = await ChdbEngine.open(directory / "chdb", 2)
    try:
        dialect = Dialect(engine.version)
        await migrate(engine, dialect)
        store = RecordingStore(engine, dialect, Retention({}, lambda: NOW_MS), lambda: NOW_MS)
        await store.repair()
        space = FreeSpace(engine.disk_usage, 0)
        writer = BatchWriter(store, space, max_batch_bytes=2**24, max_batch_rows=2_000)
        async with logging_first(
            directory / "log",
            engine,
            writer,
            store,
            space,
            sync=partial(sync_file_system, directory),
            now_ms=lambda: NOW_MS,
            max_waiting_bytes=2**24,
            max_waiting_rows=2_000,
            max_log_bytes=2**30,
        ) as durable:
            running = asyncio.create_task(durable.run())
            try:
                yield durable, store
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    finally:
        await engine.close()


async def store_session(durable: Durable, session: UUID) -> None:
    key = key_of(session)
    for seq in range(1, CHUNKS + 1):
        entry = BatchEntry(
            partial(promise, "stored", session, seq),
            replace(chunk(key, seq, text=b"[%d]" % seq), state=bytes(3_000)),
            head(key) if seq == 1 else None,
        )
        await durable.sink.submit(entry)
        await durable.sink.drain()


async def delete(durable: Durable, store: RecordingStore, session: UUID) -> None:
    """As services/audit/deletion.py does it."""
    promise("deleting", session)
    await store.mark_deleted("demo", [session])
    await durable.erase_log()
    await store.delete("demo", [session])
    await durable.sync()
    promise("deleted", session)


async def run() -> None:
    async with opened() as (durable, store):
        promise("migrated")
        for session in SESSIONS[:2]:
            await store_session(durable, session)
        await delete(durable, store, SESSIONS[0])
        for session in SESSIONS[2:]:
            await store_session(durable, session)
        await durable.drain()
    promise("ended")


async def check() -> None:
    """Prints the stored chunks and their totals as AuditService reads them after its start."""
    async with opened() as (durable, _):
        await store_session(durable, numbered_uuid7(NOW_MS, 99))  # it can also write
        await durable.drain()
        chunks = await durable.engine.query("SELECT session, seq, count() FROM chunks FINAL GROUP BY session, seq")
        totals = await durable.engine.query("SELECT session, maxMerge(seq) FROM sessions GROUP BY session")
        found = {
            "chunks": {f"{session} {seq}": count for session, seq, count in chunks},
            "totals": {str(session): seq for session, seq in totals},
        }
    promise(json.dumps(found))


if __name__ == "__main__":
    asyncio.run({"run": run, "check": check}[sys.argv[1]]())
