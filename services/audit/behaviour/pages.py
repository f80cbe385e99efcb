"""Normalisation of URLs to pages, by which heatmaps and page lists are grouped.

`https://shop.example/orders/1841?ref=mail#top` and `https://shop.example/orders/1842` show the same
page, so both become `https://shop.example/orders/:id`: query and fragment are dropped (they contain state
and personal data) and segments that look like ids are folded by rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from services.audit.re2_patterns import compile_pattern

MAX_PAGE_LENGTH = 2_048
"""Maximum characters of a page, as in the contract; longer ones are truncated."""

MAX_HREF_LENGTH = 4_096
"""Characters of a URL that are read: a segment costs a microsecond per rule, and urllib caches URLs."""

MAX_SEGMENTS = 32
"""Segments of a path that are folded; further ones are kept. Each costs about two microseconds, in each Meta event."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Matcher(Protocol):
    """Decides whether a segment is folded."""

    def fullmatch(self, text: str, /) -> object | None:
        """Returns a true value if the whole text matches."""
        ...


class LinearMatcher:
    """A pattern from the settings, compiled by RE2: it cannot hang the server."""

    def __init__(self, pattern: str) -> None:
        """Compiles the pattern.

        Raises:
            ValueError: If RE2 rejects it.
        """
        self._source = pattern
        self._pattern = compile_pattern(rf"\A(?:{pattern})\z")

    def __reduce__(self) -> tuple[type[LinearMatcher], tuple[str]]:
        """Compiles the pattern again in the process that unpickles it: RE2's automatons stay in theirs."""
        return type(self), (self._source,)

    def fullmatch(self, text: str, /) -> object | None:
        """Returns a true value if the whole text matches."""
        return self._pattern.search(text.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class FoldRule:
    """Replaces segments that match `pattern` as a whole with `placeholder`."""

    pattern: Matcher
    placeholder: str


DEFAULT_FOLDS = (
    FoldRule(re.compile(r"\d+"), ":id"),
    FoldRule(re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE), ":id"),
    # MongoDB's ids (24), digests (32, 40, 64) and other strings too long for an English word.
    FoldRule(re.compile(r"(?=[a-f]*\d)[0-9a-f]{12,}", re.IGNORECASE), ":id"),
    # ULID: Crockford's base 32, 26 characters, the first at most 7.
    FoldRule(re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}"), ":id"),
    # base64url and nanoid: upper case, lower case and digits mixed. Words joined by hyphens have no upper case.
    FoldRule(re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[\w-]{16,}", re.ASCII), ":id"),
    FoldRule(re.compile(r"\d{4}-\d{2}-\d{2}"), ":date"),
    FoldRule(re.compile(r"[^@\s]+@[^@\s]+"), ":email"),
)
"""Default rules, tried in this order; the first match applies."""


@dataclass(frozen=True, slots=True)
class PageRules:
    """Rules that turn URLs into pages.

    Attributes:
        folds: Rules that fold segments of the path into placeholders.
        hash_routes: Whether a fragment that begins with "/" or "!/" is part of the page: single-page
            applications that route by fragment have one path for all pages. The fragment's query is dropped and
            its segments are folded like those of the path.
    """

    folds: tuple[FoldRule, ...] = DEFAULT_FOLDS
    hash_routes: bool = False


def normalise_page(href: str, rules: PageRules) -> str:
    """Returns the page of `href`; "" for an empty one.

    Scheme and host are kept (in lower case, without user, password and default port); a trailing slash is
    removed, except the root's. Text that is not a valid URL is truncated at the first "?" or "#". Only the first
    MAX_HREF_LENGTH characters are read.
    """
    href = href.strip()[:MAX_HREF_LENGTH]
    parts = _split(href)
    if parts is None:
        return re.split(r"[?#]", href, maxsplit=1)[0][:MAX_PAGE_LENGTH]
    if parts.scheme in {"data", "blob", "javascript"}:
        return f"{parts.scheme}:"
    page = _origin(parts) + _fold_path(parts.path or ("/" if parts.netloc else ""), rules)
    if rules.hash_routes:
        page += _route(parts.fragment, rules)
    return page[:MAX_PAGE_LENGTH]


def page_address(href: str, rules: PageRules) -> str:
    """Returns `href` without query and fragment, with ids unfolded: two addresses are two visits.

    With `hash_routes`, a fragment that is a route is kept, as in `normalise_page`.
    """
    address, _, fragment = href.strip().partition("#")
    address = address.partition("?")[0]
    if rules.hash_routes and fragment.startswith(("/", "!/")):
        address += "#" + fragment.partition("?")[0]
    return address


def _split(href: str) -> SplitResult | None:
    try:
        parts = urlsplit(href)
        _ = parts.port  # raises ValueError if it is not a number
    except ValueError:
        return None
    return parts


def _origin(parts: SplitResult) -> str:
    if not parts.netloc:
        return {"": "", "file": "file://"}.get(parts.scheme, f"{parts.scheme}:")
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    if parts.port is not None and parts.port != _DEFAULT_PORTS.get(parts.scheme):
        host += f":{parts.port}"
    return f"{parts.scheme}://{host}" if parts.scheme else f"//{host}"


def _fold_path(path: str, rules: PageRules) -> str:
    segments = path.split("/")
    segments[:MAX_SEGMENTS] = [_fold_segment(segment, rules) for segment in segments[:MAX_SEGMENTS]]
    folded = "/".join(segments)
    return folded.rstrip("/") or "/" if folded.startswith("/") else folded


def _fold_segment(segment: str, rules: PageRules) -> str:
    name = segment.partition(";")[0]  # path parameters, such as ;jsessionid=
    if not name:
        return ""
    plain = unquote(name)
    for rule in rules.folds:
        if rule.pattern.fullmatch(plain):
            return rule.placeholder
    return name


def _route(fragment: str, rules: PageRules) -> str:
    if not fragment.startswith(("/", "!/")):
        return ""
    mark, _, path = fragment.partition("/")
    return f"#{mark}{_fold_path('/' + path.partition('?')[0], rules)}"
