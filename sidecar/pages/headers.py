"""Security headers of the sidecar's pages: resources that they may load, run, send to or be framed by.

Each kind of page has its own Content-Security-Policy (https://www.w3.org/TR/CSP3/), which allows only the resources
that the page consists of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs

from sidecar.gate.hosts import name_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from aiohttp import web

_COMMON = {
    # The URL of a share page contains its token, and that of a player the id of a session.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Browsers resolve the host names of a page's links in advance; this would disclose links of a recorded page.
    "X-DNS-Prefetch-Control": "off",
    "X-Robots-Tag": "noindex, nofollow",
    "Permissions-Policy": ", ".join(
        [
            *(
                f"{feature}=()"
                for feature in (
                    "accelerometer",
                    "browsing-topics",
                    "camera",
                    "display-capture",
                    "geolocation",
                    "gyroscope",
                    "magnetometer",
                    "microphone",
                    "midi",
                    "payment",
                    "usb",
                )
            ),
            "clipboard-write=(self)",
            "fullscreen=(self)",
        ]
    ),
}


def console_headers() -> dict[str, str]:
    """Returns the headers of the console and the share page: only their own scripts and styles, none inline."""
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        # The replay's document replaces itself by a data: document, which has an opaque origin (player_headers).
        "frame-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
    return {**_COMMON, "Content-Security-Policy": _policy(policy)}


def player_headers(sources: Iterable[str]) -> dict[str, str]:
    """Returns the headers of the document in which recordings are replayed.

    It replaces itself by a copy with a data: URL: its opaque origin reaches nothing of the console's. That copy, and
    the frame in it that shows the recorded page, inherit this policy. Recorded pages may have inline styles and load
    files from `sources` (`sidecar.replay_sources`), but may not run scripts, submit forms or open connections.
    """
    allowed = list(sources)
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'", *allowed],
        "img-src": ["data:", "blob:", *allowed],
        "font-src": ["data:", *allowed],
        "media-src": ["data:", "blob:", *allowed],
        "connect-src": ["'none'"],
        "frame-src": ["'none'"],
        "worker-src": ["'none'"],
        "object-src": ["'none'"],
        "form-action": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'self'"],
    }
    return {**_COMMON, "Content-Security-Policy": _policy(policy)}


def demo_headers() -> dict[str, str]:
    """Returns the headers of the demo shop, as strict as those of a recorded site may be."""
    policy = {
        "default-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'self'"],
    }
    return {
        "Content-Security-Policy": _policy(policy),
        "Referrer-Policy": "same-origin",
        "X-Robots-Tag": "noindex, nofollow",
    }


def strict_transport(max_age_s: int) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Returns a hook that adds Strict-Transport-Security (RFC 6797) to responses over TLS.

    Not for localhost: a browser would then refuse plain text to every other port of the machine as well.
    """

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        name = name_of(request.headers.get(hdrs.HOST, "")).lower()
        if name != "localhost" and not name.endswith(".localhost"):
            response.headers["Strict-Transport-Security"] = f"max-age={max_age_s}"

    return add


def _policy(directives: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
