"""Counts of the masked values of a chunk, and the remaining work that the chunk may cause."""

from __future__ import annotations

from typing import Final

from services.audit.payload import BadPayload, Fault

MAX_WORK: Final = 3_000_000
"""Maximum work for the masking of a chunk, in units of about a microsecond of one core. The largest of the real
recordings (2 MB) costs 120,000 in one chunk, and 380,000 under the strict preset, which also reads style sheets.
Counted, not measured: the same chunk is accepted or rejected on every server."""

VALUE_WORK: Final = 1
"""Work for a value that is decoded."""

NODE_WORK: Final = 5
"""Work for a node, or a change of a node, that is examined."""

KEY_WORK: Final = 15
"""Work for a key of a payload, which is searched for denied words and for matches of rules."""

LISTED_WORK: Final = 15
"""Work for a string outside payloads that rules may match: its context, and a digest for the cache."""

ATTRIBUTES_WORK: Final = 15
"""Work for the attributes of an element with values that are replaced."""

STRING_WORK: Final = 8
"""Work for a string of a payload that is searched for matches of rules, or decoded as JSON."""

BYTES_PER_WORK: Final = 16
"""Bytes of text that are searched in a unit of work."""

GATE_WORK: Final = 3
"""Work for a place in a long text around which rules are searched."""

MATCH_WORK: Final = 10
"""Work for a candidate of a rule in a string: counted and replaced. To verify it takes one more for each byte."""


class Counts(dict[tuple[str, str], int]):
    """Number of matches by (rule, field class).

    Attributes:
        work: Remaining work, in the units of MAX_WORK.
    """

    __slots__ = ("work",)

    def __init__(self, work: int | None = None) -> None:
        super().__init__()
        self.work = MAX_WORK if work is None else work

    def spend(self, work: int) -> None:
        """Takes work off the remaining work; called before the work is done.

        Raises:
            BadPayload: If less is left.
        """
        self.work -= work
        if self.work < 0:
            raise BadPayload(
                Fault.TOO_LARGE,
                f"payload: has more to check for personal data than {MAX_WORK:,} units of work allow; "
                "send smaller chunks",
            )
