"""Visible parts of the page: attention per band of the page, and scroll depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.audit.behaviour.definitions import BehaviourRules, Interaction
from services.audit.model import InteractionKind

if TYPE_CHECKING:
    from services.audit.behaviour.geometry import Geometry


class Viewing(msgspec.Struct, array_like=True):
    """The open interval of attention, and the scroll depth. A working copy is changed in place."""

    since_ms: int = -1
    """Start of the interval; -1: no activity yet."""
    seen_ms: int = 0
    """Time of the visitor's last activity."""
    dwell_ms: int = 0
    """Viewing time of the interval up to `seen_ms`."""
    top: float = 0.0
    """Scroll position at which the interval began."""
    depth_percent: float = 0.0
    """Scroll depth already reported."""

    def look(self, time_ms: int, gap_ms: int) -> None:
        """Handles an activity: counts the time since the last one as viewing time, up to `gap_ms`."""
        if self.since_ms < 0:
            self.since_ms = self.seen_ms = time_ms
        elif time_ms > self.seen_ms:
            gap = time_ms - self.seen_ms
            self.dwell_ms += min(gap, gap_ms)
            self.seen_ms = time_ms

    def open(self, time_ms: int, geometry: Geometry) -> None:
        """Begins a page."""
        self.depth_percent = 0.0
        self.restart(time_ms, geometry)

    def restart(self, time_ms: int, geometry: Geometry) -> None:
        """Begins an interval at the current scroll position."""
        self.since_ms = self.seen_ms = time_ms
        self.dwell_ms = 0
        self.top = geometry.scroll_y

    def close(self, geometry: Geometry, found: list[Interaction]) -> None:
        """Ends the interval and begins the next at the current scroll position."""
        if self.since_ms >= 0 and self.dwell_ms:
            height, visible = geometry.size[1], geometry.viewport[1]
            upper = lower = None
            if height and visible:
                upper, lower = self.top * 100.0 / height, (self.top + visible) * 100.0 / height
                if upper < 0.0 or lower > 100.0:
                    upper, lower = min(max(upper, 0.0), 100.0), min(max(lower, 0.0), 100.0)
            found.append(geometry.band(InteractionKind.ATTENTION, self.since_ms, upper, lower, self.dwell_ms))
        if self.since_ms >= 0:
            self.since_ms, self.dwell_ms = self.seen_ms, 0
        self.top = geometry.scroll_y

    def deepen(
        self,
        time_ms: int,
        geometry: Geometry,
        rules: BehaviourRules,
        found: list[Interaction],
        *,
        leaving: bool = False,
    ) -> None:
        """Reports the scroll depth gained since the last report.

        A page without measurements is reported when it is left: only its lowest visible point is known.
        """
        if (geometry.estimated and not leaving) or not geometry.viewport[1]:
            return
        height = geometry.size[1]
        if not height:
            return
        depth = min(geometry.lower * 100.0 / height, 100.0)
        grown = depth - self.depth_percent
        if grown <= 0.0 or (
            self.depth_percent > 0.0 and grown < rules.scroll_step_percent and depth < 100.0 and not leaving
        ):
            return
        found.append(geometry.band(InteractionKind.SCROLL, time_ms, self.depth_percent, depth, 0))
        self.depth_percent = depth
