r"""The built-in rules: what each looks for, and how a candidate is checked.

A rule has a pattern that finds candidates in a string, and a check that says which parts of a candidate
are the real thing: digits with a wrong check digit are an order number and stay. A rule's `hints` are
looser patterns; whatever the rule finds in a string, a hint must find in the string's JSON form, where `/` may
stand as `\/` and a tab as `\t`. They say what signs.py looks for in raw JSON, with loops in place of an automaton
(tests hold it to them): whoever adds a hint here, adds it there.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stdnum import iban, luhn

from services.audit.privacy.national_ids import NATIONAL_IDS, NationalId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Spans = Iterable[tuple[int, int]]

_GAP = r"[ \t\x{a0}\x{2007}\x{2009}\x{202f}\x{2010}-\x{2013}-]"
"""What people put between groups of digits: spaces and dashes of several widths."""

DIGITS_HINT = r'(?:[^\d:.\-]|[^"\d]:|[^\w]":|[^\d][.\-])\d(?:(?:[^0-9A-Za-z".:,;{}\[\]%=_#]|\\[tnr/]|\\u[02]...)*\d){8}'
"""Nine digits with gaps, but no JSON number: those follow `\\w":` (a key's last letter, its quote, a colon),
which inside a string cannot be, since its quotes are escaped and an opening quote follows no letter."""


DOTTED_HINT = r"\d\.\d{1,4}\.\d"
"""Groups of digits with dots between them; JSON numbers have one dot at most."""

URL_HINT = r"[?#&;][^\s\"?#&;={}<>():,]+="
"""A parameter of a URL."""

ESCAPE_HINT = r"\\u00[2-7][0-9a-fA-F]"
"""A printable character as an escape: it may be one that a rule looks for."""


@dataclass(frozen=True, slots=True)
class Finder:
    """One pattern of a rule.

    Attributes:
        pattern: RE2 pattern of candidates. If it has a group, the group is the candidate.
        check: Returns the parts of a candidate (start, end) that are the real thing; None: all of it.
        hints: RE2 patterns that match in the raw JSON of every string that may hold a candidate.
        edges: Whether a letter or digit right before or after makes it something else.
        gate: RE2 pattern without which a string holds no candidate; shared by many, so that they are asked once.
        reach: Bytes that a candidate may reach beyond a match of the gate; 0: any number.
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
    """An asset such as `logo@2x.png` or `vue@3.2.min.js` is no address: its domain begins with a digit."""
    _, _, domain = candidate.replace("%40", "@").rpartition("@")
    first, _, _ = domain.partition(".")
    file = domain.rpartition(".")[2].lower() in _FILE_TYPES and re.fullmatch(r"[0-9]+x?", first) is not None
    return _whole(candidate, not file)


_DATE = re.compile(r"(?:\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d{2}|(?:19|20)\d{2}[-/. ]\d{1,2}[-/. ]\d{1,2})(?!\d)")


def _phone(candidate: str) -> Spans:
    """E.164: at most 15 digits with the country; fewer than 9 are not dialled from abroad."""
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
    """Returns whether digits are the number of a payment card: issuer's range, length and Luhn check."""
    return _CARD_NUMBER.fullmatch(digits) is not None and luhn.is_valid(digits)


def _cards(candidate: str) -> Iterator[tuple[int, int]]:
    """Looks at runs of whole groups: "12345 4111 1111 1111 1111" holds a card after an order number."""
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
    """The candidate may run on into the next word: the country's own length and check decide where it ends."""
    places = [place for place, letter in enumerate(candidate) if letter.isalnum()]
    compact = "".join(candidate[place] for place in places).upper()
    for length in _IBAN_LENGTHS:
        if length > len(compact):
            break
        if length < len(places) and places[length] == places[length - 1] + 1 and candidate[places[length]].isalnum():
            continue  # it would end inside a word
        if iban.is_valid(compact[:length]):
            return ((0, places[length - 1] + 1),)
    return ()


def _us_ssn(candidate: str) -> Spans:
    """Ranges never issued, by the Social Security Administration (RM 10201.035). Specimens count as real."""
    area, group, serial = re.split(r"[- ]", candidate)
    return _whole(candidate, area not in {"000", "666"} and area[0] != "9" and group != "00" and serial != "0000")


def _basic(candidate: str) -> Spans:
    """RFC 7617: base64 of user and password with a colon. "Basic information" is none."""
    try:
        return _whole(candidate, b":" in base64.b64decode(candidate + "=" * (-len(candidate) % 4), validate=True))
    except (binascii.Error, ValueError):
        return ()


def _bearer(candidate: str) -> Spans:
    return _whole(candidate, len(candidate) >= 20 or any(map(str.isdigit, candidate)))


def _ip(candidate: str) -> Spans:
    """Addresses that are the same on every machine say nothing of anybody."""
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
"""Pattern -> hint. Prefixes that the issuers document for secret scanning: Stripe, GitHub, GitLab, AWS, Slack,
Google, OpenAI, SendGrid, npm, PyPI, Hugging Face, DigitalOcean, Shopify."""

_AT_HINT = r"[^\s\"{};,(/](?:@|%40)[^\s\"@.,:;(){}<>]+[.:/\"]"
"""An at sign within something, but none of CSS's (`}@media (`). It covers credentials in URLs too."""

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
"""The rules by name, in the order in which they are tried: where two match the same text, the first one has it."""

URL_RULE = "url_query"
"""The rule for parameters of URLs; it has no pattern, see urls.py."""

RULES = (*BUILT_IN, URL_RULE)
