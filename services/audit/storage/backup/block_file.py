"""Files of a backup: blocks of rows, compressed one by one, each with its size and number of rows before it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from isal import isal_zlib

from services.audit.storage.engine.engine import Block

MAGIC = b"afterimage rows 1\n"
_HEAD = struct.Struct("<III")
_LEVEL = 1
"""Of isal's levels 0 to 3; payloads are compressed already, and so grow by a few bytes."""

MAX_BLOCK_BYTES = 1 << 30
"""A larger block in a file is damage. The largest value is a chunk of 4 MiB, and 16 of them may be in a block."""


class DamagedFile(Exception):  # noqa: N818 - names the file's state
    """A file of a backup that cannot be read; `str()` is one sentence."""


def packed(block: Block) -> bytes:
    """Returns a block as it is in a file, after MAGIC and the blocks before it."""
    data = isal_zlib.compress(block.data, _LEVEL)
    return _HEAD.pack(block.row_count, len(block.data), len(data)) + data


def read_blocks(path: Path) -> Iterator[Block]:
    """Yields the blocks of a file.

    Raises:
        DamagedFile: It is cut off, or was not written by `packed`.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DamagedFile(f"{path} is not a file of rows of this format")
        while head := file.read(_HEAD.size):
            yield _block(path, file, head)


def _block(path: Path, file: IO[bytes], head: bytes) -> Block:
    count, size, packed_size = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0, MAX_BLOCK_BYTES + 1)
    data = file.read(packed_size) if max(size, packed_size) <= MAX_BLOCK_BYTES else b""
    try:
        rows = zlib.decompress(data) if len(data) == packed_size else b""
    except zlib.error as error:
        raise DamagedFile(f"{path} is damaged") from error
    if not size or len(rows) != size:
        raise DamagedFile(f"{path} is damaged, or ends too early")
    return Block(count, rows)
