r"""Prefilter of the rules: finds cheap signs of a match in a string, such as digits, an at sign or a key prefix.

Selects the strings of a chunk in which any built-in rule can match: all strings with a match of a rule's `hints`
(builtin.py), but found by byte loops compiled by numba, in a tenth of the time of an automaton of all hints. Escapes
are covered: an escaped printable character (`\u0040` for @) is itself a sign. All compiled code is in this one file
(see json_tape/kernels.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from services.audit.json_tape.jit import compiled

DIGITS, DOTTED, AT, PARAMETER, ESCAPE, SECRET, LETTERED, IP_V6, TEL = 1, 2, 4, 8, 16, 32, 64, 128, 256


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
_STOPS = _marked(
    ('"', _QUOTE), ("\\", _BACKSLASH), (_NUMERALS, _DIGIT), ("@", _AT), ("%", _PERCENT), ("=", _EQUALS),
    (":", _COLON), ("_", _UNDERSCORE), ("-", _DASH), (".", _DOT), ("J", _J), ("I", _I), ("bB", _B),
)  # fmt: skip
_RESETS = _marked((_NUMERALS + _LETTERS + '".:,;{}[]%=_#', 1))
_DIGIT_BIT, _LETTER_BIT, _UPPER_BIT, _HEX_BIT = 1, 2, 4, 8
_IS = (
    _marked((_NUMERALS, _DIGIT_BIT))
    | _marked((_LETTERS, _LETTER_BIT))
    | _marked((_UPPER, _UPPER_BIT))
    | _marked((_NUMERALS + "abcdefABCDEF", _HEX_BIT))
)
_ENDS_PARAMETER = _marked((_WHITE + '"={}<>():,', 1), ("?#&;", 2))
_BEFORE_AT = _marked((_WHITE + '"{};,(/', 1))
_BEHIND_AT = _marked((_WHITE + "@,;(){}<>", 1), ('.:"', 2))


def _word(text: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(text.encode(), np.uint8)


_GITHUB, _PRIVATE_KEY, _DOP = _word("github_pat"), _word("PRIVATE KEY"), _word("dop_v1")
_WHSEC, _GLPAT, _PYPI, _XAPP = _word("whsec"), _word("glpat"), _word("pypi"), _word("xapp")
_LIVE, _TEST, _PROJ, _ANT, _SVC = _word("live_"), _word("test_"), _word("proj-"), _word("ant-"), _word("svcacct-")
_EARER, _UPPER_EARER, _ASIC, _UPPER_ASIC = _word("earer"), _word("EARER"), _word("asic"), _word("ASIC")
_DASHES, _TEL, _YA29 = _word("-----"), _word("tel"), _word("ya29")


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
    r"""Returns whether the text at an offset follows `[A-Z]{2}[ -]?` and matches `(\d{2}[ -]?){3}[A-D]`."""
    k = i - 1
    if t[k] == 0x20 or t[k] == 0x2D:
        k -= 1
    if k < 1 or not _IS[t[k]] & _UPPER_BIT or not _IS[t[k - 1]] & _UPPER_BIT:
        return False
    k = i
    for _ in range(3):
        if _run(t, k, n, _DIGIT_BIT) < 2:
            return False
        k += 2
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
        k = i + 1 if c == 0x2D else i
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
            if c == 0x75 and (t[i + 2] == 0x30 or t[i + 2] == 0x32):  # \\u0... \\u2...
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
def _follows_underscore(t, i, n):
    """Returns whether a secret's prefix ends with the underscore at an offset."""
    c = t[i - 1]
    if c == 0x6B:  # sk_live_
        return _stands(t, i + 1, n, _LIVE) or _stands(t, i + 1, n, _TEST)
    if c == 0x63:
        return _stands(t, i - 5, n, _WHSEC)
    if c == 0x31:
        return _stands(t, i - 6, n, _DOP)
    if c == 0x6D:
        return t[i - 2] == 0x70 and t[i - 3] == 0x6E  # npm_
    if c == 0x66:
        return t[i - 2] == 0x68  # hf_
    if t[i - 2] == 0x68 and t[i - 3] == 0x67:  # ghp_
        return c == 0x70 or c == 0x6F or c == 0x75 or c == 0x73 or c == 0x72
    if c == 0x74 or c == 0x61 or c == 0x73:  # shpat_
        return (t[i - 3] == 0x70 and t[i - 4] == 0x68 and t[i - 5] == 0x73) or _stands(t, i - 10, n, _GITHUB)
    return False


@compiled()
def _follows_dash(t, i, n):
    """Returns whether a secret's prefix ends with the dash at an offset."""
    c = t[i - 1]
    if c == 0x6B:  # sk-
        return t[i - 2] == 0x73 and (
            _run(t, i + 1, n, _DIGIT_BIT | _LETTER_BIT) >= 8
            or _stands(t, i + 1, n, _PROJ)
            or _stands(t, i + 1, n, _ANT)
            or _stands(t, i + 1, n, _SVC)
        )
    if c == 0x59:
        return _stands(t, i, n, _DASHES) and _stands(t, i - 11, n, _PRIVATE_KEY)
    if t[i - 2] == 0x78 and t[i - 3] == 0x6F and t[i - 4] == 0x78:  # xoxb-
        return True
    if c == 0x74:
        return _stands(t, i - 5, n, _GLPAT)
    if c == 0x69:
        return _stands(t, i - 4, n, _PYPI)
    return c == 0x70 and _stands(t, i - 4, n, _XAPP)


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
def _signs(t, i, n):
    """Returns the signs in a string; `n` is the offset of its closing quote."""
    signs = 0
    last, length, count, dotted = -1, 0, 0, False  # the previous digits
    no_at_before = 0
    while i < n:
        stop = _STOPS[t[i]]
        if stop == _DULL:
            i += 1
            continue
        if stop == _DIGIT:
            end = i + 1
            while end < n and _IS[t[end]] & _DIGIT_BIT:
                end += 1
            behind_dot = last == i - 1 and t[last] == 0x2E
            if behind_dot and dotted and length <= 4:
                signs |= DOTTED
            dotted = behind_dot
            if count and not _is_gap(t, last, i):
                count = 0
            length = end - i
            if count or _may_begin(t, i):
                count += length
                if count >= 9:
                    signs |= DIGITS
            if not signs & LETTERED and (
                ((_IS[t[i - 1]] & _UPPER_BIT or t[i - 1] == 0x20 or t[i - 1] == 0x2D) and _is_british(t, i, n))
                or (
                    (length >= 6 or (length >= 2 and end + 1 < n and _IS[t[end + 1]] & _DIGIT_BIT))
                    and _is_lettered(t, end, n, length)
                )
                or ((length >= 6 or t[end] == 0x20) and _has_french(t, i, end, n))
            ):
                signs |= LETTERED
            last = i = end
            continue
        if stop == _BACKSLASH:
            if _hides(t, i, n):
                signs |= ESCAPE
            i += 6 if i + 1 < n and t[i + 1] == 0x75 else 2
            continue
        if stop == _DASH:
            if _follows_dash(t, i, n):
                signs |= SECRET
        elif stop == _COLON:
            if _is_v6(t, i, n):
                signs |= IP_V6
            elif i + 1 < n and (t[i + 1] == 0x2B or _IS[t[i + 1]] & _DIGIT_BIT) and _stands(t, i - 3, n, _TEL):
                signs |= TEL
        elif stop == _UNDERSCORE:
            if _follows_underscore(t, i, n):
                signs |= SECRET
        elif stop == _EQUALS:
            if _is_parameter(t, i):
                signs |= PARAMETER
        elif stop == _AT or stop == _PERCENT:
            first = i + 1
            if stop == _PERCENT:
                first = i + 3 if i + 2 < n and t[i + 1] == 0x34 and t[i + 2] == 0x30 else 0
            if first > no_at_before and not _BEFORE_AT[t[i - 1]]:
                end = first
                while end < n and not _BEHIND_AT[t[end]] and not (t[end] == 0x2F and end > first):
                    end += 1
                if end > first and (_BEHIND_AT[t[end]] == 2 or t[end] == 0x2F):
                    signs |= AT
                no_at_before = end  # further at signs up to here have the same result
        elif stop == _DOT:
            if (t[i - 1] == 0x47 and t[i - 2] == 0x53) or _stands(t, i - 4, n, _YA29):
                signs |= SECRET
        elif stop == _J:
            if t[i - 1] == 0x79 and t[i - 2] == 0x65:
                signs |= SECRET
        elif stop == _I:
            if i + 1 < n and ((t[i - 1] == 0x41 and t[i + 1] == 0x7A) or (t[i - 2] == 0x41 and t[i + 1] == 0x41)):
                signs |= SECRET
        elif _is_authorization(t, i, n):
            signs |= SECRET
        i += 1
    return signs


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
        if _signs(t, strings[at, 0] + 1, strings[at, 1] - 1):
            if left < at:
                strings[left] = strings[at]
            left += 1
    return left
