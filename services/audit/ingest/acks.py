"""Acknowledgement of a window's chunks: those that are durable, and all before them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ack:
    """Everything up to this seq is durable."""

    through_seq: int


class Acks:
    """Decides which chunks of a window are acknowledged.

    Args:
        max_unacked_bytes: Maximum size of the payloads that wait for storage, passed by at most one chunk.
    """

    def __init__(self, max_unacked_bytes: int) -> None:
        self._max_unacked_bytes = max_unacked_bytes
        self._unacked_bytes = 0
        self._stored_seq = 0
        self._acked_seq = 0

    @property
    def is_full(self) -> bool:
        """Whether the recorder must wait until chunks are stored."""
        return self._unacked_bytes > self._max_unacked_bytes

    def resume(self, seq: int) -> None:
        """Resumes after the last stored chunk, which the recorder learns from the first message."""
        self._stored_seq = self._acked_seq = seq

    def received(self, size_bytes: int) -> None:
        """Notes a payload that waits for storage."""
        self._unacked_bytes += size_bytes

    def withdrawn(self, size_bytes: int) -> None:
        """Notes a payload that no longer waits: it was not submitted."""
        self._unacked_bytes -= size_bytes

    def stored(self, seq: int, size_bytes: int) -> None:
        """Notes a chunk that is durable. Chunks of a window are stored in their order."""
        self._unacked_bytes -= size_bytes
        self._stored_seq = seq

    def repeat(self, seq: int) -> bool:
        """Repeats the ack of a chunk that was sent again; returns False while it is not stored yet."""
        if seq > self._stored_seq:
            return False
        self._acked_seq = min(self._acked_seq, seq - 1)
        return True

    def due(self) -> Ack | None:
        """Returns the ack to send now, which counts as sent; None: there is no news."""
        if self._stored_seq <= self._acked_seq:
            return None
        self._acked_seq = self._stored_seq
        return Ack(self._stored_seq)
