"""The additions of one mutation, as a page's tree keeps them: JSON, until a lookup needs one of their nodes.

A mutation adds dozens of nodes, and few of them are ever looked at: objects of all of them would push other windows
out of the processor's caches, which costs more than to decode some of them again.
"""

from __future__ import annotations

import msgspec

from services.audit.behaviour.dom_nodes import Add, Node, decode_adds


class Additions(msgspec.Struct, gc=False, eq=False):
    """The additions of one mutation.

    Attributes:
        text: Their JSON; b"": it is not kept.
        number: Number of the mutation within the page.
        adds: The decoded additions; None: they are not kept, or nothing has asked for them yet.
        nodes: The added nodes by id; None: nothing has asked for them yet.
    """

    text: bytes
    number: int
    adds: list[Add] | None = None
    nodes: dict[int, Node] | None = None
    _parents: list[int] = []

    def open(self) -> dict[int, Node]:
        """Returns the added nodes by id, and keeps them."""
        if self.adds is None:
            self.adds = decode_adds(self.text)
        self._parents = [add.parent_id for add in self.adds]
        self.nodes = {}
        for add in self.adds:
            node = add.node
            node.parent = add.parent_id
            self.nodes[node.id] = node
        return self.nodes

    def to(self, parent_id: int) -> list[Add]:
        """Returns the additions to a parent, in their order; the nodes were asked for before."""
        adds, found, at = self.adds or [], list[Add](), -1
        for _ in range(self._parents.count(parent_id)):
            at = self._parents.index(parent_id, at + 1)
            found.append(adds[at])
        return found
