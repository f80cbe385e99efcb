"""The relational database: SQLite in the data directory, or PostgreSQL, through SQLAlchemy's asyncio engine.

Each service has its own file, or its own tables, and its own Alembic migrations, which it applies when it starts. A
transaction for writing is exclusive on SQLite (BEGIN IMMEDIATE), so that it never fails half-way by a lock; single
statements run without one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, inspect, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.runtime.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sqlalchemy import Connection

    from services.runtime.settings import Settings

_AUTOCOMMIT = "AUTOCOMMIT"
_MIGRATION_LOCK = 7_236_411_950
"""Key of PostgreSQL's advisory lock while a process migrates."""

RECYCLE_S = 1800
"""Age at which a connection to a server is replaced: proxies in between drop older ones."""


class Database:
    """An open database.

    Attributes:
        is_sqlite: Whether it is SQLite.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(isolation_level=_AUTOCOMMIT)
        self.is_sqlite = engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """Yields a connection on which each statement is a transaction.

        Raises:
            Unavailable: The database does not answer (DATABASE_UNAVAILABLE).
        """
        with database_errors():
            async with _opened(self._reading) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self, lock: int | None = None) -> AsyncIterator[AsyncConnection]:
        """Yields a connection in a transaction, which is committed after the block unless it raises.

        Args:
            lock: Key of a lock: blocks with the same key run one after the other, in all processes.

        Raises:
            Unavailable: The database does not answer (DATABASE_UNAVAILABLE).
        """
        with database_errors():
            async with _opened(self._engine) as connection, connection.begin():
                if lock is not None and not self.is_sqlite:  # SQLite has one writer at a time
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock})
                yield connection

    async def migrate(self, migrations: Path, version_table: str, head: str) -> None:
        """Applies a service's migrations that are missing; processes that start at once do so one after the other.

        Args:
            migrations: Directory of its Alembic environment.
            version_table: Name of its table of versions.
            head: The newest version: a database that has it needs no Alembic, which takes 15 MB.
        """
        if await self._version(version_table) == head:
            return
        async with self.transaction(_MIGRATION_LOCK) as connection:
            await connection.run_sync(_upgrade, migrations, version_table)

    async def _version(self, version_table: str) -> str | None:
        """Returns the version of a service's tables; None: they do not exist yet."""
        async with self.statement() as connection:
            if not await connection.run_sync(lambda sync: inspect(sync).has_table(version_table)):
                return None
            row = (await connection.execute(text(f"SELECT version_num FROM {version_table}"))).first()  # noqa: S608
        return None if row is None else str(row.version_num)


@asynccontextmanager
async def open_database(settings: Settings, name: str) -> AsyncIterator[Database]:
    """Yields the database of a service; closes it after the block.

    Args:
        settings: For the address and the data directory.
        name: Name of the service, and of its SQLite file in the data directory.
    """
    engine = _engine(settings, name)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _opened(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yields a connection of the pool, and gives it back also when the task is cancelled while it waits for either.

    Cancelled inside of SQLAlchemy, the pool would get it back from the garbage collector only.
    """
    connection = engine.connect()
    starting = asyncio.ensure_future(connection.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting})
        if not starting.cancelled() and starting.exception() is None:
            await _closed(connection)
        raise
    try:
        yield connection
    finally:
        await _closed(connection)


async def _closed(connection: AsyncConnection) -> None:
    closing = asyncio.ensure_future(connection.close())
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await asyncio.wait({closing})
        raise


@contextmanager
def database_errors() -> Iterator[None]:
    """Maps errors of an unavailable database to Unavailable (DATABASE_UNAVAILABLE); other errors pass through."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, OSError, TimeoutError) as error:
        raise Unavailable("the database does not answer", reason="DATABASE_UNAVAILABLE") from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise Unavailable("the database does not answer", reason="DATABASE_UNAVAILABLE") from error


def _engine(settings: Settings, name: str) -> AsyncEngine:
    database = settings.database
    if database.url is not None:
        url = "postgresql+asyncpg" + database.url.get_secret_value().removeprefix("postgresql")
        return create_async_engine(
            url,
            pool_size=database.connections,
            max_overflow=0,
            pool_timeout=database.timeout_s,
            pool_pre_ping=True,
            pool_recycle=RECYCLE_S,
            hide_parameters=True,
            connect_args={"timeout": database.timeout_s, "command_timeout": database.timeout_s},
        )
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{settings.data_dir / name}.sqlite3",
        pool_size=database.connections,
        max_overflow=0,
        pool_timeout=database.timeout_s,
        hide_parameters=True,
        connect_args={"timeout": database.timeout_s},
    )
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction by itself
    cursor = connection.cursor()
    # Readers and the writer do not wait for each other; a power cut may take back the last commits, and harms no file.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != _AUTOCOMMIT:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(connection: Connection, migrations: Path, version_table: str) -> None:
    from alembic import command  # slow to import
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["version_table"] = version_table
    command.upgrade(config, "head")


MIN_SQLITE = (3, 35)
"""RETURNING."""

assert sqlite3.sqlite_version_info >= MIN_SQLITE, "SQLite 3.35 or newer is required"  # noqa: S101 - of the interpreter
