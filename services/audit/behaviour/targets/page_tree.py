"""The recorded DOM of one window: the elements and texts of its open page, with the documents of its frames.

A tree is built of a full snapshot and changed by mutations, in the order and by the rules of rrweb's Replayer. It is
tables of numbers, which compiled loops fill from the JSON (page_kernels). Attributes and texts stay JSON until they
are asked for: a click looks at a few dozen of thousands of elements.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    Table = npt.NDArray[np.int64]

MAX_NODES = 30_000
"""Maximum number of nodes of a page; the pages of the sample recordings have up to 6,000."""

MAX_TEXT = 400
"""Characters of a text node that are looked at: a name has at most 80."""

MAX_VALUE = 1_000
"""Characters kept of an attribute's value."""

LARGE_BYTES = 512 * 1024
"""Of a full snapshot with more JSON only the attributes that are read are kept: most of it is styles and pictures."""

SWEEP_BYTES = 1024 * 1024
"""JSON of mutations, in bytes, after which that of nodes that were removed or changed is dropped."""

_LARGE_ATTRIBUTES_BYTES = 1_024
"""Attributes with more JSON are reduced to those that are read when they are copied."""

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

MAX_CHILDREN = 4_096
"""Children of a node that are looked at."""

_MAX_CHANGES = 16
"""Changes of one element's attributes that are kept when they are copied; more are applied."""

_MAX_HOLDING = 64
"""Elements with a word among their attributes that are found at once."""

_FEWEST_NODES = 64

_attributes = msgspec.json.Decoder(dict[str, Any])
_string = msgspec.json.Decoder(str)

DOCUMENT, ELEMENT, TEXT, CDATA = 0, 2, 3, 4
"""rrweb's NodeType (packages/types/src/index.ts)."""


class Node(msgspec.Struct, gc=False, eq=False):
    """A node of the tree, as rrweb serialises it. Equal only to itself, until the tree changes.

    Attributes:
        row: Its row of the tree's table.
        id: rrweb's id.
        type: rrweb's type of node.
        tag: Tag of an element.
        text: Contents of a text node.
        is_shadow: Whether it is a child of a shadow root.
        is_svg: Whether it is part of a drawing.
    """

    row: int
    id: int
    type: int
    tag: str
    text: str | None
    is_shadow: bool
    is_svg: bool
    parent: int
    attributes: tuple[int, int]
    changes: tuple[int, int]


class UnreadablePage(Exception):  # noqa: N818 - names the state of the page
    """A snapshot or a mutation is not of rrweb's form."""


class TooManyNodes(Exception):  # noqa: N818 - names the state of the page
    """The page has more than MAX_NODES nodes."""


class PageTree:
    """The nodes of a page.

    Nodes that were removed keep their rows until there are many of them.
    """

    def __init__(self) -> None:
        from services.audit.behaviour.targets import page_kernels

        self._compiled: Any = page_kernels
        self._text = bytearray()
        self._size: Table = np.array([0, 0, 0, secrets.randbits(62)], np.int64)
        self._nodes, self._table, self._changes = self._tables(_FEWEST_NODES, _FEWEST_NODES)
        self._seen: dict[int, Node] = {}
        """The nodes that were asked for since the last change, by row."""
        self._values: dict[int, tuple[tuple[int, int], tuple[int, int], dict[str, str]]] = {}
        """Attributes that were asked for, by row, with the spans of their JSON."""
        self._sweep_at_nodes = MAX_NODES
        self._sweep_at_bytes = LARGE_BYTES

    def __len__(self) -> int:
        return int(self._size[self._compiled.S_NODES])

    @property
    def size_bytes(self) -> int:
        """Memory of the tables and of the text, in bytes."""
        return len(self._text) + self._nodes.nbytes + self._table.nbytes + self._changes.nbytes

    def _tables(self, nodes: int, changes: int) -> tuple[Table, Table, Table]:
        kernels = self._compiled
        places = 1 << (2 * nodes - 1).bit_length()
        return (
            np.empty((nodes, kernels.WIDTH), np.int64),
            np.zeros(places, np.int64),
            np.empty((changes, 4), np.int64),
        )

    # Changes

    def apply(self, text: bytes | bytearray, log: Sequence[tuple[int, int, int]]) -> None:
        """Applies snapshots and mutations, in their order.

        Changes of nodes that are not known are ignored, as the Replayer does.

        Args:
            text: Their JSON.
            log: The parts of the text, as (kind, start, end); kinds are those of page_kernels.

        Raises:
            UnreadablePage: A part is not of rrweb's form.
            TooManyNodes: The page has too many nodes now.
        """
        kernels = self._compiled
        before = len(self._text)
        self._text += text
        self._seen.clear()
        entries = np.array(log, np.int64).reshape(-1, 3)
        entries[:, 1:] += before
        at = 0
        while True:
            result, at = kernels.apply(
                np.frombuffer(self._text, np.uint8),
                np.frombuffer(self._text, np.uint64, len(self._text) // 8),
                entries,
                at,
                self._nodes,
                self._table,
                self._changes,
                self._size,
            )
            if result == kernels.OK:
                break
            if result == kernels.FULL_NODES:
                self._grow_nodes()
            elif result == kernels.FULL_CHANGES:
                self._changes = np.concatenate((self._changes, np.empty_like(self._changes)))
            else:
                raise UnreadablePage
        if len(self) > self._sweep_at_nodes or len(self._text) > self._sweep_at_bytes:
            self._sweep()

    def _grow_nodes(self) -> None:
        if len(self._nodes) > 4 * MAX_NODES:
            raise TooManyNodes
        nodes, table, _ = self._tables(2 * len(self._nodes), 1)
        nodes[: len(self._nodes)] = self._nodes
        self._compiled.enter_again(nodes, self._table, table, self._size)
        self._nodes, self._table = nodes, table

    def _sweep(self) -> None:
        """Drops nodes that are not in the page any more, and attributes that are not read."""
        kernels = self._compiled
        self._reduce()
        nodes, table, changes = self._tables(len(self._nodes), len(self._changes))
        text, size = np.empty(len(self._text), np.uint8), self._size.copy()
        length = kernels.compact(
            np.frombuffer(self._text, np.uint8), self._nodes, self._changes, self._size,
            np.empty(len(self._nodes), np.int64), text, nodes, table, changes, size,
        )  # fmt: skip
        self._size = size
        if len(self) > MAX_NODES:
            raise TooManyNodes
        self._nodes, self._table, self._changes = nodes, table, changes
        if len(nodes) > _FEWEST_NODES and 4 * len(self) < len(nodes):
            self._nodes, self._table, _ = self._tables(2 * len(self) + _FEWEST_NODES, 1)
            self._nodes[: len(self)] = nodes[: len(self)]
            kernels.enter_again(self._nodes, table, self._table, size)
        if 4 * size[kernels.S_CHANGES] < len(changes):
            self._changes = changes[: 2 * size[kernels.S_CHANGES] + _FEWEST_NODES].copy()
        self._text = bytearray(text[:length].data)
        self._seen.clear()
        self._values.clear()
        self._sweep_at_nodes = max(min(2 * len(self), MAX_NODES), len(self)) + 1_000
        self._sweep_at_bytes = 2 * length + SWEEP_BYTES

    def _reduce(self) -> None:
        """Replaces long and often changed attributes by those that are read."""
        k = self._compiled
        nodes = self._nodes[: len(self)]
        is_long = nodes[:, k.ATTRIBUTES_END] - nodes[:, k.ATTRIBUTES] > _LARGE_ATTRIBUTES_BYTES
        for row in np.flatnonzero(is_long | (nodes[:, k.CHANGES] > _MAX_CHANGES)).tolist():
            if not k.is_inside(self._nodes, row, int(self._size[k.S_ROOT]), MAX_DEPTH):
                continue
            kept = msgspec.json.encode(self.attributes_of(self._at(row)))
            start = len(self._text)
            self._text += kept
            nodes[row, k.ATTRIBUTES], nodes[row, k.ATTRIBUTES_END] = start, len(self._text)
            nodes[row, k.CHANGE] = nodes[row, k.LAST_CHANGE] = k.NONE
            nodes[row, k.CHANGES] = 0

    # Reading

    def get(self, node_id: int) -> Node | None:
        """Returns the node of an id, inside or outside of the page; None: unknown."""
        row = self._compiled.find(self._nodes, self._table, self._size, node_id)
        return self._at(row) if row >= 0 else None

    def parent_of(self, node: Node) -> Node | None:
        """Returns the node's parent: of a shadow root's children its host, of a frame's document the frame."""
        return self._at(node.parent) if node.parent >= 0 else None

    def has(self, node: Node) -> bool:
        """Returns whether a node is in the page; nodes inside of removed ones are not. So walks up from it end."""
        return bool(self._compiled.is_inside(self._nodes, node.row, int(self._size[self._compiled.S_ROOT]), MAX_DEPTH))

    def attributes_of(self, node: Node) -> dict[str, str]:
        """Returns an element's attributes, as far as they matter; boolean ones are ""."""
        known = self._values.get(node.row)
        if known is not None and known[0] == node.attributes and known[1] == node.changes:
            return known[2]
        found = _reduced(self._read(*node.attributes))
        at = node.changes[0]
        while at >= 0:
            start, end, at, _ = self._changes[at].tolist()
            changed = self._read(start, end)
            for name in changed.keys() & found.keys():
                del found[name]
            found |= _reduced(changed)
        self._values[node.row] = node.attributes, node.changes, found
        return found

    def children_of(self, node: Node) -> list[Node]:
        """Returns the node's children in their order, at most MAX_CHILDREN."""
        return [self._at(row) for row in self._children(node)]

    def elements_of(self, node: Node) -> list[Node]:
        """Returns the elements among the node's children."""
        return [child for child in self.children_of(node) if child.type == ELEMENT]

    def place_of(self, node: Node) -> int:
        """Returns the node's position among its siblings of the same tag, from 1; 0: it has no parent.

        Those in a shadow root and those beside it are counted apart.
        """
        if node.parent < 0:
            return 0
        return int(self._compiled.place(np.frombuffer(self._text, np.uint8), self._nodes, node.row))

    def elements_with(self, name: str, value: str) -> Iterator[Node]:
        """Yields the elements of the page with an attribute, in the order in which they were added, mostly."""
        if not value:
            return
        word = f'"{value}"'.encode()
        if len(value) > MAX_VALUE or msgspec.json.encode(value) != word or not value.isascii() or "/" in value:
            word = f'"{name}"'.encode()  # the value may be written in several ways
        out = np.empty(_MAX_HOLDING, np.int64)
        row, count = 0, _MAX_HOLDING
        while count == _MAX_HOLDING:
            count = self._compiled.holding(
                np.frombuffer(self._text, np.uint8), self._nodes, self._changes, self._size,
                np.frombuffer(bytearray(word), np.uint8), row, out,
            )  # fmt: skip
            for row in out[:count].tolist():
                node = self._at(row)
                is_wanted = node.type == ELEMENT and self.attributes_of(node).get(name) == value
                if is_wanted and self.has(node) and self.get(node.id) is node:
                    yield node
            row += 1

    def _children(self, node: Node) -> list[int]:
        out = np.empty(_FEWEST_NODES, np.int64)
        count = self._compiled.children(self._nodes, node.row, out)
        if count == len(out):
            out = np.empty(MAX_CHILDREN, np.int64)
            count = self._compiled.children(self._nodes, node.row, out)
        rows: list[int] = out[:count].tolist()
        return rows

    def _at(self, row: int) -> Node:
        node = self._seen.get(row)
        if node is None:
            (
                own, kind, flags, tag, tag_end, attributes, attributes_end, text, text_end, up,
                _, _, _, _, change, last_change, *_,
            ) = self._nodes[row].tolist()  # fmt: skip
            k = self._compiled
            node = self._seen[row] = Node(
                row,
                own,
                kind,
                _decoded(self._text, tag, tag_end) or "",
                _decoded(self._text, text, text_end),
                flags & k.SHADOW != 0,
                flags & k.SVG != 0,
                up,
                (attributes, attributes_end),
                (change, last_change),
            )
        return node

    def _read(self, start: int, end: int) -> dict[str, Any]:
        if start < 0:
            return {}
        try:
            return _attributes.decode(self._text[start:end])
        except msgspec.MsgspecError:
            return {}


def _decoded(text: bytearray, start: int, end: int) -> str | None:
    return None if start < 0 else _string.decode(text[start:end])


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
