"""How long recorders wait: from a chunk's frame to the ack that covers it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from afterimage.audit.v1.audit_service_pb2 import RecordSessionResponse

if TYPE_CHECKING:
    from prometheus_client import Histogram

_LONGEST_ACK_BYTES = 13  # two tags, a length and a varint of at most 10: whatever is longer is no ack
_MOST = 10_000  # chunks under way that are remembered; beyond, the oldest are not timed


class AckLag:
    """Times the chunks of one recorder."""

    __slots__ = ("_histogram", "_sent")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._sent: deque[tuple[int, float]] = deque(maxlen=_MOST)

    def sent(self, request: Any, now: float) -> None:
        """Notes a RecordSessionRequest that goes on to the service."""
        if seq := request.chunk.seq:  # 0 where it is no chunk
            self._sent.append((seq, now))

    def received(self, message: bytes, now: float) -> None:
        """Notes a serialised RecordSessionResponse that came back."""
        if len(message) > _LONGEST_ACK_BYTES:
            return
        through = RecordSessionResponse.FromString(message).ack.through_seq  # 0 where it is no ack
        while self._sent and self._sent[0][0] <= through:
            self._histogram.observe(now - self._sent.popleft()[1])
