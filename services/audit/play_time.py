"""The times at which events are played: those of the visitor's clock, made monotone. Pure.

docs/definitions.md ("Time") has the rule. Counting, detectors, the index of chunks, shared parts and the player all use
these times; payloads keep the timestamps as they were recorded. The player has the same rule
(sidecar/web/console/src/player/frame/playTime.ts), and both run the cases of tests/support/play_times.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import lt
from typing import NamedTuple
from zlib import crc32

import msgspec

from services.audit.payload import MAX_TIMESTAMP_MS
from services.audit.rrweb import Event, EventType, IncrementalSource

CLOCK_STEP_MS = 1_000
"""A timestamp this much before the latest one means that the clock was set back, and moves all that follow by a whole
number of these steps. Smaller steps back come of events that are recorded late: those keep their order, and move
nothing. Since shifts are multiples of the step, the shift at an event follows from its play time (`PlayClock.at`)."""

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


class PlayClock(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The visitor's clock after an event: state of the rule."""

    latest_ms: int = 0
    """Latest timestamp since the clock was last set back; 0: no event yet."""
    shift_ms: int = 0
    """Time by which events are played after their timestamps: the clock was set back by about as much."""

    @classmethod
    def at(cls, time_ms: int, played_ms: int) -> PlayClock:
        """Returns the clock at an event, given its timestamp and the time at which it is played."""
        # Chunks that were stored before there was a rule have their earliest timestamp as their beginning.
        shift_ms = max(0, (played_ms - time_ms) // CLOCK_STEP_MS * CLOCK_STEP_MS)
        return cls(max(played_ms - shift_ms, time_ms), shift_ms)

    def after(self, time_ms: int) -> PlayClock:
        """Returns the clock after an event with this timestamp."""
        if time_ms >= self.latest_ms:
            return PlayClock(time_ms, self.shift_ms)
        back_ms = self.latest_ms - time_ms
        if back_ms < CLOCK_STEP_MS:
            return self
        return PlayClock(time_ms, self.shift_ms + -(-back_ms // CLOCK_STEP_MS) * CLOCK_STEP_MS)

    @property
    def played_ms(self) -> int:
        """Play time of the latest event; it never decreases."""
        return min(self.latest_ms + self.shift_ms, MAX_TIMESTAMP_MS)


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


def play_times(first_played_ms: int, timestamps: Iterable[float]) -> Iterator[int]:
    """Yields the play times of a stored chunk's events, in the order of recording.

    Args:
        first_played_ms: Play time of the chunk's first event.
        timestamps: The events' timestamps.
    """
    clock: PlayClock | None = None
    for timestamp in timestamps:
        time_ms = int(timestamp)
        clock = PlayClock.at(time_ms, first_played_ms) if clock is None else clock.after(time_ms)
        yield clock.played_ms


def _is_complete(event: Event) -> bool:
    return event.type != EventType.INCREMENTAL_SNAPSHOT or (event.data is not None and event.data.source in _COMPLETE)


def _checksum(event: Event) -> int:
    """Returns a checksum of an event as far as the server reads it; 0: that is not enough to recognise it."""
    return crc32(msgspec.json.encode(event)) if _is_complete(event) else 0
