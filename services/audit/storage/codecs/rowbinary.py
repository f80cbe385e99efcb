"""ClickHouse's RowBinary format, for the types that Afterimage's tables use.

RowBinary is the fastest format for chDB to read and write: rows of plain little-endian values, strings and
arrays with a LEB128 length before them (https://clickhouse.com/docs/interfaces/formats/RowBinary).
Strings are bytes on both sides; dates are `datetime.date`, UUIDs `uuid.UUID`, arrays tuples.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any, overload
from uuid import UUID

_EPOCH = date(1970, 1, 1)
_EPOCH_ORDINAL = _EPOCH.toordinal()

_FIXED = {
    "UInt8": "B",
    "UInt16": "H",
    "UInt32": "I",
    "UInt64": "Q",
    "Int64": "q",
    "Float32": "f",
    "Float64": "d",
}

Write = Callable[[bytearray, Any], None]
Read = Callable[[bytes, int], tuple[Any, int]]


def _write_length(out: bytearray, length: int) -> None:
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    length = data[at]
    at += 1
    if length < 0x80:
        return length, at
    length &= 0x7F
    shift = 7
    while True:
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return length, at
        shift += 7


def packed_length(length: int) -> bytes:
    """Returns the length that goes before a string or an array."""
    if length < 0x80:
        return bytes((length,))
    if length < 0x4000:
        return bytes((length & 0x7F | 0x80, length >> 7))
    out = bytearray()
    _write_length(out, length)
    return bytes(out)


MAX_CACHED_TEXT = 256
"""Maximum characters of a text with a cached encoding: URLs are the visitor's, and repeat in each row of a page."""


def packed_text(value: str) -> bytes:
    """Returns a String; lone surrogates become question marks."""
    return _cached_text(value) if len(value) <= MAX_CACHED_TEXT else _text(value)


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "replace")
    return packed_length(len(data)) + data


_cached_text = lru_cache(maxsize=4096)(_text)


def _write_string(out: bytearray, value: str | bytes) -> None:
    data = value.encode(errors="replace") if isinstance(value, str) else value
    _write_length(out, len(data))
    out += data


def _read_string(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = _read_length(data, at)
    return data[at : at + length], at + length


_two_words = struct.Struct("<QQ")
_half_word = struct.Struct("<H")


@lru_cache(maxsize=8192)
def uuid_words(value: UUID) -> tuple[int, int]:
    """Returns the two UInt64 of an encoded UUID; cached, since a window's ids are written with each of its rows."""
    return value.int >> 64, value.int & 0xFFFF_FFFF_FFFF_FFFF


def _write_uuid(out: bytearray, value: UUID) -> None:
    out += _two_words.pack(*uuid_words(value))


def _read_uuid(data: bytes, at: int) -> tuple[UUID, int]:
    high, low = _two_words.unpack_from(data, at)
    return UUID(int=high << 64 | low), at + 16


def date_number(value: date) -> int:
    """Returns the UInt16 of an encoded Date; dates out of range become the first or the last Date."""
    return min(max(value.toordinal() - _EPOCH_ORDINAL, 0), 0xFFFF)


def _write_date(out: bytearray, value: date) -> None:
    out += _half_word.pack(date_number(value))


def _read_date(data: bytes, at: int) -> tuple[date, int]:
    return _EPOCH + timedelta(days=_half_word.unpack_from(data, at)[0]), at + 2


@cache
def _codec(type_name: str) -> tuple[Write, Read]:
    """Returns the writer and the reader of one value of a ClickHouse type."""
    if type_name.startswith(("LowCardinality(", "SimpleAggregateFunction(")):
        return _codec(type_name[type_name.index("(") + 1 : -1].rpartition(", ")[2])
    if type_name.startswith("Array("):
        return _array_codec(type_name[6:-1])
    if type_name in {"UInt8", "UInt16", "UInt32", "UInt64", "Int64", "Float32", "Float64"}:
        fixed = struct.Struct("<" + _FIXED[type_name])

        def write(out: bytearray, value: float) -> None:
            out += fixed.pack(value)

        def read(data: bytes, at: int) -> tuple[float, int]:
            return fixed.unpack_from(data, at)[0], at + fixed.size

        return write, read
    match type_name:
        case "String":
            return _write_string, _read_string
        case "UUID":
            return _write_uuid, _read_uuid
        case "Date":
            return _write_date, _read_date
        case _:
            raise TypeError(f"RowBinary: no Afterimage table has a column of type {type_name}")


def _array_codec(element: str) -> tuple[Write, Read]:
    if element in _FIXED:
        letter = _FIXED[element]
        size = struct.calcsize("<" + letter)

        def write_fixed(out: bytearray, values: Sequence[float]) -> None:
            _write_length(out, len(values))
            out += struct.pack(f"<{len(values)}{letter}", *values)

        def read_fixed(data: bytes, at: int) -> tuple[tuple[float, ...], int]:
            count, at = _read_length(data, at)
            return struct.unpack_from(f"<{count}{letter}", data, at), at + count * size

        return write_fixed, read_fixed
    write_one, read_one = _codec(element)

    def write(out: bytearray, values: Sequence[Any]) -> None:
        _write_length(out, len(values))
        for value in values:
            write_one(out, value)

    def read(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
        count, at = _read_length(data, at)
        values = []
        for _ in range(count):
            value, at = read_one(data, at)
            values.append(value)
        return tuple(values), at

    return write, read


class PackedRows(Sequence[tuple[Any, ...]]):
    """Rows packed by a dedicated function, for tables with too many rows to encode column by column.

    An engine that accepts RowBinary reads `data`; any other reads the rows.

    Args:
        pack: Returns the rows as RowBinary.
        unpack: Returns the same rows as values.
    """

    def __init__(self, pack: Callable[[], bytes], unpack: Callable[[], list[tuple[Any, ...]]]) -> None:
        self._pack = pack
        self._unpack = unpack
        self._rows: list[tuple[Any, ...]] | None = None

    @property
    def data(self) -> bytes:
        """The rows as RowBinary."""
        return self._pack()

    def __len__(self) -> int:
        return len(self._read())

    @overload
    def __getitem__(self, index: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[Any, ...]]: ...
    def __getitem__(self, index: int | slice) -> tuple[Any, ...] | list[tuple[Any, ...]]:
        return self._read()[index]

    def _read(self) -> list[tuple[Any, ...]]:
        if self._rows is None:
            self._rows = self._unpack()
        return self._rows


def unpacked_when_asked(types: Sequence[str], data: bytes) -> PackedRows:
    """Returns rows that are already RowBinary; they are decoded when they are first read as values."""
    return PackedRows(lambda: data, lambda: _read_rows([_codec(name)[1] for name in types], data, 0))


def encode_rows(types: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Returns rows as RowBinary.

    Args:
        types: ClickHouse names of the columns' types.
        rows: Rows with one value per column.
    """
    if isinstance(rows, PackedRows):
        return rows.data
    writers = [_codec(name)[0] for name in types]
    out = bytearray()
    for row in rows:
        for write, value in zip(writers, row, strict=True):
            write(out, value)
    return bytes(out)


def decode_rows(data: bytes) -> list[tuple[Any, ...]]:
    """Returns the rows of RowBinaryWithNamesAndTypes."""
    if not data:
        return []
    count, at = _read_length(data, 0)
    for _ in range(count):
        _, at = _read_string(data, at)
    readers = []
    for _ in range(count):
        name, at = _read_string(data, at)
        readers.append(_codec(name.decode())[1])
    return _read_rows(readers, data, at)


def _read_rows(readers: Sequence[Read], data: bytes, at: int) -> list[tuple[Any, ...]]:
    rows = []
    end = len(data)
    while at < end:
        row = []
        for read in readers:
            value, at = read(data, at)
            row.append(value)
        rows.append(tuple(row))
    return rows
