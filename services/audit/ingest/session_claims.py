"""Ownership of sessions: which streams may record into one, and the parts that later ones may change (docs/adr/0013).

A session belongs to the secret of its first stream. Project keys are public and session ids are not secret (viewers and
share links have them), so a record token and an id alone must not reach another visitor's session.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from services.audit.model import SessionKey, WindowHead
from services.runtime.errors import PermissionDenied

Heads = list[WindowHead]


def hash_secret(secret: str) -> bytes:
    """Returns the hash of a session's secret, as it is stored; empty for an empty secret.

    Unsalted and fast: a secret has at least 128 random bits, so there is nothing to guess.
    """
    return hashlib.sha256(secret.encode()).digest() if secret else b""


def is_same(one: bytes, other: bytes) -> bool:
    """Returns whether two hashes of secrets are equal, in constant time."""
    return hmac.compare_digest(one, other)


def begun_first(heads: Heads) -> WindowHead | None:
    """Returns the head that began a session, the same on every server; None: no head is stored.

    Args:
        heads: The stored heads of the session's windows.
    """
    if any(head.secret_hash for head in heads):
        # Without a time, beside a secret: of a server that is not upgraded yet, and stores neither.
        heads = [head for head in heads if head.begun_ms]
    return min(heads, key=lambda head: (head.begun_ms, head.secret_hash), default=None)


def check_continues(first: WindowHead, sent: WindowHead) -> None:
    """Checks that a stream may record into a session: imports into imported ones, and others with the same secret.

    Raises:
        PermissionDenied: It may not (SESSION_SECRET_WRONG); the text is the same in all cases.
    """
    if not is_same(first.secret_hash, sent.secret_hash) or (first.imported and not sent.imported):
        raise PermissionDenied(
            "start.session_secret: is not the one that this session began with", reason="SESSION_SECRET_WRONG"
        )


def continued(sent: WindowHead, stored: WindowHead | None, first: WindowHead) -> WindowHead:
    """Returns the head under which a stream records its window: the stored one, if any.

    The holder of the session's secret, or an import, may change the visitor and the tags. Without a secret, the id is
    the only proof, and viewers know it: the visitor and the tags are those of the session's first stream.

    Args:
        sent: As the stream sent it.
        stored: The window's stored head.
        first: The head that began the session.
    """
    names = sent if sent.secret_hash or sent.imported else stored or first
    head = replace(stored, ended=False, left_ms=0, server=sent.server) if stored else sent
    return replace(head, actor_id=names.actor_id, actor_type=names.actor_type, tags=names.tags)


@dataclass(slots=True, eq=False)
class Claim:
    """A session that is recorded on this server."""

    first: WindowHead | None = None
    """The head that began the session, once a stream was admitted."""
    streams: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class SessionClaims:
    """The claims of the sessions that are recorded on this server.

    A claim holds from the first stream on, before anything of the session is stored, until its last stream is closed;
    from then on the stored heads tell the owner.

    Args:
        read: Returns the stored heads of a session.
    """

    def __init__(self, read: Callable[[SessionKey], Awaitable[Heads]]) -> None:
        self._read = read
        self._claims: dict[SessionKey, Claim] = {}

    def enter(self, key: SessionKey) -> Claim:
        """Returns the session's claim, for a stream that begins; call `leave` when it is closed."""
        claim = self._claims.setdefault(key, Claim())
        claim.streams += 1
        return claim

    def leave(self, key: SessionKey) -> None:
        """A stream of the session is closed."""
        claim = self._claims[key]
        claim.streams -= 1
        if not claim.streams:
            del self._claims[key]

    async def admit(self, claim: Claim, sent: WindowHead) -> Heads | None:
        """Admits a stream to its session. The first one here claims the session, unless another one is stored.

        Returns:
            The session's stored heads, if they had to be read.

        Raises:
            PermissionDenied: The stream may not record into the session (SESSION_SECRET_WRONG).
            StorageError: As raised by the engine.
        """
        stored = None
        async with claim.lock:
            if claim.first is None:
                stored = await self._read(sent.key.session_key)
                first = begun_first(stored) or sent
                check_continues(first, sent)  # a refused stream claims nothing
                claim.first = first
            else:
                check_continues(claim.first, sent)
        return stored
