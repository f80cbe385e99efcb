"""The places of gates in long texts, compared with RE2 on the gates and on the rules behind them."""

from __future__ import annotations

import numpy as np
import pytest
from audit.canaries import RULES, value_of
from audit.json_tape.uncompiled import Bytes, uncompiled
from audit.privacy.rules.test_prefilter import PIECES
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.campaign import examples

from services.audit.privacy.masking import strings
from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.strings import TextMasker
from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.rules import gate_places
from services.audit.privacy.rules.builtin import BUILT_IN, PLACED_GATES
from services.audit.re2_patterns import compile_pattern

GATES = {gate: compile_pattern(gate) for gate in PLACED_GATES}
REACHES = {finder.gate: finder.reach for finders in BUILT_IN.values() for finder in finders}
AT_PATTERNS = [compile_pattern(BUILT_IN[rule][0].pattern) for rule in ("email", "url_credentials")]
PLAIN = uncompiled(gate_places)

text_of_pieces = st.lists(
    st.sampled_from([*PIECES, "12.34.56", "AA", "<<", "ab-cd-ef-01", "//a:b", "tel:"]) | st.characters(codec="utf-8"),
    max_size=24,
).map("".join)


def placed(text: bytes) -> dict[str, list[tuple[int, int]]]:
    """Returns the places in a text by gate; compiled and not, which must say the same."""
    tables = [np.zeros((64, 3), np.int64) for _ in range(2)]
    states = [np.full((len(gate_places.KINDS), 3), -1) for _ in range(2)]
    told = gate_places.places(np.frombuffer(text, np.uint8), states[0], tables[0])
    assert PLAIN.places(Bytes(text), states[1], tables[1]) == told
    assert (tables[0] == tables[1]).all()
    found = gate_places.GatePlaces(list(PLACED_GATES.values()), [0] * len(PLACED_GATES)).find(text)
    return {gate: found.get(number, []) for number, gate in enumerate(PLACED_GATES)}


def is_in(match: tuple[int, int], parts: list[tuple[int, int]]) -> bool:
    return any(start <= match[0] and match[1] <= end for start, end in parts)


@pytest.mark.campaign
@settings(max_examples=examples(400, 5000), deadline=None)
@given(text_of_pieces)
@example("1234567M1234567")
@example("12 34 56")
@example("123456/7890")
@example("1.2.3.4")
@example("0 1 2 3 4 5 6 7 8")
@example("12a34b")
@example("A<<B")
@example("1b44.11ab.2f00")
@example("00-1B-44-11")
@example("fe:80:0:1")
def test_every_match_of_a_gate_is_at_a_place(text):
    body = text.encode("utf-8", "ignore")
    places = placed(body)
    for gate, pattern in GATES.items():
        if gate != "@|%40":
            for spans in pattern.finditer(body):
                assert is_in(spans[0], places[gate]), (gate, body)


@settings(max_examples=examples(200, 2000), deadline=None)
@given(text_of_pieces)
@example("//a;b@c")
@example("x;y@media.org")
@example("jürgen%40example.org")
def test_every_match_with_an_at_sign_has_a_place_within(text):
    body = text.encode("utf-8", "ignore")
    places = placed(body)["@|%40"]
    for pattern in AT_PATTERNS:
        for match in pattern.finditer(body):
            start, end = match[0]
            assert any(first < end and start < last for first, last in places)


@pytest.mark.parametrize("text", ["}@media (x)", ";@font-face", " @import", "10px 20px", "1.5em 0.25em", "#fff #abc"])
def test_style_sheets_have_few_places(text):
    assert not any(placed(text.encode()).values())


def test_more_places_than_there_is_room_for_are_all_found():
    text = (b"4111111111111111" + b"x" * 300) * (gate_places._FIRST_ROOM + 5)
    finder = gate_places.GatePlaces([("digits",)], [0])
    assert len(finder.find(text)[0]) == gate_places._FIRST_ROOM + 5


@settings(max_examples=examples(60, 500), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(RULES), st.integers(0, 9_999), text_of_pieces), min_size=1, max_size=4))
def test_a_long_text_is_masked_like_its_lines(values):
    """Values that are masked in a short text are masked in a long one too."""
    masker = TextMasker(load_policy({}, None, "test"), b"k" * 32)
    filler = "\n" + ".a { margin: 1px } " * (strings._SHORT // 10)
    for rule, number, around in values:
        value = value_of(rule, number)
        line = f"{filler}{around} {value} {filler}"
        alone = masker.mask(f" {value} ", "text", Counts())
        if alone != f" {value} " and f" {value} " not in masker.mask(f"\n{around} {value} \n", "text", Counts()):
            assert value not in masker.mask(line, "text", Counts())
