from __future__ import annotations

import json
from typing import Any

import pytest
from audit.canaries import RULES, value_of
from hypothesis import given
from hypothesis import strategies as st
from support import recordings

from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.masking.strings import TextMasker
from services.audit.privacy.policy.parser import load_policy

POLICY = load_policy({}, None, "test")
TEXT = TextMasker(POLICY, b"k" * 32)
PLAIN_TEXT = TextMasker(POLICY, b"k" * 32, has_loops=False)
MASKER = Masker(POLICY, b"k" * 32)
NUMBER_RULES = {"phone", "payment_card", "iban", "us_ssn", "national_id", "ip_address"}
# Values typed and shown on purpose, as they appear while they are typed.
SHOWN_ON_PURPOSE = (
    "+46 70 123",
    "+1 415 555",
    "+1 202 555",
    "4111 1111 1111 1111",
    "078-05-1120",
    "DE89370400440532013000",
)


def found(text: str, key: str = "") -> set[str]:
    counts = Counts()
    TEXT.mask(text, "text", counts, key=key)
    return {rule for rule, _ in counts}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("email", "dana.lind+shop@mail.example.co.uk"),
        ("email", "mailto:jürgen@bücher.example"),
        ("email", "to=dana%40example.com"),
        ("phone", "+46 70 123 45 67"),
        ("phone", "+1.415.555.0132"),
        ("phone", "(415) 555-0132"),
        ("phone", "415-555-0132"),
        ("phone", "070-123 45 67"),
        ("phone", "tel:4155550132"),
        ("payment_card", "4111111111111111"),
        ("payment_card", "3782 822463 10005"),
        ("payment_card", "order 12345 5555-5555-5555-4444, thanks"),
        ("payment_card", "4111\u00a01111\u20091111\u20131111"),
        ("iban", "DE89 3704 0044 0532 0130 00 is mine"),
        ("iban", "gb29nwbk60161331926819"),
        ("us_ssn", "078-05-1120"),
        ("us_ssn", "457 55 5462"),
        ("national_id", "811228-9874"),
        ("national_id", "131052-308T"),
        ("national_id", "RSSMRA85T10A562S"),
        ("national_id", "AB 12 34 56 C"),
        ("national_id", "756.9217.0769.85"),
        ("national_id", "54362315K"),
        ("national_id", "390.533.447-05"),
        ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"),
        ("api_key", "AKIAIOSFODNN7EXAMPLE"),
        ("api_key", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("api_key", "xoxb-1234567890-abcdef"),
        ("api_key", "Authorization: Bearer abc123def456"),
        ("api_key", "Basic ZGFuYTpodW50ZXIy"),
        ("api_key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"),
        ("ip_address", "from 203.0.113.7:443"),
        ("ip_address", "[2001:db8:85a3::8a2e:370:7334]"),
        ("url_credentials", "postgres://app:pw@db.internal/x"),
        ("url_query", "see https://a.example/s?q=illness#x"),
        ("url_query", "/cb#access_token=abc"),
    ],
)
def test_what_rules_find(rule, text):
    assert rule in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111111111111112",
        "1234567890123456",
        "2024-01-15 10:20:30",
        "15/01/2024 - 31/12/2024",
        "timestamp 1712345678901",
        "v1.2.3.4-beta 12.0.0 300.1.2.3 127.0.0.1",
        "logo@2x.png vue@3.2.1.min.js react@18.2.0",
        "@media (min-width: 10px) { a::before { color: red } }",
        "Basic information about bearer bonds and Bearer certificates",
        "320 640 1280 1920 0 0 512 512",
        "DE89370400440532013001",
        "123e4567-e89b-12d3-a456-426614174000",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000",
        "12:34:56 std::vector::begin",
        "price 1 234 567 890 kr, 555-0100",
    ],
)
def test_what_rules_leave(text):
    assert found(text) == set()


def test_resources_keep_their_parameters_but_for_secrets():
    counts = Counts()
    image = TEXT.mask("/a.png?w=3&h=4&token=abc", "attribute", counts, key="src", resource=True)
    assert image == "/a.png?w=3&h=4&token=***"
    style = "a{background:url(https://a.example/b.png?w=3)}"
    assert TEXT.mask(style, "style", counts) == style
    assert TEXT.mask("/a?w=3&utm_source=x&page=2", "attribute", counts, key="href") == "/a?w=***&utm_source=x&page=2"


def test_embedded_pictures_are_left_alone():
    picture = "data:image/png;base64,+4670123456704111111111111111AKIAIOSFODNN7EXAMPLE=="
    assert found(picture) == set()
    assert found(f"a{{background:url({picture})}} 4111111111111111") == {"payment_card"}


AROUND = st.sampled_from(['{} "', "\n{}\t", "({})", "{},", "é{}è", "a {} b", "\\{}\\"])


@given(st.sampled_from(RULES), st.integers(0, 9_999), AROUND, st.booleans())
def test_the_scan_over_raw_json_misses_nothing_that_a_rule_finds(rule, number, around, ascii_only):
    value = around.format(value_of(rule, number))
    event = {"type": 3, "data": {"source": 0, "texts": [{"id": 1, "value": value}]}, "timestamp": 1_700_000_000_000}
    text = json.dumps([event], ensure_ascii=ascii_only).encode()
    masked = json.loads(MASKER.mask(MaskState(True), text).text)[0]["data"]["texts"][0]["value"]
    assert masked == TEXT.mask(value, "text", Counts())
    assert masked != value


@given(
    st.lists(st.tuples(st.sampled_from(RULES), st.integers(0, 9_999), AROUND), max_size=8),
    st.sampled_from([".a{width:12px;color:#00ff21}\n", "https://shop.example/a?b=%41%42&c=12 ", "no number ", "é1 "]),
    st.integers(60, 200),
)
def test_long_texts_are_masked_alike_without_compiled_loops(values, filler, repeats):
    parts = [around.format(value_of(rule, number)) for rule, number, around in values]
    text = (filler * repeats).join(["", *parts, ""])
    one, two = Counts(), Counts()
    assert PLAIN_TEXT.mask(text, "text", one) == TEXT.mask(text, "text", two)
    assert dict(one) == dict(two)
    assert sum(two.values()) >= len({rule for rule, _, _ in values} & {"email", "payment_card"})


@given(st.text(alphabet="0123456789 -+.()@abcDE89:/?=*[]", max_size=80))
def test_masking_a_string_twice_is_masking_it_once(text):
    once = TEXT.mask(text, "text", Counts())
    assert TEXT.mask(once, "text", Counts()) == once


def strings(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return {each for key, inner in value.items() if key not in {"d", "points", "class"} for each in strings(inner)}
    if isinstance(value, list):
        return {each for inner in value for each in strings(inner)}
    return set()


def test_false_positives_over_the_recordings_are_fewer_than_one_in_ten_thousand():
    looked_at, false = 0, []
    for path in recordings.paths():
        for text in strings(recordings.events(path)):
            looked_at += 1
            if found(text) & NUMBER_RULES and not any(shown in text for shown in SHOWN_ON_PURPOSE):
                false.append(text[:80])
    assert len(false) * 10_000 <= looked_at, false
