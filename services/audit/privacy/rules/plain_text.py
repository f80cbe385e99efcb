r"""Plain form of a text: the form in which people read it, with the way back to the text.

A rule finds `4111 1111 1111 1111`, but a text may say `4111%201111&nbsp;1111\u20091111`. Its plain form has HTML
entities, percent-encoding, JSON and JavaScript escapes and quoted-printable decoded, also within each other; digits of
all scripts and full-width signs as ASCII; every kind of space as a space and every kind of dash as a hyphen; invisible
characters removed; and each run of spaces, line breaks and dashes between two digits as one character.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from services.audit.re2_patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MAX_ROUNDS = 4
"""Maximum number of encodings around each other: `%252540` takes three rounds."""

_WORK = 2
"""Work for a decoded character, in microseconds (masking/counts.py)."""

_BYTES_PER_WORK = 64
"""Bytes of text that are copied and searched in a unit of work."""

_DASHES = "\u2043\u2212\u02d7\u00b7\u2022\u2219\u22c5\u30fb"
"""Characters that separate groups of digits as a dash does, beside those that Unicode calls dashes."""

_VARIATIONS = "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
_INVISIBLE = _VARIATIONS + "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Invisible characters beside Unicode's format characters."""

_DOTS = "\u2024\u3002\uff61\ufe52"
"""Characters that are read as a dot; IDNA (UTS 46) maps all but the first in domain names."""

_BLANKS = "\u0085\u2800"
"""Characters that are read as a space beside Unicode's spaces: the next line of C1, and a blank Braille pattern."""

_KINDS = (
    ("-", {"Pd"}, _DASHES),
    (" ", {"Zs", "Zl", "Zp"}, _BLANKS),
    ("", {"Cf"}, _INVISIBLE),
    (".", set[str](), _DOTS),
)
"""Plain form of characters of Unicode categories, and of others."""

_CATEGORIES = {"Nd"}.union(*(kinds for _, kinds, _ in _KINDS))
_OTHERS = frozenset("".join(others for _, _, others in _KINDS))

_PLANES = (*range(0x80, 0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200))
"""Code points that may have a plain form of their own."""


def _has_form(code: int) -> bool:
    """Returns whether a character is a form of another one: full-width, small, or mathematical."""
    return 0xFE50 <= code <= 0xFE6B or 0xFF01 <= code <= 0xFF5E or 0x1D400 <= code <= 0x1D7FF


def _plain(character: str) -> str | None:
    """Returns the plain form of a character beyond ASCII; None: itself."""
    category = unicodedata.category(character)
    code = ord(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    for plain, kinds, others in _KINDS:
        if category in kinds or character in others:
            return plain
    if _has_form(code):
        decomposed = unicodedata.normalize("NFKC", character)
        return decomposed if decomposed.isascii() else None
    return None


def _plain_characters() -> dict[bytes, bytes]:
    """Returns the plain form of each character that has one, both in UTF-8.

    Most characters are passed over by their category: every process that masks looks at all of them when it starts.
    """
    characters = "".join(map(chr, _PLANES))
    categories = map(unicodedata.category, characters)
    known = (
        (each, _plain(each))
        for each, category in zip(characters, categories, strict=True)
        if category in _CATEGORIES or each in _OTHERS or _has_form(ord(each))
    )
    return {before.encode(): after.encode() for before, after in known if after is not None}


PLAIN_CHARACTERS = _plain_characters()
"""Plain form of each character beyond ASCII that has one, both in UTF-8."""


def _class_of(characters: Iterable[bytes]) -> str:
    """Returns the members of a character class of RE2, as ranges."""
    codes = sorted(ord(each.decode()) for each in characters)
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges)


_ENCODED = (
    rf"[{_class_of(PLAIN_CHARACTERS)}]"
    r"|%[2-7][0-9A-Fa-f]|%0[9AaDd]|(?:%[89A-Fa-f][0-9A-Fa-f])+"
    r"|&#(?:[0-9]{1,7}|[xX][0-9A-Fa-f]{1,6});?|&[A-Za-z][0-9A-Za-z]{1,24};"
    r"|\\+u[dD][89AaBb][0-9A-Fa-f]{2}\\+u[dD][C-Fc-f][0-9A-Fa-f]{2}"
    r"|\\+(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|x[0-9A-Fa-f]{2}|[nrt/])"
)
_QUOTED_PRINTABLE = r"=\r?\n|=[2-7][0-9A-F]|=0[9AD]|(?:=[89A-F][0-9A-F])+"
_TOKEN = compile_pattern(_ENCODED)
_TOKEN_OR_QUOTED = compile_pattern(f"{_ENCODED}|{_QUOTED_PRINTABLE}")
_LOOKS_QUOTED = compile_pattern(
    r"=\r?\n|=40|=[0-9A-F]{2}[^=]{0,80}=[0-9A-F]{2}|[0-9]=(?:20|2[BDEF]|0[9AD]|A0|C2|E2)[0-9=]"
)
"""Signs of quoted-printable (RFC 2045): a soft line break, an at sign, two escapes, or one between digits."""

_GAP = re.compile(rb"(?<=[0-9])(?:[ \t-\r+\-]{2,8}|[\t-\r]|(?<=[0-9]{2})\+(?=[0-9]{2}))(?=[0-9])")
"""Characters between two digits that are read as one separator; a plus stands for a space, as in forms."""

_MAY_BE_GAP = compile_pattern(r"[0-9](?:[ \t-\r+\-]{2,8}|[\t-\r+])[0-9]")
"""A match of _GAP with the digits around it, and a few others: found seven times as fast."""

_NEGATIVE = re.compile(rb"\s+-")
"""Two numbers, the second of which is negative."""

_ANYTHING = compile_pattern(rf"{_ENCODED}|{_QUOTED_PRINTABLE}|[0-9](?:[\t-\r]|[ +\-][ \t-\r+\-]|\+[0-9])")
"""Something that may have a plain form of its own."""


def is_plain(text: bytes) -> bool:
    """Returns whether a text is certainly its own plain form."""
    return _ANYTHING.search(text) is None


_Round: TypeAlias = tuple[list[int], list[int], list[int], list[int]]
"""Changed pieces of a round: their starts and ends after it, and before it."""


class PlainText:
    """Plain form of a text.

    Attributes:
        text: The plain form, in UTF-8.
        splits: Whether invisible characters were removed between digits.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.splits = False
        self._rounds: list[_Round] = []

    def add(self, text: bytes, pieces: list[tuple[int, int, int, int]]) -> None:
        """Notes a further round: its text, and its changed pieces as (start, end, start before, end before)."""
        self.text = text
        at, to, start, end = (list(column) for column in zip(*pieces, strict=True))
        self._rounds.append((at, to, start, end))

    def changed(self, margin: int) -> list[tuple[int, int]]:
        """Returns the parts of the plain form that are at most `margin` bytes from a changed piece, in order."""
        parts: list[tuple[int, int]] = []
        for first, last in self._pieces:
            start, end = max(0, first - margin), min(len(self.text), last + margin)
            if parts and start <= parts[-1][1]:
                parts[-1] = parts[-1][0], max(end, parts[-1][1])
            else:
                parts.append((start, end))
        return parts

    @cached_property
    def _pieces(self) -> list[tuple[int, int]]:
        """The changed pieces of all rounds in the plain form, in order."""
        pieces: list[tuple[int, int]] = []
        for number, (at, to, _, _) in enumerate(self._rounds):
            later = self._rounds[number + 1 :]
            pieces += [(_later(first, later), _later(last, later)) for first, last in zip(at, to, strict=True)]
        return sorted(pieces)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Returns the part of the original text that a part of the plain form stands for; both ends exclusive."""
        last -= 1
        for at, to, start, end in reversed(self._rounds):
            place = bisect_right(at, first) - 1
            if place >= 0:
                first = start[place] if first < to[place] else first - to[place] + end[place]
            place = bisect_right(at, last) - 1
            if place >= 0:
                last = end[place] - 1 if last < to[place] else last - to[place] + end[place]
        return first, last + 1


def _later(place: int, rounds: Iterable[_Round]) -> int:
    """Returns where a place of a text is after further rounds: the end of a piece for one within it."""
    for _, to, start, end in rounds:
        piece = bisect_right(start, place) - 1
        if piece >= 0:
            place = to[piece] + max(0, place - end[piece])
    return place


def plain_forms(text: bytes, spend: Callable[[int], None]) -> Iterator[PlainText]:
    """Yields the plain forms of a text; none: the text itself.

    There are two if invisible characters stand between digits: `078\u200b05\u200b1120` may be one group or three.

    Args:
        text: UTF-8.
        spend: Called with the work before it is done.
    """
    plain = _plain_form(text, spend, b"")
    if plain is not None:
        yield plain
        if plain.splits and (grouped := _plain_form(text, spend, b"-")) is not None:
            yield grouped


def _plain_form(text: bytes, spend: Callable[[int], None], invisible: bytes) -> PlainText | None:
    """Returns the plain form with invisible characters between digits as `invisible`."""
    plain = PlainText(text)
    changed = False
    for _ in range(_MAX_ROUNDS):
        if not _decode(plain, spend, invisible):
            break
        changed = True
    if _join(plain, spend):
        changed = True
    return plain if changed else None


def _decode(plain: PlainText, spend: Callable[[int], None], invisible: bytes) -> bool:
    """Decodes one round of encodings; returns whether something was decoded."""
    text = plain.text
    spend(len(text) // _BYTES_PER_WORK)
    token = _TOKEN
    if b"=" in text and _LOOKS_QUOTED.search(text) is not None:
        token = _TOKEN_OR_QUOTED
    parts: list[bytes] = []
    pieces: list[tuple[int, int, int, int]] = []
    at = size = 0
    for match in token.finditer(text):
        spend(_WORK)
        start, end = match[0]
        decoded = _decoded(text[start:end])
        if decoded is None:
            continue
        if not decoded and text[max(0, start - 1) : start].isdigit() and text[end : end + 1].isdigit():
            decoded, plain.splits = invisible, True
        parts += (text[at:start], decoded)
        size += start - at
        pieces.append((size, size + len(decoded), start, end))
        size += len(decoded)
        at = end
    if not pieces:
        return False
    parts.append(text[at:])
    plain.add(b"".join(parts), pieces)
    return True


def _join(plain: PlainText, spend: Callable[[int], None]) -> bool:
    """Writes runs of separators between digits as one; returns whether there are such runs."""
    text = plain.text
    parts: list[bytes] = []
    pieces: list[tuple[int, int, int, int]] = []
    at = size = 0
    for start, end in _gaps(text, spend):
        gap = text[start:end]
        if _NEGATIVE.fullmatch(gap):
            continue
        parts += (text[at:start], b"-" if b"-" in gap else b" ")
        size += start - at
        pieces.append((size, size + 1, start, end))
        size += 1
        at = end
    if not pieces:
        return False
    parts.append(text[at:])
    plain.add(b"".join(parts), pieces)
    return True


def _gaps(text: bytes, spend: Callable[[int], None]) -> Iterator[tuple[int, int]]:
    """Yields the matches of _GAP."""
    at = 0
    while (near := _MAY_BE_GAP.search(text, at)) is not None:
        spend(_WORK)
        start, at = near[0][0] + 1, near[0][1] - 1
        if _GAP.match(text, start) is not None:
            yield start, at


def _decoded(token: bytes) -> bytes | None:
    """Returns the decoded form of an encoded character; None: it is not an encoded character."""
    first = token[0]
    if first >= 0x80:
        return PLAIN_CHARACTERS[token]
    if first == 0x26:  # &
        decoded = html.unescape(token.decode())
        return None if decoded == token.decode() else decoded.encode("utf-8", "replace")
    if first == 0x5C:  # backslash
        return _unescaped(token.strip(b"\\").decode())
    codes = token.replace(b"%", b"").replace(b"=", b"")
    if not codes.strip():
        return b""  # a soft line break
    raw = bytes.fromhex(codes.decode())
    try:
        raw.decode()
    except UnicodeDecodeError:
        return b" " if raw == b"\xa0" else None  # a no-break space of ISO 8859-1
    return raw


def _unescaped(escape: str) -> bytes | None:
    """Returns the character of an escape without its backslashes; None: half of a surrogate pair."""
    if escape in {"n", "r", "t"}:
        return b"\n"
    if escape == "/":
        return b"/"
    high, _, low = escape[1:].partition("\\")
    code = int(high.strip("{}"), 16)
    if low:
        code = 0x10000 + (code - 0xD800 << 10) + int(low.lstrip("\\u"), 16) - 0xDC00
    return None if 0xD800 <= code <= 0xDFFF or code > sys.maxunicode else chr(code).encode()
