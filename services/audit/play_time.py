"""Gives events their play times (services/runtime/play_clock.py), and leaves out those that are there twice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from operator import lt
from typing import NamedTuple
from zlib import crc32

import msgspec

from services.audit.rrweb import Event, EventType, IncrementalSource
from services.runtime.play_clock import PlayClock

_COMPLETE = frozenset(
    {
        IncrementalSource.MUTATION,
        IncrementalSource.MOUSE_MOVE,
        IncrementalSource.MOUSE_INTERACTION,
        IncrementalSource.SCROLL,
        IncrementalSource.VIEWPORT_RESIZE,
        IncrementalSource.INPUT,
        IncrementalSource.TOUCH_MOVE,
        IncrementalSource.DRAG,
    }
)
"""Sources of which the server reads every field that differs between two events."""


class Played(NamedTuple):
    """A chunk's events with the times at which they are played.

    Attributes:
        events: The events in the order of recording, each once; their timestamps are play times.
        clock: The clock after them.
        set_back: Positions in `events` at which the clock had been set back.
        repeated: Number of events that repeat an earlier one, and are not in `events`.
        last: Checksum of the last event, by which the next chunk's first one is known to repeat it; 0: it cannot be.
    """

    events: Sequence[Event]
    clock: PlayClock
    set_back: tuple[int, ...]
    repeated: int
    last: int


def play(clock: PlayClock, events: Sequence[Event], last: int = 0) -> Played:
    """Returns a chunk's events with their play times; changes the timestamps of events.

    An event that repeats the one right before it is left out (PostHog/posthog#20754).

    Args:
        clock: The clock after the chunk before.
        events: The chunk's events, in the order of recording.
        last: Checksum of the last event of the chunk before, as in `Played`.
    """
    if not events:
        return Played(events, clock, (), 0, last)
    latest, previous = float(clock.latest_ms), None
    times = [event.timestamp for event in events]
    # Nearly always: each time is later than the one before, so that no event repeats another one.
    if not clock.shift_ms and times[0] >= latest + 1.0 and all(map(lt, times, islice(times, 1, None))):
        return Played(events, PlayClock(int(times[-1])), (), 0, _checksum(events[-1]))
    if not clock.shift_ms and not (last and last == _checksum(events[0])):
        for event in events:  # mostly: times do not go back
            time = event.timestamp
            if time <= latest and (time < latest or (event == previous and _is_complete(event))):
                break
            latest, previous = time, event
        else:
            return Played(events, PlayClock(int(latest)), (), 0, _checksum(events[-1]))
    return _play(clock, events, last)


def _play(clock: PlayClock, events: Sequence[Event], last: int) -> Played:
    played: list[Event] = []
    set_back: list[int] = []
    previous = last
    for event in events:
        checksum = _checksum(event)
        if checksum and checksum == previous:
            continue
        previous = checksum
        after = clock.after(int(event.timestamp))
        if after.shift_ms > clock.shift_ms:
            set_back.append(len(played))
        clock = after
        event.timestamp = float(clock.played_ms)
        played.append(event)
    return Played(played, clock, tuple(set_back), len(events) - len(played), previous)


def _is_complete(event: Event) -> bool:
    return event.type != EventType.INCREMENTAL_SNAPSHOT or (event.data is not None and event.data.source in _COMPLETE)


def _checksum(event: Event) -> int:
    """Returns a checksum of an event as far as the server reads it; 0: that is not enough to recognise it."""
    return crc32(msgspec.json.encode(event)) if _is_complete(event) else 0
