"""Recorded nodes as rrweb serialises them: decoded once, for the index of the detectors and for the page's mirror.

Attributes stay JSON until they are asked for: a click looks at a few dozen of thousands of elements.
"""

from __future__ import annotations

from typing import Any

import msgspec

from services.audit.rrweb import NOTHING

DOCUMENT, ELEMENT, TEXT, CDATA = 0, 2, 3, 4
"""rrweb's NodeType (packages/types/src/index.ts)."""


class Node(msgspec.Struct, gc=False, eq=False):
    """A node. `parent` is the id of its parent; 0: none, or unknown. `traits` is set once they were asked for."""

    id: int = 0
    type: int = 0
    tag: str = msgspec.field(default="", name="tagName")
    raw: msgspec.Raw = msgspec.field(default=NOTHING, name="attributes")
    children: tuple[Node, ...] = msgspec.field(default=(), name="childNodes")
    text: str | None = msgspec.field(default=None, name="textContent")
    is_shadow: bool | None = msgspec.field(default=None, name="isShadow")
    is_svg: bool | None = msgspec.field(default=None, name="isSVG")
    root_id: int = msgspec.field(default=0, name="rootId")
    # Set by PageTree, never read from JSON.
    parent: int = msgspec.field(default=0, name="afterimage.parent")
    traits: Any = msgspec.field(default=None, name="afterimage.traits")


class Add(msgspec.Struct, gc=False):
    """An addition of a Mutation; `next_id` is the sibling after it. A `node` with children is a frame's document."""

    parent_id: int = msgspec.field(default=0, name="parentId")
    node: Node = msgspec.field(default_factory=Node)
    next_id: int | None = msgspec.field(default=None, name="nextId")


class Adds(msgspec.Struct, gc=False):
    """The decoded additions of a Mutation.

    Attributes:
        text: Their JSON.
        adds: The additions.
        has_contents: Whether a node among them has contents of its own, such as a frame's document.
        labels: Ids of the elements `label` among them.
    """

    text: bytes
    adds: list[Add]
    has_contents: bool = False
    labels: list[int] = []


_tree = msgspec.json.Decoder(Node)
_adds = msgspec.json.Decoder(list[Add] | None)
_add = msgspec.json.Decoder(Add)


def decode_tree(text: bytes) -> Node:
    """Returns the node of a full snapshot.

    Raises:
        msgspec.MsgspecError: It is not such a node.
        RecursionError: It is nested too deep.
    """
    return _tree.decode(text)


def decode_adds(text: bytes) -> list[Add]:
    """Returns the additions of a Mutation.

    Raises:
        msgspec.MsgspecError: They are not of rrweb's form.
        RecursionError: They are nested too deep.
    """
    return _adds.decode(text) or []


def decode_add(text: bytes) -> Add:
    """Returns one addition of a Mutation.

    Raises:
        msgspec.MsgspecError: It is not of rrweb's form.
    """
    return _add.decode(text)


def read_adds(text: bytes) -> Adds:
    """Returns the additions of a Mutation, with their labels and whether they have contents.

    Raises:
        As `decode_adds`.
    """
    adds = decode_adds(text)
    labels = [add.node.id for add in adds if add.node.tag == "label"]
    return Adds(text, adds, any(add.node.children for add in adds), labels)
