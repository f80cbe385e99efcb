"""Reads the settings: one afterimage.toml, then AFTERIMAGE_* environment variables over it.

`AFTERIMAGE_AUDIT__PORT=50061` sets `port` in the table `audit`; lists are JSON; an empty variable counts as not set.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from services.runtime.settings import Settings, is_loopback
from services.runtime.settings.risks import risks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

__all__ = ["Settings", "SettingsError", "load_settings", "settings_file"]

PREFIX = "AFTERIMAGE_"
DEFAULT_FILE = Path("afterimage.toml")
# Prefixed variables that are not settings: the path of the file, and the command line's token.
_NO_SETTINGS = frozenset({"AFTERIMAGE_CONFIG", "AFTERIMAGE_TOKEN"})
_TEST_PREFIX = "AFTERIMAGE_TEST_"

_SENTENCES = {
    "extra_forbidden": "unknown key",
    "missing": "required",
}


class SettingsError(Exception):
    """The settings are invalid.

    Attributes:
        problems: All problems, one line each: `audit.port: ...`.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(path: Path | None = None, **overrides: Any) -> Settings:
    """Returns the settings of file, environment and `overrides`; the later source wins, key by key.

    Args:
        path: The file; None: the one named by AFTERIMAGE_CONFIG, else ./afterimage.toml if it exists.
        overrides: Values by group, such as `audit={"port": 0}`.

    Raises:
        SettingsError: With all problems at once.
    """
    problems: list[str] = []
    file_values = _read_file(_find_file(path, problems), problems)
    problems += _unknown_variables(os.environ)
    values = _merged(_merged(file_values, _EnvSource(Settings)()), overrides)
    settings = _validated(values, problems)
    problems += _contradictions(settings)
    if problems:
        raise SettingsError(*problems)
    return settings


def settings_file(path: Path | None = None) -> Path | None:
    """Returns the file that `load_settings` reads; None: no file."""
    return _find_file(path, [])


class _EnvSource(EnvSettingsSource):
    """The library's source, except that bad JSON is left to validation and reported there with the other problems."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _find_file(path: Path | None, problems: list[str]) -> Path | None:
    named = path or (Path(name) if (name := os.environ.get("AFTERIMAGE_CONFIG")) else None)
    if named is None:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    if not named.is_file():
        problems.append(f"{named}: there is no such file")
        return None
    return named


def _read_file(path: Path | None, problems: list[str]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return TomlConfigSettingsSource(Settings, toml_file=path).toml_data
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        problems.append(f"{path}: {error}")
        return {}


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    # Only the first part: unknown keys inside a group are found by the group itself.
    for name in sorted(environ):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in _NO_SETTINGS or upper.startswith(_TEST_PREFIX):
            continue
        if upper.removeprefix(PREFIX).lower().split("__")[0] not in Settings.model_fields:
            yield f"{name}: unknown environment variable"


def _merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(low)
    for key, value in high.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _validated(values: dict[str, Any], problems: list[str]) -> Settings:
    """Returns the settings, with defaults in place of invalid values, so that the whole can still be checked."""
    try:
        return Settings(**values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    problems += [_sentence(detail) for detail in found]
    sound: dict[str, Any] = {key: dict(value) if isinstance(value, dict) else value for key, value in values.items()}
    for detail in found:
        top, *rest = detail["loc"] or ("",)
        group = sound.get(str(top))
        if rest and isinstance(group, dict):
            group.pop(str(rest[0]), None)
        else:
            sound.pop(str(top), None)
    try:
        return Settings(**sound)
    except ValidationError:  # the remaining values contradict each other; the first list is enough
        raise SettingsError(*problems) from None


def _sentence(detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    text = _SENTENCES.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    variable = PREFIX + "__".join(str(part) for part in detail["loc"]).upper()
    source = f" (from {variable})" if variable in os.environ else ""
    return f"{where}: {text[:1].lower()}{text[1:]}{source}"


def _too_long_lives(settings: Settings) -> Iterator[str]:
    most_s = settings.auth.max_token_life_s
    lives = (
        ("sidecar.record_token_ttl_s", settings.sidecar.record_token_ttl_s),
        ("share.grant_ttl_s", settings.share.grant_ttl_s),
    )
    for name, life_s in lives:
        if most_s and life_s > most_s:
            yield f"{name}: {life_s:g} is more than auth.max_token_life_s, {most_s:g}: such tokens would be refused"


def _contradictions(settings: Settings) -> Iterator[str]:
    """Yields the contradictions between groups."""
    for name, service in (("audit", settings.audit), ("share", settings.share), ("export", settings.export)):
        if not (is_loopback(service.host) or settings.tls.cert_file or settings.tls.allow_plaintext):
            yield f"{name}.host: {service.host} is not loopback: set tls.cert_file, or tls.allow_plaintext"
    if not settings.is_development:
        if not settings.auth.signing_secrets and not settings.auth.has_jwks:
            yield "auth.secret: needed (or auth.jwks_url, auth.jwks_file) outside development"
        if not settings.projects:
            yield "projects: none is configured"
        refused = [risk for risk in risks_of(settings) if risk.is_refused and risk.name not in settings.accepted_risks]
        yield from (risk.problem for risk in refused)
    yield from _too_long_lives(settings)
    ids = [project.id for project in settings.projects]
    keys = [key for project in settings.projects for key in project.keys]
    yield from (f"projects: duplicate id {name}" for name in sorted({n for n in ids if ids.count(n) > 1}))
    yield from (f"projects: duplicate key {key}" for key in sorted({k for k in keys if keys.count(k) > 1}))
