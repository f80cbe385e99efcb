"""Makes a recording of the events that a file has of one session: one unit of time, none twice, Sentry's taken over."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from services.cli.transfer.events import FoundEvent
from services.cli.transfer.recording import ImportedRecording, ImportNote, ImportProblem, RecordedWindow
from services.cli.transfer.sentry import TimedEvent, is_sentrys, take_over
from services.cli.transfer.timestamps import settle, with_timestamp
from services.export.rrweb_json.events import event_head

_CUSTOM, _PLUGIN, _INCREMENTAL = 5, 6, 3  # rrweb's EventType
_REPEATABLE_SOURCES = {8, 9, 13}
"""rrweb's IncrementalSource: rules of a style sheet, commands of a canvas, declarations. Two equal ones in one
millisecond do something twice, and a page can print a line twice; a pointer cannot be twice where it is."""


def to_recording(
    path: Path, foreign_id: str, named: str, found: Sequence[FoundEvent], now_ms: float
) -> Iterator[ImportedRecording | ImportProblem | ImportNote]:
    """Yields the recording, if anything of it can be played, and reports omissions and conversions.

    Args:
        path: The file, for messages.
        foreign_id: The recording's id in the other tool.
        named: Its name in messages: `session x`, or `the recording`.
        found: Its events in the order of the file; at least one.
        now_ms: The clock, milliseconds since 1970 UTC.
    """
    if (why := _unplayable([event.event for event in found])) is not None:
        yield ImportProblem(path, None, None, f"{named} {why}")
        return
    settled = settle([event.timestamp for event in found], now_ms)
    if settled.note:
        yield ImportNote(path, f"{named}: {settled.note}")
    if settled.problem:
        yield ImportProblem(path, None, None, f"{named}: {settled.problem}")
    windows: dict[str, list[TimedEvent]] = {}
    for event, ms in zip(found, settled.times_ms, strict=True):
        if ms is not None:
            text = event.event if ms == event.timestamp else with_timestamp(event.event, ms)
            windows.setdefault(event.window, []).append(TimedEvent(ms, text))
    if not windows:
        return
    repeated = 0
    for window, events in windows.items():
        windows[window] = once = without_repeats(events)
        repeated += len(events) - len(once)
    if repeated:
        yield ImportNote(path, f"{named} has {repeated:,} events twice or more; each is taken once")
    yield from _sentrys(path, named, windows)
    yield ImportedRecording(
        foreign_id,
        tuple(RecordedWindow(name, tuple(event.text for event in events)) for name, events in windows.items()),
        math.floor(min(event.ms for events in windows.values() for event in events)),
    )


def without_repeats(events: Sequence[TimedEvent]) -> list[TimedEvent]:
    """Returns a window's events without exact repeats, which a delivery that is tried again leaves.

    Events that can be equal without being one are only dropped beside others that cannot.
    """
    seen: set[bytes] = set()
    once, again = list[TimedEvent](), list[TimedEvent]()
    for event in events:
        (again if event.text in seen else once).append(event)
        seen.add(event.text)
    if again and all(map(_is_repeatable, again)):
        return list(events)
    return once


class _Data(msgspec.Struct):
    source: int | None = None


class _Kind(msgspec.Struct):
    type: int
    data: _Data | None = None


_kind = msgspec.json.Decoder(_Kind)


def _is_repeatable(event: TimedEvent) -> bool:
    try:
        found = _kind.decode(event.text)
    except msgspec.DecodeError:
        return event_head(event.text).type != _INCREMENTAL
    if found.type == _INCREMENTAL:
        return found.data is not None and found.data.source in _REPEATABLE_SOURCES
    return found.type in (_CUSTOM, _PLUGIN)


def _sentrys(path: Path, named: str, windows: dict[str, list[TimedEvent]]) -> Iterator[ImportNote]:
    """Takes over breadcrumbs and spans in place."""
    for window, events in windows.items():
        if not any(is_sentrys(event.text) for event in events):
            continue
        taken = take_over(events)
        windows[window] = taken.events
        if taken.taken:
            parts = ", ".join(f"{count:,} {_plural(kind, count)}" for kind, count in taken.taken.items())
            yield ImportNote(path, f"{named}: Sentry's breadcrumbs and spans are taken over as {parts}")


def _plural(kind: str, count: int) -> str:
    if count == 1:
        return kind
    head, of, rest = kind.partition(" of ")
    return f"{head}s{of}{rest}"


def _unplayable(events: Sequence[bytes]) -> str | None:
    """Why a recording of a mobile app cannot be played; None: it can, or it is of a page."""
    if any(b'"childNodes"' in event for event in events):
        return None
    if any(b'"wireframes"' in event for event in events):
        return (
            f"is of a mobile app, recorded by PostHog: its {len(events):,} events describe the screen as wireframes, "
            "which cannot be played"
        )
    if any(b'"video"' in event and b'"container"' in event for event in events):
        return (
            f"is of a mobile app, recorded by Sentry: its picture is a video beside these {len(events):,} events, "
            "which cannot be played"
        )
    return None
