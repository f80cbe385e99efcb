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
        action: The recorded action.
        first: Whether the entry is written before the method runs, since the method changes data; else it is
            written when the answer is known, and before the answer is sent.
    """

    action: Action
    first: bool = False


METHODS: Mapping[str, Recorded | None] = MappingProxyType(
    {
        "RecordSession": None,  # writes content, returns no content
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
"""Every method of AuditService; None: needs no entry. A method that is missing here is refused, and fails a test."""
