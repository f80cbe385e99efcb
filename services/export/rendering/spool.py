"""Chunks of a recording, on disk: a rendering reads them twice, and holds only those around the moment in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from services.export.rendering.model import Chunk


@dataclass(frozen=True, slots=True)
class Spooled:
    """A chunk without its payload, and where that is."""

    window_id: str
    seq: int
    first_ms: int
    last_ms: int
    has_full_snapshot: bool
    is_gzip: bool
    offset: int
    size: int


class Spool:
    """The chunks of one recording.

    Args:
        path: File for the payloads.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._size = 0
        self._windows: dict[str, list[Spooled]] = {}

    @property
    def has_full_snapshot(self) -> bool:
        """Whether anything can be shown."""
        return any(chunk.has_full_snapshot for chunks in self._windows.values() for chunk in chunks)

    def windows(self) -> dict[str, int]:
        """Returns the first moment of each window, in the order of arrival."""
        return {window_id: chunks[0].first_ms for window_id, chunks in self._windows.items()}

    async def add(self, chunk: Chunk) -> bool:
        """Adds a chunk, in the order of `seq` within its window; returns whether it was new."""
        chunks = self._windows.setdefault(chunk.window_id, [])
        if chunks and chunks[-1].seq >= chunk.seq:
            return False
        await asyncio.to_thread(self._file.write, chunk.payload)
        chunks.append(
            Spooled(
                chunk.window_id,
                chunk.seq,
                chunk.first_ms,
                chunk.last_ms,
                chunk.has_full_snapshot,
                chunk.is_gzip,
                self._size,
                len(chunk.payload),
            )
        )
        self._size += len(chunk.payload)
        return True

    def last_of(self, window_id: str) -> Spooled:
        """Returns the chunk of a window that was added last."""
        return self._windows[window_id][-1]

    def read(self, chunk: Spooled) -> bytes:
        """Returns the payload of a chunk."""
        self._file.seek(chunk.offset)
        return self._file.read(chunk.size)

    def chunks_from(self, window_id: str, at_ms: int) -> list[Spooled]:
        """Returns the chunks that show a window from a moment on, as the player chooses them (chunkStore.ts).

        From the last full snapshot before it, or from the first one if none is before it. The chunk before is there,
        too: it may hold the snapshot's Meta event. Empty: no chunk of the window holds a full snapshot.
        """
        chunks = self._windows.get(window_id, [])
        snapshots = [number for number, chunk in enumerate(chunks) if chunk.has_full_snapshot]
        surely = [number for number in snapshots if chunks[number].last_ms <= at_ms]
        possibly = [number for number in snapshots if chunks[number].first_ms <= at_ms]
        base = (surely or possibly)[-1:] or snapshots[:1]
        return chunks[max(0, base[0] - 1) :] if base else []

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


@asynccontextmanager
async def spooled(path: Path) -> AsyncIterator[Spool]:
    """Yields a spool with its payloads in a new file."""
    with closing(Spool(path)) as spool:
        yield spool
