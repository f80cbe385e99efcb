"""Signs of frustration in clicks and navigation: rage, dead and error clicks, quick backs.

Detectors decide by the timestamps of later events, never by a timer: the same events give the same findings
however they are divided into chunks. A finding has the time of its click or page, and is reported in the chunk
in which it is decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from services.audit.behaviour.definitions import MAX_DETAIL, BehaviourRules, Interaction
from services.audit.model import InteractionKind

if TYPE_CHECKING:
    from services.audit.rrweb import Data

NEVER = float("inf")


class RageRun(msgspec.Struct, array_like=True, frozen=True):
    """Consecutive clicks on one spot: the first click, and the position and time of the last."""

    first: Interaction
    count: int
    last_ms: float
    x: float
    y: float
    frame: int


class Clicks(msgspec.Struct, array_like=True):
    """State of the recent clicks. A working copy is changed in place."""

    run: RageRun | None = None
    waiting: tuple[Interaction, ...] = ()
    """Clicks to which the page has not responded yet, in the order of their events."""
    last: Interaction | None = None
    """The last click not yet followed by an error."""
    last_node: int = 0
    last_ms: float = 0.0
    down_ms: float = -1.0
    """Time at which the button or finger went down; every later change counts as a response to the click."""
    answered_ms: float = -1.0

    def due_ms(self, rules: BehaviourRules) -> float:
        """Returns the earliest time at which something must be judged; infinity: nothing is pending."""
        due = min([click.time_ms for click in self.waiting]) + rules.dead_ms if self.waiting else NEVER
        return due if self.run is None else min(due, self.run.last_ms + rules.rage_gap_ms)

    def click(
        self,
        click: Interaction,
        data: Data,
        frame: int,
        clickable: bool,
        rules: BehaviourRules,
        found: list[Interaction],
    ) -> None:
        """Handles a click; its `time_ms` is the event's."""
        time = float(click.time_ms)
        self._extend_run(click, time, data, frame, rules, found)
        again = click.node_id == self.last_node and 0.0 <= time - self.last_ms < rules.rage_gap_ms
        answered = 0.0 <= self.down_ms <= self.answered_ms <= time
        if clickable and not again and not answered:
            self.waiting = (*self.waiting, click)[-rules.max_waiting :]
        self.last, self.last_node, self.last_ms = click, click.node_id, time
        self.down_ms = -1.0

    def answer(self, time: float) -> None:
        """Handles a change of the page: it is the response to all waiting clicks."""
        self.answered_ms = time
        if self.waiting:
            self.waiting = ()

    def answer_node(self, node_id: int) -> None:
        """Handles a change of one field, such as a checkbox: it is the response to the clicks on that field."""
        if self.waiting:
            self.waiting = tuple(click for click in self.waiting if click.node_id != node_id)

    def error(self, time: float, words: str, rules: BehaviourRules, found: list[Interaction]) -> None:
        """Handles an error: it belongs to the last click if that was just before it."""
        click = self.last
        if click is not None and 0.0 <= time - click.time_ms < rules.error_click_ms:
            found.append(msgspec.structs.replace(click, kind=InteractionKind.ERROR_CLICK, detail=words[:MAX_DETAIL]))
            self.last = None

    def settle(self, time: float, navigates: bool, rules: BehaviourRules, found: list[Interaction]) -> None:
        """Decides everything due at `time`. An event that `navigates` never makes a click dead: the page was slow."""
        run = self.run
        if run is not None and time - run.last_ms >= rules.rage_gap_ms:
            self.close_run(rules, found)
        if self.waiting and not navigates:
            dead = [click for click in self.waiting if time - click.time_ms > rules.dead_ms]
            if dead:
                found += [msgspec.structs.replace(click, kind=InteractionKind.DEAD_CLICK) for click in dead]
                self.waiting = tuple(click for click in self.waiting if time - click.time_ms <= rules.dead_ms)

    def close_run(self, rules: BehaviourRules, found: list[Interaction]) -> None:
        """Ends the run of clicks, and reports it if it was long enough."""
        run = self.run
        if run is not None and run.count >= rules.rage_clicks:
            found.append(
                msgspec.structs.replace(
                    run.first,
                    kind=InteractionKind.RAGE_CLICK,
                    count=run.count,
                    weight_ms=max(int(run.last_ms) - run.first.time_ms, 0),
                )
            )
        self.run = None

    def leave(self, rules: BehaviourRules, found: list[Interaction]) -> None:
        """Ends a page: none of its clicks is pending any longer."""
        self.close_run(rules, found)
        self.waiting, self.last, self.last_node, self.down_ms = (), None, 0, -1.0

    def _extend_run(
        self, click: Interaction, time: float, data: Data, frame: int, rules: BehaviourRules, found: list[Interaction]
    ) -> None:
        x, y, run = data.x, data.y, self.run
        if x is None or y is None:
            return
        if run is not None:
            near = run.frame == frame and abs(x - run.x) + abs(y - run.y) < rules.rage_px
            if near and 0.0 <= time - run.last_ms < rules.rage_gap_ms:
                self.run = RageRun(run.first, run.count + 1, time, x, y, frame)
                return
            self.close_run(rules, found)
        self.run = RageRun(click, 1, time, x, y, frame)


class Visits(msgspec.Struct, array_like=True):
    """The open page and the previous one, as checksums of their addresses."""

    address: int = -1
    """-1: none yet."""
    before: int = -1
    since_ms: float = 0.0

    def is_at(self, address: str) -> bool:
        """Returns whether this is the open page."""
        return self.address == crc32(address.encode("utf-8", "replace"))

    def visit(self, address: str, time: float, rules: BehaviourRules) -> bool:
        """Handles the opening of a page; returns whether it is a quick return to the previous one."""
        arrived = crc32(address.encode("utf-8", "replace"))
        back = arrived == self.before and arrived != self.address and 0.0 <= time - self.since_ms < rules.quick_back_ms
        if arrived != self.address:
            self.before = self.address
        self.address, self.since_ms = arrived, time
        return back
