"""The privacy policies in force, one per project; they can be replaced while streams are open."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from services.audit.privacy.masking.start_fields import actor_ids
from services.audit.privacy.masking.start_masker import StartMasker
from services.audit.privacy.policy.policy import Policy

if TYPE_CHECKING:
    from services.audit.privacy.masking.masker import Masker

_log = structlog.get_logger("afterimage.policies")


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy in force, with its masker for starts.

    Attributes:
        is_keyed: Whether the key is a secret that stays, so that hashes may stand for values.
        former: Maskers with the keys of older secrets, under which visitors may still be stored.
    """

    policy: Policy
    masker: StartMasker
    hash_key: bytes = field(repr=False)
    is_keyed: bool = True
    former: tuple[StartMasker, ...] = ()


class Policies:
    """The policies in force, per project.

    Args:
        in_force: The initial policies, by project.
    """

    def __init__(self, in_force: Mapping[str, InForce]) -> None:
        self._in_force = dict(in_force)
        self._chunk_maskers: dict[str, Masker] = {}
        for project, one in self._in_force.items():
            for warning in one.policy.warnings:
                _log.warning("privacy policy", project=project, warning=warning)

    def of(self, project: str) -> InForce:
        """Returns the policy in force for a project."""
        return self._in_force[project]

    def chunk_masker(self, project: str) -> Masker:
        """Returns the masker of the policy in force for a project's chunks.

        The first one loads compiled loops, which takes half a second and 110 MB.
        """
        from services.audit.privacy.masking.masker import Masker

        masker = self._chunk_maskers.get(project)
        if masker is None:
            one = self._in_force[project]
            self._chunk_maskers[project] = masker = Masker(one.policy, one.hash_key)
        return masker

    def actor_ids(self, project: str, actor_id: str) -> tuple[str, ...]:
        """Returns the forms in which a visitor's id may be stored; see `start_fields.actor_ids`."""
        one = self._in_force[project]
        forms = [actor_ids(actor_id, masker, is_keyed=one.is_keyed) for masker in (one.masker, *one.former)]
        return tuple(dict.fromkeys(itertools.chain(*forms)))

    def all(self) -> dict[str, InForce]:
        """Returns the policies in force, by project."""
        return self._in_force

    def replace(self, fresh: Mapping[str, InForce]) -> None:
        """Puts new policies in force for the known projects: projects are only added at start-up.

        Open streams use the new policy from their next chunk on; their recorders receive it when they
        reconnect.
        """
        self._in_force = {project: fresh.get(project, old) for project, old in self._in_force.items()}
        self._chunk_maskers.clear()
        versions = {project: one.policy.version for project, one in self._in_force.items()}
        _log.info("the privacy policies were reloaded", versions=versions)
