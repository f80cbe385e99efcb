"""Checks of every request before any handler: the name that it is for, and no token in its URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aiohttp import hdrs, web

from services.runtime.errors import AfterimageError, PermissionDenied, Unauthenticated
from sidecar.gate.access_log import ROUTE, UNMATCHED
from sidecar.gate.hosts import Hosts, name_of
from sidecar.wire.http_errors import error_response

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from sidecar.metrics import SidecarMetrics

_ANY_HOST = frozenset({"/healthz", "/readyz"})
"""Load balancers address these by names of their own; the answers contain nothing to protect."""
_TOKEN_NAMES = frozenset(
    {"token", "access_token", "id_token", "refresh_token", "jwt", "bearer", "authorization", "auth"}
)
_JWT = re.compile(r"eyJ[\w-]{4,}\.[\w-]+\.")
_MAX_SHOWN_CHARS = 100


def screened(hosts: Hosts, metrics: SidecarMetrics) -> Middleware:
    """Returns a middleware that answers and counts requests for other hosts, and those with a token in the URL."""

    @web.middleware
    async def screen(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = request.get(ROUTE, UNMATCHED)
        try:
            if route not in _ANY_HOST:
                _check_host(request, hosts)
            check_url(request)
        except AfterimageError as error:
            metrics.refused.labels(route, error.reason.lower()).inc()
            return error_response(error)
        return await handler(request)

    return screen


def _check_host(request: web.BaseRequest, hosts: Hosts) -> None:
    """Checks the name of the sidecar in `Host`.

    Raises:
        PermissionDenied: HOST_UNKNOWN.
    """
    given = request.headers.getall(hdrs.HOST, [])
    if len(given) > 1 or not all(map(hosts.knows, given)):
        name = name_of(given[0])[:_MAX_SHOWN_CHARS]
        raise PermissionDenied(
            f"this sidecar is not known as {name}: sidecar.public_names has its names", reason="HOST_UNKNOWN"
        )


def check_url(request: web.BaseRequest) -> None:
    """Checks that no token is in the query, by the name of its parameter, as a value, as a name, or bare.

    Raises:
        Unauthenticated: TOKEN_IN_URL.
    """
    raw = request.rel_url.raw_query_string
    if not raw:
        return
    # Decoded twice: a token in an address that is itself a parameter ends up in logs all the same.
    texts = (raw, unquote_plus(raw), unquote_plus(unquote_plus(raw)))
    names = (name.lower() for name in request.rel_url.query)
    if any(map(_JWT.search, texts)) or not _TOKEN_NAMES.isdisjoint(names):
        raise Unauthenticated(
            "a token in a URL ends up in logs: send it as subprotocol or in Authorization", reason="TOKEN_IN_URL"
        )
