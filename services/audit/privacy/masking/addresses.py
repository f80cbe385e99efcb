"""Addresses of which only the host stays readable: under `mask`, and everywhere if all text is masked.

Paths name people and documents (`/users/dana-lind/invoices`), so a path and a fragment are replaced by a pseudonym, the
same for equal ones: pages stay distinct, and their heatmaps stay apart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Pseudonym = Callable[[str], str]

PSEUDONYM = "masked-"
"""Beginning of a pseudonym, which 16 letters from a to p follow."""

ADDRESS_ATTRIBUTES = frozenset(
    """
    href xlink:href src action formaction poster background cite data ping manifest longdesc rr_src usemap
    codebase classid profile icon lowsrc dynsrc
    """.split()
)
"""Attributes with one address."""

_PARTS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:)?(?P<host>//[^/?#]*)?(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.DOTALL,
)
_IS_PSEUDONYM = re.compile(rf"/?{PSEUDONYM}[a-p]{{16}}")
_MASK = "***"


def is_pseudonym(text: str) -> bool:
    """Returns whether a text is a pseudonym, also as a path."""
    return _IS_PSEUDONYM.fullmatch(text) is not None


def hide_path(address: str, pseudonym: Pseudonym, kept_parameters: frozenset[str]) -> str:
    """Returns an address with host and kept parameters only.

    Args:
        address: Any text; a text without a scheme, host or `/` counts as a relative path.
        pseudonym: Returns the pseudonym of a text.
        kept_parameters: Names of the parameters that keep their values, in lower case.
    """
    parts = _PARTS.fullmatch(address.strip())
    assert parts is not None  # noqa: S101 - all parts are optional, and together they match any text
    scheme, host, path, query, fragment = (parts[name] or "" for name in _PARTS.groupindex)
    if scheme and not host:  # mailto:, javascript:, blob:, data: and the like
        return scheme + (_MASK if path or query or fragment else "")
    if path.strip("/") and not is_pseudonym(path) and path.strip("/") != _MASK:
        path = ("/" if host or path.startswith("/") else "") + pseudonym(path)
    if query:
        query = "?" + "".join(
            part if part in {"&", ";"} else _parameter(part, kept_parameters) for part in re.split("([&;])", query[1:])
        )
    if len(fragment) > 1 and not is_pseudonym(fragment[1:]) and fragment[1:] != _MASK:
        fragment = "#" + pseudonym(fragment[1:])
    return scheme + host + path + query + fragment


def _parameter(part: str, kept: frozenset[str]) -> str:
    name, equals, value = part.partition("=")
    if not equals:
        return _MASK if part else ""
    return part if not value or name.lower() in kept else f"{name}={_MASK}"
