"""How each method of AuditService is recorded in the access trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from services.audit.access_events import Action


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a method is recorded.

    Attributes:
        action: What it is.
        first: Whether the entry is written before the method runs, since the method changes something; else it is
            written when the answer is known, and before the answer is given out.
    """

    action: Action
    first: bool = False


METHODS: Mapping[str, Recorded | None] = MappingProxyType(
    {
        "RecordSession": None,  # writes content, gives none out
        "ListSessions": Recorded(Action.LIST),
        "GetSession": Recorded(Action.GET),
        "ReplaySession": Recorded(Action.REPLAY),  # WATCH with follow, EXPORT with for_export
        "WatchSessions": Recorded(Action.LIST),
        "GetHeatmap": Recorded(Action.HEATMAP),
        "ListPages": Recorded(Action.HEATMAP),
        "ListInteractions": Recorded(Action.GET),
        "DeleteSessions": Recorded(Action.DELETE, first=True),
        "ListAccessEvents": Recorded(Action.TRAIL),
        "RecordAccessEvents": None,  # is the trail
        "GetPrivacyPolicy": None,  # settings, no content
    }
)
"""Every method of AuditService; None: it needs no entry. A method that is not here is refused, and fails a test."""
