"""Why a rendering ends without its files."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The cause, for programs to act on."""

    UNAVAILABLE = "UNAVAILABLE"
    """A program that the format needs is not installed on this machine."""
    NO_PICTURE = "NO_PICTURE"
    """The recording has no full snapshot in the range."""
    OUT_OF_RANGE = "OUT_OF_RANGE"
    """The range, or the moment, is not in the session."""
    TOO_LONG = "TOO_LONG"
    """The video would have more frames than the limit."""
    TIME_LIMIT = "TIME_LIMIT"
    MEMORY_LIMIT = "MEMORY_LIMIT"
    FILE_LIMIT = "FILE_LIMIT"
    """The file would be larger than the limit."""
    DISK_FULL = "DISK_FULL"
    BROWSER_FAILED = "BROWSER_FAILED"
    ENCODER_FAILED = "ENCODER_FAILED"


_MAY_SUCCEED_LATER = frozenset({Reason.BROWSER_FAILED, Reason.ENCODER_FAILED, Reason.DISK_FULL})


class RenderingError(Exception):
    """A rendering that has failed; nothing of it is left.

    Attributes:
        reason: The cause.
        message: One sentence for people.
        may_retry: Whether the same rendering may succeed later.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.may_retry = reason in _MAY_SUCCEED_LATER
