"""The DDL features of one engine and one version of ClickHouse."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

MODERN = (21, 8)
"""First version with codecs, LowCardinality, TTL with conditions and waiting mutations."""

FSYNC = "fsync_after_insert"
FSYNC_SETTINGS = f"{FSYNC} = 1, fsync_part_directory = 1"
"""Settings of a table: inserts wait for the disk, and so do the directories of their parts."""


LAST_DAY = date(2149, 6, 6)
"""The last day that ClickHouse's Date holds; sessions that begin later are stored on it (`retention.day_of`)."""

LAST_DAY_OF_OLD = date(2105, 12, 31)
"""The same of servers before 21.8, where the calendar ends: rows of later days cannot be found again, or stop every
insert (measured with 18.16)."""


def last_day(version: tuple[int, int]) -> date:
    """Returns the last day that a server of this version stores, as the day of a partition."""
    return LAST_DAY if version >= MODERN else LAST_DAY_OF_OLD


@dataclass(frozen=True, slots=True)
class Dialect:
    """The DDL features of one engine.

    Attributes:
        version: Major and minor version of ClickHouse.
        cluster: Name of the cluster, for Replicated and Distributed tables; empty: one server.
        fsync: Whether an insert waits for the disk, to survive a power cut too.
        retention_days: Retention of each project's rows, in days; rows of other projects are kept for ever.
    """

    version: tuple[int, int]
    cluster: str = ""
    fsync: bool = False
    retention_days: Mapping[str, int] = field(default_factory=dict)

    @property
    def modern(self) -> bool:
        """Whether codecs, LowCardinality, TTL with conditions and waiting mutations are supported."""
        return self.version >= MODERN

    @property
    def last_day(self) -> date:
        """The last day of a session."""
        return last_day(self.version)

    @property
    def name_type(self) -> str:
        """Type of a column with few distinct values."""
        return "LowCardinality(String)" if self.modern else "String"

    def definitions(
        self, columns: Iterable[tuple[str, str]], few: Collection[str], codecs: Mapping[str, str] | None = None
    ) -> list[str]:
        """Returns the definitions of a table's columns.

        Args:
            columns: Names and types.
            few: Names of the columns with few distinct values.
            codecs: CODEC clauses by column name.
        """
        codecs = codecs or {}
        return [f"{name} {self.name_type if name in few else kind}{codecs.get(name, '')}" for name, kind in columns]

    def codec(self, name: str) -> str:
        """Returns a CODEC clause where the server supports it."""
        return f" CODEC({name})" if self.modern else ""

    @property
    def on_cluster(self) -> str:
        """Clause that runs a statement on all servers of the cluster."""
        return f" ON CLUSTER {self.cluster}" if self.cluster else ""

    def add_column(self, table: str, definition: str) -> str:
        """Returns the statement that adds a column; old servers refuse it where the column exists."""
        unless = "IF NOT EXISTS " if self.modern else ""
        return f"ALTER TABLE {table}{self.on_cluster} ADD COLUMN {unless}{definition}"

    def local(self, table: str) -> str:
        """Returns the name of the table that holds the rows; on a cluster the Distributed table reads from it."""
        return f"{table}_local" if self.cluster else table

    def engine(self, family: str, table: str, version: str = "") -> str:
        """Returns the ENGINE clause's engine for a MergeTree family, replicated on a cluster."""
        if self.cluster:
            keeper = f"'/clickhouse/tables/{{shard}}/{{database}}/{table}', '{{replica}}'"
            return f"Replicated{family}({', '.join(filter(None, (keeper, version)))})"
        return f"{family}({version})"

    def settings(self, granularity: int) -> str:
        """Returns the SETTINGS clause of a table; granularity is in rows."""
        extra = f", min_bytes_for_wide_part = {32 * 1024 * 1024}" if self.modern else ""
        extra += f", {FSYNC_SETTINGS}" if self.modern and self.fsync else ""
        return f"SETTINGS index_granularity = {granularity}{extra}"

    def distributed(self, table: str, shard_by: str) -> list[str]:
        """Returns the statements that put a Distributed table in front of a cluster's local ones; empty: one server.

        Args:
            table: Name of the queried table.
            shard_by: The column that selects the shard by its hash.
        """
        if not self.cluster:
            return []
        create = (
            f"CREATE TABLE IF NOT EXISTS {table}{self.on_cluster} AS {self.local(table)} "
            f"ENGINE = Distributed({self.cluster}, currentDatabase(), {self.local(table)}, cityHash64({shard_by}))"
        )
        return [create]

    def ttl(self) -> str:
        """Returns the TTL expression for the projects' retention; empty where there is no TTL."""
        if not self.modern:
            return ""
        kept = {project: days for project, days in self.retention_days.items() if days > 0}
        if not kept:
            return ""
        cases = ", ".join(
            f"project = {_literal(project)}, toIntervalDay({days})" for project, days in sorted(kept.items())
        )
        names = ", ".join(_literal(project) for project in sorted(kept))
        return f"kept_from + multiIf({cases}, toIntervalDay(0)) DELETE WHERE project IN ({names})"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
