"""Chunks that the database refuses for a reason that does not pass: kept as files, with a placeholder in their place.

A file per chunk, `PROJECT/SESSION-WINDOW-SEQ.json.gz` in the folder `set_aside` of the data directory: gzip of one line
of JSON with `session_id`, `window_id`, `project`, `seq`, `set_aside_time`, `error` and `events`, the masked rrweb
events as they were to be stored. `afterimage import` reads it; files of a session, joined in the order of their seq,
are JSON lines (docs/operating.md, docs/adr/0017).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from services.audit.model import ChunkRow
from services.audit.payload import Bounds, deflate, inflate
from services.audit.rrweb import EventType
from services.audit.storage.engine.engine import StorageError
from services.audit.storage.retention import Retention

_log = structlog.get_logger("afterimage.set_aside")

FOLDER = "set_aside"
DROPPED_TAG = "afterimage.dropped"
"""Custom event in place of events that are missing (docs/definitions.md)."""

REASON = "not_storable"
MAX_ERROR = 300
"""Maximum characters kept of the database's message."""

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
"""Line breaks in JSON are between its values: in strings they are escaped."""

_STORED = Bounds(max_bytes=2**31, max_inflated_bytes=2**31, max_inflation=0)  # the sizes were checked at ingest


@dataclass(frozen=True, slots=True)
class SetAsideChunk:
    """A kept chunk, as its file describes it."""

    path: Path
    project: str
    session: str
    window: str
    seq: int
    error: str


class SetAside:
    """The kept chunks of an AuditService.

    Args:
        directory: The folder; created with the first file.
        max_bytes: Maximum size of all files; a chunk beyond it is not kept. 0: none is.

    Attributes:
        counts: Chunks since the start: "kept", and "no_room" or "unwritable", which were not acknowledged.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self.counts: Counter[str] = Counter(kept=0, no_room=0, unwritable=0)

    async def keep(self, chunk: ChunkRow, error: StorageError, now_ms: int) -> str:
        """Writes a chunk to disk.

        Args:
            chunk: The chunk.
            error: Why the database refuses it.
            now_ms: Milliseconds since 1970 UTC.

        Returns:
            The outcome, one of `counts`: "kept" if the file is durable.
        """
        return await asyncio.to_thread(self._keep, chunk, error, now_ms)

    def report(self, chunk: ChunkRow, error: StorageError, outcome: str) -> None:
        """Counts and logs a chunk that stays refused."""
        self.counts[outcome] += 1
        _log.error(
            "the database refuses a chunk: it is set aside" if outcome == "kept" else "a refused chunk cannot be kept",
            outcome=outcome,
            project=chunk.key.project,
            session=str(chunk.key.session),
            window=str(chunk.key.window),
            seq=chunk.seq,
            error=error.detail[:MAX_ERROR],
        )

    async def discard(self, chunk: ChunkRow) -> None:
        """Deletes the file of a chunk that is not set aside after all."""
        await asyncio.to_thread(self._path(chunk).unlink, missing_ok=True)

    async def delete(self, project: str, sessions: Sequence[UUID]) -> None:
        """Deletes the files of sessions."""
        await asyncio.to_thread(self._delete, project, {str(session) for session in sessions})

    async def sweep(self, retention: Retention) -> None:
        """Deletes files that are older than their project's retention."""
        await asyncio.to_thread(self._sweep, retention)

    def _keep(self, chunk: ChunkRow, error: StorageError, now_ms: int) -> str:
        try:
            data = _file_of(chunk, error, now_ms)
            if sum(path.stat().st_size for path in _files(self._directory)) + len(data) > self._max_bytes:
                return "no_room"
            path = self._path(chunk)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_durably(path, data)
        except OSError as failure:
            _log.warning("the folder of set aside chunks cannot be written", error=str(failure))
            return "unwritable"
        return "kept"

    def _path(self, chunk: ChunkRow) -> Path:
        key = chunk.key
        return self._directory / key.project / f"{key.session}-{key.window}-{chunk.seq:010}.json.gz"

    def _delete(self, project: str, sessions: set[str]) -> None:
        for path in _files(self._directory / project):
            if path.name[:36] in sessions:
                path.unlink(missing_ok=True)

    def _sweep(self, retention: Retention) -> None:
        for project, since in retention.bounded():
            for path in _files(self._directory / project):
                if dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).date() < since:
                    path.unlink(missing_ok=True)


def placeholder_for(chunk: ChunkRow) -> ChunkRow:
    """Returns the chunk that is stored in place of a refused one: a Custom event that describes the missing ones.

    It has the place and the state of the other one, so that the window goes on after it. Its totals count nothing:
    running totals of later chunks include the missing events.
    """
    payload = {
        "reason": REASON,
        "events": chunk.event_count,
        "bytes": len(chunk.payload),
        "fromMs": chunk.first_ms,
        "toMs": chunk.last_ms,
    }
    event = {
        "type": int(EventType.CUSTOM),
        "timestamp": chunk.first_ms,
        "data": {"tag": DROPPED_TAG, "payload": payload},
    }
    return replace(
        chunk,
        event_count=1,
        snapshot_ms=0,
        snapshot_seq=0,
        marks=(),
        totals=(),
        payload=deflate(msgspec.json.encode([event])),
        interactions=b"",
    )


def were_set_aside(directory: Path) -> list[SetAsideChunk]:
    """Returns the kept chunks of a data directory, the last one last; unreadable files are named with their error."""
    files = sorted(_files(directory / FOLDER), key=lambda path: path.stat().st_mtime)
    return [_described(path) for path in files]


class _Head(msgspec.Struct):
    session_id: str = ""
    window_id: str = ""
    project: str = ""
    seq: int = 0
    error: str = ""


def _described(path: Path) -> SetAsideChunk:
    try:
        head = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=_Head)
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        return SetAsideChunk(path, path.parent.name, "", "", 0, f"the file cannot be read: {error}")
    return SetAsideChunk(path, head.project, head.session_id, head.window_id, head.seq, head.error)


def _file_of(chunk: ChunkRow, error: StorageError, now_ms: int) -> bytes:
    head = {
        "session_id": str(chunk.key.session),
        "window_id": str(chunk.key.window),
        "project": chunk.key.project,
        "seq": chunk.seq,
        "set_aside_time": dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).isoformat(timespec="milliseconds"),
        "error": " ".join(error.detail[:MAX_ERROR].split()),
    }
    events = inflate(chunk.payload, _STORED).translate(_ONE_LINE)
    return deflate(msgspec.json.encode(head)[:-1] + b',"events":' + events + b"}\n")


def _write_durably(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _files(directory: Path) -> Iterator[Path]:
    yield from directory.rglob("*.json.gz") if directory.is_dir() else ()
