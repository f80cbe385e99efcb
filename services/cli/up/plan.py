"""The plan that `afterimage up` hands to the process that supervises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.cli.up.supervisor import Program


@dataclass(frozen=True, slots=True)
class Plan:
    """An installation to start.

    Attributes:
        programs: In start order.
        announcement: Contents of the lock file once all programs serve.
        addresses: Text about the addresses, printed then.
        after: A program that runs to its end then; its failure ends everything. None: no such program.
        hint: Text printed after it.
        scratch: A directory that is deleted at the end; None: no such directory.
    """

    programs: Sequence[Program]
    announcement: bytes
    addresses: str
    after: Program | None
    hint: str
    scratch: Path | None
