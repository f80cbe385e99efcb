"""The log of a data directory: frames go into the active segment, older ones wait until their rows are stored."""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from services.audit.ingest.log.segment import (
    SECTOR,
    Header,
    LogError,
    Segment,
    end_of,
    frames,
    numbers,
    path_of,
    read_header,
    size_on_disk,
    sync_directory,
)

_log = structlog.get_logger("afterimage.recording_log")

FOLDER: Final = "log"
"""Folder in the data directory."""

SEGMENT_BYTES: Final = 16 * 1024**2
"""Size of a segment; one is larger if a single frame needs it."""

_STATE: Final = "state"
_LOCK: Final = "lock"

_GO_ON: Final = "Restore the file, or move the folder away to go on without the chunks in it"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the log: the end of a frame, or the beginning of a segment's frames."""

    number: int
    offset: int


def has_segments(directory: Path) -> bool:
    """Returns whether there is a log in this directory that has segments, or should have some.

    Raises:
        LogError: Its state cannot be read.
        OSError: The directory cannot be read.
    """
    if numbers(directory):
        return True
    if not (directory / _STATE).exists():
        return False
    state = _State.read(directory)
    return state.first <= state.last


class RecordingLog:
    """The log of one AuditService. Its methods block, and may be called by several threads.

    Args:
        directory: The folder, which must exist.
        lock: Descriptor that holds its lock.
        state: Its state.
        ends: Ends of the segments that are there, by number, in order.
    """

    def __init__(self, directory: Path, lock: int, state: _State, ends: dict[int, int]) -> None:
        self._directory = directory
        self._lock = lock
        self._state = state
        self._ends = ends
        self._sizes = {number: path_of(directory, number).stat().st_size for number in ends}
        self._active: Segment | None = None
        self._writing = threading.Lock()
        """Held while the active segment is written or left."""
        self._changing = threading.Lock()
        """Held while segments are added or removed."""

    @classmethod
    def open(cls, directory: Path) -> RecordingLog:
        """Opens the log, creating the folder if it is missing.

        Raises:
            LogError: It is another installation's or a newer version's, it is open in another process, a segment is
                missing, or a frame is damaged.
            OSError: The folder cannot be read or written.
        """
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _locked(directory)
        try:
            state = _State.read(directory)
            ends = _ends_of(directory, state)
            # A process that was killed right after it had begun a segment has not noted it.
            state = replace(state, last=max(state.last, *ends, 0))
            return cls(directory, lock, state, ends)
        except BaseException:
            os.close(lock)
            raise

    @property
    def begin(self) -> Position:
        """Beginning of the oldest frame that is kept."""
        return Position(next(iter(self._ends), self._state.last + 1), SECTOR)

    @property
    def end(self) -> Position:
        """End of the last frame."""
        for number, offset in reversed(self._ends.items()):
            return Position(number, offset)
        return self.begin

    @property
    def size_bytes(self) -> int:
        """Size of all segments."""
        with self._changing:
            return sum(self._sizes.values())

    def write(self, body: bytes) -> Position:
        """Logs a frame and returns its end; it is durable then.

        Raises:
            OSError: It is not durable. It may be written again; the segment is left.
        """
        with self._writing:
            segment = self._active
            if segment is None or not segment.has_room(len(body)):
                segment = self._begin_segment(size_on_disk(len(body)))
            try:
                segment.write(body)
            except OSError:
                self._leave_segment()
                raise
            self._ends[segment.header.number] = segment.end
            return Position(segment.header.number, segment.end)

    def read(self, begin: Position, until: Position) -> Iterator[tuple[bytes, Position]]:
        """Yields the bodies of the frames between two positions, each with its end.

        Raises:
            LogError: A frame is damaged.
            OSError: A segment cannot be read.
        """
        with self._changing:
            ends = {number: end for number, end in self._ends.items() if begin.number <= number <= until.number}
        for number, whole in ends.items():
            first = begin.offset if number == begin.number else SECTOR
            last = until.offset if number == until.number else whole
            for body, end in frames(path_of(self._directory, number), number, first, last):
                yield body, Position(number, end)

    def leave_segment(self) -> None:
        """Ends the active segment; the next frame begins another one."""
        with self._writing:
            self._leave_segment()

    def has_done(self, stored: Position) -> bool:
        """Returns whether `cut` would delete anything."""
        with self._changing:
            return bool(self._done(stored))

    def cut(self, stored: Position) -> int:
        """Deletes the segments of which all frames are stored, except the active one.

        Args:
            stored: End of the frames that are stored durably in the database.

        Returns:
            Their number.
        """
        with self._changing:
            done = self._done(stored)
            if not done:
                return 0
            # First: a segment that is missing although it should be there is an error at the next start.
            self._state = replace(self._state, first=done[-1] + 1)
            self._state.write(self._directory)
            for number in done:
                path_of(self._directory, number).unlink(missing_ok=True)
                del self._ends[number], self._sizes[number]
            sync_directory(self._directory)
            return len(done)

    def close(self) -> None:
        """Closes the files and releases the folder."""
        self.leave_segment()
        os.close(self._lock)

    def _done(self, stored: Position) -> list[int]:
        active = self._active
        done: list[int] = []
        for number, end in self._ends.items():
            if (active is not None and number == active.header.number) or Position(number, end) > stored:
                break
            done.append(number)
        return done

    def _begin_segment(self, needed_bytes: int) -> Segment:
        self._leave_segment()
        with self._changing:
            number = self._state.last + 1
            header = Header(number, self._ends.get(number - 1, 0), self._state.installation)
            size_bytes = max(SEGMENT_BYTES, SECTOR + needed_bytes)
            self._active = Segment.create(self._directory, header, size_bytes)
            self._ends[number] = self._active.end
            self._sizes[number] = size_bytes
            self._state = replace(self._state, last=number)
            self._state.write(self._directory)
            return self._active

    def _leave_segment(self) -> None:
        if self._active is not None:
            self._active.close()
            self._active = None


@dataclass(frozen=True, slots=True)
class _State:
    """The state of the folder: id of the installation, and the numbers of the first and the last segment."""

    installation: bytes
    first: int = 1
    last: int = 0

    @classmethod
    def read(cls, directory: Path) -> _State:
        """Returns the state, which the first start makes."""
        path = directory / _STATE
        if path.exists():
            words = path.read_text().split()
            if len(words) == 3 and len(words[0]) == 32:
                return cls(bytes.fromhex(words[0]), int(words[1]), int(words[2]))
            raise LogError(f"{path} cannot be read; restore the file")
        if numbers(directory):
            raise LogError(f"{path} is missing, and there are segments; restore the file")
        state = cls(secrets.token_bytes(16))
        state.write(directory)
        return state

    def write(self, directory: Path) -> None:
        """Makes the state durable."""
        path = directory / _STATE
        new = path.with_suffix(".new")
        with new.open("w") as file:
            file.write(f"{self.installation.hex()} {self.first} {self.last}\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_directory(directory)


def _locked(directory: Path) -> int:
    handle = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise LogError(f"{directory} is open in another process: each AuditService has a log of its own") from error
    return handle


def _ends_of(directory: Path, state: _State) -> dict[int, int]:
    """Returns the ends of the segments by number; deletes those that are cut already, or were never begun."""
    headers: dict[int, Header] = {}
    for number in numbers(directory):
        path = path_of(directory, number)
        header = read_header(path)
        if number < state.first or (header is None and number > state.last):
            path.unlink()
        elif header is None:
            raise LogError(f"{path} has no valid header: acknowledged chunks may be lost. {_GO_ON}")
        elif (header.installation, header.number) != (state.installation, number):
            raise LogError(f"{path} belongs to another installation; move it back to where it came from")
        else:
            headers[number] = header
    last = max(state.last, *headers, 0)
    for number in range(state.first, last + 1):
        if number not in headers:
            raise LogError(f"{path_of(directory, number)} is missing: acknowledged chunks may be lost. {_GO_ON}")
    return {
        number: end_of(path_of(directory, number), number, headers[number + 1].previous_end if number < last else None)
        for number in headers
    }
