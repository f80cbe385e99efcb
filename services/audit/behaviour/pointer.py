"""The pointer's path: sampled positions, and mouse thrashing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.audit.behaviour.definitions import BehaviourRules, Interaction
from services.audit.model import InteractionKind
from services.audit.rrweb import NOTHING, positions_decoder

if TYPE_CHECKING:
    from services.audit.behaviour.geometry import Geometry
    from services.audit.behaviour.node_index import NodeIndex
    from services.audit.rrweb import PointerPosition

MAX_POSITIONS_BYTES = 65_536
"""Longer lists of positions are ignored; rrweb sends at most about twenty at once, of 60 bytes each."""

BATCH_MS = 500.0
"""Maximum delay with which rrweb sends positions (record/observer.ts, mousemove callback)."""

MAX_OFFSET_MS = 60_000.0
"""Positions with a greater age than this, or in the future, get the event's own time."""


class Path(msgspec.Struct, array_like=True):
    """State of the pointer's path. A working copy is changed in place."""

    sampled_ms: float = -1.0
    """Time of the last MOVE; -1: none on this page yet."""
    x: float = 0.0
    y: float = 0.0
    """End of the last leg."""
    leg_x: float = 0.0
    leg_y: float = 0.0
    """The last leg; (0, 0): none yet."""
    turns: int = 0
    """Number of reversals in the current run; 0: no run."""
    first_ms: float = 0.0
    last_ms: float = 0.0
    where: Interaction | None = None
    """The run's last reversal."""

    def due_ms(self, rules: BehaviourRules) -> float:
        """Returns the earliest time at which the current run can be closed; infinity: no run."""
        return self.last_ms + rules.thrash_gap_ms + BATCH_MS if self.turns else float("inf")

    def follow(
        self,
        positions: msgspec.Raw,
        event_ms: float,
        thrashes: bool,
        index: NodeIndex,
        geometry: Geometry,
        rules: BehaviourRules,
        found: list[Interaction],
    ) -> None:
        """Handles the positions of a MouseMove (`thrashes`) or TouchMove."""
        if positions is NOTHING or memoryview(positions).nbytes > MAX_POSITIONS_BYTES:
            return
        try:
            decoded = positions_decoder.decode(positions)
        except msgspec.MsgspecError:
            return
        sample_ms, leg_px = rules.move_sample_ms, rules.thrash_px
        sampled_ms, last_x, last_y = self.sampled_ms, self.x, self.y
        for position in decoded:
            x, y = position.x, position.y
            if x is None or y is None:
                continue
            offset = position.time_offset
            time = event_ms + offset if -MAX_OFFSET_MS <= offset <= 0.0 else event_ms
            if not 0.0 <= time - sampled_ms < sample_ms:
                self.sampled_ms = sampled_ms = time
                found.append(_place(InteractionKind.MOVE, time, position, index, geometry))
            leg_x, leg_y = x - last_x, y - last_y
            if abs(leg_x) + abs(leg_y) < leg_px:
                continue
            self.x, self.y = last_x, last_y = x, y
            if thrashes and leg_x * self.leg_x + leg_y * self.leg_y < 0.0:
                if self.turns and not 0.0 <= time - self.last_ms <= rules.thrash_gap_ms:
                    self.close(rules, found)
                if not self.turns:
                    self.first_ms = time
                self.turns += 1
                self.last_ms = time
                self.where = _place(InteractionKind.MOUSE_THRASH, time, position, index, geometry)
            self.leg_x, self.leg_y = leg_x, leg_y

    def settle(self, time: float, rules: BehaviourRules, found: list[Interaction]) -> None:
        """Closes a run that can no longer continue, not even with late positions."""
        if self.turns and time > self.last_ms + rules.thrash_gap_ms + BATCH_MS:
            self.close(rules, found)

    def close(self, rules: BehaviourRules, found: list[Interaction]) -> None:
        """Ends the current run, and reports it if it was long enough."""
        if self.turns >= rules.thrash_turns and self.where is not None:
            found.append(
                msgspec.structs.replace(
                    self.where,
                    time_ms=int(self.first_ms),
                    count=self.turns,
                    weight_ms=max(int(self.last_ms - self.first_ms), 0),
                )
            )
        self.turns, self.where = 0, None

    def restart(self, rules: BehaviourRules, found: list[Interaction]) -> None:
        """Begins a page."""
        self.close(rules, found)
        self.sampled_ms = -1.0
        self.leg_x = self.leg_y = 0.0


def _place(
    kind: InteractionKind, time: float, position: PointerPosition, index: NodeIndex, geometry: Geometry
) -> Interaction:
    node = position.id or 0
    if not 0 < node < 2**53:
        return geometry.place(kind, int(time), position.x, position.y)
    return geometry.place(kind, int(time), position.x, position.y, node, index.frame_of(node))
