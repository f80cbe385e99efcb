"""Page tokens: start of the next page, bound to the request that they were issued for.

A token carries no authority: a forged token reveals only data that the caller's access token allows. It
is bound to the other fields of the request, so that a client that changes its filter half-way gets an error
instead of a list with gaps.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

import msgspec

from services.runtime.errors import InvalidArgument

P = TypeVar("P")

_FINGERPRINT_BYTES = 8


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


def page_size(asked: int, default: int, most: int) -> int:
    """Returns the page size: 0 means the default, values above the maximum mean the maximum.

    Raises:
        InvalidArgument: The value is negative.
    """
    if asked < 0:
        raise InvalidArgument.of("page_size", f"must not be negative, is {asked}")
    return min(asked or default, most)
