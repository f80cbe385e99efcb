"""UUIDs that carry their time (RFC 9562, version 7)."""

from __future__ import annotations

import secrets
from uuid import UUID

_RANDOM_BITS = 74


def uuid7(time_ms: int) -> UUID:
    """Returns a new UUIDv7 for `time_ms`, in milliseconds since 1970 UTC."""
    random = secrets.randbits(_RANDOM_BITS)
    return UUID(int=time_ms << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & (1 << 62) - 1)


def uuid7_ms(made: UUID) -> int:
    """Returns the time in a UUIDv7, in milliseconds since 1970 UTC: its first 48 bits."""
    return made.int >> 80
