"""Pages that the sidecar serves: the console, the share page, the replay's document, and the recorder's script.

`make web` builds their files into web/dist; a wheel contains them. The console routes its URLs in the browser, so all
of them return the same document.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from sidecar.pages.headers import console_headers, player_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiohttp.typedefs import Handler

WEB = Path(__file__).parents[1] / "web"
"""Folder of the built files and the demo."""

CONSOLE_PATHS = (
    "/",
    "/sessions/{session}",
    "/live",
    "/live/{session}",
    "/heatmap",
    "/signin",
)
SHARE_PATH = "/s/{token}"
# Only plain names: the router would turn %2F in a name into a slash.
ASSET_PATH = "/assets/{name:[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}}"

_RECORDER_MAX_AGE_S = 300
_ASSET_MAX_AGE_S = 365 * 86_400
_REVALIDATED = {hdrs.CACHE_CONTROL: "no-cache"}
_NEVER_KEPT = {hdrs.CACHE_CONTROL: "no-store"}
# Content types, because the MIME tables of machines differ.
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}

_NOT_BUILT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Afterimage: the console is not built</title></head>
<body>
<h1>The console is not built</h1>
<p>The sidecar is running: recording, streams and calls work. Only the files of its pages are missing.</p>
<p>In a clone of the repository, install Node 20 or newer with npm and run <code>make web</code> (or
<code>make run</code>, which includes it), then reload this page. A wheel contains the files: if Afterimage was
installed from one, reinstall it.</p>
</body>
</html>
"""
_NO_RECORDER = "The recorder is not built: in a clone of the repository, install Node 20 or newer and run `make web`.\n"


class Site:
    """Serves the built files, or an explanation if they are missing.

    Args:
        web_dir: Folder with dist/, which may be built while the sidecar runs.
        replay_sources: Sources from which replayed pages may load images, fonts, media and styles.
    """

    def __init__(self, web_dir: Path, replay_sources: Iterable[str]) -> None:
        self._dist = web_dir / "dist"
        self._console = self._dist / "console"
        self._player_headers = player_headers(replay_sources)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds the paths of all pages."""
        for path in CONSOLE_PATHS:
            router.add_get(path, self._document("index.html", console_headers() | _REVALIDATED))
        # A cache would store the token, which is part of the URL.
        router.add_get(SHARE_PATH, self._document("index.html", console_headers() | _NEVER_KEPT))
        router.add_get("/player.html", self._document("player.html", self._player_headers | _REVALIDATED))
        router.add_get(ASSET_PATH, self._asset)
        router.add_get("/recorder.js", self._recorder)

    @web.middleware
    async def no_such_page(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answers a browser that goes to an address without a page with the console, which has a page about it."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            path = self._console / "index.html"
            if request.method != hdrs.METH_GET or "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
                raise
            if not path.is_file():
                raise
            return file_response(path, console_headers() | _NEVER_KEPT, status=web.HTTPNotFound.status_code)

    def _document(self, name: str, headers: Mapping[str, str]) -> Handler:
        async def answer(_request: web.Request) -> web.StreamResponse:
            path = self._console / name
            if not path.is_file():
                return web.Response(
                    status=503, text=_NOT_BUILT, content_type="text/html", headers=console_headers() | _NEVER_KEPT
                )
            return file_response(path, headers)

        return answer

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        # Names contain a hash of the content, so a file never changes.
        return file_response(
            self._console / "assets" / request.match_info["name"],
            {
                hdrs.CACHE_CONTROL: f"public, max-age={_ASSET_MAX_AGE_S}, immutable",
                "Cross-Origin-Resource-Policy": "same-origin",
                # The replay's document has an opaque origin; the files are the same for everyone and need no token.
                hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
            },
        )

    async def _recorder(self, _request: web.Request) -> web.StreamResponse:
        path = self._dist / "recorder.js"
        # Pages of other sites load it, including those with Cross-Origin-Embedder-Policy.
        headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
        if not path.is_file():
            return web.Response(status=503, text=_NO_RECORDER, headers=headers | _NEVER_KEPT)
        return file_response(path, headers | {hdrs.CACHE_CONTROL: f"public, max-age={_RECORDER_MAX_AGE_S}"})


def file_response(path: Path, headers: Mapping[str, str], *, status: int = 200) -> web.StreamResponse:
    """Returns a file with an ETag, compressed if there is a .gz file next to it.

    Raises:
        HTTPNotFound: The file does not exist.
    """
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # a name that no file can have: too long, or with a zero byte
        is_file = False
    if not is_file:
        raise web.HTTPNotFound
    response = web.FileResponse(path, status=status, headers=headers)
    if (known := _TYPES.get(path.suffix)) is not None:
        response.content_type = known
    return response
