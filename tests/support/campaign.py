"""Number of examples that Hypothesis tries in a test marked `campaign`."""

from __future__ import annotations

import hypothesis


def examples(few: int, full: int) -> int:
    """Returns `full` with --campaign, or else `few`; for the decorator `settings(max_examples=...)`."""
    return full if hypothesis.settings.get_current_profile_name() == "campaign" else few
