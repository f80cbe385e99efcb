"""Counting the elements that were clicked most on a page.

Grouping by an element's name, role, tag and selector reads four texts per interaction, which costs ten times as much as
grouping by cells. So with many interactions the counts come from a sample of the sessions, which also bounds memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.audit.behaviour.heatmap import CLICKS, KIND_OF, HeatmapKind, HeatmapTarget, HeatmapTargets
from services.audit.model import InteractionKind
from services.audit.storage.interaction_queries import TARGET_COLUMNS, final_settings, target_of

if TYPE_CHECKING:
    from uuid import UUID

    from services.audit.behaviour.heatmap import HeatmapQuery
    from services.audit.storage.engine.engine import Engine


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
    also = "".join(f", countIf(kind = {int(kind)}) AS also_{int(kind)}" for kind in beside)
    element = ", ".join(TARGET_COLUMNS)
    rows = await engine.query(
        f"SELECT * FROM (SELECT {element}, countIf(kind = {{kind:UInt8}}) AS samples, "
        f"uniqIf(session, kind = {{kind:UInt8}}) AS sessions{also} FROM interactions FINAL "
        f"WHERE kind IN ({kinds}) AND {where} AND {sample.condition(params)} AND target_tag != '' GROUP BY {element}) "
        f"WHERE samples > 0 ORDER BY samples DESC, sessions DESC, {element} "
        f"LIMIT {query.max_targets + 1}{final_settings(engine)}",
        params,
    )
    listed = tuple(
        HeatmapTarget(target, *(int(number) * sample.share for number in numbers))
        for name, role, tag, selector, *numbers in rows[: query.max_targets]
        if (target := target_of(name, role, tag, selector)) is not None
    )
    return HeatmapTargets(listed, len(rows) > query.max_targets, 1 / sample.share)
