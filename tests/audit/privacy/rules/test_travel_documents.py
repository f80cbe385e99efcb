"""Machine-readable zones: the specimens of ICAO Doc 9303, and texts that only look like them."""

from __future__ import annotations

import pytest

from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.strings import TextMasker
from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.rules.travel_documents import check_digit

TEXT = TextMasker(load_policy({}, None, "test"), b"k" * 32)

PASSPORT = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
CARD = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
CARD_OF_TWO_LINES = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
VISA = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")


def masked(text: str) -> str:
    return TEXT.mask(text, "text", Counts())


@pytest.mark.parametrize("lines", [PASSPORT, CARD, CARD_OF_TWO_LINES, VISA])
@pytest.mark.parametrize("between", ["\n", "\r\n", " "])
def test_a_zone_is_removed(lines, between):
    assert masked(f"zone {between.join(lines)} end") == "zone [mrz] end"
    written = between.join(lines).replace("<", "&lt;")
    assert "ERIKSSON" not in masked(f"zone {written} end")


@pytest.mark.parametrize("line", [*PASSPORT, CARD[1], *CARD_OF_TWO_LINES, *VISA])
def test_a_line_alone_is_removed(line):
    assert masked(line) == "[mrz]"


@pytest.mark.parametrize("place", [9, 19, 27])
def test_a_wrong_check_digit_is_no_zone(place):
    line = PASSPORT[1]
    wrong = line[:place] + str((int(line[place]) + 1) % 10) + line[place + 1 :]
    assert masked(wrong) == wrong


def test_check_digits():
    assert (check_digit("L898902C3"), check_digit("740812"), check_digit("120415")) == (6, 2, 9)
    assert check_digit("<" * 9) == 0
