r"""Prefilter of the rules: finds cheap signs of a match in a string, such as digits, an at sign or a key prefix.

Selects the strings of a chunk in which any built-in rule can match: all strings with a match of a rule's `hints`
(builtin.py), but found by byte loops compiled by numba, in a tenth of the time of an automaton of all hints. Escapes
are covered: an escaped printable character (`\u0040` for @) is itself a sign. All compiled code is in this one file
(see json_tape/kernels.py).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numba import types

from services.audit.json_tape.jit import compiled


def _marked(*groups: tuple[str, int]) -> np.ndarray[Any, Any]:
    """Returns a number per byte: that of the last group that contains it, or 0."""
    marks = np.zeros(256, np.uint8)
    for characters, number in groups:
        for character in characters:
            marks[ord(character)] = number
    return marks


_NUMERALS = "0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERS = _UPPER + _UPPER.lower()
_WHITE = " \t\n\r\x0b\x0c"

_DULL, _QUOTE, _BACKSLASH, _DIGIT, _AT, _PERCENT, _EQUALS, _COLON, _UNDERSCORE, _DASH, _DOT, _J, _I, _B = range(14)
_AMPERSAND, _LESS, _WIDE = range(14, 17)
_STOPS = _marked(
    ('"', _QUOTE), ("\\", _BACKSLASH), (_NUMERALS, _DIGIT), ("@", _AT), ("%", _PERCENT), ("=", _EQUALS),
    (":", _COLON), ("_", _UNDERSCORE), ("-", _DASH), (".", _DOT), ("J", _J), ("I", _I), ("bB", _B),
    ("&", _AMPERSAND), ("<", _LESS),
)  # fmt: skip
_WIDE_DIGITS = np.zeros(0x20000 // 8, np.uint8)
"""A bit for each character beyond ASCII that is a decimal digit."""
for _digit in re.findall(r"\d", "".join(map(chr, range(0x80, 0x20000)))):
    _WIDE_DIGITS[ord(_digit) >> 3] |= 1 << (ord(_digit) & 7)
    _STOPS[_digit.encode()[0]] = _WIDE  # \xef also begins the full-width signs
_JOINTS = _marked(("&%\\ .:_", 1))
_RESETS = _marked((_NUMERALS + _LETTERS + '".:,;{}[]%=_#', 1))
_DIGIT_BIT, _LETTER_BIT, _UPPER_BIT, _HEX_BIT, _WORD_BIT = 1, 2, 4, 8, 16
_IS = (
    _marked((_NUMERALS, _DIGIT_BIT))
    | _marked((_LETTERS, _LETTER_BIT))
    | _marked((_UPPER, _UPPER_BIT))
    | _marked((_NUMERALS + "abcdefABCDEF", _HEX_BIT))
    | _marked((_NUMERALS + _LETTERS + "_-", _WORD_BIT))
)
_BUILDKITE = ("ua", "aa", "aj", "at", "ct", "pt", "rt")
_GITLAB = ("dt", "rt", "rtr", "cbt", "ptt", "ft", "imt", "agent", "oas", "wt", "soat", "ffct")
_ENDS_PARAMETER = _marked((_WHITE + '"={}<>():,', 1), ("?#&;", 2))
_BEFORE_AT = _marked((_WHITE + '"{};,(/', 1))
_BEHIND_AT = _marked((_WHITE + "@,;(){}<>", 1), ('.:"', 2))


def _word(text: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(text.encode(), np.uint8)


_LIVE, _TEST, _PROJ, _ANT, _SVC = _word("live_"), _word("test_"), _word("proj-"), _word("ant-"), _word("svcacct-")
_EARER, _UPPER_EARER, _ASIC, _UPPER_ASIC = _word("earer"), _word("EARER"), _word("asic"), _word("ASIC")
_DASHES, _TEL, _YA29, _DT0, _DAPI = _word("----"), _word("tel"), _word("ya29"), _word("dt0"), _word("dapi")
_KEY, _BLOCK = _word("KEY"), _word("BLOCK")


def _words(words: dict[str, int]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Returns a table of words by their last byte.

    First a set of bits for the bytes before each last byte, modulo 64; then the first row of each byte's words; then
    the rows: the length of a word, the number of characters of a key that must follow, and the word.
    """
    rows = sorted(words.items(), key=lambda item: item[0][-1])
    table = np.zeros((len(rows), 22), np.uint8)
    before = np.zeros(256, np.uint64)
    first = np.zeros(257, np.int64)
    for place, (word, follow) in enumerate(rows):
        table[place, :2] = len(word), follow
        table[place, 2 : 2 + len(word)] = _word(word)
        before[ord(word[-1])] |= np.uint64(1 << (ord(word[-2]) & 63))
        first[ord(word[-1]) + 1 :] = place + 1
    return before, first, table


_UNDERSCORE_BEFORE, _UNDERSCORE_FIRST, _UNDERSCORE_WORDS = _words(
    dict.fromkeys(["whsec", "dop_v1", "doo_v1", "dor_v1", "npm", "hf", "github_pat"], 0)
    | dict.fromkeys([f"gh{each}" for each in "pousr"] + [f"shp{each}" for each in ("at", "ca", "pa", "ss")], 0)
    | dict.fromkeys([f"sntry{each}" for each in "suai"] + [f"bk{each}" for each in _BUILDKITE], 8)
    | dict.fromkeys(["dckr_pat", "dckr_oat", "glsa", "glc", "pscale", "r8", "CCIPAT", "CCIPRJ", "pdl"], 8)
    | dict.fromkeys(["cfk", "cfut", "cfat", "sbp", "sb_secret", "sgp", "packagist", "shippo", "duffel"], 8)
)
_DASH_BEFORE, _DASH_FIRST, _DASH_WORDS = _words(
    dict.fromkeys(["glpat", "pypi", "xapp", "AGE-SECRET-KEY", "PuTTY-User-Key-File"], 0)
    | dict.fromkeys([f"xox{each}" for each in "abeoprs"], 0)
    | dict.fromkeys([f"gl{each}" for each in _GITLAB] + ["tskey"], 8)
)


@compiled()
def _stands(t, i, n, word):
    """Returns whether a word is at an offset."""
    if i < 0 or i + len(word) > n:
        return False
    for k in range(len(word)):
        if t[i + k] != word[k]:
            return False
    return True


@compiled()
def _run(t, i, n, bits):
    """Returns the number of consecutive bytes of a kind from an offset on, at most eight."""
    k = i
    while k < n and k < i + 8 and _IS[t[k]] & bits:
        k += 1
    return k - i


@compiled()
def _is_french(t, i, n):
    r"""Returns whether `[12] ?\d{2} ?[01]\d ?\d[\dABab] ?\d{3}` matches at a 1 or 2."""
    k = i + 1
    for place in range(9):
        if k < n and t[k] == 0x20 and place % 2 == 0 and place < 8:
            k += 1
        if k >= n:
            return False
        c = t[k]
        if place == 2:
            if c != 0x30 and c != 0x31:
                return False
        elif not _IS[c] & _DIGIT_BIT and not (place == 5 and (c | 32 == 0x61 or c | 32 == 0x62)):
            return False
        k += 1
    return True


@compiled()
def _has_french(t, i, end, n):
    """Returns whether a French number begins among the digits from `i` to `end`."""
    while i < end:
        if (t[i] == 0x31 or t[i] == 0x32) and _is_french(t, i, n):
            return True
        i += 1
    return False


@compiled()
def _is_british(t, i, n):
    r"""Returns whether the text at an offset follows `[A-Z]{2}[ -]{0,3}` and matches `(\d{2}[ -]{0,3}){3}[A-D]`."""
    k = i - 1
    for _ in range(3):
        if t[k] == 0x20 or t[k] == 0x2D:
            k -= 1
    if k < 1 or not _IS[t[k]] & _UPPER_BIT or not _IS[t[k - 1]] & _UPPER_BIT:
        return False
    k = i
    for _ in range(3):
        if _run(t, k, n, _DIGIT_BIT) < 2:
            return False
        k += 2
        for _ in range(3):
            if k < n and (t[k] == 0x20 or t[k] == 0x2D):
                k += 1
    return k < n and 0x41 <= t[k] <= 0x44


@compiled()
def _is_lettered(t, i, n, length):
    """Returns whether the digits that end before an offset may belong to a number with letters after them."""
    if i >= n:
        return False
    c = t[i]
    dash = c == 0x2D or c == 0x2B
    if length >= 7:  # Spain: a letter and no more
        k = i
        for _ in range(3):
            if k < n and (t[k] == 0x20 or t[k] == 0x2D or t[k] == 0x2E or t[k] == 0x2F):
                k += 1
        if k < n and _IS[t[k]] & _LETTER_BIT and not _IS[t[k + 1]] & (_LETTER_BIT | _DIGIT_BIT):
            return True
    letter = _IS[c] & _LETTER_BIT != 0
    if not dash and not letter:
        return False
    if length >= 6:
        if _run(t, i + 1, n, _DIGIT_BIT) >= 3 and _run(t, i + 4, n, _DIGIT_BIT | _LETTER_BIT) >= 1:  # Finland
            return True
        if letter and _run(t, i + 1, n, _LETTER_BIT) >= 5:  # Mexico
            return True
    return (  # Italy
        letter
        and _run(t, i + 1, n, _DIGIT_BIT) >= 2
        and _run(t, i + 3, n, _LETTER_BIT) >= 1
        and _run(t, i + 4, n, _DIGIT_BIT) >= 3
        and _run(t, i + 7, n, _LETTER_BIT) >= 1
    )


@compiled()
def _is_gap(t, i, end):
    """Returns whether the separator between two groups of digits may occur within one number."""
    while i < end:
        if t[i] == 0x5C and i + 2 < end:
            c = t[i + 1]
            if c == 0x74 or c == 0x6E or c == 0x72 or c == 0x2F:  # \\t \\n \\r \\/
                i += 2
                continue
            if c == 0x75:  # \\u....
                i += 6
                continue
        elif t[i] == 0x5C and i + 2 == end:
            c = t[i + 1]
            return c == 0x74 or c == 0x6E or c == 0x72 or c == 0x2F or not _RESETS[c]
        if _RESETS[t[i]]:
            return False
        i += 1
    return True


@compiled()
def _may_begin(t, i):
    """Returns whether a long number may begin at a digit; False inside a number with dots, dashes or colons."""
    before = t[i - 1]
    if before == 0x3A or before == 0x2E or before == 0x2D:
        return not _IS[t[i - 2]] & _DIGIT_BIT
    return True


@compiled()
def _is_v6(t, i, n):
    """Returns whether two more colons follow one, with hexadecimal digits around them."""
    if not _IS[t[i - 1]] & _HEX_BIT:
        return False
    k = i + 1
    for _ in range(2):
        k += min(_run(t, k, n, _HEX_BIT), 4)
        if k >= n or t[k] != 0x3A:
            return False
        k += 1
    return k < n and _IS[t[k]] & _HEX_BIT != 0


@compiled()
def _is_parameter(t, i):
    """Returns whether the equals sign at an offset follows `[?#&;]` and a name."""
    k = i - 1
    while k > 0 and not _ENDS_PARAMETER[t[k]]:
        k -= 1
    return k < i - 1 and _ENDS_PARAMETER[t[k]] == 2


@compiled()
def _ends_with(t, i, n, before, first, words):
    """Returns whether a word of a table ends before an offset, and enough characters of a key follow it."""
    c = t[i - 1]
    if before[c] >> np.uint64(t[i - 2] & 63) & np.uint64(1) == np.uint64(0):
        return False
    for row in range(first[c], first[c + 1]):
        size = np.int64(words[row, 0])
        start = i - size
        if start < 0:
            continue
        k = 0
        while k < size and t[start + k] == words[row, 2 + k]:
            k += 1
        if k == size and (words[row, 1] == 0 or _run(t, i + 1, n, _WORD_BIT) >= words[row, 1]):
            return True
    return False


@compiled()
def _follows_underscore(t, i, n):
    """Returns whether a secret's prefix ends with the underscore at an offset."""
    if t[i - 1] == 0x6B:
        if _stands(t, i + 1, n, _LIVE) or _stands(t, i + 1, n, _TEST):  # sk_live_
            return True
        # hcaik_, from its end: the quote at the string's start is no letter, so nothing before it is read.
        if _IS[t[i - 2]] & _IS[t[i - 3]] & _LETTER_BIT and t[i - 4] == 0x63 and t[i - 5] == 0x68:
            return _run(t, i + 1, n, _WORD_BIT) >= 8
    return _ends_with(t, i, n, _UNDERSCORE_BEFORE, _UNDERSCORE_FIRST, _UNDERSCORE_WORDS)


@compiled()
def _follows_dash(t, i, n):
    """Returns whether a secret's prefix ends with the dash at an offset."""
    c = t[i - 1]
    if c == 0x6B and t[i - 2] == 0x73:  # sk-
        return (
            _run(t, i + 1, n, _DIGIT_BIT | _LETTER_BIT) >= 8
            or _stands(t, i + 1, n, _PROJ)
            or _stands(t, i + 1, n, _ANT)
            or _stands(t, i + 1, n, _SVC)
        )
    if _ends_with(t, i, n, _DASH_BEFORE, _DASH_FIRST, _DASH_WORDS):
        return True
    return t[i + 1] == 0x2D and c != 0x2D and _stands(t, i, n, _DASHES) and _is_private_key(t, i)


@compiled()
def _before_space(t, i):
    """Returns the offset of the end of the text before a space, `+` or `%20` that ends at an offset."""
    c = t[i - 1]
    if c == 0x20 or c == 0x2B:
        return i - 1
    if i > 3 and c == 0x30 and t[i - 2] == 0x32 and t[i - 3] == 0x25:
        return i - 3
    return i


@compiled()
def _is_private_key(t, i):
    """Returns whether `KEY` or `KEY BLOCK` ends at an offset, or a space before it."""
    i = _before_space(t, i)
    if i > 8 and _stands(t, i - 5, i, _BLOCK):
        i = _before_space(t, i - 5)
    return _stands(t, i - 3, i, _KEY)


@compiled()
def _is_databricks(t, i):
    """Returns whether `dapi[a-f]{0,12}` ends at an offset."""
    k = i
    while k > 4 and k > i - 12 and 0x61 <= t[k - 1] <= 0x66:
        k -= 1
    return _stands(t, k - 4, i, _DAPI)


@compiled()
def _is_vault_or_dynatrace(t, i, n):
    """Returns whether `hvs.`, `hvb.`, `hvr.` or `dt0c01.` ends with the dot at an offset, and a key follows."""
    c = t[i - 1]
    vault = (c == 0x73 or c == 0x62 or c == 0x72) and t[i - 2] == 0x76 and t[i - 3] == 0x68
    dynatrace = _IS[c] & _DIGIT_BIT != 0 and i > 6 and t[i - 6] == 0x64 and _stands(t, i - 6, n, _DT0)
    return (vault or dynatrace) and _run(t, i + 1, n, _WORD_BIT) >= 8


@compiled()
def _is_mac(t, i, n):
    """Returns whether two pairs of hexadecimal digits, joined by a dash, follow the one after a pair."""
    return (
        i + 9 <= n
        and t[i + 3] == 0x2D
        and t[i + 6] == 0x2D
        and _run(t, i - 2, i, _HEX_BIT) == 2
        and _run(t, i + 1, n, _HEX_BIT) >= 2
        and _run(t, i + 4, n, _HEX_BIT) >= 2
        and _run(t, i + 7, n, _HEX_BIT) >= 2
    )


@compiled()
def _is_dotted_mac(t, i, n):
    """Returns whether a dot stands between fours of hexadecimal digits, of which a third follows."""
    return (
        i + 10 <= n
        and t[i + 5] == 0x2E
        and i > 4
        and _run(t, i - 4, i, _HEX_BIT) == 4
        and _run(t, i + 1, n, _HEX_BIT) >= 4
        and _run(t, i + 6, n, _HEX_BIT) >= 4
    )


@compiled()
def _code_at(t, i, n):
    """Returns the code of the three-byte or four-byte or two-byte character at an offset; 0 if it is cut off."""
    c = np.int64(t[i])
    if c < 0xE0:
        return (c & 31) << 6 | (t[i + 1] & 63) if i + 1 < n else 0
    if c < 0xF0:
        return (c & 15) << 12 | (t[i + 1] & 63) << 6 | (t[i + 2] & 63) if i + 2 < n else 0
    if i + 3 >= n:
        return 0
    return (c & 7) << 18 | (t[i + 1] & 63) << 12 | (t[i + 2] & 63) << 6 | (t[i + 3] & 63)


@compiled()
def _is_wide_digit(code):
    return code < 0x20000 and _WIDE_DIGITS[code >> 3] >> (code & 7) & 1 != 0


@compiled()
def _escaped_code(t, i, n):
    r"""Returns the code of the `\u....` escape at an offset; 0: none."""
    if i + 6 > n or _run(t, i + 2, i + 6, _HEX_BIT) < 4:
        return 0
    code = 0
    for k in range(i + 2, i + 6):
        c = np.int64(t[k])
        code = code << 4 | (c - 0x30 if c < 0x40 else (c | 32) - 0x57)
    return code


@compiled()
def _joint(t, i, end):
    """Returns the kind of separator between groups of digits for which _is_gap is False; 0: none that counts."""
    c = t[i]
    if c == 0x26:  # &nbsp;
        if not 4 <= end - i <= 10 or t[end - 1] != 0x3B:
            return 0
        return 0x26 if _run(t, i + 1, end - 1, _LETTER_BIT) == end - i - 2 else 0
    if c == 0x25:  # %20
        for k in range(i, end):
            c = t[k]
            if c != 0x25 and not _IS[c] & _HEX_BIT and c != 0x20 and not 0x2B <= c <= 0x2F:
                return 0
        return 0x25
    if c == 0x5C:  # a line feed in JSON within JSON
        is_line = end - i == 3 and t[i + 1] == 0x5C and (t[i + 2] == 0x6E or t[i + 2] == 0x72 or t[i + 2] == 0x74)
        return 0x5C if is_line else 0
    while i < end and t[i] == 0x20:
        i += 1
    while end > i and t[end - 1] == 0x20:
        end -= 1
    if end - i == 1 and (t[i] == 0x2E or t[i] == 0x3A or t[i] == 0x5F):
        return np.int64(t[i])
    return 0


_ENTITIES = ["commat", "period", "plus", "colon", "hyphen", "dash", "lowbar", "sol", "num", "percnt"]
_ENTITY_BEFORE, _ENTITY_FIRST, _ENTITY_WORDS = _words(dict.fromkeys(_ENTITIES, 0))


@compiled()
def _is_entity(t, i, n):
    """Returns whether the ampersand at an offset begins a character that may hide something."""
    k = i + 1
    if k < n and t[k] == 0x23:
        return k + 1 < n and (_IS[t[k + 1]] & _DIGIT_BIT != 0 or t[k + 1] | 32 == 0x78)
    if _stands(t, i, n, _LESS_LESS):
        return True
    k += _run(t, k, n, _LETTER_BIT)
    return (
        k < n
        and t[k] == 0x3B
        and t[k - 1] != 0x26
        and _ends_with(t, k, n, _ENTITY_BEFORE, _ENTITY_FIRST, _ENTITY_WORDS)
    )


_LESS_LESS = _word("&lt;&lt;")


@compiled()
def _is_percent_encoded(t, i, n):
    """Returns whether the percent sign at an offset hides a digit, a percent sign, or a sign between digits."""
    if i + 2 >= n:
        return False
    c, d = t[i + 1], t[i + 2]
    if c == 0x33:
        if _IS[d] & _DIGIT_BIT:
            return True
        if d | 32 == 0x61:
            k = i + 3 + min(_run(t, i + 3, n, _HEX_BIT), 4)
            return k > i + 3 and k + 2 < n and t[k] == 0x25 and t[k + 1] == 0x33 and t[k + 2] | 32 == 0x61
        return False
    if c == 0x32:
        if d == 0x35:
            return _run(t, i + 3, n, _HEX_BIT) >= 2
        if d | 32 == 0x65:
            return _IS[t[i - 1]] & _DIGIT_BIT != 0 and i + 3 < n and _IS[t[i + 3]] & _DIGIT_BIT != 0
    return False


@compiled()
def _is_quoted_printable(t, i, n):
    """Returns whether the equals sign at an offset looks like one of quoted-printable, after a letter or digit."""
    if not _IS[t[i - 1]] & (_DIGIT_BIT | _LETTER_BIT) or i + 2 >= n:
        return False
    c, d = t[i + 1], t[i + 2]
    if c == 0x5C:
        return d == 0x6E or (d == 0x72 and i + 4 < n and t[i + 3] == 0x5C and t[i + 4] == 0x6E)
    if c == 0x34 and d == 0x30:
        return i + 3 < n and _IS[t[i + 3]] & _LETTER_BIT != 0
    if not _IS[t[i - 1]] & _DIGIT_BIT:
        return False
    if c == 0x32:
        return d == 0x30 or d == 0x42 or 0x44 <= d <= 0x46
    if c == 0x30:
        return d == 0x39 or d == 0x41 or d == 0x44
    return (c == 0x41 and d == 0x30) or (d == 0x32 and (c == 0x43 or c == 0x45))


@compiled()
def _is_authorization(t, i, n):
    """Returns whether `bearer` or `basic` is at an offset, followed by a separator before the token."""
    if _stands(t, i + 1, n, _EARER) or _stands(t, i + 1, n, _UPPER_EARER):
        k = i + 6
    elif _stands(t, i + 1, n, _ASIC) or _stands(t, i + 1, n, _UPPER_ASIC):
        k = i + 5
    else:
        return False
    return k < n and (t[k] == 0x20 or t[k] == 0x25 or t[k] == 0x2B or t[k] == 0x5C)


@compiled()
def _hides(t, i, n):
    r"""Returns whether the backslash at an offset begins `\u00` with the code of a printable ASCII character."""
    return i + 4 < n and t[i + 1] == 0x75 and t[i + 2] == 0x30 and t[i + 3] == 0x30 and 0x32 <= t[i + 4] <= 0x37


@compiled()
def _has_sign(t, i, n):
    """Returns whether a string has a sign; `n` is the offset of its closing quote."""
    last, length, count, dotted = -1, 0, 0, False  # the previous digits
    joint, group, group_end, group_before, wide = 0, 0, 0, 0, 0  # the previous groups, for _joint
    no_at_before = 0
    while i < n:
        stop = _STOPS[t[i]]
        while stop == _DULL:
            i += 1
            stop = _STOPS[t[i]]
        if i >= n:
            break
        if stop == _DIGIT:
            end = i + 1
            while end < n and _IS[t[end]] & _DIGIT_BIT:
                end += 1
            behind_dot = last == i - 1 and t[last] == 0x2E
            if behind_dot and dotted and length <= 4:
                return True
            dotted = behind_dot
            if count and not _is_gap(t, last, i):
                count = 0
            length = end - i
            if count or _may_begin(t, i):
                count += length
                if count >= 9:
                    return True
            if length == 1:
                if t[i - 1] != 0x25 and t[i - 2] != 0x25:  # not of an escape
                    group_end = 0
            else:
                c = t[i - 1]
                skipped = 0  # digits of an escape
                if c == 0x25:
                    skipped = 2
                elif t[i - 2] == 0x25 and _IS[c] & _HEX_BIT:
                    skipped = 1
                if length > skipped:
                    near = group_end and i - group_end <= 16 and _JOINTS[t[group_end]]
                    kind = _joint(t, group_end, i + skipped) if near else 0
                    size = length - skipped
                    same = kind == joint and group >= 2 and group_before >= 2 and size >= 3
                    two = kind != 0x2E and kind != 0x3A and kind != 0x5F and group >= 4 and size >= 4
                    if kind and (same or two):
                        return True
                    joint, group_before, group, group_end = kind, group, size, end
            if length >= 7 and end + 8 <= n:
                c = t[end] | 32
                if (c == 0x6D or c == 0x66 or c == 0x78 or c == 0x3C) and _run(t, end + 1, n, _DIGIT_BIT) >= 7:
                    return True
            if (t[i - 1] == 0x69 or 0x61 <= t[i - 1] <= 0x66) and _is_databricks(t, i):
                return True
            if (length >= 2 or t[end] == 0x20) and (
                ((_IS[t[i - 1]] & _UPPER_BIT or t[i - 1] == 0x20 or t[i - 1] == 0x2D) and _is_british(t, i, n))
                or (
                    (length >= 6 or (length >= 2 and end + 1 < n and _IS[t[end + 1]] & _DIGIT_BIT))
                    and _is_lettered(t, end, n, length)
                )
                or ((length >= 6 or t[end] == 0x20) and _has_french(t, i, end, n))
            ):
                return True
            last = i = end
            continue
        if stop == _BACKSLASH:
            if _hides(t, i, n):
                return True
            if i + 2 < n and t[i + 1] == 0x5C:
                if (t[i + 2] == 0x75 and i + 3 < n and (_IS[t[i + 3]] & _HEX_BIT or t[i + 3] == 0x7B)) or (
                    t[i + 2] == 0x78 and _run(t, i + 3, n, _HEX_BIT) >= 2
                ):
                    return True
            elif i + 1 < n and t[i + 1] == 0x75:
                code = _escaped_code(t, i, n)
                if _is_wide_digit(code) or code == 0xD835 or code == 0xFF20 or code == 0xFE6B:
                    return True
            i += 6 if i + 1 < n and t[i + 1] == 0x75 else 2
            continue
        if stop == _DASH:
            if _follows_dash(t, i, n):
                return True
            if _is_mac(t, i, n):
                return True
        elif stop == _COLON:
            if _is_v6(t, i, n) or (
                i + 1 < n and (t[i + 1] == 0x2B or _IS[t[i + 1]] & _DIGIT_BIT) and _stands(t, i - 3, n, _TEL)
            ):
                return True
        elif stop == _UNDERSCORE:
            if _follows_underscore(t, i, n):
                return True
        elif stop == _EQUALS:
            if _is_parameter(t, i):
                return True
            if _is_quoted_printable(t, i, n):
                return True
        elif stop == _AT or stop == _PERCENT:
            first = i + 1
            if stop == _PERCENT:
                if _is_percent_encoded(t, i, n):
                    return True
                first = i + 3 if i + 2 < n and t[i + 1] == 0x34 and t[i + 2] == 0x30 else 0
            if first > no_at_before and not _BEFORE_AT[t[i - 1]]:
                end = first
                while end < n and not _BEHIND_AT[t[end]] and not (t[end] == 0x2F and end > first):
                    end += 1
                if end > first and (_BEHIND_AT[t[end]] == 2 or t[end] == 0x2F):
                    return True
                no_at_before = end  # further at signs up to here have the same result
        elif stop == _DOT:
            c = t[i - 1]
            if (c == 0x47 and t[i - 2] == 0x53) or _stands(t, i - 4, n, _YA29) or _is_vault_or_dynatrace(t, i, n):
                return True
            if _is_dotted_mac(t, i, n):
                return True
        elif stop == _AMPERSAND:
            if _is_entity(t, i, n):
                return True
        elif stop == _LESS:
            if t[i + 1] == 0x3C and _IS[t[i - 1]] & _UPPER_BIT and _IS[t[i + 2]] & _UPPER_BIT:
                return True
        elif stop == _WIDE:
            code = _code_at(t, i, n)
            if _is_wide_digit(code):
                wide += 1
                if wide >= 4:
                    return True
            elif code == 0xFF20 or code == 0xFE6B:
                return True
        elif stop == _J:
            if t[i - 1] == 0x79 and t[i - 2] == 0x65:
                return True
        elif stop == _I:
            if i + 1 < n and ((t[i - 1] == 0x41 and t[i + 1] == 0x7A) or (t[i - 2] == 0x41 and t[i + 1] == 0x41)):
                return True
        elif _is_authorization(t, i, n):
            return True
        i += 1
    return False


@compiled(types.int64(types.Array(types.uint8, 1, "C", readonly=True), types.int64[:, ::1], types.int64))
def sift(t, strings, count):
    """Moves the strings that rules may match to the front.

    Args:
        t: The JSON text.
        strings: Rows that begin with the offset of a string's first quote and the offset after its last.
        count: Number of rows.

    Returns:
        The number of remaining rows.
    """
    left = 0
    for at in range(count):
        if _has_sign(t, strings[at, 0] + 1, strings[at, 1] - 1):
            if left < at:
                strings[left] = strings[at]
            left += 1
    return left
