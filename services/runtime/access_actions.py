"""Actions and outcomes in the access trail: the one enum of each, for the services that write entries."""

from __future__ import annotations

from enum import IntEnum


class AccessAction(IntEnum):
    """Action on recorded content: the contract's AccessAction."""

    LIST = 1
    GET = 2
    REPLAY = 3
    WATCH = 4
    HEATMAP = 5
    EXPORT = 6
    DELETE = 7
    SHARE_CREATE = 8
    SHARE_REDEEM = 9
    SHARE_REVOKE = 10
    TRAIL = 11
    SHARE_LOCK = 12
    EXPORT_CREATE = 13
    EXPORT_DOWNLOAD = 14
    EXPORT_DELETE = 15


class AccessOutcome(IntEnum):
    """Outcome of the access: the contract's AccessOutcome."""

    ALLOWED = 1
    DENIED = 2
    NOT_FOUND = 3
    FAILED = 4
