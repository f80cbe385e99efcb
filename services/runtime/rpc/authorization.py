"""Authorization of RPC methods by scope."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.runtime.errors import PermissionDenied, Unauthenticated

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping

    from services.runtime.identity.tokens import Identity, Scope, TokenVerifier

# Read by load balancers and by operators; neither reveals anything about recordings.
OPEN_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/")
_BEARER = "bearer "


class Authorizer:
    """Authorizes calls by their token.

    Args:
        verifier: Verifies tokens and returns their identity.
        scopes: By full method name ("/package.Service/Method"), the scopes of which a caller needs one;
            None: the method needs no token. A method that is not listed is refused.
        grant_methods: The methods open to a token for one session, regardless of its scopes.
    """

    def __init__(
        self, verifier: TokenVerifier, scopes: Mapping[str, frozenset[Scope] | None], grant_methods: frozenset[str]
    ) -> None:
        self._verifier = verifier
        self._scopes = dict(scopes)
        self._grant_methods = grant_methods

    def knows(self, method: str) -> bool:
        """Returns whether the method is listed, or an open one."""
        return method in self._scopes or method.startswith(OPEN_SERVICES)

    async def admit(self, method: str, authorization: str) -> Identity | None:
        """Returns the caller, or None when the method needs none.

        Args:
            method: Full name of the method.
            authorization: Value of the `authorization` header, "" if absent.

        Raises:
            Unauthenticated: The token is missing or invalid.
            PermissionDenied: The token does not allow this method.
        """
        identity = await self.authenticate(method, authorization)
        if identity is not None:
            self.check(method, identity)
        return identity

    async def authenticate(self, method: str, authorization: str) -> Identity | None:
        """Returns the caller, with or without permission (`check`); None: the method needs no caller.

        Args:
            method: Full name of the method.
            authorization: Value of the `authorization` header, "" if absent.

        Raises:
            Unauthenticated: The token is missing or invalid.
            PermissionDenied: The method is closed to all callers.
        """
        if method.startswith(OPEN_SERVICES):
            return None
        if method not in self._scopes:
            raise PermissionDenied("this method is closed to all callers", reason="METHOD_CLOSED")
        if self._scopes[method] is None:
            return None
        if authorization and not authorization.lower().startswith(_BEARER):
            raise Unauthenticated('authorization must be "Bearer" and a token', reason="TOKEN_INVALID")
        return await self._verifier.verify(authorization[len(_BEARER) :].strip())

    def check(self, method: str, identity: Identity) -> None:
        """Checks that an authenticated caller may call the method.

        Raises:
            PermissionDenied: The token does not allow this method.
        """
        needed = self._scopes[method] or frozenset()
        if identity.session_id is not None and method not in self._grant_methods:
            raise PermissionDenied("a token for one session does not open this method", reason="GRANT_TOO_NARROW")
        if not identity.scopes & needed:
            names = " or ".join(sorted(needed))
            raise PermissionDenied(f"this needs the scope {names}", reason="SCOPE_MISSING", metadata={"scope": names})

    def remaining_s(self, identity: Identity) -> float:
        """Returns the maximum remaining duration of a stream of this caller, in seconds."""
        return self._verifier.remaining_s(identity)

    @contextmanager
    def standing(self, identity: Identity, scope: asyncio.Timeout) -> Iterator[None]:
        """Ends `scope` at once if the caller's token is revoked while the block runs.

        Raises:
            Unauthenticated: TOKEN_REVOKED: it was revoked before the block.
        """
        with self._verifier.standing(identity, scope):
            yield

    def ended(self, identity: Identity) -> Unauthenticated:
        """Returns the error of a stream that ended with its caller's token."""
        return self._verifier.ended(identity)
