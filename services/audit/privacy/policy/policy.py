"""The privacy policy: what is masked, where, and how. docs/privacy.md is its reference.

A policy is one of three presets, changed by the table `[privacy]` of afterimage.toml and then by the
`[projects.privacy]` of a project. Lists add to those of the preset, except `national_ids`, which replaces
it; everything else replaces. All problems of a policy are reported at once.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import Any

import msgspec

from services.audit.privacy.policy.selectors import Selector
from services.audit.privacy.rules.builtin import BUILT_IN, Finder
from services.audit.privacy.rules.national_ids import NATIONAL_IDS, USUAL_COUNTRIES


class Method(Enum):
    """What happens to a value; the contract's MaskMethod without its prefix, in lower case."""

    BLOCK = "block"
    MASK = "mask"
    HASH = "hash"
    KEEP = "keep"


class TextMode(Enum):
    """Which text is masked besides what rules match; the contract's TextMode."""

    PATTERNS = "patterns"
    ALL = "all"
    KEEP_ALL = "keep_all"


class BodyMode(Enum):
    """What happens to the values of form fields and to bodies of requests."""

    MASK = "mask"
    PATTERNS = "patterns"


class Rule(msgspec.Struct, frozen=True):
    """A named rule and its method; a custom one has a pattern, and examples that `privacy test` tries."""

    name: str
    method: Method
    pattern: str = ""
    matches: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()

    @property
    def custom(self) -> bool:
        """Whether the policy brought the pattern."""
        return bool(self.pattern)


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a policy: where, why, and the way to the key as TOML has it."""

    where: str
    reason: str
    keys: tuple[str, ...] = ()


class PolicyError(ValueError):
    """A policy that cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{each.where}: {each.reason}" for each in problems))
        self.problems = problems


INPUT_TYPES = [
    "color",
    "date",
    "datetime-local",
    "email",
    "month",
    "number",
    "range",
    "search",
    "tel",
    "text",
    "time",
    "url",
    "week",
    "textarea",
    "select",
    "password",
]
"""Types of fields as rrweb's maskInputOptions names them (rrweb-snapshot types.ts)."""

BLOCKED_INPUTS = ("password", "hidden", "one-time-code", "current-password", "new-password", "cc-*")
"""Types and autocomplete tokens of fields whose value is removed; `*` stands for any ending."""

DENIED_HEADERS = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-csrf-token",
    "x-xsrf-token",
    "x-forwarded-for",
    "x-real-ip",
    "forwarded",
    "remote-addr",
    "*auth*",
    "*token*",
    "*secret*",
    "*session*",
    "*api-key*",
    "*credential*",
    "*passw*",
    "*cookie*",
    "*csrf*",
    "*xsrf*",
]
"""PostHog's list (posthog-js, network config.ts)."""

DENIED_WORDS = [
    "password",
    "secret",
    "passwd",
    "api_key",
    "apikey",
    "auth",
    "credentials",
    "mysql_pwd",
    "privatekey",
    "private_key",
    "token",
    "cvc",
    "cvv",
    "pin",
    "otp",
    "ssn",
    "card_number",
    "iban",
]
"""PostHog's list, and what forms of banks and shops call theirs."""

KEPT_PARAMETERS = [
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
    "lang",
    "locale",
    "page",
    "tab",
    "view",
    "sort",
    "order",
    "v",
    "version",
]

_METHODS = {
    "url_credentials": Method.BLOCK,
    "jwt": Method.BLOCK,
    "api_key": Method.BLOCK,
    "email": Method.MASK,
    "payment_card": Method.BLOCK,
    "iban": Method.BLOCK,
    "us_ssn": Method.BLOCK,
    "national_id": Method.BLOCK,
    "phone": Method.MASK,
    "ip_address": Method.MASK,
    "url_query": Method.MASK,
}


class Policy(msgspec.Struct, frozen=True):
    """A policy in force. Make one with `parser.load_policy`.

    Attributes:
        preset: The preset that it began as.
        text_mode: Which text is masked besides what rules match.
        rules: All rules, also those that are kept, in the order in which they are tried; custom ones first.
        block: Elements whose content is removed.
        mask: Elements whose text is masked.
        unmask: Elements whose text is kept where it would be masked; never form fields.
        ignore: Form fields whose input is removed.
        inputs: Whether the values of all form fields are masked, or only what rules find in them.
        blocked_inputs: Types and autocomplete tokens of fields whose value is removed at any rate.
        kept_inputs: Types of fields whose value is kept but for what rules find.
        national_ids: Countries whose identity numbers the rule national_id looks for.
        denied_headers: Names of HTTP headers that are never stored; `*auth*`: any name with "auth".
        denied_words: Keys of bodies and of console objects whose values are never stored.
        kept_query_parameters: Parameters of URLs whose values are kept.
        request_bodies: Whether all values in bodies of requests are masked: they are form fields once more.
        response_bodies: The same of bodies of responses.
        console: The same of what a page logs.
        version: 16 hexadecimal digits that change when the policy does.
        warnings: What an operator should know about this policy.
    """

    preset: str
    text_mode: TextMode
    rules: tuple[Rule, ...]
    block: tuple[Selector, ...]
    mask: tuple[Selector, ...]
    unmask: tuple[Selector, ...]
    ignore: tuple[Selector, ...]
    inputs: BodyMode
    blocked_inputs: tuple[str, ...]
    kept_inputs: tuple[str, ...]
    national_ids: tuple[str, ...]
    denied_headers: tuple[str, ...]
    denied_words: tuple[str, ...]
    kept_query_parameters: tuple[str, ...]
    request_bodies: BodyMode
    response_bodies: BodyMode
    console: BodyMode
    version: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """All selectors."""
        return self.block + self.mask + self.unmask + self.ignore

    @property
    def keeps_all(self) -> bool:
        """Whether nothing at all is masked."""
        return self.text_mode is TextMode.KEEP_ALL

    def finders(self, rule: str) -> tuple[Finder, ...]:
        """Returns the patterns and checks of a built-in rule under this policy."""
        finders = BUILT_IN.get(rule, ())
        if rule != "national_id":
            return finders
        return tuple(
            finder for finder, each in zip(finders, NATIONAL_IDS, strict=True) if each.country in self.national_ids
        )

    def blocks_input(self, kind: str, autocomplete: str) -> bool:
        """Returns whether a field of this type with this autocomplete attribute loses its value."""
        tokens = {kind.lower(), *autocomplete.lower().split()}
        return any(
            token == name or (name.endswith("*") and token.startswith(name[:-1]))
            for name in self.blocked_inputs
            for token in tokens
        )

    def recorder_options(self) -> dict[str, Any]:
        """Returns the fields of the contract's PrivacyPolicy: text, numbers and lists of them.

        `text_mode` and a rule's `method` are enum values of this module.
        """
        masked = [] if self.keeps_all else [t for t in INPUT_TYPES if self._masks_type(t)]
        return {
            "version": self.version,
            "text_mode": self.text_mode,
            "mask_all_inputs": not self.keeps_all and self.inputs is BodyMode.MASK and not self.kept_inputs,
            "mask_input_types": masked,
            "block_selector": _css(self.block),
            "mask_text_selector": _css(self.mask),
            "unmask_text_selector": _css(self.unmask),
            "ignore_selector": _css(self.ignore),
            "rules": [
                {
                    "name": rule.name,
                    "method": rule.method,
                    "pattern": rule.pattern or "|".join(f"(?:{each.pattern})" for each in self.finders(rule.name)),
                }
                for rule in self.rules
            ],
            "denied_headers": list(self.denied_headers),
            "kept_query_parameters": list(self.kept_query_parameters),
        }

    def _masks_type(self, kind: str) -> bool:
        return self.blocks_input(kind, "") or (self.inputs is BodyMode.MASK and kind not in self.kept_inputs)


def _css(selectors: tuple[Selector, ...]) -> str:
    return ", ".join(each.text for each in selectors)


def seal(policy: Policy) -> Policy:
    """Returns the policy with its version and warnings: a hash over everything that changes what is masked."""
    bare = msgspec.structs.replace(policy, version="", warnings=())
    digest = hashlib.sha256(msgspec.json.encode(bare)).hexdigest()[:16]
    return msgspec.structs.replace(policy, version=digest, warnings=tuple(_warnings(policy)))


_KEEPS_ALL = (
    'text_mode = "keep_all": NOTHING IS MASKED, neither passwords nor card numbers; everything that visitors '
    "type and see is stored. Use it for tests and data without persons only"
)


def _warnings(policy: Policy) -> list[str]:
    if policy.keeps_all:
        return [_KEEPS_ALL]
    found = []
    if policy.inputs is not BodyMode.MASK:
        found.append(
            'inputs = "patterns": a field is recorded with every keystroke, so what stands before a rule can match '
            "(the first 15 digits of a card) is stored"
        )
    found += [
        f"blocked and kept: fields of type {kind} are kept"
        for kind in policy.kept_inputs
        if kind in {"email", "tel", "text"}
    ]
    kept = [
        rule.name for rule in policy.rules if rule.method is Method.KEEP and _METHODS.get(rule.name) is Method.BLOCK
    ]
    found += [f'rules.{name} = "keep": what is found by it is stored' for name in kept]
    return found


def preset(name: str) -> Policy:
    """Returns a preset: default, strict (all text is masked too) or keep_all (nothing is).

    Raises:
        KeyError: If there is none of that name.
    """
    strict = {"default": False, "strict": True, "keep_all": False}[name]
    keeps = name == "keep_all"
    bodies = BodyMode.MASK if strict else BodyMode.PATTERNS

    def marked(kind: str, *more: Selector) -> tuple[Selector, ...]:
        return (*more, Selector(f'[data-afterimage="{kind}"]', attribute="data-afterimage", value=kind))

    return seal(
        Policy(
            preset=name,
            text_mode=TextMode.ALL if strict else TextMode.KEEP_ALL if keeps else TextMode.PATTERNS,
            rules=tuple(Rule(rule, Method.KEEP if keeps else method) for rule, method in _METHODS.items()),
            block=() if keeps else marked("block", Selector(".rr-block", cls="rr-block")),
            mask=() if keeps else marked("mask", Selector(".rr-mask", cls="rr-mask")),
            unmask=() if keeps else marked("unmask"),
            ignore=() if keeps else marked("ignore", Selector(".rr-ignore", cls="rr-ignore")),
            inputs=BodyMode.PATTERNS if keeps else BodyMode.MASK,
            blocked_inputs=() if keeps else BLOCKED_INPUTS,
            kept_inputs=(),
            national_ids=USUAL_COUNTRIES,
            denied_headers=() if keeps else tuple(DENIED_HEADERS),
            denied_words=() if keeps else tuple(DENIED_WORDS),
            kept_query_parameters=tuple(KEPT_PARAMETERS),
            request_bodies=BodyMode.PATTERNS if keeps else BodyMode.MASK,
            response_bodies=bodies,
            console=bodies,
        )
    )
