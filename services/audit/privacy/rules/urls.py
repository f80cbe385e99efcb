"""URLs: which of their query parameters are kept, masked or hashed.

A page's address carries what somebody searched for and now and then a session. So parameters of pages and
requests are masked unless a policy keeps them. Images, fonts and stylesheets would not load without
theirs: of those only parameters whose name says what they are (`token`, `signature`) are masked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from services.audit.re2_patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Callable

RESOURCE_KEYS = frozenset({"src", "srcset", "poster", "background", "xlink:href", "data", "fontSource", "manifest"})
"""Attributes and fields that name what a page loads."""

RESOURCE_TAGS = frozenset({"link", "image", "use", "img", "feimage"})
"""Elements whose `href` names what a page loads."""

_URL = compile_pattern(r"//[^\s\"'<>()\\]*[?#][^\s\"'<>()\\]*")
_WHOLE_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]{0,31}:|//|/|\.{1,2}/|[\w.-]{0,255}\?|#)[^\s\"<>]*\Z")
_PARAMETER = compile_pattern(r"[?&;#]([\pL\pN_.\[\]%~+$-]+)=([^&;#\s\"'<>()]+)")
_RESOURCE_BEFORE = re.compile(rb"(?:url\(\s?[\"']?|@import\s[\"']?)(?:https?:)?\Z")
_SECRET_NAME = re.compile(
    r"token|secret|passw|auth|api[_-]?key|access[_-]?key|session|credential|signature|\bsig\b|\bjwt\b|\botp\b|\bcode\b"
    r"|e-?mail|phone|\bssn\b",
    re.IGNORECASE,
)
"""Names of parameters that are masked wherever they stand."""


def is_url(text: str) -> bool:
    """Returns whether the whole text is an address, absolute or relative, that may carry parameters."""
    return ("?" in text or "#" in text) and _WHOLE_URL.match(text) is not None


class UrlMasker:
    """Masks the parameters of URLs."""

    def __init__(self, kept: frozenset[str], replace: Callable[[str], str]) -> None:
        """Takes what the policy says.

        Args:
            kept: Names of parameters whose values are kept, in lower case.
            replace: Returns what stands in place of a value; a masked value is returned as it is.
        """
        self._kept = kept
        self._replace = replace

    def mask(self, text: bytes, found: list[str], *, resource: bool) -> bytes:
        """Returns one URL with its parameters masked, in query and fragment; `found` takes their names."""
        parts: list[bytes] = []
        at = 0
        for match in _PARAMETER.finditer(text):
            _, (start, end), (first, last) = match
            name = text[start:end].decode()
            if _SECRET_NAME.search(name) is None and (resource or name.lower() in self._kept):
                continue
            value = text[first:last].decode()
            instead = self._replace(value)
            if instead != value:
                found.append(name)
                parts += (text[at:first], instead.encode())
                at = last
        parts.append(text[at:])
        return b"".join(parts) if at else text

    def mask_within(self, text: bytes, found: list[str], *, resource: bool) -> bytes:
        """Returns a text with the parameters of the URLs in it masked, and of lone `?token=...`."""
        parts: list[bytes] = []
        at = 0
        for match in _URL.finditer(text):
            start, end = match[0]
            loads = resource or _RESOURCE_BEFORE.search(text[max(0, start - 32) : start]) is not None
            parts += (
                self.mask(text[at:start], found, resource=True),
                self.mask(text[start:end], found, resource=loads),
            )
            at = end
        parts.append(self.mask(text[at:], found, resource=True))
        return b"".join(parts)
