"""Calls of other services to AuditService: their tokens, and the errors of an AuditService that is away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import grpc

from services.runtime.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.runtime.identity.tokens import Scope, TokenMinter

_TOKEN_SPARE_S = 60.0
_AWAY = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
    }
)
"""Status codes of a temporarily unavailable AuditService; any other code is a defect."""


class AuditTokens:
    """Tokens of a service for its calls to AuditService, minted for one project and scope each, and used again.

    Args:
        minter: Signs the tokens.
        subject: Subject of the tokens: the service.
        ttl_s: Validity of a token in seconds; a stream ends with it.
        now: The clock, in seconds since 1970.
    """

    def __init__(
        self, minter: TokenMinter, subject: str, ttl_s: float = 300.0, now: Callable[[], float] = time.time
    ) -> None:
        self._minter = minter
        self._subject = subject
        self._ttl_s = ttl_s
        self._now = now
        self._held: dict[tuple[str, Scope], tuple[str, float]] = {}

    def metadata(self, project: str, scope: Scope, *, fresh: bool = False) -> tuple[tuple[str, str], ...]:
        """Returns the metadata of a call.

        Args:
            project: Project of the token.
            scope: Scope of the token.
            fresh: Whether the token is new, for a stream that may last as long as it.
        """
        token, ends = self._held.get((project, scope), ("", 0.0))
        if fresh or ends < self._now() + _TOKEN_SPARE_S:
            token = self._minter.mint(self._subject, project, [scope], self._ttl_s)
            self._held[project, scope] = (token, self._now() + self._ttl_s)
        return (("authorization", f"Bearer {token}"),)


def error_of_audit(error: grpc.aio.AioRpcError) -> Exception:
    """Returns Unavailable (AUDIT_UNAVAILABLE) for an AuditService that is away, else a RuntimeError: a defect."""
    if error.code() in _AWAY:
        return Unavailable("AuditService does not answer", reason="AUDIT_UNAVAILABLE")
    return RuntimeError(f"AuditService answered {error.code().name}: {error.details()}")
