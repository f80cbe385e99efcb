"""The privacy policies in force: one for each project, read from the settings, read again on SIGHUP."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from services.audit.privacy.masking.masker import Masker
from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.policy.policy import Method, Policy, PolicyError, Problem
from services.runtime.identity.signing_secret import signing_secret
from services.runtime.settings import Settings
from services.runtime.settings.loader import SettingsError, settings_file
from services.runtime.settings.toml_positions import line_of

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
        settings: The tables `[privacy]` and `[projects.privacy]`, and the secret that keys the hashes.

    Raises:
        SettingsError: Naming everything that is wrong in any of the policies.
    """

    def __init__(self, settings: Settings) -> None:
        self._in_force = _read(settings)
        for project, one in self._in_force.items():
            for warning in one.policy.warnings:
                _log.warning("privacy policy", project=project, warning=warning)

    def of(self, project: str) -> InForce:
        """Returns what is in force for a project."""
        return self._in_force[project]

    def all(self) -> dict[str, InForce]:
        """Returns what is in force, by project."""
        return self._in_force

    def reload(self, read_settings: Callable[[], Settings]) -> bool:
        """Reads the policies again; a bad one changes nothing. Returns whether the new ones are in force.

        Streams that are open go by the new policy from their next chunk on; their recorders hear of it
        when they connect again.
        """
        try:
            fresh = _read(read_settings())
        except SettingsError as error:
            _log.error("the privacy policies were not reloaded, the old ones stay in force", problems=error.problems)
            return False
        # Projects are read at start only: the ones that are known get their new policy.
        self._in_force = {project: fresh.get(project, old) for project, old in self._in_force.items()}
        versions = {project: one.policy.version for project, one in self._in_force.items()}
        _log.info("the privacy policies were reloaded", versions=versions)
        return True


def read_policies(settings: Settings, file: Path | None = None) -> dict[str, Policy]:
    """Returns the policy of each project.

    Args:
        settings: The tables `[privacy]` and `[projects.privacy]`.
        file: Where they were read from, for the errors; None: where settings are read from if nothing is said.

    Raises:
        SettingsError: Naming everything that is wrong in any of the policies, with file and line.
    """
    problems: list[str] = []
    found: dict[str, Policy] = {}
    for number, project in enumerate(settings.projects):
        try:
            found[project.id] = load_policy(settings.privacy, project.privacy or None, f"projects.{project.id}")
        except PolicyError as error:
            problems += [_sentence(each, number, settings_file(file)) for each in error.problems]
    if problems:
        raise SettingsError(*dict.fromkeys(problems))
    return found


def _read(settings: Settings) -> dict[str, InForce]:
    secret = signing_secret(settings)
    policies = read_policies(settings)
    if secret is None:
        problems = [
            f'projects.{project}: privacy: the method "hash" needs auth.secret, which keys it'
            for project, policy in policies.items()
            if any(rule.method is Method.HASH for rule in policy.rules)
        ]
        if problems:
            raise SettingsError(*problems)

    def in_force(project: str, policy: Policy) -> InForce:
        key = hmac.digest(secret or b"", b"afterimage privacy hash " + project.encode(), hashlib.sha256)
        return InForce(policy, Masker(policy, key), key)

    return {project: in_force(project, policy) for project, policy in policies.items()}


def _sentence(problem: Problem, project: int, file: Path | None) -> str:
    """Returns one problem with the file and the line that it is in, where a file has it."""
    of_project = problem.keys[0] == "projects"
    # What is wrong for all projects is told once.
    where = problem.where if of_project else problem.where.partition(": ")[2]
    try:
        text = file.read_text() if file else ""
    except (OSError, UnicodeDecodeError):
        text = ""
    line = line_of(text, ["projects", project, *problem.keys[1:]] if of_project else problem.keys)
    return f"{file}:{line}: {where}: {problem.reason}" if line else f"{where}: {problem.reason}"
