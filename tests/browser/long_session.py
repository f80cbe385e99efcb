"""A session of half an hour, as a busy page gives it: a chunk every two seconds, a full snapshot every five minutes."""

from __future__ import annotations

from .rrweb_events import element, opened, text

MINUTES = 30
CHUNK_MS = 2_000
SNAPSHOT_MS = 5 * 60_000
NODES = 600
"""Rows of the page, each of three nodes; a full snapshot of it has about as many bytes as the mean of real ones."""


def long_session(start_ms):
    """Returns the chunks. At second n the heading is "Second n", the rows were changed and the pointer has moved."""
    chunks = []
    for chunk_ms in range(0, MINUTES * 60_000, CHUNK_MS):
        at_ms = start_ms + chunk_ms
        events = _page(at_ms, chunk_ms // 1000) if chunk_ms % SNAPSHOT_MS == 0 else []
        for step in range(2):
            second = chunk_ms // 1000 + step
            events += _second(start_ms + second * 1000 + 100, second)
        chunks.append(events)
    return chunks


def _page(at_ms, second):
    rows = [
        element(100 + 3 * row, "li", {"class": "row", "data-number": str(row)}, _label(row)) for row in range(NODES)
    ]
    heading = element(10, "h1", {"id": "second"}, text(11, f"Second {second}"))
    return opened(at_ms, "https://shop.example/long", [heading, element(12, "ul", {}, *rows)])


def _label(row):
    words = f"Row {row}: a lamp of brass and linen, made by hand in a workshop between the harbour and the hills"
    return element(101 + 3 * row, "span", {"class": "label", "style": "color: #333"}, text(102 + 3 * row, words))


def _second(at_ms, second):
    texts = [{"id": 11, "value": f"Second {second}"}]
    texts += [{"id": 102 + 3 * ((second * 7 + k) % NODES), "value": f"changed in second {second}"} for k in range(10)]
    mutation = {"source": 0, "texts": texts, "attributes": [], "removes": [], "adds": []}
    positions = [
        {"x": 100 + (second * 13 + k) % 900, "y": 100 + (second * 7 + k) % 500, "id": 4, "timeOffset": k * 50 - 450}
        for k in range(10)
    ]
    return [
        {"type": 3, "timestamp": at_ms, "data": mutation},
        {"type": 3, "timestamp": at_ms + 500, "data": {"source": 1, "positions": positions}},
    ]
