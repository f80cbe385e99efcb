"""The compiled prefilter of strings, compared with RE2 on the rules' hints and with the rules themselves."""

from __future__ import annotations

import json
import random
import re
from functools import cache

import numpy as np
import pytest
from audit.canaries import RULES, value_of
from audit.json_tape.uncompiled import Bytes, uncompiled
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import recordings
from support.campaign import examples

from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.strings import TextMasker
from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.rules import prefilter
from services.audit.privacy.rules.api_keys import KEY_SHAPES
from services.audit.privacy.rules.builtin import BUILT_IN, ENCODED_HINT, ESCAPE_HINT, URL_HINT
from services.audit.privacy.rules.national_ids import NATIONAL_IDS
from services.audit.re2_patterns import compile_scan

HINTS = {hint for finders in BUILT_IN.values() for finder in finders for hint in finder.hints}
HINTS |= {each.hint for each in NATIONAL_IDS if each.hint} | {URL_HINT, ESCAPE_HINT, ENCODED_HINT}
ALL_HINTS = compile_scan("|".join(f"(?:{hint})" for hint in sorted(HINTS)))
EACH_HINT = {hint: compile_scan(hint) for hint in HINTS}
TEXT = TextMasker(load_policy({}, None, "test"), b"k" * 32)
PLAIN = uncompiled(prefilter)
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def seen(raw: bytes) -> bool:
    """Returns whether a JSON string has signs; compiled and not, which must say the same."""
    text = b"[" + raw + b"]"
    rows = [np.array([[1, 1 + len(raw)]], np.int64) for _ in range(2)]
    found: int = prefilter.sift(np.frombuffer(text, np.uint8), rows[0], 1)
    assert PLAIN.sift(Bytes(text), rows[1], 1) == found
    return bool(found)


def as_json(text: str, *, ascii_only: bool = False) -> bytes:
    return json.dumps(text, ensure_ascii=ascii_only).encode("utf-8", "replace")


PIECES = [
    "1", "12", "123456", "1234567", "123456789", "7", "0", "4", "-", "--", " ", "  ", ".", ",", ":",
    "::", "/", "\\", "\t", "\n", '"', "@", "%40", "=", "?", "&", ";", "#", "a", "A", "b", "B", "D", "x",
    "X", "H", "F", "AB", "ABCDE", "abcde", "é", "\u00a0", "(", ")", "{", "}", "<", ">", "+", "_", "*", "[",
    "]", "%", "tel:", "tel:+4", "eyJ", "eyJa", "Bearer ", "basic+", "BASIC ", "bearer%", "sk_live_",
    "k_test_", "whsec_", "ghp_a", "gho_", "github_pat_", "glpat-", "AKIA", "ASIA0AB", "xoxb-", "xapp-",
    "AIza", "ya29.", "sk-", "sk-proj-", "sk-ant-", "SG.", "SG.a", "npm_a", "pypi-a", "hf_abcd", "dop_v1_",
    "shpat_", "shpss_", "shpca_", "PRIVATE KEY-----", "1.23.4", "fe:80", "a:b:c:d", "12a34", "850718",
    "user", "example.org", "%20", "%2D", "%25", "%3A", "%34", "&nbsp;", "&#64;", "&#x40;", "&commat;", "&lt;&lt;",
    "\\u0040", "\\x40", "\\n", "=40", "=20", "=\n", "\u200b", "\u2003", "\u2014", "\uff14", "\uff20", "\u0664",
    "\u096b", "00-1B-44-", "1b44.", "M", "F", "<", "<<", "1234567", "12:", "123_", "12.", "KEY----", "KEY BLOCK----",
    "hvs.", "dt0c01.", "dapi", "dapie", "tskey-", "sntrys_", "glrt-", "r8_", "hcaik_", "cfut_", "abcdefgh",
]  # fmt: skip


def pieces(size: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(PIECES) | st.characters(codec="ascii"), max_size=size).map("".join)


@pytest.mark.campaign
@settings(max_examples=examples(250, 3000), deadline=None)
@given(pieces(12))
@example("12345678X")
@example("AB 12 34 56 A")
@example("1 85 05 78 006 084 91")
@example("x@y")
@example("a%40b%40c,")
def test_every_string_in_which_a_hint_matches_is_seen(text):
    raw = as_json(text)
    if b"\\u" not in raw and ALL_HINTS.search(raw) is not None:
        assert seen(raw)
    else:
        seen(raw)


@cache
def matches(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(re.compile(pattern.replace(r"\pL", "a").replace(r"\pN", "1")))


@pytest.mark.campaign
@settings(max_examples=examples(150, 1000), deadline=None)
@given(pieces(3), st.sampled_from(sorted(KEY_SHAPES)) | st.sampled_from(sorted(HINTS)), pieces(3), st.data())
def test_every_hint_is_seen_between_anything(before, pattern, behind, data):
    text = before + data.draw(matches(pattern)) + behind
    raw = as_json(text)
    if b"\\u" not in raw and any(each.search(raw) is not None for each in EACH_HINT.values()):
        assert seen(raw)


@pytest.mark.campaign
@settings(max_examples=examples(100, 500), deadline=None)
@given(st.sampled_from(RULES), st.integers(0, 9_999), pieces(3), pieces(3), st.booleans(), st.integers(0, 2**16))
def test_every_string_in_which_a_rule_finds_something_is_seen_with_any_escapes(
    rule, number, before, behind, ascii_only, seed
):
    value = before + value_of(rule, number) + behind
    chance = random.Random(seed)
    raw = as_json(value, ascii_only=ascii_only).decode()
    raw = re.sub(
        r"\\.|[^\"\\]", lambda m: f"\\u{ord(m[0]):04X}" if len(m[0]) == 1 and chance.random() < 0.1 else m[0], raw
    )
    if TEXT.mask(value, "text", Counts(), key="href") != value:
        assert seen(raw.encode())


@pytest.mark.campaign
@recordings.catalogue()
@pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.stem)
def test_of_recordings_no_string_is_seen_for_nothing_that_hints_would_not(path):
    """The compiled look is no wider than the hints: strings that it sees for nothing would cost time.

    Large recordings are shortened; with --campaign they are not.
    """
    text = json.dumps(recordings.shortened(path), ensure_ascii=False).encode("utf-8", "replace")
    spans = [match.span() for match in STRING.finditer(text)]
    rows = np.array(spans, np.int64).reshape(-1, 2)
    left = prefilter.sift(np.frombuffer(text, np.uint8), rows, len(rows))
    found = {tuple(span) for span in rows[:left].tolist()}
    hinted = {(start, end) for start, end in spans if ALL_HINTS.search(text[start:end]) is not None}
    assert hinted <= found
    assert len(found - hinted) <= 3 + len(spans) // 200


@pytest.mark.parametrize(
    "text",
    ["12px 34px", "margin-left: 12.5px", "0.123456789012", "btn btn-primary", "12:30:45", "a=b", "@media (x)", "I am"],
)
def test_ordinary_words_have_no_signs(text):
    assert not seen(as_json(text))
