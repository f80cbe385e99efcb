r"""The built-in rules: patterns of candidates, and checks of each candidate.

A rule has a pattern that finds candidates in a string, and a check that returns the parts of a candidate that are real
matches: digits with a wrong check digit are an order number and stay. A rule's `hints` are looser patterns: if the
rule matches in a string, a hint must match in the string's JSON form, in which `/` may be written as `\/` and a tab as
`\t`. They specify the scan of prefilter.py over raw JSON, which uses loops instead of an automaton (tests compare the
two): add every new hint in both places.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from stdnum import iban, luhn

from services.audit.privacy.rules.api_keys import KEY_SHAPES, PRIVATE_KEY, PRIVATE_KEY_HINTS
from services.audit.privacy.rules.digit_groups import SEPARATOR, grouped, joined
from services.audit.privacy.rules.national_ids import NATIONAL_IDS, NationalId
from services.audit.privacy.rules.phones import GATE as PHONE_GATE
from services.audit.privacy.rules.phones import PATTERN as PHONE
from services.audit.privacy.rules.phones import WORK as PHONE_WORK
from services.audit.privacy.rules.phones import phone_check
from services.audit.privacy.rules.travel_documents import MRZ, is_mrz
from services.audit.privacy.rules.urls import PATH_RULE, URL_RULE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Spans = Iterable[tuple[int, int]]

_GAP = r"[ \t\x{a0}\x{2007}\x{2009}\x{202f}\x{2010}-\x{2013}-]"
"""Usual separators between groups of digits: spaces and dashes of several widths."""

DIGITS_HINT = r'(?:[^\d:.\-]|[^"\d]:|[^\w]":|[^\d][.\-])\d(?:(?:[^0-9A-Za-z".:,;{}\[\]%=_#]|\\[tnr/]|\\u[02]...)*\d){8}'
"""Nine digits with gaps, but not a JSON number: those follow `\\w":` (a key's last letter, its quote, a colon),
which cannot occur inside a string, since its quotes are escaped and an opening quote never follows a letter."""


DOTTED_HINT = r"\d\.\d{1,4}\.\d"
"""Groups of digits separated by dots; JSON numbers have at most one dot."""

_BETWEEN = (
    *(rf" {{0,3}}{each} {{0,3}}" for each in (r"\.", "_", ":")),
    r"(?:%[0-9A-Fa-f]{2}){1,4}",
    r"&[A-Za-z]{2,8};",
    r"\\\\[nrt]",
)
"""Separators that end the digits of DIGITS_HINT: kinds of which one stands between all groups of a number."""

GROUPS_HINT = "|".join(
    [rf"[^%0-9A-Fa-f][0-9]{{2,}}{each}[0-9]{{2,}}{each}[0-9]{{3}}" for each in _BETWEEN]
    + [rf"[^%0-9A-Fa-f][0-9]{{4,}}{each}[0-9]{{4}}" for each in _BETWEEN[3:]]
)
"""Groups of digits with separators that DIGITS_HINT does not cover."""

ENCODED_HINT = (
    r"&#[0-9xX]|&(?:commat|period|plus|colon|hyphen|dash|lowbar|sol|num|percnt);|&lt;&lt;|%3[0-9]|%25[0-9A-Fa-f]{2}"
    r"|[0-9]%2[Ee][0-9]|%3[Aa][0-9A-Fa-f]{1,4}%3[Aa]|\\\\(?:u[0-9A-Fa-f{]|x[0-9A-Fa-f]{2})"
    r"|[0-9]=(?:20|2[BDEF]|0[9AD]|A0|C2|E2)|[0-9A-Za-z]=40[A-Za-z]|[0-9A-Za-z]=(?:\\r)?\\n"
)
"""An encoded character in a place where it may belong to something that a rule looks for (plain_text.py)."""

URL_HINT = r"[?#&;][^\s\"?#&;={}<>():,]+="
"""A parameter of a URL."""

ESCAPE_HINT = r"\\u00[2-7][0-9a-fA-F]"
"""An escaped printable character, which a rule may look for."""

MAC_HINT = r"(?:[0-9A-Fa-f]{2}-){3}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
"""Pairs or fours of hexadecimal digits with dashes or dots; those with colons look like IPv6 addresses."""

MRZ_HINT = r"[0-9]{7}[MFXmfx<][0-9]{7}|[A-Z]<<[A-Z]"
"""Dates of birth and expiry with check digits, or names, as in a machine-readable zone."""


_DIGITS = r"\d(?:[^0-9A-Za-z\".:,;{}\[\]%=_#]*\d){8}|\d\.\d{1,4}\.\d"


@dataclass(frozen=True, slots=True)
class Finder:
    """One pattern of a rule.

    Attributes:
        pattern: RE2 pattern of candidates. If it has a group, the group is the candidate.
        check: Returns the parts of a candidate (start, end) that are real matches; None: the whole candidate.
        hints: RE2 patterns that match in the raw JSON of every string with a candidate.
        edges: Whether an adjacent letter or digit excludes a match.
        gate: RE2 pattern that matches in every string with a candidate; shared by many rules and searched once.
        reach: Maximum bytes by which a candidate extends beyond a match of the gate; 0: no limit.
        alone: Whether a further group of digits after the same separator excludes a match (digit_groups.py).
        work: Work for the check of a candidate besides that for its length (masking/counts.py).
    """

    pattern: str
    check: Callable[[str], Spans] | None = None
    hints: tuple[str, ...] = (DIGITS_HINT, DOTTED_HINT)
    edges: bool = True
    gate: str = _DIGITS
    reach: int = 96
    alone: bool = False
    work: int = 0


def _whole(candidate: str, good: bool) -> Spans:
    return ((0, len(candidate)),) if good else ()


_FILE_TYPES = frozenset(
    [
        "avif",
        "bmp",
        "css",
        "csv",
        "eot",
        "gif",
        "htm",
        "html",
        "ico",
        "jpeg",
        "jpg",
        "js",
        "json",
        "less",
        "map",
        "md",
        "mjs",
        "mp3",
        "mp4",
        "otf",
        "pdf",
        "php",
        "png",
        "scss",
        "svg",
        "ts",
        "tsx",
        "ttf",
        "txt",
        "vue",
        "webm",
        "webp",
        "woff",
        "woff2",
        "xml",
    ]
)


def _email(candidate: str) -> Spans:
    """An asset such as `logo@2x.png` or `vue@3.2.min.js` is not an address: its domain begins with a digit."""
    _, _, domain = candidate.replace("%40", "@").rpartition("@")
    first, _, _ = domain.partition(".")
    file = domain.rpartition(".")[2].lower() in _FILE_TYPES and re.fullmatch(r"[0-9]+x?", first) is not None
    return _whole(candidate, not file)


_DATE = re.compile(r"(?:\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d{2}|(?:19|20)\d{2}[-/. ]\d{1,2}[-/. ]\d{1,2})(?!\d)")


def _phone(candidate: str) -> Spans:
    """E.164: at most 15 digits with the country code; numbers with fewer than 9 are not dialled from abroad."""
    digits = sum(map(str.isdigit, candidate))
    good = 9 <= digits <= 15 and not _DATE.match(candidate)
    if candidate.startswith("00"):
        good = good and not candidate.isdigit()
    return _whole(candidate, good)


_MAX_STEP = 15
"""Maximum step of a list of numbers: quarters of an hour."""


def _national_phone(candidate: str) -> Spans:
    """Excludes lists such as the hours of a calendar, "08 09 10 11 12": pairs of digits in steps of one size."""
    groups = re.findall("[0-9]+", candidate)
    steps = {int(right) - int(left) for left, right in pairwise(groups)}
    good = 9 <= sum(map(len, groups)) <= 12 and not _DATE.match(candidate)
    return _whole(candidate, good and not (len(groups) > 2 and len(steps) == 1 and max(map(abs, steps)) <= _MAX_STEP))


_CARD_NUMBER = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[068]\d{12}(?:\d{2})?"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}(?:\d{3})?|35\d{14}|62\d{14,17}|(?:50|5[6-9]|6[37])\d{11,17}"
)
"""Issuer ranges of ISO/IEC 7812: Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro."""


def is_card(digits: str) -> bool:
    """Returns whether digits are a payment card number: issuer's range, length and Luhn check."""
    return _CARD_NUMBER.fullmatch(digits) is not None and luhn.is_valid(digits)


def _cards(candidate: str) -> Iterator[tuple[int, int]]:
    """Checks runs of whole groups: "12345 4111 1111 1111 1111" contains a card number after an order number."""
    groups = [match.span() for match in re.finditer(r"[0-9]+", candidate)]
    index = 0
    while index < len(groups):
        digits, step = "", 1
        for end in range(index, min(index + 7, len(groups))):
            length = groups[end][1] - groups[end][0]
            if end > index and not 3 <= length <= 8:
                break
            digits += candidate[slice(*groups[end])]
            if len(digits) > 19 or (end > index and groups[index][1] - groups[index][0] > 8):
                break
            if len(digits) >= 13 and is_card(digits):
                yield groups[index][0], groups[end][1]
                step = end - index + 1
                break
        index += step


_IBAN_LENGTHS = range(15, 35)


def _iban(candidate: str) -> Spans:
    """The candidate may extend into the next word: the country's length and check digits determine its end."""
    places = [place for place, letter in enumerate(candidate) if letter.isalnum()]
    compact = "".join(candidate[place] for place in places).upper()
    for length in _IBAN_LENGTHS:
        if length > len(compact):
            break
        if length < len(places) and places[length] == places[length - 1] + 1 and candidate[places[length]].isalnum():
            continue  # would end inside a word
        if iban.is_valid(compact[:length]):
            return ((0, places[length - 1] + 1),)
    return ()


def _us_ssn(candidate: str) -> Spans:
    """Excludes ranges never issued by the Social Security Administration (RM 10201.035). Specimens count as real."""
    return _whole(candidate, _is_ssn(candidate.replace("-", "").replace(" ", "")))


def _is_ssn(digits: str) -> bool:
    return digits[:3] not in {"000", "666"} and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def _basic(candidate: str) -> Spans:
    """RFC 7617: base64 of user and password with a colon. Text such as "Basic information" is excluded."""
    try:
        return _whole(candidate, b":" in base64.b64decode(candidate + "=" * (-len(candidate) % 4), validate=True))
    except (binascii.Error, ValueError):
        return ()


def _bearer(candidate: str) -> Spans:
    return _whole(candidate, len(candidate) >= 20 or any(map(str.isdigit, candidate)))


def _ip(candidate: str) -> Spans:
    """Excludes addresses that are the same on every machine, which are not personal data."""
    try:
        address = ipaddress.ip_address(candidate)
    except ValueError:
        return ()
    return _whole(candidate, not (address.is_loopback or address.is_unspecified or address.is_multicast))


def _mrz(candidate: str) -> Spans:
    return _whole(candidate, is_mrz(candidate))


def _mac(candidate: str) -> Spans:
    """Excludes the addresses of no and of every device, and fours of digits with dots, such as versions."""
    digits = re.sub("[^0-9A-Fa-f]", "", candidate)
    return _whole(
        candidate, len(set(digits.lower()) - set("0f")) > 0 and ("." not in candidate or not digits.isdigit())
    )


def _national_finder(each: NationalId) -> Finder:
    def check(candidate: str) -> Spans:
        return _whole(candidate, each.is_valid(candidate))

    if each.hint:
        return Finder(each.pattern, check, (each.hint, DOTTED_HINT), gate=_LETTERED)
    return Finder(each.pattern, check)


def _grouped_finder(pattern: str, check: Callable[[str], Spans], *, alone: bool = True) -> Finder:
    return Finder(pattern, check, (DIGITS_HINT, DOTTED_HINT, GROUPS_HINT), gate=_GROUPS, alone=alone)


def _national_finders() -> Iterator[tuple[str, Finder]]:
    """Yields each country's finders, with its code."""
    for each in NATIONAL_IDS:
        yield each.country, _national_finder(each)
        if each.groups:
            pattern = joined(*each.groups)
            yield each.country, _grouped_finder(pattern, grouped(each.is_valid, refused=each.refused))


_AT_HINT = r"[^\s\"{};,(/](?:@|%40)[^\s\"@.,:;(){}<>]+[.:/\"]"
"""An at sign within text, except those of CSS (`}@media (`). It covers credentials in URLs too."""

_EMAIL_LOCAL = r"[\pL\pN._%+'-]"
_JWT = r"eyJ[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*){1,4}"
_BEARER = r"[Bb](?:earer|EARER)[\s%+\\]"
_BASIC = r"[Bb](?:asic|ASIC)[\s\\]"
_V6 = r"(?i:[0-9a-f]{1,4}:[0-9a-f]{0,4}:[0-9a-f]{0,4}(?::[0-9a-f]{0,4})+)"
_V6_HINT = r"[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]"
_PAIR, _FOUR = "[0-9A-Fa-f]{2}", "[0-9A-Fa-f]{4}"
_COUNTRY = (
    "AD|AE|AL|AT|AZ|BA|BE|BG|BH|BI|BR|BY|CH|CR|CY|CZ|DE|DJ|DK|DO|EE|EG|ES|FI|FK|FO|FR|GB|GE|GI|GL|GR|GT|HN|HR|HU|IE|"
    "IL|IQ|IS|IT|JO|KW|KZ|LB|LC|LI|LT|LU|LV|LY|MC|MD|ME|MK|MN|MR|MT|MU|NI|NL|NO|OM|PK|PL|PS|PT|QA|RO|RS|RU|SA|SC|SD|"
    "SE|SI|SK|SM|SO|ST|SV|TL|TN|TR|UA|VA|VG|XK|YE"
)
"""Countries of the SWIFT IBAN registry."""

_IBAN_WORK = 100
"""Work for a candidate, of which each length has to be tried."""

_IBAN_GAP = r"[ \t\r\n./_+*~|:\x{a0}\x{2007}\x{2009}\x{202f}\x{2010}-\x{2013}-]{0,4}"
_IBAN = rf"(?:{_COUNTRY}|{_COUNTRY.lower()})\d{{2}}(?:{_IBAN_GAP}[0-9A-Za-z]){{11,34}}"

_AT = "@|%40"
_LETTERED = r"\d{2}[A-Za-z]\d{2}[A-Za-z]|\d(?:[ .-]?\d){5}"
_GROUPS = rf"\d{{2}}{SEPARATOR}\d{{2}}[0-9]*{SEPARATOR}\d{{2}}|\d{{6}}{SEPARATOR}\d{{4}}"
_KEYS = "|".join((*KEY_SHAPES.values(), *PRIVATE_KEY_HINTS, "eyJ", "(?i:bearer|basic)"))


_V4_GATE = r"\d\.\d{1,3}\.\d{1,3}\.\d"
_TEL = "tel:"
_DIGITS_OR_GROUPS = rf"{_DIGITS}|{_GROUPS}"
_ANY_MAC = rf"{MAC_HINT}|{_V6_HINT}"

PLACED_GATES = {
    _DIGITS: ("digits",),
    _GROUPS: ("groups",),
    _DIGITS_OR_GROUPS: ("digits", "groups"),
    _LETTERED: ("lettered",),
    _V4_GATE: ("v4",),
    _V6_HINT: ("v6",),
    MAC_HINT: ("mac",),
    _ANY_MAC: ("mac", "v6"),
    MRZ_HINT: ("mrz",),
    _AT: ("at",),
    _TEL: ("tel",),
}
"""Gates that gate_places.py finds in long texts, with its kinds of places for each."""


@cache
def phone_finder(countries: tuple[str, ...]) -> Finder:
    """Returns the finder of phone numbers as they are written within countries."""
    return Finder(PHONE, phone_check(countries), (), gate=PHONE_GATE, work=PHONE_WORK * len(countries))


NATIONAL_FINDERS = tuple(_national_finders())
"""The finders of national_id, each with the code of its country."""

BUILT_IN: dict[str, tuple[Finder, ...]] = {
    "url_credentials": (Finder(r"//([^/?#@\s\"'<>]+)@", hints=(_AT_HINT,), edges=False, gate=_AT, reach=1024),),
    "jwt": (Finder(_JWT, hints=(r"eyJ[0-9A-Za-z_-]",), edges=False, gate=_KEYS, reach=0),),
    "api_key": (
        Finder("|".join(KEY_SHAPES), hints=tuple(KEY_SHAPES.values()), edges=False, gate=_KEYS, reach=0),
        Finder(
            r"(?i:bearer)(?:\s|%20|\+)+([0-9A-Za-z._~+/=-]{8,})", _bearer, (_BEARER,), edges=False, gate=_KEYS, reach=0
        ),
        Finder(r"(?i:basic)\s+([0-9A-Za-z+/=]{8,})", _basic, (_BASIC,), edges=False, gate=_KEYS, reach=0),
        Finder(PRIVATE_KEY, None, PRIVATE_KEY_HINTS, edges=False, gate=_KEYS, reach=0),
    ),
    "email": (
        Finder(
            rf"{_EMAIL_LOCAL}+(?:@|%40)(?:[\pL\pN-]+\.)+\pL{{2,}}",
            _email,
            (_AT_HINT,),
            edges=False,
            gate=_AT,
            reach=1024,
        ),
    ),
    "payment_card": (
        Finder(rf"\d(?:{_GAP}?\d){{12,}}", _cards),
        _grouped_finder(joined(*[r"\d{4}"] * 4), grouped(is_card), alone=False),
        _grouped_finder(joined(*[r"\d{4}"] * 4, r"\d{3}"), grouped(is_card), alone=False),
        _grouped_finder(joined(r"\d{4}", r"\d{6}", r"\d{4,5}"), grouped(is_card), alone=False),
    ),
    "iban": (Finder(_IBAN, _iban, (DIGITS_HINT, DOTTED_HINT, GROUPS_HINT), gate=_DIGITS_OR_GROUPS, work=_IBAN_WORK),),
    "us_ssn": (
        Finder(r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}", _us_ssn),
        _grouped_finder(joined(r"\d{3}", r"\d{2}", r"\d{4}"), grouped(_is_ssn)),
    ),
    "national_id": tuple(finder for _, finder in NATIONAL_FINDERS),
    "phone": (
        Finder(
            r"\+[1-9](?:[ .\-/()_|\t\r\n\x{a0}\x{2007}\x{2009}\x{202f}\x{2010}-\x{2013}]{0,4}\d){7,16}",
            _phone,
            (DIGITS_HINT, DOTTED_HINT, GROUPS_HINT),
            gate=_DIGITS_OR_GROUPS,
        ),
        Finder(r"00[1-9]\d{0,2}(?:[ /()\t\r\n\x{a0}-]{1,4}\d{2,8}){2,6}", _phone),
        Finder(
            r"(?:1 ?[ ./-] ?)?(?:\([2-9]\d{2}\)[ ./-]{0,3}[2-9]\d{2} ?[ ./-] ?"
            r"|[2-9]\d{2} ?[./-] ?[2-9]\d{2} ?[./-] ?)\d{4}"
        ),
        Finder(r"0[1-9]\d{0,3}[ \t\r\n/-]{1,3}\d{2,8}(?:[ \t\r\n/-]{0,3}\d{2,4}){0,4}", _national_phone),
        Finder(r"0[1-9](?:\.\d{2}){4}", _national_phone, alone=True),
        Finder(r"tel:([+0-9][0-9().-]{5,20})", None, (r"tel:[+0-9]",), gate=_TEL),
    ),
    "mrz": (Finder(MRZ, _mrz, (MRZ_HINT, ENCODED_HINT), gate=MRZ_HINT, reach=160),),
    "mac_address": (
        Finder(
            rf"{_PAIR}(?:(?:-{_PAIR}){{5}}(?:(?:-{_PAIR}){{2}})?|(?::{_PAIR}){{5}}(?:(?::{_PAIR}){{2}})?)",
            _mac,
            (MAC_HINT, _V6_HINT),
            gate=_ANY_MAC,
            alone=True,
        ),
        Finder(rf"{_FOUR}\.{_FOUR}\.{_FOUR}", _mac, (MAC_HINT,), gate=MAC_HINT, alone=True),
    ),
    "ip_address": (
        Finder(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:\.\d+)*", _ip, (DOTTED_HINT,), gate=_V4_GATE),
        Finder(_V6, _ip, (_V6_HINT,), gate=_V6_HINT),
    ),
}
"""The rules by name, in the order in which they are tried: of two rules that match the same text, the first applies."""

RULES = (*BUILT_IN, URL_RULE, PATH_RULE)
