"""Units of foreign timestamps: rrweb writes milliseconds since 1970, other tools seconds or microseconds.

The ranges of the units do not overlap for any time between 2001 and 2128, but a clock that was never set counts
milliseconds from 1970, as rrweb's own tests do: apparent seconds may be such a time. So one recording is decided
as a whole, and read in seconds only where that is sure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec

from services.export.rrweb_json.surrogates import hide_lone_surrogates, show_lone_surrogates

FIRST_MS = 100_000_000_000
"""3 March 1973, the earliest timestamp that AuditService takes for milliseconds of a clock that is set."""

MAX_TIMESTAMP_MS = 253_402_300_799_999
"""The end of the year 9999, the last time that protobuf's Timestamp can hold."""

FIRST_S, LAST_S = 1_000_000_000, 5_000_000_000
"""From September 2001 to June 2128, in seconds."""

FIRST_RECORDED_MS = 1_420_070_400_000
"""January 2015: before it, no rrweb recorded."""

NEAR_MS = 86_400_000
"""A recording in another unit lasts a day at most, and ends a day after now at most; single times in another unit lie
a day at most from the rest of the recording."""

MAX_MEAN_GAP_MS = 60_000
"""Mean time between the events of a recording in whole seconds. Recorders write several events per second during
activity; read as seconds, a minute in milliseconds has gaps of several minutes."""


class Unit(Enum):
    """Unit of a timestamp; the value is its name in messages."""

    MILLISECONDS = "milliseconds"
    SECONDS = "seconds"
    MICROSECONDS = "microseconds"
    NANOSECONDS = "nanoseconds"
    UNSET = "milliseconds of a clock that was not set"


_PER_S = {Unit.SECONDS: 1, Unit.MICROSECONDS: 10**6, Unit.NANOSECONDS: 10**9}


def unit_of(timestamp: float) -> Unit | None:
    """Returns the unit in which a timestamp is of our time; None: in none."""
    if not math.isfinite(timestamp) or timestamp < 0:
        return None
    if FIRST_MS <= timestamp <= MAX_TIMESTAMP_MS:
        return Unit.MILLISECONDS
    for unit, per_s in _PER_S.items():
        if FIRST_S * per_s <= timestamp < LAST_S * per_s:
            return unit
    return Unit.UNSET if timestamp < FIRST_MS else None


def with_timestamp(event: bytes, ms: float) -> bytes:
    """Returns an event with another timestamp; the text of its other fields stays.

    Raises:
        msgspec.DecodeError: It is not an object.
    """
    hidden = hide_lone_surrogates(event)
    fields = msgspec.json.decode(hidden, type=dict[str, msgspec.Raw])
    fields["timestamp"] = msgspec.Raw(msgspec.json.encode(ms))
    text = msgspec.json.encode(fields)
    return text if hidden == event else show_lone_surrogates(text)


@dataclass(frozen=True, slots=True)
class Settled:
    """The times of one recording.

    Attributes:
        times_ms: For each event, milliseconds since 1970 UTC; None: it is left out.
        problem: Why events are left out; None: none is.
        note: Which were read in another unit; None: none was.
    """

    times_ms: Sequence[float | None]
    problem: str | None = None
    note: str | None = None


def settle(timestamps: Sequence[float], now_ms: float) -> Settled:
    """Decides the unit of each timestamp of a recording.

    Args:
        timestamps: The events' timestamps, each of some unit; at least one.
        now_ms: The clock: nothing was recorded after it.
    """
    units = [unit_of(timestamp) for timestamp in timestamps]
    sure = [stamp for stamp, unit in zip(timestamps, units, strict=True) if unit is Unit.MILLISECONDS]
    if sure:
        return _among(timestamps, units, min(sure) - NEAR_MS, max(sure) + NEAR_MS)
    others = [_ms(stamp, unit) for stamp, unit in zip(timestamps, units, strict=True) if unit in _PER_S]
    if not others or not FIRST_RECORDED_MS <= min(others) <= max(others) <= now_ms + NEAR_MS:
        return Settled(timestamps)
    if max(others) - min(others) > NEAR_MS or not _is_dense(timestamps, others):
        named = " or ".join({unit.value: None for unit in units if unit in _PER_S})
        return Settled(
            [None] * len(timestamps),
            f"its timestamps are not milliseconds since 1970, and not surely {named}: the events would be too far "
            f"apart; convert them to milliseconds",
        )
    return _among(timestamps, units, min(others), max(others))


def _among(timestamps: Sequence[float], units: Sequence[Unit | None], first_ms: float, last_ms: float) -> Settled:
    """Each time in its own unit, where it lies in a range."""
    times_ms: list[float | None] = []
    read: Counter[str] = Counter()
    for stamp, unit in zip(timestamps, units, strict=True):
        ms = _ms(stamp, unit)
        is_kept = unit is Unit.MILLISECONDS or first_ms <= ms <= last_ms
        times_ms.append(ms if is_kept else None)
        if is_kept and unit in _PER_S:
            read[unit.value] += 1
    total, left_out = len(times_ms), times_ms.count(None)
    problem = note = None
    if left_out:
        odd = next(stamp for stamp, ms in zip(timestamps, times_ms, strict=True) if ms is None)
        problem = (
            f"{left_out:,} of {total:,} events are left out, the first with timestamp {odd:.15g}: neither milliseconds "
            "nor seconds since 1970 of a time near the rest of the recording"
        )
    if read:
        parts = " and ".join(f"{count:,} in {unit}" for unit, count in read.items())
        note = f"of {total:,} events, the timestamps of {parts} were read as such"
    return Settled(times_ms, problem, note)


def _ms(timestamp: float, unit: Unit | None) -> float:
    if unit is None or unit not in _PER_S:
        return timestamp
    ms = round(timestamp * 1_000 / _PER_S[unit], 3)
    return int(ms) if ms == int(ms) else ms


def _is_dense(timestamps: Sequence[float], times_ms: Sequence[float]) -> bool:
    """Whether a fraction or the density shows that a recording is in another unit than milliseconds."""
    if any(stamp != int(stamp) for stamp in timestamps):
        return True
    return max(times_ms) - min(times_ms) <= MAX_MEAN_GAP_MS * max(len(times_ms) - 1, 1)
