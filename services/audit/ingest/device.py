"""Decides the kind of device that a recording was made on: from the user agent, the viewport and touches.

Heatmaps count each kind by itself, since a page has another layout on each. Imported recordings often have no user
agent. A wrong kind would mix layouts silently, so an uncertain one stays unknown (0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.audit.ingest.user_agent import DESKTOP, MOBILE, TABLET, recognise
from services.audit.rrweb import EventType, IncrementalSource, MouseInteractions

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PHONE_PX = 480
"""Largest shorter side of a phone's viewport in CSS pixels: the largest phones have 440."""

MAX_TABLET_PX, MAX_TABLET_LONG_PX = 1_032, 1_376
"""Largest sides of a tablet's viewport in CSS pixels: those of the largest iPad."""

MAX_EVENT_BYTES = 4_096
"""Larger events are no clicks or touches."""

_TOUCH = 2
"""rrweb's PointerTypes.Touch."""


def device_type_of(user_agent: str, viewport: tuple[int, int] = (0, 0), *, touched: bool | None = None) -> int:
    """Returns the contract's number of a device type; 0: it is unknown.

    Args:
        user_agent: Decides if it names a system or a device; empty: unknown.
        viewport: Width and height in CSS pixels; 0: unknown.
        touched: Whether the visitor touched a screen; None: neither touches nor clicks of a mouse are known.
    """
    named = recognise(user_agent).device_type
    if named == DESKTOP and touched and "Macintosh" in user_agent:
        return TABLET  # an iPad names itself as a Mac, and no Mac has a touch screen
    return named or _by_viewport(viewport, touched)


def _by_viewport(viewport: tuple[int, int], touched: bool | None) -> int:
    shorter, longer = sorted(viewport)
    if shorter <= 0 or (touched is None and longer <= MAX_PHONE_PX):
        return 0  # unknown, or the window of something embedded
    if touched is False:
        return DESKTOP
    is_upright = viewport[1] > viewport[0]
    if shorter <= MAX_PHONE_PX and (touched or is_upright):
        return MOBILE
    if touched:
        return TABLET if shorter <= MAX_TABLET_PX and longer <= MAX_TABLET_LONG_PX else DESKTOP
    # No visitor's action is known. An upright window of a tablet's width may be part of a desktop's screen.
    return 0 if is_upright and shorter <= MAX_TABLET_PX else DESKTOP


class _Pressed(msgspec.Struct, gc=False):
    source: int | None = None
    type: int | None = None
    pointer_type: int | None = msgspec.field(default=None, name="pointerType")


class _Event(msgspec.Struct, gc=False):
    type: int
    data: _Pressed | None = None


_decoder = msgspec.json.Decoder(_Event)
_TOUCHES = frozenset(
    {MouseInteractions.TOUCH_START.value, MouseInteractions.TOUCH_END.value, MouseInteractions.TOUCH_CANCEL.value}
)
_CLICKS = frozenset({MouseInteractions.MOUSE_DOWN.value, MouseInteractions.CLICK.value})


def touched_in(events: Iterable[bytes]) -> bool | None:
    """Returns whether the visitor of a recording touched a screen; None: there are neither touches nor clicks.

    TouchMove events do not count: rrweb also uses them for a mouse in a frame.

    Args:
        events: rrweb's events as JSON; those that cannot be read are ignored.
    """
    clicked = None
    for event in events:
        if len(event) > MAX_EVENT_BYTES or b'"source"' not in event:
            continue
        try:
            found = _decoder.decode(event)
        except msgspec.MsgspecError:
            continue
        data = found.data
        if found.type != EventType.INCREMENTAL_SNAPSHOT or data is None:
            continue
        if data.source != IncrementalSource.MOUSE_INTERACTION:
            continue
        if data.type in _TOUCHES or (data.type in _CLICKS and data.pointer_type == _TOUCH):
            return True
        if data.type in _CLICKS:
            clicked = False
    return clicked
