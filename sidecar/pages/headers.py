"""What browsers are told about the pages of the sidecar: what those may load, run, send, and who may frame them.

Each kind of page has a Content-Security-Policy of its own (https://www.w3.org/TR/CSP3/), by the same rule: nothing is
allowed but what the page is made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_COMMON = {
    # The address of a share page holds its token, and that of a player names a session.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Browsers look names up ahead of time for links of a page; those of a recorded page are nobody's business.
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
    """Returns the headers of the console and the share page: own scripts and styles only, none of them inline."""
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "frame-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
    return {**_COMMON, "Content-Security-Policy": _policy(policy)}


def player_headers(sources: Iterable[str]) -> dict[str, str]:
    """Returns the headers of the document in which recordings are replayed.

    The replay's own frame inherits this policy. Recorded pages carry styles inline; scripts, forms and connections they
    have none, and files only from `sources`, which are those of `sidecar.replay_sources`.
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
    """Returns the headers of the demo shop: a strict site, as recorded sites may be."""
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


def _policy(directives: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
