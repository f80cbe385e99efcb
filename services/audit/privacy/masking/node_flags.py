"""What masking must remember of a window between its chunks: which nodes are not ordinary.

Later events name nodes by id only. That an id is a password field, or text inside a masked element, is
known from the snapshot or mutation that brought the node, so those ids are kept: a few numbers for a usual
page. Ordinary form fields need no memory: an input event is masked unless its field is known to be kept.
"""

from __future__ import annotations

from typing import Final

import msgspec

MAX_NODES = 16_384
"""Nodes that are remembered. With more, or before the first full snapshot, every node counts as masked."""


class Flag:
    """How a node is treated: bits of a plain int, since millions are looked at."""

    NONE: Final = 0
    KEEP: Final = 1
    """Text is kept (but for rules) although text around it is masked."""
    MASK: Final = 2
    """Text is masked."""
    BLOCK: Final = 4
    """Content is removed."""
    FIELD: Final = 8
    """A form field, or text that is a form field's value."""
    REMOVE: Final = 16
    """A form field whose value is removed."""
    OPEN: Final = 32
    """A form field whose value is kept (but for rules)."""
    STYLE: Final = 64
    """Style or script: its text is no text."""
    SELECT: Final = 128
    """A list of options: which one is chosen does not show."""


Run = tuple[int, int, int]
"""(first id, how many, flags)."""


class MaskState(msgspec.Struct, array_like=True, frozen=True):
    """The nodes that are not ordinary, as runs of ids in order. Add fields at the end only, with defaults."""

    seen: bool = False
    """Whether a full snapshot has been seen."""
    full: bool = False
    """Whether there are more than MAX_NODES."""
    runs: tuple[Run, ...] = ()


def expand(state: MaskState) -> dict[int, int]:
    """Returns the flags by id."""
    return {first + offset: flags for first, count, flags in state.runs for offset in range(count)}


def compact(nodes: dict[int, int], *, seen: bool, full: bool) -> MaskState:
    """Returns the state that holds these nodes."""
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
