"""Detection of behaviour from rrweb events: visitors' interactions with a page, and signs of frustration.

`observe(state, events, rules)` is pure and processes the events one by one, with the state as its only memory:
dividing a recording into other chunks moves findings between chunks, but changes none of them.
docs/definitions.md defines the kinds; the detectors are in pointer.py, attention.py and frustration.py.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from services.audit import rrweb
from services.audit.behaviour.attention import Viewing
from services.audit.behaviour.definitions import MAX_DETAIL, BehaviourRules, Interaction
from services.audit.behaviour.failed_requests import failed_requests, origin_of
from services.audit.behaviour.frustration import NEVER, Clicks, Visits
from services.audit.behaviour.geometry import Geometry
from services.audit.behaviour.node_index import NodeIndex, Nodes
from services.audit.behaviour.pages import normalise_page, page_address
from services.audit.behaviour.pointer import Path
from services.audit.model import InteractionKind
from services.audit.rrweb import Event, EventType, IncrementalSource, MouseInteractions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.audit.behaviour.taped_nodes import TapedNodes
    from services.audit.behaviour.targets.page_mirror import PageMirror
    from services.audit.rrweb import Data

STATE_VERSION = 1

PAGE_TAG = "afterimage.page"
"""Custom event of the Afterimage recorder with the page's size: on load, resize, growth and after full snapshots."""

PLACE_TAG = "afterimage.place"
"""Custom event of the Afterimage recorder before a click, with its place on the page."""

URL_TAG = "afterimage.url"
"""Custom event of the Afterimage recorder for URL changes without Meta: pushState, replaceState and hash changes."""

LATEST_MS = 253_402_300_799_999.0
"""The end of the year 9999; later events, and events without a valid time, are skipped."""

# Members as plain integers: comparing with an IntEnum's attribute costs as much as the rest of an event.
_INCREMENTAL_SNAPSHOT = EventType.INCREMENTAL_SNAPSHOT.value
_MUTATION = IncrementalSource.MUTATION.value
_MOUSE_MOVE = IncrementalSource.MOUSE_MOVE.value
_MOUSE_INTERACTION = IncrementalSource.MOUSE_INTERACTION.value
_SCROLL = IncrementalSource.SCROLL.value
_VIEWPORT_RESIZE = IncrementalSource.VIEWPORT_RESIZE.value
_INPUT = IncrementalSource.INPUT.value
_TOUCH_MOVE = IncrementalSource.TOUCH_MOVE.value
_DRAG = IncrementalSource.DRAG.value

ACTING = frozenset(source.value for source in rrweb.ACTIVE_SOURCES)
"""Sources that indicate visitor activity. Scrolling, playing and resizing are also responses to a click."""

ANSWERING = frozenset(
    {
        IncrementalSource.MUTATION.value,
        IncrementalSource.STYLE_SHEET_RULE.value,
        IncrementalSource.CANVAS_MUTATION.value,
        IncrementalSource.STYLE_DECLARATION.value,
        IncrementalSource.SELECTION.value,
        IncrementalSource.ADOPTED_STYLE_SHEET.value,
    }
)
"""Sources that are a page's response to a click."""

POINTING = frozenset({_MOUSE_MOVE, _TOUCH_MOVE})
NAVIGATING = frozenset({EventType.DOM_CONTENT_LOADED.value, EventType.LOAD.value, EventType.META.value})
PRESSING = frozenset({MouseInteractions.MOUSE_DOWN.value, MouseInteractions.TOUCH_START.value})
CLICK_KINDS: dict[int | None, InteractionKind] = {
    MouseInteractions.CLICK.value: InteractionKind.CLICK,
    MouseInteractions.DBL_CLICK.value: InteractionKind.DOUBLE_CLICK,
    MouseInteractions.CONTEXT_MENU.value: InteractionKind.CONTEXT_MENU,
    MouseInteractions.TOUCH_START.value: InteractionKind.TOUCH,
}


class Typing(msgspec.Struct, array_like=True, frozen=True):
    """Consecutive changes of one field."""

    first: Interaction
    count: int
    last_ms: float


class BehaviourState(msgspec.Struct, array_like=True, frozen=True):
    """The detectors' state of a window after its last chunk: 0.2 KB, plus up to 2 KB of node ids.

    The parts of a state never change: `observe` works on copies. Add fields at the end only, with defaults.
    """

    version: int = STATE_VERSION
    clock_ms: float = 0.0
    """Play time of the last event."""
    kept: int = 0
    """Number of interactions found, at most `max_interactions`."""
    loading: bool = False
    """Whether a document was loaded and its Meta event has not arrived yet."""
    geometry: Geometry = msgspec.field(default_factory=Geometry)
    nodes: Nodes = Nodes()
    viewing: Viewing = msgspec.field(default_factory=Viewing)
    path: Path = msgspec.field(default_factory=Path)
    clicks: Clicks = msgspec.field(default_factory=Clicks)
    visits: Visits = msgspec.field(default_factory=Visits)
    typing: Typing | None = None
    origin: str = ""
    """Origin of the open page; "": not known yet."""


def observe(
    state: BehaviourState,
    events: Sequence[Event],
    rules: BehaviourRules,
    set_back: Sequence[int] = (),
    mirror: PageMirror | None = None,
    nodes: TapedNodes | None = None,
) -> tuple[BehaviourState, list[Interaction]]:
    """Returns the state after a chunk, and the interactions that the chunk decides, in the order of decision.

    Args:
        state: The state after the previous chunk; `BehaviourState()` before the first.
        events: The chunk's events in the order of recording, with their play times (`play_time.play`).
        rules: The thresholds; all chunks of a window must use the same rules, or its findings match neither.
        set_back: Positions in `events` at which the clock had been set back.
        mirror: The window's page after the previous chunk; it takes the chunk's changes, and gives the interactions
            their targets. None: they have none.
        nodes: The nodes in the events, by position, as a walk has read them. None: they are decoded.
    """
    if mirror is not None:
        mirror.open_chunk(nodes)
    observer = _Observer(state, rules, mirror, nodes)
    seen = 0
    for position in set_back:
        observer.see(events[seen:position], seen)
        observer.set_back(events[position].timestamp)
        seen = position
    observer.see(events[seen:] if seen else events, seen)
    if mirror is not None:
        mirror.close_chunk()
    return observer.result()


def finish(state: BehaviourState, end_ms: int, rules: BehaviourRules) -> tuple[BehaviourState, list[Interaction]]:
    """Returns the state after a window's end, and the interactions that the end decides.

    Args:
        state: The state after the window's last chunk.
        end_ms: Time of the end by the visitor's clock, such as that of the last event. A click less than
            `dead_ms` before it is not judged.
        rules: The thresholds, as in `observe`.
    """
    observer = _Observer(state, rules)
    observer.end(end_ms)
    return observer.result()


def has_open_run(state: BehaviourState, rules: BehaviourRules) -> bool:
    """Returns whether a run of clicks or turns is long enough for a finding, and only waits for its end."""
    run = state.clicks.run
    return (run is not None and run.count >= rules.rage_clicks) or state.path.turns >= rules.thrash_turns


def settle(state: BehaviourState, rules: BehaviourRules) -> tuple[BehaviourState, list[Interaction]]:
    """Returns the state after the end of the open runs, and their findings: those that the next event would decide.

    For a visitor without events for longer than a run may pause, and than events are on their way.

    Args:
        state: The state after the last chunk.
        rules: The thresholds, as in `observe`.
    """
    observer = _Observer(state, rules)
    observer.close_runs()
    return observer.result()


class _Observer:
    """Working copies of the state's parts; dispatches the events to them."""

    __slots__ = (
        "clicks",
        "clock",
        "due",
        "found",
        "geometry",
        "index",
        "loading",
        "mirror",
        "origin",
        "path",
        "rules",
        "state",
        "typing",
        "viewing",
        "visits",
    )

    def __init__(
        self,
        state: BehaviourState,
        rules: BehaviourRules,
        mirror: PageMirror | None = None,
        nodes: TapedNodes | None = None,
    ) -> None:
        self.state = state
        self.mirror = mirror
        self.rules = rules
        self.found: list[Interaction] = []
        self.clock = state.clock_ms
        self.loading = state.loading
        self.geometry = replace(state.geometry)
        self.index = NodeIndex(state.nodes, nodes)
        self.viewing = replace(state.viewing)
        self.path = replace(state.path)
        self.clicks = replace(state.clicks)
        self.visits = replace(state.visits)
        self.typing = state.typing
        self.origin = state.origin
        self.due = 0.0
        self._wait()

    def result(self) -> tuple[BehaviourState, list[Interaction]]:
        found = self.found[: max(self.rules.max_interactions - self.state.kept, 0)]
        state = BehaviourState(
            self.state.version,
            self.clock,
            self.state.kept + len(found),
            self.loading,
            self.geometry,
            self.index.dump(),
            self.viewing,
            self.path,
            self.clicks,
            self.visits,
            self.typing,
            self.origin,
        )
        return state, found

    def see(self, events: Sequence[Event], first: int) -> None:  # noqa: C901, PLR0912, PLR0915 - one branch per source: a call costs as much as its work
        clicks, viewing, index, geometry = self.clicks, self.viewing, self.index, self.geometry
        rules, found, nothing = self.rules, self.found, rrweb.NOTHING
        changes = None if self.mirror is None else self.mirror.changes
        gap_ms, piece_ms = rules.attention_gap_ms, rules.attention_max_ms
        for position, event in enumerate(events, first):
            time = event.timestamp
            if not 0.0 <= time <= LATEST_MS:
                continue
            self.clock = time
            kind, data = event.type, event.data
            if time >= self.due:
                self._settle(time, kind in NAVIGATING)
            if kind != _INCREMENTAL_SNAPSHOT:
                self._milestone(kind, time, data, position)
                continue
            if data is None:
                continue
            source = data.source
            if source in ANSWERING:
                clicks.answered_ms = time
                if clicks.waiting:
                    clicks.waiting = ()
                adds = None
                if data.adds is not nothing and position >= index.stop:
                    adds = index.grow(data.adds, position)
                if source == _MUTATION and changes is not None:
                    changes.append((position, data, adds))
                continue
            if source not in ACTING or (source == _INPUT and data.user_triggered is False):
                continue
            # The visitor is active: Viewing.look, inlined.
            elapsed_ms = int(time) - viewing.seen_ms
            if viewing.since_ms < 0:
                viewing.look(int(time), gap_ms)
            elif elapsed_ms > 0:
                viewing.dwell_ms += min(gap_ms, elapsed_ms)
                viewing.seen_ms += elapsed_ms
                if viewing.dwell_ms >= piece_ms:
                    viewing.close(geometry, found)
            if viewing.depth_percent == 0.0 and not geometry.estimated:
                viewing.deepen(int(time), geometry, rules, found)
            if source == _SCROLL:
                clicks.answered_ms = time
                if clicks.waiting:
                    clicks.waiting = ()
                if index.scrolls_page(data.id, geometry.scroller):
                    geometry.scroll(data.x, data.y)
                    self._scrolled(time)
            elif source == _MOUSE_INTERACTION:
                action = data.type
                if action in PRESSING:
                    clicks.down_ms = time
                if action in CLICK_KINDS:
                    self._touch(CLICK_KINDS[action], time, data, position)
            elif source in POINTING:
                self._point(source == _MOUSE_MOVE, time, data)
            elif source == _INPUT:
                self._input(time, data)
            elif source != _DRAG:
                clicks.answer(time)
                if source == _VIEWPORT_RESIZE:
                    self._resize(time, data, told=True)

    def end(self, end_ms: int) -> None:
        time = float(max(end_ms, int(self.clock)))
        self.clicks.settle(time, False, self.rules, self.found)
        if self.viewing.since_ms >= 0:
            self.viewing.look(int(time), self.rules.attention_gap_ms)
        self._leave(time)
        self.viewing = Viewing()
        self._wait()

    def close_runs(self) -> None:
        self.clicks.close_run(self.rules, self.found)
        self.path.close(self.rules, self.found)
        self._wait()

    def _wait(self) -> None:
        """Updates the earliest time at which something must be judged."""
        rules = self.rules
        due = self.clicks.due_ms(rules)
        if self.path.turns:
            due = min(due, self.path.due_ms(rules))
        if self.typing is not None:
            due = min(due, self.typing.last_ms + rules.input_gap_ms)
        self.due = due

    def _settle(self, time: float, navigates: bool) -> None:
        self.clicks.settle(time, navigates, self.rules, self.found)
        self.path.settle(time, self.rules, self.found)
        if self.typing is not None and time - self.typing.last_ms >= self.rules.input_gap_ms:
            self._end_typing()
        self._wait()

    def set_back(self, time: float) -> None:
        """Handles a clock that was set back: how long the step took is not known, so nothing may stay pending.

        Args:
            time: Play time of the first event after it.
        """
        self._end_typing()
        self.clicks.leave(self.rules, self.found)
        self.clicks.answered_ms = -1.0
        self.path.restart(self.rules, self.found)
        if self.viewing.since_ms >= 0:
            self.viewing.close(self.geometry, self.found)
            self.viewing.restart(int(time), self.geometry)
        self.visits.since_ms = time
        self.clock = time
        self.due = NEVER

    def _milestone(self, kind: int, time: float, data: Data | None, position: int) -> None:
        """Handles an event that is not an IncrementalSnapshot."""
        if kind == EventType.DOM_CONTENT_LOADED:
            self.loading = True
            self.clicks.answer(time)
        elif kind == EventType.LOAD:
            self.clicks.answer(time)
        elif data is None:
            return
        elif kind == EventType.META:
            self._meta(time, data)
        elif kind == EventType.FULL_SNAPSHOT:
            tree = self.index.rebuild(data.node, position)
            if self.mirror is not None:
                self.mirror.begin(data.node, tree)
            self.geometry.frames, self.geometry.scroller = (), 0
            self.geometry.from_right = self.index.from_right
            offset = self.index.body_offset or data.initial_offset
            if offset is not None:
                self.geometry.scroll(offset.left, offset.top)
                self._scrolled(time)
        else:
            self._remark(kind, time, data)

    def _remark(self, kind: int, time: float, data: Data) -> None:
        """Handles an event of the Afterimage recorder or of a plugin."""
        if kind == EventType.CUSTOM:
            if data.tag == PAGE_TAG:
                self.geometry.measure(data.payload)
                self._scrolled(time)
            elif data.tag == PLACE_TAG:
                self.geometry.place_click(data.payload)
            elif data.tag == URL_TAG:
                self._url(time, data)
        elif kind == EventType.PLUGIN:
            if data.plugin == rrweb.CONSOLE_PLUGIN:
                self._console(time, data)
            else:
                self._requests(time, data)

    def _meta(self, time: float, data: Data) -> None:
        """Handles a Meta event: a page was opened, or the recorder takes another snapshot of the open one."""
        address = page_address(data.href or "", self.rules.pages)
        self.origin = origin_of(data.href or "")
        if self.loading or not self.visits.is_at(address):
            self.loading = False
            self._open(time, data.href or "", address, (data.width, data.height))
        else:
            self._resize(time, data, told=False)

    def _url(self, time: float, data: Data) -> None:
        """Handles a change of the URL without a page load."""
        self.clicks.answer(time)
        try:
            href = rrweb.url_decoder.decode(data.payload).href
        except msgspec.MsgspecError:
            return
        address = page_address(href, self.rules.pages)
        if href and not self.visits.is_at(address):
            self._open(time, href, address, None)

    def _open(self, time: float, href: str, address: str, viewport: tuple[float | None, float | None] | None) -> None:
        self._leave(time)
        geometry = self.geometry
        if self.visits.visit(address, time, self.rules):
            left = geometry.nowhere(InteractionKind.QUICK_BACK, int(time), detail=href[:MAX_DETAIL])
            self.found.append(left)
        scroll = geometry.scroll_x, geometry.scroll_y
        geometry.open(normalise_page(href, self.rules.pages))
        if viewport is not None:
            geometry.resize(*viewport)
        else:
            # The document keeps its scroll position until a Scroll event changes it.
            geometry.scroll(*scroll)
        self.found.append(geometry.nowhere(InteractionKind.PAGE, int(time), detail=href[:MAX_DETAIL]))
        self.viewing.open(int(time), geometry)

    def _leave(self, time: float) -> None:
        """Ends the open page."""
        self._end_typing()
        self.clicks.leave(self.rules, self.found)
        self.path.restart(self.rules, self.found)
        if self.viewing.since_ms >= 0:
            self.viewing.look(int(time), self.rules.attention_gap_ms)
            self.viewing.close(self.geometry, self.found)
            self.viewing.deepen(int(time), self.geometry, self.rules, self.found, leaving=True)

    def _point(self, thrashes: bool, time: float, data: Data) -> None:
        self.path.follow(data.positions, time, thrashes, self.index, self.geometry, self.rules, self.found)
        if self.path.turns:
            self.due = min(self.due, self.path.due_ms(self.rules))

    def _touch(self, kind: InteractionKind, time: float, data: Data, position: int) -> None:
        """Handles a MouseInteraction that is an interaction."""
        node = data.id if data.id is not None and 0 < data.id < 2**53 else 0
        frame = self.index.frame_of(node) if node else 0
        place = self._targeted(self.geometry.place_of_click(kind, int(time), data.x, data.y, node, frame))
        self.found.append(place)
        if kind is InteractionKind.CLICK:
            clickable = bool(node) and self.index.is_clickable(node, position)
            self.clicks.click(place, data, frame, clickable, self.rules, self.found)
            self._wait()

    def _targeted(self, one: Interaction) -> Interaction:
        """Returns an interaction with the element that it was about, as the page is at this moment."""
        if self.mirror is None or not one.node_id:
            return one
        target = self.mirror.target_of(one.node_id)
        return one if target is None else replace(one, target=target)

    def _scrolled(self, time: float) -> None:
        viewing, geometry = self.viewing, self.geometry
        if abs(geometry.scroll_y - viewing.top) >= self.rules.attention_step * geometry.viewport[1]:
            viewing.close(geometry, self.found)  # far enough to count as another position
        if not geometry.estimated and viewing.depth_percent < 100.0:
            viewing.deepen(int(time), geometry, self.rules, self.found)

    def _resize(self, time: float, data: Data, *, told: bool) -> None:
        """Handles a new viewport size; attention to the old viewport ends before the change."""
        if not self.geometry.differs(data.width, data.height):
            return
        if self.viewing.since_ms >= 0:
            self.viewing.look(int(time), self.rules.attention_gap_ms)
            self.viewing.close(self.geometry, self.found)
        self.geometry.resize(data.width, data.height)
        self.viewing.deepen(int(time), self.geometry, self.rules, self.found)
        if told:
            self.found.append(self.geometry.nowhere(InteractionKind.RESIZE, int(time)))

    def _input(self, time: float, data: Data) -> None:
        node = data.id if data.id is not None and 0 < data.id < 2**53 else 0
        self.clicks.answer_node(node)
        typing = self.typing
        if typing is not None and typing.first.node_id == node and time - typing.last_ms < self.rules.input_gap_ms:
            self.typing = Typing(typing.first, typing.count + 1, time)
            return
        self._end_typing()
        self.typing = Typing(self._targeted(self.geometry.nowhere(InteractionKind.INPUT, int(time), node)), 1, time)
        self._wait()

    def _end_typing(self) -> None:
        typing = self.typing
        if typing is not None:
            weight_ms = max(int(typing.last_ms) - typing.first.time_ms, 0)
            self.found.append(replace(typing.first, count=typing.count, weight_ms=weight_ms))
            self.typing = None

    def _console(self, time: float, data: Data) -> None:
        try:
            console = rrweb.console_decoder.decode(data.payload)
        except msgspec.MsgspecError:
            return
        if console.level == "error":
            words = console.words[:MAX_DETAIL]
            self.found.append(self.geometry.nowhere(InteractionKind.ERROR, int(time), detail=words))
            self.clicks.error(time, words, self.rules, self.found)

    def _requests(self, time: float, data: Data) -> None:
        room = self.rules.max_interactions - self.state.kept - len(self.found)
        for request in islice(failed_requests(data, self.origin), min(max(room, 0), self.rules.max_failed_requests)):
            words = request.text(MAX_DETAIL)
            self.found.append(self.geometry.nowhere(InteractionKind.FAILED_REQUEST, int(time), detail=words))
