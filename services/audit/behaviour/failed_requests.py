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

_MEASURED = ("fetch", "xmlhttprequest", None)
"""Initiators with status 0 only where there was no answer; None: not recorded. Browsers measure 0 as well for a picture
or script of another origin that did load (Resource Timing, 4.5)."""

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


def failed_requests(data: rrweb.Data) -> Iterator[FailedRequest]:
    """Yields the requests of a Plugin event that failed; other plugins, and entries of another form, have none."""
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
        status = _status_of(request)
        if status is not None and (status == 0 or status >= FAILED_STATUS):
            yield FailedRequest(_method(request.method), _address(request.name) or _address(request.url), status)


def _status_of(request: rrweb.NetworkRequest) -> int | None:
    """Returns the status of a request; 0: there was no answer; None: it is not known."""
    measured = [number for each in (request.status, request.response_status) if (number := _status(each)) is not None]
    found = next((number for number in measured if number), None)
    if found is None and measured and request.initiator_type in _MEASURED:
        return 0
    return found


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
