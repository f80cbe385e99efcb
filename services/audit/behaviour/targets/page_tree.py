"""The recorded DOM of one window: the elements and texts of its open page, with the documents of its frames.

A tree is built of a full snapshot and changed by mutations, in the order and by the rules of rrweb's Replayer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from services.audit.behaviour.dom_nodes import DOCUMENT, ELEMENT, Add, Adds, Node, read_adds
from services.audit.behaviour.targets.additions import MANY_NODES, Additions
from services.audit.behaviour.targets.changes import NONE, read_changes, read_removals, read_texts
from services.audit.behaviour.targets.node_records import (
    ADDITIONS,
    BYTES,
    BYTES_LIMIT,
    CHANGE,
    LABEL,
    NODES_LIMIT,
    NUMBER,
    REMOVED,
    TEXT,
    NodeRecords,
    decoded_mutation,
)
from services.audit.behaviour.targets.siblings import ordered
from services.audit.behaviour.targets.traits import Attributes, Traits, separate, traits_of

if TYPE_CHECKING:
    from services.audit.behaviour.taped_nodes import TapedNodes
    from services.audit.behaviour.targets.changes import AttributeChange, TextChange
    from services.audit.behaviour.targets.node_records import Table
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

_OPEN_BYTES = 250
"""Approximate memory of an added node that is decoded, in bytes, beside that of an added node."""

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
        self._records: NodeRecords | None = None
        """The additions that have added a node last, and those that have added children to it; None: no mutation yet. A
        node in additions is newer than a settled node with its id."""
        self._number = 0
        """Number of the last mutation."""
        self._asked: dict[int, Node] = {}
        """Nodes of mutations that were asked for since the last one."""
        self._additions: list[Additions] = []
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
        self._link(root, 0, is_large=not self._snapshot_bytes)
        if len(self) > MAX_NODES:
            raise TooManyNodes

    def __len__(self) -> int:
        return len(self._settled) if self._records is None else len(self._records)

    @property
    def size_bytes(self) -> int:
        """Approximate memory, in bytes."""
        mutations = 0 if self._records is None else self._records.state[BYTES]
        return self._snapshot_bytes + mutations + NODE_BYTES * (len(self._settled) + 1)

    def node(self, node_id: int) -> Node | None:
        """Returns the node with an id; one inside of a removed node may still be here."""
        found = self._asked.get(node_id)
        if found is not None:
            return found
        records = self._records
        if records is None or (at := records.added(node_id)) < 0:
            return self._settled.get(node_id)
        additions = self._additions[at]
        found = additions.nodes.get(node_id)
        if found is None:
            before = len(additions.nodes)
            found = additions.node(node_id, self._texts)
            records.state[BYTES] += _OPEN_BYTES * (len(additions.nodes) - before)
        self._asked[node_id] = found
        return found

    def parent_of(self, node: Node) -> Node | None:
        """Returns the node's parent: of a shadow root's children its host, of a frame's document the frame."""
        return self.node(node.parent)

    def has(self, node_id: int) -> bool:
        """Returns whether a node is in the page; nodes inside of removed ones are not. So walks up from it end."""
        own, settled, records = node_id, self._settled, self._records
        for _ in range(MAX_DEPTH):
            if own == self._root:
                return True
            parent = None if records is None else records.parent_of(own)
            if parent is None:
                at = settled.get(own) if records is None or records.added(own) < 0 else self.node(own)
                if at is None:
                    return False
                parent = at.parent
            own = parent
        return False

    def traits_of(self, node: Node) -> Traits:
        """Returns the traits of a node, with its attributes as they are now."""
        found: Traits | None = node.traits
        if found is None:
            found = node.traits = traits_of(node)
        if self._changes and node.id in self._changes:
            at = self._changing().added(node.id)
            since = 0 if at < 0 else self._additions[at].number
            noted = self._changes.pop(node.id)
            found = node.traits = found.changed([text for number, text in noted if number >= since])
            self._changed.add(node.id)
        return found

    def attributes_of(self, node: Node) -> Attributes:
        """Returns an element's attributes, as far as they matter; boolean ones are ""."""
        return self.traits_of(node).attributes

    def children_of(self, node: Node) -> Sequence[Node]:
        """Returns the node's children in their order."""
        number = self._number
        if not number:
            return node.children
        own = node.id
        known = self._children.get(own)
        if known is not None and known.number == number:
            return known.nodes
        if known is not None:
            since, order = known.number, known.order
        else:
            since, order = 0, [child.id for child in self._settled[own].children] if own in self._settled else []
        if adds := self._additions_to(own, since):
            order = ordered(order, adds)
        children = [child for each in order if (child := self.node(each)) is not None and child.parent == own]
        if self._records is not None:
            self._records.report(own)
        self._children[own] = _Children(number, [child.id for child in children], children)
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
        return [label for label in labels.get(dom_id, ()) if self.has(label.id)]

    def with_dom_id(self, dom_id: str) -> list[Node]:
        """Returns the elements of the page with an attribute `id`, in the order of the document."""
        candidates = self._may_have(f'"{dom_id}"'.encode() if _PLAIN.fullmatch(dom_id) else b"")
        found = {
            node.id: node
            for node in candidates
            if node.type == ELEMENT and self.attributes_of(node).get("id") == dom_id and self.has(node.id)
            if self.node(node.id) is node
        }
        return list(found.values()) if len(found) < 2 else sorted(found.values(), key=self._place)

    def follow(self, nodes: TapedNodes, mutations: Sequence[tuple[int, Data, Adds | None]]) -> None:
        """Applies mutations of a chunk, as far as a walk has read them from its tables; else as `mutate`.

        Args:
            nodes: The nodes of the chunk.
            mutations: Position of the event, mutation, and its additions if they are decoded already.

        Raises:
            As `mutate`.
        """
        data_at = {at: data for at, data, _ in mutations}
        at, end = mutations[0][0], mutations[-1][0] + 1
        while at < end:
            self._asked = {}
            records = self._changing()
            at, is_full, operations, members = records.note(*nodes.tables, at, end)
            self._number = records.state[NUMBER]
            if operations:
                self._carry_out(operations, members, data_at, nodes.attributes, nodes.text, nodes.tag)
            if is_full:
                self._settle()
            elif at < end:
                if at in data_at:
                    self.mutate(data_at[at], next(adds for place, _, adds in mutations if place == at))
                at += 1

    def mutate(self, data: Data, decoded: Adds | None = None) -> None:
        """Applies a mutation. Changes of nodes that are not known are ignored, as the Replayer does.

        Args:
            data: The mutation.
            decoded: Its additions, if they are decoded already; they become part of the tree.

        Raises:
            msgspec.MsgspecError: A list is not of rrweb's form.
            TooManyNodes: The page has too many nodes now.
        """
        removed = read_removals(data.removes) if data.removes != NONE else []
        adds = decoded or (read_adds(bytes(data.adds)) if data.adds != NONE else None)
        texts = read_texts(data.texts) if data.texts != NONE else []
        changes = read_changes(data.attributes) if data.attributes != NONE else []
        if adds is not None and (adds.has_contents or len(adds.text) > LARGE_BYTES):
            self._number += 1
            if removed:
                self._apply(removed, number=self._number)
            self._add_contents(adds)
            if texts or changes:
                self._apply(texts=texts, changes=changes, number=self._number)
        else:
            self._apply(removed, adds, texts, changes, number=self._number + 1)

    def _apply(
        self,
        removed: Sequence[int] = (),
        adds: Adds | None = None,
        texts: Sequence[TextChange] = (),
        changes: Sequence[AttributeChange] = (),
        kept: Additions | None = None,
        *,
        number: int,
    ) -> None:
        """Applies parts of a mutation; `kept` are its additions if their contents were taken already."""
        first = len(removed) + (0 if adds is None else len(adds.adds))
        tables = decoded_mutation(removed, adds, texts, changes)
        records = self._changing()
        records.state[NUMBER] = number - 1
        _, is_full, operations, members = records.note(*tables, 0, 1)
        self._number = number
        self._asked = {}
        self._carry_out(
            operations,
            members,
            {0: kept or Additions(b"" if adds is None else adds.text, 0)},
            lambda row: bytes(changes[row - first - len(texts)].attributes),
            lambda row: texts[row - first].value,
            lambda _: "label",
        )
        if is_full:
            self._settle()

    def _carry_out(  # noqa: C901 - one branch per operation
        self,
        operations: Sequence[Sequence[int]],
        members: Table,
        data_at: Mapping[int, Data | Additions],
        attributes: Callable[[int], bytes],
        text: Callable[[int], str | None],
        tag: Callable[[int], str],
    ) -> None:
        """Carries out the remaining operations of mutations.

        Args:
            operations: The operations, as `node_records.Operation`.
            members: The added nodes.
            data_at: The mutations by event, or their additions.
            attributes: Returns the JSON of changed attributes, by their row.
            text: Returns a changed text by its row.
            tag: Returns the tag of an element by its row.
        """
        settled, children, labels = self._settled, self._children, self._labels
        first = 0
        for kind, own, row, number in operations:
            if kind == REMOVED:
                if row & 1:
                    del settled[own]
                if own in children:
                    del children[own]
                if own in labels:
                    del labels[own]
            elif kind == ADDITIONS:
                mutation = data_at[own]
                if not isinstance(mutation, Additions):
                    part = members[first : first + row].copy() if row >= MANY_NODES else None
                    mutation = Additions(bytes(mutation.adds), 0, part)
                first += row
                mutation.number = number
                self._additions.append(mutation)
            elif kind == CHANGE:
                self._note(own, number, attributes(row))
            elif kind == TEXT:
                self._note_text(own, number, text(row))
            elif kind == LABEL and tag(row) == "label":
                labels[own] = None

    def _add_contents(self, adds: Adds) -> None:
        """Adds nodes with contents of their own, such as a frame's document, or nodes of large JSON."""
        additions = Additions(adds.text, self._number)
        is_large = len(additions.text) > LARGE_BYTES
        additions.adds = adds.adds
        for add in adds.adds if is_large else [add for add in adds.adds if add.node.children]:
            if add.node.children:
                self._replace(add.node, add.parent_id, is_large=is_large)
            else:
                separate(add.node)
        if is_large:
            adds.text = additions.text = b""
        self._apply(adds=adds, kept=additions, number=self._number)
        if adds.has_contents:
            self._replace_documents(adds.adds)

    def _additions_to(self, parent_id: int, since: int) -> list[Add]:
        """Returns the additions to a node after a mutation, in their order."""
        found: list[Add] = []
        for at in self._changing().with_children(parent_id):
            additions = self._additions[at]
            if additions.number > since:
                before = len(additions.nodes)
                found += additions.to(parent_id, self._texts)
                self._changing().state[BYTES] += _OPEN_BYTES * (len(additions.nodes) - before)
        return found

    def _note(self, own: int, number: int, text: bytes) -> None:
        """Notes a change of attributes."""
        noted = self._changes.get(own)
        if noted is None:
            self._changes[own] = [(number, text)]
        else:
            noted.append((number, text))
            if len(noted) > _MAX_NOTED and (node := self.node(own)) is not None:
                self.traits_of(node)

    def _note_text(self, own: int, number: int, value: str | None) -> None:
        """Notes a change of a text."""
        at = self._changing().added(own)
        if at >= 0:
            self._texts[own] = number, value
        node = self._settled.get(own) if at < 0 else self._additions[at].nodes.get(own)
        if node is not None:
            node.text = value

    def _replace_documents(self, adds: list[Add]) -> None:
        """Removes the documents that frames had before those that were added."""
        for add in adds:
            document = add.node
            frame = self.parent_of(document) if document.type == DOCUMENT else None
            if frame is not None:
                others = [child.id for child in self.children_of(frame) if child is not document]
                self._apply(others, number=self._number)
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
        if self._records is not None:
            self._records.settle([node.id for node in nodes])
        if is_large:
            for node in nodes:
                separate(node)
        return nodes

    def _replace(self, tree: Node, parent: int, *, is_large: bool) -> None:
        """Takes a node and those inside of it, of which some may be known."""
        nodes = self._link(tree, parent, is_large=is_large)
        self._asked = {}
        self._changing().forget_added([node.id for node in nodes])
        for node in nodes:
            own = node.id
            if known := self._children.get(own):
                self._children[own] = known._replace(order=[c.id for c in node.children], nodes=list(node.children))

    def _may_have(self, text: bytes) -> Iterator[Node]:
        """Yields the nodes with attributes that may contain a text, as JSON."""
        for node in self._settled.values():
            if text in bytes(node.raw):
                yield node
        for additions in self._additions:
            if text in additions.text or not additions.text:
                nodes = additions.all(self._texts)
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
        for additions in self._additions:
            additions.all(self._texts)
        settled: dict[int, Node] = {}
        root = self.node(self._root)
        nodes: list[Node] = [] if root is None else [root]
        for node in nodes:  # it grows
            if node.id not in settled:
                settled[node.id] = node
                nodes += self.children_of(node)
        records = self._changing()
        added = {own for own in settled if records.added(own) >= 0}
        for node in settled.values():
            node.children = tuple(self.children_of(node))
            if node.id in self._changes:
                self.traits_of(node)
            if node.id in added:
                separate(node)
        self._settled, self._labels = settled, {own: None for own in self._labels if own in settled}
        self._changed.intersection_update(settled)
        self._records, self._additions, self._asked = None, [], {}
        for noted in (self._changes, self._texts, self._children):
            noted.clear()
        if len(self) > MAX_NODES:
            raise TooManyNodes

    def _changing(self) -> NodeRecords:
        """Returns the records; begins them with the first mutation."""
        records = self._records
        if records is None:
            records = self._records = NodeRecords()
            records.settle(list(self._settled))
            for own in self._children:
                records.report(own)
            state = records.state
            state[NUMBER] = self._number
            state[BYTES_LIMIT], state[NODES_LIMIT] = SETTLE_BYTES, max(MAX_NODES, len(self)) + 1_000
        return records
