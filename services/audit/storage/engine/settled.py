"""An engine for readers: rows that are only logged are stored before each read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from services.audit.storage.engine.engine import Block, DiskUsage, Engine, Params, Row, Table


class SettledEngine:
    """Another engine, with a wait before each statement that reads or changes rows.

    Args:
        engine: The engine.
        settle: Waits until all entries logged by now are stored.
    """

    def __init__(self, engine: Engine, settle: Callable[[], Awaitable[None]]) -> None:
        self._engine = engine
        self._settle = settle

    @property
    def version(self) -> tuple[int, int]:
        """See Engine."""
        return self._engine.version

    @property
    def name(self) -> str:
        """See Engine."""
        return self._engine.name

    async def query(self, sql: str, params: Params | None = None) -> list[Row]:
        """See Engine."""
        await self._settle()
        return await self._engine.query(sql, params)

    async def blocks(self, sql: str, types: Sequence[str], params: Params | None = None) -> AsyncGenerator[Block, None]:
        """See Engine."""
        await self._settle()
        async for block in self._engine.blocks(sql, types, params):
            yield block

    async def execute(self, sql: str, params: Params | None = None) -> None:
        """See Engine."""
        await self._settle()
        await self._engine.execute(sql, params)

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """See Engine."""
        await self._engine.insert(table, rows)

    async def disk_usage(self) -> DiskUsage | None:
        """See Engine."""
        return await self._engine.disk_usage()

    async def close(self) -> None:
        """See Engine."""
        await self._engine.close()
