"""Quotas: their settings, and their defaults beside ordinary use."""

from __future__ import annotations

import pytest

from services.runtime.settings import QuotaSettings
from services.runtime.settings.loader import SettingsError, load_settings


def test_settings_that_cannot_be():
    with pytest.raises(SettingsError) as caught:
        load_settings(quotas={"bytes_per_session": -1, "session_length_s": "nan", "minutes": 1})
    assert len(caught.value.problems) == 3


def test_ordinary_use_is_far_below_the_defaults():
    """The figures of docs/operating.md, Sizing: 4.7 KB per chunk, at most 0.5 chunks/s of an active window."""
    a_window_per_day = 4_700 * 0.5 * 86_400
    quotas = QuotaSettings()
    assert quotas.bytes_per_day_per_project > 2_000 * a_window_per_day
    assert quotas.bytes_per_session > 5 * a_window_per_day
    assert quotas.bytes_per_day_per_address > 2_500 / 24 * a_window_per_day
