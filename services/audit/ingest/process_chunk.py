"""Turns a chunk as sent into a chunk as stored: inflate, mask, decode, fold, find."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import msgspec

from services.audit.behaviour.definitions import BehaviourRules, Interaction
from services.audit.behaviour.interactions import URL_TAG
from services.audit.behaviour.taped_nodes import TapedNodes
from services.audit.ingest.detect import find, marks_of, rows_of
from services.audit.ingest.fold import MAX_MARKS, fold
from services.audit.ingest.page_mirrors import NO_HISTORY, PageHistory, PageMirrors
from services.audit.ingest.sender import Sender
from services.audit.model import ChunkRow, WindowHead
from services.audit.payload import BadPayload, Bounds, Fault, check_times, decode_chunk, deflate_within, inflate
from services.audit.play_time import Played, play
from services.audit.privacy.masking.masker import Masked, Masker
from services.audit.rrweb import Event, EventType
from services.audit.window_state import WindowState, dump_state, read_state

IDENTITY = 1
GZIP = 2

MAX_PAGE_CHANGES = 2_000
"""Maximum number of page changes in a chunk: Meta events, and changes of the URL. The page of each URL costs up to a
millisecond; recordings have a few per chunk."""

OFF_LOOP_BYTES = 64 * 1024
"""Larger payloads are processed off the event loop: inflating and decoding them takes more than about 2 ms."""


@dataclass(frozen=True, slots=True)
class SentChunk:
    """A chunk as a recorder sent it; `encoding` is the contract's ChunkEncoding."""

    seq: int
    encoding: int
    payload: bytes
    event_count: int


Folded: TypeAlias = WindowState | bytes
"""A window's state; as stored bytes where another process folded it and this one does not need to decode it."""


@dataclass(frozen=True, slots=True)
class ProcessedChunk:
    """A processed chunk, as stored.

    Attributes:
        state: The window's state after the chunk.
        row: The row to store.
        masked: Number of findings per rule and field class, never their content.
        repeated: Number of events that repeat another one; they are stored, and counted once.
        set_back: Number of times that the visitor's clock was set back.
        unnamed: Number of interactions without a target that could have one, by reason.
    """

    state: Folded
    row: ChunkRow
    masked: dict[tuple[str, str], int]
    repeated: int = 0
    set_back: int = 0
    unnamed: dict[str, int] = field(default_factory=dict)


def process_chunk(
    head: WindowHead,
    state: WindowState,
    sent: SentChunk,
    bounds: Bounds,
    masker: Masker,
    rules: BehaviourRules | None,
    mirrors: PageMirrors | None = None,
    history: PageHistory | None = NO_HISTORY,
) -> ProcessedChunk:
    """Returns a chunk as stored. Pure, but for the mirrors.

    The payload is stored as sent when it is already gzip and nothing was masked in it. Everything
    derived from the chunk (counts, marks, URLs, interactions) comes from the masked events. Interactions
    are detected only with `rules`, and their targets only with `mirrors`: the pages that this process keeps.

    Raises:
        BadPayload: If the chunk cannot be stored; the state is unchanged.
        HistoryNeeded: If the process does not have the page of a chunk with interactions, and `history` was not given.
    """
    key = head.key
    payload = sent.payload
    if len(payload) > bounds.max_bytes:
        raise BadPayload(
            Fault.TOO_LARGE,
            f"payload: {len(payload):,} bytes are more than max_chunk_bytes ({bounds.max_bytes:,}); "
            "send smaller chunks",
        )
    if sent.encoding == GZIP:
        text = inflate(payload, bounds)
    elif sent.encoding == IDENTITY:
        text = payload
    else:
        raise BadPayload(Fault.INVALID_PAYLOAD, "encoding: must be IDENTITY or GZIP")
    decoded = decode_chunk(text)
    events = decoded.events
    if sent.event_count and sent.event_count != len(events):
        raise BadPayload(
            Fault.INVALID_PAYLOAD, f"event_count: is {sent.event_count}, but the payload holds {len(events)} events"
        )
    _check_page_changes(events)
    times = [event.timestamp for event in events]
    check_times(events, min(times, default=0.0), max(times, default=0.0), bounds)
    mirror = None
    if rules is not None and mirrors is not None:
        mirror = mirrors.find(key, state, events, history)
    masked = masker.mask(state.mask, text, decoded)
    played = play(state.play_clock(), masked.events, state.last_event)
    if masked.text is not text or sent.encoding != GZIP:
        text = masked.text
        payload = deflate_within(text, bounds)
    after, facts = fold(state, played.events, raw_bytes=len(text), stored_bytes=len(payload), masked=masked)
    after = msgspec.structs.replace(after, clock=played.clock, last_event=played.last)
    if not events and not state.order_ms:  # no event yet in the window: the fold has no time
        facts = replace(facts, first_ms=key.session_key.start_ms, last_ms=key.session_key.start_ms)
    nodes = None if rules is None else _nodes_of(masked, played)
    found: list[Interaction] = []
    unnamed: dict[str, int] = {}
    if rules is not None and mirror is not None and mirrors is not None:
        mirrors.drop(key)  # while it is changed
        after, found = find(state, after, played.events, rules, played.set_back, mirror, nodes)
        mirrors.keep(key, after, mirror)
        unnamed, mirror.missed = mirror.missed, {}
    elif rules is not None:
        after, found = find(state, after, played.events, rules, played.set_back, nodes=nodes)
    row = ChunkRow(
        key=key,
        seq=after.seq,
        kept_from=head.kept_from,
        order_ms=after.order_ms,
        first_ms=facts.first_ms,
        last_ms=facts.last_ms,
        event_count=len(events),
        snapshot_ms=facts.snapshot_ms,
        snapshot_seq=facts.snapshot_seq,
        marks=(*facts.marks, *marks_of(found))[:MAX_MARKS],
        totals=after.totals,
        state=dump_state(after),
        payload=payload,
        interactions=rows_of(head, after.seq, state.behaviour.kept, found),
    )
    return ProcessedChunk(after, row, masked.counts, played.repeated, len(played.set_back), unnamed)


def _nodes_of(masked: Masked, played: Played) -> TapedNodes | None:
    """Returns the nodes of a chunk as masking's walk has read them; None: they have to be decoded."""
    tape = masked.tape
    if tape is None or played.repeated:  # repeated events are not played, which is rare
        return None
    return TapedNodes(tape.walk, tape.edits(), tape.renewed, tape.read)


def _check_page_changes(events: Sequence[Event]) -> None:
    """Checks the number of page changes of a chunk.

    Raises:
        BadPayload: There are more than MAX_PAGE_CHANGES.
    """
    if len(events) <= MAX_PAGE_CHANGES:
        return
    count = sum(
        event.type == EventType.META
        or (event.type == EventType.CUSTOM and event.data is not None and event.data.tag == URL_TAG)
        for event in events
    )
    if count > MAX_PAGE_CHANGES:
        raise BadPayload(
            Fault.TOO_LARGE,
            f"payload: has {count:,} page changes, more than {MAX_PAGE_CHANGES:,}; send smaller chunks",
        )


class ChunkProcessor(Protocol):
    """Processes chunks."""

    def prepare(self) -> None:
        """Notes that chunks will come soon."""
        ...

    async def process_chunk(
        self,
        head: WindowHead,
        state: Folded,
        sent: SentChunk,
        bounds: Bounds,
        sender: Sender = Sender(),  # noqa: B008 - frozen
        history: PageHistory | None = NO_HISTORY,
    ) -> ProcessedChunk:
        """Returns a chunk as stored; see `process_chunk`. Senders take turns."""
        ...

    def policies_changed(self) -> None:
        """Applies the policies that are in force now."""
        ...

    def load(self) -> float:
        """Returns the number of chunks in process or waiting, per chunk that can be processed at the same time."""
        ...


class InlineProcessor:
    """Processes chunks in the process that receives them."""

    def __init__(
        self, masker: Callable[[str], Masker], behaviour: BehaviourRules | None, page_memory_bytes: int = 0
    ) -> None:
        """Creates the processor.

        Args:
            masker: Returns the masker of the policy currently in force for a project.
            behaviour: Thresholds of the detectors; None disables interaction detection.
            page_memory_bytes: Maximum memory of mirrors of pages; 0: interactions have no targets.
        """
        self._masker = masker
        self._behaviour = behaviour
        self._page_memory_bytes = page_memory_bytes
        self._mirrors: PageMirrors | None = None
        self.policies_changed()

    def prepare(self) -> None:
        """Does nothing: it is ready."""

    async def process_chunk(
        self,
        head: WindowHead,
        state: Folded,
        sent: SentChunk,
        bounds: Bounds,
        sender: Sender = Sender(),  # noqa: ARG002, B008 - chunks wait in their streams; frozen
        history: PageHistory | None = NO_HISTORY,
    ) -> ProcessedChunk:
        """Returns a chunk as stored; see `process_chunk`."""
        folded = read_state(state) if isinstance(state, bytes) else state
        masker = self._masker(head.key.project)
        arguments = (head, folded, sent, bounds, masker, self._behaviour, self._mirrors, history)
        if len(sent.payload) > OFF_LOOP_BYTES:
            return await asyncio.to_thread(_timed, *arguments)
        return _timed(*arguments)

    def policies_changed(self) -> None:
        """Forgets the pages that the former policy has masked; the masker is looked up for each chunk."""
        self._mirrors = PageMirrors(self._page_memory_bytes) if self._page_memory_bytes else None

    def load(self) -> float:
        """Returns 0.0: chunks wait in their streams, where they are not counted."""
        return 0.0


def _timed(*arguments: Any) -> ProcessedChunk:
    """Calls `process_chunk`; an error has the processor time that the chunk has cost."""
    begun_s = time.thread_time()
    try:
        return process_chunk(*arguments)
    except BadPayload as bad:
        bad.cpu_s = time.thread_time() - begun_s
        raise
