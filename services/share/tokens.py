"""The secrets of links. Redis never sees them: it gets the SHA-256, and an id derived from that.

A link's token is 32 random bytes in base64url. Guessing one is hopeless (2^256), so a plain hash is enough; a slow one
would only slow down the server. The id is a hash of the hash: the token's hash leads to the link by one key, but
the id (shown in lists, in grants, in the trail) leads back to neither the token nor its hash.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from services.runtime.errors import InvalidArgument

SECRET_BYTES = 32
_ID_BYTES = 16
# The last character carries 4 bits of the 32 bytes; if its other bits could vary, a token would have four spellings.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_HANDLE = re.compile(r"[A-Za-z0-9_-]{64}")

NewSecret = Callable[[int], bytes]
"""Returns that number of random bytes, like `secrets.token_bytes`."""


@dataclass(frozen=True, slots=True)
class Key:
    """The stored form of a token or handle.

    Attributes:
        link_id: The link.
        digest: SHA-256 of the secret, in hex.
    """

    link_id: str
    digest: str


def new_token(new_secret: NewSecret) -> str:
    """Returns a token: 43 characters of base64url."""
    return _text(new_secret(SECRET_BYTES))


def new_handle(link_id: str, new_secret: NewSecret) -> tuple[str, str]:
    """Returns a renewal handle (the link's id and 32 random bytes, 64 characters of base64url) and its digest."""
    secret = new_secret(SECRET_BYTES)
    return _text(bytes.fromhex(link_id.replace("-", "")) + secret), hashlib.sha256(secret).hexdigest()


def token_key(token: str) -> Key:
    """Returns the stored form of a token.

    Raises:
        InvalidArgument: It is not 43 characters of base64url.
    """
    if not _TOKEN.fullmatch(token):
        raise InvalidArgument.of("token", "must be the 43 base64url characters of a link's token")
    digest = hashlib.sha256(_bytes(token)).digest()
    link_id = UUID(bytes=hashlib.sha256(b"link" + digest).digest()[:_ID_BYTES], version=4)
    return Key(str(link_id), digest.hex())


def handle_key(handle: str) -> Key:
    """Returns the stored form of a renewal handle.

    Raises:
        InvalidArgument: It is not 64 characters of base64url.
    """
    if not _HANDLE.fullmatch(handle):
        raise InvalidArgument.of("renewal_handle", "must be the 64 base64url characters of an earlier answer")
    data = _bytes(handle)
    return Key(str(UUID(bytes=data[:_ID_BYTES])), hashlib.sha256(data[_ID_BYTES:]).hexdigest())


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
