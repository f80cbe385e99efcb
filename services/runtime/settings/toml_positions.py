"""Line of a key in a TOML file, for error messages; tomllib does not report it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Keys = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w.\-\s])+?)\s*=""")


def line_of(text: str, keys: Sequence[str | int]) -> int:
    """Returns the line, from 1, of a key or of its nearest parent in the file; 0: neither exists.

    Args:
        text: TOML that parses.
        keys: Path of the key; numbers from 0 select a table of an array: ("projects", 0, "privacy").
    """
    lines = _lines(text)
    return next((lines[way] for end in range(len(keys), 0, -1) if (way := tuple(keys[:end])) in lines), 0)


def _lines(text: str) -> dict[Keys, int]:
    """Returns the first line of each key that begins a line; keys within inline tables are not distinguished."""
    found: dict[Keys, int] = {}
    tables: Counter[Keys] = Counter()
    table: Keys = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _way(header[2], tables)
            if header[1] == "[[":
                found.setdefault(table, number)
                tables[table] += 1
                table = (*table, tables[table] - 1)
            for end in range(1, len(table) + 1):
                found.setdefault(table[:end], number)
        elif key := _KEY.match(line):
            way = _parts(key[1])
            for end in range(1, len(way) + 1):
                found.setdefault((*table, *way[:end]), number)
    return found


def _way(name: str, tables: Counter[Keys]) -> Keys:
    """Returns a table's path; below an array of tables it belongs to the last one."""
    way: Keys = ()
    parts = _parts(name)
    for place, part in enumerate(parts):
        way = (*way, part)
        if place < len(parts) - 1 and tables[way]:
            way = (*way, tables[way] - 1)
    return way


def _parts(name: str) -> Keys:
    """Returns the parts of a dotted key; none for other text (a line within a multi-line string)."""
    try:
        value: object = tomllib.loads(f"{name} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(value, dict):
        ((key, value),) = value.items()
        parts.append(key)
    return tuple(parts)
