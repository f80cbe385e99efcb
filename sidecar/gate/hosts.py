"""Names under which the sidecar may be addressed: protection against DNS rebinding.

A page of any site can make its own name lead to this machine, and its requests are then of the same origin as the
sidecar for the browser. They carry the page's name in `Host`. Accepted are the configured names, and those that no site
has: IP addresses, localhost, and names without a dot, as containers and local machines have.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from services.runtime.settings import Settings

ANY = "*"
_LOCAL_SUFFIX = ".localhost"  # RFC 6761 section 6.3: never leads elsewhere


class Hosts:
    """The names of the sidecar: `sidecar.public_names`, `sidecar.host` and the host of `share.public_url`."""

    def __init__(self, settings: Settings) -> None:
        own = settings.sidecar
        public = urlsplit(settings.share.public_url).hostname or ""
        names = {_plain(name) for name in (*own.public_names, own.host, public)}
        self._is_open = ANY in own.public_names
        self._names = names - {"", ANY}
        self._suffixes = tuple(name.removeprefix(ANY) for name in names if name.startswith(f"{ANY}."))

    def knows(self, host: str) -> bool:
        """Returns whether a `Host` header, with or without a port, names the sidecar; "": a client without the header.

        Browsers always send it.
        """
        if self._is_open or not host:
            return True
        name = _plain(name_of(host))
        if not name:
            return False
        if "." not in name.removesuffix(_LOCAL_SUFFIX) or _is_address(name):
            return True
        return name in self._names or name.endswith(self._suffixes)


def name_of(host: str) -> str:
    """Returns a `Host` header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _plain(name: str) -> str:
    return name.strip().strip("[]").rstrip(".").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
