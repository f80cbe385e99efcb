"""Authenticates and rate-limits every socket and every request, in one fixed order.

The order is: known Host and no token in the URL (screen.py, for pages as well), rate limit per address, valid token
with the required scope, allowed Origin, rate limit per subject, number of open connections. Refused requests never
reach a service.
"""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from services.runtime.errors import AfterimageError, PermissionDenied, Unauthenticated
from services.runtime.identity.peer import ADDRESS_HEADER, MAX_USER_AGENT, USER_AGENT_HEADER
from services.runtime.identity.tokens import Scope
from sidecar.gate.client_address import client_address, limit_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from services.runtime.identity.tokens import Identity
    from services.runtime.rpc.authorization import Authorizer
    from services.runtime.settings import SidecarSettings
    from sidecar.gate.limits import Attempts, Connections
    from sidecar.gate.origins import Origins
    from sidecar.metrics import SidecarMetrics
    from sidecar.wire.methods import Rpc


@dataclass(frozen=True, slots=True)
class Caller:
    """An admitted caller.

    Attributes:
        identity: Identity of the token; None if the method needs no token.
        token: The token, forwarded to the services, which verify it again; "" if there is no token.
        address: The client's address.
        request_id: Identifies this call in the logs of all processes.
        user_agent: The User-Agent header, as printable ASCII.
    """

    identity: Identity | None
    token: str
    address: str
    request_id: str
    user_agent: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of the gRPC call to the service."""
        passed = (
            (ADDRESS_HEADER, self.address),
            (USER_AGENT_HEADER, self.user_agent),
            ("x-request-id", self.request_id),
        )
        return (("authorization", f"Bearer {self.token}"), *passed) if self.token else passed


CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
"""The admitted caller of a request, for the access log."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Kind of attempt, with its maximum per minute for an address and for a subject (0: no limit)."""

    kind: str
    per_address: int
    per_subject: int = 0


class Gate:
    """Admits callers or raises the reason for the refusal; every refusal is counted."""

    def __init__(
        self,
        settings: SidecarSettings,
        admission: Authorizer,
        origins: Origins,
        attempts: Attempts,
        connections: Connections,
        metrics: SidecarMetrics,
    ) -> None:
        self._settings = settings
        self._admission = admission
        self._origins = origins
        self._attempts = attempts
        self._connections = connections
        self._metrics = metrics

    async def knock(self, request: web.Request, quota: Quota) -> str:
        """Performs the checks that need no token; returns the caller's address.

        Raises:
            ResourceExhausted: RATE_LIMITED.
        """
        address = client_address(request, self._settings.trusted_proxies)
        await self._attempts.count(quota.kind, limit_key(address), quota.per_address)
        return address

    async def admit(
        self,
        request: web.Request,
        rpc: Rpc,
        quota: Quota,
        other_token: Callable[[], Awaitable[str]] | None = None,
        *,
        is_recording: bool = False,
    ) -> Caller:
        """Performs all checks of a request; returns the caller, which is also in the request (`CALLER`).

        Args:
            request: The request.
            rpc: The method to call.
            quota: Kind of attempt and its limits.
            other_token: Reads the token of a request without an Authorization header; "": no token.
            is_recording: Whether the origins of the token's project are allowed, instead of the console's.

        Raises:
            Unauthenticated: The token is missing or invalid.
            PermissionDenied: The token's scopes or the page's origin do not allow the call.
            ResourceExhausted: RATE_LIMITED.
            Unavailable: The identity provider's keys cannot be fetched.
        """
        address = await self.knock(request, quota)
        token = bearer(request)
        if not token and other_token is not None:
            token = await other_token()
        caller = request[CALLER] = await self._admitted(request, rpc, quota, token, address, is_recording=is_recording)
        return caller

    @asynccontextmanager
    async def connected(
        self,
        request: web.Request,
        rpc: Rpc,
        quota: Quota,
        other_token: Callable[[], Awaitable[str]],
        *,
        is_recording: bool,
    ) -> AsyncIterator[Caller]:
        """Admits a request as `admit` does, and counts it as an open connection while the block runs.

        Raises:
            ResourceExhausted: TOO_MANY_CONNECTIONS, besides the errors of `admit`.
        """
        caller = await self.admit(request, rpc, quota, other_token, is_recording=is_recording)
        identity = caller.identity
        with self._connections.entered(
            project=identity.project if identity else "",
            subject=identity.subject if identity else "",
            address=limit_key(caller.address),
        ):
            yield caller

    async def _admitted(
        self, request: web.Request, rpc: Rpc, quota: Quota, token: str, address: str, *, is_recording: bool
    ) -> Caller:
        identity = await self._admission.admit(rpc.method, f"Bearer {token}" if token else "")
        if identity is None:
            self._origins.check_console(request)
            return Caller(None, "", address, new_request_id(), _user_agent(request))
        if Scope.INTERNAL in identity.scopes:
            raise PermissionDenied("the scope internal is not accepted from outside", reason="SCOPE_INTERNAL")
        # Recorders also fetch the privacy policy that they apply, from pages of the recorded site.
        records = Scope.RECORD in identity.scopes and rpc.scopes is not None and Scope.RECORD in rpc.scopes
        origin = request.headers.get("Origin")
        if is_recording or (records and origin is not None and not self._origins.is_console(request, origin)):
            self._origins.check_recording(request, identity.project)
        else:
            self._origins.check_console(request)
        who = f"{identity.project} {identity.subject}"
        await self._attempts.count(f"{quota.kind}-subject", who, quota.per_subject)
        return Caller(identity, token, address, new_request_id(), _user_agent(request))

    def refused(self, route: str, error: AfterimageError) -> None:
        """Counts a refusal."""
        self._metrics.refused.labels(route, error.reason.lower()).inc()

    def remaining_s(self, caller: Caller) -> float:
        """Returns the remaining lifetime of the caller's token, in seconds."""
        return float("inf") if caller.identity is None else self._admission.remaining_s(caller.identity)


def bearer(request: web.BaseRequest) -> str:
    """Returns the token in the Authorization header, or "" without that header.

    Raises:
        Unauthenticated: The header has another scheme.
    """
    header = request.headers.get("Authorization", "")
    if not header:
        return ""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated('Authorization must be "Bearer" and a token', reason="TOKEN_INVALID")
    return token.strip()


def _user_agent(request: web.BaseRequest) -> str:
    """Returns the User-Agent in the form that gRPC metadata accepts: printable ASCII."""
    given = request.headers.get("User-Agent", "")[:MAX_USER_AGENT]
    return "".join(char if " " <= char <= "~" else "?" for char in given).strip()


def new_request_id() -> str:
    """Returns a new id for one call."""
    return secrets.token_hex(8)
