"""URLs: keeps or masks their query parameters, and secrets in their paths.

A page's address may contain search terms and session ids. Parameters of pages and requests are therefore masked
unless the policy keeps them. Images, fonts and stylesheets would not load without their parameters: only those with
a telling name (`token`, `signature`) are masked. A parameter ends where the URL standard (WHATWG) ends it: at `&`, at
`#` and at the end of the URL, and may have any other character.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

from services.audit.re2_patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESOURCE_KEYS = frozenset({"src", "srcset", "poster", "background", "xlink:href", "data", "fontSource", "manifest"})
"""Attributes and fields with the address of a resource loaded by the page."""

RESOURCE_TAGS = frozenset({"link", "image", "use", "img", "feimage"})
"""Elements with a resource loaded by the page as `href`."""

URL_KEYS = RESOURCE_KEYS | {"href", "action", "formaction", "cite", "ping", "url", "uri", "rr_src"}
"""Attributes and fields that have a URL as a whole, even one with spaces and quotation marks."""

_INSIDE = r"(?:[^\s\"<>`\\]|\\+/|\\[^\s\"'<>`\\nrtbfu/])*"
"""Characters of a URL in running text. A backslash is one, except as an escape of the character after the URL."""

_URL = compile_pattern(rf"(?:/|\\+/){{2}}{_INSIDE}[?#;]{_INSIDE}")
_URL_OR_PATH = compile_pattern(rf"(?:/|\\+/){{2}}[^\s\"<>`\\]{_INSIDE}")
_WHOLE_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]{0,31}:|//|/|\.{1,2}/|[\w.-]{0,255}\?|#)[^\s\"<>]*\Z")
_LONE_PARAMETER = compile_pattern(
    r"[?&#]([^?&;#=\s\"'<>()]+)=([^&#\s\"'<>()]+)|;([^?&;#=\s\"'<>()]+)=([^&;#\s\"'<>()]+)"
)
_MATRIX_PARAMETER = compile_pattern(r";([^;=/]+)=([^;/]+)")
_FRAGMENT_PARAMETER = compile_pattern(r"(?:^|[?&#;])([^?&#;=]*)=([^?&#]+)")
_RESOURCE_BEFORE = re.compile(rb"(?:url\(\s?[\"']?|@import\s[\"']?)(?:https?:)?\Z")
_SCHEME_BEFORE = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]{0,31}:)?\Z")
_SECRET_NAME = compile_pattern(
    r"(?i)token|secret|passw|auth|api[_-]?key|access[_-]?key|session|credential|signature|\bsig\b|\bjwt\b|\botp\b"
    r"|\bcode\b|e-?mail|phone|\bssn\b"
)
"""Names of parameters that are masked in every URL."""

_INNER_NAME = re.compile(r"([^?&;#=/\s]{1,64})=")
"""A parameter within the value of another one, such as a URL."""

_MAX_ENCODINGS = 3
"""Maximum number of percent-encodings around each other that are looked through."""

_WORK = 12
"""Work for a URL in a text, or for a parameter of a URL, in microseconds (masking/counts.py)."""

_BYTES_PER_WORK = 64
"""Bytes of a value that are decoded in a unit of work."""

URL_RULE = "url_query"
"""The rule for parameters of URLs, without a pattern."""

PATH_RULE = "url_path"
"""The rule for secrets in paths of URLs, without a pattern; off unless a policy has a method for it."""

PATH_HINT = r"/[^/\s\"\\?#]{6,}|;[^/\s\"\\?#=]{1,64}="
"""Pattern that matches in the JSON of every string without escapes in which PATH_RULE may find something."""

_TELLING = frozenset(
    [
        "accept",
        "access",
        "account",
        "activate",
        "activation",
        "auth",
        "authorize",
        "callback",
        "claim",
        "confirm",
        "confirmation",
        "download",
        "email",
        "forgot",
        "guest",
        "invitation",
        "invitations",
        "invite",
        "invites",
        "join",
        "key",
        "keys",
        "link",
        "login",
        "magic",
        "magiclink",
        "oauth",
        "onetime",
        "optin",
        "optout",
        "otp",
        "passwd",
        "password",
        "preview",
        "recover",
        "recovery",
        "redeem",
        "register",
        "reset",
        "secret",
        "session",
        "sessions",
        "share",
        "shared",
        "signin",
        "signup",
        "sso",
        "subscribe",
        "token",
        "tokens",
        "unlock",
        "unsubscribe",
        "validate",
        "verification",
        "verify",
    ]
)
"""Words of a path after which a segment may be a secret."""

_SEGMENT = re.compile(r"[^/;]+")
_WORDS = re.compile(r"[a-z]+")
_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{24,}|[0-9A-F]{24,})")
_RANDOM = re.compile(r"[0-9A-Za-z_~.=-]{20,}")
_SHORT_SECRET, _LONG_SECRET = 6, 16
"""Minimum length of a secret after a telling word: with a digit, and without one."""


def is_url(text: str, key: str = "") -> bool:
    """Returns whether the whole text is an address, absolute or relative, that may have parameters.

    Args:
        text: The text.
        key: The attribute or field that contains it.
    """
    if not any(mark in text for mark in "?#;"):
        return False
    return key in URL_KEYS or _WHOLE_URL.match(text) is not None


def is_path(text: str) -> bool:
    """Returns whether the whole text is an address with a path, with or without parameters."""
    return "/" in text and _WHOLE_URL.match(text) is not None


class _Part(NamedTuple):
    """A part of a URL: the name of a parameter, and the span of its value."""

    name: str
    first: int
    last: int


class UrlMasker:
    """Masks the parameters of URLs, and secrets in their paths."""

    def __init__(
        self,
        kept: frozenset[str],
        replace: Callable[[str, str], str],
        *,
        parameters: bool = True,
        paths: bool = False,
    ) -> None:
        """Stores the policy's settings.

        Args:
            kept: Names of parameters that keep their values, in lower case.
            replace: Returns the replacement of a rule's value; returns a masked value unchanged.
            parameters: Whether parameters are masked (URL_RULE).
            paths: Whether secrets in paths are masked (PATH_RULE).
        """
        self._kept = kept
        self._replace = replace
        self._masks_parameters = parameters
        self.masks_paths = paths
        self._url = _URL_OR_PATH if paths else _URL

    def replacing(self, replace: Callable[[str, str], str]) -> UrlMasker:
        """Returns a masker with the same settings and another replacement."""
        return UrlMasker(self._kept, replace, parameters=self._masks_parameters, paths=self.masks_paths)

    def mask(self, text: bytes, found: list[str], spend: Callable[[int], None], *, resource: bool) -> bytes:
        """Returns one URL with the parameters in path, query and fragment masked.

        Args:
            text: The URL.
            found: Receives the rule of each masked part.
            spend: Called with the work for a parameter before it is done (masking/counts.py).
            resource: Whether it is the address of a resource loaded by the page.
        """
        path_end = min((at for at in (text.find(b"?"), text.find(b"#")) if at >= 0), default=len(text))
        parts: list[bytes] = []
        at = 0
        for rule, (name, first, last) in sorted(self._parts(text, path_end, resource), key=lambda part: part[1].first):
            spend(_WORK + (last - first) // _BYTES_PER_WORK)
            value = text[first:last].decode(errors="replace")
            if first < at or (rule == URL_RULE and self._keeps(name, value, resource)):
                continue
            instead = self._replace(rule, value)
            if instead != value:
                found.append(rule)
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
        for match in self._url.finditer(text):
            spend(_WORK)
            start, end = match[0]
            if start < at:
                continue
            loads = resource or _RESOURCE_BEFORE.search(text[max(0, start - 32) : start]) is not None
            end = _end_of_url(text, start, end)
            parts += (
                self._mask_lone(text[at:start], found, spend),
                self.mask(text[start:end], found, spend, resource=loads),
            )
            at = end
        parts.append(self._mask_lone(text[at:], found, spend))
        return b"".join(parts)

    def _mask_lone(self, text: bytes, found: list[str], spend: Callable[[int], None]) -> bytes:
        """Masks parameters with a telling name in a text that is not a URL."""
        parts: list[bytes] = []
        at = 0
        for match in _LONE_PARAMETER.finditer(text) if self._masks_parameters and b"=" in text else ():
            spend(_WORK)
            (start, end), (first, last) = match[1:3] if match[1][0] >= 0 else match[3:5]
            if _SECRET_NAME.search(text[start:end]) is None:
                continue
            value = text[first:last].decode(errors="replace")
            instead = self._replace(URL_RULE, value)
            if instead != value:
                found.append(URL_RULE)
                parts += (text[at:first], instead.encode())
                at = last
        parts.append(text[at:])
        return b"".join(parts) if at else text

    def _parts(self, text: bytes, path_end: int, resource: bool) -> Iterator[tuple[str, _Part]]:
        """Yields the parameters of a URL and the secrets in its path, each with its rule."""
        if self.masks_paths and not resource:
            yield from ((PATH_RULE, part) for part in _path_secrets(text[:path_end]))
        if self._masks_parameters:
            for part in _matrix_parameters(text[:path_end]):
                yield URL_RULE, part
            yield from ((URL_RULE, part) for part in _parameters(text, path_end))
        elif self.masks_paths:
            yield from ((PATH_RULE, part) for part in _matrix_parameters(text[:path_end]))

    def _keeps(self, name: str, value: str, resource: bool) -> bool:
        """Returns whether a parameter keeps its value; never one with a parameter within its value that does not."""
        name = _decoded(name).removeprefix("amp;")  # & in the source of a page
        if _SECRET_NAME.search(name.encode()) is not None:
            return False
        inner = _INNER_NAME.findall(_decoded(value))
        if resource:
            return not any(_SECRET_NAME.search(each.encode()) for each in inner)
        return name.lower() in self._kept and not inner


def _parameters(text: bytes, path_end: int) -> Iterator[_Part]:
    """Yields the parameters of a URL's query and of its fragment, which may have a query of its own."""
    fragment = text.find(b"#", path_end)
    fragment = len(text) if fragment < 0 else fragment
    at = path_end + 1
    while at < fragment:
        end = text.find(b"&", at, fragment)
        end = fragment if end < 0 else end
        equals = text.find(b"=", at, end)
        if 0 <= equals < end - 1:
            yield _Part(text[at:equals].decode(errors="replace"), equals + 1, end)
        at = end + 1
    offset = fragment + 1
    for match in _FRAGMENT_PARAMETER.finditer(text[offset:]):
        _, (start, end), (first, last) = match
        yield _Part(text[offset + start : offset + end].decode(errors="replace"), offset + first, offset + last)


def _matrix_parameters(path: bytes) -> Iterator[_Part]:
    """Yields the parameters within a path, such as `;jsessionid=...`."""
    for match in _MATRIX_PARAMETER.finditer(path) if b";" in path else ():
        _, (start, end), (first, last) = match
        yield _Part(path[start:end].decode(errors="replace"), first, last)


def _path_secrets(path: bytes) -> Iterator[_Part]:
    """Yields the segments of a path that are secrets: random ones, and those after a telling word."""
    text = path.decode("latin-1")  # one character a byte
    start = 0
    if "//" in text[:40]:
        start = text.find("/", text.index("//") + 2)
        start = len(text) if start < 0 else start
    told = False
    for match in _SEGMENT.finditer(text, start):
        segment = match[0]
        if match.start() and text[match.start() - 1] == ";":
            continue
        if _is_random(segment) or (told and _is_secret(segment)):
            yield _Part("", *match.span())
        told = not _TELLING.isdisjoint(_WORDS.findall(segment.lower()))


def _is_random(segment: str) -> bool:
    """Returns whether a segment looks random: long hexadecimal, or long with letters of both cases and digits."""
    if _HEXADECIMAL.fullmatch(segment):
        return True
    return (
        _RANDOM.fullmatch(segment) is not None
        and any(map(str.islower, segment))
        and any(map(str.isupper, segment))
        and sum(map(str.isdigit, segment)) >= 2
    )


def _is_secret(segment: str) -> bool:
    """Returns whether a segment after a telling word is a secret, and not a further word or a file."""
    if "." in segment and segment.rpartition(".")[2].isalpha():
        return False
    has_digit = any(map(str.isdigit, segment))
    return len(segment) >= (_SHORT_SECRET if has_digit else _LONG_SECRET)


def _end_of_url(text: bytes, start: int, end: int) -> int:
    """Returns the end of a URL in a text: an apostrophe or a parenthesis before it ends it, too."""
    scheme = _SCHEME_BEFORE.search(text[max(0, start - 33) : start])
    before = start - (len(scheme[0]) if scheme is not None else 0) - 1
    opener = text[before : before + 1] if before >= 0 else b""
    if opener == b"'":
        close = text.find(b"'", start, end)
        return end if close < 0 else close
    if opener == b"(":
        depth = 0
        for at in range(start, end):
            depth += {0x28: 1, 0x29: -1}.get(text[at], 0)
            if depth < 0:
                return at
    return end


def _decoded(text: str) -> str:
    """Returns a name or a value without percent-encoding, of any depth up to _MAX_ENCODINGS."""
    for _ in range(_MAX_ENCODINGS):
        if "%" not in text and "+" not in text:
            break
        text = unquote_plus(text)
    return text
