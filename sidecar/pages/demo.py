"""The demo shop, for trying out a recording: static pages and their two API endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from sidecar.pages.headers import demo_headers
from sidecar.pages.site import file_response

if TYPE_CHECKING:
    from pathlib import Path


class Demo:
    """Serves the shop under /demo/.

    Args:
        web_dir: Folder with demo/.
    """

    def __init__(self, web_dir: Path) -> None:
        self._pages = web_dir / "demo"
        self._headers = {**demo_headers(), hdrs.CACHE_CONTROL: "no-cache"}

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds the shop's paths."""
        router.add_get("/demo", self._enter)
        router.add_get("/demo/{name:([a-z]+[.](html|css|js))?}", self._page)
        router.add_get("/demo/api/orders", self._older_orders)
        router.add_post("/demo/api/orders", self._order)

    async def _enter(self, _request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/demo/")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return file_response(self._pages / (request.match_info["name"] or "index.html"), self._headers)

    async def _older_orders(self, _request: web.Request) -> web.StreamResponse:
        """Always fails, so that a recording of the demo contains an error."""
        return web.json_response({"error": "orders are resting"}, status=500)

    async def _order(self, _request: web.Request) -> web.StreamResponse:
        """Accepts every order without reading or storing it."""
        return web.json_response({"number": "LL-2093"})
