"""The server engine: ClickHouse over its native protocol, through asynch."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from asynch.connection import Connection
from asynch.errors import ClickHouseException, ColumnException, ServerException, TypeMismatchError
from asynch.proto.utils.escape import escape_param

from services.audit.storage.codecs.rowbinary import encode_rows
from services.audit.storage.engine.engine import (
    BLOCK_BYTES,
    Block,
    DiskUsage,
    Params,
    Row,
    StorageAway,
    StorageError,
    Table,
    encoding_errors,
    storage_error,
)
from services.runtime.cancellation import keeping_cancellation

T = TypeVar("T")

UNKNOWN_TABLE = 60
UNLIMITED_BYTES = 1 << 62
"""Object storage reports at least this size."""

STREAMED_ROWS = 8_192
"""Maximum rows of a block that a server sends; it also ends a block at a megabyte of a table's data."""

FETCHED_ROWS = 16
"""Rows of a stream that are read before their size is looked at: a chunk has up to 4 MiB."""

_PARAMETER = re.compile(r"\{(\w+):([^}]+)\}")


class ClickHouseEngine:
    """A pool of connections to one server. A connection that raised is closed: it may be out of step."""

    def __init__(self, dsn: str, connections: int, timeout_s: float) -> None:
        self._dsn = dsn
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(connections)
        self._idle: list[Connection] = []
        self._version = (0, 0)
        self._where = ""
        self._has_disks = True
        self._closed = False

    @classmethod
    async def open(
        cls, dsn: str, connections: int = 4, *, database: str = "afterimage", timeout_s: float = 10.0
    ) -> ClickHouseEngine:
        """Connects and creates the database if it is missing.

        Args:
            dsn: `clickhouse://user:password@host:9000` (`clickhouses://` for TLS), without a database.
            connections: Number of statements that can run at once.
            database: Name of the database.
            timeout_s: Time-out for connecting, and for one statement, in seconds.

        Raises:
            StorageAway: If the server cannot be reached.
        """
        first = cls(dsn, 1, timeout_s)
        await first.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
        await first.close()
        engine = cls(f"{dsn.rstrip('/')}/{database}", connections, timeout_s)
        [(version,)] = await engine.query("SELECT version()")
        major, minor = version.decode().split(".")[:2]
        engine._version = (int(major), int(minor))
        return engine

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version of the server."""
        return self._version

    @property
    def name(self) -> str:
        """Engine, version and address, for messages; without the password."""
        return f"ClickHouse {self._version[0]}.{self._version[1]} at {self._where}"

    async def query(self, sql: str, params: Params | None = None) -> list[Row]:
        """Returns a statement's rows; see Engine."""

        async def run(connection: Connection) -> list[Row]:
            async with connection.cursor() as cursor:
                await cursor.execute(_bind(sql, params))
                return _plain_rows(await cursor.fetchall())

        return await self._on_connection(run)

    async def blocks(self, sql: str, types: Sequence[str], params: Params | None = None) -> AsyncGenerator[Block, None]:
        """Yields a statement's rows; see Engine. The timeout is one of each block."""
        with _our_errors():
            async with self._connection() as connection, connection.cursor() as cursor:
                cursor.set_stream_results(True, STREAMED_ROWS)  # type: ignore[no-untyped-call]
                with keeping_cancellation():
                    async with asyncio.timeout(self._timeout_s):
                        await cursor.execute(_bind(sql, params))
                count, data = 0, bytearray()
                while rows := await self._fetched(cursor):
                    data += encode_rows(types, rows)
                    count += len(rows)
                    if len(data) >= BLOCK_BYTES:
                        yield Block(count, bytes(data))
                        count, data = 0, bytearray()
                if count:
                    yield Block(count, bytes(data))

    async def _fetched(self, cursor: Any) -> list[Row]:
        with keeping_cancellation():
            async with asyncio.timeout(self._timeout_s):
                return _plain_rows(await cursor.fetchmany(FETCHED_ROWS))

    async def execute(self, sql: str, params: Params | None = None) -> None:
        """Runs a statement that returns no rows; see Engine."""

        async def run(connection: Connection) -> None:
            async with connection.cursor() as cursor:
                await cursor.execute(_bind(sql, params))

        await self._on_connection(run)

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Inserts rows; see Engine."""

        async def run(connection: Connection) -> None:
            with encoding_errors():
                async with connection.cursor() as cursor:
                    await cursor.execute(f"{table.insert_into} VALUES", [tuple(map(_as_bytes, row)) for row in rows])

        await self._on_connection(run)

    async def disk_usage(self) -> DiskUsage | None:
        """Returns the space on the server's disks; see Engine. Servers before 19.15 do not tell."""
        if not self._has_disks:
            return None
        try:
            rows = await self.query("SELECT free_space, total_space FROM system.disks")
        except StorageError as error:
            if error.number == UNKNOWN_TABLE:
                self._has_disks = False
                return None
            raise
        disks = [(free, total) for free, total in rows if total < UNLIMITED_BYTES]
        if not disks:
            return None
        return DiskUsage(sum(free for free, _ in disks), sum(total for _, total in disks))

    async def close(self) -> None:
        """Closes the idle connections; those in use close when their statement ends."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _on_connection(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        with keeping_cancellation(), _our_errors():
            async with asyncio.timeout(self._timeout_s), self._connection() as connection:
                return await work(connection)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with self._places:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                yield connection
            except BaseException:
                # A reply may have been half read: the state of the connection is unknown.
                await _drop(connection)
                raise
            if self._closed:
                await connection.close()
            else:
                self._idle.append(connection)

    async def _connect(self) -> Connection:
        connection = Connection(
            self._dsn,
            compression="lz4",
            connect_timeout=self._timeout_s,
            settings={"strings_as_bytes": True},
        )
        try:
            with keeping_cancellation():
                await connection.connect()
        except BaseException:
            await _drop(connection)
            raise
        self._where = f"{connection.host}:{connection.port}"
        return connection


@contextmanager
def _our_errors() -> Iterator[None]:
    """Turns errors of the server and of the connection into StorageError and StorageAway."""
    try:
        yield
    except ServerException as error:
        code = int(getattr(error, "code", 0) or 0)
        raise storage_error(str(error), code) from error
    except (ColumnException, TypeMismatchError) as error:
        raise StorageError(f"a value does not fit its column: {error}") from error
    except (OSError, EOFError, TimeoutError, ClickHouseException, asyncio.IncompleteReadError) as error:
        raise StorageAway(f"{type(error).__name__}: {error}") from error


async def _drop(connection: Connection) -> None:
    try:
        await asyncio.shield(connection.close())
    except (OSError, EOFError, ClickHouseException, asyncio.CancelledError):
        return


def _bind(sql: str, params: Params | None) -> str:
    """Returns the statement with `{name:Type}` replaced by escaped literals.

    Server-side parameters came with ClickHouse 19.14; the oldest supported server is 18.16.
    """
    if not params:
        return sql
    return _PARAMETER.sub(lambda match: _literal(params[match[1]], match[2]), sql)


def _literal(value: Any, kind: str) -> str:
    if kind.startswith("Array("):  # arrays are the right operand of IN, which must be a set
        return "(" + ", ".join(_literal(item, kind[6:-1]) for item in value) + ")"
    literal: str = escape_param(value)
    return f"toUUID({literal})" if kind == "UUID" else literal


def _as_bytes(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace")  # lone surrogates, as the other engine stores them
    return [_as_bytes(item) for item in value] if isinstance(value, tuple) else value


def _plain_rows(rows: Iterable[Sequence[Any]]) -> list[Row]:
    return [tuple(map(_plain, row)) for row in rows]


def _plain(value: Any) -> Any:
    """Returns a value as engines return it: strings as bytes, arrays as tuples.

    asynch returns a string that crosses the border of two compressed blocks (1 MiB each) as a bytearray.
    """
    if isinstance(value, bytearray):
        return bytes(value)
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else value
