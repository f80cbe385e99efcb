"""The in-process engine: chDB with a few connections, each used by one thread at a time."""

from __future__ import annotations

import asyncio
import faulthandler
import fcntl
import os
import queue
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import structlog
from chdb.state.sqlitelike import Connection, connect

from services.audit.storage.codecs.rowbinary import decode_rows, encode_rows
from services.audit.storage.engine.damaged_files import set_aside
from services.audit.storage.engine.engine import (
    BLOCK_BYTES,
    Block,
    DataDirectoryInUse,
    DiskUsage,
    Params,
    Row,
    StorageError,
    Table,
    encoding_errors,
    storage_error,
)
from services.audit.storage.engine.table_definitions import TableDefinitions
from services.audit.storage.engine.written_files import WrittenFiles

_log = structlog.get_logger("afterimage.storage")

T = TypeVar("T")

_SETTLING = 3
"""Maximum statements to empty a connection; usually the first one empties it, and the second one confirms that."""

_CODE = re.compile(r"Code: (\d+)")

SESSION_SETTINGS = {
    "max_threads": "2",
    "max_insert_threads": "1",
    "max_partitions_per_insert_block": "0",
    "mutations_sync": "2",
    "max_memory_usage": str(256 * 1024 * 1024),
    "log_queries": "0",
    "preferred_block_size_bytes": str(BLOCK_BYTES),
}
"""Settings of every connection; memory is bounded because the engine shares the service's process."""

INSERT_SETTINGS = {
    "max_threads": "1",
    "input_format_parallel_parsing": "0",
    "optimize_on_insert": "0",
    "materialize_skip_indexes_on_insert": "0",
}
"""Settings of the connection for inserts: a batch is small, so threads and a merge before the write cost more
than they gain. 150 rows of 5 KB with the view took 29 ms with the defaults and 13 ms with these. Skip indexes are
left to the merge: for an entry of the access trail they took 1 ms of 3.5 ms."""


LOOK_INTERVAL_S = 30.0
"""Time between two looks at the files of merges. Sources of a merge stay for eight minutes (`old_parts_lifetime`)."""


class ChdbEngine:
    """chDB on one data directory, which no other process may have open."""

    def __init__(
        self,
        directory: Path,
        lock: int,
        connections: Sequence[Connection],
        version: tuple[int, int],
        connect_anew: Callable[[], Connection],
    ) -> None:
        self._directory = directory
        self._lock = lock
        self._version = version
        self._connect_anew = connect_anew
        self._all = list(connections)
        self._free: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        for connection in connections[1:]:
            self._free.put(connection)
        self._insert_connection = connections[0]
        self._files = WrittenFiles(directory, partial(_rows_of_writer, self._insert_connection))
        self._looks: asyncio.Task[None] | None = None
        self._readers = ThreadPoolExecutor(len(connections) - 1, "chdb-read")
        self._writer = ThreadPoolExecutor(1, "chdb-write")

    @classmethod
    async def open(cls, directory: Path, connections: int = 4, *, database: str = "afterimage") -> ChdbEngine:
        """Opens the data directory, creating it if it is missing.

        Args:
            directory: The data directory.
            connections: Number of statements that can run at once; a further connection is reserved for inserts.
            database: Name of the database, created if it is missing.

        Raises:
            DataDirectoryInUse: If another process has the directory open.
        """
        engine = await asyncio.to_thread(cls._open, directory, connections, database)
        _let_fatal_signals_end_the_process()
        engine.look_regularly()
        return engine

    @classmethod
    def _open(cls, directory: Path, connections: int, database: str) -> ChdbEngine:
        directory.mkdir(parents=True, exist_ok=True)
        lock = _lock(directory)
        TableDefinitions(directory).repair()
        set_aside(directory)
        insert_url = f"{directory}?{urlencode(SESSION_SETTINGS | INSERT_SETTINGS)}"
        url = f"{directory}?{urlencode(SESSION_SETTINGS)}"
        writer = connect(insert_url)
        writer.query(f"CREATE DATABASE IF NOT EXISTS {database}")
        writer.query(f"USE {database}")

        def connect_anew() -> Connection:
            connection = connect(url)
            connection.query(f"USE {database}")
            return connection

        opened = [writer, *(connect_anew() for _ in range(connections))]
        major, minor = str(opened[0].query("SELECT version()", "TSVRaw")).split(".")[:2]
        return cls(directory, lock, opened, (int(major), int(minor)), connect_anew)

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version of the ClickHouse inside."""
        return self._version

    @property
    def name(self) -> str:
        """Engine, version and data directory, for messages."""
        return f"chDB {self._version[0]}.{self._version[1]} in {self._directory}"

    async def query(self, sql: str, params: Params | None = None) -> list[Row]:
        """Returns a statement's rows; see Engine."""
        return await self._read(lambda c: _rows_of(c, sql, params))

    async def blocks(
        self,
        sql: str,
        types: Sequence[str],  # noqa: ARG002 - the engine knows them
        params: Params | None = None,
    ) -> AsyncGenerator[Block, None]:
        """Yields a statement's rows; see Engine. It has a connection and a thread of its own."""
        with ThreadPoolExecutor(1, "chdb-blocks") as thread:
            on_thread = partial(asyncio.get_running_loop().run_in_executor, thread)
            connection = await on_thread(self._connect_anew)
            try:
                stream = await on_thread(partial(_stream, connection, sql, params))
                while (block := await on_thread(partial(_next_block, stream))) is not None:
                    yield block
            finally:
                await asyncio.shield(on_thread(connection.close))

    async def execute(self, sql: str, params: Params | None = None) -> None:
        """Runs a statement that returns no rows; see Engine. The files that it wrote are looked at, as by `insert`."""
        try:
            await self._read(lambda c: _run(c, sql, params, "Null"))
        finally:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._files.require_whole)

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Inserts rows; see Engine. Encoding happens on the writer's thread.

        The rows are read from a file in memory by a statement of its own: chDB's streaming insert (`send_insert`)
        reports success also when nothing could be written (docs/adr/0012). A statement too may report it when a file
        could not be written (`written_files`).
        """

        def write() -> None:
            with encoding_errors():
                data = encode_rows(table.types, rows)
            try:
                with _file_in_memory(data) as path:
                    self._insert_connection.query(f"{table.insert_into} FROM INFILE '{path}' FORMAT RowBinary")
            except RuntimeError as error:
                raise _storage_error(error) from error
            self._files.require_whole_parts()

        await asyncio.get_running_loop().run_in_executor(self._writer, write)

    def look_regularly(self) -> None:
        """Begins to look at the files of merges from time to time, until the engine is closed."""

        async def look() -> None:
            while True:
                await asyncio.sleep(LOOK_INTERVAL_S)
                with suppress(StorageError):  # it is logged, and tried again
                    await asyncio.get_running_loop().run_in_executor(self._writer, self._files.require_whole_parts)

        self._looks = asyncio.create_task(look())

    async def disk_usage(self) -> DiskUsage:
        """Returns the space on the disk of the data directory; see Engine."""
        usage = await asyncio.to_thread(shutil.disk_usage, self._directory)
        return DiskUsage(usage.free, usage.total)

    async def close(self) -> None:
        """Closes the connections and releases the data directory."""
        if self._looks is not None:
            self._looks.cancel()

        def shut() -> None:
            self._readers.shutdown()
            self._writer.shutdown()
            for connection in self._all:
                connection.close()
            os.close(self._lock)

        await asyncio.to_thread(shut)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            connection = self._free.get()
            try:
                return work(connection)
            except _Unsettled as unsettled:
                connection = self._replace(connection)
                raise _storage_error(unsettled.failure) from unsettled.failure
            finally:
                self._free.put(connection)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    def _replace(self, old: Connection) -> Connection:
        """Returns a new connection in place of one that may still hold rows of a failed statement."""
        fresh = self._connect_anew()
        self._all[self._all.index(old)] = fresh
        old.close()
        return fresh


def _let_fatal_signals_end_the_process() -> None:
    """Takes chDB's handlers of fatal signals away: its report of a crash never ends (26.9), and the process hangs.

    A crash then ends the process, which names its Python functions on standard error.
    """
    if threading.current_thread() is threading.main_thread():
        for fatal in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
            signal.signal(fatal, signal.SIG_DFL)
        if sys.__stderr__ is not None:
            faulthandler.enable(sys.__stderr__)


@contextmanager
def _file_in_memory(data: bytes) -> Iterator[str]:
    """Yields the path of a file with `data`, which takes no space on a disk where the system can do that."""
    with _new_file() as file:
        file.write(data)
        file.flush()
        file.seek(0)  # where /dev/fd shares the position
        yield f"/dev/fd/{file.fileno()}"


def _new_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("afterimage-insert"), "w+b")
    return tempfile.TemporaryFile()


class _Unsettled(Exception):  # noqa: N818 - wraps the error and names the state of the connection
    """A statement failed, and its connection could not be emptied."""

    def __init__(self, failure: RuntimeError) -> None:
        super().__init__(str(failure))
        self.failure = failure


def _lock(directory: Path) -> int:
    """Takes the directory's lock, which the kernel releases when the process dies."""
    handle = os.open(directory / "afterimage.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(handle, 32).decode(errors="replace").strip() or "another process"
        os.close(handle)
        raise DataDirectoryInUse(
            f"{directory} is open in process {holder}: chDB allows one process per data directory"
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def _run(connection: Connection, sql: str, params: Params | None, output: str) -> bytes:
    bound = {name: _bound(value) for name, value in params.items()} if params else None
    try:
        result = connection.query(sql, output, params=bound)
    except RuntimeError as error:
        if not _is_settled(connection):
            raise _Unsettled(error) from error
        raise _storage_error(error) from error
    data: bytes = result.bytes() if result else b""
    return data


def _rows_of(connection: Connection, sql: str, params: Params | None = None) -> list[Row]:
    return decode_rows(_run(connection, sql, params, "RowBinaryWithNamesAndTypes"))


def _rows_of_writer(connection: Connection, sql: str, params: Params | None) -> list[Row]:
    try:
        return _rows_of(connection, sql, params)
    except _Unsettled as unsettled:
        raise _storage_error(unsettled.failure) from unsettled.failure


def _stream(connection: Connection, sql: str, params: Params | None) -> Any:
    bound = {name: _bound(value) for name, value in params.items()} if params else {}
    try:
        return connection.send_query(sql, "RowBinary", params=bound)
    except RuntimeError as error:
        raise _storage_error(error) from error


def _next_block(stream: Any) -> Block | None:
    """Returns the next rows of a streamed result; chDB formats each block of rows as a whole."""
    try:
        result = stream.fetch()
    except RuntimeError as error:
        raise _storage_error(error) from error
    data = result.bytes() if result is not None else b""
    return Block(result.rows_read(), data) if data else None


def _is_settled(connection: Connection) -> bool:
    """Empties a connection after a failed statement; returns False if it may not be empty.

    Rows that the statement returned before it failed stay in the connection, and the next statement's result
    would begin with them (chDB 26.9): one caller would see another caller's rows.
    """
    try:
        for _ in range(_SETTLING):
            result = connection.query("SELECT toUInt8(7)", "RowBinary")
            if result and result.bytes() == b"\7":
                return True
    except RuntimeError:
        return False
    return False


def _storage_error(error: Exception) -> StorageError:
    found = _CODE.search(str(error))
    return storage_error(str(error), int(found[1]) if found else 0)


def _bound(value: Any) -> str:
    """Returns a parameter in the text form that ClickHouse parses by the parameter's type."""
    if isinstance(value, list | tuple):
        return "[" + ",".join(_quoted(item) for item in value) + "]"
    return _escaped(str(value))


def _quoted(value: Any) -> str:
    return f"'{_escaped(str(value))}'" if isinstance(value, str | UUID | date) else str(value)


_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"}
)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
