"""Page tokens: where the next page begins, bound to the question that they were given for.

A token carries no authority: whoever makes one up sees what the token in the metadata lets him see. It
is bound to the other fields of the request, so that a client that changes its filter half-way is told
so instead of being shown a list with holes.
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
    """Returns a short hash of the fields that a token is bound to."""
    return hashlib.sha256(b"\0".join(parts)).digest()[:_FINGERPRINT_BYTES]


def write_token(position: object, bound_to: bytes) -> str:
    """Returns an opaque token for a position; anything msgspec can encode will do."""
    return urlsafe_b64encode(bound_to + msgspec.msgpack.encode(position)).rstrip(b"=").decode()


def read_token(token: str, bound_to: bytes, kind: type[P]) -> P | None:
    """Returns the position in a token; None: the token is empty, so this is the first page.

    Raises:
        InvalidArgument: If it is no token, or was given for other fields.
    """
    if not token:
        return None
    try:
        data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if data[:_FINGERPRINT_BYTES] != bound_to:
            raise InvalidArgument.of("page_token", "was given for another filter or order; start from the first page")
        return msgspec.msgpack.decode(data[_FINGERPRINT_BYTES:], type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidArgument.of("page_token", "is not a token of this server") from None


def page_size(asked: int, default: int, most: int) -> int:
    """Returns how many entries a page holds: 0 is the default, too many is the most.

    Raises:
        InvalidArgument: If it is negative.
    """
    if asked < 0:
        raise InvalidArgument.of("page_size", f"must not be negative, is {asked}")
    return min(asked or default, most)
