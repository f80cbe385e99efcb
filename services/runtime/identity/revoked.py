"""Revoked tokens: by id (`jti`) or by subject, kept in Redis until they would have expired, known to every process.

Each process holds the whole list: checks cost no round trip, and the list stays in force while Redis is away. Until it
has been read once after the start, tokens are accepted, or refused where `auth.require_revocations` is set. Revoking is
for operators (`afterimage revoke`) and fails when Redis is away.

Redis holds two sorted sets under `afterimage:{environment}:auth:`, of hashes only: `revoked-tokens` by their expiry,
and `revoked-subjects` by the time of the revocation, which ends the tokens issued until then. Both have a TTL.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from services.runtime.errors import Unauthenticated, Unavailable
from services.runtime.redis_client import key, messages, redis_errors, required
from services.runtime.settings.loader import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import redis.asyncio

    from services.runtime.settings import Settings

_log = structlog.get_logger("afterimage.revoked")

MAX_REVOKED = 100_000
"""Maximum number of tokens, and of subjects, on the list: every process holds them (some 10 MB)."""


class RevocableToken(Protocol):
    """A verified token, as far as it can be revoked: `Identity` has more."""

    @property
    def token_id(self) -> str:
        """Its `jti`, or the hash of its content."""
        ...

    @property
    def subject(self) -> str:
        """Its subject."""
        ...

    @property
    def issued_at(self) -> float | None:
        """Its `iat` in seconds since 1970; None: not stated."""
        ...


class RevokedTokens:
    """The list of revoked tokens as this process knows it.

    Args:
        client: None: Redis is not configured, so nothing can be revoked.
        settings: For the names of the keys, and `auth.require_revocations`.

    Attributes:
        is_known: Whether the list has been read since the start.

    Raises:
        SettingsError: The list is required, and Redis is not configured.
    """

    def __init__(self, client: redis.asyncio.Redis | None, settings: Settings) -> None:
        self._is_required = settings.auth.require_revocations
        if self._is_required and client is None:
            raise SettingsError("auth.require_revocations: needs redis.url, the list of revoked tokens is there")
        self._client = client
        self._names = _Names(settings)
        self._tokens: frozenset[str] = frozenset()
        self._subjects: Mapping[str, float] = {}
        self._open: set[tuple[RevocableToken, asyncio.Timeout]] = set()
        self.is_known = False

    def check(self, token: RevocableToken) -> None:
        """Checks a valid token.

        Raises:
            Unauthenticated: TOKEN_REVOKED.
            Unavailable: REVOCATIONS_UNAVAILABLE: the list is required and has not been read yet.
        """
        if self._is_required and not self.is_known:
            raise Unavailable("the list of revoked tokens cannot be read", reason="REVOCATIONS_UNAVAILABLE")
        if self.is_revoked(token):
            raise revoked_error()

    def is_revoked(self, token: RevocableToken) -> bool:
        """Returns whether a token is on the list, or its subject with a time after its `iat`."""
        if self._tokens and _hash(token.token_id) in self._tokens:
            return True
        if not self._subjects:
            return False
        revoked_at = self._subjects.get(_hash(token.subject))
        return revoked_at is not None and (token.issued_at is None or token.issued_at <= revoked_at)

    @contextmanager
    def standing(self, token: RevocableToken, scope: asyncio.Timeout) -> Iterator[None]:
        """Ends `scope` at once if the token is revoked while the block runs.

        Raises:
            Unauthenticated: TOKEN_REVOKED: it was revoked before the block.
        """
        entry = (token, scope)
        self._open.add(entry)  # before the check: one of the two sees a revocation in between
        try:
            self.check(token)
            yield
        finally:
            self._open.discard(entry)

    async def run(self) -> None:
        """Keeps the list current until it is cancelled; returns at once without Redis."""
        if self._client is None:
            return
        async for _ in messages(self._client, self._names.channel):
            # Any message, and each new connection: the list is read as a whole.
            try:
                await self.read()
            except Unavailable:
                _log.warning("the list of revoked tokens cannot be read", is_known=self.is_known)

    async def read(self) -> None:
        """Reads the list, and ends the streams of revoked tokens.

        Raises:
            Unavailable: Redis is not configured or does not answer.
        """
        client = required(self._client)
        with redis_errors():
            tokens: list[Any] = await client.zrange(self._names.tokens, 0, MAX_REVOKED - 1, desc=True)
            subjects: list[Any] = await client.zrange(
                self._names.subjects, 0, MAX_REVOKED - 1, desc=True, withscores=True
            )
        self._tokens = frozenset(token.decode() for token in tokens)
        self._subjects = {subject.decode(): float(at) for subject, at in subjects}
        self.is_known = True
        now = asyncio.get_running_loop().time()
        for token, scope in list(self._open):
            if self.is_revoked(token):
                scope.reschedule(now)


async def revoke_token(
    client: redis.asyncio.Redis | None, settings: Settings, token_id: str, expires_at: float | None, now: float
) -> None:
    """Revokes one token in all processes, and ends its streams.

    Args:
        client: The installation's Redis.
        settings: For the names of the keys and the maximum life of a token.
        token_id: the token's `jti` if it has one.
        expires_at: Its expiry in seconds since 1970; None: unknown, it is kept for the maximum life.
        now: The time in seconds since 1970.

    Raises:
        Unavailable: Redis is not configured or does not answer.
    """
    names = _Names(settings)
    until = now + (settings.auth.max_token_life_s or math.inf) if expires_at is None else expires_at
    await _add(
        required(client), names, names.tokens, _hash(token_id), until + settings.auth.leeway_s, kept_s=0.0, now=now
    )


async def revoke_subject(client: redis.asyncio.Redis | None, settings: Settings, subject: str, now: float) -> None:
    """Revokes all tokens of a subject that were issued until now, and those that do not state when.

    Raises:
        Unavailable: Redis is not configured or does not answer.
    """
    names = _Names(settings)
    kept_s = (settings.auth.max_token_life_s or math.inf) + settings.auth.leeway_s
    await _add(required(client), names, names.subjects, _hash(subject), now, kept_s=kept_s, now=now)


def revoked_error() -> Unauthenticated:
    """Returns the error for a revoked token."""
    return Unauthenticated("the token has been revoked", reason="TOKEN_REVOKED")


class _Names:
    def __init__(self, settings: Settings) -> None:
        self.tokens = key(settings, "auth", "revoked-tokens")
        self.subjects = key(settings, "auth", "revoked-subjects")
        self.channel = key(settings, "auth", "revoked")


async def _add(
    client: redis.asyncio.Redis, names: _Names, name: str, member: str, score: float, *, kept_s: float, now: float
) -> None:
    """Adds a member that is needed until `kept_s` after its score, and drops those that are no longer needed."""
    with redis_errors():
        await client.zremrangebyscore(name, "-inf", now - kept_s)
        if await client.zcard(name) >= MAX_REVOKED:
            raise Unavailable(
                f"{MAX_REVOKED} tokens are revoked already: replace the signing secret", reason="REVOCATIONS_FULL"
            )
        await client.zadd(name, {member: score}, gt=True)
        newest: list[Any] = await client.zrange(name, 0, 0, desc=True, withscores=True)
        if math.isinf(ends := float(newest[0][1]) + kept_s):
            await client.persist(name)
        else:
            await client.expireat(name, math.ceil(ends) + 1)
        await client.publish(names.channel, "changed")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
