"""The recorded DOM of one window: the elements and texts of its open page, with the documents of its frames.

A tree is built of a full snapshot and changed by mutations, in the order and by the rules of rrweb's Replayer.
Attributes stay JSON until they are asked for: a click looks at a few dozen of thousands of elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from services.audit.rrweb import NOTHING

MAX_NODES = 50_000
"""Maximum number of nodes of a page; the pages of the sample recordings have up to 6,000."""

MAX_TEXT = 400
"""Characters kept of a text node: a name has at most 80."""

MAX_VALUE = 1_000
"""Characters kept of an attribute's value."""

_LARGE_ATTRIBUTES_BYTES = 1_024
"""Attributes with more JSON are reduced at once to those that are read: inlined pictures and styles take most."""

_SKIPPED = frozenset({"head", "script", "style", "noscript", "template", "title"})
"""Elements whose contents are not shown; the `title` of an SVG is kept."""

_KEPT = frozenset(
    {
        *("id", "class", "name", "type", "href", "xlink:href", "role", "title", "alt", "value", "placeholder", "for"),
        *("hidden", "style", "onclick", "tabindex", "contenteditable", "multiple", "size", "list", "label", "controls"),
        *("aria-label", "aria-labelledby", "aria-hidden", "scope", "disabled", "src", "aria-multiselectable"),
    }
)
_KEPT_PREFIX = "data-"


class Node(msgspec.Struct, gc=False):
    """A node of the tree, as rrweb serialises it. `parent` is the id of its parent; 0: none."""

    id: int = 0
    type: int = 0
    tag: str = msgspec.field(default="", name="tagName")
    raw: msgspec.Raw = msgspec.field(default=NOTHING, name="attributes")
    children: list[Node] = msgspec.field(default=[], name="childNodes")
    text: str | None = msgspec.field(default=None, name="textContent")
    is_shadow: bool | None = msgspec.field(default=None, name="isShadow")
    is_svg: bool | None = msgspec.field(default=None, name="isSVG")
    parent: int = msgspec.field(default=0, name="afterimage.parent")  # set below, never read from JSON


class Add(msgspec.Struct, gc=False):
    """An addition of a mutation; `next_id` is the sibling after it."""

    parent_id: int = msgspec.field(name="parentId")
    node: Node
    next_id: int | None = msgspec.field(default=None, name="nextId")


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
    attributes: dict[str, Any] = {}


_tree = msgspec.json.Decoder(Node)
_adds = msgspec.json.Decoder(list[Add])
_removals = msgspec.json.Decoder(list[Removal])
_texts = msgspec.json.Decoder(list[TextChange])
_changes = msgspec.json.Decoder(list[AttributeChange])
_attributes = msgspec.json.Decoder(dict[str, Any])

DOCUMENT, ELEMENT, TEXT, CDATA = 0, 2, 3, 4
"""rrweb's NodeType (packages/types/src/index.ts)."""


class TooManyNodes(Exception):  # noqa: N818 - names the state of the page
    """The page has more than MAX_NODES nodes."""


class PageTree:
    """The nodes of a page by id.

    Args:
        snapshot: JSON of a full snapshot's node.

    Raises:
        msgspec.MsgspecError: It is not such a node.
        RecursionError: It is nested too deep.
        TooManyNodes: It has too many nodes.
    """

    def __init__(self, snapshot: bytes) -> None:
        self.nodes: dict[int, Node] = {}
        self._values: dict[int, dict[str, str]] = {}
        """Attributes that were asked for, or have changed."""
        self._link(_tree.decode(snapshot), 0)

    def __len__(self) -> int:
        return len(self.nodes)

    def parent_of(self, node: Node) -> Node | None:
        """Returns the node's parent: of a shadow root's children its host, of a frame's document the frame."""
        return self.nodes.get(node.parent)

    def attributes_of(self, node: Node) -> dict[str, str]:
        """Returns an element's attributes, as far as they matter; boolean ones are ""."""
        found = self._values.get(node.id)
        if found is None:
            try:
                found = _reduced(_attributes.decode(node.raw)) if node.raw is not NOTHING else {}
            except msgspec.MsgspecError:
                found = {}
            self._values[node.id] = found
        return found

    def elements(self, children: list[Node]) -> Iterator[Node]:
        """Yields the elements among nodes."""
        return (child for child in children if child.type == ELEMENT)

    def mutate(self, removes: bytes, adds: bytes, texts: bytes, attributes: bytes) -> None:
        """Applies a mutation, given as the JSON of its lists; b"": an empty one.

        Changes of nodes that are not known are ignored, as the Replayer does.

        Raises:
            msgspec.MsgspecError: A list is not of rrweb's form.
            RecursionError: It is nested too deep.
            TooManyNodes: The page has too many nodes now.
        """
        if removes:
            for removal in _removals.decode(removes):
                self._remove(removal.id)
        if adds:
            self._add_all(_adds.decode(adds))
        if texts:
            for text in _texts.decode(texts):
                if (node := self.nodes.get(text.id)) is not None:
                    node.text = (text.value or "")[:MAX_TEXT]
        if attributes:
            for change in _changes.decode(attributes):
                self._change(change)

    def _change(self, change: AttributeChange) -> None:
        if (node := self.nodes.get(change.id)) is not None:
            values = self.attributes_of(node)
            for name in change.attributes.keys() & values.keys():
                del values[name]
            values |= _reduced(change.attributes)

    def _link(self, tree: Node, parent: int) -> None:
        nodes = self.nodes
        tree.parent = parent
        stack = [tree]
        while stack:
            node = stack.pop()
            if node.type == ELEMENT:
                node.tag = node.tag.lower()
                self._shorten(node)
            if node.text is not None and len(node.text) > MAX_TEXT:
                node.text = node.text[:MAX_TEXT]
            nodes[node.id] = node
            self._values.pop(node.id, None)
            if node.children:
                if node.tag in _SKIPPED and not node.is_svg:
                    node.children = []
                    continue
                own = node.id
                for child in node.children:
                    child.parent = own
                stack += reversed(node.children)  # in the order of the document
        if len(nodes) > MAX_NODES:
            raise TooManyNodes

    def _shorten(self, node: Node) -> None:
        """Separates an element's attributes from the JSON around them, which is then free."""
        raw = node.raw
        size = memoryview(raw).nbytes
        if size <= len(b"{}"):
            node.raw = NOTHING
        elif size <= _LARGE_ATTRIBUTES_BYTES:
            node.raw = raw.copy()
        else:
            try:
                node.raw = msgspec.Raw(msgspec.json.encode(_reduced(_attributes.decode(raw))))
            except msgspec.MsgspecError:
                node.raw = NOTHING

    def _remove(self, node_id: int) -> None:
        node = self.nodes.get(node_id)
        if node is None:
            return
        self._unlink(node)
        stack = [node]
        while stack:
            node = stack.pop()
            self.nodes.pop(node.id, None)
            self._values.pop(node.id, None)
            stack += node.children

    def _unlink(self, node: Node) -> None:
        parent = self.nodes.get(node.parent)
        if parent is not None:
            parent.children = [child for child in parent.children if child is not node]

    def _add_all(self, adds: list[Add]) -> None:
        """Adds nodes; those that come before their parent or their sibling wait for it."""
        waiting = adds
        while waiting:
            later = [add for add in waiting if not self._is_added(add)]
            if len(later) == len(waiting):
                break
            waiting = later
        for add in waiting:
            self._is_added(add, at_end=True)

    def _is_added(self, add: Add, *, at_end: bool = False) -> bool:
        parent = self.nodes.get(add.parent_id)
        if parent is None or (parent.tag in _SKIPPED and not parent.is_svg):
            return parent is not None
        place = len(parent.children)
        if add.next_id is not None and not at_end:
            place = next((at for at, child in enumerate(parent.children) if child.id == add.next_id), -1)
            if place < 0:
                return False
        self._insert(add.node, parent, place)
        return True

    def _insert(self, node: Node, parent: Node, place: int) -> None:
        known = self.nodes.get(node.id)
        if known is not None:
            if self._is_inside(parent, known):
                return  # a node cannot be inside of itself
            if not node.children:
                node.children = known.children  # a moved node; its children are sent after it
            if self.nodes.get(known.parent) is parent and parent.children.index(known) < place:
                place -= 1
            self._unlink(known)
        if parent.tag == "iframe" and node.type == DOCUMENT:
            for child in parent.children[:]:
                self._remove(child.id)  # the frame's document before
            place = 0
        self._link(node, parent.id)
        parent.children.insert(place, node)

    def _is_inside(self, node: Node, other: Node) -> bool:
        at: Node | None = node
        while at is not None:
            if at is other:
                return True
            at = self.parent_of(at)
        return False


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
