"""One window that is being recorded: from the first message of a stream to the last ack.

A `Recording` processes chunks in order and tracks the last stored one; open_recordings.py keeps one per window.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from enum import IntEnum

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.behaviour.interactions import has_open_run
from services.audit.ingest.acks import Ack, Acks
from services.audit.ingest.batch_writer import BatchEntry, EntrySink
from services.audit.ingest.detect import ended, settled
from services.audit.ingest.first_page import begun_at, first_page
from services.audit.ingest.page_history import PAUSE_S, PageHistories
from services.audit.ingest.page_mirrors import NO_HISTORY, HistoryNeeded, PageHistory
from services.audit.ingest.process_chunk import ChunkProcessor, Folded, ProcessedChunk, SentChunk
from services.audit.ingest.quotas import Account, Charge
from services.audit.ingest.sender import Sender
from services.audit.ingest.session_claims import continued
from services.audit.live.hub import LiveHub
from services.audit.model import ChunkRow, Total, WindowHead, WindowKey
from services.audit.payload import BadPayload, Bounds
from services.audit.storage.engine.engine import StorageFull
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.audit.window_state import WindowState, read_state
from services.runtime.errors import (
    Aborted,
    AfterimageError,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    Unavailable,
)

MAX_SEQ = 0xFFFF_FFFF
MAX_REJECTED_IN_A_ROW = 100
MAX_GAPS_IN_A_ROW = 10_000
"""Higher than the limit of rejections: all chunks already in flight after a rejected one are gaps."""

FRESH_SNAPSHOT_MS = 60_000
"""A viewer that joins later than this after the last full snapshot makes the recorder take a new one."""


class RejectReason(IntEnum):
    """Why a chunk was not stored: the contract's RejectReason."""

    GAP = 1
    TOO_LARGE = 2
    INVALID_PAYLOAD = 3
    INVALID_TIME = 4


@dataclass(frozen=True, slots=True)
class Rejected:
    """Message to the recorder: a chunk was not stored."""

    seq: int
    reason: RejectReason
    message: str
    expected_seq: int


@dataclass(frozen=True, slots=True)
class Flush:
    """Command to the recorder: flush events at this interval."""

    interval_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Command to the recorder: take a full snapshot."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Command to the recorder: stop, and do not reconnect."""

    reason: str


Message = Ack | Rejected | Flush | Snapshot | Stop


@dataclass(frozen=True, slots=True)
class IngestRules:
    """Limits on a recorder's chunks, and the intervals at which it is asked to flush."""

    bounds: Bounds
    max_unacked_bytes: int
    flush_interval_s: float
    watched_flush_interval_s: float
    behaviour: BehaviourRules | None = field(default_factory=BehaviourRules)
    """None disables interaction detection."""
    require_secret: bool = False
    """Whether a stream must bring a session secret; imports need none."""
    separate_streams: bool = False
    """Whether the end of the stream does not mean that the visitor has left."""


@dataclass(slots=True)
class RecordingCounts:
    """Totals over all recordings of this server since its start."""

    without_secret: int = 0
    """Streams that recorded without a session secret, imports aside."""
    refused: Counter[str] = field(default_factory=Counter)
    """Streams that may not record into their session or window, by the error's reason."""
    rejected: Counter[RejectReason] = field(default_factory=Counter)
    masked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By rule and field class."""
    departures: Counter[str] = field(default_factory=Counter)
    """Windows with open findings judged without an end, by reason: "left", "timed_out"."""
    repeated_events: int = 0
    """Events that repeat another one, and count once."""
    clocks_set_back: int = 0
    """Times that a visitor's clock was set back while a window was recorded."""
    unnamed: Counter[str] = field(default_factory=Counter)
    """Interactions without a target that could have one, by reason."""


class Recording:
    """A window's stream. Created by `Recordings.open`."""

    def __init__(
        self,
        head: WindowHead,
        rules: IngestRules,
        intake: ChunkProcessor,
        store: RecordingStore,
        committer: EntrySink,
        hub: LiveHub,
        space: FreeSpace,
        counts: RecordingCounts,
        opened_us: int,
        sender: Sender,
        account: Account | None,
        histories: PageHistories,
    ) -> None:
        self.head = head
        self.opened_us = opened_us
        self._sender = sender
        self._account = account
        self.next_seq = 1
        """Seq of the next expected chunk; chunks on their way to storage count as received."""
        self._rules = rules
        self._intake = intake
        self._store = store
        self._committer = committer
        self._hub = hub
        self._space = space
        self._counts = counts
        self._state: Folded = WindowState()
        self._histories = histories
        self._unstored: dict[int, ChunkRow] = {}
        """Chunks on their way to storage, by seq."""
        self._no_history_until_s = 0.0
        """Time by the event loop's clock until which no history of the page is asked for."""
        self._order_ms = 0
        self._head_stored = False
        self._must_announce = False
        self._turn = asyncio.Lock()
        """Held during each change of the window's state."""
        self._has_page = False
        """A Meta event was recorded in the window: its head has the first page."""
        self._has_ended = False
        """The window had ended before this stream."""
        self._acks = Acks(rules.max_unacked_bytes)
        self._pending = 0
        self._rejected_in_a_row = 0
        self._gaps_in_a_row = 0
        self._snapshot_ms = 0
        self._snapshot_asked_ms = 0
        self._silent = False
        self._is_refused = False
        """Nothing more of the window can be stored."""
        self._news = asyncio.Event()
        self._progress = asyncio.Event()
        self._outbox: deque[Rejected | Flush | Snapshot | Stop] = deque()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def key(self) -> WindowKey:
        """The window."""
        return self.head.key

    @property
    def may_be_left(self) -> bool:
        """Whether the end of the stream leaves a window open that has chunks."""
        return self.next_seq > 1 and not self.head.ended and not self._has_ended

    @property
    def has_separate_streams(self) -> bool:
        """Whether the end of the stream does not mean that the visitor has left."""
        return self._rules.separate_streams

    @property
    def secret_hash(self) -> bytes:
        """Hash of the session's secret."""
        return self.head.secret_hash

    def describe(self, sent: WindowHead, stored: WindowHead | None, first: WindowHead) -> None:
        """Sets the window's head: the stored one, with the changes that the stream may make (`continued`)."""
        self.head = continued(sent, stored, first)
        self._head_stored = stored == self.head
        if stored is not None and not stored.ended:
            self._must_announce = stored.left_ms > 0 or stored.server != self.head.server
        # A file that was imported before may have grown since; an import goes on after its end.
        self._has_ended = stored is not None and stored.ended and not sent.imported

    def resume(self, seq: int, state: WindowState) -> None:
        """Resumes after the last stored chunk."""
        self._state = state
        self._order_ms = state.order_ms
        self._has_page = state.totals[Total.PAGES] > 0
        self._acks.resume(seq)
        self.next_seq = seq + 1

    async def announce(self) -> None:
        """Stores that this server has the window's stream, where storage has another one, or that it was left."""
        if self._must_announce and self.next_seq > 1:
            self._must_announce, self._head_stored = False, True
            await self._submit(self._entry(self._changed, head=self.head), 0)

    async def take(self, sent: SentChunk) -> None:
        """Processes one chunk; a later message acknowledges or rejects it, or it is ignored.

        Waits while too many bytes are unacknowledged; this stops the reading of the stream.

        Raises:
            InvalidArgument: If the seq is not positive, or too many chunks in a row were rejected.
            FailedPrecondition: The window has ended (WINDOW_ENDED).
            StorageFull: There is no space for new chunks; accepted ones are still stored.
            ResourceExhausted: A quota has no room for it, or too much of the sender was rejected (ingest/quotas.py).
        """
        if not 0 < sent.seq <= MAX_SEQ:
            raise InvalidArgument.of("chunk.seq", f"must be from 1 to {MAX_SEQ}, not {sent.seq}")
        if sent.seq < self.next_seq:
            if self._acks.repeat(sent.seq):
                self._news.set()
            return
        if sent.seq > self.next_seq:
            self._reject(sent.seq, RejectReason.GAP, f"seq: {self.next_seq} is expected, {sent.seq} leaves a gap")
            return
        if self._has_ended:
            self._counts.refused["WINDOW_ENDED"] += 1
            raise FailedPrecondition(
                f"chunk.seq: the window has ended with chunk {self.next_seq - 1}; record into another window",
                reason="WINDOW_ENDED",
            )
        self._space.require()
        try:
            async with self._turn:
                await self._take_next(sent)
        except BadPayload as error:
            if self._account is not None:
                self._account.rejected(len(sent.payload), error.cpu_s)
            self._reject(sent.seq, RejectReason[error.fault.name], str(error))

    async def end(self, last_seq: int) -> None:
        """Marks the window as ended once all accepted chunks are durable.

        Raises:
            FailedPrecondition: If the chunk `last_seq` was not accepted.
            InvalidArgument: If it is negative.
        """
        if last_seq < 0:
            raise InvalidArgument.of("end.last_seq", f"must not be negative, is {last_seq}")
        if last_seq >= self.next_seq:
            raise FailedPrecondition(
                f"end.last_seq: {last_seq} is not stored, the last stored chunk is {self.next_seq - 1}",
                reason="CHUNKS_MISSING",
            )
        if self.next_seq > 1 and not self._has_ended:
            async with self._turn:
                self.head = replace(self.head, ended=True)
                await self._submit(self._entry(self._ended, await self._end_row(), self.head, again=True), 0)
        await self.drained()

    async def leave(self, left_ms: int) -> None:
        """Judges the window's open findings from its recording, and marks it as left once they are durable.

        Args:
            left_ms: The server's time; 0: the window has timed out, and is not marked.
        """
        async with self._turn:
            row = await self._end_row()
            if left_ms:
                self.head = replace(self.head, left_ms=left_ms)
                await self._submit(self._entry(self._ended, row, self.head, again=True), 0)
            elif row is not None:
                await self._submit(self._entry(self._changed, row, again=True), 0)
            self._counts.departures["left" if left_ms else "timed_out"] += 1
        await self.drained()

    async def settle(self) -> None:
        """Judges runs of clicks or turns that are only waiting for the next event, in a window without any."""
        rules = self._rules.behaviour
        if rules is None or not self.may_be_left:
            return
        async with self._turn:
            if not has_open_run(self._folded().behaviour, rules):
                return
            row = await self._end_row(settled)
            if row is not None:
                await self._submit(self._entry(self._changed, row, again=True), 0)

    async def drained(self) -> None:
        """Waits until all accepted chunks are durable."""
        while self._pending:
            self._progress.clear()
            await self._progress.wait()

    async def messages(self) -> list[Message]:
        """Waits for messages to the recorder and returns them; acks are cumulative. Empty: there are no more."""
        while True:
            await self._news.wait()
            if not self._silent:
                self._news.clear()
            if (found := self.messages_now()) or self._silent:
                return found

    def messages_now(self) -> list[Message]:
        """Returns the messages to the recorder that are pending at this moment."""
        found: list[Message] = []
        if ack := self._acks.due():
            found.append(ack)
        found.extend(self._outbox)
        self._outbox.clear()
        return found

    def say_no_more(self) -> None:
        """Ends `messages` once it has returned the pending messages."""
        self._silent = True
        self._news.set()

    async def broken(self) -> None:
        """Waits until the server must end the stream, and raises the reason."""
        await asyncio.shield(self._broken)

    def break_off(self, error: AfterimageError) -> None:
        """Ends the stream with an error; accepted chunks are still stored."""
        if not self._broken.done():
            self._broken.set_exception(error)
            self._broken.exception()  # waiters get it; asyncio does not warn when there are no waiters

    def raise_if_broken(self) -> None:
        """Raises the error that the stream was broken off with, if any."""
        if self._broken.done() and (error := self._broken.exception()):
            raise error

    def set_watched(self, watched: bool) -> None:
        """Asks the recorder to flush faster, and for a full snapshot when the last one is old."""
        rules = self._rules
        self._say(Flush(rules.watched_flush_interval_s if watched else rules.flush_interval_s))
        if watched:
            self.viewer_joined()

    def viewer_joined(self) -> None:
        """Asks the recorder for a full snapshot when the last one is old and no newer request is pending."""
        latest_ms = max(self._snapshot_ms, self._snapshot_asked_ms)
        if self._order_ms - latest_ms > FRESH_SNAPSHOT_MS:
            self._snapshot_asked_ms = self._order_ms
            self._say(Snapshot())

    def superseded(self) -> None:
        """Ends the stream: a newer one records the window."""
        self.break_off(Aborted("a newer stream records this window", reason="SUPERSEDED"))

    def taken(self) -> None:
        """Ends the stream: on another server, one with another secret began this session before it."""
        self._counts.refused["SESSION_SECRET_WRONG"] += 1
        self.break_off(PermissionDenied("another recorder began this session earlier", reason="SESSION_SECRET_WRONG"))

    def stop(self, reason: str) -> None:
        """Sends the recorder the command to stop, and ends the stream."""
        self._say(Stop(reason))
        self.break_off(FailedPrecondition(reason, reason="RECORDING_STOPPED"))

    def give_up(self, reason: str) -> None:
        """Ends the stream: something of the window was acknowledged, and the database refuses it."""
        if not self._is_refused:
            self._is_refused = True
            self._counts.refused["NOT_STORABLE"] += 1
            self.stop(reason)

    def no_space(self) -> None:
        """Ends the stream: nothing new is stored; the recorder keeps its chunks and tries again later."""
        self.break_off(StorageFull("the stream was open"))

    def server_stops(self) -> None:
        """Ends the stream; the recorder reconnects."""
        self.break_off(Unavailable("the server is stopping; reconnect", reason="SERVER_STOPPING"))

    def _folded(self) -> WindowState:
        if isinstance(self._state, bytes):
            self._state = read_state(self._state)
        return self._state

    async def _end_row(self, judge: Callable[..., tuple[WindowState, ChunkRow | None]] = ended) -> ChunkRow | None:
        """Returns the last chunk's row with the findings that the window's end completes; None: no findings."""
        if self._rules.behaviour is None:
            return None
        await self.drained()
        last = await self._store.last_chunk(self.key, self.next_seq - 1)
        if last is None:
            return None
        self._state, row = judge(self.head, last, self._folded(), self._rules.behaviour)
        return row

    async def _take_in(self, sent: SentChunk) -> ChunkRow:
        taken = await self._processed(sent)
        if self._account is not None:
            self._account.check_time(taken.row.last_ms)
        self._state = taken.state
        self._order_ms = taken.row.order_ms
        self._counts.repeated_events += taken.repeated
        self._counts.clocks_set_back += taken.set_back
        if taken.unnamed:
            self._counts.unnamed.update(taken.unnamed)
        if taken.row.snapshot_seq:
            self._no_history_until_s = 0.0
        if taken.masked:
            self._counts.masked.update(taken.masked)
        return taken.row

    async def _processed(self, sent: SentChunk) -> ProcessedChunk:
        """Processes a chunk, with the history of its page if that is needed and can be had; else without names."""
        clock = asyncio.get_running_loop().time
        history: PageHistory | None = NO_HISTORY if clock() < self._no_history_until_s else None
        for _ in range(3):
            try:
                return await self._intake.process_chunk(
                    self.head, self._state, sent, self._rules.bounds, self._sender, history
                )
            except HistoryNeeded as needed:
                history = await self._histories.read(self.key, needed.after, sent.seq, self._unstored)
                if not history.payloads:
                    self._no_history_until_s = clock() + PAUSE_S
        return await self._intake.process_chunk(
            self.head, self._state, sent, self._rules.bounds, self._sender, NO_HISTORY
        )

    def _describe_first(self, chunk: ChunkRow) -> None:
        """Sets the first page and the first event of the window's head from its recording.

        The stream that brings them may be of a later page of the tab, which delivers chunks that the first one kept.
        """
        head = self.head
        if chunk.seq == 1:
            head = replace(head, first_ms=chunk.first_ms)
        if not self._has_page and (page := first_page(chunk.marks)):
            self._has_page = True
            head = begun_at(head, page)
        if head != self.head:
            self.head, self._head_stored = head, False

    async def _take_next(self, sent: SentChunk) -> None:
        with self._charged(sent) as charge:
            while self._acks.is_full:
                self._progress.clear()
                await self._progress.wait()
            chunk = await self._take_in(sent)
            charge.size_bytes = size_bytes = len(chunk.payload)
            self._describe_first(chunk)
            self._rejected_in_a_row = self._gaps_in_a_row = 0
            head = None if self._head_stored else self.head
            self._head_stored = True
            self.next_seq = chunk.seq + 1
            self._unstored[chunk.seq] = chunk
            entry = self._entry(lambda: self._stored(chunk, size_bytes), chunk, head, size_bytes=size_bytes)
            await self._submit(entry, size_bytes)

    def _charged(self, sent: SentChunk) -> AbstractContextManager[Charge]:
        """Counts a chunk with the quotas while the block runs, and takes it back if the block fails."""
        if self._account is None:
            return nullcontext(Charge(0))
        return self._account.charged(len(sent.payload), begins_window=self.next_seq == 1)

    def _reject(self, seq: int, reason: RejectReason, message: str) -> None:
        self._counts.rejected[reason] += 1
        if reason is RejectReason.GAP:
            self._gaps_in_a_row += 1
        else:
            self._rejected_in_a_row += 1
        if self._rejected_in_a_row > MAX_REJECTED_IN_A_ROW or self._gaps_in_a_row > MAX_GAPS_IN_A_ROW:
            raise InvalidArgument.of("chunk", f"too many chunks in a row were rejected, the last one because {message}")
        self._say(Rejected(seq, reason, message, self.next_seq))

    def _say(self, message: Rejected | Flush | Snapshot | Stop) -> None:
        self._outbox.append(message)
        self._news.set()

    def _entry(
        self,
        stored: Callable[[], None],
        chunk: ChunkRow | None = None,
        head: WindowHead | None = None,
        *,
        size_bytes: int = 0,
        again: bool = False,
    ) -> BatchEntry:
        """Returns an entry that ends the stream if nothing of it can be stored."""
        return BatchEntry(
            stored,
            chunk,
            head,
            again,
            replaced=lambda placeholder: self._stored(placeholder, size_bytes),
            refused=lambda why: self._refused(why, size_bytes),
            is_void=lambda: self._is_refused,
        )

    async def _submit(self, entry: BatchEntry, size_bytes: int) -> None:
        self.raise_if_broken()  # callers of break_off rely on no entry being submitted after it
        self._pending += 1
        self._acks.received(size_bytes)
        try:
            await self._committer.submit(entry)
        except BaseException:  # cancelled while it waited for room: the entry was not submitted
            self._pending -= 1
            self._acks.withdrawn(size_bytes)
            self._progress.set()
            raise

    def _stored(self, chunk: ChunkRow, size_bytes: int) -> None:
        self._pending -= 1
        self._acks.stored(chunk.seq, size_bytes)
        self._unstored.pop(chunk.seq, None)
        if chunk.snapshot_seq:
            self._snapshot_ms = chunk.snapshot_ms
        self._news.set()
        self._progress.set()
        self._hub.stored(chunk)

    def _refused(self, why: str, size_bytes: int) -> None:
        """Ends the stream: nothing of its window can be stored. Neither it nor a new stream could go on."""
        self._pending -= 1
        self._acks.withdrawn(size_bytes)
        self.give_up(why)
        self._progress.set()

    def _changed(self) -> None:
        self._pending -= 1
        self._progress.set()
        self._hub.changed(self.key.session_key)

    def _ended(self) -> None:
        self._pending -= 1
        self._progress.set()
        self._hub.ended(self.key)
