"""Pages of lists: page sizes, and tokens with the start of the next page, bound to the request they were issued for.

A token carries no authority: a forged token reveals only data that the caller's access token allows. It
is bound to the other fields of the request, so that a client that changes its filter half-way gets an error
instead of a list with gaps.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec
from google.protobuf.message import Message

from services.runtime.errors import InvalidArgument

P = TypeVar("P")
Sized = TypeVar("Sized", bound=Message)
Row = TypeVar("Row")

_FINGERPRINT_BYTES = 8

MAX_PAGE_BYTES = 4 * 1024**2 - 64 * 1024
"""Maximum size of a page: it ends earlier rather than being larger. gRPC clients accept messages of 4 MiB without an
option of theirs."""


_FIELD_BYTES = 6
"""Maximum size of a field's tag and length before a message in it."""


class ListRequest(Protocol):
    """The paging fields of every list request of the contract."""

    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class PageSizes:
    """Page sizes of a list: `default` for requests without one, and the maximum."""

    default: int
    most: int


class PageQuery(Generic[P]):
    """The page that a list request asks for.

    Args:
        request: The request.
        sizes: The page sizes of this list.
        position: Type of the positions in its tokens; any that msgspec can encode.
        bound_to: The fields of the request, and the project, to which its tokens are bound.

    Attributes:
        limit: Number of rows to read: one more than the page has, which shows that another page follows.
        after: Position after which the page starts; None: the first page.

    Raises:
        InvalidArgument: The page size is negative, or the token is malformed or was issued for other fields.
    """

    def __init__(self, request: ListRequest, sizes: PageSizes, position: type[P], *bound_to: bytes) -> None:
        self._size = page_size(request.page_size, sizes)
        self._bound_to = fingerprint(*bound_to)
        self.limit = self._size + 1
        self.after = read_token(request.page_token, self._bound_to, position)

    def messages(
        self, rows: list[Row], position: Callable[[Row], P], convert: Callable[[Row], Sized]
    ) -> tuple[list[Sized], str]:
        """Returns the messages of the page, as many as fit MAX_PAGE_BYTES, and the token of the next page.

        Args:
            rows: The rows after `after`, at most `limit`.
            position: Returns the position of a row.
            convert: Returns the message of a row.
        """
        page, token = self.cut(rows, position)
        found = fitting(map(convert, page), MAX_PAGE_BYTES)
        if len(found) == len(page):
            return found, token
        return found, write_token(position(page[len(found) - 1]), self._bound_to)

    def cut(self, rows: list[Row], position: Callable[[Row], P]) -> tuple[list[Row], str]:
        """Returns the rows of the page and the token of the next page, "" after the last one.

        Args:
            rows: The rows after `after`, at most `limit`.
            position: Returns the position of a row.
        """
        if len(rows) <= self._size:
            return rows, ""
        return rows[: self._size], write_token(position(rows[self._size - 1]), self._bound_to)


def fitting(messages: Iterable[Sized], max_bytes: int) -> list[Sized]:
    """Returns the first messages, as many as fit the field of a message of that size, but at least one."""
    found: list[Sized] = []
    size_bytes = 0
    for message in messages:
        size_bytes += message.ByteSize() + _FIELD_BYTES
        if found and size_bytes > max_bytes:
            break
        found.append(message)
    return found


def fingerprint(*parts: bytes) -> bytes:
    """Returns a short hash of the fields to which a token is bound."""
    return hashlib.sha256(b"\0".join(parts)).digest()[:_FINGERPRINT_BYTES]


def write_token(position: object, bound_to: bytes) -> str:
    """Returns an opaque token for a position of any type that msgspec can encode."""
    return urlsafe_b64encode(bound_to + msgspec.msgpack.encode(position)).rstrip(b"=").decode()


def read_token(token: str, bound_to: bytes, kind: type[P]) -> P | None:
    """Returns the position in a token; None: the token is empty, so this is the first page.

    Raises:
        InvalidArgument: The token is malformed, or was issued for other fields.
    """
    if not token:
        return None
    try:
        data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if data[:_FINGERPRINT_BYTES] != bound_to:
            raise InvalidArgument.of("page_token", "was issued for another filter or order; start from the first page")
        return msgspec.msgpack.decode(data[_FINGERPRINT_BYTES:], type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidArgument.of("page_token", "is not a token of this server") from None


def page_size(asked: int, sizes: PageSizes) -> int:
    """Returns the page size: 0 means the default, values above the maximum mean the maximum.

    Raises:
        InvalidArgument: The value is negative.
    """
    if asked < 0:
        raise InvalidArgument.of("page_size", f"must not be negative, is {asked}")
    return min(asked or sizes.default, sizes.most)
