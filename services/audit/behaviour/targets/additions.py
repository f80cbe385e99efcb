"""The additions of one mutation, as a page's tree keeps them: JSON, until a lookup needs one of their nodes.

A mutation adds dozens of nodes, and few of them are ever looked at: objects of all of them would push other windows
out of the processor's caches, which costs more than to decode some of them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from services.audit.behaviour.dom_nodes import Add, Node, decode_add, decode_adds

if TYPE_CHECKING:
    import numpy.typing as npt

MANY_NODES = 64
"""Number of nodes from which on they are decoded one by one."""

Texts = Mapping[int, tuple[int, str | None]]
"""Changed texts by node, with the number of their mutation."""


class Additions(msgspec.Struct, gc=False, eq=False):
    """The additions of one mutation.

    Attributes:
        text: Their JSON; b"": it is not kept.
        number: Number of the mutation within the page.
        members: Id, parent, start and end of each addition in the text; None: they are decoded together.
        adds: The decoded additions; None: they are not kept, or nothing has asked for them yet.
        nodes: The decoded nodes by id.
    """

    text: bytes
    number: int
    members: Any = None
    adds: list[Add] | None = None
    nodes: dict[int, Node] = msgspec.field(default_factory=dict)
    _parents: list[int] = []
    _read: dict[int, Add] | None = None

    def node(self, own: int, texts: Texts) -> Node:
        """Returns an added node, and keeps it."""
        found = self.nodes.get(own)
        if found is None:
            members = self._members()
            if members is None:
                return self.all(texts)[own]
            found = self._add(int(np.flatnonzero(members[:, 0] == own)[0]), texts).node
        return found

    def to(self, parent_id: int, texts: Texts) -> list[Add]:
        """Returns the additions to a parent, in their order, and keeps their nodes."""
        members = self._members()
        if members is not None:
            return [self._add(place, texts) for place in np.flatnonzero(members[:, 1] == parent_id).tolist()]
        self.all(texts)
        adds, found, at = self.adds or [], list[Add](), -1
        for _ in range(self._parents.count(parent_id)):
            at = self._parents.index(parent_id, at + 1)
            found.append(adds[at])
        return found

    def all(self, texts: Texts) -> dict[int, Node]:
        """Returns all added nodes by id, and keeps them."""
        if self._parents:
            return self.nodes
        known, self.members = self.nodes, None
        if self.adds is None:
            self.adds = decode_adds(self.text)
        self._parents = [add.parent_id for add in self.adds]
        nodes = {add.node.id: add.node for add in self.adds}
        for add in self.adds:
            add.node.parent = add.parent_id
        for own in texts.keys() & nodes.keys():
            self._change_text(nodes[own], texts)
        self.nodes = {**nodes, **known} if known else nodes
        return self.nodes

    def _members(self) -> npt.NDArray[np.int64] | None:
        """Returns the members, if their places are known."""
        members: npt.NDArray[np.int64] | None = self.members
        if members is not None and members[-1, 2] < 0:
            self.members = members = None
        return members

    def _add(self, place: int, texts: Texts) -> Add:
        if self._read is None:
            self._read = {}
        add = self._read.get(place)
        if add is None:
            _, parent, start, end = self.members[place].tolist()
            add = self._read[place] = decode_add(self.text[start:end])
            node = add.node
            node.parent = parent
            if node.id in texts:
                self._change_text(node, texts)
            self.nodes[node.id] = node
        return add

    def _change_text(self, node: Node, texts: Texts) -> None:
        number, text = texts[node.id]
        if number >= self.number:
            node.text = text
