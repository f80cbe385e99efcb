"""Machine-readable zones of passports, identity cards and visas (ICAO Doc 9303 parts 4 to 7).

A zone counts if the check digits of its number, birth and expiry are right; so does its line with these alone, and its
line with the name alone, which has a form that no other text has.
"""

from __future__ import annotations

import re

_PASSPORT = r"[0-9A-Z<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[0-9A-Z<]{16}"
_VISA_OR_CARD = r"[0-9A-Z<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[0-9A-Z<]{8}"
_CARD = r"[ACI][A-Z<][A-Z<]{3}[0-9A-Z<]{9}[\d<][0-9A-Z<]{15}\s{0,4}\d{7}[MFX<]\d{7}[A-Z<]{3}[0-9A-Z<]{11}\d"
_CARD_DATES = r"\d{7}[MFX<]\d{7}[A-Z<]{3}[0-9A-Z<]{11}\d"
_NAME = r"[PVACI][A-Z<][A-Z<]{3}[A-Z]+(?:<[A-Z]+){0,8}<<[A-Z<]{1,38}"

MRZ = (
    rf"(?:{_NAME}\s{{0,4}})?(?:{_PASSPORT}|{_VISA_OR_CARD})|{_CARD}(?:\s{{0,4}}[A-Z<]{{30}})?"
    rf"|{_CARD_DATES}(?:\s{{0,4}}[A-Z<]{{30}})?|{_NAME}"
)
"""RE2 pattern of a zone, or of one of its lines."""

_NAME_LENGTHS = frozenset({36, 44})
_TWO_LINES = re.compile(r"([0-9A-Z<]{9})(\d)[A-Z<]{3}(\d{6})(\d)[MFX<](\d{6})(\d)")
_CARD_LINES = re.compile(r"[ACI][A-Z<][A-Z<]{3}([0-9A-Z<]{9})([\d<])[0-9A-Z<]{15}\s*(\d{6})(\d)[MFX<](\d{6})(\d)")
_DATES = re.compile(r"(\d{6})(\d)[MFX<](\d{6})(\d)")
_WEIGHTS = (7, 3, 1)


def check_digit(field: str) -> int:
    """Returns the check digit of a field (part 3, 4.9): letters count from 10, the filler counts 0."""
    values = (0 if each == "<" else int(each, 36) for each in field)
    return sum(value * _WEIGHTS[place % 3] for place, value in enumerate(values)) % 10


def is_mrz(candidate: str) -> bool:
    """Returns whether the check digits of a candidate of MRZ are right, or whether it is a line with a name."""
    lines = _CARD_LINES.match(candidate) or _DATES.match(candidate) or _TWO_LINES.search(candidate)
    if lines is None:
        return len(candidate) in _NAME_LENGTHS and candidate.count("<") > 3
    parts = lines.groups()
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return all(digit == "<" or check_digit(field) == int(digit) for field, digit in pairs)
