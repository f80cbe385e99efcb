"""The files of the pages that draw recordings and reports, as answers to a browser without a network."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

ORIGIN = "https://render.invalid"
"""A host that cannot exist (RFC 6761); no request to it leaves the browser's process."""

_PATH = re.compile(rf"{re.escape(ORIGIN)}/((?:render|report)\.html|assets/[A-Za-z0-9_][A-Za-z0-9_.-]{{0,199}})")
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

# As the player (sidecar/pages/headers.py), without sources: files that a recording only names are missing.
_POLICY = "; ".join(
    [
        "default-src 'none'",
        f"script-src {ORIGIN}/assets/",
        f"style-src {ORIGIN}/assets/ 'unsafe-inline'",
        "img-src data: blob:",
        "font-src data:",
        "media-src data: blob:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


class PageFiles:
    """Answers the requests of the page for its own files, and no others.

    Args:
        folder: The built console.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def answer(self, request_id: str, url: str) -> tuple[str, dict[str, Any]]:
        """Returns the command of the DevTools protocol (domain Fetch) that answers a request."""
        if (found := _PATH.fullmatch(url)) is None:
            return "Fetch.failRequest", {"requestId": request_id, "errorReason": "BlockedByClient"}
        path = self._folder / found[1]
        if path.suffix not in _TYPES or not path.is_file():
            return "Fetch.failRequest", {"requestId": request_id, "errorReason": "Failed"}
        headers = {
            "Content-Type": _TYPES[path.suffix],
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "no-referrer",
            "X-DNS-Prefetch-Control": "off",
            "Access-Control-Allow-Origin": ORIGIN,
        }
        return "Fetch.fulfillRequest", {
            "requestId": request_id,
            "responseCode": 200,
            "responseHeaders": [{"name": name, "value": value} for name, value in headers.items()],
            "body": base64.b64encode(path.read_bytes()).decode(),
        }
