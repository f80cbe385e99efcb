"""Values in unusual writings: any separator, any encoding, any digits; and numbers that only look alike."""

from __future__ import annotations

import pytest
from audit.canaries import DISGUISES, value_of
from hypothesis import given
from hypothesis import strategies as st

from services.audit.payload import BadPayload
from services.audit.privacy.masking.counts import MAX_WORK, Counts
from services.audit.privacy.masking.strings import TextMasker
from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.rules.plain_text import PLAIN_CHARACTERS, plain_forms

TEXT = TextMasker(load_policy({}, None, "test"), b"k" * 32)

SPACES = [
    "  ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u1680",
    "\u2003",
    "\u2009",
    "\u2028",
    "\u202f",
    "\u205f",
    "\u3000",
]
DASHES = [
    " - ",
    "--",
    "\u2010",
    "\u2011",
    "\u2012",
    "\u2013",
    "\u2014",
    "\u2015",
    "\u2212",
    " \u2013 ",
    "\ufe58",
    "\uff0d",
]
INVISIBLE = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202d", "\ufe0f"]
SIGNS = ["/", " / ", "+", "_", "|"]
ENCODED = ["%20", "%2D", "%2520", "%E2%80%93", "&nbsp;", "&#160;", "&#xA0;", "&ensp;", "&amp;nbsp;", "=20", "=C2=A0"]
ESCAPED = ["\\n", "\\t", "\\u00a0", "\\\\u2009", "\\x20", "\\u{2003}", "=\r\n"]
SEPARATORS = [*SPACES, *DASHES, *INVISIBLE, *SIGNS, *ENCODED, *ESCAPED]

NUMBERS = {
    "payment_card": ["4111", "1111", "1111", "1111"],
    "us_ssn": ["078", "05", "1120"],
    "national_id": ["811228", "9874"],
    "phone": ["+46", "70", "123", "45", "67"],
    "iban": ["DE89", "3704", "0044", "0532", "0130", "00"],
}


def found(text: str) -> set[str]:
    counts = Counts()
    TEXT.mask(text, "text", counts)
    return {rule for rule, _ in counts}


@pytest.mark.parametrize("separator", SEPARATORS, ids=[ascii(each) for each in SEPARATORS])
@pytest.mark.parametrize("rule", NUMBERS)
def test_a_number_is_found_whatever_separates_its_groups(rule, separator):
    number = separator.join(NUMBERS[rule])
    for text in (number, f"my number {number}, thanks", f"({number})"):
        counts = Counts()
        masked = TEXT.mask(text, "text", counts)
        assert rule in {each for each, _ in counts}, text
        assert not any(group in masked for group in NUMBERS[rule] if len(group) > 2), masked


@pytest.mark.parametrize("rule", sorted(NUMBERS.keys() - {"national_id"}))
def test_dots_separate_groups_but_for_two(rule):
    assert rule in found(".".join(NUMBERS[rule]))
    assert found("811228.9874") == set()


@pytest.mark.parametrize("name", DISGUISES)
@given(number=st.integers(0, 9_999))
def test_canaries_in_disguise_are_found(name, number):
    rule, write = DISGUISES[name]
    value = write(value_of(rule, number))
    counts = Counts()
    masked = TEXT.mask(f"so {value} end", "text", counts)
    assert value not in masked
    assert rule in {each for each, _ in counts}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("payment_card", "3782-822463-10005"),
        ("payment_card", "3782.822463.10005"),
        (
            "payment_card",
            "\u0967" * 0
            + "\u096a\u0967\u0967\u0967 \u0967\u0967\u0967\u0967 \u0967\u0967\u0967\u0967 \u0967\u0967\u0967\u0967",
        ),
        ("payment_card", "\U0001d7d2" + "\U0001d7cf" * 15),
        ("payment_card", "\\ud835\\udfd2" + "1" * 15),
        ("payment_card", "%34%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31"),
        ("payment_card", "&#52;" + "&#49;" * 15),
        ("email", "dana%40example.com"),
        ("email", "dana%252540example.com"),
        ("email", "dana&commat;example&period;com"),
        ("email", "dana&#x40;example.com"),
        ("email", "dana&amp;#64;example.com"),
        ("email", "dana\\u0040example.com"),
        ("email", "dana\\\\u0040example\\x2ecom"),
        ("email", "da\u200bna@exam\u00adple.com"),
        ("email", "\uff44\uff41\uff4e\uff41\uff20example\uff0ecom"),
        ("email", "dana@example\u3002com"),
        ("phone", "%2B46701234567"),
        ("phone", "&plus;46 70 123 45 67"),
        ("phone", "01.23.45.67.89"),
        ("phone", "415 \u2013 555 \u2013 0132"),
        ("national_id", "12.345.678-Z"),
        ("national_id", "131052 - 308T"),
        ("national_id", "AB  12  34  56  C"),
        ("national_id", "390 533 447 05"),
        ("national_id", "756 9217 0769 85"),
        ("ip_address", "203%2E0%2E113%2E7"),
        ("ip_address", "2001%3Adb8%3A85a3%3A0%3A0%3A8a2e%3A370%3A7334"),
        ("url_credentials", "https:\\/\\/bob:hunter2@host.example\\/"),
        ("mac_address", "00:1B:44:11:3A:B7"),
        ("mac_address", "00-1b-44-11-3a-b7"),
        ("mac_address", "001b.4411.3ab7"),
        ("mac_address", "00%3A1B%3A44%3A11%3A3A%3AB7"),
    ],
)
def test_what_is_found_in_other_writings(rule, text):
    assert rule in found(text)
    assert rule in found(f"so {text} end")


@pytest.mark.parametrize(
    "text",
    [
        "Total 1,234,567.89 and 12 345 678,90 kr and 1.234.567,89 \u20ac",
        "$ 4,111.11 + $ 1,111.11 = $ 5,222.22",
        "2024-01-15 10:20:30.123, 15 / 01 / 2024 \u2013 31 / 12 / 2024, 2024.01.15",
        "08:00 - 17:00, 09.00 - 12.30",
        "08\n09\n10\n11\n12",
        "v10.0.19045, Chrome/107.0.5304, 3.11.0rc1, 2024.11.29.1",
        "59.3293, 18.0686; 59.329323 18.068581; -33.8688,151.2093",
        "translate(12.5px, -34.25px) scale(1.25) rgba(12, 34, 56, 0.78) 0 0 12px 4px",
        "M12.5 4.001C3456.789 1.25 4111.25 1111.75 4111.5 l-12.5-4.25",
        "grid-template: 100px 200px / 1fr 2fr; margin: -4px -12px 1000px 2000px",
        "order 100-234-567, invoice 2024/000123/45, SKU 1234-5678-90, ticket #811228",
        "ISBN 978-3-16-148410-0, EAN 4006381333931, IMEI 490154203237518",
        "media/123/456/789/picture.jpg, /2024/01/15/12345",
        "1/2/3/4/5/6/7/8/9 and 1+2+3+4+5+6+7+8+9 and 100+200+300+400",
        "12 -34 56 -78 90 -12 34 -56",
        "100%20 50%25 33%2F66",
        "1024  2048  4096  8191",
        "123.45.6789.1 and 0.078.05.1120",
        "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99",
        "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff 1234.5678.9012",
        "123e4567-e89b-12d3-a456-426614174000",
        "\u0662\u0660\u0662\u0664/\u0660\u0661/\u0661\u0665",
        "\uff12\uff10\uff12\uff14\u5e74\uff11\u6708\uff11\uff15\u65e5",
        "a=40&b=2D&width=2012345678&x=3D",
        "AT&T &copy; R&D &lt;b&gt; &#8364; 12",
        "C:\\new\\temp\\u0041 \\n1234 5678",
        "price 234 567 8900",
        "L898902C37UTO7408122F1204159ZE184226B<<<<<10",
        "template<A<<B>> 1 << 3; cout << X<<Y",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "a PRIVATE KEY ---- see below",
        "dapibus glsa glsa_ tskey- sntrys_x hvs. r8_",
    ],
)
def test_what_only_looks_alike_stays(text):
    assert found(text) == set()


@pytest.mark.parametrize("text", ["\u200b", "\u200b\ufeff\u2060", "=\r\n", "&#8203;&shy;&zwj;", "\\u200b\\u200b"])
def test_texts_with_nothing_visible_stay(text):
    assert found(text) == set()
    assert TEXT.mask(text, "text", Counts(), key="href") == text


def test_only_the_value_is_replaced():
    counts = Counts()
    text = "caf\u00e9 \u2014 dana%2540example.com & 4111&nbsp;1111&nbsp;1111&nbsp;1111 \u2014 50%20"
    assert TEXT.mask(text, "text", counts) == "caf\u00e9 \u2014 *** & [payment_card] \u2014 50%20"
    assert counts == {("email", "text"): 1, ("payment_card", "text"): 1}


@given(
    st.lists(
        st.sampled_from(
            [*SEPARATORS, "4111", "1", "a", "@", "\u00e9", "&", "%", "%4", "\\", "=", "&#", "\ud7ff", "12"]
        ),
        max_size=14,
    ).map("".join)
)
def test_each_part_of_a_plain_form_stands_for_a_part_of_the_text(text):
    body = text.encode()
    for plain in plain_forms(body, lambda _: None):
        size = len(plain.text)
        ends = [plain.span(at, at + 1) for at in range(size)]
        assert all(0 <= start < end <= len(body) for start, end in ends)
        assert ends == sorted(ends)
        for first in range(0, size, 3):
            for last in range(first + 1, size + 1, 4):
                start, end = plain.span(first, last)
                assert start == ends[first][0]
                assert end == ends[last - 1][1]


@given(
    st.lists(st.sampled_from([*SEPARATORS, "4111", "078", "05", "1120", "@", "a.example"]), max_size=12).map("".join)
)
def test_masking_disguised_values_twice_is_masking_them_once(text):
    once = TEXT.mask(text, "text", Counts())
    assert TEXT.mask(once, "text", Counts()) == once


def test_characters_with_a_plain_form_are_digits_signs_and_spaces():
    plain = {before.decode(): after.decode() for before, after in PLAIN_CHARACTERS.items()}
    assert all(after.isascii() and len(after) <= 1 for after in plain.values())
    assert "".join(map(plain.get, "\u0660\u06f1\u0967\u0e52\uff13\U0001d7d8")) == "011230"
    assert not plain.keys() & set("\u00e9\u00b2\u00bd\u2460\u4e2d\u03b1")


HOSTILE = {
    "digits": "1" * 1_000_000,
    "groups of digits": "4111 1111  1111 - 1111 " * 40_000,
    "digits and dots": "1." * 500_000,
    "digits and invisible characters": "1\u200b" * 300_000,
    "percent signs": "%25" * 333_000,
    "percent-encoded digits": "%34" * 333_000,
    "entities": "&#52;" * 200_000,
    "entities in entities": "&amp;" * 200_000,
    "escapes": "\\u0034" * 160_000,
    "backslashes": "\\" * 1_000_000,
    "wide digits": "\uff14" * 330_000,
    "quoted-printable": "=34" * 330_000,
    "openings of keys": "-----BEGIN PRIVATE KEY-----" * 30_000,
    "fillers": "<" * 1_000_000,
    "names of documents": "P<UTO" + "A<" * 400_000,
    "hexadecimal pairs": "00:" * 330_000,
    "parameters": "//a?" + "b=c&" * 250_000,
    "parameters in parameters": "//a?b=" + "%253F" * 200_000,
    "parentheses": "(//a?b=" * 140_000,
    "semicolons": "//a/" + ";b=c" * 250_000,
    "starts of IBANs": "DE89 " * 200_000,
}


@pytest.mark.campaign
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_masked_or_refused_within_the_work_of_a_chunk(name, campaign_rounds):
    """A tenth of each text within a tenth of the work, as both are in proportion; with --campaign the whole."""
    part = campaign_rounds(10, 1)
    text, counts = HOSTILE[name][: len(HOSTILE[name]) // part], Counts(MAX_WORK // part)
    try:
        TEXT.mask(text, "text", counts, key="href")
    except BadPayload:
        return
    assert 0 <= counts.work < MAX_WORK // part
