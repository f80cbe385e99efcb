"""HTTP Archive 1.2 (http://www.softwareishard.com/blog/har-12-spec/) of the requests recorded in a session.

The requests are those of the player's network tab: of rrweb's network plugin, after masking. A value that was not
recorded has the form that the specification has for it: "", 0 or -1.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from services.export.formats.csv_table import time_text
from services.export.formats.making import Made, Making, session_gone
from services.export.formats.sessions import opened_session, windows_of
from services.export.model import ExportError, SessionContent
from services.export.recordings import RecordedChunk, RecordedPage, RecordedSession
from services.export.rrweb_json.joining import ChunkError, events_of
from services.runtime.errors import NotFound

CONTENT_TYPE = "application/json"
PLUGIN = 6
"""rrweb's EventType.Plugin."""

NETWORK_PLUGIN = "rrweb/network"
MAX_STATUS = 999
_MOST = 1e15
_EARLIEST_MS = 1_000_000_000_000
"""Times before this (2001) are not in milliseconds since 1970: they count from the page's load."""


async def make_har(making: Making) -> Made:
    """Writes the archive; requests in the order in which they were reported, window by window."""
    content = making.export.content
    assert isinstance(content, SessionContent)  # noqa: S101 - the formats of each content
    session, keep_until_ms = await opened_session(making, content)
    windows = windows_of(session, content)
    making.plan(sum(window.chunk_count for window in windows))
    pages = _Pages(session, {window.window_id for window in windows})
    write = making.spool.write
    write(b'{"log":' + msgspec.json.encode(_head(session, pages))[:-1] + b',"entries":[')
    is_first = True
    for window in windows:
        number = 0
        try:
            async for chunk in making.recordings.chunks(content.session_id, window.window_id, content.start_ms):
                number += 1
                if entries := await asyncio.to_thread(_entries, chunk, number, session, content, pages):
                    write(entries if is_first else b"," + entries)
                    is_first = False
                making.step()
        except NotFound:
            if number:
                raise session_gone() from None
        except ChunkError as error:
            raise ExportError("DAMAGED", str(error)) from error
    write(b"]}}")
    return Made(f"session-{session.session_id}.har", CONTENT_TYPE, keep_until_ms)


class _Pages:
    """The page views of some windows, with the ids that they have in the archive."""

    def __init__(self, session: RecordedSession, windows: set[str]) -> None:
        self.shown = [page for page in session.pages if page.window_id in windows]
        self._of_window: dict[str, tuple[list[int], list[tuple[str, RecordedPage]]]] = {}
        for number, page in enumerate(self.shown, start=1):
            times, named = self._of_window.setdefault(page.window_id, ([], []))
            times.append(page.open_ms)
            named.append((f"page_{number}", page))

    def at(self, window_id: str, ms: float) -> tuple[str, RecordedPage] | None:
        """Returns id and page that a window showed at a time; None: not known."""
        times, named = self._of_window.get(window_id, ([], []))
        place = bisect_right(times, ms) - 1
        return named[place] if place >= 0 else None


def _head(session: RecordedSession, pages: _Pages) -> dict[str, Any]:
    head: dict[str, Any] = {"version": "1.2", "creator": {"name": "Afterimage", "version": version("afterimage")}}
    if session.browser:
        head["browser"] = {"name": session.browser, "version": ""}
    head["pages"] = [
        {
            "startedDateTime": time_text(page.open_ms),
            "id": f"page_{number}",
            "title": page.url,
            "pageTimings": {"onContentLoad": -1, "onLoad": -1},
        }
        for number, page in enumerate(pages.shown, start=1)
    ]
    return head


def _entries(
    chunk: RecordedChunk, number: int, session: RecordedSession, content: SessionContent, pages: _Pages
) -> bytes:
    """Returns the requests in a chunk, separated by commas."""
    start_ms = session.start_ms + (content.start_ms or 0)
    end_ms = None if content.end_ms is None else session.start_ms + content.end_ms
    found = []
    for head, event in events_of(chunk.payload, chunk.window_id, number):
        if head.type != PLUGIN or NETWORK_PLUGIN.encode() not in event:
            continue
        for request in _requests(event):
            began_ms = _began_ms(request, head.timestamp)
            if began_ms < start_ms or (end_ms is not None and began_ms >= end_ms):
                continue
            found.append(msgspec.json.encode(_entry(request, began_ms, pages.at(chunk.window_id, began_ms))))
    return b",".join(found)


def _requests(event: bytes) -> Iterator[dict[str, Any]]:
    try:
        data = msgspec.json.decode(event.decode(errors="replace"))["data"]
        plugin, payload = data["plugin"], data["payload"]
        if not plugin.startswith(NETWORK_PLUGIN):
            return
        requests = payload["requests"]
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError, AttributeError):
        return
    if isinstance(requests, list):
        yield from (request for request in requests if isinstance(request, dict))


def _began_ms(request: dict[str, Any], reported_ms: float) -> float:
    own_ms = _number(request, "timestamp")
    return own_ms if own_ms >= _EARLIEST_MS else max(reported_ms - _duration_ms(request), 0)


def _duration_ms(request: dict[str, Any]) -> float:
    measured = _number(request, "duration")
    return measured or max(_number(request, "endTime", "responseEnd") - _number(request, "startTime"), 0.0)


def _entry(request: dict[str, Any], began_ms: float, page: tuple[str, RecordedPage] | None) -> dict[str, Any]:
    duration_ms = _duration_ms(request)
    entry: dict[str, Any] = {} if page is None else {"pageref": page[0]}
    entry |= {
        "startedDateTime": time_text(round(began_ms)),
        "time": duration_ms,
        "request": _request(request),
        "response": _response(request),
        "cache": {},
        "timings": _timings(request, duration_ms),
    }
    if kind := _text(request, "initiatorType"):
        entry["_initiator"] = kind
    return entry


def _request(request: dict[str, Any]) -> dict[str, Any]:
    url = _text(request, "name", "url")
    try:
        query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        query = []
    headers = _headers(request.get("requestHeaders"))
    made: dict[str, Any] = {
        "method": _text(request, "method").upper(),
        "url": url,
        "httpVersion": _text(request, "nextHopProtocol"),
        "cookies": [],
        "headers": headers,
        "queryString": [{"name": name, "value": value} for name, value in query],
        "headersSize": -1,
        "bodySize": -1,
    }
    if (body := request.get("requestBody")) is not None:
        text = _body(body)
        made["postData"] = {"mimeType": _content_type(headers), "params": [], "text": text}
        made["bodySize"] = len(text.encode(errors="replace"))
    return made


def _response(request: dict[str, Any]) -> dict[str, Any]:
    status = int(next((found for name in ("status", "responseStatus") if (found := _number(request, name))), 0))
    headers = _headers(request.get("responseHeaders"))
    encoded, decoded = _size(request, "encodedBodySize"), _size(request, "decodedBodySize")
    content: dict[str, Any] = {"size": max(decoded, 0), "mimeType": _content_type(headers)}
    if (body := request.get("responseBody")) is not None:
        content["text"] = _body(body)
        content["size"] = max(decoded, len(content["text"].encode(errors="replace")))
    return {
        "status": status if status <= MAX_STATUS else 0,
        "statusText": _text(request, "statusText"),
        "httpVersion": _text(request, "nextHopProtocol"),
        "cookies": [],
        "headers": headers,
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": encoded,
    }


def _timings(request: dict[str, Any], duration_ms: float) -> dict[str, float]:
    """Returns the phases, as far as the browser measured them; else all of the time was waiting."""
    names = ("fetchStart", "domainLookupStart", "domainLookupEnd", "connectStart", "connectEnd", "requestStart")
    fetch, dns, dns_end, connect, connect_end, sent = (_number(request, name) for name in names)
    answered, ended = _number(request, "responseStart"), _number(request, "responseEnd", "endTime")
    if not 0 < sent <= answered <= ended:
        return {"send": 0, "wait": duration_ms, "receive": 0}
    found = {"send": 0.0, "wait": answered - sent, "receive": ended - answered}
    if 0 < fetch <= dns <= dns_end:
        found |= {"blocked": dns - fetch, "dns": dns_end - dns}
    if 0 < connect <= connect_end:
        found["connect"] = connect_end - connect
    return found


def _headers(value: Any) -> list[dict[str, str]]:
    """Returns headers, recorded as an object or as a list of names and values."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(one.get("name"), one.get("value")) for one in value if isinstance(one, dict)]
    else:
        pairs = []
    return [{"name": name, "value": _body(given)} for name, given in pairs if isinstance(name, str) and name]


def _content_type(headers: list[dict[str, str]]) -> str:
    return next((header["value"] for header in headers if header["name"].lower() == "content-type"), "")


def _body(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def _text(request: dict[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := request.get(name), str) and value), "")


def _number(request: dict[str, Any], *names: str) -> float:
    """Returns the first of the numbers that is above 0; 0: none of them."""
    for name in names:
        value = request.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _MOST:
            return float(value)
    return 0.0


def _size(request: dict[str, Any], name: str) -> int:
    value = request.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST:
        return int(value)
    return -1
