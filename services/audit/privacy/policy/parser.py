"""Parser of a policy's tables: checks every key, and reports every error with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

import msgspec

from services.audit.privacy.policy.policy import (
    ActorIdMode,
    BodyMode,
    Method,
    Policy,
    PolicyError,
    PolicyProblem,
    Rule,
    TextMode,
    preset,
    seal,
)
from services.audit.privacy.policy.selectors import Selector, parse_selector
from services.audit.privacy.rules.builtin import RULES
from services.audit.privacy.rules.national_ids import COUNTRIES
from services.audit.privacy.rules.phones import is_country
from services.audit.re2_patterns import compile_pattern

PRESETS = ("default", "strict", "keep_all")
_RULE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RESERVED = frozenset({"selector", "text_mode", "input", "header", "body_word", "body", "malformed", "actor_id"})

E = TypeVar("E", bound=Enum)


def load_policy(base: Mapping[str, Any], override: Mapping[str, Any] | None, source: str) -> Policy:
    """Returns the policy from the tables of a settings file.

    Args:
        base: The parsed table `[privacy]`; may be empty.
        override: The table `[projects.privacy]` of one project; None if the project has no such table.
        source: Source of the tables, for the error messages.

    Raises:
        PolicyError: If the tables have errors.
    """
    reader = _PolicyReader(source)
    layers = [("privacy", base)] + ([("projects.privacy", override)] if override is not None else [])
    name = "default"
    for table, values in layers:
        given = values.get("preset", name)
        if given in PRESETS:
            name = given
        else:
            reader.problem(table, "preset", f"{given!r} is unknown; expected one of {', '.join(PRESETS)}")
    policy = preset(name)
    for table, values in layers:
        policy = reader.apply(policy, table, values)
    reader.contradictions(policy, layers[-1][0])
    if reader.problems:
        raise PolicyError(tuple(reader.problems))
    return seal(policy)


class _PolicyReader:
    def __init__(self, source: str) -> None:
        self.problems: list[PolicyProblem] = []
        self._source = source

    def problem(self, table: str, key: str, reason: str) -> None:
        keys = (*table.split("."), *([key] if key else []))
        self.problems.append(PolicyProblem(f"{self._source}: [{table}] {key}".rstrip(), reason, keys))

    def apply(self, policy: Policy, table: str, values: Mapping[str, Any]) -> Policy:
        """Returns the policy with the changes of one table."""
        changes: dict[str, Any] = {}
        for key, value in values.items():
            match key:
                case "preset":
                    pass
                case "text_mode":
                    changes[key] = self._enum(TextMode, value, table, key) or policy.text_mode
                case "inputs" | "request_bodies" | "response_bodies" | "console" | "payloads" | "actor_id":
                    kind = ActorIdMode if key == "actor_id" else BodyMode
                    changes[key] = self._enum(kind, value, table, key) or getattr(policy, key)
                case "blocked_inputs" | "kept_inputs" | "denied_headers" | "denied_words" | "kept_query_parameters":
                    added = [word.lower() for word in self._words(value, table, key)]
                    changes[key] = tuple(dict.fromkeys((*getattr(policy, key), *added)))
                case "national_ids" | "phone_countries":
                    changes[key] = self._countries(value, table, key)
                case "selectors":
                    changes |= self._selectors(policy, value, f"{table}.selectors")
                case "rules":
                    changes["rules"] = self._methods(changes.get("rules", policy.rules), value, f"{table}.rules")
                case "custom":
                    changes["rules"] = self._custom(changes.get("rules", policy.rules), value, f"{table}.custom")
                case _:
                    self.problem(table, key, "is unknown")
        return msgspec.structs.replace(policy, **changes)

    def contradictions(self, policy: Policy, table: str) -> None:
        """Reports contradictory settings."""
        for first, second in (("block", "unmask"), ("mask", "unmask"), ("block", "mask")):
            both = {each.text for each in getattr(policy, first)} & {each.text for each in getattr(policy, second)}
            for text in sorted(both):
                self.problem(f"{table}.selectors", second, f"{text!r} is also in {first}")
        for kind in policy.kept_inputs:
            if policy.blocks_input(kind, ""):
                self.problem(table, "kept_inputs", f"{kind!r} is also in blocked_inputs")

    def _enum(self, kind: type[E], value: object, table: str, key: str) -> E | None:
        try:
            return kind(value)
        except ValueError:
            self.problem(
                table, key, f"{value!r} is unknown; expected one of {', '.join(str(each.value) for each in kind)}"
            )
            return None

    def _words(self, value: object, table: str, key: str) -> list[str]:
        if not isinstance(value, list | tuple) or not all(isinstance(word, str) and word for word in value):
            self.problem(table, key, "must be a list of non-empty strings")
            return []
        return list(value)

    def _countries(self, value: object, table: str, key: str) -> tuple[str, ...]:
        words = [word.lower() for word in self._words(value, table, key)]
        for word in words:
            if key == "national_ids" and word not in COUNTRIES:
                self.problem(table, key, f"{word!r} is unknown; expected one of {', '.join(sorted(COUNTRIES))}")
            elif key == "phone_countries" and not is_country(word):
                self.problem(table, key, f"{word!r} is not a country; expected codes of ISO 3166 such as se")
        return tuple(sorted(set(words)))

    def _selectors(self, policy: Policy, value: object, table: str) -> dict[str, tuple[Selector, ...]]:
        if not isinstance(value, Mapping):
            self.problem(table, "", "must be a table")
            return {}
        changes: dict[str, tuple[Selector, ...]] = {}
        for key, texts in value.items():
            if key not in {"block", "mask", "unmask", "ignore"}:
                self.problem(table, str(key), "is unknown; expected block, mask, unmask or ignore")
                continue
            parsed = list(getattr(policy, key))
            for text in self._words(texts, table, key):
                try:
                    selector = parse_selector(text)
                except ValueError as error:
                    self.problem(table, key, str(error))
                else:
                    if selector not in parsed:
                        parsed.append(selector)
            changes[key] = tuple(parsed)
        return changes

    def _methods(self, rules: tuple[Rule, ...], value: object, table: str) -> tuple[Rule, ...]:
        if not isinstance(value, Mapping):
            self.problem(table, "", "must be a table")
            return rules
        methods: dict[str, Method] = {}
        known = {rule.name for rule in rules}
        for name, method in value.items():
            if name not in known:
                self.problem(
                    table, str(name), f"is an unknown rule; expected one of {', '.join(sorted(known | set(RULES)))}"
                )
            elif (found := self._enum(Method, method, table, name)) is not None:
                methods[name] = found
        return tuple(
            msgspec.structs.replace(rule, method=methods[rule.name]) if rule.name in methods else rule for rule in rules
        )

    def _custom(self, rules: tuple[Rule, ...], value: object, table: str) -> tuple[Rule, ...]:
        if not isinstance(value, Mapping):
            self.problem(table, "", "must be a table of tables")
            return rules
        added: list[Rule] = []
        for name, fields in value.items():
            rule = self._custom_rule(str(name), fields, f"{table}.{name}")
            if rule is not None:
                added.append(rule)
        names = {rule.name for rule in added}
        return (*added, *(rule for rule in rules if rule.name not in names))

    def _custom_rule(self, name: str, fields: object, table: str) -> Rule | None:
        if not isinstance(fields, Mapping):
            self.problem(table, "", "must be a table with pattern and method")
            return None
        before = len(self.problems)
        for key in fields:
            if key not in {"pattern", "method", "matches", "passes"}:
                self.problem(table, str(key), "is unknown; expected pattern, method, matches or passes")
        if not _RULE_NAME.fullmatch(name) or name in RULES or name in _RESERVED:
            self.problem(table, "name", "must consist of a-z, 0-9 and _, and must not be the name of a built-in rule")
        method = self._enum(Method, fields.get("method", "mask"), table, "method")
        pattern = fields.get("pattern")
        if not isinstance(pattern, str) or not pattern:
            self.problem(table, "pattern", "is missing")
        else:
            self._check_pattern(pattern, table)
        matches = tuple(self._words(fields.get("matches", []), table, "matches"))
        passes = tuple(self._words(fields.get("passes", []), table, "passes"))
        if len(self.problems) > before or method is None or not isinstance(pattern, str):
            return None
        return Rule(name, method, pattern, matches, passes)

    def _check_pattern(self, pattern: str, table: str) -> None:
        try:
            compiled = compile_pattern(pattern)
        except ValueError as error:
            self.problem(table, "pattern", f"RE2 rejects it: {error}")
            return
        if r"\A" in pattern or r"\z" in pattern:
            self.problem(table, "pattern", r"\A and \z are not supported; use ^ and $")
        if compiled.search(b"") is not None:
            self.problem(table, "pattern", "matches the empty string, so it would match everywhere")
