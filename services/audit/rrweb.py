"""The parts of rrweb's events that the server reads.

Names and numbers are rrweb's own (packages/types/src/index.ts, rrweb 2.2). Events are decoded in part: the
decoder skips JSON without a field here at scanning speed, and builds no objects of it. Unknown event types,
sources and fields are tolerated, since a recorder may be newer than the server.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec


class EventType(IntEnum):
    """`type` of an event."""

    DOM_CONTENT_LOADED = 0
    LOAD = 1
    FULL_SNAPSHOT = 2
    INCREMENTAL_SNAPSHOT = 3
    META = 4
    CUSTOM = 5
    PLUGIN = 6


class IncrementalSource(IntEnum):
    """`data.source` of an IncrementalSnapshot."""

    MUTATION = 0
    MOUSE_MOVE = 1
    MOUSE_INTERACTION = 2
    SCROLL = 3
    VIEWPORT_RESIZE = 4
    INPUT = 5
    TOUCH_MOVE = 6
    MEDIA_INTERACTION = 7
    STYLE_SHEET_RULE = 8
    CANVAS_MUTATION = 9
    FONT = 10
    LOG = 11
    DRAG = 12
    STYLE_DECLARATION = 13
    SELECTION = 14
    ADOPTED_STYLE_SHEET = 15
    CUSTOM_ELEMENT = 16


class MouseInteractions(IntEnum):
    """`data.type` of a MouseInteraction."""

    MOUSE_UP = 0
    MOUSE_DOWN = 1
    CLICK = 2
    CONTEXT_MENU = 3
    DBL_CLICK = 4
    FOCUS = 5
    BLUR = 6
    TOUCH_START = 7
    TOUCH_MOVE_DEPARTED = 8
    TOUCH_END = 9
    TOUCH_CANCEL = 10


CONSOLE_PLUGIN = "rrweb/console@1"
NETWORK_PLUGIN = "rrweb/network"
"""Beginning of the network plugin's name, which ends with its version."""

ACTIVE_SOURCES = frozenset(
    {
        IncrementalSource.MOUSE_MOVE,
        IncrementalSource.MOUSE_INTERACTION,
        IncrementalSource.SCROLL,
        IncrementalSource.VIEWPORT_RESIZE,
        IncrementalSource.INPUT,
        IncrementalSource.TOUCH_MOVE,
        IncrementalSource.MEDIA_INTERACTION,
        IncrementalSource.DRAG,
    }
)
"""Sources that indicate visitor activity (PostHog's list, segmentation.ts)."""


NOTHING = msgspec.Raw(b"null")
"""Value of a Raw field that is missing in the event. (msgspec treats `Raw | None` as null only.)"""


class Offset(msgspec.Struct, gc=False):
    """`initialOffset` of a full snapshot: the document's scroll position, in CSS pixels."""

    top: float = 0.0
    left: float = 0.0


class Data(msgspec.Struct, gc=False):
    """`data` of an event: the fields, over all kinds of event, that the server reads.

    Values that may be large or of any form stay Raw; their users decode them within their own bounds.
    """

    source: int | None = None
    type: int | None = None
    id: int | None = None
    x: float | None = None
    y: float | None = None
    href: str | None = None
    width: float | None = None
    height: float | None = None
    tag: str | None = None
    plugin: str | None = None
    payload: msgspec.Raw = NOTHING
    user_triggered: bool | None = msgspec.field(default=None, name="userTriggered")
    initial_offset: Offset | None = msgspec.field(default=None, name="initialOffset")
    positions: msgspec.Raw = NOTHING
    """Of MouseMove, TouchMove and Drag."""
    adds: msgspec.Raw = NOTHING
    """Of a Mutation."""
    text: msgspec.Raw = NOTHING
    """Of an Input. This field is for masking, which removes the values that it changed."""
    texts: msgspec.Raw = NOTHING
    """Of a Mutation."""
    attributes: msgspec.Raw = NOTHING
    """Of a Mutation."""
    removes: msgspec.Raw = NOTHING
    """Of a Mutation."""
    node: msgspec.Raw = NOTHING
    """Of a FullSnapshot: the document, a few hundred KB."""


class Event(msgspec.Struct, gc=False):
    """One event. `timestamp` is in milliseconds since 1970 UTC, by the visitor's clock."""

    type: int
    timestamp: float
    data: Data | None = None


class BareEvent(msgspec.Struct, gc=False):
    """An event with `data` of an unknown form."""

    type: int
    timestamp: float


class PointerPosition(msgspec.Struct, gc=False):
    """A pointer's position, relative to the viewport; at the event's timestamp plus `time_offset` (<= 0)."""

    x: float | None = None
    y: float | None = None
    id: int | None = None
    time_offset: float = msgspec.field(default=0.0, name="timeOffset")


class ConsolePayload(msgspec.Struct):
    """Payload of the console plugin: `payload` holds each argument as JSON text; other recorders send other forms."""

    level: str = ""
    payload: Any = None

    @property
    def words(self) -> str:
        """The arguments, joined by spaces."""
        arguments = self.payload if isinstance(self.payload, list) else [self.payload]
        return " ".join(str(argument) for argument in arguments if argument is not None)


class NetworkRequest(msgspec.Struct):
    """One request in the payload of the network plugin; recorders differ in names and types."""

    name: Any = None
    """Its address."""
    url: Any = None
    """Its address, of recorders without `name`."""
    method: Any = None
    status: Any = None
    response_status: Any = msgspec.field(default=None, name="responseStatus")
    initiator_type: Any = msgspec.field(default=None, name="initiatorType")


class NetworkPayload(msgspec.Struct):
    """Payload of the network plugin: a list of NetworkRequest, of which some may have another form."""

    requests: list[msgspec.Raw] = []


class UrlPayload(msgspec.Struct):
    """Payload of the Afterimage recorder's Custom event for a change of URL without a page load."""

    href: str = ""


url_decoder = msgspec.json.Decoder(UrlPayload)
positions_decoder = msgspec.json.Decoder(list[PointerPosition])
console_decoder = msgspec.json.Decoder(ConsolePayload)
network_decoder = msgspec.json.Decoder(NetworkPayload)
request_decoder = msgspec.json.Decoder(NetworkRequest)
