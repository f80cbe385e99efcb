"""The interactions found in a visitor's behaviour, and the detectors' thresholds.

docs/definitions.md defines each kind of interaction; the numbers are here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from services.audit.behaviour.pages import PageRules
from services.audit.model import InteractionKind, Target

MAX_DETAIL = 512
"""Characters of `detail`, as in the contract; longer ones are cut."""

Box = tuple[float, float, float, float]
"""Left, top, width and height in CSS pixels of the page."""

NO_BOX: Box = (0.0, 0.0, 0.0, 0.0)


class Interaction(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A visitor's action, or a detector's finding. Positions are relative to the page, not to the viewport."""

    kind: InteractionKind
    time_ms: int
    """Time or start of the interaction, by the visitor's clock."""
    page: str
    """Normalised URL; "" before the first page is known."""
    x_percent: float | None = None
    """Distance from the page's left edge, 0 to 100; None: no position, or an unknown one."""
    y_percent: float | None = None
    """Distance from the page's top edge, 0 to 100. Of a band (SCROLL, ATTENTION): its lower edge."""
    viewport: tuple[int, int] = (0, 0)
    page_size: tuple[int, int] = (0, 0)
    """Page size that the percentages refer to, in CSS pixels; 0: unknown."""
    estimated: bool = False
    """Whether the page size is the largest extent seen instead of the recorder's measurement."""
    clamped: bool = False
    """Whether the position was outside the page and was moved to its edge."""
    node_id: int = 0
    """rrweb's id of the node; 0: none."""
    count: int = 1
    """Clicks of a rage click, changes of direction of a thrash, changes of an input; else 1."""
    weight_ms: int = 0
    """Duration of the attention, or of the run of clicks, turns or keystrokes."""
    top_percent: float | None = None
    """Of a band: its upper edge; equal to the lower edge of the previous band if the two adjoin."""
    detail: str = ""
    """Text (after masking): an error's message, a page's URL, or a failed request (`FailedRequest.text`)."""
    anchor: int = 0
    """Number of the element that a click is anchored to, the same in every visit; 0: the place is not anchored."""
    box: Box = NO_BOX
    """Position and size of that element."""
    target: Target | None = None
    """The element that was acted on; None: for other kinds, or if the recording does not contain it."""


@dataclass(frozen=True, slots=True)
class BehaviourRules:
    """Every threshold of the detectors.

    Attributes:
        pages: Rules that turn URLs into pages.
        rage_clicks: Minimum number of clicks in a rage click (PostHog's SDK: 3).
        rage_px: Maximum distance between two clicks of a run, exclusive, |dx| + |dy| in the viewport (PostHog's
            SDK: 30).
        rage_gap_ms: Maximum time between two clicks of a run, exclusive (PostHog's SDK: 1,000).
        dead_ms: A click is dead if the page does not respond within this time (PostHog's dead click
            autocapture: no mutation for 2,500).
        max_waiting: Maximum number of clicks that wait for a response; beyond it, the oldest are not judged.
        quick_back_ms: A page left for the previous one within this time was a mistake. PostHog's server
            allows 2,000 between two URLs; here the time includes the loading of the second page.
        error_click_ms: An error within this time after a click belongs to the click (PostHog's server: 5,000).
        thrash_turns: Minimum number of reversals in a thrash (OpenReplay: more than 4).
        thrash_px: Minimum length of each leg between reversals, |dx| + |dy|. Our own value: shorter legs are a
            trembling hand, or a pointer that follows the text.
        thrash_gap_ms: Maximum time between two reversals of a run. Our own value: rrweb samples every 50 ms, and
            OpenReplay's 225 ms for the whole run would be five samples.
        move_sample_ms: At most one position in this time becomes a MOVE (PostHog's heatmaps: 500).
        input_gap_ms: Pause in typing that ends an INPUT (the active gap: 5,000).
        attention_gap_ms: Maximum part of a pause between two actions that counts as viewing time (PostHog's
            server treats 30 s of idling as long).
        attention_max_ms: Approximate maximum duration of one stored piece of attention. Long attention to one
            position is split, since a heatmap should not have to wait until the visitor scrolls.
        attention_step: Scrolling by less than this fraction of the viewport's height is not a new position.
        scroll_step_percent: Minimum growth of the scroll depth that is stored, in percent of the page.
        max_failed_requests: Maximum number of stored failed requests per event; further ones are counted only. An event
            reports the requests that ended together.
        max_interactions: Maximum number of stored interactions per window.
    """

    pages: PageRules = field(default_factory=PageRules)
    rage_clicks: int = 3
    rage_px: float = 30.0
    rage_gap_ms: float = 1_000.0
    dead_ms: float = 2_500.0
    max_waiting: int = 8
    quick_back_ms: float = 5_000.0
    error_click_ms: float = 5_000.0
    thrash_turns: int = 5
    thrash_px: float = 50.0
    thrash_gap_ms: float = 300.0
    move_sample_ms: float = 500.0
    input_gap_ms: float = 5_000.0
    attention_gap_ms: int = 30_000
    attention_max_ms: int = 60_000
    attention_step: float = 0.1
    scroll_step_percent: float = 1.0
    max_failed_requests: int = 100
    max_interactions: int = 100_000
