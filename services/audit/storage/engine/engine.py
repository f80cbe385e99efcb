"""The interface that the audit service requires of a ClickHouse engine.

Two engines implement it: chDB in the process (`chdb`) and a server over the native protocol
(`clickhouse`). Both accept the same SQL, with parameters written `{name:Type}` and bound by the
engine; both return strings as bytes, arrays as tuples, UUIDs and dates as Python's types. A parameter of an
array type is the right operand of IN, and is never empty.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from services.runtime.errors import ResourceExhausted, Unavailable

POINT_READ = " SETTINGS max_threads = 1"
"""Suffix of a statement that reads a few granules: a second thread would cost it more than it gains."""

BLOCK_BYTES = 1 << 20
"""Size of a block of rows that is read as a stream, unless a single row is larger."""

Row = tuple[Any, ...]
Params = Mapping[str, Any]


class StorageError(Exception):
    """The engine refused a statement: a defect of Afterimage, INTERNAL to a caller; callers never see this text.

    Attributes:
        detail: The engine's message.
        number: ClickHouse's error code; 0: unknown.
    """

    def __init__(self, detail: str, number: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.number = number


class StorageAway(StorageError, Unavailable):  # noqa: N818 - a state, not a mistake
    """The engine cannot be reached, or did not answer in time; the message asks callers to retry."""

    def __init__(self, detail: str, number: int = 0) -> None:
        Unavailable.__init__(self, "the storage does not answer; try again", reason="STORAGE_AWAY")
        self.detail = detail
        self.number = number


class StorageOverload(StorageError, ResourceExhausted):  # noqa: N818 - a state, not a mistake
    """The statement exceeds the memory limit; a narrower query may succeed."""

    def __init__(self, detail: str, number: int = 0) -> None:
        ResourceExhausted.__init__(
            self, "the query needs too much memory; narrow its time range or filter", reason="QUERY_TOO_LARGE"
        )
        self.detail = detail
        self.number = number


class StorageFull(StorageError, ResourceExhausted):  # noqa: N818 - a state, not a mistake
    """The disk of the database has no space, or less than the floor (`storage.free_space`)."""

    def __init__(self, detail: str, number: int = 0, consequence: str = "nothing new is recorded") -> None:
        ResourceExhausted.__init__(
            self,
            f"the disk of the storage is almost full, {consequence}; try again later",
            reason="STORAGE_FULL",
            retry_after_s=FULL_RETRY_S,
        )
        self.detail = detail
        self.number = number


class DataDirectoryInUse(Exception):  # noqa: N818 - a state, shown to the user as a message
    """Another process has the data directory open."""


FULL_RETRY_S = 30.0
"""Delay after which a recorder may try again when the disk was full."""

MEMORY_LIMIT = 241
NO_SPACE = 243
NO_SPACE_TEXT = "No space left on device"
"""A file that cannot be written has one of several codes, and the text of ENOSPC."""

AWAY = frozenset({159, 160, 209, 210, 242, 252, 279, 999})
"""ClickHouse's codes after which a retry may help: time-outs, network, too many parts, read-only, keeper."""


ERRNO_TEXT = "errno: "
"""Part of the message of every failed system call."""

NOT_OF_ROWS = frozenset({60, 74, 75, 76, 77, 81, 164, 173, 192, 193, 202, 203, 236, 394, 425, 497, 516, 1001})
"""Codes of errors that no row causes: missing tables and databases, files, memory, rights, cancelled or too many
queries, system calls, exceptions of C++'s library."""


def storage_error(detail: str, number: int) -> StorageError:
    """Returns the error for a message and code of ClickHouse."""
    if number == MEMORY_LIMIT:
        return StorageOverload(detail, number)
    if number == NO_SPACE or NO_SPACE_TEXT in detail:
        return StorageFull(detail, number)
    return (StorageAway if number in AWAY else StorageError)(detail, number)


@contextmanager
def encoding_errors() -> Iterator[None]:
    """Turns errors of encoders, for a value that its column cannot hold, into StorageError: no retry helps."""
    try:
        yield
    except (struct.error, OverflowError, TypeError, ValueError) as error:
        raise StorageError(f"a value does not fit its column: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Space on the disk of the database, in bytes."""

    free_bytes: int
    total_bytes: int


class Block(NamedTuple):
    """Some rows of a result, as RowBinary."""

    row_count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Table:
    """A table for inserts: its name, and its columns with ClickHouse's types."""

    name: str
    columns: tuple[tuple[str, str], ...]

    @property
    def types(self) -> tuple[str, ...]:
        """ClickHouse names of the columns' types."""
        return tuple(kind for _, kind in self.columns)

    @property
    def insert_into(self) -> str:
        """The head of an INSERT statement, without a format."""
        return f"INSERT INTO {self.name} ({', '.join(name for name, _ in self.columns)})"


class Engine(Protocol):
    """An open connection to a ClickHouse engine."""

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version, such as (18, 16)."""
        ...

    @property
    def name(self) -> str:
        """Engine, version and place, for messages: "chDB 26.9 in /data" or "ClickHouse 18.16 at host:port"."""
        ...

    async def query(self, sql: str, params: Params | None = None) -> list[Row]:
        """Returns a statement's rows.

        Raises:
            StorageAway: If the engine cannot be reached or is too slow.
            StorageError: If it refuses the statement.
        """
        ...

    def blocks(self, sql: str, types: Sequence[str], params: Params | None = None) -> AsyncGenerator[Block, None]:
        """Yields a statement's rows in blocks of about BLOCK_BYTES, however many rows there are.

        Args:
            sql: A SELECT.
            types: ClickHouse names of the columns' types.
            params: Values of the parameters.

        Raises:
            StorageError: As `query`, also after some blocks.
        """
        ...

    async def execute(self, sql: str, params: Params | None = None) -> None:
        """Runs a statement that returns no rows. Raises the same errors as `query`."""
        ...

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Inserts rows; they are stored when it returns.

        Raises:
            StorageError: They are not stored, or only some of them: StorageFull without space, and those of `query`.
                A value that its column cannot hold is a StorageError too.
        """
        ...

    async def disk_usage(self) -> DiskUsage | None:
        """Returns the space on the disk of the database; None: the engine does not know. Raises as `query`."""
        ...

    async def close(self) -> None:
        """Closes all connections."""
        ...
