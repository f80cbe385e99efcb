"""What is found in a visitor's behaviour, and the thresholds by which it is found.

docs/definitions.md says in words what each kind of interaction is; the numbers are here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from services.audit.behaviour.pages import PageRules
from services.audit.model import Kind

MAX_DETAIL = 512
"""Characters of `detail`, as in the contract; longer ones are cut."""


class Interaction(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Something a visitor did, or a detector's finding. A position is that of the page, not the viewport."""

    kind: Kind
    time_ms: int
    """When it happened or began, by the visitor's clock."""
    page: str
    """Normalised URL; "" before the first page is known."""
    x_percent: float | None = None
    """From the page's left edge, 0 to 100; None: it has no place, or none that the recording tells."""
    y_percent: float | None = None
    """From the page's top edge, 0 to 100. Of a band (SCROLL, ATTENTION): its lower edge."""
    viewport: tuple[int, int] = (0, 0)
    page_size: tuple[int, int] = (0, 0)
    """What the percents are of, in CSS pixels; 0: not known."""
    estimated: bool = False
    """The page's size is the largest extent seen so far, no measurement of the recorder's."""
    clamped: bool = False
    """It lay outside of the page and was moved to the edge."""
    node_id: int = 0
    """rrweb's id of the node; 0: none."""
    count: int = 1
    """Clicks of a rage click, changes of direction of a thrash, changes of an input; else 1."""
    weight_ms: int = 0
    """How long: attention, and the run of clicks, turns or keystrokes."""
    top_percent: float | None = None
    """Of a band: its upper edge, exactly the lower edge of the band before where they adjoin."""
    detail: str = ""
    """Words about it (after masking): an error's message, a page's URL."""


@dataclass(frozen=True, slots=True)
class BehaviourRules:
    """Every threshold of the detectors.

    Attributes:
        pages: How URLs become pages.
        rage_clicks: Clicks of a run from which on it is a rage click (PostHog's SDK: 3).
        rage_px: Two clicks of a run lie less than this apart, |dx| + |dy| in the viewport (PostHog's SDK: 30).
        rage_gap_ms: Two clicks of a run follow each other in less than this (PostHog's SDK: 1,000).
        dead_ms: A click is dead when nothing answers within this time (PostHog's dead click autocapture:
            no mutation for 2,500).
        max_waiting: Clicks that wait for an answer at once; of more, the oldest are not judged.
        quick_back_ms: A page left for the one before it within this time was a mistake. PostHog's
            server takes 2,000 between two URLs; here the loading of the second page is in it.
        error_click_ms: An error this soon after a click belongs to it (PostHog's server: 5,000).
        thrash_turns: Reversals of a run from which on it is a thrash (OpenReplay: more than 4).
        thrash_px: Each leg between reversals is at least this long, |dx| + |dy|. Ours: below it, it is a
            hand that trembles or reads along.
        thrash_gap_ms: Two reversals of a run follow each other within this time. Ours, since rrweb samples
            every 50 ms and OpenReplay's 225 ms for the whole run would be five samples.
        move_sample_ms: At most one position in this time becomes a MOVE (PostHog's heatmaps: 500).
        input_gap_ms: A pause in typing that ends an INPUT (the active gap: 5,000).
        attention_gap_ms: Of a pause between two actions, so much counts as looking at the page (PostHog's
            server calls an idle of 30 s long).
        attention_max_ms: Attention to one place is stored in pieces of about this length, so that a
            heatmap need not wait for the visitor to scroll on.
        attention_step: Scrolling by less than this part of the viewport's height is the same place.
        scroll_step_percent: Scroll depth is stored when it has grown by so much of the page.
        clock_slack_ms: How far timestamps may step back and still be in order; more is a clock that was set.
        max_interactions: Interactions of one window that are kept.
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
    clock_slack_ms: float = 1_000.0
    max_interactions: int = 100_000
