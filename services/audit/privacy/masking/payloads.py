"""Plugin and Custom events: console messages, network requests and data added by the page.

Payloads are JSON objects and strings that contain JSON: both are traversed, to find a key such as `password`
anywhere. Values of denied headers and under denied words are replaced as a whole; request bodies repeat form fields,
so by default all their values are replaced.
"""

from __future__ import annotations

import fnmatch
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from services.audit.privacy.masking.counts import BYTES_PER_WORK, KEY_WORK, MATCH_WORK, STRING_WORK, VALUE_WORK, Counts
from services.audit.privacy.masking.strings import MASK, TextMasker, is_masked
from services.audit.privacy.policy.policy import BodyMode, Policy
from services.audit.privacy.rules.urls import RESOURCE_KEYS, is_url
from services.audit.re2_patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH = 64
"""Maximum depth of JSON, including JSON within strings, that is traversed; deeper values are masked as a whole."""

MAX_CACHED_KEY = 64
"""Maximum characters of a key with a cached result: keys are the visitor's, and stay as long as the process runs."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_FORM = re.compile(r"[\w.\[\]%+-]{1,128}=[^&\s]*(?:&[\w.\[\]%+-]{1,128}=[^&\s]*)*")
_BODIES = frozenset({"requestBody", "responseBody"})
_HEADERS = frozenset({"requestHeaders", "responseHeaders", "headers", "request_headers", "response_headers"})
_MARKER = "[rrweb/network]"
"""Prefix of the network plugin's placeholder for an omitted body."""


class PayloadMasker:
    """Masks payloads by the rules and lists of one policy."""

    def __init__(self, policy: Policy, text: TextMasker) -> None:
        self._policy = policy
        self._text = text
        self._exact_headers = frozenset(name for name in policy.denied_headers if "*" not in name)
        self._some_headers = tuple(name for name in policy.denied_headers if "*" in name)
        plain = {re.sub(r"[^a-z0-9]", "", word) for word in policy.denied_words}
        self._short = frozenset(word for word in plain if len(word) < 5)
        self._long = tuple(sorted(word for word in plain if len(word) >= 5))
        pattern = "|".join(map(re.escape, sorted(plain))) or "^$"
        self._any_word = compile_pattern(f"(?i)(?:{pattern})")
        self._denials: dict[str, bool] = {}

    def mask(self, plugin: str, payload: Any, field: str, counts: Counts) -> Any:
        """Returns the masked payload; equal to the original if nothing had to be masked.

        Args:
            plugin: Name of the plugin, or a Custom event's tag.
            payload: The decoded JSON. May be changed in place.
            field: The class of field for the counts: console, network, custom or plugin.
            counts: Receives the counts.
        """
        if isinstance(payload, dict) and isinstance(payload.get("requests"), list) and "network" in plugin:
            return self._exchange(payload, field, counts)
        if field == "console" and isinstance(payload, dict) and self._policy.console is BodyMode.MASK:
            for key in ("payload", "trace"):
                if key in payload:
                    payload[key] = self._mask_all(payload[key], "console", field, counts)
        return self._walk(payload, field, counts, 0)

    def is_denied(self, key: str) -> bool:
        """Returns whether a key contains one of the policy's denied words, so that its value is never stored.

        Words of five letters or more match anywhere in the key; shorter ones must be a separate word: "auth" does
        not match "author".
        """
        known = self._denials.get(key)
        if known is None:
            words = [word.lower() for word in _WORDS.findall(key)]
            plain = "".join(words)
            known = (
                plain in self._short or any(word in plain for word in self._long) or not self._short.isdisjoint(words)
            )
            if len(key) <= MAX_CACHED_KEY and len(self._denials) < 10_000:
                self._denials[key] = known
        return known

    def _exchange(self, payload: dict[str, Any], field: str, counts: Counts) -> dict[str, Any]:
        """Masks a payload of the network plugin: its requests, and its other fields."""
        counts.spend(VALUE_WORK * len(payload["requests"]))
        requests = [self._request(each, field, counts) for each in payload["requests"]]
        rest = iter(self._object({k: v for k, v in payload.items() if k != "requests"}, field, counts, 0).items())
        return dict(("requests", requests) if key == "requests" else next(rest) for key in payload)

    def _request(self, request: Any, field: str, counts: Counts) -> Any:
        if not isinstance(request, dict):
            return self._walk(request, field, counts, 0)
        counts.spend(KEY_WORK * len(request))
        masked: dict[str, Any] = {}
        for key, value in request.items():
            name = self._name(key, masked, field, counts)
            if key in _HEADERS:
                masked[name] = self._headers(value, field, counts)
            elif key in _BODIES and value is not None:
                masked[name] = self._body(key, value, field, counts)
            elif isinstance(value, str):
                masked[name] = self._text.mask(value, field, counts, key=key)
            else:
                masked[name] = self._walk(value, field, counts, 0)
        return masked

    def _name(self, key: str, others: Mapping[str, Any], field: str, counts: Counts) -> str:
        """Returns the masked form of a key, distinct from the existing keys."""
        name = self._text.mask(key, field, counts)
        while name != key and name in others:
            name += "*"
        return name

    def _body(self, key: str, value: Any, field: str, counts: Counts) -> Any:
        mode = self._policy.request_bodies if key == "requestBody" else self._policy.response_bodies
        if mode is BodyMode.PATTERNS or (isinstance(value, str) and value.startswith(_MARKER)):
            return self._walk(value, field, counts, 0)
        return self._mask_all(value, "body", field, counts)

    def _headers(self, value: Any, field: str, counts: Counts) -> Any:
        """Masks headers; accepts {name: value}, [[name, value]] and [{name, value}]."""
        counts.spend(KEY_WORK * len(value) if isinstance(value, dict | list) else VALUE_WORK)
        if isinstance(value, dict):
            headers: dict[str, Any] = {}
            for name, each in value.items():
                headers[self._name(name, headers, field, counts)] = self._header(name, each, field, counts)
            return headers
        if not isinstance(value, list):
            return self._walk(value, field, counts, 0)
        masked: list[Any] = []
        for each in value:
            if isinstance(each, list) and len(each) == 2 and isinstance(each[0], str):
                name = self._text.mask(each[0], field, counts)
                masked.append([name, self._header(each[0], each[1], field, counts)])
            elif isinstance(each, dict) and isinstance(each.get("name"), str) and "value" in each:
                value = self._header(each["name"], each["value"], field, counts)
                masked.append(self._walk(each | {"value": value}, field, counts, 0))
            else:
                masked.append(self._walk(each, field, counts, 0))
        return masked

    def _header(self, name: str, value: Any, field: str, counts: Counts) -> Any:
        name = name.strip().lower()
        if name in self._exact_headers or any(fnmatch.fnmatchcase(name, each) for each in self._some_headers):
            return self._replaced(value, "header", field, counts)
        if isinstance(value, str):
            return self._text.mask(value, field, counts, key=name)
        return self._walk(value, field, counts, 0)

    def _walk(self, value: Any, field: str, counts: Counts, depth: int) -> Any:
        if isinstance(value, str):
            return self._string(value, "", field, counts, depth)
        if depth > MAX_DEPTH:
            return MASK if value else value
        if isinstance(value, dict):
            return self._object(value, field, counts, depth)
        if isinstance(value, list):
            counts.spend(VALUE_WORK * (len(value) + 1))
            return [self._walk(each, field, counts, depth + 1) for each in value]
        return value

    def _object(self, value: Mapping[str, Any], field: str, counts: Counts, depth: int) -> dict[str, Any]:
        counts.spend(KEY_WORK * len(value) + VALUE_WORK)
        masked: dict[str, Any] = {}
        for key, each in value.items():
            name = self._name(key, masked, field, counts)
            if self.is_denied(key) and not isinstance(each, bool):
                masked[name] = self._replaced(each, "body_word", field, counts)
            elif isinstance(each, str):
                masked[name] = self._string(each, key, field, counts, depth)
            else:
                masked[name] = self._walk(each, field, counts, depth + 1)
        return masked

    def _string(self, value: str, key: str, field: str, counts: Counts, depth: int) -> str:
        """Masks a string; JSON or a form in it is decoded, and left unchanged if nothing is found."""
        if len(value) < 3:
            return value  # too short for a rule, an assignment or a form
        if depth <= MAX_DEPTH and value[:1] in {"{", "[", '"'}:
            inner = _embedded(value, counts)
            if inner is not None:
                masked = self._walk(inner, field, counts, depth + 1)
                if masked == inner:
                    return value
                return json.dumps(masked, ensure_ascii=False, separators=(",", ":"))
        counts.spend(len(value) // BYTES_PER_WORK)
        if "=" in value and self._is_form(value, counts):
            value = self._form(value, field, counts)
        elif self._any_word.search(value.encode()) is not None:
            value = self._assignments(value, field, counts)
        return self._text.mask(value, field, counts, key=key, resource=key in RESOURCE_KEYS and is_url(value))

    @staticmethod
    def _is_form(value: str, counts: Counts) -> bool:
        """Returns whether a text is an urlencoded form; pays for its parameters, which matching keeps in memory."""
        counts.spend(2 * MATCH_WORK * value.count("&"))
        return _FORM.fullmatch(value) is not None

    def _form(self, value: str, field: str, counts: Counts) -> str:
        """Masks the denied parameters of an urlencoded form."""
        parts = []
        for part in value.split("&"):
            name, equals, its = part.partition("=")
            decoded = parse_qsl(f"{name}=x", keep_blank_values=True)
            if its and decoded and self.is_denied(decoded[0][0]):
                its = self._replaced(its, "body_word", field, counts)
            parts.append(name + equals + its)
        return "&".join(parts)

    def _assignments(self, value: str, field: str, counts: Counts) -> str:
        """Masks `password: secret` and `"password":"secret"` in running text, such as truncated JSON."""
        body = value.encode()
        parts: list[bytes] = []
        at = 0
        for match in _ASSIGNMENT.finditer(body):
            counts.spend(MATCH_WORK)
            _, (start, end), (first, last) = match
            if self.is_denied(body[start:end].decode()) and not is_masked(body[first:last].decode()):
                counts["body_word", field] = counts.get(("body_word", field), 0) + 1
                parts += (body[at:first], MASK.encode())
                at = last
        parts.append(body[at:])
        return b"".join(parts).decode() if at else value

    def _mask_all(self, value: Any, rule: str, field: str, counts: Counts) -> Any:
        """Masks every value; keys and structure are kept if the value is valid JSON."""
        if isinstance(value, str):
            inner = _embedded(value, counts)
            if isinstance(inner, dict | list):
                masked = self._leaves(inner, rule, field, counts, 0)
                return value if masked == inner else json.dumps(masked, ensure_ascii=False, separators=(",", ":"))
        return self._leaves(value, rule, field, counts, 0)

    def _leaves(self, value: Any, rule: str, field: str, counts: Counts, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return MASK
        if isinstance(value, dict | list):
            counts.spend(VALUE_WORK * (len(value) + 1))
        if isinstance(value, dict):
            return {
                self._text.mask(key, field, counts): self._leaves(each, rule, field, counts, depth + 1)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self._leaves(each, rule, field, counts, depth + 1) for each in value]
        return self._replaced(value, rule, field, counts)

    @staticmethod
    def _replaced(value: Any, rule: str, field: str, counts: Counts) -> Any:
        if value is None or isinstance(value, bool) or value == "":
            return value
        if not (isinstance(value, str) and is_masked(value)):
            counts[rule, field] = counts.get((rule, field), 0) + 1
        return MASK


_ASSIGNMENT = compile_pattern(r"([A-Za-z][\w.-]{1,63})[\"']?\s{0,4}[:=]\s{0,4}[\"']?([^\s\"',;&{}\[\]()<>]+)")


def _embedded(value: str, counts: Counts) -> Any:
    """Returns the decoded JSON of a string; None if it is not JSON. Pays for its values before they are decoded."""
    counts.spend(
        STRING_WORK + VALUE_WORK * (value.count(",") + value.count("[") + value.count("{")) + len(value) // 256
    )
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def decode_any(raw: bytes | msgspec.Raw) -> Any:
    """Returns decoded JSON, including numbers beyond the range of a double.

    Raises:
        ValueError: If it is not JSON or is nested too deep.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        try:
            return json.loads(bytes(raw))
        except RecursionError:
            raise ValueError("nested too deep") from None


def encode_any(value: Any) -> bytes:
    """Returns JSON in UTF-8."""
    return msgspec.json.encode(value)
