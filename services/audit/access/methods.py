"""How each method of AuditService is recorded in the access trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from services.runtime.access_actions import AccessAction


@dataclass(frozen=True, slots=True)
class RecordedMethod:
    """How a method is recorded.

    Attributes:
        action: The recorded action.
        first: Whether the entry is written before the method runs, since the method changes data; else it is
            written when the answer is known, and before the answer is sent.
    """

    action: AccessAction
    first: bool = False


METHODS: Mapping[str, RecordedMethod | None] = MappingProxyType(
    {
        "RecordSession": None,  # writes content, returns no content
        "ListSessions": RecordedMethod(AccessAction.LIST),
        "GetSession": RecordedMethod(AccessAction.GET),
        "GetReplayStart": RecordedMethod(AccessAction.GET),
        "ReplaySession": RecordedMethod(AccessAction.REPLAY),  # WATCH with follow, EXPORT with for_export
        "WatchSessions": RecordedMethod(AccessAction.LIST),
        "GetHeatmap": RecordedMethod(AccessAction.HEATMAP),
        "ListPages": RecordedMethod(AccessAction.HEATMAP),
        "ListInteractions": RecordedMethod(AccessAction.GET),
        "DeleteSessions": RecordedMethod(AccessAction.DELETE, first=True),
        "ListAccessEvents": RecordedMethod(AccessAction.TRAIL),
        "RecordAccessEvents": None,  # is the trail
        "ListDeletions": None,  # ids of sessions that no longer exist, for Afterimage's own processes
        "GetPrivacyPolicy": None,  # settings, no content
    }
)
"""Every method of AuditService; None: needs no entry. A method that is missing here is refused, and fails a test."""
