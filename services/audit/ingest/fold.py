"""The fold: one chunk's events into a window's running state.

`fold(state, chunk)` is pure: the same chunks give the same facts on any server, on every repetition and
after any restart, because the state holds everything that counting and detection need between chunks,
and it is stored with each chunk.

Each reader of events has its own part of the state: counting (below), masking (before it, on the text)
and the detection of frustration (after it, on the decoded events).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.audit import rrweb
from services.audit.behaviour.failed_requests import failed_requests
from services.audit.model import InteractionKind, Mark, Total
from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.masker import Masked, MaskState
from services.audit.rrweb import Event, EventType, IncrementalSource, MouseInteractions
from services.audit.window_state import WindowState

ACTIVE_GAP_MS = 5_000
"""Pauses between actions up to this long count as active time (PostHog's threshold, segmentation.ts)."""

MAX_MARKS = 100
"""Maximum marks kept per chunk; further ones are counted but not shown."""

MAX_DETAIL = 512
"""Maximum characters kept of a mark's text."""

MAX_URL = 2_048
"""Maximum characters kept of a page's URL."""

# Plain integers: an enum lookup costs more than the code that uses it, 50 times per chunk.
_INCREMENTAL = int(EventType.INCREMENTAL_SNAPSHOT)
_MOUSE_INTERACTION = int(IncrementalSource.MOUSE_INTERACTION)
_INPUT = int(IncrementalSource.INPUT)
_RESIZE = int(IncrementalSource.VIEWPORT_RESIZE)
_CLICK = int(MouseInteractions.CLICK)
_ACTIVE = frozenset(map(int, rrweb.ACTIVE_SOURCES))


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about one chunk."""

    first_ms: int
    last_ms: int
    snapshot_ms: int
    snapshot_seq: int
    marks: tuple[Mark, ...]


NOTHING_MASKED = Masked(b"", MaskState(), Counts(), [])


def fold(  # noqa: C901, PLR0912, PLR0915 - one loop over the events, measured: calls cost more than they tidy
    state: WindowState, events: Sequence[Event], *, raw_bytes: int, stored_bytes: int, masked: Masked = NOTHING_MASKED
) -> tuple[WindowState, Facts]:
    """Returns the state after a chunk, and the chunk's facts.

    Args:
        state: The state after the chunk before it.
        events: The chunk's events in the order in which they were sent; may be empty.
        raw_bytes: Bytes of JSON before compression.
        stored_bytes: Bytes of payload as stored.
        masked: The result of masking the chunk, with the same events.
    """
    seq = state.seq + 1
    totals = list(state.totals)
    active_ms, meta_seq, url = state.active_ms, state.meta_seq, state.url
    width, height = state.width, state.height
    first = last = events[0].timestamp if events else float(state.order_ms)
    snapshot_ms = snapshot_seq = clicks = inputs = worked_ms = 0
    marks: list[Mark] = []

    for event in events:
        time = event.timestamp
        if time > last:
            last = time
        elif time < first:
            first = time
        data = event.data
        kind = event.type
        if kind == _INCREMENTAL:
            if data is None:
                continue
            source = data.source
            if source not in _ACTIVE:
                continue
            if source == _MOUSE_INTERACTION:
                if data.type == _CLICK:
                    clicks += 1
            elif source == _INPUT:
                if data.user_triggered is not False:
                    inputs += 1
            elif source == _RESIZE:
                width, height = _pixels(data.width), _pixels(data.height)
            if time > active_ms:
                now_ms = int(time)
                if time <= active_ms + ACTIVE_GAP_MS and active_ms >= 0:
                    worked_ms += now_ms - active_ms
                active_ms = now_ms
        elif kind == EventType.FULL_SNAPSHOT:
            totals[Total.FULL_SNAPSHOTS] += 1
            if not snapshot_seq:
                snapshot_ms, snapshot_seq = int(time), meta_seq or seq
            meta_seq = 0
        elif kind == EventType.META:
            totals[Total.PAGES] += 1
            meta_seq = seq
            if data is not None:
                url = (data.href or "")[:MAX_URL]
                width, height = _pixels(data.width), _pixels(data.height)
                marks.append(Mark(InteractionKind.PAGE, int(time), url, width, height))
        elif kind == EventType.PLUGIN and data is not None and data.payload is not None:
            _count_plugin(data, int(time), url, totals, marks)

    totals[Total.CLICKS] += clicks
    totals[Total.INPUTS] += inputs
    totals[Total.ACTIVE_MS] += worked_ms
    leaks = state.leaks
    if masked.counts:
        leaks = _add_leaks(leaks, masked.counts)
        totals[Total.MASKED] += sum(masked.counts.values())
    totals[Total.CHUNKS] += 1
    totals[Total.EVENTS] += len(events)
    totals[Total.RAW_BYTES] += raw_bytes
    totals[Total.STORED_BYTES] += stored_bytes
    after = WindowState(
        seq=seq,
        totals=tuple(totals),
        order_ms=max(state.order_ms, int(first)),
        active_ms=active_ms,
        meta_seq=meta_seq,
        url=url,
        width=width,
        height=height,
        mask=masked.state,
        leaks=leaks,
    )
    facts = Facts(int(first), int(last), snapshot_ms, snapshot_seq, tuple(marks[:MAX_MARKS]))
    return after, facts


def _add_leaks(leaks: dict[str, int], counts: dict[tuple[str, str], int]) -> dict[str, int]:
    added = dict(leaks)
    for (rule, field), count in counts.items():
        name = f"{rule} {field}"
        added[name] = added.get(name, 0) + count
    return added


def _count_plugin(data: rrweb.Data, time_ms: int, url: str, totals: list[int], marks: list[Mark]) -> None:
    """Counts console messages and failed requests; payloads of another form are not counted."""
    assert data.payload is not None  # noqa: S101 - the caller looked
    try:
        if data.plugin == rrweb.CONSOLE_PLUGIN:
            console = rrweb.console_decoder.decode(data.payload)
            if console.level == "error":
                totals[Total.ERRORS] += 1
                marks.append(Mark(InteractionKind.ERROR, time_ms, console.words[:MAX_DETAIL]))
            elif console.level == "warn":
                totals[Total.WARNINGS] += 1
        else:
            totals[Total.FAILED_REQUESTS] += sum(1 for _ in failed_requests(data, url))
    except msgspec.MsgspecError:
        return


def _pixels(value: float | None) -> int:
    return min(max(int(value), 0), 65_535) if value else 0
