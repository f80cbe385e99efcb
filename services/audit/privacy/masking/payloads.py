"""Plugin and Custom events: console messages, network requests and data added by the page.

Payloads are JSON objects and strings that contain JSON: both are traversed, to find a key such as `password`
anywhere. Values of denied headers and under denied words are replaced as a whole; request bodies repeat form fields,
so by default all their values are replaced, wherever a recorder puts them (payload_names).
"""

from __future__ import annotations

import fnmatch
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from services.audit.privacy.masking import payload_names as names
from services.audit.privacy.masking.counts import BYTES_PER_WORK, KEY_WORK, MATCH_WORK, STRING_WORK, VALUE_WORK, Counts
from services.audit.privacy.masking.strings import MASK, TextMasker, is_masked
from services.audit.privacy.policy.policy import BodyMode, Method, Policy
from services.audit.privacy.rules.urls import RESOURCE_KEYS, URL_RULE, is_url
from services.audit.re2_patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH = 64
"""Maximum depth of JSON, including JSON within strings, that is traversed; deeper values are masked as a whole."""

MAX_CACHED_KEY = 64
"""Maximum characters of a key with a cached result: keys are the visitor's, and stay as long as the process runs."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_FORM = re.compile(r"[\w.\[\]%+-]{1,128}=[^&\s]*(?:&[\w.\[\]%+-]{1,128}=[^&\s]*)*")
_LINES = re.compile(r"(\r?\n|\r)")
_HEADER_LINE = re.compile(r"(\s*)([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})(\s*:\s*)(.*)", re.DOTALL)
_REQUEST, _RESPONSE = "request", "response"
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
        self._header_names = frozenset(names.bare(name) for name in self._exact_headers) - names.HEADERS
        self._kept_parameters = frozenset(policy.kept_query_parameters)
        self._masks_parameters = any(r.name == URL_RULE and r.method is not Method.KEEP for r in policy.rules)

    def mask(self, plugin: str, payload: Any, field: str, counts: Counts) -> Any:
        """Returns the masked payload; equal to the original if nothing had to be masked.

        Args:
            plugin: Name of the plugin, or a Custom event's tag.
            payload: The decoded JSON. May be changed in place.
            field: The class of field for the counts: console, network, custom or plugin.
            counts: Receives the counts.
        """
        if self._policy.payloads is BodyMode.MASK and (field != "console" or self._policy.console is BodyMode.MASK):
            return self._hidden(payload, "", "console" if field == "console" else "payload", field, counts, 0)
        if field == "console" and self._policy.console is BodyMode.MASK:
            if not isinstance(payload, dict):
                return self._mask_all(payload, "console", field, counts)
            for key in ("payload", "trace"):
                if key in payload:
                    payload[key] = self._mask_all(payload[key], "console", field, counts)
        if field == "console" and isinstance(payload, dict):  # its `payload` has the arguments, and is not a body
            return self._object(payload, field, counts, 0)
        if isinstance(payload, dict) and isinstance(payload.get("requests"), list) and "network" in plugin:
            return self._exchange(payload, field, counts)
        return self._walk(payload, field, counts, 0)

    def apply_rules(self, value: Any, field: str, counts: Counts) -> Any:
        """Returns a value with the rules and the denied words applied, also if payloads are masked as a whole."""
        return self._walk(value, field, counts, 0)

    def mask_tags(self, tags: Mapping[str, str], field: str, counts: Counts) -> dict[str, str]:
        """Returns a recorder's tags, masked like an object of a payload."""
        return self._object(tags, field, counts, 0)

    def mask_embedded(self, text: str, field: str, counts: Counts) -> str | None:
        """Returns a masked JSON object or list; the same text if nothing had to be masked; None: it is no JSON."""
        inner = _embedded(text, counts)
        if not isinstance(inner, dict | list):
            return None
        masked = self._walk(inner, field, counts, 1)
        return text if masked == inner else json.dumps(masked, ensure_ascii=False, separators=(",", ":"))

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
        return self._object(request, field, counts, 0, _REQUEST)

    def _name(self, key: str, others: Mapping[str, Any], field: str, counts: Counts) -> str:
        """Returns the masked form of a key, distinct from the existing keys."""
        name = self._text.mask(key, field, counts)
        while name != key and name in others:
            name += "*"
        return name

    def _body_mode(self, name: str, value: Any, field: str, part: str, *, is_request: bool) -> BodyMode | None:
        """Returns the treatment of a value if it is the body of a request or a response.

        Args:
            name: The bare key.
            value: The value.
            field: The class of field.
            part: `_REQUEST` or `_RESPONSE` if the object around it is one, or "".
            is_request: Whether the object has an address and a method.
        """
        if value is None or isinstance(value, bool) or field == "console":
            return None
        if name in names.REQUEST_BODIES:
            return self._policy.request_bodies
        if name in names.RESPONSE_BODIES or (name in names.RESPONSES and isinstance(value, str)):
            return self._policy.response_bodies
        if name in names.BODIES or (name in names.INNER_BODIES and (part or is_request)):
            if name == "data" and isinstance(value, dict) and _is_exchange(value):
                return None  # of a breadcrumb or a span: has the request in it
            return self._policy.response_bodies if part == _RESPONSE else self._policy.request_bodies
        return None

    def _body(self, value: Any, mode: BodyMode, field: str, counts: Counts, depth: int, part: str) -> Any:
        if mode is BodyMode.PATTERNS or (isinstance(value, str) and value.startswith(_MARKER)):
            if isinstance(value, str):
                return self._string(value, "", field, counts, depth)
            return self._walk(value, field, counts, depth + 1, part)
        return self._mask_all(value, "body", field, counts)

    def _headers(self, value: Any, field: str, counts: Counts, depth: int = 0) -> Any:
        """Masks headers; accepts {name: value}, [[name, value]], [{name, value}], [name, value, ...] and lines."""
        counts.spend(KEY_WORK * len(value) if isinstance(value, dict | list) else VALUE_WORK)
        if isinstance(value, dict):
            headers: dict[str, Any] = {}
            for name, each in value.items():
                headers[self._name(name, headers, field, counts)] = self._header(name, each, field, counts)
            return headers
        if isinstance(value, str):
            return self._header_lines(value, field, counts, depth)
        if not isinstance(value, list):
            return self._walk(value, field, counts, depth)
        if len(value) % 2 == 0 and all(isinstance(each, str) for each in value) and ":" not in "".join(value[::2]):
            pairs = zip(value[::2], value[1::2], strict=True)
            return [text for pair in pairs for text in self._header_pair(list(pair), field, counts)]
        return [self._header_entry(each, field, counts, depth) for each in value]

    def _header_entry(self, entry: Any, field: str, counts: Counts, depth: int) -> Any:
        """Masks an element of a list of headers."""
        if isinstance(entry, str):
            return self._header_lines(entry, field, counts, depth)
        if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str):
            return self._header_pair(entry, field, counts)
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and "value" in entry:
            entry = entry | {"value": self._header(entry["name"], entry["value"], field, counts)}
        return self._walk(entry, field, counts, depth + 1)

    def _header_pair(self, pair: list[Any], field: str, counts: Counts) -> list[Any]:
        return [self._text.mask(pair[0], field, counts), self._header(pair[0], pair[1], field, counts)]

    def _header_lines(self, value: str, field: str, counts: Counts, depth: int) -> str:
        """Masks headers as in HTTP: a line each, as XMLHttpRequest gives them; or as JSON."""
        counts.spend(MATCH_WORK * value.count(":") + STRING_WORK * (value.count("\n") + value.count("\r")))
        inner = _embedded(value, counts) if value.lstrip()[:1] in {"{", "["} and depth <= MAX_DEPTH else None
        if isinstance(inner, dict | list):
            masked = self._headers(inner, field, counts, depth + 1)
            return value if masked == inner else json.dumps(masked, ensure_ascii=False, separators=(",", ":"))
        lines = _LINES.split(value)
        if not any(_HEADER_LINE.fullmatch(line) for line in lines[::2]):
            return self._string(value, "", field, counts, depth)
        for place in range(0, len(lines), 2):
            if (match := _HEADER_LINE.fullmatch(lines[place])) is not None:
                its = self._header(match[2], match[4], field, counts) if match[4] else ""
                lines[place] = match[1] + match[2] + match[3] + its
            else:
                lines[place] = self._string(lines[place], "", field, counts, depth)
        return "".join(lines)

    def _parameters(self, value: Any, field: str, counts: Counts, depth: int) -> Any:
        """Masks the parameters of a URL that a recorder gives apart: {name: value}, [{name, value}] or a text."""
        if not self._masks_parameters:
            return self._walk(value, field, counts, depth + 1)
        if isinstance(value, str):
            return self._text.mask("?" + value.removeprefix("?"), field, counts, key="href").removeprefix(
                "" if value.startswith("?") else "?"
            )
        if isinstance(value, dict):
            return {
                self._text.mask(name, field, counts): each
                if name.lower() in self._kept_parameters
                else self._mask_all(each, URL_RULE, field, counts)
                for name, each in value.items()
            }
        if not isinstance(value, list):
            return self._walk(value, field, counts, depth + 1)
        counts.spend(KEY_WORK * len(value))
        return [self._parameter(each, field, counts, depth) for each in value]

    def _parameter(self, entry: Any, field: str, counts: Counts, depth: int) -> Any:
        """Masks an element of a list of parameters."""
        if isinstance(entry, dict):
            name = next((entry[key] for key in names.NAMES_OF_VALUES if key in entry), "")
            if str(name).lower() not in self._kept_parameters:
                values = {key: entry[key] for key in names.VALUES if key in entry}
                entry = entry | {key: self._mask_all(each, URL_RULE, field, counts) for key, each in values.items()}
        return self._walk(entry, field, counts, depth + 1)

    def _header(self, name: str, value: Any, field: str, counts: Counts) -> Any:
        name = name.strip().lower()
        if name in self._exact_headers or any(fnmatch.fnmatchcase(name, each) for each in self._some_headers):
            return self._replaced(value, "header", field, counts)
        if isinstance(value, str):
            return self._text.mask(value, field, counts, key=name)
        return self._walk(value, field, counts, 0)

    def _walk(self, value: Any, field: str, counts: Counts, depth: int, part: str = "") -> Any:
        if isinstance(value, str):
            return self._string(value, "", field, counts, depth)
        if depth > MAX_DEPTH:
            return MASK if value else value
        if isinstance(value, dict):
            return self._object(value, field, counts, depth, part)
        if isinstance(value, list):
            counts.spend(VALUE_WORK * (len(value) + 1))
            if len(value) == 2 and isinstance(value[0], str) and self.is_denied(value[0]):  # of Object.entries
                return [self._walk(value[0], field, counts, depth + 1), self._denied(value[1], field, counts)]
            return [self._walk(each, field, counts, depth + 1, part) for each in value]
        return value

    def _object(
        self, value: Mapping[str, Any], field: str, counts: Counts, depth: int, part: str = ""
    ) -> dict[str, Any]:
        """Masks an object.

        Args:
            value: The object.
            field: The class of field.
            counts: Receives the counts.
            depth: Depth of the object.
            part: `_REQUEST` or `_RESPONSE` if it is one, or "".
        """
        counts.spend(KEY_WORK * len(value) + VALUE_WORK)
        masked: dict[str, Any] = {}
        bare = {names.bare(key) for key in value}
        is_request = "url" in bare and "method" in bare
        is_console = field == "console" and depth == 0
        pair = self._names_denied(value)
        for key, each in value.items():
            name = self._name(key, masked, field, counts)
            plain = names.bare(key)
            if self.is_denied(key) or plain in self._header_names or (pair and key in names.VALUES):
                masked[name] = self._denied(each, field, counts)
            elif plain in names.HEADERS and not is_console:
                masked[name] = self._headers(each, field, counts, depth + 1)
            elif plain in names.PARAMETERS and not is_console:
                masked[name] = self._parameters(each, field, counts, depth)
            elif mode := self._body_mode(plain, each, field, part, is_request=is_request):
                masked[name] = self._body(each, mode, field, counts, depth, part)
            elif isinstance(each, str):
                masked[name] = self._string(each, key, field, counts, depth)
            elif plain == "attributes" and isinstance(each, dict) and "tagName" in value:
                masked[name] = self._attributes(each, field, counts, depth)
            else:
                inner = _REQUEST if plain in names.REQUESTS else _RESPONSE if plain in names.RESPONSES else ""
                masked[name] = self._walk(each, field, counts, depth + 1, inner)
        return masked

    def _names_denied(self, value: Mapping[str, Any]) -> bool:
        """Returns whether an object is a pair of a denied name and its value."""
        if not any(key in value for key in names.VALUES):
            return False
        labels = (value.get(key) for key in names.NAMES_OF_VALUES)
        return any(isinstance(label, str) and self._is_denied_label(label) for label in labels)

    def _is_denied_label(self, label: str) -> bool:
        return self.is_denied(label) or names.bare(label) in self._header_names

    def _attributes(self, value: Mapping[str, Any], field: str, counts: Counts, depth: int) -> dict[str, Any]:
        """Masks the attributes of an element that another recorder describes."""
        if self._policy.inputs is BodyMode.MASK and "value" in value:
            value = {**value, "value": self._replaced(value["value"], "input", field, counts)}
        return self._object(value, field, counts, depth + 1)

    def _denied(self, value: Any, field: str, counts: Counts) -> Any:
        return value if isinstance(value, bool) else self._replaced(value, "body_word", field, counts)

    def _hidden(self, value: Any, key: str, rule: str, field: str, counts: Counts, depth: int) -> Any:
        """Masks every value, except known words, and numbers under known keys; of addresses the host stays."""
        if depth > MAX_DEPTH:
            return MASK
        if isinstance(value, dict):
            counts.spend(KEY_WORK * len(value) + VALUE_WORK)
            masked: dict[str, Any] = {}
            for its, each in value.items():
                name = self._text.mask(its, field, counts) if names.is_identifier(its) else MASK
                while name != its and name in masked:
                    name += "*"
                masked[name] = self._hidden(each, its, rule, field, counts, depth + 1)
            return masked
        if isinstance(value, list):
            counts.spend(VALUE_WORK * (len(value) + 1))
            return [self._hidden(each, key, rule, field, counts, depth + 1) for each in value]
        if isinstance(value, str):
            return self._hidden_text(value, key, rule, field, counts, depth)
        return value if names.bare(key) in names.KNOWN_NUMBERS else self._replaced(value, rule, field, counts)

    def _hidden_text(self, value: str, key: str, rule: str, field: str, counts: Counts, depth: int) -> str:
        if value.lower() in names.KNOWN_WORDS or self._text.is_kept(value):
            return value
        if value.lstrip()[:1] in {"{", "[", '"'} and (inner := _embedded(value, counts)) is not None:
            masked = self._hidden(inner, key, rule, field, counts, depth + 1)
            return value if masked == inner else json.dumps(masked, ensure_ascii=False, separators=(",", ":"))
        is_path = value.startswith("/") and names.bare(key) in names.URL_NAMES
        if (is_path or value.startswith(("https://", "http://"))) and not re.search(r"\s", value):
            masked = self._text.hide_path(self._text.mask(value, field, counts, key="href"), counts)
            if masked != value:
                counts[rule, field] = counts.get((rule, field), 0) + 1
            return masked
        masked = self._replaced(value, rule, field, counts)
        return str(masked)

    def _string(self, value: str, key: str, field: str, counts: Counts, depth: int) -> str:
        """Masks a string; JSON or a form in it is decoded, and left unchanged if nothing is found."""
        if len(value) < 3:
            return value  # too short for a rule, an assignment or a form
        if depth <= MAX_DEPTH and (value[0] in _JSON or (value[0].isspace() and value.lstrip()[:1] in _JSON)):
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


_JSON = frozenset('{["')


def _is_exchange(value: Mapping[str, Any]) -> bool:
    """Returns whether an object describes a request, and is not the body of one."""
    bare = {names.bare(key) for key in value}
    return not bare.isdisjoint(
        {*names.REQUESTS, *names.RESPONSES, "method", "statuscode", "status", "url", "requestbody", "responsebody"}
    )


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
