"""Programs of the machine that tests need."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(message: str) -> NoReturn:
    """Skips the test, with a reason that the run's summary lists; fails it in CI, where everything must be tested."""
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
