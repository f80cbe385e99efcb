"""A program that stores, merges, deletes and migrates, and prints each promise: `storage_steps.py run|check`.

STEPS_ENGINE is the data directory of the embedded engine, or the address of a ClickHouse server.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from dataclasses import replace
from pathlib import Path

from audit.storage import NOW_MS, chunk, head, numbered_uuid7, window_key

from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.clickhouse import ClickHouseEngine
from services.audit.storage.engine.engine import StorageError
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate

SESSIONS = [numbered_uuid7(NOW_MS - 60_000 + number, number) for number in range(4)]
CHUNKS = 3
ATTEMPTS = 5


def key_of(session: uuid.UUID):
    return replace(window_key(session=session), window=uuid.UUID(int=session.int ^ 1))


def promise(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def opened():
    where = os.environ["STEPS_ENGINE"]
    if where.startswith("clickhouse://"):
        engine = await ClickHouseEngine.open(where, 2, timeout_s=60)
    else:
        engine = await ChdbEngine.open(Path(where), 2)
    dialect = Dialect(engine.version, retention_days={"demo": 36_500})
    return engine, dialect, RecordingStore(engine, dialect, Retention({}, lambda: NOW_MS), lambda: NOW_MS)


async def retried(step, *arguments) -> None:
    """Repeats a step that the storage refused, as AuditService repeats an insert."""
    for attempt in range(ATTEMPTS):
        try:
            await step(*arguments)
        except StorageError:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return


async def store_session(store: RecordingStore, session: uuid.UUID) -> None:
    key = key_of(session)
    for seq in range(1, CHUNKS + 1):
        await retried(store.insert, [head(key)], [chunk(key, seq, text=b"[%d]" % seq)])
        promise("stored", session, seq)


async def delete(store: RecordingStore, session: uuid.UUID) -> None:
    promise("deleting", session)
    await store.mark_deleted("demo", [session])
    await retried(store.delete, "demo", [session])
    promise("deleted", session)


async def run() -> None:
    engine, dialect, store = await opened()
    await migrate(engine, Dialect(engine.version))
    await store.repair()
    promise("migrated")
    for session in SESSIONS[:3]:
        await store_session(store, session)
    await retried(engine.execute, "OPTIMIZE TABLE chunks FINAL")
    await delete(store, SESSIONS[0])
    await migrate(engine, dialect)  # gives the tables a TTL
    await store_session(store, SESSIONS[3])
    await retried(engine.execute, "OPTIMIZE TABLE sessions FINAL")
    await delete(store, SESSIONS[1])
    await engine.close()
    promise("ended")


async def check() -> None:
    """Prints the stored chunks and their totals as AuditService reads them after its start."""
    engine, dialect, store = await opened()
    await migrate(engine, dialect)
    await store.repair()
    chunks = await engine.query("SELECT session, seq, count() FROM chunks FINAL GROUP BY session, seq")
    totals = await engine.query("SELECT session, maxMerge(seq) FROM sessions GROUP BY session")
    await store_session(store, numbered_uuid7(NOW_MS, 99))  # it can also write
    await engine.close()
    found = {
        "chunks": {f"{session} {seq}": count for session, seq, count in chunks},
        "totals": {str(session): seq for session, seq in totals},
    }
    promise(json.dumps(found))


if __name__ == "__main__":
    asyncio.run({"run": run, "check": check}[sys.argv[1]]())
