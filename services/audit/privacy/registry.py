"""The privacy policies in force: one for each project; they may be replaced while streams are open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from services.audit.privacy.masking.masker import Masker
from services.audit.privacy.policy.policy import Policy

_log = structlog.get_logger("afterimage.policies")


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy and what applies it."""

    policy: Policy
    masker: Masker
    hash_key: bytes = field(repr=False)


class Policies:
    """Gives each project its policy.

    Args:
        in_force: By project.
    """

    def __init__(self, in_force: Mapping[str, InForce]) -> None:
        self._in_force = dict(in_force)
        for project, one in self._in_force.items():
            for warning in one.policy.warnings:
                _log.warning("privacy policy", project=project, warning=warning)

    def of(self, project: str) -> InForce:
        """Returns what is in force for a project."""
        return self._in_force[project]

    def all(self) -> dict[str, InForce]:
        """Returns what is in force, by project."""
        return self._in_force

    def replace(self, fresh: Mapping[str, InForce]) -> None:
        """Puts new policies in force. Projects are read at start only: the ones that are known get their new policy.

        Streams that are open go by the new policy from their next chunk on; their recorders hear of it
        when they connect again.
        """
        self._in_force = {project: fresh.get(project, old) for project, old in self._in_force.items()}
        versions = {project: one.policy.version for project, one in self._in_force.items()}
        _log.info("the privacy policies were reloaded", versions=versions)
