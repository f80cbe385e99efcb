"""Recorded projects, and the names of their pages."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    Field,
    StringConstraints,
)

from services.runtime.settings.values import Group, Origin, PublishableKey


class Project(Group):
    """One recorded site or product; projects are isolated from each other."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")] = Field(
        description="Name in tokens and storage: 1 to 64 of a-z, 0-9, _ and -. Must never change: stored rows carry it."
    )
    name: str = Field(default="", description='Display name. "": the id.')
    keys: tuple[PublishableKey, ...] = Field(
        default=(),
        description="Publishable keys: a recorder exchanges one for a short-lived record token. Empty: none.",
    )
    origins: tuple[Origin, ...] = Field(
        default=(),
        description="Web origins that may record: scheme and host, with a port if it is not the scheme's default, "
        '":*" for any port. Empty: none.',
    )
    retention_days: int = Field(default=30, ge=0, description="Retention of recordings in days. 0: unlimited.")
    privacy: dict[str, Any] = Field(
        default={}, description="Overrides of [privacy] for this project, with the same keys (docs/privacy.md)."
    )


class PageFold(Group):
    """URL path segments that are folded into one page."""

    pattern: str = Field(min_length=1, description="Regular expression (RE2) that matches a whole path segment.")
    placeholder: Annotated[str, StringConstraints(pattern=r"^:[a-z0-9_-]{1,31}$")] = Field(
        default=":id", description='Replacement of the segment: ":" and 1 to 31 of a-z, 0-9, _ and -.'
    )


class PageSettings(Group):
    """Which URLs are one page for heatmaps (docs/definitions.md). Changes apply to recordings made from then on."""

    hash_routes: bool = Field(
        default=False, description='Treats a fragment that begins with "/" or "!/" as part of the page.'
    )
    folds: tuple[PageFold, ...] = Field(
        default=(),
        description="Additional folded segments, applied before the built-in ones (numbers, UUIDs, dates and similar).",
    )
