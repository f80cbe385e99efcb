"""Files with which an embedded ClickHouse does not open its data directory again, and which can be spared.

On a full disk a statement that rewrites data (a mutation) leaves its description empty or cut off, and the next start
ends in "Error initializing EmbeddedServer". Without the file the statement was never begun. The same error follows a
CREATE TABLE that could not write the number of the table's format, or was killed before it did: an empty file, which
is completed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import structlog

_log = structlog.get_logger("afterimage.storage")

DAMAGED = "damaged"
"""Folder in the data directory for files that were set aside."""

_MUTATIONS = "store/*/*/mutation_*.txt"
_FORMAT_VERSIONS = "store/*/*/format_version.txt"
_FORMAT_VERSION = b"1"
"""The only one of tables with a partition key; it is written once, before the table has any rows."""

_BEGINNING = b"format version: 1\ncreate time: "
_COMMANDS = b"\ncommands: "


def set_aside(directory: Path) -> list[Path]:
    """Repairs a database that is about to be opened: damaged descriptions of mutations are moved out of the way.

    Args:
        directory: The data directory; no process may have it open.

    Returns:
        Their new places, in DAMAGED.
    """
    for path in directory.glob(_FORMAT_VERSIONS):
        if not path.stat().st_size:
            path.write_bytes(_FORMAT_VERSION)
            _log.warning("completed the files of a partly created table", file=str(path))
    moved = []
    for path in sorted(directory.glob(_MUTATIONS)):
        if _is_whole(path.read_bytes()):
            continue
        folder = directory / DAMAGED
        folder.mkdir(exist_ok=True)
        place = folder / f"{path.parent.name}-{path.name}"
        shutil.move(path, place)
        _log.warning("set aside the damaged description of a mutation, which is not carried out", file=str(place))
        moved.append(place)
    return moved


def were_set_aside(directory: Path) -> list[Path]:
    """Returns the files in DAMAGED."""
    return sorted((directory / DAMAGED).glob("*"))


def _is_whole(data: bytes) -> bool:
    return data.startswith(_BEGINNING) and _COMMANDS in data and data.endswith(b"\n")
