"""The names known to a walk: a perfect hash table that identifies a key with one lookup."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

STRUCTURE: Final = {
    name: number
    for number, name in enumerate(
        (
            *("type", "data", "source", "id", "node", "adds", "removes", "texts", "attributes", "parentId", "tagName"),
            *("textContent", "childNodes", "value", "text", "plugin", "payload"),
            *("nextId", "rootId", "isSVG", "isShadow"),
        ),
        1,
    )
}
"""rrweb's names of the parts that a walk examines, with their numbers."""

CLICK_TAGS: Final = ("button", "summary", "a", "area", "input")
"""Tags of elements that may promise a response to a click."""

CLICK_ATTRIBUTES: Final = ("role", "onclick")
"""Attributes by which any element may promise one."""

LABEL_TAG: Final = "label"

COMMON: Final = (
    *("timestamp", "delay", "nextId", "previousId", "isStyle", "isSVG", "isShadow", "isShadowHost", "isCustom"),
    *("rootId", "compatMode", "name", "initialOffset", "top", "left", "href", "width", "height", "x", "y", "positions"),
    *("timeOffset", "pointerType", "currentTime", "userTriggered", "isChecked", "isAttachIframe", "tag", "index"),
    *("rule", "style", "styleId", "styles", "set", "remove", "property", "priority", "class", "title", "alt", "src"),
)
"""Other names common in recordings: not listed as strings, since they are known to have no personal data."""


class NameBit:
    """Properties of a name: bits above its number."""

    QUIET: Final = 256
    """As an attribute: its value is not listed as a string."""
    WATCHED: Final = 512
    """As an attribute: changes of it are relevant."""
    ASKED: Final = 1024
    """As an attribute: a selector uses it."""
    CLASS: Final = 2048
    TAG: Final = 4096
    """As a tag: the element is relevant."""
    ASKED_TAG: Final = 8192
    """As a tag: a selector uses it."""
    COMMON: Final = 16384
    FIELD: Final = 32768
    """As an attribute: the element may hold a value that a visitor entered."""
    KIND: Final = 65536
    """As an attribute: the element may be such a field if its value begins with one of the given words."""
    INLINE: Final = 131072
    """As a tag: the element's text and the text around it are read as one."""
    CLICK: Final = 262144
    """As a tag or an attribute: the element may promise a response to a click."""
    LABEL: Final = 524288
    """As a tag: the element labels a field."""


_WORDS, _WORD_BYTES = 3, 8
_WIDTH = 6
_SIGN = 1 << 63


def table(names: Mapping[str, int], *, folds: bool = False) -> npt.NDArray[np.int64]:
    """Returns the table of names for `kernels.find_name`.

    Args:
        names: Number and bits of each name; must not be 0. Names longer than 24 bytes with equal length and equal
            first 24 bytes are not distinguished, so they should have the same meaning.
        folds: Whether upper case matches too; other characters may then match as well.
    """
    packed: dict[tuple[int, ...], int] = {}
    for name, value in names.items():
        key = _packed(name.encode(), folds=folds)
        packed[key] = packed.get(key, 0) | value
    return _searched(tuple(packed.items()))


@cache
def _searched(names: tuple[tuple[tuple[int, ...], int], ...]) -> npt.NDArray[np.int64]:
    """Returns the table of packed names. Finding its factors takes milliseconds, and most policies ask for the same."""
    packed = dict(names)
    size, chance = 16, random.Random(0)
    while size < 8 * len(packed):
        size *= 2
    while True:
        for _ in range(100):
            factors = [chance.randrange(1, 2**31, 2) for _ in range(2 * _WORDS)]
            slots = {_slot(key, factors, size): key for key in packed}
            if len(slots) == len(packed):
                found = np.zeros((size + 1, _WIDTH), np.int64)
                found[0] = factors
                for slot, key in slots.items():
                    found[slot + 1] = *key, packed[key], 0
                return found
        size *= 2


def _packed(name: bytes, *, folds: bool) -> tuple[int, ...]:
    read = [byte | 32 if folds else byte for byte in name]
    words = [0] * _WORDS
    for place, byte in enumerate(read[: _WORDS * _WORD_BYTES]):
        words[place // _WORD_BYTES] = words[place // _WORD_BYTES] << 8 | byte
    # Signed 64-bit numbers, as in the compiled reader.
    return *((word ^ _SIGN) - _SIGN for word in words), len(read)


def _slot(key: tuple[int, ...], factors: list[int], size: int) -> int:
    """Returns the slot of a name: each 4-byte half is multiplied by its own factor, as in `find_name`."""
    halves = [half for word in key[:_WORDS] for half in (word & 0xFFFFFFFF, word >> 32)]
    mixed = key[_WORDS] << 20
    for half, factor in zip(halves, factors, strict=True):
        mixed ^= half * factor
    return mixed >> 20 & size - 1
