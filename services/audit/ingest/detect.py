"""Adds the detectors' findings, in a chunk or at a window's end, to the window's state: totals and marks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from services.audit.behaviour.definitions import BehaviourRules, Interaction
from services.audit.behaviour.interactions import BehaviourState, finish, observe, settle
from services.audit.behaviour.taped_nodes import TapedNodes
from services.audit.behaviour.targets.page_mirror import PageMirror
from services.audit.ingest.fold import MAX_MARKS
from services.audit.model import ChunkRow, InteractionKind, Mark, Total, WindowHead
from services.audit.rrweb import Event
from services.audit.storage.codecs.interaction_rows import pack_rows
from services.audit.storage.retention import day_of
from services.audit.window_state import WindowState, dump_state

COUNTED = {
    InteractionKind.RAGE_CLICK: Total.RAGE_CLICKS,
    InteractionKind.DEAD_CLICK: Total.DEAD_CLICKS,
    InteractionKind.QUICK_BACK: Total.QUICK_BACKS,
    InteractionKind.ERROR_CLICK: Total.ERROR_CLICKS,
    InteractionKind.MOUSE_THRASH: Total.MOUSE_THRASHES,
}
"""Findings with a running total and a mark on the timeline. Those of pages and errors come from the fold."""

MARKED = frozenset({*COUNTED, InteractionKind.FAILED_REQUEST})
"""Interactions with a mark on the timeline, beside those of the fold. Failed requests are counted there."""


def find(
    before: WindowState,
    after: WindowState,
    events: Sequence[Event],
    rules: BehaviourRules,
    set_back: Sequence[int] = (),
    mirror: PageMirror | None = None,
    nodes: TapedNodes | None = None,
) -> tuple[WindowState, list[Interaction]]:
    """Returns the state after a chunk, with the behaviour derived from its events, and the interactions in it.

    Args:
        before: The state before the chunk.
        after: The state after it, as the fold left it.
        events: The chunk's events, with their play times.
        rules: The thresholds.
        set_back: Positions in `events` at which the clock had been set back.
        mirror: The window's page, as in `observe`.
        nodes: The nodes in the events, as in `observe`.
    """
    behaviour, found = observe(before.behaviour, events, rules, set_back, mirror, nodes)
    return _counted(msgspec.structs.replace(after, behaviour=behaviour), found), found


def marks_of(found: Sequence[Interaction]) -> tuple[Mark, ...]:
    """Returns the timeline marks of the interactions: failed requests last, as they may be many."""
    marked = [one for one in found if one.kind in MARKED]
    marked.sort(key=lambda one: one.kind == InteractionKind.FAILED_REQUEST)
    return tuple(Mark(one.kind, one.time_ms, one.detail, count=one.count, target=one.target) for one in marked)


def rows_of(head: WindowHead, seq: int, first_number: int, found: Sequence[Interaction]) -> bytes:
    """Returns the rows that store a chunk's interactions.

    Args:
        head: The window's head.
        seq: The chunk's seq.
        first_number: Number of earlier interactions in the window.
        found: The interactions.
    """
    day = day_of(head.key.session_key.start_ms)
    who = (head.device_type, head.actor_type)
    return pack_rows(head.key, day, head.kept_from, seq, who, first_number, found)


def ended(
    head: WindowHead, last: ChunkRow, state: WindowState, rules: BehaviourRules
) -> tuple[WindowState, ChunkRow | None]:
    """Returns the state after a window's end, and its last chunk's row with the findings that the end completes.

    The row is stored again with the same key and payload, totals that are not smaller, and the state after
    the end: this records the end in storage, and a recorder that returns resumes from it. Its time is a moment later
    than that of the row it replaces, and not the time of the end: no data has arrived. None: the end completes no
    finding.
    """
    return _stored_again(head, last, state, finish(state.behaviour, int(state.behaviour.clock_ms), rules))


def settled(
    head: WindowHead, last: ChunkRow, state: WindowState, rules: BehaviourRules
) -> tuple[WindowState, ChunkRow | None]:
    """Returns the state after a pause, and its last chunk's row with the findings that the pause completes.

    The row is as in `ended`. None: the pause completes no finding.
    """
    return _stored_again(head, last, state, settle(state.behaviour, rules))


def _stored_again(
    head: WindowHead, last: ChunkRow, state: WindowState, judged: tuple[BehaviourState, list[Interaction]]
) -> tuple[WindowState, ChunkRow | None]:
    behaviour, found = judged
    if behaviour == state.behaviour:
        return state, None
    first_number = state.behaviour.kept
    state = _counted(msgspec.structs.replace(state, behaviour=behaviour), found)
    row = replace(
        last,
        totals=state.totals,
        marks=(*last.marks, *marks_of(found))[:MAX_MARKS],
        state=dump_state(state),
        interactions=rows_of(head, last.seq, first_number, found),
        stored_ms=last.stored_ms + 1,
    )
    return state, row


def _counted(state: WindowState, found: Sequence[Interaction]) -> WindowState:
    places = [COUNTED[one.kind] for one in found if one.kind in COUNTED]
    if not places:
        return state
    totals = list(state.totals)
    for place in places:
        totals[place] += 1
    return msgspec.structs.replace(state, totals=tuple(totals))
