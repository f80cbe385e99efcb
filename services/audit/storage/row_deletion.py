"""Deletes rows from a table, and waits until the server has rewritten the data that held them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from services.audit.storage.engine.engine import Engine, Row, StorageAway
from services.audit.storage.schema.dialect import Dialect

POLL_INTERVAL_S: Final = 0.05
"""An old server has no way to wait for a deletion but to ask."""

MAX_IDLE_S: Final = 5.0
"""Time without progress after which an old server is made to go on. It tries a deletion that has met an I/O error again
after up to ten minutes, but at once when the table gets another one. Doubled each time."""

MAX_WAIT_S: Final = 600.0
"""Time without progress after which the deletion is reported as unfinished. The server still goes on with it."""


async def delete_rows(
    engine: Engine,
    dialect: Dialect,
    table: str,
    condition: str,
    params: Mapping[str, object],
    *,
    max_idle_s: float = MAX_IDLE_S,
    max_wait_s: float = MAX_WAIT_S,
) -> None:
    """Deletes the rows of a table that meet a condition; no read finds them once it returns.

    Raises:
        StorageError: As raised by the engine.
        StorageAway: If the server makes no progress for `max_wait_s`.
    """
    local = dialect.local(table)
    await engine.execute(f"ALTER TABLE {local}{dialect.on_cluster} DELETE WHERE {condition}", params)
    if dialect.modern:
        return  # mutations_sync: the statement waited
    loop = asyncio.get_running_loop()
    oldest: Row = ()
    since, idle_s = loop.time(), max_idle_s
    while True:
        unfinished = await engine.query(
            "SELECT mutation_id, parts_to_do FROM system.mutations "
            "WHERE database = currentDatabase() AND table = {table:String} AND is_done = 0 "
            "ORDER BY create_time, mutation_id LIMIT 1",
            {"table": local},
        )
        if not unfinished:
            return
        if unfinished[0] != oldest:
            oldest, since, idle_s = unfinished[0], loop.time(), max_idle_s
        waited_s = loop.time() - since
        if waited_s >= max_wait_s:
            raise StorageAway(
                f"{local}: ClickHouse has made no progress with a deletion for {waited_s:.0f} s; "
                "see system.mutations and the server's log"
            )
        if waited_s >= idle_s:
            idle_s *= 2
            # A replicated table tries again by itself.
            if not dialect.cluster:
                await engine.execute(f"ALTER TABLE {local} DELETE WHERE 0")
        await asyncio.sleep(POLL_INTERVAL_S)
