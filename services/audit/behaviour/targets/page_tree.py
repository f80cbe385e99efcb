"""The recorded DOM of one window: the elements and texts of its open page, with the documents of its frames.

A tree is built of a full snapshot and changed by mutations, in the order and by the rules of rrweb's Replayer.
Attributes stay JSON until they are asked for.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from services.audit.behaviour.dom_nodes import DOCUMENT, ELEMENT, Add, Node
from services.audit.rrweb import NOTHING

MAX_NODES = 30_000
"""Maximum number of nodes of a page; the pages of the sample recordings have up to 6,000."""

MAX_TEXT = 400
"""Characters of a text node that are looked at: a name has at most 80."""

MAX_VALUE = 1_000
"""Characters kept of an attribute's value."""

LARGE_BYTES = 512 * 1024
"""Attributes are parts of the JSON that they came with, which is kept for them. Of larger JSON they are separated:
most of it is inlined styles and pictures."""

_LARGE_ATTRIBUTES_BYTES = 1_024
"""Separated attributes with more JSON are reduced at once to those that are read."""

SKIPPED = frozenset({"head", "script", "style", "noscript", "template", "title"})
"""Elements with contents that are not shown; the `title` of an SVG is kept."""

_KEPT = frozenset(
    {
        *("id", "class", "name", "type", "href", "xlink:href", "role", "title", "alt", "value", "placeholder", "for"),
        *("hidden", "style", "onclick", "tabindex", "contenteditable", "multiple", "size", "list", "label", "controls"),
        *("aria-label", "aria-labelledby", "aria-hidden", "scope", "disabled", "src", "aria-multiselectable"),
    }
)
_KEPT_PREFIX = "data-"

MAX_DEPTH = 3_000
"""Maximum number of elements around a node: browsers nest less, and damaged recordings may have circles."""

_MAX_NOTED = 16
"""Changes of one element's attributes that are noted before they are applied."""


class Removal(msgspec.Struct, gc=False):
    """A removal of a mutation."""

    id: int


class TextChange(msgspec.Struct, gc=False):
    """A changed text node."""

    id: int
    value: str | None = None


class AttributeChange(msgspec.Struct, gc=False):
    """Changed attributes of an element; null: removed."""

    id: int
    attributes: msgspec.Raw = NOTHING


_removals = msgspec.json.Decoder(list[Removal])
_texts = msgspec.json.Decoder(list[TextChange])
_changes = msgspec.json.Decoder(list[AttributeChange])
_attributes = msgspec.json.Decoder(dict[str, Any])


class TooManyNodes(Exception):  # noqa: N818 - names the state of the page
    """The page has more than MAX_NODES nodes."""


class PageTree:
    """The nodes of a page by id.

    A mutation only notes its changes: the order of children and the values of attributes are worked out when they
    are asked for, and nodes inside of removed ones stay until there are many of them.

    Args:
        root: The node of a full snapshot; it becomes part of the tree.
        json_bytes: Length of its JSON, in bytes.

    Raises:
        TooManyNodes: It has too many nodes.
    """

    def __init__(self, root: Node, json_bytes: int) -> None:
        self.nodes: dict[int, Node] = {}
        self.kept_bytes = 0 if json_bytes > LARGE_BYTES else json_bytes
        """JSON that attributes are parts of."""
        self._labels: dict[int, None] = {}
        """Ids of elements `label`; of removed ones, only those that were inside of others are still here."""
        self._values: dict[int, dict[str, str]] = {}
        """Attributes that were asked for."""
        self._changes: dict[int, list[msgspec.Raw]] = {}
        """Changes of attributes since they were asked for."""
        self._added: dict[int, list[Add]] = {}
        """Additions since the children of their parent were asked for."""
        self._root = root.id
        self._link(root, 0, is_large=not self.kept_bytes)
        self._sweep_at = _next_sweep(len(self.nodes))
        self._check_size()

    def __len__(self) -> int:
        return len(self.nodes)

    def parent_of(self, node: Node) -> Node | None:
        """Returns the node's parent: of a shadow root's children its host, of a frame's document the frame."""
        return self.nodes.get(node.parent)

    def has(self, node: Node) -> bool:
        """Returns whether a node is in the page; nodes inside of removed ones are not. So walks up from it end."""
        nodes, at = self.nodes, node
        for _ in range(MAX_DEPTH):
            if at.id == self._root:
                return True
            above = nodes.get(at.parent)
            if above is None:
                return False
            at = above
        return False

    def attributes_of(self, node: Node) -> dict[str, str]:
        """Returns an element's attributes, as far as they matter; boolean ones are ""."""
        own = node.id
        found = self._values.get(own)
        if found is None:
            found = self._values[own] = _reduced(_read(node.raw))
        if self._changes and own in self._changes:
            for raw in self._changes.pop(own):
                changed = _read(raw)
                for name in changed.keys() & found.keys():
                    del found[name]
                found |= _reduced(changed)
        return found

    def children_of(self, node: Node) -> list[Node]:
        """Returns the node's children in their order."""
        nodes, own = self.nodes, node.id
        if own in self._added:
            node.children = _ordered(node.children, self._added.pop(own), nodes)
        children = node.children
        if any(nodes.get(child.id) is not child or child.parent != own for child in children):
            children = node.children = [
                child for child in children if nodes.get(child.id) is child and child.parent == own
            ]
        return children

    def elements_of(self, node: Node) -> list[Node]:
        """Returns the elements among the node's children."""
        return [child for child in self.children_of(node) if child.type == ELEMENT]

    def labels(self) -> list[Node]:
        """Returns the elements `label` of the page."""
        found: list[Node] = []
        for own in list(self._labels):
            node = self.nodes.get(own)
            if node is None or node.tag != "label":
                del self._labels[own]
            elif self.has(node):
                found.append(node)
        return found

    def mutate(self, removes: bytes, adds: list[Add], texts: bytes, attributes: bytes, *, is_large: bool) -> None:
        """Applies a mutation. Changes of nodes that are not known are ignored, as the Replayer does.

        Args:
            removes: JSON of the removals; b"": it has no removals.
            adds: The additions; their nodes become part of the tree.
            texts: JSON of the changed texts.
            attributes: JSON of the changed attributes.
            is_large: Whether the JSON of the additions is longer than LARGE_BYTES.

        Raises:
            msgspec.MsgspecError: A list is not of rrweb's form.
            TooManyNodes: The page has too many nodes now.
        """
        nodes = self.nodes
        if removes:
            for removal in _removals.decode(removes):
                if nodes.pop(removal.id, None) is not None:
                    self._forget(removal.id)
        if adds:
            self._add_all(adds, is_large=is_large)
        if texts:
            for text in _texts.decode(texts):
                if (node := nodes.get(text.id)) is not None:
                    node.text = text.value
        if attributes:
            self._note(_changes.decode(attributes))

    def _note(self, changes: list[AttributeChange]) -> None:
        for change in changes:
            if (node := self.nodes.get(change.id)) is not None:
                noted = self._changes.setdefault(change.id, [])
                noted.append(change.attributes)
                if len(noted) > _MAX_NOTED:
                    self.attributes_of(node)

    def _forget(self, node_id: int) -> None:
        for noted in (self._values, self._changes, self._added, self._labels):
            if node_id in noted:  # few are
                del noted[node_id]

    def _add_all(self, adds: list[Add], *, is_large: bool) -> None:  # noqa: C901 - runs for every added node
        nodes, added, values, changes = self.nodes, self._added, self._values, self._changes
        last: int | None = None
        siblings: list[Add] = []
        for add in adds:
            node, parent = add.node, add.parent_id
            own = node.id
            if parent != last:  # siblings are adjacent
                last = parent
                siblings = added.setdefault(parent, [])
            siblings.append(add)
            known = nodes.get(own)
            if known is not None:
                if own in values:
                    del values[own]
                if own in changes:
                    del changes[own]
            if node.children or is_large:
                self._link(node, parent, is_large=is_large)
                if node.type == DOCUMENT:
                    self._replace_document(node, parent)
                    last = None  # the frame's children are in their order now
            if known is not None and not node.children:
                node.children = known.children  # a moved node; its contents are sent after it
            node.parent = parent
            nodes[own] = node
            if node.tag == "label":
                self._labels[own] = None
        if len(nodes) > self._sweep_at:
            self._sweep()

    def _replace_document(self, document: Node, frame_id: int) -> None:
        """Removes the documents that a frame had before."""
        frame = self.nodes.get(frame_id)
        if frame is not None:
            for child in self.children_of(frame):
                if child is not document:
                    self.nodes.pop(child.id, None)

    def _link(self, tree: Node, parent: int, *, is_large: bool) -> None:
        nodes, values = self.nodes, self._values
        tree.parent = parent
        stack = [tree]
        while stack:
            node = stack.pop()
            own = node.id
            nodes[own] = node
            if node.tag == "label":
                self._labels[own] = None
            if own in values:
                del values[own]
            if is_large and node.raw is not NOTHING:
                _shorten(node)
            children = node.children
            if children:
                if node.tag in SKIPPED and not node.is_svg:
                    node.children = []
                    continue
                for child in children:
                    child.parent = own
                children.reverse()  # twice: the nodes are in the order of the document
                stack += children
                children.reverse()

    def _sweep(self) -> None:
        """Drops the nodes inside of removed ones."""
        self._keep(self._with_parents())
        if len(self.nodes) > MAX_NODES:
            # A node that was removed and came back has not got its former children back; they are still here.
            self._keep(self._reached())
        self._sweep_at = _next_sweep(len(self.nodes))
        self._check_size()

    def _keep(self, found: set[int]) -> None:
        for gone in self.nodes.keys() - found:
            del self.nodes[gone]
            self._forget(gone)
        for unknown in self._added.keys() - found:
            del self._added[unknown]

    def _reached(self) -> set[int]:
        """Returns the nodes that are children of nodes in the page: exact, and ten times as dear as `_with_parents`."""
        found: set[int] = set()
        stack = [self.nodes[self._root]] if self._root in self.nodes else []
        while stack:
            node = stack.pop()
            if node.id not in found:
                found.add(node.id)
                stack += self.children_of(node)
        return found

    def _with_parents(self) -> set[int]:
        """Returns the nodes with a parent in the page."""
        found = {self._root}
        left: list[Node] = []
        for own, node in self.nodes.items():
            if node.parent in found:  # nearly all: nodes come after their parents
                found.add(own)
            else:
                left.append(node)
        lost: set[int] = set()
        for node in left:
            self._follow(node, found, lost)
        return found

    def _follow(self, node: Node, found: set[int], lost: set[int]) -> None:
        """Adds a node, and those around it, to the nodes that are in the page, or to those that are not."""
        path: set[int] = set()
        own = node.id
        while own not in found:
            above = self.nodes.get(own)
            if above is None or own in lost or own in path:
                lost |= path
                return
            path.add(own)
            own = above.parent
        found |= path

    def _check_size(self) -> None:
        if len(self.nodes) > MAX_NODES:
            raise TooManyNodes


def _next_sweep(count: int) -> int:
    """Returns the number of nodes at which they are swept again: often enough for the limit, and not each time."""
    return max(min(2 * count, MAX_NODES), count) + 1_000


def _ordered(children: list[Node], adds: list[Add], nodes: dict[int, Node]) -> list[Node]:
    """Returns children with additions at their places, in the order in which they came; each waits for its sibling."""
    order = [child.id for child in children]
    by_id = {child.id: child for child in children}
    waiting: dict[int, list[Add]] = {}
    coming = Counter(add.node.id for add in adds)
    ready = adds[::-1]
    while ready:
        add = ready.pop()
        own, following = add.node.id, add.next_id
        if following is not None and following not in by_id and coming[following] and following != own:
            waiting.setdefault(following, []).append(add)
            continue
        coming[own] -= 1
        if own in by_id:
            order.remove(own)
        by_id[own] = nodes.get(own, add.node)
        order.insert(order.index(following) if following in by_id and following != own else len(order), own)
        if own in waiting:
            ready += reversed(waiting.pop(own))
    for left in waiting.values():  # they wait for each other
        for add in left:
            if add.node.id not in by_id:
                by_id[add.node.id] = nodes.get(add.node.id, add.node)
                order.append(add.node.id)
    return [by_id[each] for each in order]


def _shorten(node: Node) -> None:
    """Separates an element's attributes from the JSON around them, which is then free."""
    raw = node.raw
    if memoryview(raw).nbytes <= _LARGE_ATTRIBUTES_BYTES:
        node.raw = raw.copy()
    else:
        node.raw = msgspec.Raw(msgspec.json.encode(_reduced(_read(raw))))


def _read(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        return _attributes.decode(raw) if raw is not NOTHING else {}
    except msgspec.MsgspecError:
        return {}


def _reduced(attributes: dict[str, Any]) -> dict[str, str]:
    """Returns the attributes that are read, as texts."""
    found: dict[str, str] = {}
    for key, value in attributes.items():
        name = key.lower()
        if name not in _KEPT and not name.startswith(_KEPT_PREFIX):
            continue
        if isinstance(value, str):
            found[name] = value[:MAX_VALUE]
        elif value is True:
            found[name] = ""
        elif isinstance(value, int | float) and value is not False:
            found[name] = str(value)
    return found
