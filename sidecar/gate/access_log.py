"""Access log with one line per request or socket: the route's pattern, never the path, query, token or payload."""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from sidecar.gate.gate import CALLER

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from sidecar.metrics import SidecarMetrics

_log = structlog.get_logger("afterimage.sidecar.access")

UNMATCHED = "unmatched"
ROUTE: web.RequestKey[str] = web.RequestKey("route", str)
CLOSE_CODE: web.RequestKey[int] = web.RequestKey("close_code", int)
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class AccessLogger(AbstractAccessLogger):
    """Logs each request when its response is sent, and each socket when it is closed."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Writes one line."""
        route = request.get(ROUTE, UNMATCHED)  # malformed requests never reach the middleware
        caller = request.get(CALLER)
        write = _log.debug if route in _QUIET else _log.info
        write(
            "socket" if response.status == 101 else "request",
            method=request.method if request.method in {"GET", "POST", "OPTIONS", "HEAD"} else "other",
            route=route,
            status=response.status,
            close_code=request.get(CLOSE_CODE),
            ms=round(time * 1000, 1),
            subject=caller.identity.subject if caller and caller.identity else None,
            project=caller.identity.project if caller and caller.identity else None,
            request_id=caller.request_id if caller else None,
            address=caller.address if caller else request.remote,
        )


def measured(metrics: SidecarMetrics) -> Middleware:
    """Returns a middleware that counts and times all requests except sockets."""

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = clock.monotonic()
        # Paths can contain share tokens, patterns cannot.
        resource = request.match_info.route.resource
        route = request[ROUTE] = UNMATCHED if resource is None else resource.canonical
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            if status != 101:
                metrics.requests.labels(route, str(status)).inc()
                metrics.request_seconds.labels(route).observe(clock.monotonic() - started)
        return response

    return measure
