"""The recorded DOM of one window: the elements and texts of its open page, with the documents of its frames.

A tree is built of a full snapshot and changed by mutations, in the order and by the rules of rrweb's Replayer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from services.audit.behaviour.dom_nodes import DOCUMENT, ELEMENT, Add, Adds, Node, read_adds
from services.audit.behaviour.targets.additions import Additions
from services.audit.behaviour.targets.changes import (
    NONE,
    AttributeChange,
    TextChange,
    read_changes,
    read_removals,
    read_texts,
)
from services.audit.behaviour.targets.siblings import ordered
from services.audit.behaviour.targets.traits import Attributes, Traits, separate, traits_of

if TYPE_CHECKING:
    from services.audit.rrweb import Data

MAX_NODES = 30_000
"""Maximum number of nodes of a page; the pages of the sample recordings have up to 6,000."""

MAX_TEXT = 400
"""Characters of a text node that are looked at: a name has at most 80."""

LARGE_BYTES = 512 * 1024
"""Attributes are parts of the JSON that they came with, which is kept for them. Of larger JSON they are separated:
most of it is inlined styles and pictures."""

SETTLE_BYTES = 8 * 1024 * 1024
"""Memory of mutations, in bytes, at which they become part of the page's nodes and removed nodes are dropped. That
takes 4 to 8 ms."""

NODE_BYTES = 500
"""Approximate memory of a node, in bytes, with its attributes and its texts."""

KEPT_NODES = 200
"""Additions of more nodes stay decoded: they are the contents of a page, which clicks ask for."""

_ADDITION_BYTES = 110
"""Approximate memory of an added node, in bytes, beside its JSON."""

_OPEN_BYTES = 250
"""Approximate memory of an added node that is decoded, in bytes, beside that."""

_CHANGE_BYTES = 200
"""Approximate memory of a changed attribute or text, in bytes, beside its JSON."""

SKIPPED = frozenset({"head", "script", "style", "noscript", "template", "title"})
"""Elements with contents that are not shown; the `title` of an SVG is kept."""

MAX_DEPTH = 3_000
"""Maximum number of elements around a node: browsers nest less, and damaged recordings may have circles."""

_MAX_NOTED = 16
"""Changes of one element's attributes that are noted before they are applied."""

_PLAIN = re.compile(r"[\w.:-]+", re.ASCII)
"""Texts that JSON does not escape."""


class TooManyNodes(Exception):  # noqa: N818 - names the state of the page
    """The page has more than MAX_NODES nodes."""


class _Children(NamedTuple):
    """Children that were asked for, after a mutation of this number."""

    number: int
    order: list[int]
    nodes: list[Node]


class PageTree:
    """The nodes of a page by id.

    Nodes of mutations stay JSON until they are asked for: it is only noted which mutation has added a node last, and
    which ones have added children to it. Attributes and the order of children are worked out when they are asked for,
    and nodes inside of removed ones stay until the mutations are settled.

    Args:
        root: The node of a full snapshot; it becomes part of the tree.
        json_bytes: Length of its JSON, in bytes.

    Raises:
        TooManyNodes: It has too many nodes.
    """

    def __init__(self, root: Node, json_bytes: int) -> None:
        self._root = root.id
        self._snapshot_bytes = 0 if json_bytes > LARGE_BYTES else json_bytes
        """JSON that attributes are parts of."""
        self._settled: dict[int, Node] = {}
        """Nodes of the snapshot, of frames' documents, and of settled mutations."""
        self._added: dict[int, Additions] = {}
        """The mutation that added a node last. It is newer than a settled node with this id."""
        self._sources: dict[int, list[Additions]] = {}
        """The mutations that added children to a node."""
        self._changes: dict[int, list[tuple[int, bytes]]] = {}
        """Changes of attributes since they were asked for, with the number of their mutation."""
        self._texts: dict[int, tuple[int, str | None]] = {}
        """Changed texts of nodes that are not decoded, with the number of their mutation; some may be removed."""
        self._changed: set[int] = set()
        """Elements with changed attributes; some may be removed."""
        self._labels: dict[int, None] = {}
        """Ids of elements `label`; of removed ones, only those that were inside of others are still here."""
        self._labels_for: tuple[int, dict[str, list[Node]]] = -1, {}
        """The labels by the `id` that they are for, after the mutation with this number."""
        self._children: dict[int, _Children] = {}
        self._number = 0
        self._mutation_bytes = 0
        self._link(root, 0, is_large=not self._snapshot_bytes)
        self._settle_at = max(MAX_NODES, len(self)) + 1_000
        self._check_size()

    def __len__(self) -> int:
        return len(self._settled) + len(self._added)

    @property
    def size_bytes(self) -> int:
        """Approximate memory, in bytes."""
        return self._snapshot_bytes + self._mutation_bytes + NODE_BYTES * (len(self._settled) + 1)

    def node(self, node_id: int) -> Node | None:
        """Returns the node with an id; one inside of a removed node may still be here."""
        additions = self._added.get(node_id)
        if additions is None:
            return self._settled.get(node_id)
        return (additions.nodes or self._open(additions))[node_id]

    def parent_of(self, node: Node) -> Node | None:
        """Returns the node's parent: of a shadow root's children its host, of a frame's document the frame."""
        return self.node(node.parent)

    def has(self, node: Node) -> bool:
        """Returns whether a node is in the page; nodes inside of removed ones are not. So walks up from it end."""
        settled, added, at = self._settled, self._added, node.id
        for _ in range(MAX_DEPTH):
            if at == self._root:
                return True
            if at in added:
                additions = added[at]
                at = (additions.nodes or self._open(additions))[at].parent
            elif at in settled:
                at = settled[at].parent
            else:
                return False
        return False

    def traits_of(self, node: Node) -> Traits:
        """Returns the traits of a node, with its attributes as they are now."""
        found: Traits | None = node.traits
        if found is None:
            found = node.traits = traits_of(node)
        if self._changes and node.id in self._changes:
            additions = self._added.get(node.id)
            since = 0 if additions is None else additions.number
            noted = self._changes.pop(node.id)
            found = node.traits = found.changed([text for number, text in noted if number >= since])
            self._changed.add(node.id)
        return found

    def attributes_of(self, node: Node) -> Attributes:
        """Returns an element's attributes, as far as they matter; boolean ones are ""."""
        return self.traits_of(node).attributes

    def children_of(self, node: Node) -> Sequence[Node]:
        """Returns the node's children in their order."""
        if not self._number:
            return node.children
        own = node.id
        known = self._children.get(own)
        if known is not None and known.number == self._number:
            return known.nodes
        if known is not None:
            since, order = known.number, known.order
        else:
            since, order = 0, [child.id for child in self._settled[own].children] if own in self._settled else []
        if adds := self._additions_to(own, since):
            order = ordered(order, adds)
        children = [child for each in order if (child := self.node(each)) is not None and child.parent == own]
        self._children[own] = _Children(self._number, [child.id for child in children], children)
        return children

    def elements_of(self, node: Node) -> list[Node]:
        """Returns the elements among the node's children."""
        return [child for child in self.children_of(node) if child.type == ELEMENT]

    def labels_for(self, dom_id: str) -> list[Node]:
        """Returns the elements `label` of the page for an attribute `id`."""
        number, labels = self._labels_for
        if number != self._number:
            labels = {}
            for own in list(self._labels):
                node = self.node(own)
                if node is None or node.tag != "label":
                    del self._labels[own]
                elif wanted := self.attributes_of(node).get("for"):
                    labels.setdefault(wanted, []).append(node)
            self._labels_for = self._number, labels
        return [label for label in labels.get(dom_id, ()) if self.has(label)]

    def with_dom_id(self, dom_id: str) -> list[Node]:
        """Returns the elements of the page with an attribute `id`, in the order of the document."""
        candidates = self._may_have(f'"{dom_id}"'.encode() if _PLAIN.fullmatch(dom_id) else b"")
        found = {
            node.id: node
            for node in candidates
            if node.type == ELEMENT and self.attributes_of(node).get("id") == dom_id and self.has(node)
            if self.node(node.id) is node
        }
        return list(found.values()) if len(found) < 2 else sorted(found.values(), key=self._place)

    def mutate(self, data: Data, added: Adds | None = None) -> None:
        """Applies a mutation. Changes of nodes that are not known are ignored, as the Replayer does.

        Args:
            data: The mutation.
            added: Its additions, if they are decoded already.

        Raises:
            msgspec.MsgspecError: A list is not of rrweb's form.
            TooManyNodes: The page has too many nodes now.
        """
        self._number += 1
        if data.removes != NONE:
            self._remove(read_removals(data.removes))
        if added is not None:
            self._add(added)
        elif data.adds != NONE:
            self._add(read_adds(bytes(data.adds)))
        if data.texts != NONE:
            self._note_texts(read_texts(data.texts))
        if data.attributes != NONE:
            self._note(read_changes(data.attributes))

    def _remove(self, ids: Iterable[int]) -> None:
        added, settled, sources, children = self._added, self._settled, self._sources, self._children
        changes, labels = self._changes, self._labels
        for own in ids:
            if own in added:
                del added[own]
                if own in settled:
                    del settled[own]
            elif own in settled:
                del settled[own]
            else:
                continue
            if own in sources:
                del sources[own]
            if own in children:
                del children[own]
            if own in changes:
                del changes[own]
            if own in labels:
                del labels[own]

    def _add(self, adds: Adds) -> None:
        additions = Additions(adds.text, self._number)
        if adds.has_contents or len(adds.adds) > KEPT_NODES or len(adds.text) > LARGE_BYTES:
            self._keep(additions, adds.adds)
        added, sources, last = self._added, self._sources, 0
        for add in adds.adds:
            added[add.node.id] = additions
            parent = add.parent_id
            if parent != last:  # siblings are adjacent
                last = parent
                known = sources.get(parent)
                if known is None:
                    sources[parent] = [additions]
                elif known[-1] is not additions:
                    known.append(additions)
        for label in adds.labels:
            self._labels[label] = None
        if adds.has_contents:
            self._replace_documents(adds.adds)
        self._mutation_bytes += len(additions.text) + _ADDITION_BYTES * len(adds.adds)
        if self._mutation_bytes > SETTLE_BYTES or len(added) + len(self._settled) > self._settle_at:
            self._settle()

    def _keep(self, additions: Additions, adds: list[Add]) -> None:
        """Keeps additions decoded."""
        additions.adds = adds
        is_large = len(additions.text) > LARGE_BYTES
        for add in adds if is_large else [add for add in adds if add.node.children]:
            if add.node.children:
                self._replace(add.node, add.parent_id, is_large=is_large)
            else:
                separate(add.node)
        if is_large:
            additions.text = b""
        self._mutation_bytes += _OPEN_BYTES * len(adds)

    def _open(self, additions: Additions) -> dict[int, Node]:
        was_kept = additions.adds is not None
        nodes = additions.open()
        for own in self._texts.keys() & nodes.keys():
            number, text = self._texts[own]
            if number >= additions.number:
                nodes[own].text = text
        if not was_kept:
            self._mutation_bytes += _OPEN_BYTES * len(nodes)
        return nodes

    def _additions_to(self, parent_id: int, since: int) -> list[Add]:
        """Returns the additions to a node after a mutation, in their order."""
        found: list[Add] = []
        for additions in self._sources.get(parent_id, ()):
            if additions.number > since:
                if additions.nodes is None:
                    self._open(additions)
                found += additions.to(parent_id)
        return found

    def _note(self, changes: list[AttributeChange]) -> None:
        added, settled, noted_by_id, number = self._added, self._settled, self._changes, self._number
        for change in changes:
            own = change.id
            if own not in added and own not in settled:
                continue
            text = bytes(change.attributes)
            self._mutation_bytes += _CHANGE_BYTES + len(text)
            noted = noted_by_id.get(own)
            if noted is None:
                noted_by_id[own] = [(number, text)]
            else:
                noted.append((number, text))
                if len(noted) > _MAX_NOTED and (node := self.node(own)) is not None:
                    self.traits_of(node)

    def _note_texts(self, changes: list[TextChange]) -> None:
        for change in changes:
            own = change.id
            additions = self._added.get(own)
            if additions is not None and additions.nodes is None:
                self._texts[own] = self._number, change.value
                self._mutation_bytes += _CHANGE_BYTES + len(change.value or "")
            elif (node := self.node(own)) is not None:
                node.text = change.value

    def _replace_documents(self, adds: list[Add]) -> None:
        """Removes the documents that frames had before those that were added."""
        for add in adds:
            document = add.node
            frame = self.parent_of(document) if document.type == DOCUMENT else None
            if frame is not None:
                self._remove([child.id for child in self.children_of(frame) if child is not document])
                self._children.pop(frame.id, None)

    def _link(self, tree: Node, parent: int, *, is_large: bool) -> list[Node]:
        """Takes a node and those inside of it, and returns them."""
        settled = self._settled
        tree.parent = parent
        nodes = [tree]
        for node in nodes:  # it grows
            own, tag, children = node.id, node.tag, node.children
            settled[own] = node
            if tag == "label":
                self._labels[own] = None
            if children:
                if tag in SKIPPED and not node.is_svg:
                    node.children = ()
                else:
                    for child in children:
                        child.parent = own
                    nodes += children
        if is_large:
            for node in nodes:
                separate(node)
        return nodes

    def _replace(self, tree: Node, parent: int, *, is_large: bool) -> None:
        """Takes a node and those inside of it, of which some may be known."""
        for node in self._link(tree, parent, is_large=is_large):
            own = node.id
            self._added.pop(own, None)
            if known := self._children.get(own):
                self._children[own] = known._replace(order=[c.id for c in node.children], nodes=list(node.children))

    def _may_have(self, text: bytes) -> Iterator[Node]:
        """Yields the nodes with attributes that may contain a text, as JSON."""
        for node in self._settled.values():
            if text in bytes(node.raw):
                yield node
        for additions in dict.fromkeys(self._added.values()):
            if text in additions.text or not additions.text:
                nodes = additions.nodes or self._open(additions)
                yield from (node for node in nodes.values() if text in bytes(node.raw))
        for own in [*self._changes, *self._changed]:
            if (changed := self.node(own)) is not None:
                yield changed

    def _place(self, node: Node) -> list[int]:
        """Returns the positions of a node and of those around it, from the top, among their siblings."""
        place: list[int] = []
        at: Node | None = node
        while at is not None and (parent := self.parent_of(at)) is not None:
            place.append(next((number for number, child in enumerate(self.children_of(parent)) if child is at), -1))
            at = parent
        return place[::-1]

    def _settle(self) -> None:
        """Makes the nodes of the page independent of the mutations that added them, and drops all others."""
        settled: dict[int, Node] = {}
        root = self.node(self._root)
        nodes: list[Node] = [] if root is None else [root]
        for node in nodes:  # it grows
            if node.id not in settled:
                settled[node.id] = node
                nodes += self.children_of(node)
        for node in settled.values():
            node.children = tuple(self.children_of(node))
            if node.id in self._changes:
                self.traits_of(node)
            if node.id in self._added:
                separate(node)
        self._settled, self._labels = settled, {own: None for own in self._labels if own in settled}
        self._changed.intersection_update(settled)
        for noted in (self._added, self._sources, self._changes, self._texts, self._children):
            noted.clear()
        self._mutation_bytes = 0
        self._settle_at = max(MAX_NODES, len(self)) + 1_000
        self._check_size()

    def _check_size(self) -> None:
        if len(self) > MAX_NODES:
            raise TooManyNodes
