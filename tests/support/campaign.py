"""The extent of a test marked `campaign`: small by default, full with --campaign."""

from __future__ import annotations

import hypothesis


def examples(few: int, full: int) -> int:
    """Returns `full` with --campaign, or else `few`; for the decorator `settings(max_examples=...)`."""
    return full if is_campaign() else few


def is_campaign() -> bool:
    """Returns whether the tests run with --campaign; also for parameters, before there are fixtures."""
    return hypothesis.settings.get_current_profile_name() == "campaign"
