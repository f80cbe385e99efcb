"""Phone numbers as they are written within a country, by the patterns of libphonenumber.

Without a country only numbers with a distinctive form count (builtin.py): eight digits in four pairs are a phone number
in Norway and a row of a table elsewhere.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from services.audit.re2_patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from services.audit.re2_patterns import Pattern

PATTERN = r"(?:\+|\()?\d(?:[ \t\-./()_|\x{a0}\x{2007}\x{2009}\x{202f}\x{2010}-\x{2013}]{0,3}\d){5,16}"
"""RE2 pattern of a candidate."""

WORK = 30
"""Work for a candidate and a country, in microseconds (masking/counts.py)."""

GATE = r"\d(?:[^0-9A-Za-z\n]{0,8}\d){5}"
"""RE2 pattern that matches in every text with a candidate, also in the text's JSON."""

_KINDS = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)
"""Kinds of numbers in libphonenumber's metadata."""

_DATE = re.compile(
    r"(?:19|20)\d\d\D(?:0?[1-9]|1[0-2])\D(?:0?[1-9]|[12]\d|3[01])(?!\d)|\d{1,2}\D\d{1,2}\D(?:19|20)\d\d(?!\d)"
)
_PLAIN_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_THOUSANDS = re.compile(r"\d{1,2}([ .\u00a0\u2009\u202f])\d{3}(?:\1\d{3})*")
"""A price or a count: groups of three digits after fewer."""


def is_country(code: str) -> bool:
    """Returns whether libphonenumber has patterns for a country, by its ISO 3166 code in lower case."""
    from phonenumbers import SUPPORTED_REGIONS

    return code.upper() in SUPPORTED_REGIONS


def phone_check(countries: tuple[str, ...]) -> Callable[[str], Iterable[tuple[int, int]]]:
    """Returns the check of a candidate: whether it is a valid number in one of the countries."""

    def check(candidate: str) -> Iterable[tuple[int, int]]:
        if _DATE.search(candidate) or _PLAIN_DATE.fullmatch(candidate) or _THOUSANDS.fullmatch(candidate):
            return ()
        digits = re.sub("[^0-9]", "", candidate)
        international = candidate.startswith("+") or digits.startswith("00")
        digits = digits.removeprefix("00") if international else digits
        good = any(_is_number(country, digits, international) for country in countries)
        return ((0, len(candidate)),) if good else ()

    return check


class _Country(NamedTuple):
    """Patterns of a country.

    Attributes:
        code: Digits after `+`.
        prefix: Digits before a number that is dialled within the country; None: none.
        numbers: Numbers without prefix.
        bare: For each usual form: its first digits, the whole number, and whether it is written without the prefix.
    """

    code: str
    prefix: re.Pattern[str] | None
    numbers: Pattern
    bare: tuple[tuple[re.Pattern[str], re.Pattern[str], bool], ...]


def _is_number(country: str, digits: str, international: bool) -> bool:
    known = _country(country)
    if international:
        return digits.startswith(known.code) and _matches(known, digits.removeprefix(known.code))
    match = known.prefix.match(digits) if known.prefix is not None else None
    if match is not None and match.end() and _matches(known, digits[match.end() :]):
        return True
    is_bare = next((bare for first, whole, bare in known.bare if first.match(digits) and whole.fullmatch(digits)), True)
    return is_bare and _matches(known, digits)


def _matches(country: _Country, digits: str) -> bool:
    return country.numbers.search(digits.encode()) is not None


@cache
def _country(country: str) -> _Country:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    def metadata_of(region: str) -> Any:
        return PhoneMetadata.metadata_for_region(region)

    metadata = metadata_of(country.upper())
    regions = COUNTRY_CODE_TO_REGION_CODE[metadata.country_code]  # Guernsey's numbers are British ones to everyone
    kinds = [getattr(metadata_of(each), kind) for each in regions for kind in _KINDS]
    patterns = {kind.national_number_pattern for kind in kinds if kind is not None and kind.national_number_pattern}
    prefix = metadata.national_prefix_for_parsing
    return _Country(
        str(metadata.country_code),
        re.compile(prefix) if prefix else None,
        compile_pattern(f"^(?:{'|'.join(sorted(patterns))})$"),
        tuple(_form(each, metadata.national_prefix or "") for each in metadata.number_format),
    )


def _form(form: Any, prefix: str) -> tuple[re.Pattern[str], re.Pattern[str], bool]:
    """Returns one of a country's forms, as in _Country.bare."""
    rule = (form.national_prefix_formatting_rule or "").replace("\\1", "")
    is_bare = not rule or form.national_prefix_optional_when_formatting or prefix not in rule
    return re.compile((form.leading_digits_pattern or [""])[-1]), re.compile(form.pattern), is_bare
