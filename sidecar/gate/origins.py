"""Origin checks of web pages: protection against cross-site WebSocket hijacking, and the basis of CORS.

Browsers send the origin of the requesting page in `Origin`, and scripts cannot change it. Other programs send no Origin
and need none: their token alone determines their permissions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from services.runtime.errors import PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    from services.runtime.settings import Settings

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origins:
    """Checks origins against the settings: those of each project, and those of the console."""

    def __init__(self, settings: Settings) -> None:
        self._console = settings.sidecar.allowed_origins
        self._projects = {project.id: project.origins for project in settings.projects}

    def check_console(self, request: web.BaseRequest) -> None:
        """Accepts pages of the sidecar itself and of `sidecar.allowed_origins`, and requests without an Origin.

        Raises:
            PermissionDenied: ORIGIN_NOT_ALLOWED.
        """
        origin = request.headers.get("Origin")
        if origin is not None and not self.is_console(request, origin):
            raise _foreign()

    def check_recording(self, request: web.BaseRequest, project: str, *, required: bool = False) -> None:
        """Accepts pages that `project` records, and requests without an Origin unless one is `required`.

        Raises:
            PermissionDenied: ORIGIN_NOT_ALLOWED, or ORIGIN_MISSING.
        """
        origin = request.headers.get("Origin")
        if origin is None and required:
            raise PermissionDenied("an Origin is required: only web pages may call this", reason="ORIGIN_MISSING")
        if origin is not None and not _is_one_of(origin, self._projects.get(project, ())):
            raise _foreign()

    def is_console(self, request: web.BaseRequest, origin: str) -> bool:
        """Returns whether `origin` is the sidecar's own or one of `sidecar.allowed_origins`."""
        parts = _parts(origin)
        if parts is None:
            return False
        # Compares host and port only: behind a TLS proxy the scheme is not known here.
        own = _parts(f"{parts[0]}://{request.headers.get('Host', '')}")
        return parts == own or _is_one_of(origin, self._console)

    def is_any(self, request: web.BaseRequest, origin: str) -> bool:
        """Returns whether `origin` is allowed by any project or by the console: preflights have no token."""
        return self.is_console(request, origin) or any(_is_one_of(origin, own) for own in self._projects.values())


def _foreign() -> PermissionDenied:
    return PermissionDenied("pages of this origin are not allowed here", reason="ORIGIN_NOT_ALLOWED")


def _is_one_of(origin: str, allowed: Iterable[str]) -> bool:
    parts = _parts(origin)
    return parts is not None and any(_matches(parts, pattern) for pattern in allowed)


def _matches(parts: tuple[str, str, int], pattern: str) -> bool:
    if pattern.endswith(":*"):
        wanted = _parts(pattern[:-2])
        return wanted is not None and wanted[:2] == parts[:2]
    return _parts(pattern) == parts


def _parts(origin: str) -> tuple[str, str, int] | None:
    """Returns scheme, host and port of an origin; None if it is not one, such as "null"."""
    try:
        split = urlsplit(origin)
        port = split.port
    except ValueError:
        return None
    if split.scheme not in _DEFAULT_PORTS or not split.hostname or split.path or split.query or split.username:
        return None
    return split.scheme, split.hostname, port or _DEFAULT_PORTS[split.scheme]
