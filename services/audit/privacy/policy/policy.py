"""The privacy policy: masked data, places and methods. docs/privacy.md is its reference.

A policy is one of three presets, modified by the table `[privacy]` of afterimage.toml and then by the table
`[projects.privacy]` of a project. Lists extend those of the preset, except `national_ids`, which replaces the
preset's; all other values replace the preset's. All errors in a policy are reported at once.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import Any

import msgspec

from services.audit.privacy.policy.selectors import Selector
from services.audit.privacy.rules.builtin import BUILT_IN, NATIONAL_FINDERS, Finder, phone_finder
from services.audit.privacy.rules.national_ids import USUAL_COUNTRIES
from services.audit.privacy.rules.phones import GATE as PHONE_GATE
from services.audit.privacy.rules.urls import PATH_HINT, PATH_RULE


class Method(Enum):
    """Masking method of a value; the contract's MaskMethod without its prefix, in lower case."""

    BLOCK = "block"
    MASK = "mask"
    HASH = "hash"
    KEEP = "keep"


class TextMode(Enum):
    """Text masked in addition to matches of rules; the contract's TextMode."""

    PATTERNS = "patterns"
    ALL = "all"
    KEEP_ALL = "keep_all"


class BodyMode(Enum):
    """Treatment of values of form fields, of bodies and of console messages."""

    MASK = "mask"
    PATTERNS = "patterns"


class ActorIdMode(Enum):
    """Form in which the visitor's id is stored."""

    PLAIN = "plain"
    RULES = "rules"
    """Matches of rules are replaced by their hash, also if the rule has another method."""
    HASH = "hash"


class Rule(msgspec.Struct, frozen=True):
    """A named rule with its method; a custom rule has a pattern, and examples for `privacy test`."""

    name: str
    method: Method
    pattern: str = ""
    matches: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()

    @property
    def custom(self) -> bool:
        """Whether the rule is defined by the policy."""
        return bool(self.pattern)


class PolicyProblem(msgspec.Struct, frozen=True):
    """One error in a policy: its place, the reason, and the path of the key in TOML."""

    where: str
    reason: str
    keys: tuple[str, ...] = ()


class PolicyError(ValueError):
    """An invalid policy; `problems` has all its errors."""

    def __init__(self, problems: tuple[PolicyProblem, ...]) -> None:
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
"""Types of fields, by their names in rrweb's maskInputOptions (rrweb-snapshot types.ts)."""

BLOCKED_INPUTS = ("password", "hidden", "one-time-code", "current-password", "new-password", "cc-*")
"""Types and autocomplete tokens of fields with removed values; `*` matches any ending."""

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
"""PostHog's list, plus common names in the forms of banks and shops."""

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
    "mrz": Method.BLOCK,
    "phone": Method.MASK,
    "mac_address": Method.MASK,
    "ip_address": Method.MASK,
    "url_query": Method.MASK,
    "url_path": Method.KEEP,
}


class Policy(msgspec.Struct, frozen=True):
    """A policy, created by `parser.load_policy`.

    Attributes:
        preset: The preset that the policy is based on.
        text_mode: Text masked in addition to matches of rules.
        rules: All rules in the order in which they are tried, including those with the method keep; custom rules
            first.
        block: Elements with removed content.
        mask: Elements with masked text.
        unmask: Elements that keep their text where it would be masked; never form fields.
        ignore: Form fields with removed input.
        inputs: Whether the values of all form fields are masked, or only matches of rules in them.
        blocked_inputs: Types and autocomplete tokens of fields that always lose their value.
        kept_inputs: Types of fields that keep their value, except for matches of rules.
        national_ids: Countries with identity numbers that the rule national_id detects.
        phone_countries: Countries in which the rule phone detects numbers as they are written there.
        denied_headers: HTTP headers that are never stored; `*auth*` matches any name with "auth".
        denied_words: Keys in bodies and in console objects with values that are never stored.
        kept_query_parameters: Parameters of URLs that keep their values.
        request_bodies: Whether all values in request bodies are masked, since they repeat form fields.
        response_bodies: Whether all values in response bodies are masked.
        console: Whether all values in console messages are masked.
        payloads: Whether all values in Custom events and in payloads of other plugins are masked.
        actor_id: Form in which the visitor's id is stored.
        version: 16 hexadecimal digits, a hash of the policy.
        warnings: Risks of this policy, for the operator.
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
    phone_countries: tuple[str, ...] = ()
    payloads: BodyMode = BodyMode.PATTERNS
    actor_id: ActorIdMode = ActorIdMode.RULES
    version: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """All selectors."""
        return self.block + self.mask + self.unmask + self.ignore

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is masked."""
        return self.text_mode is TextMode.KEEP_ALL

    @property
    def scanned_patterns(self) -> list[str]:
        """RE2 patterns of strings that rules may match and the prefilter does not see."""
        used = [rule for rule in self.rules if rule.method is not Method.KEEP]
        patterns = [rule.pattern for rule in used if rule.custom]
        if any(rule.name == PATH_RULE for rule in used):
            patterns.append(PATH_HINT)
        if self.phone_countries and any(rule.name == "phone" for rule in used):
            patterns.append(PHONE_GATE)
        return patterns

    @property
    def masks_all(self) -> bool:
        """Whether all text is masked that no selector keeps, and everything else that may be text."""
        return self.text_mode is TextMode.ALL

    def finders(self, rule: str) -> tuple[Finder, ...]:
        """Returns the patterns and checks of a built-in rule under this policy."""
        finders = BUILT_IN.get(rule, ())
        if rule == "phone" and self.phone_countries:
            return (*finders, phone_finder(self.phone_countries))
        if rule != "national_id":
            return finders
        return tuple(finder for country, finder in NATIONAL_FINDERS if country in self.national_ids)

    def blocks_input(self, kind: str, autocomplete: str) -> bool:
        """Returns whether the value of a field with this type and this autocomplete attribute is removed."""
        tokens = {kind.lower(), *autocomplete.lower().split()}
        return any(
            token == name or (name.endswith("*") and token.startswith(name[:-1]))
            for name in self.blocked_inputs
            for token in tokens
        )

    def recorder_options(self) -> dict[str, Any]:
        """Returns the fields of the contract's PrivacyPolicy: strings, booleans, lists and enums.

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
                    "pattern": rule.pattern or self._pattern_of(rule.name),
                }
                for rule in self.rules
            ],
            "denied_headers": list(self.denied_headers),
            "kept_query_parameters": list(self.kept_query_parameters),
        }

    def _pattern_of(self, rule: str) -> str:
        """Returns a built-in rule's pattern; "" for rules that are nothing without their checks.

        A recorder that does not know a rule applies its pattern, as it does with those of custom rules.
        """
        if rule in {"mrz", "mac_address"}:
            return ""
        return "|".join(f"(?:{each.pattern})" for each in self.finders(rule))

    def _masks_type(self, kind: str) -> bool:
        return self.blocks_input(kind, "") or (self.inputs is BodyMode.MASK and kind not in self.kept_inputs)


def _css(selectors: tuple[Selector, ...]) -> str:
    return ", ".join(each.text for each in selectors)


def seal(policy: Policy) -> Policy:
    """Returns the policy with its warnings and its version, a hash of everything that affects masking."""
    bare = msgspec.structs.replace(policy, version="", warnings=())
    digest = hashlib.sha256(msgspec.json.encode(bare)).hexdigest()[:16]
    return msgspec.structs.replace(policy, version=digest, warnings=tuple(_warnings(policy)))


_KEEPS_ALL = (
    'text_mode = "keep_all": NOTHING IS MASKED, not even passwords and card numbers; everything that visitors '
    "type and see is stored. Use it only for tests and for pages without personal data"
)


def _warnings(policy: Policy) -> list[str]:
    if policy.keeps_all:
        return [_KEEPS_ALL]
    found = []
    if policy.inputs is not BodyMode.MASK:
        found.append(
            'inputs = "patterns": fields are recorded with every keystroke, so text typed before a rule can match '
            "(the first 15 digits of a card) is stored"
        )
    found += [
        f"kept_inputs: values of fields of type {kind} are stored"
        for kind in policy.kept_inputs
        if kind in {"email", "tel", "text"}
    ]
    kept = [
        rule.name for rule in policy.rules if rule.method is Method.KEEP and _METHODS.get(rule.name) is Method.BLOCK
    ]
    found += [f'rules.{name} = "keep": its matches are stored' for name in kept]
    return found


def preset(name: str) -> Policy:
    """Returns a preset: default, strict (all text is masked too) or keep_all (nothing is masked).

    Raises:
        KeyError: If the preset does not exist.
    """
    strict = {"default": False, "strict": True, "keep_all": False}[name]
    keeps = name == "keep_all"
    bodies = BodyMode.MASK if strict else BodyMode.PATTERNS

    def marked(kind: str, *more: Selector) -> tuple[Selector, ...]:
        return (*more, Selector(f'[data-afterimage="{kind}"]', attribute="data-afterimage", value=kind, is_mark=True))

    return seal(
        Policy(
            preset=name,
            text_mode=TextMode.ALL if strict else TextMode.KEEP_ALL if keeps else TextMode.PATTERNS,
            rules=tuple(Rule(rule, Method.KEEP if keeps else method) for rule, method in _METHODS.items()),
            block=() if keeps else marked("block", Selector(".rr-block", cls="rr-block", is_mark=True)),
            mask=() if keeps else marked("mask", Selector(".rr-mask", cls="rr-mask", is_mark=True)),
            unmask=() if keeps else marked("unmask"),
            ignore=() if keeps else marked("ignore", Selector(".rr-ignore", cls="rr-ignore", is_mark=True)),
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
            payloads=bodies,
            actor_id=ActorIdMode.HASH if strict else ActorIdMode.PLAIN if keeps else ActorIdMode.RULES,
        )
    )
