"""Splits a file into its sessions, before its events are parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from services.cli.transfer.events import MAIN_WINDOW, name_of
from services.cli.transfer.inflate import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

_ABSENT = msgspec.Raw(b"")


class _Envelope(msgspec.Struct):
    """The known fields of objects around events."""

    type: msgspec.Raw = _ABSENT
    timestamp: msgspec.Raw = _ABSENT
    version: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT
    events: msgspec.Raw = _ABSENT
    snapshots: msgspec.Raw = _ABSENT
    snapshots_by_window: msgspec.Raw = msgspec.field(default=_ABSENT, name="snapshotsByWindowId")
    session_id: msgspec.Raw = _ABSENT
    sessionId: msgspec.Raw = _ABSENT  # noqa: N815 - the name in other tools
    id: msgspec.Raw = _ABSENT
    window_id: msgspec.Raw = _ABSENT
    windowId: msgspec.Raw = _ABSENT  # noqa: N815 - PostHog's name
    segment_id: msgspec.Raw = _ABSENT
    properties: msgspec.Raw = _ABSENT


class _Properties(msgspec.Struct):
    """Of an event of posthog-js as it is sent, `$snapshot` or `$snapshot_items`."""

    session_id: msgspec.Raw = msgspec.field(default=_ABSENT, name="$session_id")
    window_id: msgspec.Raw = msgspec.field(default=_ABSENT, name="$window_id")
    items: msgspec.Raw = msgspec.field(default=_ABSENT, name="$snapshot_items")
    data: msgspec.Raw = msgspec.field(default=_ABSENT, name="$snapshot_data")


_envelope = msgspec.json.Decoder(_Envelope)
_properties = msgspec.json.Decoder(_Properties)
_values = msgspec.json.Decoder(list[msgspec.Raw])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Section:
    """Events of one session.

    Attributes:
        session: The session's id; None if the file does not name it.
        whole: It is a separate session even without an id; otherwise events without an id are one session.
        window: The window of events that name no other.
        body: The JSON value that holds the events.
    """

    session: str | None
    whole: bool
    window: str
    body: msgspec.Raw


def sections(text: bytes) -> Iterator[Section]:
    """Yields the sessions, or parts of sessions, of a document or a line, in order.

    Raises:
        msgspec.DecodeError: It is not JSON.
        RecursionError: It is nested too deep.
    """
    raw = msgspec.json.decode(text, type=msgspec.Raw)
    if is_object(raw):
        yield from _of_object(raw, None)
    elif is_list(raw) and _is_session(values := _values.decode(raw)):
        for value in values:
            if is_object(value):
                yield from _of_object(value, None)
            else:
                yield Section(None, False, MAIN_WINDOW, value)
    else:
        yield Section(None, False, MAIN_WINDOW, raw)


def _is_session(values: list[msgspec.Raw]) -> bool:
    """Returns whether a list contains sessions, judged by its first value; otherwise it contains events."""
    if not values or not is_object(values[0]):
        return False
    return any(section.whole or section.session for section in _of_object(values[0], None))


def _of_object(raw: msgspec.Raw, session: str | None) -> Iterator[Section]:
    envelope = _envelope.decode(raw)
    if is_object(envelope.properties) and (sent := _sent(envelope.properties)) is not None:
        yield sent
        return
    if envelope.segment_id != _ABSENT and len(_members.decode(raw)) == 1:
        return  # the line before a segment of Sentry's, as its recorder sends it
    if envelope.type != _ABSENT or envelope.timestamp != _ABSENT:
        yield Section(None, False, MAIN_WINDOW, raw)
        return
    own = name_of(envelope.session_id) or name_of(envelope.sessionId) or name_of(envelope.id) or session
    window = name_of(envelope.windowId) or name_of(envelope.window_id)
    holders = (envelope.events, envelope.snapshots, envelope.snapshots_by_window, envelope.data)
    body = next((holder for holder in holders if is_list(holder) or is_object(holder)), None)
    if body is not None and body is envelope.data and is_object(body):
        yield from _of_object(body, own)
    elif body is not None:
        yield Section(own, window is None, window or MAIN_WINDOW, body)
    elif session is not None:
        yield Section(session, True, MAIN_WINDOW, raw)
    else:
        yield from _by_session(raw)


def _sent(properties: msgspec.Raw) -> Section | None:
    found = _properties.decode(properties)
    body = found.items if is_list(found.items) else found.data
    if not is_list(body):
        return None
    return Section(name_of(found.session_id), False, name_of(found.window_id) or MAIN_WINDOW, body)


def _by_session(raw: msgspec.Raw) -> Iterator[Section]:
    """An object keyed by session; any other value is left to be reported as a damaged event."""
    members = _members.decode(raw)
    if not members or not all(is_list(value) or is_object(value) for value in members.values()):
        yield Section(None, False, MAIN_WINDOW, raw)
        return
    for name, value in members.items():
        if is_list(value):
            yield Section(name, True, MAIN_WINDOW, value)
        else:
            yield from _of_object(value, name)
