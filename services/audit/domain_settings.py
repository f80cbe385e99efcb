"""The domain's rules from the settings: one privacy policy per project, and the detectors' rules."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

import structlog

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.behaviour.pages import DEFAULT_FOLDS, FoldRule, LinearMatcher, PageRules
from services.audit.privacy.masking.start_masker import StartMasker
from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.policy.policy import ActorIdMode, Method, Policy, PolicyError, PolicyProblem
from services.audit.privacy.registry import InForce, Policies
from services.runtime.identity.signing_secret import signing_secrets
from services.runtime.settings import PageSettings, Settings
from services.runtime.settings.loader import SettingsError, settings_file
from services.runtime.settings.toml_positions import line_of

_log = structlog.get_logger("afterimage.policies")


def read_policies(settings: Settings, file: Path | None = None) -> dict[str, Policy]:
    """Returns the policy of each project.

    Args:
        settings: The tables `[privacy]` and `[projects.privacy]`.
        file: The settings file, for error messages; None: the default settings file.

    Raises:
        SettingsError: All errors in any of the policies, with file and line.
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


def policies_in_force(settings: Settings) -> dict[str, InForce]:
    """Returns the policy of each project with its masker.

    Raises:
        SettingsError: All errors in any of the policies.
    """
    known, random = signing_secrets(settings), secrets.token_bytes(32)
    secret = next(iter(known), None)
    policies = read_policies(settings)
    if secret is None:
        problems = [
            f'projects.{project}: privacy: the method "hash" needs auth.secret, which keys it'
            for project, policy in policies.items()
            if any(rule.method is Method.HASH for rule in policy.rules)
        ] + [
            f'projects.{project}: privacy.actor_id: "hash" needs auth.secret, which keys it'
            for project, policy in policies.items()
            if policy.actor_id is ActorIdMode.HASH and not policy.masks_all
        ]
        if problems:
            raise SettingsError(*problems)

    def in_force(project: str, policy: Policy) -> InForce:
        # Without a secret nothing is found again by its hash; pseudonyms hold as long as the process runs.
        key, *former = (
            hmac.digest(each, b"afterimage privacy hash " + project.encode(), hashlib.sha256)
            for each in known or (random,)
        )
        return InForce(
            policy,
            StartMasker(policy, key),
            key,
            is_keyed=secret is not None,
            former=tuple(StartMasker(policy, each) for each in former),
        )

    return {project: in_force(project, policy) for project, policy in policies.items()}


def reload_policies(policies: Policies, read_settings: Callable[[], Settings]) -> Settings | None:
    """Reloads the policies; an invalid setting leaves all as they were.

    Returns:
        The settings of which the policies are in force now; None: they were not reloaded.
    """
    try:
        settings = read_settings()
        fresh = policies_in_force(settings)
    except SettingsError as error:
        _log.error("the privacy policies were not reloaded, the old ones stay in force", problems=error.problems)
        return None
    policies.replace(fresh)
    return settings


def behaviour_rules(pages: PageSettings) -> BehaviourRules:
    """Returns the detectors' rules, with the installation's own page rules.

    Raises:
        SettingsError: Every pattern that RE2 rejects.
    """
    folds, problems = [], []
    for index, fold in enumerate(pages.folds):
        try:
            folds.append(FoldRule(LinearMatcher(fold.pattern), fold.placeholder))
        except ValueError as error:
            problems.append(f"pages.folds.{index}.pattern: {error}")
    if problems:
        raise SettingsError(*problems)
    return BehaviourRules(PageRules((*folds, *DEFAULT_FOLDS), pages.hash_routes))


def _sentence(problem: PolicyProblem, project: int, file: Path | None) -> str:
    """Returns one problem as text, with its file and line if a settings file contains it."""
    of_project = problem.keys[0] == "projects"
    # Without the project's name, an error in the shared policy becomes the same text for each project.
    where = problem.where if of_project else problem.where.partition(": ")[2]
    try:
        text = file.read_text() if file else ""
    except (OSError, UnicodeDecodeError):
        text = ""
    line = line_of(text, ["projects", project, *problem.keys[1:]] if of_project else problem.keys)
    return f"{file}:{line}: {where}: {problem.reason}" if line else f"{where}: {problem.reason}"
