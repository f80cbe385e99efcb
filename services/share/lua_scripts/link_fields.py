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
)
"""Fields of a link's hash contained in answers, in this order. Two more exist: `digest` and `creator_key`."""
