"""Finds the rrweb events in a list, a line, or an object keyed by window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from services.cli.transfer.content import DamageError
from services.cli.transfer.inflate import expand, is_list, is_string, looks_packed, unpack
from services.cli.transfer.timestamps import unit_of
from services.export.rrweb_json.events import event_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.cli.transfer.inflate import Allowance

MAIN_WINDOW = "main"
"""The window of events without a window id."""

_MAX_DEPTH = 4
"""Maximum nesting of lists that are searched: a session's windows, a window's batches, their pairs."""

_ABSENT = msgspec.Raw(b"")


class _Shape(msgspec.Struct):
    """The fields that reveal the type of an object."""

    type: msgspec.Raw = _ABSENT
    timestamp: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT
    events: msgspec.Raw = _ABSENT
    cv: msgspec.Raw = _ABSENT
    window_id: msgspec.Raw = _ABSENT
    windowId: msgspec.Raw = _ABSENT  # noqa: N815 - PostHog's name


_shape = msgspec.json.Decoder(_Shape)
_values = msgspec.json.Decoder(list[msgspec.Raw])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """One event: its window, its JSON text, and its timestamp, in milliseconds unless `timestamps` finds otherwise."""

    window: str
    event: bytes
    timestamp: float


def find_events(raw: msgspec.Raw, window: str, allowance: Allowance) -> Iterator[FoundEvent | str]:
    """Yields the events of a JSON value in file order, and a complaint (`str`) in place of each invalid one.

    Args:
        raw: Valid JSON.
        window: The window of events that name no other.
        allowance: Limit on the inflated size of packed events.
    """
    yield from _find(raw, window, allowance, _MAX_DEPTH)


def _find(raw: msgspec.Raw, window: str, allowance: Allowance, depth: int) -> Iterator[FoundEvent | str]:
    start = bytes(memoryview(raw)[:1])
    if depth < 0:
        yield "is nested in too many lists to be an event"
    elif start == b"[":
        values = _values.decode(raw)
        named = _window_of_pair(values)
        for value in values if named is None else values[1:]:
            yield from _find(value, window if named is None else named, allowance, depth - 1)
    elif start == b"{":
        yield from _find_in_object(raw, window, allowance, depth)
    elif start == b'"':
        text = msgspec.json.decode(raw, type=str)
        try:
            event = unpack(text, allowance) if looks_packed(text) else _plain(text)
        except DamageError as damage:
            yield str(damage)
        else:
            yield _checked(event, window, allowance)
    else:
        yield f"is {bytes(raw)[:20].decode()}, not an event"


def _find_in_object(raw: msgspec.Raw, window: str, allowance: Allowance, depth: int) -> Iterator[FoundEvent | str]:
    shape = _shape.decode(raw)
    window = name_of(shape.windowId) or name_of(shape.window_id) or window
    batch = shape.events if is_list(shape.events) else shape.data
    if shape.type != _ABSENT or shape.timestamp != _ABSENT:
        yield _checked(bytes(raw), window, allowance, compressed=shape.cv != _ABSENT)
    elif is_list(batch):
        yield from _find(batch, window, allowance, depth - 1)
    elif depth == _MAX_DEPTH and (windows := _members.decode(raw)) and all(map(is_list, windows.values())):
        for name, events in windows.items():
            yield from _find(events, name, allowance, depth - 1)
    else:
        yield "has neither type nor timestamp"


def _window_of_pair(values: list[msgspec.Raw]) -> str | None:
    """The window of PostHog's `[window, event]`; None if the list is not one."""
    if len(values) != 2 or not is_string(values[0]):
        return None
    text = msgspec.json.decode(values[0], type=str)
    return None if looks_packed(text) or text.startswith("{") else text


def _plain(text: str) -> bytes:
    """An event that was written as JSON and then as a string, which rrweb's unpack() accepts too."""
    event = text.encode("utf-8", "surrogatepass")
    try:
        msgspec.json.decode(event, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        raise DamageError("is a string, not an event") from None
    return event


def _checked(event: bytes, window: str, allowance: Allowance, *, compressed: bool = False) -> FoundEvent | str:
    try:
        if not event.isascii():
            event.decode()
        head = event_head(event)
        if unit_of(head.timestamp) is None:
            return f"has timestamp {head.timestamp:.6g}: neither milliseconds since 1970 nor seconds"
        return FoundEvent(window, expand(event, allowance) if compressed else event, head.timestamp)
    except DamageError as damage:
        return str(damage)
    except UnicodeDecodeError as error:
        return f"is not UTF-8 at its byte {error.start}"
    except msgspec.DecodeError as error:
        return f"has no integer type and numeric timestamp ({error})"


def name_of(raw: msgspec.Raw) -> str | None:
    """Returns an id that is a string or an integer; None for anything else, and for the empty string."""
    try:
        return str(msgspec.json.decode(raw, type=str | int)) or None
    except msgspec.DecodeError:
        return None
