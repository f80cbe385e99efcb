"""Sends one window of a foreign recording: a resumable RecordSession stream that reports dropped chunks."""

from __future__ import annotations

import asyncio
import gzip
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from afterimage_client.audit.v1 import (
    AuditServiceStub,
    ChunkRejected,
    RecordingAck,
    RecordingEnd,
    RecordingReady,
    RecordingStart,
    RecordSessionRequest,
    RejectReason,
)
from afterimage_client.recording.v1 import Chunk, ChunkEncoding
from betterproto import which_one_of

from services.cli.command import CommandError
from services.cli.transfer.recording import to_chunks
from services.export.rrweb_json.events import event_head
from services.export.rrweb_json.surrogates import hide_lone_surrogates

DROPPED_TAG = "afterimage.dropped"
"""Tag of the rrweb custom event in place of a refused chunk."""

CUSTOM = 5  # rrweb's EventType.Custom

MAX_UNACKED_CHUNKS = 16
MAX_UNACKED_BYTES = 4 * 1024**2
"""Half of the server's default limit, so that several windows at once do not delay each other."""

GZIP_LEVEL = 6

PATIENCE_S = 120.0
"""Maximum silence of the server while a chunk is unacknowledged."""

_GZIP, _IDENTITY = ChunkEncoding(ChunkEncoding.GZIP), ChunkEncoding(ChunkEncoding.IDENTITY)
_TOO_LARGE = RejectReason(RejectReason.TOO_LARGE)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(slots=True)
class WindowSent:
    """Result of a sent window.

    Attributes:
        chunks: Chunks sent and now durable.
        known_chunks: Chunks that were durable before.
        events: Events of the window, in chunks of both kinds.
        sent_bytes: Payload bytes sent, compressed.
        dropped: One sentence for each chunk that was refused.
    """

    chunks: int = 0
    known_chunks: int = 0
    events: int = 0
    sent_bytes: int = 0
    dropped: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Outgoing:
    """A chunk that is not acknowledged yet."""

    chunk: Chunk
    raw_bytes: int
    first_ms: float
    is_notice: bool = False


async def send_window(
    audit: AuditServiceStub, start: RecordingStart, events: Sequence[bytes], progress: Callable[[int], None]
) -> WindowSent:
    """Stores a window's events, from the point where an earlier attempt stopped; returns when all are durable.

    A chunk that the server refuses is replaced by a custom event that records this, and sending continues.

    Args:
        audit: With a token that may import.
        start: The first message.
        events: The window's rrweb events as JSON texts, in order.
        progress: Receives the number of durable events, as they become durable.

    Raises:
        CommandError: The server refuses even the custom event, or is silent for `PATIENCE_S`.
        GRPCError: The server ends the stream with an error.
    """
    return await _Sender(start, events, progress).send(audit)


class _Sender:
    def __init__(self, start: RecordingStart, events: Sequence[bytes], progress: Callable[[int], None]) -> None:
        self._start = start
        self._events = events
        self._progress = progress
        self._next_seq = 0
        self._max_chunk_bytes = 0
        self._unacked: dict[int, _Outgoing] = {}
        self._unacked_bytes = 0
        self._again: deque[int] = deque()
        self._news = asyncio.Event()
        self._result = WindowSent()

    async def send(self, audit: AuditServiceStub) -> WindowSent:
        answers = aiter(audit.record_session(self._requests()))
        while True:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    answer = await anext(answers)
            except StopAsyncIteration:
                break
            match which_one_of(answer, "message"):
                case ("ready", RecordingReady() as ready):
                    self._next_seq = ready.next_seq
                    self._max_chunk_bytes = ready.limits.max_chunk_bytes
                case ("ack", RecordingAck() as ack):
                    self._acknowledged(ack.through_seq)
                case ("rejected", ChunkRejected() as rejected):
                    self._refused(rejected)
                case _:  # commands to a recorder: nothing to flush here, and a stop is followed by an error
                    pass
            self._news.set()
        if self._unacked:
            raise CommandError("the server ended the stream before it had stored everything")
        return self._result

    async def _requests(self) -> AsyncIterator[RecordSessionRequest]:
        yield RecordSessionRequest(start=self._start)
        while not self._next_seq:
            await self._wait()
        chunks = self._chunks()
        last_seq, exhausted = 0, False
        while True:
            while self._again:
                if outgoing := self._unacked.get(self._again.popleft()):
                    yield RecordSessionRequest(chunk=outgoing.chunk)
            if not exhausted and self._has_room():
                outgoing = await asyncio.to_thread(next, chunks, None)
                if outgoing is None:
                    exhausted = True
                    continue
                outgoing = self._fitting(outgoing)
                last_seq = outgoing.chunk.seq
                self._unacked[last_seq] = outgoing
                self._unacked_bytes += len(outgoing.chunk.payload)
                self._result.sent_bytes += len(outgoing.chunk.payload)
                yield RecordSessionRequest(chunk=outgoing.chunk)
            elif exhausted and not self._unacked:
                break
            else:
                await self._wait()
        yield RecordSessionRequest(end=RecordingEnd(last_seq=last_seq))

    def _chunks(self) -> Iterator[_Outgoing]:
        """The chunks that the server does not have. Runs on a thread, one at a time."""
        for seq, text in enumerate(to_chunks(self._events), start=1):
            events = _events_of(text)
            self._result.events += len(events)
            if seq < self._next_seq:
                self._result.known_chunks += 1
                self._progress(len(events))
                continue
            payload = gzip.compress(text, GZIP_LEVEL, mtime=0)
            chunk = Chunk(seq=seq, encoding=_GZIP, payload=payload, event_count=len(events))
            yield _Outgoing(chunk, len(text), event_head(bytes(events[0])).timestamp)

    def _fitting(self, outgoing: _Outgoing) -> _Outgoing:
        """The chunk, or its replacement if it is over the server's limit: far over it, gRPC ends the stream."""
        size_bytes, most = len(outgoing.chunk.payload), self._max_chunk_bytes
        if not 0 < most < size_bytes:
            return outgoing
        why = f"payload: {size_bytes:,} bytes are more than max_chunk_bytes ({most:,})"
        seq = outgoing.chunk.seq
        return self._dropped(outgoing, ChunkRejected(seq=seq, reason=_TOO_LARGE, message=why))

    def _has_room(self) -> bool:
        return len(self._unacked) < MAX_UNACKED_CHUNKS and self._unacked_bytes < MAX_UNACKED_BYTES

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _acknowledged(self, through_seq: int) -> None:
        for seq in [seq for seq in self._unacked if seq <= through_seq]:
            outgoing = self._unacked.pop(seq)
            self._unacked_bytes -= len(outgoing.chunk.payload)
            self._result.chunks += 1
            self._progress(outgoing.chunk.event_count)

    def _refused(self, rejected: ChunkRejected) -> None:
        # A refused chunk is followed by those already in transit: each is answered with a gap, and all are sent again.
        outgoing = self._unacked.get(rejected.seq)
        if rejected.reason == RejectReason.GAP or outgoing is None:
            return
        if outgoing.is_notice:
            raise CommandError(f"chunk {rejected.seq} and its replacement were refused: {rejected.message}")
        self._unacked[rejected.seq] = notice = self._dropped(outgoing, rejected)
        self._unacked_bytes += len(notice.chunk.payload) - len(outgoing.chunk.payload)
        self._again = deque(seq for seq in sorted(self._unacked) if seq >= rejected.seq)

    def _dropped(self, outgoing: _Outgoing, rejected: ChunkRejected) -> _Outgoing:
        count = outgoing.chunk.event_count
        self._result.dropped.append(f"chunk {rejected.seq} with {count} events was refused: {rejected.message}")
        notice = _notice(outgoing, rejected)
        return _Outgoing(notice, len(notice.payload), outgoing.first_ms, is_notice=True)


def _events_of(text: bytes) -> list[msgspec.Raw]:
    try:
        return _raws.decode(text)
    except msgspec.DecodeError:
        return _raws.decode(hide_lone_surrogates(text))


def _notice(outgoing: _Outgoing, rejected: ChunkRejected) -> Chunk:
    """The chunk in place of a refused one."""
    payload: dict[str, Any] = {
        "events": outgoing.chunk.event_count,
        "bytes": outgoing.raw_bytes,
        "reason": RejectReason(rejected.reason).name,
        "message": rejected.message,
    }
    event = {"type": CUSTOM, "timestamp": outgoing.first_ms, "data": {"tag": DROPPED_TAG, "payload": payload}}
    text = msgspec.json.encode([event])
    return Chunk(seq=rejected.seq, encoding=_IDENTITY, payload=text, event_count=1)
