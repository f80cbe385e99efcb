"""CORS: only pages of allowed origins may send cross-origin requests and read the responses.

Browsers enforce these headers. The decision whether a request is served is made in sidecar.gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from sidecar.gate.origins import Origins


_METHODS = "GET, POST"
_HEADERS = "Authorization, Content-Type, Connect-Protocol-Version, Connect-Timeout-Ms"
_EXPOSED = "Retry-After, x-request-id"
_MAX_AGE_S = 7200  # Chromium's maximum


class Cors:
    """Answers preflight requests for every path, and adds the CORS headers to all other responses."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    def set_up(self, app: web.Application) -> None:
        """Adds the middleware and the response headers to `app`."""

        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            return self._preflight(request) if request.method == hdrs.METH_OPTIONS else await handler(request)

        app.middlewares.append(answer)
        app.on_response_prepare.append(self._add_headers)

    def _preflight(self, request: web.BaseRequest) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or not self._origins.is_any(request, origin):
            return web.Response(status=403)
        headers = {
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _HEADERS,
            hdrs.ACCESS_CONTROL_MAX_AGE: str(_MAX_AGE_S),
        }
        return web.Response(status=204, headers=headers)

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        origin = request.headers.get(hdrs.ORIGIN)
        varies = response.headers.get(hdrs.VARY)
        response.headers[hdrs.VARY] = f"{varies}, {hdrs.ORIGIN}" if varies else hdrs.ORIGIN
        response.headers["X-Content-Type-Options"] = "nosniff"
        if origin is not None and self._origins.is_any(request, origin):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED
