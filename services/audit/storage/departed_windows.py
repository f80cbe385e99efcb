"""Windows of servers that are gone: AuditService was killed or restarted, here or on another machine."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from services.audit.model import WindowKey
from services.audit.storage.engine.engine import Engine
from services.audit.storage.schema.tables import SERVERS

_NOW_MS = "toInt64(toUnixTimestamp(now())) * 1000"
"""The database's clock, the same for all servers."""


class OrphanedWindow(NamedTuple):
    """A window that is open in storage, and the server that had its stream last; "": stored before this was kept."""

    key: WindowKey
    server: str


class DepartedWindows:
    """Finds windows of servers that are gone.

    Args:
        engine: An open engine with a migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def beat(self, server: str) -> None:
        """Stores that a server is there."""
        await self._engine.execute(
            f"INSERT INTO {SERVERS.name} (id, seen_ms) SELECT {{id:String}}, {_NOW_MS}", {"id": server}
        )

    async def servers(self, within_ms: int) -> set[str]:
        """Returns the servers that were seen within this time."""
        rows = await self._engine.query(
            f"SELECT id FROM {SERVERS.name} GROUP BY id HAVING max(seen_ms) >= {_NOW_MS} - {{within:Int64}}",
            {"within": within_ms},
        )
        return {server.decode() for (server,) in rows}

    async def last_stored_ms(self) -> int:
        """Returns the time of the last stored chunk, by the servers' clocks; 0: no chunk is stored."""
        [(last,)] = await self._engine.query("SELECT max(stored_ms) FROM chunks")
        return int(last)

    async def orphans(self, since_ms: int, servers: Collection[str]) -> list[OrphanedWindow]:
        """Returns the open windows of other servers than these, in sessions with data since a time."""
        rows = await self._engine.query(
            "SELECT project, session, window, argMax(server, updated_ms) AS last_server FROM windows "
            "WHERE session GLOBAL IN (SELECT session FROM chunks WHERE stored_ms >= {since:Int64}) "
            "GROUP BY project, session, window HAVING argMax(ended, updated_ms) = 0 "
            "AND argMax(left_ms, updated_ms) = 0 AND last_server NOT IN {servers:Array(String)}",
            {"since": since_ms, "servers": list(servers)},
        )
        return [_orphan(*row) for row in rows]


def _orphan(project: bytes, session: UUID, window: UUID, server: bytes) -> OrphanedWindow:
    return OrphanedWindow(WindowKey(project.decode(), session, window), server.decode())
