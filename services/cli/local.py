"""Defaults of this machine: the project, the user, the Redis. Unlike `client`, imports no gRPC."""

from __future__ import annotations

import getpass
import os

from services.cli.command import CommandError
from services.cli.instance_lock import find_running
from services.runtime.settings.loader import Settings


def the_project(settings: Settings, project: str | None) -> str:
    """Returns the selected project.

    Raises:
        CommandError: It is not configured, or none is named and there are several.
    """
    known = [one.id for one in settings.projects]
    if project is None and len(known) == 1:
        return known[0]
    if project is None:
        raise CommandError(f"name one of the projects with --project: {', '.join(known)}")
    if project not in known:
        raise CommandError(f"there is no project {project!r}, only {', '.join(known)}")
    return project


def local_subject() -> str:
    """Returns the subject of the command line's tokens: the user of this machine."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # a container's user may have no name
        return f"cli:{os.getuid()}"


def with_running_redis(settings: Settings) -> Settings:
    """Returns the settings, with the Redis of the `afterimage up` on their data directory if they name none."""
    running = find_running(settings.data_dir)
    if running is None or not running.redis or settings.redis.url:
        return settings
    return settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": running.redis})})
