"""The text of a file in any compression, archive and encoding: lines in UTF-8, as far as the file is whole.

Compression (gzip, zstd, each in the other) and the archive (zip) are recognised by their first bytes, not by name.
UTF-16 and UTF-32 are recognised by their byte order mark, or by the zero bytes that RFC 4627, section 3, describes.
"""

from __future__ import annotations

import codecs
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath
from typing import IO

MAX_FILE_BYTES = 2 * 1024**3
"""Maximum inflated size of a file, in bytes. A file over it is reported and not read further."""

MAX_LAYERS = 3
"""Maximum number of compressions around each other, such as a gzip file in a zip archive."""

MAX_MEMBERS = 10_000
"""Maximum number of files that are read of a zip archive."""

_READ_BYTES = 1024**2
_INFLATED_AT_ONCE_BYTES = 16 * 1024
_SNIFFED_BYTES = 512
_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ENCRYPTED = 0x1
"""Bit of a zip member's flags (APPNOTE, section 4.4.4)."""

_NOT_TEXT = {
    b"BZh": "a bzip2 file: unpack it first, or use gzip",
    b"\xfd7zXZ": "an xz file: unpack it first, or use gzip",
    b"7z\xbc\xaf": "a 7z archive: unpack it first, or use zip",
    b"Rar!": "a rar archive: unpack it first, or use zip",
    b"\x1a\x45\xdf\xa3": "a video (WebM), not a recording of events",
    b"\x89PNG": "a picture (PNG), not a recording",
    b"\xff\xd8\xff": "a picture (JPEG), not a recording",
    b"GIF8": "a picture (GIF), not a recording",
    b"%PDF": "a PDF document, not a recording",
    b"PAR1": "a Parquet table, not a recording",
    b"SQLite format 3": "an SQLite database, not a recording",
    b"\xff" * 8: "a recording of OpenReplay in its own binary format, which is not read",
}
_MARKS = (  # UTF-32 first: its mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ZEROES = {  # Of the first four bytes of JSON, which begins with ASCII: which are zero.
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True): "utf-16-le",
    (True, False): "utf-16-be",
}


class DamageError(Exception):
    """A file, or a packed part of it, cannot be read any further; `str()` is a sentence for people.

    Attributes:
        line: Line of the damage from 1; None: unknown.
        byte: Its offset in the inflated text; None: unknown.
        rest: Text between the last whole line and the damage.
    """

    def __init__(self, message: str, *, line: int | None = None, byte: int | None = None, rest: bytes = b"") -> None:
        super().__init__(message)
        self.line = line
        self.byte = byte
        self.rest = rest


@dataclass(frozen=True, slots=True)
class Content:
    """A file, or a member of an archive; can be read repeatedly.

    Attributes:
        path: For messages; a member follows its archive: `visits.zip/a.json`.
        open: Opens the bytes as they are stored.
        size_bytes: Number of stored bytes.
    """

    path: Path
    open: Callable[[], IO[bytes]]
    size_bytes: int

    def lines(self, max_bytes: int) -> Iterator[tuple[int, bytes]]:
        """Yields the lines of the text in UTF-8, each with its number from 1 and its line end.

        Raises:
            DamageError: If the data is damaged, is not text, or has more than `max_bytes`.
            OSError: If the file cannot be read.
        """
        number, offset, size_bytes, held = 0, 0, 0, list[bytes]()
        try:
            for block in _decoded(_unpacked(_stored(self.open), MAX_LAYERS)):
                start = 0
                size_bytes += len(block)
                if size_bytes > max_bytes:
                    held.clear()
                    raise DamageError(f"over the limit of {max_bytes:,} bytes inflated", byte=max_bytes)  # noqa: TRY301
                while end := block.find(b"\n", start) + 1:
                    line = b"".join([*held, block[start:end]])
                    held.clear()
                    start, number, offset = end, number + 1, offset + len(line)
                    yield number, line
                if start < len(block):
                    held.append(block[start:])
        except DamageError as damage:
            byte = offset if damage.byte is None else damage.byte
            raise DamageError(str(damage), line=number + 1, byte=byte, rest=b"".join(held)) from None
        if held:
            yield number + 1, b"".join(held)


def contents(path: Path) -> Iterator[Content | tuple[Path, str]]:
    """Yields the contents of a file: its own, or those of a zip archive's members; or a path and why it is not read.

    Raises:
        DamageError: If it is a damaged zip archive.
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        is_zip = file.read(4).startswith(_ZIP)
    if not is_zip:
        yield Content(path, lambda: path.open("rb", buffering=_READ_BYTES), path.stat().st_size)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        why = f"is zip, but damaged ({error}): a zip archive's list of files is at its end"
        raise DamageError(why, byte=0) from None
    with archive:
        members = [one for one in archive.infolist() if not one.is_dir() and not _is_clutter(one.filename)]
        if not members:
            yield path, "is a zip archive without a file"
        for member in members[:MAX_MEMBERS]:
            place = path / member.filename.lstrip("/")
            if member.flag_bits & _ENCRYPTED:
                yield place, "is encrypted: unpack it first"
            else:
                yield Content(place, lambda member=member: archive.open(member), member.file_size)  # type: ignore[misc]
        if len(members) > MAX_MEMBERS:
            yield path, f"has {len(members):,} files, of which the first {MAX_MEMBERS:,} are read"


def _is_clutter(name: str) -> bool:
    """Whether a member is of the archiving system (macOS writes `__MACOSX/._visit.json`) and not the user's."""
    return "__MACOSX" in PurePath(name).parts or PurePath(name).name.startswith(".")


def _stored(opened: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    try:
        with opened() as file:
            while block := file.read(_READ_BYTES):
                yield block
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise DamageError(f"the zip data is damaged: {error or 'it ends too early'}") from None


def _unpacked(blocks: Iterator[bytes], layers: int) -> Iterator[bytes]:
    """The text under all compressions."""
    start, blocks = _peek(blocks, _SNIFFED_BYTES)
    for magic, what in _NOT_TEXT.items():
        if start.startswith(magic):
            raise DamageError(f"is {what}", byte=0)
    if start[257:262] == b"ustar":
        raise DamageError("is a tar archive: unpack it first, or use zip", byte=0)
    if start[4:8] == b"ftyp":
        raise DamageError("is a video (MP4), not a recording of events", byte=0)
    if start.startswith(_ZIP):
        raise DamageError("is a zip archive inside of another file: unpack it first", byte=0)
    inflate = _gunzipped if start.startswith(_GZIP) else _unzstd if start.startswith(_ZSTD) else None
    if inflate is None:
        yield from blocks
    elif not layers:
        raise DamageError(f"is compressed more than {MAX_LAYERS} times", byte=0)
    else:
        yield from _unpacked(inflate(blocks), layers - 1)


def _gunzipped(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Inflated gzip members, in blocks of bounded size; of damaged data, all but the last few KB before the damage."""
    stream, is_begun = zlib.decompressobj(zlib.MAX_WBITS | 16), False
    for block in blocks:
        for start in range(0, len(block), _INFLATED_AT_ONCE_BYTES):
            rest = block[start : start + _INFLATED_AT_ONCE_BYTES]
            while True:
                if stream.eof:
                    rest = rest.lstrip(b"\0")  # padding of tapes, as gzip itself allows
                    if not rest:
                        break
                    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
                try:
                    text = stream.decompress(rest, _READ_BYTES)
                except zlib.error as error:
                    raise DamageError(f"the gzip data is damaged: {error}") from None
                is_begun = True
                if text:
                    yield text
                rest = stream.unused_data if stream.eof else stream.unconsumed_tail
                if not rest and len(text) < _READ_BYTES:
                    break
    if is_begun and not stream.eof:
        raise DamageError("the gzip data is damaged: it ends too early")


def _unzstd(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Inflated zstd data. The library takes it whole: its frames must name their size, within MAX_FILE_BYTES."""
    packed = b"".join(blocks)
    size_bytes = _zstd_size(packed)
    if size_bytes is None:
        raise DamageError("is zstd that does not name its size, or damaged: unpack it first, or use gzip", byte=0)
    if size_bytes > MAX_FILE_BYTES:
        raise DamageError(f"over the limit of {MAX_FILE_BYTES:,} bytes inflated", byte=0)
    import zstd  # type: ignore[import-untyped]  # installed as asynch's compression

    try:
        yield zstd.decompress(packed)
    except (zstd.Error, MemoryError):
        raise DamageError("is zstd, but damaged or cut off: none of it can be read", byte=0) from None


def _zstd_size(packed: bytes) -> int | None:
    """The Frame_Content_Size of the first frame (RFC 8878, section 3.1.1.1); None: absent."""
    if len(packed) < 5:
        return None
    descriptor = packed[4]
    single, size_flag = descriptor >> 5 & 1, descriptor >> 6
    width = (single, 2, 4, 8)[size_flag]
    at = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    field = packed[at : at + width]
    if not width or len(field) < width:
        return None
    return int.from_bytes(field, "little") + (256 if width == 2 else 0)


def _decoded(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The text in UTF-8, without a byte order mark."""
    start, blocks = _peek(blocks, 4)
    if start.startswith(codecs.BOM_UTF8):
        first = next(blocks)
        yield from chain([first.removeprefix(codecs.BOM_UTF8)] if len(first) > len(codecs.BOM_UTF8) else [], blocks)
        return
    mark, encoding = next((found for found in _MARKS if start.startswith(found[0])), (b"", _encoding_of(start)))
    if not encoding:
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    skip = len(mark)
    try:
        for block in blocks:
            yield _utf8(decoder.decode(block[skip:]))
            skip = 0
        yield _utf8(decoder.decode(b"", final=True))
    except UnicodeDecodeError as error:
        why = "it ends in the middle of a character" if "truncated" in error.reason else error.reason
        raise DamageError(f"is not whole {encoding[:6].upper()}: {why}") from None


def _encoding_of(start: bytes) -> str:
    return _ZEROES.get(tuple(byte == 0 for byte in start), "") if any(start) else ""


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")  # half a surrogate pair becomes its JSON escape


def _peek(blocks: Iterator[bytes], size_bytes: int) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all blocks."""
    held: list[bytes] = []
    for block in blocks:
        held.append(block)
        if sum(map(len, held)) >= size_bytes:
            break
    whole = b"".join(held)
    rest: Iterable[bytes] = [whole] if whole else []
    return whole[:size_bytes], chain(rest, blocks)
