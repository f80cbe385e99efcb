"""Segments of the recording log: files of frames, each with a checksum.

A segment has a fixed size and is filled with zeros at first. Its first sector is the header; each frame begins a
sector, so that a sector which is torn by a power cut belongs to one frame only. A frame is written and synced before
the next one, so only the last frame may be incomplete. The header has the end of the segment before it: a segment may
be left early, after a failed write, with the remains of a frame after its end.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECTOR: Final = 512
"""Bytes that a disk writes whole or not at all."""

VERSION: Final = 1

_MAGIC: Final = b"AFTERLOG"
_HEADER: Final = struct.Struct("<8sIQQ16s")
"""Magic, version, number, end of the segment before, id of the installation; then the CRC-32 of these."""

_FRAME_MAGIC: Final = b"FRAM"
_FRAME: Final = struct.Struct("<4sIQQ")
"""Magic, length of the body, number of the segment, offset of the frame; then the CRC-32 of these and the body."""

_CRC: Final = struct.Struct("<I")
FRAME_BYTES: Final = _FRAME.size + _CRC.size
SUFFIX: Final = ".log"

_ZEROS: Final = 1024**2
"""Zeros that are written at once."""


class LogError(Exception):
    """A log that cannot be used; the message names the file, the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a segment.

    Attributes:
        number: Its number; segments follow each other in this order, without a gap.
        previous_end: End of the frames of the segment before, in bytes; 0: it is the first one.
        installation: Id of the data directory.
    """

    number: int
    previous_end: int
    installation: bytes


def path_of(directory: Path, number: int) -> Path:
    """Returns the path of a segment."""
    return directory / f"{number:012}{SUFFIX}"


def numbers(directory: Path) -> list[int]:
    """Returns the numbers of the segments in a directory, in order."""
    return sorted(int(path.stem) for path in directory.glob(f"*{SUFFIX}") if path.stem.isdecimal())


def size_on_disk(body_bytes: int) -> int:
    """Returns the bytes that a frame takes."""
    return -(-(FRAME_BYTES + body_bytes) // SECTOR) * SECTOR


class Segment:
    """A segment that is written.

    Args:
        file: Descriptor of the file, which the segment closes.
        header: Its header, which is written already.
        size_bytes: Size of the file.
    """

    def __init__(self, file: int, header: Header, size_bytes: int) -> None:
        self._file = file
        self.header = header
        self.size_bytes = size_bytes
        self.end = SECTOR
        """End of the frames that are written and synced."""

    @classmethod
    def create(cls, directory: Path, header: Header, size_bytes: int) -> Segment:
        """Creates a segment; its file is durable.

        Raises:
            OSError: There is no space, or the disk has errors; there is no file then.
        """
        path = path_of(directory, header.number)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _allocate(file, size_bytes)
            head = _HEADER.pack(_MAGIC, VERSION, header.number, header.previous_end, header.installation)
            os.pwrite(file, head + _CRC.pack(zlib.crc32(head)), 0)
            os.fsync(file)
            sync_directory(directory)
        except BaseException:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        return cls(file, header, size_bytes)

    def has_room(self, body_bytes: int) -> bool:
        """Returns whether a frame with such a body fits."""
        return self.end + size_on_disk(body_bytes) <= self.size_bytes

    def write(self, body: bytes) -> None:
        """Writes a frame, which is durable when it returns.

        Raises:
            OSError: It is not; nothing more may be written to this segment, since its state on the disk is unknown.
        """
        head = _FRAME.pack(_FRAME_MAGIC, len(body), self.header.number, self.end)
        frame = b"".join((head, _CRC.pack(zlib.crc32(body, zlib.crc32(head))), body))
        written = os.pwrite(self._file, frame, self.end)
        if written != len(frame):
            raise OSError(f"only {written} of {len(frame)} bytes were written")
        _sync(self._file)
        self.end += size_on_disk(len(body))

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


def read_header(path: Path) -> Header | None:
    """Returns the header of a segment; None: it was never written whole, so there are no frames.

    Raises:
        LogError: The segment is of a newer version.
    """
    with path.open("rb") as file:
        data = file.read(_HEADER.size + _CRC.size)
    if len(data) < _HEADER.size + _CRC.size or data[: len(_MAGIC)] != _MAGIC:
        return None
    magic_version = _HEADER.unpack_from(data)
    if magic_version[1] > VERSION:
        raise LogError(f"{path} was written by a newer version of Afterimage; start that version, or a later one")
    if _CRC.unpack_from(data, _HEADER.size)[0] != zlib.crc32(data[: _HEADER.size]):
        return None
    return Header(*magic_version[2:])


def end_of(path: Path, number: int, known_end: int | None) -> int:
    """Returns the end of a segment's frames.

    Args:
        path: The segment.
        number: Its number.
        known_end: The end according to the next segment; None: it is the last one, and may end in an incomplete frame.

    Raises:
        LogError: A frame is damaged that was complete once.
    """
    data = path.read_bytes()
    end = SECTOR
    while (known_end is None or end < known_end) and (body := _body_at(data, number, end)) is not None:
        end += size_on_disk(len(body))
    if end == known_end:
        return end
    if known_end is not None or any(_body_at(data, number, later) is not None for later in _frames_after(data, end)):
        raise LogError(
            f"{path} is damaged at byte {end}, and has complete frames after it: acknowledged chunks may be lost. "
            "Restore the file, or move the folder away to go on without the chunks in it"
        )
    return end


def frames(path: Path, number: int, begin: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yields the bodies of the frames between two offsets, each with the offset after it.

    Raises:
        LogError: One is damaged.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        while begin < end:
            file.seek(begin)
            head = file.read(FRAME_BYTES)
            length = _FRAME.unpack_from(head)[1] if len(head) == FRAME_BYTES else 0
            body = _body_at(head + file.read(min(length, end - begin)), number, begin, at=0)
            if body is None:
                raise LogError(f"{path} is damaged at byte {begin}")
            begin += size_on_disk(len(body))
            yield body, begin


def sync_directory(directory: Path) -> None:
    """Makes the entries of a directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _body_at(data: bytes, number: int, offset: int, *, at: int | None = None) -> bytes | None:
    """Returns the body of the whole frame of that offset, which is at `at` in `data`; None: no whole frame is there."""
    begin = offset if at is None else at
    if len(data) < begin + FRAME_BYTES:
        return None
    magic, length, of_segment, of_offset = _FRAME.unpack_from(data, begin)
    if (magic, of_segment, of_offset) != (_FRAME_MAGIC, number, offset):
        return None
    body = data[begin + FRAME_BYTES : begin + FRAME_BYTES + length]
    crc = zlib.crc32(body, zlib.crc32(data[begin : begin + _FRAME.size]))
    return body if len(body) == length and _CRC.unpack_from(data, begin + _FRAME.size)[0] == crc else None


def _frames_after(data: bytes, offset: int) -> Iterator[int]:
    """Yields the offsets after this one at which frames seem to begin."""
    while (offset := data.find(_FRAME_MAGIC, offset + 1)) >= 0:
        if offset % SECTOR == 0:
            yield offset


def _allocate(file: int, size_bytes: int) -> None:
    """Fills a file with zeros.

    With `posix_fallocate`, a frame's sync would have to write the file system's journal, too. That takes half as long
    again, and on ext4 a sync that meets a failure of the journal may report success (operating/test_log_syncs.py).
    """
    zeros = memoryview(bytes(min(size_bytes, _ZEROS)))
    written = 0
    while written < size_bytes:
        written += os.pwrite(file, zeros[: size_bytes - written], written)


def _sync(file: int) -> None:
    """Makes the contents of a file durable."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(file)
    else:
        os.fsync(file)
