"""Places of a long text around which rules may match: one pass for all gates, instead of one of RE2 for each.

Style sheets have hundreds of kilobytes, and digits on every line. The loops find all that matches the gates of
builtin.py, and at times more; tests compare the two. All compiled code is in this one file (see json_tape/kernels.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types

from services.audit.json_tape.jit import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGITS, GROUPS, LETTERED, IP_V4, IP_V6, MAC, MRZ, AT, TEL = range(9)
KINDS = ("digits", "groups", "lettered", "v4", "v6", "mac", "mrz", "at", "tel")
"""Names of the kinds of places, for PLACED_GATES in builtin.py."""

_FIRST_ROOM = 512
_ROW, _START, _END = range(3)
_NEAR = 192
"""Bytes between two places of a kind that are taken as one: rules match at least half as far beyond each."""

_DULL, _DIGIT, _AT, _PERCENT, _COLON, _DASH, _DOT, _LESS = range(8)


def _marked(*groups: tuple[str, int]) -> np.ndarray[Any, Any]:
    """Returns a number per byte: that of the last group that contains it, or 0."""
    marks = np.zeros(256, np.uint8)
    for characters, number in groups:
        marks[[ord(each) for each in characters]] = number
    return marks


_NUMERALS = "0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERS = _UPPER + _UPPER.lower()
_STOPS = _marked(
    (_NUMERALS, _DIGIT), ("@", _AT), ("%", _PERCENT), (":", _COLON), ("-", _DASH), (".", _DOT), ("<", _LESS)
)
_RESETS = _marked((_NUMERALS + _LETTERS + '".:,;{}[]%=_#', 1))
_SEPARATES = _marked((" \t\r\n-./_|:*~+", 1))
_ENDS_USER = _marked(("/?#@ \t\n\x0c\r\"'<>", 1))
_IN_LOCAL = _marked((_NUMERALS + _LETTERS + "._%+'-", 1))
_IN_LOCAL[0x80:] = 1
_DIGIT_BIT, _LETTER_BIT, _UPPER_BIT, _HEX_BIT = 1, 2, 4, 8
_IS = (
    _marked((_NUMERALS, _DIGIT_BIT))
    | _marked((_LETTERS, _LETTER_BIT))
    | _marked((_UPPER, _UPPER_BIT))
    | _marked((_NUMERALS + "abcdefABCDEF", _HEX_BIT))
)


@compiled()
def _all(t, i, end, n, marks, bits):
    """Returns whether all bytes of a part of the text exist and have one of some bits."""
    if i < 0 or end > n:
        return False
    while i < end:
        if not marks[t[i]] & bits:
            return False
        i += 1
    return True


@compiled()
def _none(t, i, end, marks):
    """Returns whether no byte of a part of the text has a mark."""
    while i < end:
        if marks[t[i]]:
            return False
        i += 1
    return True


@compiled()
def _has_user(t, i):
    """Returns whether `//` and a user's name stand before an offset."""
    k = i - 1
    while k >= 0 and not _ENDS_USER[t[k]]:
        k -= 1
    return 0 < k < i - 1 and t[k] == 0x2F and t[k - 1] == 0x2F


@compiled()
def _end_of_v6(t, i, n):
    """Returns the end of `[hex]:[hex]{0,4}:[hex]{0,4}:[hex]` with its first colon at an offset; 0: it is not there."""
    if i < 1 or not _IS[t[i - 1]] & _HEX_BIT:
        return 0
    k = i + 1
    for _ in range(2):
        most = k + 4
        while k < n and k < most and _IS[t[k]] & _HEX_BIT:
            k += 1
        if k >= n or t[k] != 0x3A:
            return 0
        k += 1
    return k + 1 if k < n and _IS[t[k]] & _HEX_BIT else 0


@compiled()
def _is_mac(t, i, n):
    """Returns whether `(?:[hex]{2}-){3}[hex]{2}` has its first dash at an offset."""
    return (
        i + 9 <= n
        and t[i + 3] == 0x2D
        and t[i + 6] == 0x2D
        and _all(t, i - 2, i, n, _IS, _HEX_BIT)
        and _all(t, i + 1, i + 3, n, _IS, _HEX_BIT)
        and _all(t, i + 4, i + 6, n, _IS, _HEX_BIT)
        and _all(t, i + 7, i + 9, n, _IS, _HEX_BIT)
    )


@compiled()
def _is_dotted_mac(t, i, n):
    """Returns whether `[hex]{4}.[hex]{4}.[hex]{4}` has its first dot at an offset."""
    return (
        i + 10 <= n
        and t[i + 5] == 0x2E
        and _all(t, i - 4, i, n, _IS, _HEX_BIT)
        and _all(t, i + 1, i + 5, n, _IS, _HEX_BIT)
        and _all(t, i + 6, i + 10, n, _IS, _HEX_BIT)
    )


@compiled()
def _put(state, out, count):
    """Adds the noted places, or extends the previous ones of their kinds; returns the number of filled rows."""
    for kind in range(len(state)):
        start, end = state[kind, _START], state[kind, _END]
        if start < 0:
            continue
        state[kind, _START] = -1
        row = state[kind, _ROW]
        if row >= 0 and start - _NEAR <= out[row, 2]:
            out[row, 1] = min(out[row, 1], start)
            out[row, 2] = max(out[row, 2], end)
            continue
        if count < len(out):
            out[count, 0], out[count, 1], out[count, 2] = kind, start, end
            state[kind, _ROW] = count
        count += 1
    return count


_READ_ONLY = types.Array(types.uint8, 1, "C", readonly=True)


@compiled(types.int64(_READ_ONLY, types.int64[:, ::1], types.int64[:, ::1]))
def places(t, state, out):
    """Fills `out` with (kind, start, end) of the places of gates in a text; near ones of a kind are one.

    Args:
        t: The text, in UTF-8.
        state: For each kind three times -1: the row of the last place, and the place that was found last.
        out: Receives the rows.

    Returns:
        The number of filled rows; more than `out` has: it is too small.
    """
    n = len(t)
    i = count = 0
    behind = -1  # end of the previous run of digits
    length_1 = length_2 = 0  # lengths of the previous runs
    start_1 = start_2 = 0
    dot_1 = dot_2 = separate_1 = False  # whether a dot, or a separator, stands between them
    nine = nine_start = six = six_start = 0
    while i < n:
        stop = _STOPS[t[i]]
        if stop == _DULL:
            i += 1
            continue
        if count > len(out):
            return count
        noted = False
        kind, start, end = -1, i, i + 1
        if stop == _DIGIT:
            while end < n and _IS[t[end]] & _DIGIT_BIT:
                end += 1
            length, gap = end - i, i - behind
            is_first = behind < 0
            before = np.int64(t[behind]) if not is_first and gap == 1 else 0
            is_dot = before == 0x2E
            separate = not is_first and gap <= 8 and _all(t, behind, i, n, _SEPARATES, 1)
            if is_first or not _none(t, behind, i, _RESETS):
                nine, nine_start = 0, i
            nine += length
            if not (is_dot or before == 0x20 or before == 0x2D):
                six, six_start = 0, i
            six += length
            if nine >= 9:
                state[DIGITS, _START], state[DIGITS, _END] = nine_start, end
                noted = True
            if is_dot and dot_1:
                if length_1 <= 4:
                    state[DIGITS, _START], state[DIGITS, _END] = start_1 - 2, end
                    noted = True
                if dot_2 and length_1 <= 3 and length_2 <= 3:
                    state[IP_V4, _START], state[IP_V4, _END] = start_2 - 2, i + 1
                    noted = True
            if separate and (
                (separate_1 and length >= 2 and length_1 >= 2 and length_2 >= 2) or (length >= 4 and length_1 >= 6)
            ):
                first = max(0, min(start_2 + length_2 - 2, behind - 6) if separate_1 else behind - 6)
                state[GROUPS, _START], state[GROUPS, _END] = first, min(end, i + 4)
                noted = True
            is_letter = before != 0 and _IS[before] & _LETTER_BIT != 0
            if six >= 6:
                state[LETTERED, _START], state[LETTERED, _END] = six_start, end
                noted = True
            elif is_letter and length_1 >= 2 and length == 2 and end < n and _IS[t[end]] & _LETTER_BIT:
                state[LETTERED, _START], state[LETTERED, _END] = behind - 2, end + 1
                noted = True
            is_sex = before == 0x3C or before | 0x20 == 0x6D or before | 0x20 == 0x66 or before | 0x20 == 0x78
            if length >= 7 and length_1 >= 7 and is_sex:
                state[MRZ, _START], state[MRZ, _END] = behind - 7, i + 7
                noted = True
            dot_2, dot_1, separate_1 = dot_1, is_dot, separate
            length_2, length_1, start_2, start_1 = length_1, length, start_1, i
            behind = end
            i = end - 1
        elif stop == _AT:
            if i > 0 and (_IN_LOCAL[t[i - 1]] or _has_user(t, i)):
                kind = AT
        elif stop == _PERCENT:
            if i > 0 and i + 2 < n and t[i + 1] == 0x34 and t[i + 2] == 0x30 and _IN_LOCAL[t[i - 1]]:
                kind, end = AT, i + 3
        elif stop == _COLON:
            if i > 2 and t[i - 1] == 0x6C and t[i - 2] == 0x65 and t[i - 3] == 0x74:
                state[TEL, _START], state[TEL, _END] = i - 3, i + 1
                noted = True
            behind_v6 = _end_of_v6(t, i, n)
            if behind_v6:
                kind, start, end = IP_V6, i - 1, behind_v6
        elif stop == _DASH:
            if _is_mac(t, i, n):
                kind, start, end = MAC, i - 2, i + 9
        elif stop == _DOT:
            if _is_dotted_mac(t, i, n):
                kind, start, end = MAC, i - 4, i + 10
        elif i > 0 and i + 2 < n and t[i + 1] == 0x3C and _IS[t[i - 1]] & _IS[t[i + 2]] & _UPPER_BIT:
            kind, start, end = MRZ, i - 1, i + 3
        if kind >= 0:
            state[kind, _START], state[kind, _END] = start, end
            noted = True
        if noted:
            count = _put(state, out, count)
        i += 1
    return count


class GatePlaces:
    """Finds the places of some gates.

    Args:
        kinds: The kinds of places of each gate.
        reaches: The bytes by which the rules behind each gate may match beyond a place.
    """

    def __init__(self, kinds: Sequence[Sequence[str]], reaches: Sequence[int]) -> None:
        self._gates = [
            ([KINDS.index(name) for name in names], reach) for names, reach in zip(kinds, reaches, strict=True)
        ]

    def find(self, text: bytes) -> dict[int, list[tuple[int, int]]]:
        """Returns the parts of a text in which rules may match, by gate and in order."""
        marks, room = np.frombuffer(text, np.uint8), _FIRST_ROOM
        while True:
            out = np.empty((room, 3), np.int64)
            count = places(marks, np.full((len(KINDS), 3), -1), out)
            if count <= room:
                break
            room *= 8
        by_kind: list[list[tuple[int, int]]] = [[] for _ in KINDS]
        for kind, start, end in out[:count].tolist():
            by_kind[kind].append((start, end))
        parts = {}
        for gate, (kinds, reach) in enumerate(self._gates):
            if its := [place for kind in kinds for place in by_kind[kind]]:
                parts[gate] = _around(sorted(its), reach, len(text))
        return parts


def _around(its: list[tuple[int, int]], reach: int, length: int) -> list[tuple[int, int]]:
    """Returns the parts of a text around places, without overlaps."""
    parts: list[tuple[int, int]] = []
    for start, end in its:
        first, last = max(0, start - reach), min(length, end + reach)
        if parts and first <= parts[-1][1]:
            parts[-1] = parts[-1][0], max(last, parts[-1][1])
        else:
            parts.append((first, last))
    return parts
