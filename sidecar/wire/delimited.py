"""The "delimited" format of protobuf libraries: messages that are each prefixed with their length as a varint."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LONGEST_VARINT = 5  # 35 bits: longer than any message


def split(data: bytes) -> Iterator[bytes]:
    """Yields the messages in `data`.

    Raises:
        ValueError: A length is malformed, or longer than the remaining data.
    """
    at = 0
    while at < len(data):
        size, at = _varint(data, at)
        if at + size > len(data):
            raise ValueError("the last message is cut short")
        yield data[at : at + size]
        at += size


def join(messages: Iterable[bytes]) -> bytes:
    """Returns `messages`, each prefixed with its length."""
    joined = bytearray()
    for message in messages:
        size = len(message)
        while size > 0x7F:
            joined.append(size & 0x7F | 0x80)
            size >>= 7
        joined.append(size)
        joined += message
    return bytes(joined)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for number, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * number)
        if byte < 0x80:
            return value, at + number + 1
    raise ValueError("a length is malformed")
