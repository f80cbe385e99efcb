"""Plain forms of long texts: their gaps are found fast, and only the parts near a changed piece are searched again."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.rules import plain_text

DEFAULT = Masker(load_policy({}, None, "test"), b"k" * 32)
ENCODED = {
    "a card": "4111%201111&nbsp;1111\u20091111",
    "an address": "ann&#64;example.org",
    "an address in two encodings": "ann%2540example.org",
    "a number with invisible characters": "078\u200b05\u200b1120",
    "an IBAN": "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
    "a token": "eyJhbGciOiJIUzI1NiJ9%2EeyJzdWIiOiIxMjM0NTY3ODkwIn0%2Eabcdefgh",
}
FILLERS = (
    "words and more words ",
    "margin:0 -1px;",
    "1 2 3 ",
    "&lt;b&gt; ",
    "\u2009\u2013 ",
    "x" * 700 + " ",
    "@media ",
)


@given(st.text("0123456789 -+\t\n.a", max_size=40).map(str.encode))
def test_gaps_are_those_of_the_expression(text):
    found = [match.span() for match in plain_text._GAP.finditer(text)]
    assert list(plain_text._gaps(text, lambda _: None)) == found


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("seed", range(5))
def test_encoded_values_anywhere_in_a_long_text_are_masked(name, seed):
    source = random.Random(seed)
    before, behind = ("".join(source.choices(FILLERS, k=source.randint(0, 40))) for _ in range(2))
    text = before + " " + ENCODED[name] + " " + behind + "." * 2_048
    event = {"type": 3, "timestamp": 1, "data": {"source": 0, "texts": [{"id": 1, "value": text}]}}
    masked = DEFAULT.mask(MaskState(seen=True), json.dumps([event], ensure_ascii=False).encode())
    after = json.loads(masked.text)[0]["data"]["texts"][0]["value"]
    assert ENCODED[name] not in after
    assert after.startswith(before.rstrip())
    assert after.endswith(behind + "." * 2_048)


def test_the_parts_near_changed_pieces():
    text = b"a" * 100 + b"%40" + b"b" * 100 + b"%252540" + b"c" * 100
    [read] = plain_text.plain_forms(text, lambda _: None)
    assert read.text == b"a" * 100 + b"@" + b"b" * 100 + b"@" + b"c" * 100
    assert [read.text[start:end] for start, end in read.changed(2)] == [b"aa@bb", b"bb@cc"]
    assert read.changed(60) == [(40, 262)]
