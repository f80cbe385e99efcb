"""Positions on the page: converts viewport coordinates, scroll position and page size into percentages."""

from __future__ import annotations

from math import ceil, isfinite

import msgspec

from services.audit.behaviour.definitions import NO_BOX, Box, Interaction
from services.audit.model import InteractionKind
from services.audit.rrweb import NOTHING

MAX_PIXELS = 16_777_215
"""Largest accepted extent: a float32 counts pixels exactly up to here, and browsers' limits are near."""

MAX_MEASURED_FRAMES = 64


class MeasuredFrame(msgspec.Struct, array_like=True, frozen=True):
    """Position of a frame's content, in CSS pixels of the top document."""

    element: int
    x: float
    y: float


class FramePayload(msgspec.Struct):
    """A frame in the payload of `afterimage.page`: `id` is rrweb's id of its element."""

    id: int
    x: float
    y: float


class ScrollerPayload(msgspec.Struct):
    """The element that scrolls the page instead of the document, and its scroll position."""

    id: int = 0
    x: float = 0.0
    y: float = 0.0


class PagePayload(msgspec.Struct):
    """Payload of the recorder's Custom event `afterimage.page`: the document's size, in CSS pixels.

    A frame's position is that of its content box in the top document, also for nested frames; it is valid
    until the next full snapshot or measurement. `left` is the smallest horizontal scroll position: negative in
    pages from right to left.
    """

    width: float = 0.0
    height: float = 0.0
    frames: list[FramePayload] = []
    left: float = 0.0
    scroller: ScrollerPayload | None = None


class PlacePayload(msgspec.Struct):
    """Payload of the recorder's Custom event `afterimage.place`, which precedes a click: in CSS pixels of the page.

    `x` and `y` are from the page's left and upper edge, as are those of `box`: left, top, width, height of the
    element that the click is anchored to. `anchor` is its number in every visit; 0: not anchored.
    """

    id: int
    x: float
    y: float
    width: float
    height: float
    anchor: int = 0
    box: tuple[float, float, float, float] | None = None


class ClickPlace(msgspec.Struct, array_like=True, frozen=True):
    """The place of the next click on a node, as the recorder measured it."""

    node_id: int
    x: float
    y: float
    size: tuple[int, int]
    anchor: int = 0
    box: Box = NO_BOX


_payload_decoder = msgspec.json.Decoder(PagePayload)
_place_decoder = msgspec.json.Decoder(PlacePayload)

MAX_ANCHOR = 2**32 - 1


def pixels(value: float | None, limit: int = 65_535) -> int:
    """Returns a size as an integer in [0, limit]; 0 for None, NaN and negative values."""
    return int(min(value, limit)) if value is not None and value > 0 else 0


class Geometry(msgspec.Struct, array_like=True):
    """Viewport, scroll position and size of the open page. A working copy is changed in place."""

    page: str = ""
    viewport: tuple[int, int] = (0, 0)
    scroll_x: float = 0.0
    scroll_y: float = 0.0
    measured: tuple[int, int] = (0, 0)
    right: float = 0.0
    lower: float = 0.0
    """Right and lower edge of the area seen since the page was opened."""
    frames: tuple[MeasuredFrame, ...] = ()
    size: tuple[int, int] = (0, 0)
    """The page's size: measured, or else the largest extent seen; (0, 0): unknown."""
    estimated: bool = True
    """Whether `size` is the largest extent seen."""
    left: float = 0.0
    """The smallest horizontal scroll position; negative in pages from right to left."""
    from_right: bool = False
    """Whether the page is from right to left by its attributes."""
    scroller: int = 0
    """The element that scrolls the page; 0: the document itself."""
    click: ClickPlace | None = None
    """The recorder's place of the click that comes next."""

    def open(self, page: str) -> None:
        """Begins a page: scrolled to its top, with unknown size."""
        self.page = page
        self.scroll_x = self.scroll_y = 0.0
        self.measured, self.frames = (0, 0), ()
        self.left, self.click = 0.0, None
        self.right, self.lower = map(float, self.viewport)
        self._size_up()

    def differs(self, width: float | None, height: float | None) -> bool:
        """Returns whether this is a valid viewport size that differs from the current one."""
        viewport = (pixels(width), pixels(height))
        return viewport != self.viewport and 0 not in viewport

    def resize(self, width: float | None, height: float | None) -> None:
        """Sets the viewport's size; a size without an area is ignored."""
        if self.differs(width, height):
            self.viewport = (pixels(width), pixels(height))
            self.scroll(None, None)

    def scroll(self, x: float | None, y: float | None) -> None:
        """Sets the document's scroll position. Overscroll is negative; values that are not numbers are ignored."""
        if x is not None and -MAX_PIXELS <= x <= MAX_PIXELS:
            self.scroll_x = x
        if y is not None and -MAX_PIXELS <= y <= MAX_PIXELS:
            self.scroll_y = y
        width, height = self.viewport
        if self.from_right and self.estimated and self.scroll_x < self.left:
            self.left = self.scroll_x
            self._size_up()
        lower, right = self.scroll_y + height, self.scroll_x + width
        if lower > self.lower or right > self.right:
            self.lower, self.right = max(self.lower, lower), max(self.right, right)
            if self.estimated:
                self._size_up()

    def measure(self, payload: msgspec.Raw) -> None:
        """Applies the recorder's measurement; one without a size is ignored."""
        if payload is NOTHING:
            return
        try:
            page = _payload_decoder.decode(payload)
        except msgspec.MsgspecError:
            return
        width, height = pixels(page.width, MAX_PIXELS), pixels(page.height, MAX_PIXELS)
        if not (width and height):
            return
        self.measured = (width, height)
        self._size_up()
        self.left = max(page.left, -MAX_PIXELS) if page.left <= 0 else 0.0
        if self.from_right and not self.left:  # older recorders do not send it
            self.left = float(min(self.viewport[0] - width, 0))
        self.scroller = 0
        if page.scroller is not None and 0 < page.scroller.id < 2**53:
            self.scroller = page.scroller.id
            self.scroll(page.scroller.x, page.scroller.y)
        self.frames = tuple(
            MeasuredFrame(frame.id, frame.x, frame.y)
            for frame in page.frames[:MAX_MEASURED_FRAMES]
            if 0 < frame.id < 2**53 and abs(frame.x) <= MAX_PIXELS and abs(frame.y) <= MAX_PIXELS
        )

    def place_click(self, payload: msgspec.Raw) -> None:
        """Takes the recorder's place of the click that comes next; one without a valid place is ignored."""
        self.click = None
        if payload is NOTHING:
            return
        try:
            sent = _place_decoder.decode(payload)
        except msgspec.MsgspecError:
            return
        size = pixels(sent.width, MAX_PIXELS), pixels(sent.height, MAX_PIXELS)
        if 0 in size or not (abs(sent.x) <= MAX_PIXELS and abs(sent.y) <= MAX_PIXELS):
            return
        anchor, box = 0, NO_BOX
        if sent.box is not None and 0 < sent.anchor <= MAX_ANCHOR:
            left, top, width, height = sent.box
            if 0 < width <= MAX_PIXELS >= height > 0 and abs(left) <= MAX_PIXELS >= abs(top):
                anchor, box = sent.anchor, sent.box
        self.click = ClickPlace(sent.id, sent.x, sent.y, size, anchor, box)

    def _size_up(self) -> None:
        """Updates the cached `size` and `estimated`, which are read far more often than they change."""
        self.estimated = not self.measured[1]
        if self.estimated:
            self.size = pixels(ceil(self.right - self.left), MAX_PIXELS), pixels(ceil(self.lower), MAX_PIXELS)
        else:
            self.size = self.measured

    def place_of_click(
        self, kind: InteractionKind, time_ms: int, x: float | None, y: float | None, node_id: int, frame: int
    ) -> Interaction:
        """Returns a click, tap or context menu: where the recorder measured it, or else as `place` does."""
        click, self.click = self.click, None
        if click is None or click.node_id != node_id or x is None or y is None:
            return self.place(kind, time_ms, x, y, node_id, frame)
        return self._at(kind, time_ms, node_id, click.x, click.y, click.size, False, click.anchor, click.box)

    def place(
        self, kind: InteractionKind, time_ms: int, x: float | None, y: float | None, node_id: int = 0, frame: int = 0
    ) -> Interaction:
        """Returns an interaction at a position in the viewport, or in a frame's viewport.

        Args:
            kind: Kind of interaction.
            time_ms: Time of the interaction.
            x: Client x coordinate; None, NaN or an infinity: the interaction has no position.
            y: Client y coordinate; the same applies.
            node_id: Target node.
            frame: Id of the frame element that the position is relative to; 0: the page itself. In a frame that
                was not measured the interaction has no position, since a wrong one would be worse.
        """
        if x is None or y is None or not isfinite(x) or not isfinite(y):
            return self.nowhere(kind, time_ms, node_id)
        if frame:
            for measured in self.frames:
                if measured.element == frame:
                    page_x, page_y = measured.x + x, measured.y + y
                    break
            else:
                return self.nowhere(kind, time_ms, node_id)
        else:
            page_x, page_y = x + self.scroll_x - self.left, y + self.scroll_y
            if self.estimated and 0 in self.viewport:
                self.right = max(self.right, min(page_x + self.left, MAX_PIXELS))
                self.lower = max(self.lower, min(page_y, MAX_PIXELS))
                self._size_up()
        if 0 in self.size:
            return self.nowhere(kind, time_ms, node_id)
        return self._at(kind, time_ms, node_id, page_x, page_y, self.size, self.estimated)

    def _at(
        self,
        kind: InteractionKind,
        time_ms: int,
        node_id: int,
        page_x: float,
        page_y: float,
        size: tuple[int, int],
        estimated: bool,
        anchor: int = 0,
        box: Box = NO_BOX,
    ) -> Interaction:
        """Returns an interaction at a position of the page; one outside of it is moved to the edge."""
        width, height = size
        x_percent, y_percent = page_x * 100.0 / width, page_y * 100.0 / height
        clamped = not (0.0 <= x_percent <= 100.0 and 0.0 <= y_percent <= 100.0)
        if clamped:
            x_percent, y_percent = min(max(x_percent, 0.0), 100.0), min(max(y_percent, 0.0), 100.0)
        return Interaction(
            kind,
            time_ms,
            self.page,
            x_percent,
            y_percent,
            self.viewport,
            size,
            estimated,
            clamped,
            node_id,
            anchor=anchor,
            box=box,
        )

    def band(
        self, kind: InteractionKind, time_ms: int, upper: float | None, lower: float | None, weight_ms: int
    ) -> Interaction:
        """Returns an interaction for a band of the page; the edges are percentages of its height."""
        return Interaction(
            kind,
            time_ms,
            self.page,
            None,
            lower,
            self.viewport,
            self.size,
            self.estimated,
            weight_ms=weight_ms,
            top_percent=upper,
        )

    def nowhere(self, kind: InteractionKind, time_ms: int, node_id: int = 0, detail: str = "") -> Interaction:
        """Returns an interaction without a position: of the page as a whole, or with an unknown position."""
        return Interaction(
            kind,
            time_ms,
            self.page,
            viewport=self.viewport,
            page_size=self.size,
            estimated=self.estimated,
            node_id=node_id,
            detail=detail,
        )
