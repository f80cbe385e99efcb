"""One line a request or socket: the route's pattern, never the path, the query, a token or a payload."""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from sidecar.door import Caller

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from sidecar.metrics import SidecarMetrics

_log = structlog.get_logger("afterimage.sidecar.access")

UNMATCHED = "unmatched"
CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
CLOSE_CODE: web.RequestKey[int] = web.RequestKey("close_code", int)
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


def route_of(request: web.BaseRequest) -> str:
    """Returns the pattern that the request matched: paths have share tokens in them, patterns have not."""
    match = getattr(request, "match_info", None)
    resource = match.route.resource if match is not None else None
    return resource.canonical if resource is not None else UNMATCHED


class AccessLogger(AbstractAccessLogger):
    """Writes the line when the answer is sent, or the socket is closed."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Writes the line."""
        route = route_of(request)
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
    """Returns a middleware that counts and times what is no socket."""

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = clock.monotonic()
        route = route_of(request)
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
