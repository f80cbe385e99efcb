"""Latency of acks: the time from a chunk's frame to the ack that covers it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from afterimage.audit.v1.audit_service_pb2 import RecordSessionResponse

if TYPE_CHECKING:
    from prometheus_client import Histogram

_LONGEST_ACK_BYTES = 13  # two tags, a length and a varint of at most 10; longer messages are not acks
_MOST = 10_000  # maximum number of unacknowledged chunks that are timed; above it, the oldest are dropped


class AckLag:
    """Measures the ack latency of one recorder."""

    __slots__ = ("_histogram", "_sent")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._sent: deque[tuple[int, float]] = deque(maxlen=_MOST)

    def sent(self, request: Any, now: float) -> None:
        """Registers a RecordSessionRequest that is forwarded to the service."""
        if seq := request.chunk.seq:  # 0 for other messages
            self._sent.append((seq, now))

    def received(self, message: bytes, now: float) -> None:
        """Registers a serialised RecordSessionResponse of the service."""
        if len(message) > _LONGEST_ACK_BYTES:
            return
        through = RecordSessionResponse.FromString(message).ack.through_seq  # 0 for other messages
        while self._sent and self._sent[0][0] <= through:
            self._histogram.observe(now - self._sent.popleft()[1])
