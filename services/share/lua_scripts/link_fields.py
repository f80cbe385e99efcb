"""Fields of a link's hash in Redis."""

from __future__ import annotations

FIELDS = (
    "project",
    "session",
    "created_by",
    "created",
    "expires",
    "start",
    "end",
    "max_views",
    "views",
    "passcode",
    "label",
    "origin",
    "requested_start",
    "wrong",
    "locked",
    "download",
)
"""Fields of a link's hash contained in answers, in this order. Links of older versions lack those after `label`. More
exist: `digest`, `creator_key`, and `wrong_due` (see `passcode_attempts`)."""
