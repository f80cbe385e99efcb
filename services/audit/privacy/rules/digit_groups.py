"""Groups of digits with one separator throughout, whichever it is: `4111.1111.1111.1111`, `078 / 05 / 1120`.

Spaces and dashes in the usual places are part of each rule's own pattern. Any other separator counts only if it stands
between all groups, the groups have the lengths in which such numbers are written, and no further group follows it:
versions, dates, coordinates and paths are groups of digits, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SEPARATOR = r"[ \t\r\n\-./_|:*~+]{1,8}"
"""RE2 pattern of a separator between groups of digits."""

_GROUP = re.compile(r"[0-9A-Za-z]+")
REACH = 16
"""Bytes on each side of a number that are searched for a further group."""

_OPEN = frozenset(" -+*~|")
"""Separators that also stand between a number and the words around it."""


def joined(*groups: str) -> str:
    """Returns the pattern of groups with separators between them."""
    return SEPARATOR.join(groups)


def same_separator(candidate: str) -> str:
    """Returns the separator between all groups of a candidate; "": different ones. White space counts as one space."""
    kinds = {_kind(gap) for gap in _GROUP.split(candidate)[1:-1]}
    return kinds.pop() if len(kinds) == 1 else ""


def grouped(
    is_valid: Callable[[str], bool], *, refused: str = "", sized: str = ""
) -> Callable[[str], Iterable[tuple[int, int]]]:
    """Returns the check of a candidate that consists of groups of digits.

    Args:
        is_valid: Returns whether the digits without separators are such a number.
        refused: Separators that do not count, as characters.
        sized: A separator that the groups are joined with before the check; "": none.
    """

    def check(candidate: str) -> Iterable[tuple[int, int]]:
        separator = same_separator(candidate)
        groups = _GROUP.findall(candidate)
        if not separator or separator in refused or (separator == "." and len(groups) == 2):
            return ()  # two groups with a dot between them are a decimal number
        return ((0, len(candidate)),) if is_valid(sized.join(groups)) else ()

    return check


def continues(around: bytes, before: int, length: int) -> bool:
    """Returns whether a further group, after the same separator, precedes or follows a number.

    Around dots, slashes and the like a letter, or the separator itself before the number, is enough: the number is part
    of a longer name.

    Args:
        around: The number in UTF-8, with at least REACH bytes of the text on each side.
        before: Offset of the number.
        length: Its length.
    """
    text = around.decode("latin-1")  # one character a byte: others than ASCII only have to be different
    number = text[before : before + length]
    separator = same_separator(number)
    if separator in _OPEN:
        ahead = re.search(r"[0-9]([^0-9A-Za-z]+)\Z", text[:before])
        after = re.match(r"([^0-9A-Za-z]+)[0-9]", text[before + length :])
    else:
        ahead = re.search(r"([^0-9A-Za-z\s]+)\Z", text[:before])
        after = re.match(r"([^0-9A-Za-z\s]+)[0-9A-Za-z]", text[before + length :])
    return any(gap is not None and _kind(gap[1]) == separator for gap in (ahead, after))


def _kind(gap: str) -> str:
    r"""Returns the kind of a gap: " " for white space, the character that it has besides, or "\0" for several."""
    rest = set("".join(gap.split()))
    return " " if not rest else rest.pop() if len(rest) == 1 else "\0"
