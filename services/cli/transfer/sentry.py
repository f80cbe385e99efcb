"""Sentry Replay: breadcrumbs and performance spans as console messages, requests, pages and clicks.

Sentry's recorder writes both as Custom events, and some of them late or with a time in seconds:

    {"tag": "breadcrumb", "payload": {"timestamp" (s), "category", "level", "message", "data"}}
    {"tag": "performanceSpan", "payload": {"op", "description", "startTimestamp" (s), "endTimestamp" (s), "data"}}

Taken over are console messages, requests, changes of the URL, and clicks that rrweb did not record. Other breadcrumbs
and spans (memory, paint, web vitals, mutation counts) stay the Custom events that they are.
"""

from __future__ import annotations

import heapq
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

CONSOLE_PLUGIN, NETWORK_PLUGIN = "rrweb/console@1", "rrweb/network@1"
URL_TAG = "afterimage.url"
"""Tag of the Custom event with which Afterimage's recorder reports a change of the URL without a page load."""

NEAR_MS = 1_000
"""A click of Sentry's and one of rrweb's this close are one: Sentry judges a click up to a second after it."""

_META, _INCREMENTAL, _CUSTOM, _PLUGIN = 4, 3, 5, 6  # rrweb's EventType
_MOUSE_INTERACTION, _CLICK = 2, 2
_LEVELS = {"fatal": "error", "error": "error", "warning": "warn", "warn": "warn", "info": "info", "debug": "debug"}
_FETCHES = {"fetch", "xhr"}
_Converted = tuple[str, dict[str, Any]]
"""An event, and its name in messages."""
_CLICKS = {"ui.click", "ui.slowClickDetected", "ui.multiClick"}


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event's text and its time in milliseconds since 1970 UTC."""

    ms: float
    text: bytes


@dataclass(slots=True)
class FromSentry:
    """Result: the events in their order, and the number of those taken over, by kind."""

    events: list[TimedEvent]
    taken: Counter[str] = field(default_factory=Counter)


def is_sentrys(event: bytes) -> bool:
    """Returns whether an event is a breadcrumb or span of Sentry's."""
    return (b'"performanceSpan"' in event or b'"breadcrumb"' in event) and _custom(event) is not None


def take_over(events: Sequence[TimedEvent]) -> FromSentry:
    """Returns a window's events with Sentry's breadcrumbs and spans in their place in time.

    rrweb's events keep their order, even where their clock was set back.
    """
    others: list[TimedEvent] = []
    sentrys: list[tuple[TimedEvent, dict[str, Any]]] = []
    clicks_ms: list[float] = []
    pages: list[tuple[float, str]] = []
    for event in events:
        custom = _custom(event.text) if b'"performanceSpan"' in event.text or b'"breadcrumb"' in event.text else None
        if custom is not None:
            sentrys.append((event, custom))
            continue
        others.append(event)
        if (href := _page(event.text)) is not None:
            pages.append((event.ms, href))
        elif _is_click(event.text):
            clicks_ms.append(event.ms)
    clicks_ms.sort()
    result = FromSentry([])
    placed: list[TimedEvent] = []
    for event, custom in sorted(sentrys, key=lambda found: found[0].ms):
        page = next((href for ms, href in reversed(pages) if ms <= event.ms), "")
        converted = _converted(custom, event.ms, page, clicks_ms, result.taken)
        if converted is None:
            placed.append(event)
            continue
        placed.append(TimedEvent(event.ms, json.dumps(converted, separators=(",", ":")).encode()))
        if converted["type"] == _INCREMENTAL:  # a click has less in it than its breadcrumb, which stays
            placed.append(event)
    result.events = [event for _, event in heapq.merge(_due(others), _due(placed), key=lambda timed: timed[0])]
    return result


def _due(events: Iterable[TimedEvent]) -> Iterable[tuple[float, TimedEvent]]:
    due_ms = float("-inf")
    for event in events:
        due_ms = max(due_ms, event.ms)
        yield due_ms, event


def _custom(event: bytes) -> dict[str, Any] | None:
    """The data of a breadcrumb or span; None: it is something else."""
    try:
        found = json.loads(event)
    except (ValueError, RecursionError):
        return None
    data = found.get("data")
    if found.get("type") != _CUSTOM or not isinstance(data, dict) or not isinstance(data.get("payload"), dict):
        return None
    return data if data.get("tag") in ("breadcrumb", "performanceSpan") else None


def _page(event: bytes) -> str | None:
    """The URL of a Meta event."""
    if b'"href"' not in event or len(event) > 100_000:
        return None
    try:
        found = json.loads(event)
    except (ValueError, RecursionError):
        return None
    data = found.get("data")
    return str(data.get("href", "")) if found.get("type") == _META and isinstance(data, dict) else None


def _is_click(event: bytes) -> bool:
    if len(event) > 1_000:
        return False
    try:
        found = json.loads(event)
    except (ValueError, RecursionError):
        return False
    data = found.get("data")
    return (
        found.get("type") == _INCREMENTAL
        and isinstance(data, dict)
        and (data.get("source"), data.get("type")) == (_MOUSE_INTERACTION, _CLICK)
    )


def _converted(
    custom: dict[str, Any], ms: float, page: str, clicks_ms: Sequence[float], taken: Counter[str]
) -> dict[str, Any] | None:
    """The event in place of a breadcrumb or span; None: it stays."""
    payload = custom["payload"]
    details = payload.get("data") if isinstance(payload.get("data"), dict) else {}
    found = _of_span(payload, details, ms, page) if custom["tag"] == "performanceSpan" else None
    if custom["tag"] == "breadcrumb":
        found = _of_breadcrumb(payload, details, ms, page, clicks_ms)
    if found is None:
        return None
    kind, event = found
    taken[kind] += 1
    return event


def _of_span(payload: dict[str, Any], details: dict[str, Any], ms: float, page: str) -> _Converted | None:
    operation, description = str(payload.get("op", "")), payload.get("description")
    if operation.startswith("resource."):
        return "request", _request(payload, details, operation.removeprefix("resource."), ms)
    if operation == "navigation.push" and isinstance(description, str):
        return "change of the URL", _event(_CUSTOM, ms, tag=URL_TAG, payload={"href": urljoin(page, description)})
    return None


def _of_breadcrumb(
    payload: dict[str, Any], details: dict[str, Any], ms: float, page: str, clicks_ms: Sequence[float]
) -> _Converted | None:
    category, url, to = payload.get("category"), details.get("url"), details.get("to")
    if category == "console":
        return "console message", _message(payload, details, ms)
    if category in _FETCHES and isinstance(url, str):
        span = {"description": url}
        return "request", _request(span, details | {"statusCode": details.get("status_code")}, str(category), ms)
    if category == "navigation" and isinstance(to, str):
        return "change of the URL", _event(_CUSTOM, ms, tag=URL_TAG, payload={"href": urljoin(page, to)})
    if category in _CLICKS and (node := _node(details)) is not None and not _is_near(ms, clicks_ms):
        return "click", _event(_INCREMENTAL, ms, source=_MOUSE_INTERACTION, type=_CLICK, id=node)
    return None


def _message(payload: dict[str, Any], details: dict[str, Any], ms: float) -> dict[str, Any]:
    arguments = details.get("arguments")
    if not isinstance(arguments, list) or not arguments:
        arguments = [payload.get("message", "")]
    level = _LEVELS.get(str(payload.get("level", "")), "log")
    words = [json.dumps(argument) for argument in arguments]
    return _event(_PLUGIN, ms, plugin=CONSOLE_PLUGIN, payload={"level": level, "trace": [], "payload": words})


def _request(payload: dict[str, Any], details: dict[str, Any], kind: str, ms: float) -> dict[str, Any]:
    start, end = (payload.get(name) for name in ("startTimestamp", "endTimestamp"))
    # Sentry's times are seconds; the duration is right in any unit that the file has for the event itself.
    duration_ms = 0.0
    if isinstance(start, int | float) and isinstance(end, int | float):
        per = 1_000 if start < ms / 100 else 1
        duration_ms = round(max(end - start, 0) * per, 3)
    status = details.get("statusCode")
    request: dict[str, Any] = {
        "name": str(payload.get("description", "")),
        "method": str(details.get("method") or "GET"),
        "initiatorType": "xmlhttprequest" if kind == "xhr" else kind,
        "entryType": "resource",
        "timestamp": ms,
        "startTime": 0,
        "endTime": duration_ms,
        "duration": duration_ms,
    }
    # A picture or script of another origin has status 0 without having failed (Resource Timing, 4.5).
    if isinstance(status, int) and (status or kind in _FETCHES):
        request["status"] = status
    for side in ("request", "response"):
        part = details.get(side)
        if isinstance(part, dict):
            request |= {f"{side}{name.title()}": part[name] for name in ("headers", "body") if name in part}
    return _event(_PLUGIN, ms, plugin=NETWORK_PLUGIN, payload={"requests": [request]})


def _node(details: dict[str, Any]) -> int | None:
    node = details.get("nodeId")
    if not isinstance(node, int) and isinstance(details.get("node"), dict):
        node = details["node"].get("id")
    return node if isinstance(node, int) and node > 0 else None


def _is_near(ms: float, times_ms: Sequence[float]) -> bool:
    at = bisect_left(times_ms, ms - NEAR_MS)
    return at < len(times_ms) and times_ms[at] <= ms + NEAR_MS


def _event(kind: int, ms: float, **data: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": ms, "data": data}
