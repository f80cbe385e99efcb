"""The head of an rrweb event: its type and its time."""

from __future__ import annotations

import msgspec

from services.export.rrweb_json.surrogates import hide_lone_surrogates


class EventHead(msgspec.Struct):
    """The two fields that every rrweb event has; the rest is skipped at scanning speed."""

    type: int
    timestamp: int | float


_head = msgspec.json.Decoder(EventHead)


def event_head(event: bytes) -> EventHead:
    """Returns the type and timestamp of an event.

    Raises:
        msgspec.DecodeError: It is not an object with an integer type and a numeric timestamp.
    """
    try:
        return _head.decode(event)
    except msgspec.DecodeError:
        return _head.decode(hide_lone_surrogates(event))
