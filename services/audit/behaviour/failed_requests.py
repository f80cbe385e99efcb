"""Requests of the recorded page that failed, in payloads of rrweb's network plugin. Pure.

docs/definitions.md ("Failed requests") has the rule. Totals, interactions and the player use it: the player's copy is
sidecar/web/console/src/player/failedRequests.ts, and both run the cases of tests/support/failed_requests.json.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from services.audit import rrweb

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILED_STATUS = 400
"""Lowest HTTP status of a request that failed."""

MAX_STATUS = 999
"""Highest number that is a status; others are not known."""

_UNANSWERED = "xmlhttprequest"
"""The initiator with status 0 only where there was no answer."""

_UNANSWERED_AT_HOME = ("fetch", None)
"""Initiators with status 0 only where there was no answer from the page's own origin: a fetch to another one that
succeeds in mode no-cors has 0 as well, as has a picture or script that did load (Resource Timing, 4.5). None: not
recorded; it may be a fetch."""

_ORIGIN = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?//(?:[^/?#]*@)?([^/?#]*)")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?")
_SPACE = re.compile(r"\s+")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,15}")


class FailedRequest(NamedTuple):
    """A request that failed.

    Attributes:
        method: HTTP method in capitals; "": it was not recorded.
        address: Host and path, without spaces; "": not recorded.
        status: HTTP status; 0: there was no answer.
    """

    method: str
    address: str
    status: int

    def text(self, most: int) -> str:
        """Returns the request in at most `most` characters, such as "GET shop.example/api/cart 500"."""
        method = f"{self.method} " if self.method else ""
        address = self.address[: most - len(method) - 4]
        return f"{method}{address} {self.status}" if address else f"{method}{self.status}"


def failed_requests(data: rrweb.Data, page: str) -> Iterator[FailedRequest]:
    """Yields the requests of a Plugin event that failed; other plugins, and entries of another form, have none.

    Args:
        data: The event's data.
        page: URL of the page that made them, or its origin; "": not known.
    """
    if data.plugin is None or not data.plugin.startswith(rrweb.NETWORK_PLUGIN):
        return
    try:
        requests = rrweb.network_decoder.decode(data.payload).requests
    except (msgspec.MsgspecError, RecursionError):
        return
    for raw in requests:
        try:
            request = rrweb.request_decoder.decode(raw)
        except (msgspec.MsgspecError, RecursionError):
            continue
        status = _status_of(request, page)
        if status is not None and (status == 0 or status >= FAILED_STATUS):
            yield FailedRequest(_method(request.method), _address(request.name) or _address(request.url), status)


def origin_of(address: str, page: str = "") -> str:
    """Returns the origin of an address, such as "https://shop.example:8443"; "": the address is relative.

    Args:
        address: The address; one that begins with "//" has the page's scheme.
        page: URL of the page, or its origin; "": not known.
    """
    found = _ORIGIN.match(address.strip())
    if found is None:
        return ""
    scheme = (found[1] or origin_of(page).partition(":")[0]).lower()
    return f"{scheme}://{found[2].lower().removesuffix(_DEFAULT_PORTS.get(scheme, ':'))}"


def _status_of(request: rrweb.NetworkRequest, page: str) -> int | None:
    """Returns the status of a request; 0: there was no answer; None: it is not known."""
    measured = [number for each in (request.status, request.response_status) if (number := _status(each)) is not None]
    found = next((number for number in measured if number), None)
    if found is None and measured and _is_unanswered(request, page):
        return 0
    return found


def _is_unanswered(request: rrweb.NetworkRequest, page: str) -> bool:
    """Returns whether status 0 of a request means that there was no answer."""
    if request.initiator_type == _UNANSWERED:
        return True
    if request.initiator_type not in _UNANSWERED_AT_HOME:
        return False
    address = next((each for each in (request.name, request.url) if isinstance(each, str) and each.strip()), "")
    origin = origin_of(address, page)
    return not origin or origin == origin_of(page)


def _status(value: Any) -> int | None:
    if type(value) not in {int, float} or not 0 <= value <= MAX_STATUS or value != int(value):
        return None
    return int(value)


def _method(value: Any) -> str:
    method = value.strip().upper() if isinstance(value, str) else ""
    return method if _METHOD.fullmatch(method) else ""


def _address(value: Any) -> str:
    """Returns the host and path of an address; of a relative one, its path."""
    if not isinstance(value, str):
        return ""
    address = re.split(r"[?#]", value.strip(), maxsplit=1)[0]
    return _SPACE.sub("%20", _SCHEME.sub("", address, count=1) if _SCHEME.match(address) else address)
