"""How long recorders wait: from a chunk's frame to the ack that covers it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import Histogram

_MOST = 10_000  # chunks under way that are remembered; beyond, the oldest are not timed


class AckLag:
    """Times the chunks of one recorder."""

    __slots__ = ("_histogram", "_sent")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._sent: deque[tuple[int, float]] = deque(maxlen=_MOST)

    def sent(self, request: Any, now: float) -> None:
        """Notes a RecordSessionRequest that goes on to the service."""
        if request.WhichOneof("message") == "chunk":
            self._sent.append((request.chunk.seq, now))

    def received(self, response: Any, now: float) -> None:
        """Notes a RecordSessionResponse that came back."""
        if response.WhichOneof("message") != "ack":
            return
        through = response.ack.through_seq
        while self._sent and self._sent[0][0] <= through:
            self._histogram.observe(now - self._sent.popleft()[1])
