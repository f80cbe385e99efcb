"""Atomic Redis operations in Lua: no other command runs between a check and its update.

Times are arguments, in milliseconds; keys expire by Redis's own clock, after `PX`. No key is written without a TTL.
"""

from __future__ import annotations

import hashlib
from functools import cache


@cache
def name_of(script: str) -> str:
    """Returns the name of a script for EVALSHA."""
    return hashlib.sha1(script.encode()).hexdigest()  # noqa: S324 - Redis identifies scripts by SHA-1
