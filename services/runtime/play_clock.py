"""The times at which events are played: those of the visitor's clock, made monotone. Pure.

docs/definitions.md ("Time") has the rule. Counting, detectors, the index of chunks, shared parts, exports and the
player use these times; payloads keep the timestamps as they were recorded. The player has the same rule
(sidecar/web/console/src/player/frame/playTime.ts), and both run the cases of tests/support/play_times.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

CLOCK_STEP_MS = 1_000
"""A timestamp this much before the latest one means that the clock was set back, and moves all that follow by a whole
number of these steps. Smaller steps back come of events that are recorded late: those keep their order, and move
nothing. Since shifts are multiples of the step, the shift at an event follows from its play time (`PlayClock.at`)."""

_LATEST_MS = 253_402_300_799_999
"""The end of the year 9999, the last moment that protobuf's Timestamp can hold."""


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
        return min(self.latest_ms + self.shift_ms, _LATEST_MS)


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
