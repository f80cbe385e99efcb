"""Masking's state of a window between its chunks: the flags of nodes that are not ordinary.

Later events refer to nodes by id only. Only the snapshot or mutation that added a node shows that it is a password
field, or text inside a masked element, so the ids of such nodes are kept: a few numbers for a typical page.
Ordinary form fields are not kept: an input event is masked unless its field is known to be unmasked.
"""

from __future__ import annotations

from typing import Final

import msgspec

MAX_NODES = 16_384
"""Maximum number of remembered nodes. Beyond it, or before the first full snapshot, every node counts as masked."""


class Flag:
    """Treatment of a node: bits of a plain int, since millions of nodes are examined."""

    NONE: Final = 0
    KEEP: Final = 1
    """Text is kept, except for matches of rules, although the text around it is masked."""
    MASK: Final = 2
    """Text is masked."""
    BLOCK: Final = 4
    """Content is removed."""
    FIELD: Final = 8
    """A form field, or text that is its value."""
    REMOVE: Final = 16
    """A form field with its value removed."""
    OPEN: Final = 32
    """A form field with its value kept, except for matches of rules."""
    STYLE: Final = 64
    """Style: its content is CSS."""
    SELECT: Final = 128
    """A list of options: the selection is hidden."""
    EDITED: Final = 256
    """Part of an editable region: the visitor entered its text."""


Run = tuple[int, int, int]
"""(first id, number of ids, flags)."""


class MaskState(msgspec.Struct, array_like=True, frozen=True):
    """The nodes that are not ordinary, as sorted runs of ids. Add fields at the end only, with defaults."""

    seen: bool = False
    """Whether a full snapshot has been seen."""
    full: bool = False
    """Whether there are more than MAX_NODES."""
    runs: tuple[Run, ...] = ()


def expand(state: MaskState) -> dict[int, int]:
    """Returns the flags by id."""
    return {first + offset: flags for first, count, flags in state.runs for offset in range(count)}


def compact(nodes: dict[int, int], *, seen: bool, full: bool) -> MaskState:
    """Returns the state with these nodes."""
    if full or len(nodes) > MAX_NODES:
        return MaskState(seen, True)
    runs: list[Run] = []
    first = count = flags = 0
    for node, its in sorted(nodes.items()):
        if count and node == first + count and its == flags:
            count += 1
            continue
        if count:
            runs.append((first, count, flags))
        first, count, flags = node, 1, its
    if count:
        runs.append((first, count, flags))
    return MaskState(seen, False, tuple(runs))
