"""What the audit service asks of a ClickHouse engine, whichever it is.

Two engines implement this: chDB in the process (`chdb`) and a server over the native protocol
(`clickhouse`). Both take the same SQL, with parameters written `{name:Type}` and bound by the
engine; both give strings as bytes, arrays as tuples, UUIDs and dates as Python's own. A parameter of an
array type stands to the right of IN, and is never empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.runtime.errors import ResourceExhausted, Unavailable

POINT_READ = " SETTINGS max_threads = 1"
"""Ends a statement that reads a few granules: a second thread costs such a one more than it gives."""

Row = tuple[Any, ...]
Params = Mapping[str, Any]


class StorageError(Exception):
    """The engine refused a statement: a defect of ours, INTERNAL to a caller, who never sees this text.

    Attributes:
        detail: What the engine said.
        number: ClickHouse's error code; 0: not known.
    """

    def __init__(self, detail: str, number: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.number = number


class StorageAway(StorageError, Unavailable):  # noqa: N818 - a state, not a mistake
    """The engine cannot be reached, or did not answer in time; callers are told to try again."""

    def __init__(self, detail: str, number: int = 0) -> None:
        Unavailable.__init__(self, "the storage does not answer; try again", reason="STORAGE_AWAY")
        self.detail = detail
        self.number = number


class StorageOverload(StorageError, ResourceExhausted):  # noqa: N818 - a state, not a mistake
    """The statement needs more memory than one may have; a narrower question may be answered."""

    def __init__(self, detail: str, number: int = 0) -> None:
        ResourceExhausted.__init__(
            self, "the question needs too much memory; narrow its time range or filter", reason="QUERY_TOO_LARGE"
        )
        self.detail = detail
        self.number = number


class DataDirectoryInUse(Exception):  # noqa: N818 - said to a person who started two
    """Another process has the data directory open."""


MEMORY_LIMIT = 241
AWAY = frozenset({159, 160, 209, 210, 242, 252, 279, 999})
"""ClickHouse's codes after which a retry may help: time-outs, network, too many parts, read-only, keeper."""


def storage_error(detail: str, number: int) -> StorageError:
    """Returns the error for what ClickHouse said."""
    if number == MEMORY_LIMIT:
        return StorageOverload(detail, number)
    return (StorageAway if number in AWAY else StorageError)(detail, number)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that rows are inserted into: its name and its columns with ClickHouse's types."""

    name: str
    columns: tuple[tuple[str, str], ...]

    @property
    def types(self) -> tuple[str, ...]:
        """ClickHouse's names of the columns' types."""
        return tuple(kind for _, kind in self.columns)

    @property
    def insert_into(self) -> str:
        """The head of an INSERT statement, without a format."""
        return f"INSERT INTO {self.name} ({', '.join(name for name, _ in self.columns)})"


class Engine(Protocol):
    """A ClickHouse that is open."""

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version, such as (18, 16)."""
        ...

    @property
    def name(self) -> str:
        """What it is, for people: "chDB 26.9" or "ClickHouse 18.16 at host:port"."""
        ...

    async def query(self, sql: str, params: Params | None = None) -> list[Row]:
        """Returns a statement's rows.

        Raises:
            StorageAway: If the engine cannot be reached or is too slow.
            StorageError: If it refuses the statement.
        """
        ...

    async def execute(self, sql: str, params: Params | None = None) -> None:
        """Runs a statement that gives no rows. Raises as `query`."""
        ...

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Inserts rows; when it returns they are stored. Raises as `query`."""
        ...

    async def close(self) -> None:
        """Lets go of all connections."""
        ...
