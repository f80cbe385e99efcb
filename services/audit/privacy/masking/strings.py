"""Masking of strings: finds the matches of a policy's rules, and replaces them.

A mask has a fixed form: `***` for the method mask, `[email]` for block, `[email:abcdefghijklmnop]` for hash
(HMAC-SHA256 under the installation's key, 64 bits, written with the letters a to p so that no rule for digits
matches it). A string is split at masks and embedded media, and only the parts between them are searched, again and
again until no rule matches. Masking is therefore idempotent.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from bisect import bisect_left
from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from services.audit.privacy.masking.addresses import PSEUDONYM, hide_path
from services.audit.privacy.masking.counts import BYTES_PER_WORK, GATE_WORK, MATCH_WORK, MAX_WORK, STRING_WORK, Counts
from services.audit.privacy.policy.policy import Method
from services.audit.privacy.rules.builtin import BUILT_IN, PLACED_GATES, Finder
from services.audit.privacy.rules.digit_groups import REACH, continues
from services.audit.privacy.rules.plain_text import PlainText, is_plain, plain_forms
from services.audit.privacy.rules.urls import PATH_RULE, URL_KEYS, URL_RULE, UrlMasker, is_path, is_url
from services.audit.re2_patterns import PatternSet, compile_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.audit.privacy.policy.policy import Policy
    from services.audit.privacy.rules.gate_places import GatePlaces
    from services.audit.re2_patterns import Pattern

MASK = "***"
"""Replacement of a masked value of any length."""

_PSEUDONYM = PSEUDONYM.encode()
_AS_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_MAX_PASSES = 8
_SHORT = 2048
"""Texts shorter than this many bytes are searched as a whole."""

_MAX_KNOWN, _MOST_KNOWN = 512, 16_384
"""Maximum length in bytes, and maximum number, of strings with a cached result of the rules."""

_LEAST_CLEAN, _MOST_CLEAN = 2048, 2048
"""Fewest bytes of JSON, and maximum number, of long strings that are remembered as clean: style sheets come again with
every snapshot. A digest and a number each, under 1 MB together, and no text."""

_LONGEST_GATE = 512
"""Maximum length in bytes of a gate's match that may belong to a candidate: the longest are nine digits with gaps."""

_SHORTEST = 4
"""Length in bytes of the shortest text that a built-in rule can match: `//a@`."""

_MEDIA = r"data:(?:image|font|video|audio)/[0-9A-Za-z.+-]{1,64}(?:;[0-9A-Za-z=-]{1,32})*;base64,[0-9A-Za-z+/=%]*"


def is_masked(text: str) -> bool:
    """Returns whether a text is empty, white space, or a recorder's asterisks."""
    return not text.strip("* \t\r\n\u00a0")


class Known(NamedTuple):
    """Result of the rules for a string.

    Attributes:
        masked: JSON of the masked string; None: no rule matched.
        counts: Number of matches per rule, with "" as the class of field.
        work: Work of the search, paid with each use: a chunk must not cost less because of an earlier one.
    """

    masked: bytes | None
    counts: Counts
    work: int = 0


class _Rule:
    __slots__ = (
        "alone",
        "check",
        "edges",
        "gate",
        "group",
        "method",
        "name",
        "pattern",
        "place",
        "reach",
        "source",
        "work",
    )

    def __init__(self, name: str, method: Method, finder: Finder, *, custom: bool) -> None:
        self.name = name
        self.method = method
        self.source = finder.pattern
        self.gate = finder.gate
        self.reach = finder.reach
        self.pattern: Pattern = compile_pattern(finder.pattern)
        self.group = 1 if self.pattern.groups and not custom else 0
        self.check = finder.check
        self.edges = finder.edges
        self.alone = finder.alone
        self.work = finder.work
        self.place = 0

    def find(self, text: bytes, start: int, end: int, found: list[Found], counts: Counts) -> None:
        """Adds the verified matches between two offsets of UTF-8 text to `found`; `counts` pays for the candidates."""
        text = text[start:end]
        search, length, at = self.pattern.search, len(text), 0
        while at <= length and (match := search(text, at)) is not None:
            counts.spend(MATCH_WORK)
            first, last = match[0]
            at = last if first < last else last + 1
            first, last = match[self.group]
            if first >= last or (self.edges and _touches(text, first, last)):
                continue
            if self.alone and continues(text[max(0, first - REACH) : last + REACH], min(first, REACH), last - first):
                continue
            if self.check is None:
                found.append((start + first, self.place, start + last))
                continue
            counts.spend(self.work + last - first)  # a check reads each character, in Python
            candidate = text[first:last].decode()
            is_ascii = candidate.isascii()
            for before, behind in self.check(candidate):
                if is_ascii:
                    found.append((start + first + before, self.place, start + first + behind))
                else:
                    left, right = len(candidate[:before].encode()), len(candidate[:behind].encode())
                    found.append((start + first + left, self.place, start + first + right))


def _touches(text: bytes, start: int, end: int) -> bool:
    """Returns whether an ASCII letter or digit is adjacent to the match."""
    return (start > 0 and text[start - 1 : start].isalnum()) or text[end : end + 1].isalnum()


Found: TypeAlias = tuple[int, int, int]
"""(start, index of the rule, end)."""

_Spans: TypeAlias = list[tuple[int, int]]

_Gate: TypeAlias = tuple["Pattern | _Spans | None", list[_Rule]]
"""A gate, or the parts of the text around its places, and the rules behind it."""


class TextMasker:
    """Masks strings by the rules of one policy."""

    def __init__(self, policy: Policy, hash_key: bytes, *, has_loops: bool = True) -> None:
        """Compiles the policy's rules.

        Args:
            policy: The policy.
            hash_key: Key of the method hash.
            has_loops: Whether long texts are searched by compiled loops. RE2 finds the same without them, in longer
                time; numba, which runs the loops, takes 110 MB in a process.
        """
        self._key = hash_key
        self._rules: list[_Rule] = []
        self._url_methods = {URL_RULE: Method.KEEP, PATH_RULE: Method.KEEP}
        for rule in policy.rules:
            if rule.method is Method.KEEP:
                continue
            if rule.name in self._url_methods:
                self._url_methods[rule.name] = rule.method
                continue
            finders = (Finder(rule.pattern, edges=False, gate=""),) if rule.custom else policy.finders(rule.name)
            self._rules += [_Rule(rule.name, rule.method, finder, custom=rule.custom) for finder in finders]
        gated: dict[str, list[_Rule]] = {}
        for place, each in enumerate(self._rules):
            each.place = place
            gated.setdefault(each.gate, []).append(each)
        self._gates = [(compile_pattern(gate) if gate else None, behind) for gate, behind in gated.items()]
        placed = [gate for gate in gated if gate in PLACED_GATES] if has_loops else []
        self._placed = {number: placed.index(gate) for number, gate in enumerate(gated) if gate in placed}
        self._places: GatePlaces | None = None
        if has_loops:
            from services.audit.privacy.rules.gate_places import GatePlaces

            reaches = [gated[gate][0].reach for gate in placed]
            self._places = GatePlaces([PLACED_GATES[gate] for gate in placed], reaches)
        self._gate_set = PatternSet([gate or "(?s:.)" for gate in gated])
        self._rule_sets = {gate: PatternSet([rule.source for rule in behind]) for gate, behind in gated.items()}
        self._known: dict[bytes, Known] = {}
        self._clean: OrderedDict[bytes, int] = OrderedDict()
        self._salt = secrets.token_bytes(32)
        names = sorted(
            {rule.name for rule in policy.rules}
            | {*BUILT_IN, URL_RULE, PATH_RULE, "selector", "header", "body_word", "actor_id"}
        )
        self._keep = compile_pattern(
            rf"\*{{3,}}|\[(?:{'|'.join(names)})(?::[a-p]{{16}})?\]|{PSEUDONYM}[a-p]{{16}}|{_MEDIA}"
        )
        self._kept_parameters = frozenset(name.lower() for name in policy.kept_query_parameters)
        self._masks_urls = self._url_methods[URL_RULE] is not Method.KEEP
        self._masks_paths = self._url_methods[PATH_RULE] is not Method.KEEP
        self._urls = UrlMasker(
            self._kept_parameters, self._replace_part, parameters=self._masks_urls, paths=self._masks_paths
        )
        self._settled = 0 if any(rule.custom for rule in policy.rules) else _SHORTEST

    def replacement(self, rule: str, method: Method, value: str) -> str:
        """Returns the replacement of a value."""
        if method is Method.MASK:
            return MASK
        if method is Method.BLOCK:
            return f"[{rule}]"
        return f"[{rule}:{self._digest(rule, value)}]"

    def pseudonym(self, value: str) -> str:
        """Returns a name that is the same for equal values, and may be an id, a class or a part of a path."""
        return PSEUDONYM + self._digest("pseudonym", value)

    def hide_path(self, address: str, counts: Counts) -> str:
        """Returns an address of which only the host and the kept parameters are readable; `counts` pays for it."""
        counts.spend(STRING_WORK + 2 * (address.count("&") + address.count(";")))
        return hide_path(address, self.pseudonym, self._kept_parameters)

    def _digest(self, rule: str, value: str) -> str:
        """Returns 64 bits of a keyed hash as letters from a to p."""
        digest = hmac.digest(self._key, rule.encode() + b"\0" + value.encode(), hashlib.sha256)[:8]
        return digest.hex().translate(_AS_LETTERS)

    def mask(
        self,
        text: str,
        field: str,
        counts: Counts,
        *,
        key: str = "",
        resource: bool = False,
        method: Method | None = None,
    ) -> str:
        """Returns the text with all matches of rules masked; the same object if there are no matches.

        Args:
            text: Any string without lone surrogates.
            field: The class of field for the counts.
            counts: Receives the counts.
            key: The attribute or field that contains the text; "": running text, in which only absolute URLs count.
            resource: Whether the text is the address of a resource loaded by the page.
            method: Method of all rules, instead of their own.
        """
        if len(text) < 3 or (text.startswith("data:") and self.is_kept(text)):
            return text
        counts.spend(STRING_WORK + len(text) // BYTES_PER_WORK)
        body = before = text.encode()
        if (self._masks_urls and b"=" in body) or (self._masks_paths and b"/" in body):
            found: list[str] = []
            urls = self._urls
            if method is not None:
                urls = urls.replacing(lambda rule, value: self._replaced(rule, value, method))
            if key and (is_url(text, key) or (self._masks_paths and is_path(text))):
                before = urls.mask(body, found, counts.spend, resource=resource)
            else:
                before = urls.mask_within(body, found, counts.spend, resource=resource)
            for rule in found:
                counts[rule, field] = counts.get((rule, field), 0) + 1
        for _ in range(_MAX_PASSES):
            after, left = self._once(before, field, counts, method)
            if after == before:
                break
            before = after
            if left < self._settled:
                break
        else:
            return MASK
        return text if before == body else before.decode()

    def mask_json(self, raw: bytes) -> Known | None:
        """Returns the result of the rules for a JSON string; None: the result depends on its context, or it is long.

        Pages repeat the same strings, so results for short ones are cached: under a digest, never under the string.
        """
        if len(raw) > _MAX_KNOWN or b"=" in raw or rb"\u" in raw or (self._masks_paths and b"/" in raw):
            return None  # only parts of URLs depend on the context
        return self._recall(raw, b"", "", resource=False)

    def mask_json_at(self, raw: bytes, key: str, spent: Counts, *, resource: bool) -> Known:
        """Returns the result of the rules for a JSON string in its context.

        Long strings are searched each time, but for those that were found clean in the same kind of context.

        Args:
            raw: The JSON string.
            key: As in `mask`.
            spent: Pays for the work in a long string; its counts stay unchanged.
            resource: As in `mask`.
        """
        kind = b"url" if key in URL_KEYS else b"key" if key else b"text"
        place = (b"+" if resource else b"-") + kind
        if len(raw) <= _MAX_KNOWN:
            return self._recall(raw, place, key, resource=resource)
        digest = self._digest_of(raw, place) if len(raw) >= _LEAST_CLEAN else b""
        work = self._clean.pop(digest, None)
        if work is not None:
            self._clean[digest] = work  # the last one to be forgotten
            return Known(None, Counts(), work)
        inside = Counts(spent.work)
        known = self._judge(raw, key, inside, resource=resource)
        if digest and known.masked is None:
            self._clean[digest] = spent.work - inside.work
            while len(self._clean) > _MOST_CLEAN:
                self._clean.popitem(last=False)
        spent.work = inside.work
        return known

    def _digest_of(self, raw: bytes, place: bytes) -> bytes:
        return blake2b(raw, digest_size=16, key=self._salt, person=place).digest()

    def _recall(self, raw: bytes, place: bytes, key: str, *, resource: bool) -> Known:
        digest = self._digest_of(raw, place)
        known = self._known.get(digest)
        if known is None:
            counts = Counts()
            known = self._judge(raw, key, counts, resource=resource)._replace(work=MAX_WORK - counts.work)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[digest] = known
        return known

    def _judge(self, raw: bytes, key: str, counts: Counts, *, resource: bool) -> Known:
        value = msgspec.json.decode(raw)
        masked = self.mask(value, "", counts, key=key, resource=resource)
        return Known(None if masked == value else msgspec.json.encode(masked), counts)

    def is_kept(self, text: str) -> bool:
        """Returns whether the whole text is a mask, or an embedded image, font, video or audio file."""
        body = text.encode()
        match = self._keep.search(body)
        return match is not None and match[0] == (0, len(body))

    def _once(self, body: bytes, field: str, counts: Counts, method: Method | None) -> tuple[bytes, int]:
        """Returns a text after one pass, and the number of its bytes outside masks."""
        gates = self._open_gates(body, counts)
        plain = is_plain(body)
        if not gates and plain:
            return body, len(body)
        parts: list[bytes] = []
        if not (b"*" in body or b"[" in body or b"data:" in body or _PSEUDONYM in body):
            left = self._mask_part(body, gates, plain, field, counts, parts, method)
            return b"".join(parts), left
        left = at = 0
        for kept in self._keep.finditer(body):
            start, end = kept[0]
            part = body[at:start]
            left += self._mask_part(part, self._gates_of_part(part, gates, counts), plain, field, counts, parts, method)
            parts.append(body[start:end])
            at = end
        part = body[at:]
        if at:
            gates = self._gates_of_part(part, gates, counts)
        left += self._mask_part(part, gates, plain, field, counts, parts, method)
        return b"".join(parts), left

    def _gates_of_part(self, part: bytes, gates: list[_Gate], counts: Counts) -> list[_Gate]:
        """Returns the gates for a part of a text with these gates."""
        return self._open_gates(part, counts) if len(part) >= _SHORT else [(None, rules) for _, rules in gates]

    def _open_gates(self, body: bytes, counts: Counts) -> list[_Gate]:
        """Returns the rules that may match, grouped by gate."""
        if not body:
            return []
        gates: list[_Gate] = []
        if len(body) >= _SHORT:
            places = self._places_in(body, counts)
            for number, (gate, rules) in enumerate(self._gates):
                if number in self._placed:
                    if spans := places.get(self._placed[number]):
                        gates.append((spans, rules))
                elif gate is None or gate.search(body) is not None:
                    gates.append((gate, rules))
            return gates
        for place in self._gate_set.matching(body):
            rules = self._gates[place][1]
            if len(rules) > 2:
                rules = [rules[which] for which in self._rule_sets[rules[0].gate].matching(body)]
            if rules:
                gates.append((None, rules))
        return gates

    def _places_in(self, text: bytes, counts: Counts) -> dict[int, _Spans]:
        """Returns the parts of a long text around the places of gates, by the gate's number in `_placed`."""
        if self._places is None:
            return {}
        places = self._places.find(text)
        counts.spend(GATE_WORK * sum(map(len, places.values())))
        return places

    def find(self, text: str, counts: Counts) -> Iterator[tuple[str, int, int, str]]:
        """Yields the matches of rules in a text that has no masks: rule, start and end in characters, replacement."""
        body = text.encode()
        for start, place, end in self._found(body, self._open_gates(body, counts), is_plain(body), counts):
            rule = self._rules[place]
            before, inside = body[:start].decode(), body[start:end].decode()
            instead = self.replacement(rule.name, rule.method, inside)
            yield rule.name, len(before), len(before) + len(inside), instead

    def _found(self, part: bytes, gates: list[_Gate], plain: bool, counts: Counts) -> Iterable[Found]:
        """Returns the matches of rules in a text and in its decoded forms, in order and without overlaps."""
        found = self._search(part, gates, counts)
        for read in () if plain else plain_forms(part, counts.spend):
            for start, place, end in self._search_plain(read, counts):
                first, last = read.span(start, end)
                found.append((first, place, last))
        return _merged(sorted(set(found)), self._rules) if len(found) > 1 else found

    def _mask_part(
        self,
        part: bytes,
        gates: list[_Gate],
        plain: bool,
        field: str,
        counts: Counts,
        out: list[bytes],
        method: Method | None,
    ) -> int:
        """Appends the masked part to `out`; returns the number of its remaining bytes."""
        at, left = 0, len(part)
        for start, place, end in self._found(part, gates, plain, counts):
            rule = self._rules[place]
            counts[rule.name, field] = counts.get((rule.name, field), 0) + 1
            instead = self.replacement(rule.name, method or rule.method, part[start:end].decode())
            out += (part[at:start], instead.encode())
            at = end
            left -= end - start
        out.append(part[at:])
        return left

    def _search(self, part: bytes, gates: list[_Gate], counts: Counts) -> list[Found]:
        """Returns the verified matches of the rules behind gates, in no order."""
        found: list[Found] = []
        for gate, rules in gates:
            for first, last in gate if isinstance(gate, list) else _windows(gate, part, rules[0].reach, counts):
                self._find(part, first, last, rules, found, counts)
        return found

    def _search_plain(self, read: PlainText, counts: Counts) -> list[Found]:
        """Returns the verified matches in a plain form, in no order; of a long one those near its changed pieces."""
        text = read.text
        if len(text) < _SHORT:
            return self._search(text, self._open_gates(text, counts), counts)
        found: list[Found] = []
        places = self._places_in(text, counts)
        for number, (gate, rules) in enumerate(self._gates):
            reach = rules[0].reach
            if number in self._placed:
                spans = places.get(self._placed[number])
                for first, last in _touching(spans, read.changed(reach + _LONGEST_GATE)) if spans else ():
                    self._find(text, first, last, rules, found, counts)
                continue
            if gate is None or not reach:
                if gate is None or gate.search(text) is not None:
                    self._find(text, 0, len(text), rules, found, counts)
                continue
            for start, end in read.changed(reach + _LONGEST_GATE):
                for first, last in _around_gates(gate, text[start:end], reach, counts):
                    self._find(text, max(0, start + first), start + last, rules, found, counts)
        return found

    def _find(self, text: bytes, first: int, last: int, rules: list[_Rule], found: list[Found], counts: Counts) -> None:
        """Adds the verified matches of rules between two offsets of a text to `found`."""
        if len(rules) > 2 and last - first < len(text):
            rules = [rules[which] for which in self._rule_sets[rules[0].gate].matching(text[first:last])]
        for rule in rules:
            rule.find(text, first, last, found, counts)

    def _replace_part(self, rule: str, value: str) -> str:
        return self._replaced(rule, value, self._url_methods[rule])

    def _replaced(self, rule: str, value: str, method: Method) -> str:
        return value if self.is_kept(value) else self.replacement(rule, method, value)


def _windows(gate: Pattern | None, part: bytes, reach: int, counts: Counts) -> list[tuple[int, int]]:
    """Returns the parts of a text that may contain candidates of a gate; the whole text if it is short."""
    if gate is None or not reach or len(part) < _SHORT:
        return [(0, len(part))] if part else []
    return [(max(0, first), last) for first, last in _around_gates(gate, part, reach, counts)]


def _touching(spans: _Spans, parts: _Spans) -> Iterator[tuple[int, int]]:
    """Yields the spans that touch one of some parts; both are in order, and the parts do not overlap."""
    ends = [end for _, end in parts]
    for first, last in spans:
        place = bisect_left(ends, first)
        if place < len(parts) and parts[place][0] <= last:
            yield first, last


def _around_gates(gate: Pattern, part: bytes, reach: int, counts: Counts) -> list[tuple[int, int]]:
    """Returns the parts of a text around its matches of a gate; they may extend beyond both ends of the text."""
    windows: list[tuple[int, int]] = []
    for match in gate.finditer(part):
        counts.spend(GATE_WORK)
        start, end = match[0]
        first = start - reach
        if windows and first <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end + reach)
        else:
            windows.append((first, end + reach))
    return windows


def _merged(found: list[Found], rules: list[_Rule]) -> Iterator[Found]:
    """Yields the matches without overlaps: overlapping matches are merged under the first rule.

    Credentials are never merged: `user:pw@host.org` looks like an email address, and the host is worth keeping.
    """
    current: Found | None = None
    for start, place, end in found:
        if current is None:
            current = start, place, end
        elif start >= current[2]:
            yield current
            current = start, place, end
        elif rules[current[1]].name != "url_credentials":
            current = min(current[0], start), min(current[1], place), max(current[2], end)
    if current is not None:
        yield current
