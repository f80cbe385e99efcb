"""The sender of a chunk, by which turns, quotas and budgets are counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sender:
    """A recorder's token and its place in the network.

    Attributes:
        subject: Subject of the token, unique within its project.
        address: Address of the visitor (IPv6: the /64), as reported by a trusted sidecar; "": unknown.
    """

    subject: str = ""
    address: str = ""
