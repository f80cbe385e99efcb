"""The device of an imported recording, as far as its events show it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from afterimage_client.recording.v1 import DeviceType

PHONE_MAX_PX = 600
"""Shorter side of a viewport below which a touch screen is a phone's: Android's limit for tablets (sw600dp)."""

NARROW_PX = 480
"""Viewports up to this width are a phone's even without touch: desktop browsers have windows of 500 px at least."""

DESKTOP_MIN_PX = 1_024
"""Width from which a recording without any pointer is taken for a desktop's."""

_SEARCHED_EVENTS = 20_000
_MOUSE_MOVE, _MOUSE_INTERACTION, _TOUCH_MOVE = 1, 2, 6  # rrweb's IncrementalSource
_TOUCHES = {7, 8, 9, 10}  # rrweb's MouseInteractions
_TOUCH_POINTER = 2


class _Data(msgspec.Struct):
    source: int | None = None
    type: int | None = None
    pointer_type: int | None = msgspec.field(default=None, name="pointerType")


class _Event(msgspec.Struct):
    type: int
    data: _Data | None = None


_decoder = msgspec.json.Decoder(_Event)


def device_of(events: Sequence[bytes], width: int, height: int) -> int:
    """Returns the contract's DeviceType: by touch and mouse first, by the size of the viewport second.

    Args:
        events: A window's events.
        width: Width of its viewport in CSS pixels; 0: unknown.
        height: Height; 0: unknown.
    """
    has_touch, has_mouse = _pointers(events)
    shorter = min(width, height or width)
    if has_touch:
        if has_mouse and width >= DESKTOP_MIN_PX:
            return DeviceType.DESKTOP  # a laptop with a touch screen
        return DeviceType.MOBILE if shorter < PHONE_MAX_PX else DeviceType.TABLET
    if 0 < width <= NARROW_PX:
        return DeviceType.MOBILE
    if has_mouse or width >= DESKTOP_MIN_PX:
        return DeviceType.DESKTOP
    return DeviceType.UNSPECIFIED


def _pointers(events: Sequence[bytes]) -> tuple[bool, bool]:
    has_touch = has_mouse = False
    for event in events[:_SEARCHED_EVENTS]:
        if b'"source"' not in event or len(event) > _SEARCHED_EVENTS:
            continue
        try:
            data = _decoder.decode(event).data
        except (msgspec.DecodeError, RecursionError):
            continue
        if data is None:
            continue
        if data.source == _MOUSE_INTERACTION:
            touched = data.type in _TOUCHES or data.pointer_type == _TOUCH_POINTER
            has_touch = has_touch or touched
            has_mouse = has_mouse or data.pointer_type == 0
        else:
            has_touch = has_touch or data.source == _TOUCH_MOVE
            has_mouse = has_mouse or data.source == _MOUSE_MOVE
        if has_touch and has_mouse:
            break
    return has_touch, has_mouse
