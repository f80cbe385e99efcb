"""Counting the elements that were clicked most on a page.

docs/definitions.md ("Targets") defines the elements. Interactions are grouped in two steps. The first one groups those
with an anchor by selector and anchor, regardless of the name, and the others by selector, role and name. The second one
joins groups with the same id, or with the same selector, role and name: one button in each row of a list, for example.

The first step reads four texts per interaction, which costs more than all other statements of the heatmap, so it groups
by their hash. With many interactions the counts come from a sample of the sessions, which also bounds memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.audit.behaviour.heatmap import CLICKS, KIND_OF, HeatmapKind, HeatmapTarget, HeatmapTargets
from services.audit.model import InteractionKind
from services.audit.storage.interaction_queries import final_settings, target_of

if TYPE_CHECKING:
    from uuid import UUID

    from services.audit.behaviour.heatmap import HeatmapQuery
    from services.audit.storage.engine.engine import Engine

_PLACE_OR_NAME = (
    "cityHash64(target_selector, target_tag, if(anchor > 0, toUInt64(anchor), cityHash64(target_role, target_name)))"
)
_ID = r"^#[^ ]+$"
_TEST_ATTRIBUTE = r'^\\[data-[a-z0-9-]+="[^"]+"\\]$'
_IS_OF_ONE = f"(match(selector, '{_ID}') OR (place = 0 AND match(selector, '{_TEST_ATTRIBUTE}')))"
"""An id is of one element of a page. A test attribute may be of several; where they have no anchors that tell them
apart, it is taken to be of one, too."""

_ELEMENT = f"cityHash64(selector, tag, if({_IS_OF_ONE}, '', name), if({_IS_OF_ONE}, '', role))"


@dataclass(frozen=True, slots=True)
class SessionSample:
    """A sample of the sessions.

    Attributes:
        share: One session out of this number is in the sample; 1: all are.
        below: The sample is the sessions with ids below this one, which the table is sorted by; None: those that a hash
            selects, for ids that are not random.
    """

    share: int = 1
    below: UUID | None = None

    def condition(self, params: dict[str, object]) -> str:
        """Returns the condition for sessions of the sample, and adds its parameters to `params`."""
        if self.share == 1:
            return "1"
        if self.below is None:
            return f"cityHash64(toString(session)) % {self.share} = 0"
        params["below"] = self.below
        return "session < {below:UUID}"


async def count_targets(
    engine: Engine, query: HeatmapQuery, where: str, params: dict[str, object], sample: SessionSample
) -> HeatmapTargets:
    """Returns the elements with the most samples of a heatmap.

    Args:
        engine: The engine.
        query: The heatmap's query.
        where: Conditions on the heatmap's interactions, but for their kind.
        params: Parameters of these conditions.
        sample: The sessions that are counted.
    """
    if query.kind not in CLICKS or query.max_targets == 0:
        return HeatmapTargets()
    params = params | {"kind": int(KIND_OF[query.kind])}
    # Findings are counted beside their clicks, not clicks beside findings: of clicks there may be far more.
    beside = (InteractionKind.RAGE_CLICK, InteractionKind.DEAD_CLICK) if query.kind is HeatmapKind.CLICK else ()
    kinds = ", ".join(str(int(kind)) for kind in (KIND_OF[query.kind], *beside))
    also = tuple(f"also_{int(kind)}" for kind in beside)
    counts = "".join(f", countIf(kind = {int(kind)}) AS {name}" for kind, name in zip(beside, also, strict=True))
    sums = "".join(f", sum({name}) AS all_{name}" for name in also)
    rows = await engine.query(
        "SELECT * FROM (SELECT argMax(name, latest) AS last_name, argMax(role, latest) AS last_role, "
        "any(tag) AS its_tag, any(selector) AS its_selector, sum(found) AS samples, "
        f"uniqIfMerge(visits) AS sessions{sums} FROM ("
        "SELECT argMax(target_name, time_ms) AS name, argMax(target_role, time_ms) AS role, any(target_tag) AS tag, "
        "any(target_selector) AS selector, max(time_ms) AS latest, any(anchor) AS place, "
        "countIf(kind = {kind:UInt8}) AS found, uniqIfState(session, kind = {kind:UInt8}) AS visits"
        f"{counts} FROM interactions FINAL WHERE kind IN ({kinds}) AND {where} AND {sample.condition(params)} "
        f"AND target_tag != '' GROUP BY {_PLACE_OR_NAME}) GROUP BY {_ELEMENT}) "
        "WHERE samples > 0 ORDER BY samples DESC, sessions DESC, last_name, last_role, its_tag, its_selector "
        f"LIMIT {query.max_targets + 1}{final_settings(engine)}",
        params,
    )
    listed = tuple(
        HeatmapTarget(target, *(int(number) * sample.share for number in numbers))
        for name, role, tag, selector, *numbers in rows[: query.max_targets]
        if (target := target_of(name, role, tag, selector)) is not None
    )
    return HeatmapTargets(listed, len(rows) > query.max_targets, 1 / sample.share)
