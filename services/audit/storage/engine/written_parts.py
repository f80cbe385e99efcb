"""Looks at the files of new parts: chDB 26.9 reports an insert as done although a file of its part was not written.

A failed write in the moment in which a file is completed leaves it empty or short. The part is readable until the next
start, which finds it broken and sets it aside, and its rows are gone. So files are looked at before rows are
acknowledged (docs/adr/0012).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PART = re.compile(r"(?!tmp_|delete_tmp_)\S+_(\d+)_(\d+)_(\d+)(_\d+)?")
"""Partition, first and last block, level, and the mutation: `20261130_14_14_0`."""

_NOT_COUNTED = frozenset(
    {
        *("checksums.txt", "columns.txt", "columns_substreams.txt", "default_compression_codec.txt"),
        "metadata_version.txt",
    }
)
"""Files that are not part of the size of a part that the database states."""

_MAY_BE_EMPTY = frozenset({"statistics.packed"})

ONE_WRITE_BYTES = 16 * 1024
"""Parts up to this size have files that are written at once: a failed write leaves an empty one. (ClickHouse's buffers
of files begin with this size: `adaptive_write_buffer_initial_size`.)"""


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """A part that was not looked at before.

    Attributes:
        table: Its table.
        name: Its name.
        sizes: Sizes of its files, in bytes.
    """

    table: str
    name: str
    sizes: Mapping[str, int]

    @property
    def is_inserted(self) -> bool:
        """Whether it has the rows of one insert; else a merge or a mutation made it of others."""
        found = _PART.fullmatch(self.name)
        return found is not None and found[1] == found[2] and found[3] == "0" and found[4] is None

    @property
    def is_large(self) -> bool:
        """Whether a file of it may be short without being empty."""
        return sum(self.sizes.values()) > ONE_WRITE_BYTES

    def is_whole(self, size_bytes: int | None = None) -> bool:
        """Returns whether all of its files were written.

        Args:
            size_bytes: Its size according to the database, for large ones; None: only empty files are looked for.
        """
        if size_bytes is None:
            return all(size or name in _MAY_BE_EMPTY for name, size in self.sizes.items())
        counted = sum(size for name, size in self.sizes.items() if name not in _NOT_COUNTED)
        return counted == size_bytes and all(self.sizes.get(name, 1) for name in _NOT_COUNTED)


_SETTLED_NS = 1_000_000_000
"""Age from which a directory with the same time of change is unchanged: two changes within one tick of the kernel
have the same time."""


class WrittenParts:
    """The parts of tables that were looked at."""

    def __init__(self) -> None:
        self._directories: dict[str, Path] = {}
        self._known: dict[str, set[str]] = {}
        self._settled: dict[str, int] = {}
        """Time of the last change of directories that had not changed for a while when they were looked at."""

    def add(self, directories: Mapping[str, Path]) -> None:
        """Adds tables by their directories. The parts that one has already are taken to be whole."""
        for table, directory in directories.items():
            if self._directories.get(table) != directory:
                self._directories[table] = directory
                self._known[table] = _parts(directory, set())
                self._settled.pop(table, None)

    def look(self) -> list[WrittenPart]:
        """Returns the parts since the last call that are still there.

        Raises:
            OSError: A directory cannot be read; the next call returns them all.
        """
        found: list[WrittenPart] = []
        now_known: dict[str, set[str]] = {}
        now_settled: dict[str, int] = {}
        for table, directory in self._directories.items():
            changed_ns = _changed_ns(directory)
            if changed_ns == self._settled.get(table):
                continue
            if changed_ns < time.time_ns() - _SETTLED_NS:
                now_settled[table] = changed_ns
            known = self._known[table]
            parts = _parts(directory, known)
            found += [
                WrittenPart(table, name, sizes) for name in sorted(parts - known) if (sizes := _sizes(directory / name))
            ]
            now_known[table] = parts
        self._known |= now_known
        self._settled |= now_settled
        return found


def _changed_ns(directory: Path) -> int:
    """Returns the time at which an entry of a directory was made, renamed or removed last; 0: it is gone."""
    try:
        return directory.stat().st_mtime_ns
    except FileNotFoundError:  # the table was dropped
        return 0


def _parts(directory: Path, known: set[str]) -> set[str]:
    try:
        with os.scandir(directory) as entries:
            return {entry.name for entry in entries if entry.name in known or _PART.fullmatch(entry.name)}
    except FileNotFoundError:
        return set()


def _sizes(part: Path) -> dict[str, int]:
    """Returns the sizes of a part's files; empty: it is gone, merged into another, or has no rows."""
    try:
        with os.scandir(part) as files:
            sizes = {file.name: file.stat().st_size for file in files}
        # Dropped rows leave parts without any, in which files are empty.
        return {} if sizes.get("count.txt") and (part / "count.txt").read_bytes() == b"0" else sizes
    except FileNotFoundError:
        return {}
