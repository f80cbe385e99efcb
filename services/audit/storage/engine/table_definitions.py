"""Copies of the definitions of tables: chDB 26.9 reports a statement as done although a definition was not written.

It writes a definition to a new file and renames it over the old one. Where that write failed, the file is empty, and
the next start ends in "Empty query". A copy is a hard link: it needs no space, and stays when the file is replaced.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

_log = structlog.get_logger("afterimage.storage")

COPIES: Final = "definitions"
"""Folder in the data directory for the copies."""

_DEFINITIONS: Final = ("metadata/*.sql", "store/*/*/*.sql")
"""Of databases, and of their tables and views."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A definition that was empty or cut off.

    Attributes:
        table: Name of the table, view or database.
        has_copy: Whether its last whole version is in its place again; else it never had one, and is gone.
    """

    table: str
    has_copy: bool


class TableDefinitions:
    """The definitions in a data directory.

    Args:
        directory: The data directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._copies = directory / COPIES

    def keep(self) -> bool:
        """Copies the definitions that have changed, and returns whether any has. All must be whole; see `repair`."""
        changed = False
        try:
            self._copies.mkdir(exist_ok=True)
            paths = {_name_of_copy(path): path for path in self._all()}
            for name, path in paths.items():
                copy = self._copies / name
                if not copy.exists() or not copy.samefile(path):
                    changed = True
                    self._replace(path, copy)
            for copy in self._copies.iterdir():
                if copy.name not in paths:
                    changed = True
                    copy.unlink()
        except OSError as error:  # the database is no worse without copies
            _log.warning("could not copy the definitions of tables", error=str(error))
            changed = True  # a table may be new
        return changed

    def repair(self) -> list[Repaired]:
        """Puts the copies into the places of definitions that are empty or cut off.

        One without a copy is removed, since it never was whole. In a directory that has no copies at all, as those of
        earlier versions, nothing is changed.

        Raises:
            OSError: If that cannot be done.
        """
        repaired: list[Repaired] = []
        if not self._copies.exists():
            return repaired
        for path in self._all():
            if _is_whole(path):
                continue
            copy = self._copies / _name_of_copy(path)
            has_copy = copy.exists() and _is_whole(copy)
            if has_copy:
                self._replace(copy, path)
                _log.error("restored the definition of a table, which the database could not write", file=str(path))
            else:
                path.unlink()
                _log.error("removed the empty definition of a new table", file=str(path))
            repaired.append(Repaired(path.stem, has_copy))
        return repaired

    def _all(self) -> list[Path]:
        return [path for pattern in _DEFINITIONS for path in self._directory.glob(pattern)]

    def _replace(self, source: Path, target: Path) -> None:
        """Makes `target` the same file as `source`, or a copy of it where the file system has no hard links."""
        # Not beside the target: chDB does not open a directory of definitions that has a file of another kind.
        new = self._copies / f"{_name_of_copy(target)}.new"
        new.unlink(missing_ok=True)
        try:
            new.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, new)
        new.replace(target)


def _name_of_copy(path: Path) -> str:
    return f"{path.parent.name}-{path.name}"


def _is_whole(path: Path) -> bool:
    data = path.read_bytes()
    return data.startswith(b"ATTACH ") and data.endswith(b"\n")
