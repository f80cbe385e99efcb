"""Phone numbers as they are written within the countries of a policy."""

from __future__ import annotations

import json

import pytest

from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.masking.strings import TextMasker
from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.policy.policy import PolicyError

NONE = TextMasker(load_policy({}, None, "test"), b"k" * 32)


def found(text: str, *countries: str) -> bool:
    counts = Counts()
    TextMasker(load_policy({"phone_countries": countries}, None, "test"), b"k" * 32).mask(text, "text", counts)
    return ("phone", "text") in counts


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("no", "22 33 44 55"),
        ("NO", "22334455"),
        ("dk", "32 16 42 12"),
        ("us", "415 555 0132"),
        ("us", "4155550132"),
        ("us", "1 415 555 0132"),
        ("es", "612 345 678"),
        ("it", "347 123 4567"),
        ("gb", "07911 123456"),
        ("in", "98765 43210"),
        ("sg", "6123 4567"),
        ("ch", "044 668 18 00"),
        ("no", "22%2033%2044%2055"),
        ("no", "\uff12\uff12 \uff13\uff13 \uff14\uff14 \uff15\uff15"),
        ("no", "+47 22 33 44 55"),
        ("no", "0047 22 33 44 55"),
    ],
)
def test_numbers_of_a_country(country, number):
    assert found(f"call {number} now", country)
    assert not found(f"call {number} now", "fi") or number[0] in "+0"


@pytest.mark.parametrize(
    "text",
    [
        "22 345 678 kr",
        "2024-01-15 10:20",
        "20240115",
        "15.01.2024",
        "10.20.30.40.50",
        "1712345678901",
        "4111111111111112",
        "59.329323 18.068581",
        "12.5 34.25 100",
        "order 12345678",
    ],
)
def test_other_numbers_stay(text):
    counts = Counts()
    TextMasker(load_policy({"phone_countries": ["no", "us", "se"]}, None, "test"), b"k" * 32).mask(text, "text", counts)
    assert counts == {}


def test_without_a_country_they_stay():
    assert NONE.mask("22 33 44 55 and 415 555 0132", "text", Counts()) == "22 33 44 55 and 415 555 0132"


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_scan_over_raw_json_sees_them(ascii_only):
    which = Masker(load_policy({"phone_countries": ["no"]}, None, "test"), b"k" * 32)
    numbers = [
        "22 33 44 55",
        "22\n33\n44\n55",
        "\u00a022\u00a033\u00a044\u00a055",
        "\uff12\uff12\uff13\uff13\uff14\uff14\uff15\uff15",
    ]
    texts = [{"id": place, "value": value} for place, value in enumerate([*numbers, "1 2 3"], 1)]
    event = {"type": 3, "data": {"source": 0, "texts": texts}, "timestamp": 1}
    masked = which.mask(MaskState(True), json.dumps([event], ensure_ascii=ascii_only).encode()).text
    values = [each["value"].strip() for each in json.loads(masked)[0]["data"]["texts"]]
    assert values == ["***"] * 4 + ["1 2 3"]


def test_an_unknown_country_is_an_error_with_its_place():
    with pytest.raises(PolicyError, match=r"\[privacy\] phone_countries: 'xx' is not a country"):
        load_policy({"phone_countries": ["no", "xx"]}, None, "test")
    with pytest.raises(PolicyError, match="must be a list"):
        load_policy({"phone_countries": "no"}, None, "test")


def test_the_countries_are_part_of_the_version():
    assert load_policy({"phone_countries": ["no"]}, None, "t").version != load_policy({}, None, "t").version
