"""URLs: keeps or masks their query parameters.

A page's address may contain search terms and session ids. Parameters of pages and requests are therefore masked
unless the policy keeps them. Images, fonts and stylesheets would not load without their parameters: only those with
a telling name (`token`, `signature`) are masked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from services.audit.re2_patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Callable

RESOURCE_KEYS = frozenset({"src", "srcset", "poster", "background", "xlink:href", "data", "fontSource", "manifest"})
"""Attributes and fields with the address of a resource loaded by the page."""

RESOURCE_TAGS = frozenset({"link", "image", "use", "img", "feimage"})
"""Elements with a resource loaded by the page as `href`."""

_URL = compile_pattern(r"//[^\s\"'<>()\\]*[?#][^\s\"'<>()\\]*")
_WHOLE_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]{0,31}:|//|/|\.{1,2}/|[\w.-]{0,255}\?|#)[^\s\"<>]*\Z")
_PARAMETER = compile_pattern(r"[?&;#]([\pL\pN_.\[\]%~+$-]+)=([^&;#\s\"'<>()]+)")
_RESOURCE_BEFORE = re.compile(rb"(?:url\(\s?[\"']?|@import\s[\"']?)(?:https?:)?\Z")
_SECRET_NAME = re.compile(
    r"token|secret|passw|auth|api[_-]?key|access[_-]?key|session|credential|signature|\bsig\b|\bjwt\b|\botp\b|\bcode\b"
    r"|e-?mail|phone|\bssn\b",
    re.IGNORECASE,
)
"""Names of parameters that are masked in every URL."""


_WORK = 8
"""Work for a URL in a text, or for a parameter of a URL, in microseconds (masking/counts.py)."""


def is_url(text: str) -> bool:
    """Returns whether the whole text is an address, absolute or relative, that may have parameters."""
    return ("?" in text or "#" in text) and _WHOLE_URL.match(text) is not None


class UrlMasker:
    """Masks the parameters of URLs."""

    def __init__(self, kept: frozenset[str], replace: Callable[[str], str]) -> None:
        """Stores the policy's settings.

        Args:
            kept: Names of parameters that keep their values, in lower case.
            replace: Returns the replacement of a value; returns a masked value unchanged.
        """
        self._kept = kept
        self._replace = replace

    def replacing(self, replace: Callable[[str], str]) -> UrlMasker:
        """Returns a masker with the same settings and another replacement."""
        return UrlMasker(self._kept, replace)

    def mask(self, text: bytes, found: list[str], spend: Callable[[int], None], *, resource: bool) -> bytes:
        """Returns one URL with the parameters in query and fragment masked.

        Args:
            text: The URL.
            found: Receives the names of the masked parameters.
            spend: Called with the work for a parameter before it is done (masking/counts.py).
            resource: Whether it is the address of a resource loaded by the page.
        """
        parts: list[bytes] = []
        at = 0
        for match in _PARAMETER.finditer(text):
            spend(_WORK)
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

    def mask_within(self, text: bytes, found: list[str], spend: Callable[[int], None], *, resource: bool) -> bytes:
        """Returns a text with the parameters of its URLs masked, including those of a lone `?token=...`.

        The arguments are those of `mask`.
        """
        parts: list[bytes] = []
        at = 0
        for match in _URL.finditer(text):
            spend(_WORK)
            start, end = match[0]
            loads = resource or _RESOURCE_BEFORE.search(text[max(0, start - 32) : start]) is not None
            parts += (
                self.mask(text[at:start], found, spend, resource=True),
                self.mask(text[start:end], found, spend, resource=loads),
            )
            at = end
        parts.append(self.mask(text[at:], found, spend, resource=True))
        return b"".join(parts)
