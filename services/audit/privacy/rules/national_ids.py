"""National identity numbers: their patterns, and python-stdnum's validation of each.

A number only counts as an identity number if its check digits (and its date, if it contains one) are valid. Numbers
with a weak check and no distinctive form are only detected if a policy lists their country: one in fifty 11-digit
order numbers is a valid Polish PESEL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ch_ssn
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.tr import tckimlik

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class NationalId:
    """One country's number.

    Attributes:
        country: Country code in policies.
        pattern: RE2 pattern of its form.
        is_valid: Returns whether a string of that form is such a number.
        usual: Whether it is detected by default.
        hint: Looser pattern for the scan over raw JSON (builtin.Finder); "": the default, nine digits.
        groups: Patterns of the groups of digits in which it is written, for other separators than those of `pattern`
            (digit_groups.py); empty: it has no such groups.
        refused: Separators with which the groups do not count: " " and "." where prices are written like it.
    """

    country: str
    pattern: str
    is_valid: Callable[[str], bool]
    usual: bool = True
    hint: str = ""
    groups: tuple[str, ...] = ()
    refused: str = ""


def _is_nino(_number: str) -> bool:
    """The pattern is a complete check: prefixes by HMRC's National Insurance Manual, NIM39110."""
    return True


def _is_dni(number: str) -> bool:
    return bool(dni.is_valid(number.replace(".", "").replace("/", "")))


def _groups(*lengths: int) -> tuple[str, ...]:
    return tuple(rf"\d{{{length}}}" for length in lengths)


_NINO_PREFIX = (
    r"(?:[ACEHJLMOPRSWXY][A-CEGHJ-NPR-TW-Z]|B[A-CEHJ-NPR-TW-Z]|G[ACEGHJ-NPR-TW-Z]"
    r"|[KT][A-CEGHJ-MPR-TW-Z]|N[A-CEGHJLMPR-SW-Z]|Z[A-CEGHJ-NPR-TW-Y])"
)

_DNI_HINT = r"\d{7}-?[A-HJ-NP-TV-Za-hj-np-tv-z][^0-9A-Za-z]"

NATIONAL_IDS = (
    NationalId("be", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", nn.is_valid, groups=_groups(2, 2, 2, 3, 2)),
    NationalId("br", r"\d{3}\.\d{3}\.\d{3}-\d{2}", cpf.is_valid, groups=_groups(3, 3, 3, 2)),
    NationalId("ca", r"\d{3}-\d{3}-\d{3}", sin.is_valid, groups=_groups(3, 3, 3), refused=" ."),
    NationalId("ch", r"756\.\d{4}\.\d{4}\.\d{2}", ch_ssn.is_valid, groups=("756", *_groups(4, 4, 2))),
    NationalId("cn", r"[1-9]\d{16}[\dXx]", ric.is_valid),
    NationalId("dk", r"[0-3]\d[01]\d{3}-\d{4}", cpr.is_valid, groups=(r"[0-3]\d[01]\d{3}", r"\d{4}"), refused=" "),
    NationalId("ee", r"[1-6]\d{2}[01]\d[0-3]\d{5}", ik.is_valid),  # the same form as Lithuania's
    NationalId(
        "es",
        r"(?:\d{8}|\d{1,2}\.\d{3}\.\d{3})(?: ?[-/] ?|\.)?[A-HJ-NP-TV-Za-hj-np-tv-z]",
        _is_dni,
        hint=_DNI_HINT,
    ),
    NationalId("es", r"[XYZxyz]-?\d{7}-?[A-HJ-NP-TV-Za-hj-np-tv-z]", nie.is_valid, hint=_DNI_HINT),
    NationalId(
        "fi",
        r"[0-3]\d[01]\d{3}[-+A-FU-Ya-fu-y]\d{3}[0-9A-FHJ-NPR-Ya-fhj-npr-y]",
        hetu.is_valid,
        hint=r"\d{6}[-+A-FU-Ya-fu-y]\d{3}[0-9A-Za-z]",
    ),
    NationalId(
        "fr",
        r"[12] ?\d{2} ?[01]\d ?\d[\dABab] ?\d{3} ?\d{3} ?\d{2}",
        nir.is_valid,
        hint=r"[12] ?\d{2} ?[01]\d ?\d[\dABab] ?\d{3}",
    ),
    NationalId(
        "gb",
        _NINO_PREFIX + r"[ -]{0,3}\d{2}[ -]{0,3}\d{2}[ -]{0,3}\d{2}[ -]{0,3}[A-D]",
        _is_nino,
        hint=r"[A-Z]{2}[ -]{0,3}\d{2}[ -]{0,3}\d{2}[ -]{0,3}\d{2}[ -]{0,3}[A-D]",
    ),
    NationalId("in", r"[2-9]\d{3}[ -]\d{4}[ -]\d{4}", aadhaar.is_valid, groups=_groups(4, 4, 4)),
    NationalId(
        "it",
        r"(?i:[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z])",
        codicefiscale.is_valid,
        hint=r"\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]",
    ),
    NationalId("kr", r"\d{2}[01]\d[0-3]\d-[1-8]\d{6}", rrn.is_valid, groups=(r"\d{2}[01]\d[0-3]\d", r"[1-8]\d{6}")),
    NationalId("mx", r"(?i:[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d)", curp.is_valid, hint=r"\d{6}[HMXhmx][A-Za-z]{5}"),
    NationalId("no", r"[0-7]\d[0-5]\d{3} ?\d{5}", fodselsnummer.is_valid, groups=(r"[0-7]\d[0-5]\d{3}", r"\d{5}")),
    NationalId(
        "se",
        r"(?:\d{2})?\d{2}[01]\d{3}[-+]\d{4}",
        personnummer.is_valid,
        groups=(r"(?:\d{2})?\d{2}[01]\d{3}", r"\d{4}"),
    ),
    NationalId("de", r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}", idnr.is_valid, usual=False),
    NationalId("nl", r"\d{9}|\d{4}\.\d{2}\.\d{3}", bsn.is_valid, usual=False),
    NationalId("pl", r"\d{2}[0-389]\d[0-3]\d{6}", pesel.is_valid, usual=False),
    NationalId("tr", r"[1-9]\d{10}", tckimlik.is_valid, usual=False),
)

COUNTRIES = frozenset(each.country for each in NATIONAL_IDS)
USUAL_COUNTRIES = tuple(sorted({each.country for each in NATIONAL_IDS if each.usual}))
