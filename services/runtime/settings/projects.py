"""What is recorded: projects, and the names of their pages."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    Field,
    StringConstraints,
)

from services.runtime.settings.values import Group, Origin, PublishableKey


class Project(Group):
    """One recorded site or product; nobody sees into another one."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")] = Field(
        description="Name in tokens and storage: 1 to 64 of a-z, 0-9, _ and -. Never change it: stored rows carry it."
    )
    name: str = Field(default="", description='What people read. "": the id.')
    keys: tuple[PublishableKey, ...] = Field(
        default=(),
        description="Publishable keys: a recorder swaps one for a short-lived record token. Empty: none may.",
    )
    origins: tuple[Origin, ...] = Field(
        default=(),
        description="Web origins that may record: scheme and host, a port if it is not the scheme's own, "
        '":*" for any port. Empty: none may.',
    )
    retention_days: int = Field(default=30, ge=0, description="Days that a recording is kept. 0: for ever.")
    privacy: dict[str, Any] = Field(
        default={}, description="What differs from [privacy] for this project, with the same keys (docs/privacy.md)."
    )


class PageFold(Group):
    """Segments of a URL's path that are the same page."""

    pattern: str = Field(min_length=1, description="Regular expression (RE2) for a whole segment of the path.")
    placeholder: Annotated[str, StringConstraints(pattern=r"^:[a-z0-9_-]{1,31}$")] = Field(
        default=":id", description='What stands for it: ":" and 1 to 31 of a-z, 0-9, _ and -.'
    )


class PageSettings(Group):
    """Which URLs are one page for heatmaps (docs/definitions.md). A change holds for what is recorded from then on."""

    hash_routes: bool = Field(
        default=False, description='Whether a fragment that begins with "/" or "!/" is part of the page.'
    )
    folds: tuple[PageFold, ...] = Field(
        default=(),
        description="Segments that are folded besides numbers, UUIDs, dates and the like, and before those.",
    )
