"""`afterimage config`: the reference of all settings."""

from __future__ import annotations

import sys

from services.runtime.settings.reference import to_toml_reference


def config() -> None:
    """Prints an afterimage.toml with every key, its description and its default, all commented out."""
    sys.stdout.write(to_toml_reference())
