"""Counts of the parts of a JSON text, and their limits, before anything is built of it.

The text may be invalid: the loops (kernels.py) accept any bytes, and are loaded with the first call.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

MAX_VALUES: Final = 2_000_000
"""Maximum number of JSON values in a chunk. A snapshot of 100,000 elements with a text each has 1,100,000; the largest
of the real recordings has 97,000 in all its events. A value costs up to 100 bytes and a microsecond."""

MAX_STRINGS: Final = 2_500_000
"""Maximum number of strings in a chunk, including keys: the same snapshot has 1,200,000."""

MAX_EVENTS: Final = 50_000
"""Maximum number of events in a chunk: 50 times the longest of the real recordings; each costs some 10 microseconds."""

MAX_ROWS: Final = 500_000
"""Maximum number of nodes, and of changes of nodes, in a chunk: the same snapshot has 200,000. Under a policy that
masks all text, each costs 5 microseconds."""


class PartCounts(NamedTuple):
    """Numbers of parts of a JSON text; of a valid one at most one too high per empty list or object."""

    values: int
    strings: int
    elements: int
    """Elements of the outermost list."""


def count_parts(text: bytes) -> PartCounts:
    """Returns the numbers of parts of a JSON text, at about 1 GB/s."""
    from services.audit.json_tape import kernels

    return PartCounts(*kernels.count(np.frombuffer(text, np.uint8)))


def without_lone_surrogates(text: bytes) -> bytes:
    r"""Returns a JSON text with each escape of half a surrogate pair replaced by `\ufffd`; the length is unchanged."""
    from services.audit.json_tape import kernels

    copy = bytearray(text)
    return bytes(copy) if kernels.replace_halves(np.frombuffer(copy, np.uint8)) else text
