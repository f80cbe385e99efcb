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
from typing import TYPE_CHECKING

from stdnum import iban, luhn

from services.audit.privacy.rules.national_ids import NATIONAL_IDS, NationalId

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

URL_HINT = r"[?#&;][^\s\"?#&;={}<>():,]+="
"""A parameter of a URL."""

ESCAPE_HINT = r"\\u00[2-7][0-9a-fA-F]"
"""An escaped printable character, which a rule may look for."""


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
    """

    pattern: str
    check: Callable[[str], Spans] | None = None
    hints: tuple[str, ...] = (DIGITS_HINT, DOTTED_HINT)
    edges: bool = True
    gate: str = r"\d(?:[^0-9A-Za-z\".:,;{}\[\]%=_#]*\d){8}|\d\.\d{1,4}\.\d"
    reach: int = 96


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


def _national_phone(candidate: str) -> Spans:
    digits = sum(map(str.isdigit, candidate))
    return _whole(candidate, 9 <= digits <= 12 and not _DATE.match(candidate))


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
    area, group, serial = re.split(r"[- ]", candidate)
    return _whole(candidate, area not in {"000", "666"} and area[0] != "9" and group != "00" and serial != "0000")


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


def _national_finder(each: NationalId) -> Finder:
    def check(candidate: str) -> Spans:
        return _whole(candidate, each.is_valid(candidate))

    if each.hint:
        return Finder(each.pattern, check, (each.hint,), gate=_LETTERED)
    return Finder(each.pattern, check)


_KEY_SHAPES = {
    r"(?:sk|rk|pk|tok)_(?:live|test)_[0-9A-Za-z_]{6,}": r"k_(?:live|test)_",
    r"whsec_[0-9A-Za-z+/=]{16,}": r"whsec_",
    r"gh[pousr]_[0-9A-Za-z]{20,}": r"gh[pousr]_[0-9A-Za-z]",
    r"github_pat_[0-9A-Za-z_]{20,}": r"github_pat_",
    r"glpat-[0-9A-Za-z_-]{16,}": r"glpat-",
    r"(?:AKIA|ASIA)[0-9A-Z]{16}": r"A[KS]IA[0-9A-Z]{3}",
    r"xox[abeoprs]-[0-9A-Za-z-]{8,}": r"xox[abeoprs]-",
    r"xapp-[0-9A-Za-z-]{8,}": r"xapp-",
    r"AIza[0-9A-Za-z_-]{30,}": r"AIza",
    r"ya29\.[0-9A-Za-z_-]{16,}": r"ya29\.",
    r"\bsk-(?:proj-|ant-|svcacct-)?[0-9A-Za-z_-]{20,}": r"sk-(?:proj-|ant-|svcacct-|[0-9A-Za-z]{8})",
    r"SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}": r"SG\.[0-9A-Za-z_-]",
    r"npm_[0-9A-Za-z]{30,}": r"npm_[0-9A-Za-z]",
    r"pypi-[0-9A-Za-z_-]{30,}": r"pypi-[0-9A-Za-z]",
    r"hf_[0-9A-Za-z]{30,}": r"hf_[0-9A-Za-z]{4}",
    r"dop_v1_[0-9a-f]{40,}": r"dop_v1_",
    r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{20,}": r"shp(?:at|ca|pa|ss)_",
}
"""Hint of each pattern. Prefixes that the issuers document for secret scanning: Stripe, GitHub, GitLab, AWS, Slack,
Google, OpenAI, SendGrid, npm, PyPI, Hugging Face, DigitalOcean, Shopify."""

_AT_HINT = r"[^\s\"{};,(/](?:@|%40)[^\s\"@.,:;(){}<>]+[.:/\"]"
"""An at sign within text, except those of CSS (`}@media (`). It covers credentials in URLs too."""

_EMAIL_LOCAL = r"[\pL\pN._%+'-]"
_JWT = r"eyJ[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*){1,4}"
_BEARER = r"[Bb](?:earer|EARER)[\s%+\\]"
_BASIC = r"[Bb](?:asic|ASIC)[\s\\]"
_PRIVATE_KEY = r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
_V6 = r"(?i:[0-9a-f]{1,4}:[0-9a-f]{0,4}:[0-9a-f]{0,4}(?::[0-9a-f]{0,4})+)"
_V6_HINT = r"[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]"
_COUNTRY = (
    "AD|AE|AL|AT|AZ|BA|BE|BG|BH|BI|BR|BY|CH|CR|CY|CZ|DE|DJ|DK|DO|EE|EG|ES|FI|FK|FO|FR|GB|GE|GI|GL|GR|GT|HN|HR|HU|IE|"
    "IL|IQ|IS|IT|JO|KW|KZ|LB|LC|LI|LT|LU|LV|LY|MC|MD|ME|MK|MN|MR|MT|MU|NI|NL|NO|OM|PK|PL|PS|PT|QA|RO|RS|RU|SA|SC|SD|"
    "SE|SI|SK|SM|SO|ST|SV|TL|TN|TR|UA|VA|VG|XK|YE"
)
"""Countries of the SWIFT IBAN registry."""

_IBAN = rf"(?:{_COUNTRY}|{_COUNTRY.lower()})\d{{2}}(?:{_GAP}?[0-9A-Za-z]){{11,34}}"

_AT = "@|%40"
_LETTERED = r"\d{2}[A-Za-z]\d{2}[A-Za-z]|\d(?:[ -]?\d){5}"
_KEYS = "|".join((*_KEY_SHAPES.values(), "eyJ", "(?i:bearer|basic)", "PRIVATE KEY-----"))

BUILT_IN: dict[str, tuple[Finder, ...]] = {
    "url_credentials": (Finder(r"//([^/?#@\s\"'<>]+)@", hints=(_AT_HINT,), edges=False, gate=_AT, reach=1024),),
    "jwt": (Finder(_JWT, hints=(r"eyJ[0-9A-Za-z_-]",), edges=False, gate=_KEYS, reach=0),),
    "api_key": (
        Finder("|".join(_KEY_SHAPES), hints=tuple(_KEY_SHAPES.values()), edges=False, gate=_KEYS, reach=0),
        Finder(
            r"(?i:bearer)(?:\s|%20|\+)+([0-9A-Za-z._~+/=-]{8,})", _bearer, (_BEARER,), edges=False, gate=_KEYS, reach=0
        ),
        Finder(r"(?i:basic)\s+([0-9A-Za-z+/=]{8,})", _basic, (_BASIC,), edges=False, gate=_KEYS, reach=0),
        Finder(
            _PRIVATE_KEY + r"[^-]*(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
            None,
            (r"PRIVATE KEY-----",),
            edges=False,
            gate=_KEYS,
            reach=0,
        ),
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
    "payment_card": (Finder(rf"\d(?:{_GAP}?\d){{12,}}", _cards),),
    "iban": (Finder(_IBAN, _iban),),
    "us_ssn": (Finder(r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}", _us_ssn),),
    "national_id": tuple(_national_finder(each) for each in NATIONAL_IDS),
    "phone": (
        Finder(r"\+[1-9](?:[ .\-/()\x{a0}\x{2007}\x{2009}\x{202f}\x{2010}-\x{2013}]{0,3}\d){7,16}", _phone),
        Finder(r"00[1-9]\d{0,2}(?:[ /()\x{a0}-]{1,2}\d{2,8}){2,6}", _phone),
        Finder(r"(?:1[ .-])?(?:\([2-9]\d{2}\)[ .-]{0,2}[2-9]\d{2}[ .-]|[2-9]\d{2}[.-][2-9]\d{2}[.-])\d{4}"),
        Finder(r"0[1-9]\d{0,3}[-/ ]\d{2,8}(?:[ -]?\d{2,4}){0,4}", _national_phone),
        Finder(r"tel:([+0-9][0-9().-]{5,20})", None, (r"tel:[+0-9]",), gate="tel:"),
    ),
    "ip_address": (
        Finder(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:\.\d+)*", _ip, (DOTTED_HINT,), gate=r"\d\.\d{1,3}\.\d{1,3}\.\d"),
        Finder(_V6, _ip, (_V6_HINT,), gate=_V6_HINT),
    ),
}
"""The rules by name, in the order in which they are tried: of two rules that match the same text, the first applies."""

URL_RULE = "url_query"
"""The rule for parameters of URLs, without a pattern; see urls.py."""

RULES = (*BUILT_IN, URL_RULE)
