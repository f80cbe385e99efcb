"""Share links in a backup: the keys in Redis, with their values and the times at which they end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Container, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

from services.cli.command import CommandError
from services.runtime.link_keys import LinkKeys

if TYPE_CHECKING:
    import redis.asyncio

KEYS_AT_ONCE = 500

_LEFT_OUT = (b"rate:", b"restoring")
"""Request rates, which last a minute, and RESTORING."""

RESTORING = "restoring"
RESTORING_TTL_S = 7 * 86_400
"""Key that exists while links are written, with the id of the backup. If the restore is not tried again within this
time, its links look like those of another installation, and it is refused."""


class SavedKey(msgspec.Struct, frozen=True, array_like=True):
    """A key of share links.

    Attributes:
        name: Without the prefix of the environment.
        kind: Redis' name of the type of its value.
        expires_ms: Time at which it ends, milliseconds since 1970 UTC; -1: never.
        value: A string's bytes; otherwise a flat list of a hash's fields and values, or a sorted set's members and
            scores.
    """

    name: bytes
    kind: str
    expires_ms: int
    value: bytes | list[bytes]


class _Kind(NamedTuple):
    read: Callable[[Any, bytes], Any]
    saved: Callable[[Any], bytes | list[bytes]]
    write: Callable[[Any, bytes, Any], Any]


def _paired(value: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(value[::2], value[1::2], strict=True))


_KINDS = {
    "string": _Kind(
        lambda pipe, key: pipe.get(key),
        lambda value: value,
        lambda pipe, key, value: pipe.set(key, value),
    ),
    "hash": _Kind(
        lambda pipe, key: pipe.hgetall(key),
        lambda value: [part for field in value.items() for part in field],
        lambda pipe, key, value: pipe.hset(key, mapping=_paired(value)),
    ),
    "zset": _Kind(
        lambda pipe, key: pipe.zrange(key, 0, -1, withscores=True),
        lambda value: [part for member, score in value for part in (member, repr(score).encode())],
        lambda pipe, key, value: pipe.zadd(key, {member: float(score) for member, score in _paired(value).items()}),
    ),
}


async def read_links(client: redis.asyncio.Redis, keys: LinkKeys) -> AsyncIterator[list[SavedKey]]:
    """Yields all keys of share links, some hundred at a time. A key may come twice.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    prefix = keys.prefix.encode()
    cursor = 0
    while True:
        found: tuple[int, list[Any]] = await client.scan(cursor, match=_literal(prefix) + b"*", count=KEYS_AT_ONCE)
        cursor, names = found
        wanted: list[bytes] = [name for name in names if not name.removeprefix(prefix).startswith(_LEFT_OUT)]
        if wanted:
            yield await _saved(client, prefix, wanted)
        if not cursor:
            return


async def has_links(client: redis.asyncio.Redis, keys: LinkKeys) -> bool:
    """Returns whether there are keys of share links."""
    async for found in read_links(client, keys):
        if found:
            return True
    return False


async def write_links(
    client: redis.asyncio.Redis,
    keys: LinkKeys,
    saved: Sequence[SavedKey],
    deleted: Container[tuple[str, UUID]],
) -> int:
    """Writes keys that have not ended, in place of those with the same names; returns their number.

    Args:
        client: The Redis.
        keys: The names of the keys there.
        saved: The keys.
        deleted: Project and id of deleted sessions; their links are left out.
    """
    now_ms = time.time_ns() // 1_000_000
    count = 0
    async with client.pipeline(transaction=True) as pipe:
        for key in saved:
            if 0 <= key.expires_ms <= now_ms or _is_deleted(key, deleted):
                continue
            name = keys.prefix.encode() + key.name
            pipe.delete(name)
            _KINDS[key.kind].write(pipe, name, key.value)
            if key.expires_ms >= 0:
                pipe.pexpireat(name, key.expires_ms)
            count += 1
        await pipe.execute()
    return count


async def _saved(client: redis.asyncio.Redis, prefix: bytes, names: Sequence[bytes]) -> list[SavedKey]:
    async with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.type(name)
        kinds = [kind.decode() for kind in await pipe.execute()]
    there = [(name, kind) for name, kind in zip(names, kinds, strict=True) if kind != "none"]
    if unknown := {kind for _, kind in there} - _KINDS.keys():
        raise CommandError(f"share links: Redis has keys of an unknown type: {', '.join(sorted(unknown))}")
    async with client.pipeline(transaction=True) as pipe:  # each value with its own end
        pipe.time()
        for name, kind in there:
            _KINDS[kind].read(pipe, name)
            pipe.pttl(name)
        (seconds, micros), *answers = await pipe.execute()
    now_ms = seconds * 1_000 + micros // 1_000
    found = []
    for (name, kind), value, ttl_ms in zip(there, answers[::2], answers[1::2], strict=True):
        if value and ttl_ms != _GONE:
            expires_ms = -1 if ttl_ms == _FOREVER else now_ms + ttl_ms
            found.append(SavedKey(name.removeprefix(prefix), kind, expires_ms, _KINDS[kind].saved(value)))
    return found


_GONE, _FOREVER = -2, -1


def _is_deleted(key: SavedKey, deleted: Container[tuple[str, UUID]]) -> bool:
    if not key.name.startswith(b"link:") or not isinstance(key.value, list):
        return False
    fields = _paired(key.value)
    try:
        return (fields[b"project"].decode(), UUID(fields[b"session"].decode())) in deleted
    except (KeyError, ValueError):
        return False


def _literal(pattern: bytes) -> bytes:
    """Returns a pattern for SCAN that matches the text itself."""
    return b"".join(b"\\" + bytes((byte,)) if byte in b"*?[]\\^-" else bytes((byte,)) for byte in pattern)
